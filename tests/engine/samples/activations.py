"""Samples of the activations of neural networks, beside softmax and relu."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special

from tests.engine.samples.base import Array, In, Reference, Sample, of, tensor
from tests.engine.samples.unary import Function, samples_of, wide

F = "nn.functional"
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
WIDE: dict[str, Any] = {"low": -4.1, "high": 4.3, "complex": False, "integers": None, "bools": None}


def logistic(x: Any) -> Any:
    return special.expit(x)


def gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        return x * special.ndtr(x)
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    return np.where(x * beta > threshold, x, np.log1p(np.exp(np.minimum(x * beta, threshold))) / beta)


def elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def celu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    return np.where(x > 0, x, x * negative_slope)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return np.clip(x, min_val, max_val).astype(x.dtype)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    return np.where(np.abs(x) <= lambd, 0, x)


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)


def threshold(x: Any, threshold: float, value: float) -> Any:
    return np.where(x > threshold, x, np.asarray(value).astype(x.dtype))


PLAIN: list[tuple[str, Reference]] = [
    ("elu", elu),
    ("selu", lambda x: SCALE * elu(x, ALPHA)),
    ("celu", celu),
    ("gelu", gelu),
    ("silu", lambda x: x * logistic(x)),
    ("mish", lambda x: x * np.tanh(softplus(x))),
    ("softplus", softplus),
    ("logsigmoid", lambda x: np.log(logistic(x))),
    ("leaky_relu", leaky_relu),
    ("hardtanh", hardtanh),
    ("relu6", lambda x: hardtanh(x, 0.0, 6.0)),
    ("hardsigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    ("hardswish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    ("hardshrink", hardshrink),
    ("softshrink", softshrink),
    ("softsign", lambda x: x / (1 + np.abs(x))),
    ("tanhshrink", lambda x: x - np.tanh(x)),
]
UNARY = [sample for name, reference in PLAIN for sample in samples_of(Function(f"{F}.{name}", wide(reference), **WIDE))]
X = tensor(2, 3, low=-4.1, high=4.3, seed=1)


def row(op: str, name: str, args: tuple[Any, ...], reference: Reference, **options: Any) -> Sample:
    return Sample(f"{F}.{op}", name, args, reference, **options)


GIVEN = [
    row("elu", "alpha", (X, 0.7), elu),
    row("celu", "alpha", (X,), celu, kwargs={"alpha": 2.0}),
    row("gelu", "tanh", (X,), gelu, kwargs={"approximate": "tanh"}),
    row("gelu", "far", (of([-9.0, 9.0, -30.0, 30.0]),), gelu),
    row("softplus", "beta", (X, 2.5), softplus),
    row("softplus", "threshold", (X, 1.5, 2.2), softplus),
    row("softplus", "far", (of([-800.0, 800.0, 15.0]),), softplus),
    row("logsigmoid", "far", (of([-800.0, 800.0]),), lambda x: np.minimum(x, 0)),
    row(
        "silu",
        "complex",
        (tensor(3, dtype="complex128", seed=2, grad=False),),
        lambda x: x / (1 + np.exp(-x)),
        differentiable=False,
    ),
    row("relu", "plain", (X,), lambda x: np.maximum(x, 0)),
    row("leaky_relu", "slope", (X, 0.3), leaky_relu),
    row("leaky_relu", "negative-slope", (X, -0.2), leaky_relu),
    row("hardtanh", "limits", (X, -0.75, 2.2), hardtanh),
    row("hardtanh", "int64", (of([-3, 0, 7], "int64"), -2, 5), hardtanh, differentiable=False),
    row("relu6", "int64", (of([-3, 2, 9], "int64"),), lambda x: np.clip(x, 0, 6), differentiable=False),
    row("hardshrink", "lambd", (X, 1.3), hardshrink),
    row("softshrink", "lambd", (X, 1.3), softshrink),
    row(
        "softsign", "int64", (of([-3, 0, 4], "int64"),), lambda x: (x / (1 + abs(x))).astype("f4"), differentiable=False
    ),
    row("threshold", "plain", (X, 0.15, -7.5), threshold),
    row("threshold", "float32", (tensor(4, dtype="float32"), 0.1, 20.0), threshold),
    row("threshold", "0d", (tensor(), 0.1, 2.0), threshold),
    row("threshold", "int64", (of([-3, 2, 9], "int64"), 2, 5), threshold, differentiable=False),
    row("threshold", "at", (of([1.0, 2.0]), 1.0, 5.0), threshold, smooth=False),
]


def glu(x: Array, dim: int = -1) -> Any:
    first, gate = np.split(x, 2, axis=dim)
    return first * logistic(gate)


def softmin(x: Array, dim: int) -> Any:
    e = np.exp(-x - (-x).max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


def normalize(x: Array, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    size = (np.abs(x) ** p).sum(axis=dim, keepdims=True) ** (1 / p)
    return x / np.maximum(size, eps)


def prelu(x: Array, weight: Array) -> Any:
    if weight.size > 1:
        weight = weight.reshape((1, -1) + (1,) * (x.ndim - 2))
    return np.where(x > 0, x, x * weight)


ALONG = [
    row("glu", "last", (tensor(3, 4, seed=1),), glu),
    row("glu", "first", (tensor(4, 3, seed=2), 0), glu),
    row("glu", "middle", (tensor(2, 6, 3, seed=3), 1), glu),
    row("glu", "transposed", (tensor(4, 6, seed=4, layout="F"), -2), glu),
    row("glu", "empty", (tensor(0, 4),), glu),
    row("glu", "float32", (tensor(4, dtype="float32"),), glu),
    row("softmin", "last", (X, -1), softmin),
    row("softmin", "first", (tensor(3, 2, 2, seed=5), 0), softmin),
    row("normalize", "plain", (tensor(3, 4, seed=6),), normalize),
    row("normalize", "p", (tensor(3, 4, seed=7), 3.0, 0), normalize),
    row("normalize", "3d", (tensor(2, 3, 4, seed=8),), normalize, kwargs={"p": 1.0, "dim": -1}),
    row("normalize", "eps", (tensor(3, 4, seed=9),), normalize, kwargs={"eps": 100.0}),
    row("normalize", "complex", (tensor(2, 3, dtype="complex128", seed=1),), normalize),
    row("normalize", "float32", (tensor(2, 3, dtype="float32"),), normalize),
    row("prelu", "one", (tensor(3, 4, seed=1), of([0.3])), prelu),
    row("prelu", "channels", (tensor(2, 3, 4, seed=2), of([0.3, -0.2, 0.1])), prelu),
    row("prelu", "1d", (tensor(5, seed=3), of([0.25])), prelu),
    row("prelu", "0d", (tensor(seed=4), of(0.25)), prelu),
    row("prelu", "float32", (tensor(2, 2, dtype="float32"), of([0.5, 0.25], "float32")), prelu),
]


def in_place(name: str) -> Callable[..., Any]:
    """A function that writes into a copy of its first argument."""

    def call(module: Any, x: Any, *args: Any) -> Any:
        copied = x.clone()
        assert getattr(module.nn.functional, name)(copied, *args) is copied
        return copied

    return call


def switched(name: str) -> Callable[..., Any]:
    """Likewise, by `inplace=True`."""

    def call(module: Any, x: Any, *args: Any) -> Any:
        copied = x.clone()
        assert getattr(module.nn.functional, name)(copied, *args, inplace=True) is copied
        return copied

    return call


ONLY: dict[str, tuple[Reference, tuple[Any, ...]]] = {
    "elu_": (elu, (0.7,)),
    "selu_": (lambda x: SCALE * elu(x, ALPHA), ()),
    "celu_": (celu, (2.0,)),
    "relu_": (lambda x: np.maximum(x, 0), ()),
    "leaky_relu_": (leaky_relu, (0.3,)),
    "hardtanh_": (hardtanh, (-0.75, 2.2)),
    "threshold_": (threshold, (0.15, -7.5)),
}
INPUTS: dict[str, In] = {"2d": X, "0d": tensor(low=-0.9, high=-0.6)}
IN_PLACE = [
    row(name, kind, (x, *args), reference, call=in_place(name))
    for name, (reference, args) in ONLY.items()
    for kind, x in INPUTS.items()
] + [
    row(name, "inplace", (X, *ONLY.get(f"{name}_", (None, ()))[1]), reference, call=switched(name))
    for name, reference in [
        *[(name[:-1], reference) for name, (reference, _) in ONLY.items()],
        *[each for each in PLAIN if each[0] in ("silu", "mish", "relu6", "hardsigmoid", "hardswish")],
    ]
]
# torch has no second derivative of hardsigmoid
SAMPLES = [
    replace(each, torch=False) if each.op == f"{F}.hardsigmoid" else each
    for each in [*UNARY, *GIVEN, *ALONG, *IN_PLACE]
]
