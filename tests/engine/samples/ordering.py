"""Samples of sorting, choosing by rank, and finding places in sorted tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.engine.samples.base import Array, In, Sample, is_inexact, of, tensor

X2, X3 = tensor(3, 4, seed=1), tensor(2, 3, 2, seed=2)
F = tensor(3, 4, seed=3, layout="F")
FLOAT = tensor(2, 3, dtype="float32", seed=4)
INTS = of([[3, -1, 4, 1], [5, -9, 2, 6]], "int64")
NAN, INF = math.nan, math.inf
HOLES = of([[1.0, NAN, 3.0], [NAN, -2.0, 0.5]])
TIES = of([2.0, 1.0, 2.0, 1.0, 3.0])


def order(x: Array, dim: int = -1, descending: bool = False) -> Array:
    """The stable order along a dim: NaN counts as the largest."""
    flat = x.reshape(x.shape or (1,))
    keys = flat
    if flat.dtype.kind == "f":
        keys = np.where(np.isnan(flat), np.inf, flat)
    ranks = np.apply_along_axis(lambda row: np.unique(row, return_inverse=True)[1], dim, keys)
    if flat.dtype.kind == "f":
        ranks = ranks + np.isnan(flat) * flat.size
    return np.argsort(-ranks if descending else ranks, axis=dim, kind="stable").reshape(x.shape)


def ordered(x: Array, dim: int = -1, descending: bool = False, stable: bool = True) -> list[Array]:
    if x.ndim == 0:
        return [x, np.int64(0)]
    places = order(x, dim, descending)
    return [np.take_along_axis(x, places, dim), places]


AXES: list[tuple[str, In, tuple[Any, ...], dict[str, Any]]] = [
    ("last", X2, (), {}),
    ("dim0", X2, (0,), {}),
    ("negative", X3, (-2,), {}),
    ("descending", X2, (1, True), {}),
    ("named", X3, (), {"dim": 0, "descending": True}),
    ("0d", tensor(), (), {}),
    ("vector", tensor(6, seed=5), (), {}),
    ("transposed", F, (1,), {}),
    ("empty", tensor(0, 3), (0,), {}),
    ("float32", FLOAT, (1,), {}),
    ("int64", INTS, (1,), {}),
    ("bool", of([True, False, True], "bool"), (), {"stable": True}),
    ("stable", TIES, (), {"stable": True}),
    ("stable-descending", TIES, (), {"stable": True, "descending": True, "dim": 0}),
    ("nan", HOLES, (1,), {}),
    ("nan-descending", HOLES, (1, True), {}),
]
SORTS = [
    Sample("sort", name, (x, *args), ordered, kwargs, differentiable=is_inexact(x.array.dtype), smooth=smooth)
    for name, x, args, kwargs in AXES
    for smooth in [x is not TIES and x is not HOLES]
]


def places(x: Array, *args: Any, **kwargs: Any) -> Array:
    return ordered(x, *args, **kwargs)[1]


SORTS += [Sample("argsort", name, (x, *args), places, kwargs, differentiable=False) for name, x, args, kwargs in AXES]
SORTS += [
    Sample("msort", name, (x,), lambda x: np.sort(x, 0), differentiable=is_inexact(x.array.dtype))
    for name, x in (("2d", X2), ("vector", tensor(5, seed=6)), ("transposed", F), ("int64", INTS))
]


def top(x: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> list[Array]:
    if x.ndim == 0:
        return [x, np.int64(0)]
    chosen = np.take(order(x, dim, largest), range(k), dim)
    return [np.take_along_axis(x, chosen, dim), chosen]


CHOSEN = [
    Sample("topk", name, (x, *args), top, kwargs, differentiable=is_inexact(x.array.dtype))
    for name, x, args, kwargs in (
        ("plain", X2, (2,), {}),
        ("dim", X2, (2, 0), {}),
        ("smallest", X3, (1, -2, False), {}),
        ("named", X2, (), {"k": 3, "dim": 1, "largest": False}),
        ("all", X2, (4,), {}),
        ("none", X2, (0,), {}),
        ("0d", tensor(), (1,), {}),
        ("transposed", F, (2, 1), {}),
        ("float32", FLOAT, (2,), {}),
        ("int64", INTS, (2, 1), {}),
    )
]


def ranked(x: Array, place: Array, dim: int, keepdim: bool) -> list[Array]:
    """The element at a rank along a dim, and where it stands."""
    where = np.take(order(x, dim), [place], dim)
    made = [np.take_along_axis(x, where, dim), where]
    return made if keepdim else [np.squeeze(each, dim) for each in made]


def kth(x: Array, k: int, dim: int = -1, keepdim: bool = False) -> list[Array]:
    return [x, np.int64(0)] if x.ndim == 0 else ranked(x, k - 1, dim, keepdim)


def middle(x: Array, *args: Any, **kwargs: Any) -> Any:
    """The lower median; of all elements, or along a dim with its place. NaN wins."""
    if not args and not kwargs:
        return np.asarray(x if x.ndim == 0 else middle(x.reshape(-1), 0)[0])
    dim, keepdim = [*args, *(kwargs.get("dim"), kwargs.get("keepdim", False))[len(args) :]]
    if x.ndim == 0:
        return [x, np.int64(0)]
    made = ranked(x, (x.shape[dim] - 1) // 2, dim, True)
    holes = np.isnan(x)
    if holes.any():
        first, some = np.argmax(holes, dim, keepdims=True), holes.any(dim, keepdims=True)
        made = [np.where(some, NAN, made[0]).astype(x.dtype), np.where(some, first, made[1])]
    return made if keepdim else [np.squeeze(each, dim) for each in made]


def middle_of_numbers(x: Array, *args: Any, **kwargs: Any) -> Any:
    """The lower median of what is not NaN."""
    if not args and not kwargs:
        return np.asarray(middle_of_numbers(x.reshape(-1), 0)[0])
    dim, keepdim = [*args, *(kwargs.get("dim"), kwargs.get("keepdim", False))[len(args) :]]
    count = (~np.isnan(x)).sum(dim, keepdims=True)
    at = np.maximum(count - 1, 0) // 2
    where = np.take_along_axis(order(x, dim), at, dim)
    made = [np.take_along_axis(x, where, dim), where]
    return made if keepdim else [np.squeeze(each, dim) for each in made]


DIM_CALLS: list[tuple[str, In, tuple[Any, ...], dict[str, Any]]] = [
    ("dim0", X2, (0,), {}),
    ("negative", X3, (-1,), {}),
    ("keepdim", X2, (1, True), {}),
    ("named", X3, (), {"dim": 1, "keepdim": True}),
    ("transposed", F, (1,), {}),
    ("float32", FLOAT, (0,), {}),
]
RANKS = [
    *[
        Sample("kthvalue", name, (x, *args), kth, kwargs)
        for name, x, args, kwargs in (
            ("plain", X2, (2,), {}),
            ("dim", X2, (3, 0), {}),
            ("keepdim", X3, (1, -2, True), {}),
            ("named", X2, (), {"k": 4, "dim": 1}),
            ("0d", tensor(), (1,), {}),
            ("transposed", F, (2, 1), {}),
        )
    ],
    *[
        Sample(op, name, (x, *args), reference, kwargs)
        for op, reference in (("median", middle), ("nanmedian", middle_of_numbers))
        for name, x, args, kwargs in (
            ("all", X2, (), {}),
            ("all-odd", tensor(5, seed=7), (), {}),
            ("all-transposed", F, (), {}),
            *DIM_CALLS,
        )
    ],
    Sample("median", "nan", (HOLES,), middle, smooth=False),
    Sample("median", "nan-dim", (HOLES, 1), middle, smooth=False),
    Sample("median", "0d", (tensor(),), middle),
    Sample("nanmedian", "nan", (HOLES,), middle_of_numbers, smooth=False),
    Sample("nanmedian", "nan-dim", (HOLES, 1), middle_of_numbers, smooth=False),
    Sample("median", "int64", (INTS, 1), middle, differentiable=False),
]


def most_frequent(x: Array, dim: int = -1, keepdim: bool = False) -> list[Array]:
    """The most frequent value along a dim, the smallest of several, and the last place of it."""
    if x.ndim == 0:
        return [x, np.int64(0)]
    moved = np.moveaxis(x, dim, -1)
    values, at = np.zeros(moved.shape[:-1], x.dtype), np.zeros(moved.shape[:-1], np.int64)
    for place in np.ndindex(moved.shape[:-1]):
        each, times = np.unique(moved[place], return_counts=True)
        values[place] = each[np.argmax(times)]
        at[place] = np.flatnonzero(moved[place] == values[place])[-1]
    return [np.expand_dims(each, dim) for each in (values, at)] if keepdim else [values, at]


RANKS += [
    Sample("mode", name, (x, *args), most_frequent, kwargs, differentiable=is_inexact(x.array.dtype), smooth=smooth)
    for name, x, args, kwargs, smooth in (
        ("ties", of([[2.0, 1.0, 2.0], [3.0, 3.0, 1.0]]), (), {}, False),
        ("distinct", X2, (0,), {}, True),
        ("keepdim", of([[1.0, 1.0], [2.0, 3.0]]), (1, True), {}, False),
        ("0d", tensor(), (), {}, True),
        ("int64", of([3, 1, 3, 1, 3], "int64"), (0,), {}, False),
        ("transposed", F, (1,), {}, True),
    )
]

# -- places in sorted tensors -----------------------------------------------------------------------------------------

EDGES = of([-1.0, 0.5, 0.5, 2.0])
VALUES = of([[-2.0, 0.5, 1.0], [2.0, 9.0, -1.0]])


def searched(edges: Array, values: Any, *, right: bool = False, side: Any = None, out_int32: bool = False,
             sorter: Any = None) -> Array:  # fmt: skip
    way = side or ("right" if right else "left")
    values = np.asarray(values)
    if sorter is not None:
        edges = np.take_along_axis(edges, sorter, -1)
    if edges.ndim == 1:
        made = np.searchsorted(edges, values, way)
    else:
        made = np.stack([np.searchsorted(a, b, way) for a, b in zip(edges, values, strict=True)])
    return np.asarray(made).astype(np.int32 if out_int32 else np.int64)


def bucketed(values: Any, edges: Array, **kwargs: Any) -> Array:
    return searched(edges, values, **kwargs)


SORTED_ROWS = of([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
SEARCHES = [
    *[
        Sample("searchsorted", name, args, searched, kwargs, differentiable=False)
        for name, args, kwargs in (
            ("plain", (EDGES, VALUES), {}),
            ("right", (EDGES, VALUES), {"right": True}),
            ("side", (EDGES, VALUES), {"side": "right"}),
            ("int32", (EDGES, VALUES), {"out_int32": True}),
            ("rows", (SORTED_ROWS, of([[3.0, 0.0], [6.0, 7.0]])), {}),
            ("number", (EDGES, 1.0), {}),
            ("0d", (EDGES, of(0.5)), {}),
            ("ints", (of([1, 3, 5], "int64"), of([3, 6], "int64")), {}),
            ("sorter", (of([5.0, 1.0, 3.0]), of([2.0, 4.0])), {"sorter": of([1, 2, 0], "int64")}),
            ("empty", (EDGES, tensor(0)), {}),
        )
    ],
    *[
        Sample("bucketize", name, args, bucketed, kwargs, differentiable=False)
        for name, args, kwargs in (
            ("plain", (VALUES, EDGES), {}),
            ("right", (VALUES, EDGES), {"right": True}),
            ("int32", (VALUES, EDGES), {"out_int32": True}),
            ("number", (1.0, EDGES), {}),
            ("transposed", (In(np.asarray(VALUES.array, order="F")), EDGES), {}),
        )
    ],
    *[
        Sample("isin", name, args, lambda a, b, assume_unique=False, invert=False: np.isin(a, b, invert=invert), kwargs,
               differentiable=False)
        for name, args, kwargs in (
            ("plain", (INTS, of([3, 5, 7], "int64")), {}),
            ("invert", (INTS, of([3, 5, 7], "int64")), {"invert": True}),
            ("unique", (INTS, of([3, 5], "int64")), {"assume_unique": True}),
            ("floats", (VALUES, of([0.5, 9.0])), {}),
            ("number-right", (INTS, 4), {}),
            ("number-left", (4, INTS), {}),
            ("many", (INTS, tensor(50, dtype="int64", low=-9, high=9)), {}),
            ("empty", (tensor(0), VALUES), {}),
        )
    ],
]  # fmt: skip

SAMPLES = [*SORTS, *CHOSEN, *RANKS, *SEARCHES]
