"""Samples of sorting and ranks, quantiles, differences and integrals, and of counting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from tests.engine.samples.base import In, Reference, Sample, indices, is_inexact, mask, of, tensor

X, C = tensor(3, 4, seed=1), tensor(2, 3, 2, seed=2)
V = tensor(5, seed=3)
F = tensor(3, 4, seed=4, layout="F")
Z = tensor(2, 3, dtype="complex128", seed=5)
S = tensor(3, 4, dtype="float32", seed=6)
HALF = tensor(3, 4, dtype="float16", seed=7)
POINT = tensor(seed=8)
WHOLE = of([[3, -1, 4, 1], [5, -9, 2, 6]], "int64")
BITS = mask([[True, False, True], [True, True, True]])
NANS = of([[1.0, math.nan, 3.0, 2.5], [2.0, 0.5, math.nan, math.nan]])

Call = tuple[Any, ...]


def calls(op: str, reference: Reference, *cases: Call, **more: Any) -> list[Sample]:
    """Samples from (name, arguments[, keywords[, changes]])."""
    made = []
    for case in cases:
        name, args, kwargs, changes = (*case, {}, {})[:4] if len(case) < 4 else case
        first = next((each for each in args if isinstance(each, In)), None)
        inexact = first is not None and is_inexact(first.array.dtype)
        settings = {"differentiable": inexact, **more, **changes}
        made.append(Sample(op, name, args, reference, kwargs, **settings))
    return made


# -- order -----------------------------------------------------------------------------------------------------------


def order(x: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    if x.ndim == 0:
        return np.int64(0)
    where = np.argsort(x, axis=dim, kind="stable")
    if descending:
        flipped = np.argsort(np.flip(x, dim), axis=dim, kind="stable")
        where = x.shape[dim] - 1 - np.flip(flipped, dim)
    return where


def in_order(x: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    where = order(x, dim, descending)
    return [x if x.ndim == 0 else np.take_along_axis(x, where, dim), where]


ORDERED: list[Call] = [
    ("plain", (X,)),
    ("dim0", (X, 0)),
    ("descending", (C, 1, True)),
    ("dim-negative", (C, -2)),
    ("transposed", (F,)),
    ("0d", (POINT, 0)),
    ("empty", (tensor(0, 3), 1)),
    ("float32", (S, 0)),
    ("float16", (HALF, 1)),
    ("int64", (WHOLE,)),
    ("bool", (BITS,), {"dim": 1, "descending": True, "stable": True}),
    ("nan", (NANS, 1), {}, {"smooth": False}),
    ("nan-descending", (NANS, 1, True), {}, {"smooth": False}),
    ("ties", (of([2.0, 1.0, 2.0, 1.0]),), {"stable": True, "descending": True}, {"smooth": False}),
]


def top(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    if x.ndim == 0:
        return [x, np.int64(0)]
    values, where = in_order(x, dim, largest)
    return [np.take(values, range(k), dim), np.take(where, range(k), dim)]


def at_place(place: Callable[[Any], Any]) -> Reference:
    """The element of a rank along a dim, and where it stands."""

    def reference(x: Any, *args: Any, **kwargs: Any) -> Any:
        rank, dim, keepdim = place(x, *args, **kwargs)
        if x.ndim == 0:
            return [x, np.int64(0)]
        where = np.take(np.argsort(x, axis=dim, kind="stable"), [rank], dim)
        values = np.take_along_axis(x, where, dim)
        return [values, where] if keepdim else [values.squeeze(dim), where.squeeze(dim)]

    return reference


def kth(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    return k - 1, dim, keepdim


def middle(x: Any, dim: int, keepdim: bool = False) -> Any:
    return ((x.shape[dim] if x.ndim else 1) - 1) // 2, dim, keepdim


def whole_median(x: Any) -> Any:
    flat = np.sort(x.ravel())
    return np.asarray(math.nan if np.isnan(flat).any() else flat[(flat.size - 1) // 2], x.dtype)


def whole_nanmedian(x: Any) -> Any:
    flat = np.sort(x[~np.isnan(x)])
    return np.asarray(flat[(flat.size - 1) // 2], x.dtype)


def frequent(x: Any, dim: int = -1, keepdim: bool = False) -> Any:
    if x.ndim == 0:
        return [x, np.int64(0)]
    values = stats.mode(x, axis=dim, keepdims=True).mode
    last = x.shape[dim] - 1 - np.flip(x == values, dim).argmax(dim)
    where = np.expand_dims(last, dim)
    return [values, where] if keepdim else [values.squeeze(dim), last]


RANKED: list[Call] = [
    ("dim1", (X, 1)),
    ("dim0", (X, 0)),
    ("keepdim", (C, -1, True)),
    ("transposed", (F, 0)),
    ("0d", (POINT, 0)),
    ("float32", (S, 1)),
    ("int64", (WHOLE, 1)),
]
REPEATED = of([[1.0, 2.0, 2.0, 1.0, 3.0], [4.0, 5.0, 5.0, 5.0, 4.0]])

ORDER = [
    *calls("sort", in_order, *ORDERED),
    *calls("argsort", order, *ORDERED, differentiable=False),
    *calls("msort", lambda x: np.sort(x, 0), ("plain", (X,)), ("vector", (V,)), ("3d", (C,))),
    *calls(
        "topk",
        top,
        ("plain", (X, 2)),
        ("dim0", (X, 1, 0)),
        ("smallest", (C, 2, 1, False)),
        ("all", (X, 4)),
        ("none", (X, 0)),
        ("0d", (POINT, 1, 0)),
        ("few", (tensor(40, seed=9), 3)),
        ("few-smallest", (tensor(2, 40, seed=9), 2, 1, False)),
        ("float32", (S, 2)),
        ("int64", (WHOLE, 2)),
        ("float16", (HALF, 1)),
    ),
    *calls(
        "kthvalue",
        at_place(kth),
        ("plain", (X, 2)),
        ("dim0", (X, 3, 0)),
        ("keepdim", (C, 1, 1, True)),
        ("0d", (POINT, 1, 0)),
        ("int64", (WHOLE, 2)),
    ),
    *calls("median", at_place(middle), *RANKED),
    *calls("nanmedian", at_place(middle), *RANKED),
    *calls("median", whole_median, ("all", (X,)), ("all-odd", (V,)), ("all-nan", (NANS,), {}, {"smooth": False})),
    *calls("nanmedian", whole_nanmedian, ("all", (X,)), ("all-nan", (NANS,), {}, {"smooth": False})),
    *calls(
        "mode",
        frequent,
        ("plain", (REPEATED,), {}, {"smooth": False}),
        ("dim0", (X, 0)),
        ("keepdim", (REPEATED, 1, True), {}, {"smooth": False}),
        ("0d", (POINT, 0)),
        ("int64", (of([[2, 1, 2], [1, 1, 0]], "int64"), -1)),
    ),
]

# -- quantiles, differences, integrals -------------------------------------------------------------------------------


def quantile(function: Any) -> Reference:
    def reference(x: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear") -> Any:
        made = np.asarray(function(x, np.asarray(q), axis=dim, keepdims=keepdim, method=interpolation))
        return made.astype(x.dtype)

    return reference


SHARES = In(np.array([0.1, 0.45, 0.8]), True)
QUANTILES: list[Call] = [
    ("plain", (X, 0.3)),
    ("dim", (X, 0.3, 1)),
    ("dim0", (X, 0.6, 0)),
    ("keepdim", (C, 0.7, 1, True)),
    ("keepdim-all", (C, 0.7), {"keepdim": True}),
    ("shares", (X, SHARES, 1)),
    ("shares-keepdim", (C, SHARES, 0, True)),
    ("shares-all", (X, SHARES)),
    ("lower", (X, 0.3, 1), {"interpolation": "lower"}),
    ("higher", (X, 0.3, 1), {"interpolation": "higher"}),
    ("midpoint", (X, 0.3, 1), {"interpolation": "midpoint"}),
    ("nearest", (X, 0.3, 1), {"interpolation": "nearest"}),
    ("float32", (S, 0.25, 0)),
]


def finite_differences(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    ends = {name: each for name, each in (("prepend", prepend), ("append", append)) if each is not None}
    return np.diff(x, n, dim, **ends)


def area(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    return np.asarray(np.trapezoid(y, x, dx, dim)).astype(y.dtype if is_inexact(y.dtype) else np.float32)


def areas(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    y = np.moveaxis(y, dim, -1)
    steps = dx if x is None else np.diff(x if x.ndim == 1 else np.moveaxis(x, dim, -1))
    return np.moveaxis(np.cumsum((y[..., 1:] + y[..., :-1]) * steps / 2, -1), -1, dim)


def slopes(x: Any, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> Any:
    dims = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    steps = list(spacing) if isinstance(spacing, list | tuple) else [1 if spacing is None else spacing] * len(dims)
    return [np.gradient(x, step, axis=at, edge_order=edge_order) for at, step in zip(dims, steps, strict=True)]


POINTS = of([0.0, 0.4, 1.1, 1.9])

CALCULUS = [
    *[
        each
        for op, function in (("quantile", np.quantile), ("nanquantile", np.nanquantile))
        for each in calls(op, quantile(function), *QUANTILES, torch=False)
    ],
    *calls("quantile", quantile(np.quantile), ("nan", (NANS, 0.4, 1)), smooth=False, torch=False),
    *calls("nanquantile", quantile(np.nanquantile), ("nan", (NANS, 0.4, 1)), smooth=False, torch=False),
    *calls(
        "diff",
        finite_differences,
        ("plain", (X,)),
        ("twice", (X, 2)),
        ("dim", (C, 1, 1)),
        ("none", (X, 0)),
        ("beyond", (X, 9)),
        ("ends", (X, 1, 0, tensor(1, 4, seed=11), tensor(2, 4, seed=12))),
        ("append", (V,), {"append": tensor(1, seed=13)}),
        ("int64", (WHOLE,)),
        ("bool", (BITS,)),
        ("complex128", (Z,)),
        ("float32", (S, 1, 0)),
    ),
    *[
        each
        for op in ("trapezoid", "trapz")
        for each in calls(
            op,
            area,
            ("plain", (X,)),
            ("dim", (X,), {"dim": 0}),
            ("step", (X,), {"dx": 0.5}),
            ("points", (X, POINTS)),
            ("points-each", (X, tensor(3, 4, seed=14))),
            ("1d", (V,)),
            ("complex128", (Z,)),
            ("float32", (S,)),
            ("int64", (WHOLE,)),
        )
    ],
    *calls(
        "cumulative_trapezoid",
        areas,
        ("plain", (X,)),
        ("dim", (X,), {"dim": 0}),
        ("step", (X,), {"dx": 0.5}),
        ("points", (X, POINTS)),
        ("points-each", (X, tensor(3, 4, seed=14))),
        ("complex128", (Z,)),
    ),
    *calls(
        "gradient",
        slopes,
        ("plain", (X,)),
        ("1d", (V,)),
        ("step", (X,), {"spacing": 2.0}),
        ("steps", (X,), {"spacing": [2.0, 0.5]}),
        ("dim", (X,), {"dim": 1}),
        ("dims", (X,), {"dim": (1, 0)}),
        ("edge", (X,), {"edge_order": 2}),
        ("points", (X,), {"dim": 1, "spacing": [POINTS]}, {"torch": False}),
        ("points-edge", (X,), {"dim": 1, "spacing": [POINTS], "edge_order": 2}, {"torch": False}),
        ("complex128", (tensor(3, dtype="complex128", seed=15),)),
    ),
]

# -- counts ----------------------------------------------------------------------------------------------------------


def named(op: str) -> Callable[..., Any]:
    """A call of an op whose result's size depends on values, which `infer` cannot tell."""

    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(module, op)(*args, **kwargs)

    return call


def dynamic(op: str, reference: Reference, *cases: Call, **more: Any) -> list[Sample]:
    return calls(op, reference, *cases, **{"call": named(op), "differentiable": False, **more})


def bins(x: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    ends = (min, max) if min != max else (x.min(), x.max())
    return np.histogram(x, bins, ends)[0].astype(x.dtype)


def parts(x: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    counts, edges = np.histogram(x, bins, range, density, weight)
    return [counts.astype(x.dtype), edges.astype(x.dtype)]


def distinct(
    x: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    return np.unique(x, return_inverse=return_inverse, return_counts=return_counts, axis=dim, equal_nan=False)


def runs(x: Any, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    lines = x.reshape(-1, 1) if dim is None else np.moveaxis(x, dim, 0).reshape(x.shape[dim], -1)
    first = np.concatenate([[True], (lines[1:] != lines[:-1]).any(1)])
    values = x.ravel()[first] if dim is None else np.compress(first, x, dim)
    inverse, counts = np.cumsum(first) - 1, np.diff(np.append(np.flatnonzero(first), first.size))
    wanted = [values] + [inverse.reshape(x.shape if dim is None else -1)] * return_inverse + [counts] * return_counts
    return wanted if len(wanted) > 1 else values


TIMES = indices([3, 1, 1, 0, 3, 3])
DOUBLED = of([[3, 1, 3], [3, 1, 3], [2, 1, 1]], "int64")
FLOATS = of([2.5, -1.0, 2.5, 0.0, 0.0])

COUNTS = [
    *dynamic(
        "bincount",
        lambda x, weights=None, minlength=0: np.bincount(x, weights, minlength),
        ("plain", (TIMES,)),
        ("weights", (TIMES, tensor(6, seed=16, grad=False))),
        ("least", (TIMES, None, 7)),
        ("empty", (indices([]), None, 2)),
    ),
    *calls("histc", bins, ("plain", (X, 5)), ("range", (X, 4, -1, 1.5)), ("float32", (S, 3)), differentiable=False),
    *calls(
        "histogram",
        parts,
        ("plain", (X, 4)),
        ("range", (X, 3), {"range": (-1.0, 1.0)}),
        ("density", (X, 4), {"density": True}),
        ("weight", (X, 4), {"weight": tensor(3, 4, seed=17, grad=False)}),
        ("edges", (X, of([-2.0, -0.5, 0.1, 2.5], grad=False))),
        differentiable=None,
    ),
    *dynamic(
        "unique",
        distinct,
        ("plain", (DOUBLED,)),
        ("floats", (FLOATS,), {}, {"differentiable": None}),
        ("inverse", (DOUBLED,), {"return_inverse": True}),
        ("counts", (DOUBLED,), {"return_inverse": True, "return_counts": True}),
        ("dim", (DOUBLED, True, True, True, 0)),
        ("columns", (DOUBLED,), {"dim": 1}),
        ("bool", (BITS,)),
    ),
    *dynamic(
        "unique_consecutive",
        runs,
        ("plain", (of([3, 3, 1, 1, 3], "int64"),)),
        ("parts", (of([3, 3, 1, 1, 3], "int64"), True, True)),
        ("dim", (DOUBLED, True, True, 0)),
        ("floats", (FLOATS,), {}, {"differentiable": None}),
    ),
]

SAMPLES = [*ORDER, *CALCULUS, *COUNTS]
