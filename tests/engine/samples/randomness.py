"""Samples of what draws random numbers, by form alone, and of further factories and window functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.signal import windows as scipy_windows

from tests.engine.samples.base import Array, Dtype, In, Sample, of, tensor

X, P = tensor(2, 3, 4, seed=1), tensor(2, 3, low=0.1, high=0.9, seed=2)
NO_GRAD: dict[str, Any] = {"differentiable": False}
RUNNING = [1.0, -2.0, 3.0]


def same(x: Array, *_: Any, **__: Any) -> Array:
    return x


def drawn(op: str, name: str, *args: Any, form: Callable[..., Any] = same, **kwargs: Any) -> Sample:
    """Random numbers in the form that `form` gives; each call's gradient is its own."""
    return Sample(op, name, args, form, kwargs, drawn=True, differentiable=None)


# -- dropout ----------------------------------------------------------------------------------------------------------

KINDS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
DROPOUT = [
    sample
    for kind in KINDS
    for op in (f"nn.functional.{kind}",)
    for sample in (
        drawn(op, "drawn", X, 0.4, True),
        drawn(op, "float32", tensor(2, 3, 4, dtype="float32"), training=True),
        Sample(op, "evaluation", (X, 0.4, False), same),
        Sample(op, "none", (X, 0.0, True), same),
        Sample(op, "all", (X, 1.0, True), lambda x, *_: np.zeros_like(x)),
        Sample(op, "empty", (tensor(0, 3, 4), 0.5, True), same),
    )
]


def in_place(module: Any, x: Any, *args: Any) -> Any:
    """torch has no method of this name."""
    return module.dropout_(x.clone(), *args)


DROPOUT += [
    drawn("dropout", "drawn", X, 0.4, True),
    Sample("dropout", "all", (X, 1.0, True), lambda x, *_: np.zeros_like(x)),
    Sample("dropout_", "drawn", (X, 0.4, True), same, drawn=True, call=in_place, differentiable=None),
    Sample("dropout_", "all", (X, 1.0, True), lambda x, *_: np.zeros_like(x), call=in_place),
]


# -- in place ---------------------------------------------------------------------------------------------------------

HALF, LONG = tensor(3, dtype="float16"), tensor(2, 3, dtype="int64")
IN_PLACE = [
    drawn(op, name, x, *args, **kwargs)
    for op, calls in {
        "normal_": [((), {}), ((1.0, 2.0), {}), ((), {"std": 0.5})],
        "uniform_": [((), {}), ((-1.0, 1.0), {}), ((), {"to": 3.0})],
        "exponential_": [((), {}), ((2.0,), {}), ((), {"lambd": 0.5})],
        "geometric_": [((0.5,), {}), ((), {"p": 0.2})],
        "cauchy_": [((), {}), ((1.0, 2.0), {})],
        "log_normal_": [((), {}), ((0.0, 0.5), {})],
        "bernoulli_": [((), {}), ((0.3,), {})],
        "random_": [((), {}), ((7,), {}), ((2, 9), {})],
    }.items()
    for nr, (args, kwargs) in enumerate(calls)
    for name, x in ((f"double-{nr}", tensor(2, 3)), (f"float32-{nr}", tensor(4, dtype="float32")))
]
IN_PLACE += [
    drawn("bernoulli_", "tensor", tensor(2, 3), In(P.array, False)),
    drawn("bernoulli_", "int64", LONG, 0.5),
    drawn("geometric_", "int64", LONG, 0.5),
    drawn("random_", "int64", LONG, 9),
    drawn("random_", "bool", tensor(3, dtype="bool")),
    drawn("normal_", "half", HALF),
    drawn("normal_", "complex", tensor(3, dtype="complex128")),
    drawn("uniform_", "empty", tensor(0, 2)),
]


# -- by tensors -------------------------------------------------------------------------------------------------------


def broadcast(mean: Any, std: Any = 1.0) -> Array:
    made = np.broadcast_arrays(mean, std)[0]
    return made.astype((mean if isinstance(mean, np.ndarray) else std).dtype)


def of_size(mean: float, std: float, size: Any, dtype: Any = np.float32) -> Array:
    return np.zeros(size, dtype)


BY_TENSORS = [
    drawn("bernoulli", "drawn", P),
    drawn("bernoulli", "float32", tensor(4, low=0.1, high=0.8, dtype="float32")),
    drawn("bernoulli", "number", X, 0.3),
    Sample("bernoulli", "sure", (of([1.0, 0.0, 1.0], grad=False),), same, **NO_GRAD),
    drawn("normal", "tensors", X, tensor(4, low=0.1, high=2.0, seed=3), form=broadcast),
    drawn("normal", "mean", X, 2.0, form=broadcast),
    drawn("normal", "std", 1.5, P, form=broadcast),
    drawn("normal", "size", 0.0, 1.0, (2, 3), form=of_size),
    drawn("normal", "size-dtype", 0.0, 1.0, (2,), form=of_size, dtype=Dtype("float64")),
    drawn("poisson", "drawn", P),
    drawn("poisson", "large", tensor(3, low=5.0, high=90.0, dtype="float32")),
    Sample("poisson", "zero", (of([0.0, 0.0], grad=False),), same, **NO_GRAD),
]


# -- indices ----------------------------------------------------------------------------------------------------------


def counted(x: Array, count: int, *_: Any) -> Array:
    return np.zeros((*x.shape[:-1], count), np.int64)


def liked(x: Array, *_: Any, dtype: Any = None, **__: Any) -> Array:
    return np.zeros(x.shape, dtype or x.dtype)


INDICES = [
    drawn("multinomial", "one", P, 1, form=counted),
    drawn("multinomial", "without", P, 3, form=counted),
    drawn("multinomial", "with", P, 7, True, form=counted),
    drawn("multinomial", "vector", tensor(4, low=0.1, high=1.0, dtype="float32"), 2, form=counted),
    Sample("multinomial", "sure", (of([0.0, 2.0, 0.0], grad=False), 4, True), lambda *_: np.full(4, 1), **NO_GRAD),
    drawn("randperm", "drawn", 6, form=lambda n: np.arange(n)),
    drawn("randperm", "float32", 6, form=lambda n, dtype: np.arange(n, dtype=dtype), dtype=Dtype("float32")),
    Sample("randperm", "empty", (0,), lambda n: np.zeros(0, np.int64), **NO_GRAD),
    drawn("randint_like", "below", LONG, 5, form=liked),
    drawn("randint_like", "between", X, -3, 4, form=liked),
    drawn("randint_like", "dtype", X, 5, form=liked, dtype=Dtype("int32")),
    Sample("randint_like", "sure", (LONG, 3, 4), lambda x, *_: np.full_like(x, 3), **NO_GRAD),
]
INDICES = [Sample(s.op, s.name, s.args, s.reference, s.kwargs, drawn=s.drawn, **NO_GRAD) for s in INDICES]


# -- factories --------------------------------------------------------------------------------------------------------


def powers(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = np.float32, **_: Any) -> Array:
    made = np.logspace(start, end, steps, base=base)
    return made.astype(dtype)


def filled(size: Any, *_: Any, dtype: Any = np.float32, **__: Any) -> Array:
    return np.zeros(size, dtype)


FACTORIES = [
    *[
        Sample("logspace", name, args, powers, kwargs, **NO_GRAD)
        for name, args, kwargs in (
            ("plain", (0, 2, 3), {}),
            ("base", (0.5, 3.0, 6, 2.0), {"dtype": Dtype("float64")}),
            ("one", (1, 5, 1), {}),
            ("none", (1, 5, 0), {}),
            ("int64", (0, 3, 4, 2), {"dtype": Dtype("int64")}),
            ("requires-grad", (0, 1, 3), {"requires_grad": True}),
        )
    ],
    Sample("scalar_tensor", "float", (2.5,), lambda s: np.float32(s), **NO_GRAD),
    Sample("scalar_tensor", "int", (3,), lambda s: np.float32(s), **NO_GRAD),
    Sample("scalar_tensor", "dtype", (3,), lambda s, dtype: dtype.type(s), {"dtype": Dtype("int64")}, **NO_GRAD),
    *[
        Sample(op, name, args, filled, kwargs, torch=False, **NO_GRAD)
        for op, rows in (("empty_strided", (3, 1)), ("empty_permuted", (1, 0)))
        for name, args, kwargs in (
            ("plain", ((2, 3), rows), {}),
            ("dtype", ((2, 3), (1, 2) if op == "empty_strided" else (0, 1)), {"dtype": Dtype("int32")}),
            ("empty", ((0, 3), rows), {}),
        )
    ],
    *[
        Sample(
            "new_empty_strided",
            name,
            (x, (2, 3), (1, 2)),
            lambda x, *_: np.zeros((2, 3), x.dtype),
            torch=False,
            **NO_GRAD,
        )
        for name, x in (("double", tensor(2)), ("int64", LONG))
    ],
]


# -- windows ----------------------------------------------------------------------------------------------------------


def window(name: str, *order: str) -> Callable[..., Array]:
    """SciPy's window of this name; `order`: the keywords in its order of arguments."""

    def reference(M: int, *, sym: bool = True, dtype: Any = np.float32, **given: Any) -> Array:
        given.pop("requires_grad", None)
        rest = [given[key] for key in order]
        return getattr(scipy_windows, name)(M, *rest, sym=sym).astype(dtype)

    return reference


def cosine_window(M: int, *, sym: bool = True, dtype: Any = np.float32, **_: Any) -> Array:
    return np.sin(math.pi * (np.arange(M) + 0.5) / (M if sym else M + 1)).astype(dtype)


OWN: dict[str, tuple[Callable[..., Array], dict[str, Any]]] = {
    "bartlett": (window("bartlett"), {}),
    "blackman": (window("blackman"), {}),
    "cosine": (cosine_window, {}),
    "exponential": (window("exponential", "center", "tau"), {"center": None, "tau": 2.5}),
    "gaussian": (window("gaussian", "std"), {"std": 1.7}),
    "general_cosine": (window("general_cosine", "a"), {"a": [0.5, 0.3, 0.2]}),
    "general_hamming": (window("general_hamming", "alpha"), {"alpha": 0.6}),
    "hamming": (window("hamming"), {}),
    "hann": (window("hann"), {}),
    "kaiser": (window("kaiser", "beta"), {"beta": 8.0}),
    "nuttall": (window("nuttall"), {}),
}
WINDOWS = [
    Sample(f"signal.windows.{name}", case, (length,), reference, {**own, **kwargs}, **NO_GRAD)
    for name, (reference, own) in OWN.items()
    for case, length, kwargs in (
        ("odd", 7, {}),
        ("even", 8, {"dtype": Dtype("float64")}),
        ("periodic", 6, {"sym": False, "dtype": Dtype("float64")}),
        ("one", 1, {}),
        ("none", 0, {}),
    )
]
WINDOWS += [
    Sample("signal.windows.exponential", "center", (5,), window("exponential", "center", "tau"),
           {"center": 1.0, "tau": 2.0, "sym": False}, **NO_GRAD),
    Sample("signal.windows.hann", "requires-grad", (4,), window("hann"), {"requires_grad": True}, torch=False,
           **NO_GRAD),
]  # fmt: skip

SAMPLES = [*DROPOUT, *IN_PLACE, *BY_TENSORS, *INDICES, *FACTORIES, *WINDOWS]
