"""What a step of an optimizer costs beside PyTorch's, for small, middling and large parameters.

python -m benchmarks.optimizers [--rounds N]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import engine
from benchmarks._timing import measure

SHAPES: dict[str, list[tuple[int, ...]]] = {
    "four of 4": [(4,)] * 4,
    "an MLP": [(256, 784), (256,), (10, 256), (10,)],
    "one of 1,000,000": [(1000, 1000)],
}
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {}),
    "SGD with momentum": ("SGD", {"momentum": 0.9}),
    "Adam": ("Adam", {}),
    "RMSprop": ("RMSprop", {}),
    "Adagrad": ("Adagrad", {}),
}


def step_of(torch: Any, optimizer: str, options: dict[str, Any], shapes: list[tuple[int, ...]]) -> Callable[[], object]:
    """A step on parameters with gradients, after the first one, which makes the state."""
    params = [torch.ones(*shape, requires_grad=True) for shape in shapes]
    for each in params:
        each.grad = torch.ones(*each.shape)
    made = getattr(torch.optim, optimizer)(params, lr=1e-6, **options)
    made.step()
    step: Callable[[], object] = made.step
    return step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    try:
        import torch

        torch.set_num_threads(1)
    except ImportError:
        torch = None
    for size, shapes in SHAPES.items():
        for name, (optimizer, options) in OPTIONS.items():
            libraries = {"engine": engine, **({"torch": torch} if torch is not None else {})}
            calls = {key: step_of(each, optimizer, options, shapes) for key, each in libraries.items()}
            samples = measure(calls, rounds)
            ours = samples["engine"]
            beside = f", {ours.ratio_to(samples['torch']):.2f} times PyTorch's" if "torch" in samples else ""
            print(f"{size:18} {name:18} {ours.best * 1e6:9.1f} us{beside}")


if __name__ == "__main__":
    main()
