"""Samples of scans along a dim, of statistics, and of turning tensors around."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Dtype, In, Reference, Sample, is_inexact, mask, numpy_dtype, of, tensor
from tests.engine.samples.reduction import DTYPES, OVER_DIMS, numpy_call

X2, X3 = tensor(3, 4, seed=1), tensor(2, 3, 2, seed=2)
F = tensor(3, 4, seed=3, layout="F")
Z = tensor(2, 3, dtype="complex128", seed=4)
INTS = of([[3, -1, 4], [1, -5, 9]], "int32")
BITS = mask([[True, False, True], [True, True, True]])
NAN, INF = math.nan, math.inf
HALVES = (numpy_dtype("float16"), numpy_dtype("bfloat16"))


def along(function: Any) -> Reference:
    """A NumPy scan with torch's `dim` and `dtype`; 0-d tensors have one dim."""

    def reference(x: Array, dim: int, *, dtype: Any = None) -> Array:
        wide = x.astype(np.float64) if x.dtype in HALVES else x
        flat = wide.reshape(x.shape or (1,)).astype(dtype or wide.dtype)
        whole = np.int64 if x.dtype.kind in "iub" else x.dtype
        return np.asarray(function(flat, axis=dim)).astype(dtype or whole).reshape(x.shape)

    return reference


def log_sums(x: Array, axis: int) -> Array:
    return np.log(np.cumsum(np.exp(x), axis))


AXES: list[tuple[str, In, tuple[Any, ...], dict[str, Any]]] = [
    ("dim0", X2, (0,), {}),
    ("dim1", X2, (1,), {}),
    ("negative", X3, (-2,), {}),
    ("0d", tensor(), (0,), {}),
    ("vector", tensor(5, seed=5), (-1,), {}),
    ("transposed", F, (1,), {}),
    ("empty", tensor(0, 3), (0,), {}),
    ("one", tensor(1, 3, seed=6), (0,), {}),
    ("named", X2, (), {"dim": 1}),
    ("float32", tensor(3, 4, dtype="float32", seed=7), (1,), {}),
    ("complex128", Z, (1,), {}),
]
SCANS = [
    Sample(op, name, (x, *args), along(function), kwargs, differentiable=is_inexact(x.array.dtype))
    for op, function in (("cumsum", np.cumsum), ("cumprod", np.cumprod))
    for name, x, args, kwargs in (
        *AXES,
        ("int32", INTS, (1,), {}),
        ("bool", BITS, (0,), {}),
        ("bfloat16", tensor(4, dtype="bfloat16", seed=8), (0,), {}),
        ("dtype", tensor(3, dtype="float32"), (0,), {"dtype": Dtype("float64")}),
    )
]
SCANS += [
    Sample("cumprod", name, (x, 0), along(np.cumprod), smooth=False)
    for name, x in (("zero", of([2.0, 0.0, 3.0, 4.0])), ("zeros", of([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])))
]
SCANS += [
    Sample("logcumsumexp", name, (x, *args), along(log_sums), kwargs)
    for name, x, args, kwargs in AXES
    if name != "complex128"
]
SCANS += [
    Sample("logcumsumexp", "far", (of([1000.0, 1001.0, -1000.0]), 0), lambda x, dim: np.logaddexp.accumulate(x)),
    Sample(
        "logcumsumexp", "infinite", (of([-INF, 1.0, INF]), 0), lambda x, dim: np.logaddexp.accumulate(x), smooth=False
    ),
]


def running(better: Any) -> Reference:
    """cummax or cummin: the values, and the last index at which each stood."""

    def reference(x: Array, dim: int) -> list[Array]:
        moved = np.moveaxis(x.reshape(x.shape or (1,)), dim, -1)
        values, places = moved.copy(), np.zeros(moved.shape, np.int64)
        for place in np.ndindex(moved.shape[:-1]):
            best = 0
            for at, each in enumerate(moved[place]):
                stays = moved[place][best] != moved[place][best] and each == each
                best = at if not stays and not better(moved[place][best], each) else best
                values[(*place, at)], places[(*place, at)] = moved[place][best], best
        return [np.moveaxis(each, -1, dim).reshape(x.shape) for each in (values, places)]

    return reference


SCANS += [
    Sample(op, name, (x, *args), reference, kwargs, smooth=name not in ("ties", "nan"))
    for op, reference in (("cummax", running(lambda a, b: a > b)), ("cummin", running(lambda a, b: a < b)))
    for name, x, args, kwargs in (
        *[each for each in AXES if each[0] != "complex128"],
        ("ties", of([1.0, 3.0, 3.0, 2.0, 3.0]), (0,), {}),
        ("nan", of([1.0, NAN, 3.0, NAN]), (0,), {}),
    )
]

# -- statistics -------------------------------------------------------------------------------------------------------


PRODUCTS = [
    Sample("prod", name, (x, *args), numpy_call(np.prod), kwargs)
    for name, x, args, kwargs in OVER_DIMS
    if not name.startswith("dims")
]
PRODUCTS += [Sample("prod", name, (x,), numpy_call(np.prod)) for name, x in DTYPES]
PRODUCTS += [
    Sample("prod", "zero", (of([2.0, 0.0, 3.0]),), numpy_call(np.prod), smooth=False),
    Sample("prod", "zeros", (of([2.0, 0.0, 0.0]),), numpy_call(np.prod), smooth=False),
    Sample("prod", "zero-dim", (of([[2.0, 0.0], [3.0, 4.0]]), 1), numpy_call(np.prod), smooth=False),
    Sample("prod", "int32", (INTS,), numpy_call(np.prod), dtype="int64", differentiable=False),
    Sample("prod", "empty", (tensor(0, 3),), numpy_call(np.prod)),
    Sample("prod", "dtype", (tensor(3, dtype="float32"),), numpy_call(np.prod), {"dtype": Dtype("float64")}),
]


def spread(root: bool) -> Reference:
    """var or std by their definition."""

    def reference(x: Array, *args: Any, dim: Any = None, unbiased: Any = None, correction: Any = 1,
                  keepdim: bool = False) -> Array:  # fmt: skip
        if args and isinstance(args[0], bool):
            args = (None, *args)
        dim, unbiased, keepdim = [*args, *(dim, unbiased, keepdim)[len(args) :]]
        correction = correction if unbiased is None else int(unbiased)
        axis = tuple(dim) if isinstance(dim, list | tuple) else dim
        flat = x.reshape(x.shape or (1,))
        count = flat.size if axis is None else np.prod([flat.shape[at] for at in np.atleast_1d(axis)])
        gap = np.abs(flat - flat.mean(axis=axis, keepdims=True)) ** 2
        made = gap.sum(axis=axis, keepdims=keepdim and x.ndim > 0) / max(count - correction, 0)
        return np.asarray(np.sqrt(made) if root else made).astype(np.abs(x).dtype)

    return reference


CALLS: list[tuple[str, In, tuple[Any, ...], dict[str, Any]]] = [
    ("all", X2, (), {}),
    ("dim", X2, (1,), {}),
    ("negative", X3, (-1,), {}),
    ("dims", X3, ((0, 2),), {}),
    ("keepdim", X2, (), {"dim": 0, "keepdim": True}),
    ("biased", X2, (False,), {}),
    ("biased-dim", X2, (0, False), {}),
    ("unbiased-named", X2, (0,), {"unbiased": True}),
    ("correction", X2, (), {"correction": 0}),
    ("correction-two", X2, (1,), {"correction": 2}),
    ("transposed", F, (0,), {}),
    ("float32", tensor(3, 4, dtype="float32", seed=9), (1,), {}),
    ("complex128", Z, (), {}),
]
SPREADS = [
    Sample(op, name, (x, *args), reference, kwargs)
    for op, reference in (("var", spread(False)), ("std", spread(True)))
    for name, x, args, kwargs in CALLS
]
SPREADS += [Sample(op, "one", (of([2.0]),), lambda x: np.float64(NAN), smooth=False) for op in ("var", "std")]


def mean_too(root: bool) -> Reference:
    def reference(x: Array, *args: Any, **kwargs: Any) -> list[Array]:
        dim = kwargs.get("dim", args[0] if args and not isinstance(args[0], bool) else None)
        keepdim = kwargs.get("keepdim", False)
        axis = tuple(dim) if isinstance(dim, list | tuple) else dim
        return [spread(root)(x, *args, **kwargs), np.asarray(x.mean(axis=axis, keepdims=keepdim)).astype(x.dtype)]

    return reference


SPREADS += [
    Sample(op, name, (x, *args), reference, kwargs)
    for op, reference in (("var_mean", mean_too(False)), ("std_mean", mean_too(True)))
    for name, x, args, kwargs in CALLS
]

HOLES = of([[1.0, NAN, 3.0], [NAN, -2.0, 0.5]])
NANS = [
    Sample(op, name, (x, *args), numpy_call(function), kwargs, smooth=x is not HOLES)
    for op, function in (("nansum", np.nansum), ("nanmean", np.nanmean))
    for name, x, args, kwargs in (
        *[each for each in OVER_DIMS if each[0] != "0d-dim"],
        ("nan", HOLES, (), {}),
        ("nan-dim", HOLES, (1,), {}),
        ("nan-keepdim", HOLES, (0, True), {}),
        ("float32", tensor(3, dtype="float32"), (), {}),
        ("dtype", tensor(3, dtype="float32"), (), {"dtype": Dtype("float64")}),
    )
]


def log_sum(x: Array, dim: Any, keepdim: bool = False) -> Array:
    axis = tuple(dim) if isinstance(dim, list | tuple) else dim
    if x.ndim == 0:
        return x
    return np.asarray(np.logaddexp.reduce(x, axis=axis, keepdims=keepdim))


SUMS = [
    Sample("logsumexp", name, (x, *args), log_sum, kwargs)
    for name, x, args, kwargs in OVER_DIMS
    if not name.startswith("all")
]
SUMS += [
    Sample("logsumexp", "far", (of([1000.0, 999.0]), 0), log_sum),
    Sample("logsumexp", "infinite", (of([[-INF, -INF], [INF, 1.0]]), 1), log_sum, smooth=False),
    Sample("logsumexp", "float32", (tensor(4, dtype="float32"), 0), log_sum),
]


def extremes(x: Array, dim: Any = None, keepdim: bool = False) -> list[Array]:
    flat = x.reshape(x.shape or (1,))
    keep = keepdim and x.ndim > 0
    return [np.asarray(each(flat, axis=dim, keepdims=keep)) for each in (np.min, np.max)]


SUMS += [
    Sample("aminmax", name, (x,), extremes, kwargs, differentiable=is_inexact(x.array.dtype), smooth=smooth)
    for name, x, kwargs, smooth in (
        ("all", X2, {}, True),
        ("dim", X2, {"dim": 1}, True),
        ("keepdim", X3, {"dim": -1, "keepdim": True}, True),
        ("0d", tensor(), {}, True),
        ("transposed", F, {"dim": 0}, True),
        ("int32", INTS, {"dim": 0}, True),
        ("ties", of([[1.0, 1.0], [2.0, 1.0]]), {"dim": 1}, False),
    )
]
SUMS += [
    Sample("count_nonzero", name, (x, *args), lambda x, dim=None: np.asarray(np.count_nonzero(x, axis=dim)), kwargs,
           dtype="int64", differentiable=False)
    for name, x, args, kwargs in (
        ("all", of([[0.0, 1.5], [NAN, 0.0]]), (), {}),
        ("dim", of([[0.0, 1.5], [2.0, 0.0]]), (0,), {}),
        ("dims", X3, ((0, 2),), {}),
        ("named", INTS, (), {"dim": 1}),
        ("bool", BITS, (), {}),
        ("0d", of(0.0), (), {}),
        ("empty", tensor(0, 3), (), {}),
    )
]  # fmt: skip

# -- turned around ----------------------------------------------------------------------------------------------------


def rows(op: str, reference: Reference, table: list[tuple[str, In, tuple[Any, ...]]], **kwargs: Any) -> list[Sample]:
    return [
        Sample(op, name, (x, *args), reference, kwargs, differentiable=is_inexact(x.array.dtype))
        for name, x, args in table
    ]


def flipped(x: Array, *dims: Any) -> Array:
    axes = tuple(dims[0]) if isinstance(dims[0], list | tuple) else dims
    return np.flip(x, axes)


def by_method(name: str) -> Any:
    return lambda module, x, *args: getattr(x, name)(*args)


TURNED = [
    *rows(
        "flip",
        flipped,
        [
            ("tuple", X2, ((0, 1),)),
            ("list", X3, ([-1],)),
            ("none", X2, ((),)),
            ("transposed", F, ((1,),)),
            ("empty", tensor(0, 3), ((0,),)),
            ("int32", INTS, ((1,),)),
            ("complex", Z, ((0,),)),
        ],
    ),
    Sample("flip", "ints", (X3, 0, 2), flipped, call=by_method("flip")),
    *rows("fliplr", np.fliplr, [("2d", X2, ()), ("3d", X3, ()), ("int32", INTS, ())]),
    *rows("flipud", np.flipud, [("2d", X2, ()), ("1d", tensor(4), ()), ("transposed", F, ())]),
    *rows(
        "roll",
        lambda x, shifts, dims=(): np.roll(x, shifts, None if dims == () else dims),
        [
            ("flat", X2, (1,)),
            ("dim", X2, (2, 1)),
            ("negative", X3, (-1, -1)),
            ("dims", X3, ((1, -1), (0, 2))),
            ("far", tensor(3), (7, 0)),
            ("transposed", F, (1, 0)),
            ("empty", tensor(0, 3), (1, 0)),
            ("int32", INTS, (1, 1)),
            ("0d", tensor(), (1,)),
        ],
    ),
    *rows(
        "rot90",
        np.rot90,
        [
            ("once", X2, ()),
            ("twice", X2, (2,)),
            ("back", X2, (-1,)),
            ("dims", X3, (1, (1, 2))),
            ("none", X2, (4, (0, 1))),
            ("transposed", F, (3, (0, 1))),
            ("int32", INTS, (1, [1, 0])),
        ],
    ),
]

SAMPLES = [*SCANS, *PRODUCTS, *SPREADS, *NANS, *SUMS, *TURNED]
