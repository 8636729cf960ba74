"""What `benchmarks.engine` measures: each case as a program in PyTorch's names and as hand-written NumPy.

A program runs unchanged on the engine and on torch. Its NumPy twin computes the same values and gradients in
float32, written as somebody would who has derived the gradient on paper and wants it fast: in place or in
expressions whose temporaries NumPy reuses, nothing saved that the backward pass does not need, and nothing
computed ahead of the call.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Data = dict[str, np.ndarray]
Call = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """One comparison. `numpy` and `program` bind the data and return the call to be timed."""

    title: str
    ops: int  # recorded by one call's forward pass
    data: Callable[[np.random.Generator], Data]
    numpy: Callable[[Data], Call]
    program: Callable[[Any, Data], Call]
    target: float | None = None  # at most this many times NumPy
    below_torch: bool = False


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Normally distributed float32 numbers."""
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)


# --- tutorial: the first example of PyTorch's autograd tutorial, tensors made on the way ---


def tutorial_data(rng: np.random.Generator) -> Data:
    """The tutorial makes its own data."""
    return {}


def tutorial_numpy(data: Data) -> Call:
    """Each op and its derivative in turn."""

    def call() -> tuple[Any, ...]:
        x = np.ones((2, 2), np.float32)
        y = x + 2
        out = np.add.reduce(y * y * 3, axis=None) / 4
        grad_z = np.full((2, 2), 0.25, np.float32)
        return out, grad_z * 3 * y * 2

    return call


def tutorial_program(t: Any, data: Data) -> Call:
    """x + 2, y * y * 3, mean, backward."""

    def call() -> tuple[Any, ...]:
        x = t.ones(2, 2, requires_grad=True)
        y = x + 2
        z = y * y * 3
        out = z.mean()
        out.backward()
        return out, x.grad

    return call


# --- chain: many small ops, where only overhead counts ---

CHAIN_CYCLES = 250


def chain_data(rng: np.random.Generator) -> Data:
    """w is a half and b small, so that values and gradients stay in range through all the tanh."""
    return {"x": normal(rng, 8), "w": np.full(8, 0.5, np.float32), "b": normal(rng, 8, scale=1e-3)}


def chain_numpy(data: Data) -> Call:
    """tanh's result is all that the backward pass needs."""
    x, w, b = data["x"], data["w"], data["b"]

    def call() -> tuple[Any, ...]:
        h, saved = x, []
        for _ in range(CHAIN_CYCLES):
            h = np.tanh(h * w + b)
            saved.append(h)
            h = h * 2
        out = np.add.reduce(h)
        g = np.ones(8, np.float32)
        for h in reversed(saved):
            g = g * 2 * (1 - h * h) * w
        return out, g

    return call


def chain_program(t: Any, data: Data) -> Call:
    """250 times: mul by a tensor, add a tensor, tanh, mul by a number."""
    x, w, b = t.tensor(data["x"], requires_grad=True), t.tensor(data["w"]), t.tensor(data["b"])

    def call() -> tuple[Any, ...]:
        x.grad = None
        h = x
        for _ in range(CHAIN_CYCLES):
            h = h * w
            h = h + b
            h = t.tanh(h)
            h = h * 2
        out = h.sum()
        out.backward()
        return out, x.grad

    return call


# --- large: few ops on a million elements, where only memory traffic counts ---

LARGE_CYCLES = 5
LARGE_SIZE = 1_000_000


def large_data(rng: np.random.Generator) -> Data:
    """Factors around one; about half of the values pass each relu."""
    w = rng.uniform(0.5, 1, LARGE_SIZE).astype(np.float32)
    return {"x": normal(rng, LARGE_SIZE), "w": w, "b": normal(rng, LARGE_SIZE, scale=0.1)}


def large_numpy(data: Data) -> Call:
    """Where relu passed is all that the backward pass needs, a byte for each element."""
    x, w, b = data["x"], data["w"], data["b"]

    def call() -> tuple[Any, ...]:
        h, passed = x, []
        for _ in range(LARGE_CYCLES):
            h = np.maximum(h * w + b, 0)
            passed.append(h > 0)
            h *= 1.5
        out = np.add.reduce(h)
        g = np.ones(LARGE_SIZE, np.float32)
        while passed:  # popped, so that memory goes as early as it can
            g *= 1.5
            g *= passed.pop()
            g *= w
        return out, g

    return call


def large_program(t: Any, data: Data) -> Call:
    """Five times: mul by a tensor, add a tensor, relu, mul by a number."""
    x, w, b = t.tensor(data["x"], requires_grad=True), t.tensor(data["w"]), t.tensor(data["b"])

    def call() -> tuple[Any, ...]:
        x.grad = None
        h = x
        for _ in range(LARGE_CYCLES):
            h = h * w
            h = h + b
            h = t.relu(h)
            h = h * 1.5
        out = h.sum()
        out.backward()
        return out, x.grad

    return call


# --- mlp: a training step of 784-256-256-10 at batch 64, without the optimiser ---

LAYERS = (784, 256, 256, 10)
BATCH = 64


def mlp_data(rng: np.random.Generator) -> Data:
    """Weights in PyTorch's layout (out, in) with He's scale."""
    data: Data = {"x": normal(rng, BATCH, LAYERS[0]), "y": rng.integers(0, LAYERS[-1], BATCH)}
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(LAYERS), 1):
        data[f"w{i}"] = normal(rng, fan_out, fan_in, scale=(2 / fan_in) ** 0.5)
        data[f"b{i}"] = normal(rng, fan_out, scale=0.1)
    return data


def mlp_numpy(data: Data) -> Call:
    """In place wherever the old value is not needed again."""
    x, y = data["x"], data["y"]
    w1, b1, w2, b2, w3, b3 = (data[name] for name in ("w1", "b1", "w2", "b2", "w3", "b3"))

    def call() -> tuple[Any, ...]:
        h1 = x @ w1.T
        h1 += b1
        np.maximum(h1, 0, out=h1)
        h2 = h1 @ w2.T
        h2 += b2
        np.maximum(h2, 0, out=h2)
        z = h2 @ w3.T
        z += b3
        z -= z.max(axis=1, keepdims=True)
        rows = np.arange(BATCH)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        loss = (np.log(total).sum() - z[rows, y].sum()) / BATCH
        p /= total
        p[rows, y] -= 1
        p /= BATCH
        g2 = p @ w3
        g2 *= h2 > 0
        g1 = g2 @ w2
        g1 *= h1 > 0
        return loss, g1.T @ x, g1.sum(axis=0), g2.T @ h1, g2.sum(axis=0), p.T @ h2, p.sum(axis=0)

    return call


def mlp_program(t: Any, data: Data) -> Call:
    """linear, relu, linear, relu, linear, cross_entropy."""
    F = t.nn.functional
    x, y = t.tensor(data["x"]), t.tensor(data["y"])
    names = ("w1", "b1", "w2", "b2", "w3", "b3")
    params = [t.tensor(data[name], requires_grad=True) for name in names]
    w1, b1, w2, b2, w3, b3 = params

    def call() -> tuple[Any, ...]:
        for p in params:
            p.grad = None
        h = F.relu(F.linear(x, w1, b1))
        h = F.relu(F.linear(h, w2, b2))
        loss = F.cross_entropy(F.linear(h, w3, b3), y)
        loss.backward()
        return loss, *(p.grad for p in params)

    return call


# --- hvp: a Hessian-vector product and the gradient, by double backward ---

HVP_SIZE = 256


def hvp_data(rng: np.random.Generator) -> Data:
    """W with scale 1/16, so that tanh is used over its whole range."""
    n = HVP_SIZE
    return {"x": normal(rng, n), "v": normal(rng, n), "w": normal(rng, n, n, scale=n**-0.5)}


def hvp_numpy(data: Data) -> Call:
    """For f = sum(tanh(x W)²): ∇f = W (2 t s) and H v = W (2 s (s - 2t²) (v W)), where s = 1 - t²."""
    x, v, w = data["x"], data["v"], data["w"]

    def call() -> tuple[Any, ...]:
        t = np.tanh(x @ w)
        squares = t * t
        s2 = 2 * (1 - squares)
        return w @ (t * s2), w @ (s2 * (1 - 3 * squares) * (v @ w))

    return call


def hvp_program(t: Any, data: Data) -> Call:
    """grad with create_graph, then grad of that along v."""
    x, v, w = t.tensor(data["x"], requires_grad=True), t.tensor(data["v"]), t.tensor(data["w"])

    def call() -> tuple[Any, ...]:
        f = (t.tanh(x @ w) ** 2).sum()
        (g,) = t.autograd.grad(f, x, create_graph=True)
        (hv,) = t.autograd.grad(g, x, grad_outputs=v)
        return g, hv

    return call


# --- depth: a graph 100,000 ops deep ---

DEPTH_CYCLES = 25_000


def depth_data(rng: np.random.Generator) -> Data:
    """w undoes the number it meets (1.25 · 0.8), so that nothing grows or vanishes."""
    return {"x": normal(rng, 8), "w": np.full(8, 1.25, np.float32), "b": normal(rng, 8, scale=1e-3)}


def depth_numpy(data: Data) -> Call:
    """All linear: nothing is saved, and adding needs no backward pass at all."""
    x, w, b = data["x"], data["w"], data["b"]

    def call() -> tuple[Any, ...]:
        h = x
        for _ in range(DEPTH_CYCLES):
            h = (h * w + b) * 0.8 - b
        out = np.add.reduce(h)
        g = np.ones(8, np.float32)
        for _ in range(DEPTH_CYCLES):
            g = g * 0.8 * w
        return out, g

    return call


def depth_program(t: Any, data: Data) -> Call:
    """25,000 times: mul by a tensor, add a tensor, mul by a number, sub a tensor."""
    x, w, b = t.tensor(data["x"], requires_grad=True), t.tensor(data["w"]), t.tensor(data["b"])

    def call() -> tuple[Any, ...]:
        x.grad = None
        h = x
        for _ in range(DEPTH_CYCLES):
            h = h * w
            h = h + b
            h = h * 0.8
            h = h - b
        out = h.sum()
        out.backward()
        return out, x.grad

    return call


CASES: dict[str, Case] = {
    "tutorial": Case(
        "x+2, y*y*3, mean, backward on 2 by 2",
        *(4, tutorial_data, tutorial_numpy, tutorial_program),
        target=5.0,
        below_torch=True,
    ),
    "chain": Case(
        "1,000 ops on 8 elements: 250 × (mul tensor, add tensor, tanh, mul number)",
        *(4 * CHAIN_CYCLES + 1, chain_data, chain_numpy, chain_program),
        target=5.0,
        below_torch=True,
    ),
    "large": Case(
        "20 ops on 1e6 elements: 5 × (mul tensor, add tensor, relu, mul number)",
        *(4 * LARGE_CYCLES + 1, large_data, large_numpy, large_program),
        target=1.5,
    ),
    "mlp": Case(
        "784-256-256-10, batch 64, relu, cross_entropy: loss and six gradients",
        *(6, mlp_data, mlp_numpy, mlp_program),
        target=1.3,
    ),
    "hvp": Case(
        "gradient and Hessian-vector product of sum(tanh(x@W)**2), n = 256, by double backward",
        *(4, hvp_data, hvp_numpy, hvp_program),
    ),
    "depth": Case(
        "100,000 ops deep on 8 elements: 25,000 × (mul tensor, add tensor, mul number, sub tensor)",
        *(4 * DEPTH_CYCLES + 1, depth_data, depth_numpy, depth_program),
    ),
}
