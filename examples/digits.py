"""A network that reads handwritten digits, trained over HTTP: one request a training step.

    pip install '.[examples]'
    python -m app --port 8000 &
    python examples/digits.py [http://127.0.0.1:8000] [--picture digits.png] [--compare]

scikit-learn's 1,797 digits of 8 x 8 pixels, a perceptron with one hidden layer, Adam. Parameters, graph and optimizer
live in a session of the server; each request carries a batch and brings back its loss. `--compare` trains the same
model in PyTorch, where that is installed, and tells how far the two curves are apart.
"""

import argparse
import base64
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import numpy as np

PIXELS, HIDDEN = 64, 128
TEST_PART = 5  # one picture in so many is kept for the test
BATCH = 64


@dataclass
class Data:
    """Pictures as rows of pixels from 0 to 1, with their labels."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes: int


def shuffled(count: int, rng: random.Random) -> list[int]:
    """The numbers below `count` in random order."""
    return sorted(range(count), key=lambda _: rng.random())


def split(pictures: np.ndarray, labels: np.ndarray, dtype: str) -> Data:
    """Pictures to train with and others to test with, in a fixed random order."""
    order = shuffled(len(labels), random.Random(0))
    pictures, labels = pictures[order].astype(dtype), labels[order].astype("int64")
    kept = len(labels) // TEST_PART
    return Data((pictures[kept:], labels[kept:]), (pictures[:kept], labels[:kept]), int(labels.max()) + 1)


def digits(dtype: str) -> Data:
    """The digits that come with scikit-learn."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return split(found.data / 16, found.target, dtype)


def waves(dtype: str) -> Data:
    """Made by a formula, where there is no scikit-learn: stripes in four directions, with noise."""
    count = 400
    number, pixel = np.arange(count)[:, None], np.arange(PIXELS)
    labels = np.arange(count) % 4
    row, column = np.divmod(pixel, 8)
    along = np.stack([row, column, row + column, row - column])[labels]
    noise = (number * 2654435761 + (number + 1) * (pixel + 1) * 40503) % 2**32 / 2**32
    return split(0.35 + 0.25 * np.cos(along * (math.pi / 2) + number % 7) + 0.4 * noise, labels, dtype)


DATA = {"digits": digits, "waves": waves}


def initial_parameters(classes: int, dtype: str) -> dict[str, np.ndarray]:
    """As `torch.nn.Linear` begins: uniform within one over the root of the number of inputs."""
    rng = random.Random(1)
    made = {}
    for layer, (inputs, outputs) in enumerate([(PIXELS, HIDDEN), (HIDDEN, classes)], start=1):
        bound = 1 / math.sqrt(inputs)
        for name, shape in ((f"w{layer}", (outputs, inputs)), (f"b{layer}", (outputs,))):
            values = [rng.uniform(-bound, bound) for _ in range(math.prod(shape))]
            made[name] = np.array(values, dtype).reshape(shape)
    return made


def batches(data: Data, epochs: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All training pictures, in another order each epoch."""
    pictures, labels = data.train
    rng = random.Random(2)
    for _ in range(epochs):
        order = shuffled(len(labels), rng)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            yield pictures[chosen], labels[chosen]


# -- over HTTP --------------------------------------------------------------------------------------------------------


def literal(array: np.ndarray) -> dict:
    """A tensor literal: the bytes of an array as text."""
    return {"b64": base64.b64encode(array.tobytes()).decode(), "shape": list(array.shape), "dtype": array.dtype.name}


class Network:
    """The model in a session of the server."""

    def __init__(self, base: str, parameters: dict[str, np.ndarray], lr: float) -> None:
        self.http = httpx.Client(base_url=base, timeout=60)
        self.path = f"/v1/sessions/{self.request('POST', '/v1/sessions', {})['id']}"
        for name, values in parameters.items():
            self.request("PUT", f"{self.path}/tensors/{name}", {"data": literal(values), "requires_grad": True})
        optimizer = {"name": "adam", "type": "Adam", "params": list(parameters), "lr": lr}
        self.request("POST", f"{self.path}/optimizers", optimizer)

    def request(self, method: str, path: str, body: dict | None = None) -> dict:
        """Send JSON, receive JSON; a refusal is raised with the server's explanation."""
        response = self.http.request(method, path, json=body)
        if response.is_error:
            raise RuntimeError(response.json()["detail"])
        return response.json() if response.content else {}

    def forward(self, pictures: np.ndarray) -> list[dict]:
        """The steps from pictures to the scores of the classes."""
        return [
            {"op": "nn.functional.linear", "args": [literal(pictures), "w1", "b1"], "out": "hidden"},
            {"op": "relu", "args": ["hidden"], "out": "hidden"},
            {"op": "nn.functional.linear", "args": ["hidden", "w2", "b2"], "out": "scores"},
        ]

    def train(self, pictures: np.ndarray, labels: np.ndarray) -> float:
        """A training step, which is one request; the loss before it."""
        steps = [
            *self.forward(pictures),
            {"op": "nn.functional.cross_entropy", "args": ["scores", labels.tolist()], "out": "loss"},
            {"op": "backward", "tensors": "loss"},
            {"op": "optim.step", "optimizer": "adam"},
            {"op": "optim.zero_grad", "optimizer": "adam"},
        ]
        answer = self.request("POST", f"{self.path}/run", {"steps": steps, "return": ["loss"]})
        return answer["tensors"]["loss"]["data"]

    def accuracy(self, pictures: np.ndarray, labels: np.ndarray) -> float:
        """The part of the pictures that are read rightly."""
        steps = [*self.forward(pictures), {"op": "argmax", "args": ["scores", 1], "out": "read"}]
        answer = self.request("POST", f"{self.path}/run", {"steps": steps, "return": ["read"], "no_grad": True})
        return float(np.mean(np.array(answer["tensors"]["read"]["data"]) == labels))

    def close(self) -> None:
        """Free the session."""
        self.request("DELETE", self.path)
        self.http.close()


def in_pytorch(data: Data, parameters: dict[str, np.ndarray], epochs: int, lr: float) -> list[float]:
    """The losses of the same training in PyTorch."""
    import torch
    from torch.nn import functional

    w1, b1, w2, b2 = (torch.from_numpy(each.copy()).requires_grad_() for each in parameters.values())
    optimizer = torch.optim.Adam([w1, b1, w2, b2], lr=lr)
    losses = []
    for pictures, labels in batches(data, epochs):
        hidden = functional.relu(functional.linear(torch.from_numpy(pictures), w1, b1))
        loss = functional.cross_entropy(functional.linear(hidden, w2, b2), torch.from_numpy(labels))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


# -- what a person sees -----------------------------------------------------------------------------------------------


def progress(work: list, quiet: bool):
    """The work with a progress bar, unless nobody wants to see it."""
    if quiet:
        return work
    from tqdm import tqdm

    return tqdm(work, unit="step", desc="training")


def draw(path: str, losses: list[float], per_epoch: int, title: str) -> None:
    """Save the curve: the loss of each step, and its mean over each epoch."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    means = np.reshape(losses, (-1, per_epoch)).mean(1)
    axes.semilogy(losses, color="tab:blue", alpha=0.35, linewidth=0.8, label="each step")
    middles = (np.arange(len(means)) + 0.5) * per_epoch
    axes.semilogy(middles, means, color="tab:blue", marker="o", markersize=3, label="mean of the epoch")
    axes.set(xlabel="training step (one request)", ylabel="cross entropy", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", nargs="?", default="http://127.0.0.1:8000", help="where the server listens")
    parser.add_argument("--data", choices=DATA, default="digits", help="waves needs no scikit-learn")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--picture", metavar="FILE", help="save the loss curve, by matplotlib")
    parser.add_argument("--losses", metavar="FILE", help="save the losses as JSON")
    parser.add_argument("--compare", action="store_true", help="train the same model in PyTorch")
    parser.add_argument("--quiet", action="store_true", help="no progress bar, which needs tqdm")
    return parser.parse_args()


def main() -> None:
    """Train, test, and show."""
    asked = options()
    data = DATA[asked.data](asked.dtype)
    parameters = initial_parameters(data.classes, asked.dtype)
    work = list(batches(data, asked.epochs))
    network = Network(asked.base, parameters, asked.lr)
    losses = []
    bar = progress(work, asked.quiet)
    for pictures, labels in bar:
        losses.append(network.train(pictures, labels))
        if not asked.quiet:
            bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
    accuracy = network.accuracy(*data.test)
    network.close()
    print(f"{len(losses)} requests, loss {losses[0]:.4f} -> {losses[-1]:.4f}, test accuracy {accuracy:.2%}")
    if asked.losses:
        with open(asked.losses, "w", encoding="utf-8") as file:
            json.dump(losses, file)
    if asked.picture:
        draw(asked.picture, losses, len(work) // asked.epochs, f"{asked.data}: test accuracy {accuracy:.1%}")
        print(f"the curve is in {asked.picture}")
    if asked.compare:
        apart = np.abs(np.subtract(losses, in_pytorch(data, parameters, asked.epochs, asked.lr)))
        print(f"largest difference from PyTorch's curve: {apart.max():.1e}")


if __name__ == "__main__":
    main()
