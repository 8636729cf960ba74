"""Samples of the functions of neural networks: softmax, losses, linear layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Dtype, Sample, indices, of, tensor

X, X3 = tensor(3, 4, seed=1), tensor(2, 3, 2, seed=2)
F = tensor(3, 4, seed=3, layout="F")


def soft(x: Array, dim: int, *, dtype: Any = None) -> Array:
    if x.ndim == 0:
        return np.ones((), x.dtype)
    wide = x.astype(np.float64)
    e = np.exp(wide)
    return np.asarray(e / e.sum(dim, keepdims=True)).astype(dtype or x.dtype)


def log_soft(x: Array, dim: int, *, dtype: Any = None) -> Array:
    wide = x.astype(np.float64)
    made = wide - np.log(np.exp(wide).sum(dim, keepdims=True)) if x.ndim else np.zeros(())
    return np.asarray(made).astype(dtype or x.dtype)


SOFTMAX = [
    Sample(op, name, (x, *args), reference, kwargs)
    for op, reference in (("softmax", soft), ("log_softmax", log_soft))
    for name, x, args, kwargs in (
        ("last", X, (1,), {}),
        ("first", X, (0,), {}),
        ("negative", X3, (-1,), {}),
        ("middle", X3, (1,), {}),
        ("vector", tensor(5, seed=4), (0,), {}),
        ("0d", tensor(), (0,), {}),
        ("transposed", F, (1,), {}),
        ("empty", tensor(0, 3), (1,), {}),
        ("one", tensor(3, 1, seed=5), (1,), {}),
        ("named", X, (), {"dim": 1}),
        ("float32", tensor(2, 3, dtype="float32", seed=6), (1,), {}),
        ("float16", tensor(2, 3, dtype="float16", seed=7), (1,), {}),
        ("bfloat16", tensor(2, 3, dtype="bfloat16", seed=8), (1,), {}),
        ("dtype", tensor(2, 3, dtype="float32", seed=9), (1,), {"dtype": Dtype("float64")}),
    )
]
SOFTMAX += [
    Sample("softmax", "far", (of([[1000.0, 0.0], [-1000.0, 0.0]]), 1), lambda x, dim: np.array([[1.0, 0], [0, 1]])),
    Sample("log_softmax", "far", (of([[1000.0, 0.0]]), 1), lambda x, dim: np.array([[0.0, -1000.0]]), smooth=False),
    Sample("nn.functional.softmax", "named", (X,), lambda x, dim: soft(x, dim), {"dim": 1}),
    Sample("nn.functional.softmax", "last", (X,), lambda x, dim: soft(x, dim), {"dim": -1}),
    Sample("nn.functional.log_softmax", "named", (X,), lambda x, dim: log_soft(x, dim), {"dim": 0}),
    Sample("nn.functional.log_softmax", "last", (X,), lambda x, dim: log_soft(x, dim), {"dim": -1}),
    Sample("softmax", "int-dtype", (of([1, 2], "int64"), 0), soft, {"dtype": Dtype("float32")}, differentiable=False),
]


def reduced(losses: Array, reduction: str, share: float | None = None) -> Array:
    if reduction == "none":
        return losses
    total = np.asarray(losses.sum())
    return total if reduction == "sum" else total / (losses.size if share is None else share)


def squared(input: Array, target: Array, size_average: bool | None = None, reduce: bool | None = None,
            reduction: str = "mean", weight: Array | None = None) -> Array:  # fmt: skip
    reduction = old(size_average, reduce, reduction)
    losses = (input - target) ** 2
    return reduced(losses, reduction) if weight is None else reduced(losses * weight, reduction, weight.sum())


def old(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that torch's old flags ask for."""
    if size_average is None and reduce is None:
        return reduction
    return "none" if reduce is False else "sum" if size_average is False else "mean"


MSE = [
    Sample("nn.functional.mse_loss", name, args, squared, kwargs)
    for name, args, kwargs in (
        ("mean", (X, tensor(3, 4, seed=10)), {}),
        ("old-sum", (X, tensor(3, 4, seed=10), False), {}),
        ("old-none", (X, tensor(3, 4, seed=10)), {"reduce": False}),
        ("weight", (X, tensor(3, 4, seed=10)), {"weight": tensor(3, 4, seed=41, low=0.5, high=2.0)}),
        ("weight-none", (X, tensor(3, 4, seed=10), None, None, "none", tensor(3, 4, seed=42)), {}),
        ("sum", (X, tensor(3, 4, seed=10)), {"reduction": "sum"}),
        ("none", (X, tensor(3, 4, seed=10)), {"reduction": "none"}),
        ("transposed", (F, X), {}),
        ("0d", (tensor(), tensor(seed=1)), {}),
        ("empty-sum", (tensor(0), tensor(0)), {"reduction": "sum"}),
        ("float32", (tensor(3, dtype="float32"), tensor(3, dtype="float32", seed=1)), {}),
    )
]
CLASSES = indices([2, 0, 3])
IMAGE, LABELS = tensor(2, 3, 2, seed=11), indices([[2, 0], [1, 1]])
WEIGHT = tensor(4, low=0.2, high=2.0, seed=12, grad=False)


def picked(scores: Array, target: Array, weight: Array | None, ignore: int) -> tuple[Array, Array]:
    """The weighted losses of each target, and the weights."""
    axis = 0 if scores.ndim == 1 else 1
    by_class = np.moveaxis(scores, axis, -1).reshape(-1, scores.shape[axis])
    flat = target.reshape(-1)
    wide = np.ones(scores.shape[axis]) if weight is None else weight
    shares = np.array([0.0 if each == ignore else wide[each] for each in flat])
    losses = [0.0 if each == ignore else -row[each] * wide[each] for row, each in zip(by_class, flat, strict=True)]
    return np.array(losses).reshape(target.shape), shares.reshape(target.shape)


def likelihood(input: Array, target: Array, weight: Array | None = None, size_average: bool | None = None,
               ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean") -> Array:  # fmt: skip
    reduction = old(size_average, reduce, reduction)
    losses, shares = picked(input, target, weight, ignore_index)
    return reduced(losses, reduction, shares.sum()).astype(input.dtype)


NLL_CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("mean", (X, CLASSES), {}),
    ("sum", (X, CLASSES), {"reduction": "sum"}),
    ("none", (X, CLASSES), {"reduction": "none"}),
    ("weight", (X, CLASSES, WEIGHT), {}),
    ("weight-sum", (X, CLASSES), {"weight": WEIGHT, "reduction": "sum"}),
    ("ignored", (X, CLASSES), {"ignore_index": 0}),
    ("ignored-weight", (X, CLASSES, WEIGHT), {"ignore_index": 3}),
    ("ignored-none", (X, CLASSES), {"ignore_index": 2, "reduction": "none"}),
    ("one", (tensor(4, seed=13), indices(1)), {}),
    ("old-sum", (X, CLASSES, None, False), {}),
    ("old-none", (X, CLASSES), {"reduce": False}),
    ("image", (IMAGE, LABELS), {}),
    ("image-none", (IMAGE, LABELS), {"reduction": "none"}),
    ("transposed", (F, CLASSES), {}),
    ("float32", (tensor(3, 4, dtype="float32"), CLASSES), {}),
]
NLL = [Sample("nn.functional.nll_loss", name, args, likelihood, kwargs) for name, args, kwargs in NLL_CALLS]


def entropy(input: Array, target: Array, weight: Array | None = None, size_average: bool | None = None,
            ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
            label_smoothing: float = 0.0) -> Array:  # fmt: skip
    """cross_entropy of classes, or of probabilities."""
    axis = 0 if input.ndim == 1 else 1
    reduction = old(size_average, reduce, reduction)
    scores = log_soft(input, axis)
    if input.shape == target.shape:
        return of_probabilities(scores, target, weight, reduction, label_smoothing, axis)
    losses, shares = picked(scores, target, weight, ignore_index)
    if label_smoothing:
        shape = [1] * input.ndim
        shape[axis] = -1
        wide = scores if weight is None else scores * weight.reshape(shape)
        even = -wide.sum(axis) * (target != ignore_index)
        losses = losses * (1 - label_smoothing) + even * label_smoothing / input.shape[axis]
    return reduced(losses, reduction, shares.sum()).astype(input.dtype)


def of_probabilities(scores: Array, target: Array, weight: Any, reduction: str, smoothing: float, axis: int) -> Array:
    classes = scores.shape[axis]
    target = target * (1 - smoothing) + smoothing / classes
    shape = [1] * scores.ndim
    shape[axis] = -1
    losses = -(scores * target * (1 if weight is None else weight.reshape(shape))).sum(axis)
    return reduced(losses, reduction)


LIKELY = tensor(3, 4, low=0.05, high=0.9, seed=14)
CROSS = [
    *[Sample("nn.functional.cross_entropy", name, args, entropy, kwargs) for name, args, kwargs in NLL_CALLS],
    *[
        Sample("nn.functional.cross_entropy", name, args, entropy, kwargs)
        for name, args, kwargs in (
            ("smoothing", (X, CLASSES), {"label_smoothing": 0.2}),
            ("smoothing-sum", (X, CLASSES), {"label_smoothing": 0.2, "reduction": "sum"}),
            ("smoothing-none", (X, CLASSES), {"label_smoothing": 0.2, "reduction": "none"}),
            ("smoothing-ignored", (X, CLASSES), {"label_smoothing": 0.2, "ignore_index": 0}),
            ("smoothing-weight", (X, CLASSES, WEIGHT), {"label_smoothing": 0.2}),
            ("smoothing-image", (IMAGE, LABELS), {"label_smoothing": 0.1}),
            ("probabilities", (X, LIKELY), {}),
            ("probabilities-sum", (X, LIKELY), {"reduction": "sum"}),
            ("probabilities-none", (X, LIKELY), {"reduction": "none"}),
            ("probabilities-weight", (X, LIKELY, WEIGHT), {}),
            ("probabilities-smoothing", (X, LIKELY), {"label_smoothing": 0.3}),
            ("probabilities-image", (IMAGE, tensor(2, 3, 2, low=0.1, high=0.8, seed=15)), {}),
        )
    ],
]


def layer(input: Array, weight: Array, bias: Array | None = None) -> Array:
    out = ((input[..., None, :] if weight.ndim > 1 else input) * weight).sum(-1)
    return np.asarray(out if bias is None else out + bias)


MATRIX, BIAS = tensor(2, 4, seed=16), tensor(2, seed=17)
LINEAR = [
    Sample("nn.functional.linear", name, args, layer, kwargs)
    for name, args, kwargs in (
        ("plain", (X, MATRIX), {}),
        ("bias", (X, MATRIX, BIAS), {}),
        ("bias-named", (X, MATRIX), {"bias": BIAS}),
        ("vector", (tensor(4, seed=18), MATRIX), {}),
        ("vector-bias", (tensor(4, seed=18), MATRIX, BIAS), {}),
        ("batch", (tensor(2, 3, 4, seed=19), MATRIX), {}),
        ("batch-bias", (tensor(2, 3, 4, seed=19), MATRIX, BIAS), {}),
        ("transposed", (F, MATRIX, BIAS), {}),
        ("weight-vector", (X, tensor(4, seed=20)), {}),
        ("empty", (tensor(0, 4), MATRIX, BIAS), {}),
        ("float32", (tensor(3, 4, dtype="float32"), tensor(2, 4, dtype="float32", seed=1)), {}),
        ("complex", (tensor(2, 3, dtype="complex128"), tensor(2, 3, dtype="complex128", seed=1)), {}),
    )
]

SAMPLES = [*SOFTMAX, *MSE, *NLL, *CROSS, *LINEAR]
