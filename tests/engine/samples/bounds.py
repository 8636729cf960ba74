"""Samples of bounds, blends and masks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.engine.samples.base import Array, In, Sample, is_inexact, mask, of, tensor

X, F, C = tensor(3, 4, seed=1), tensor(3, 4, seed=2, layout="F"), tensor(2, 1, 3, seed=3)
FLOAT = tensor(3, 4, dtype="float32", seed=4)
INTS = tensor(3, 4, dtype="int64", low=-5, high=5, seed=5)
NAN, INF = math.nan, math.inf


def clamped(x: Array, min: Any = None, max: Any = None) -> Array:
    out = x if min is None else np.maximum(x, min)
    return np.asarray(out if max is None else np.minimum(out, max))


LOW, HIGH = tensor(4, low=-1.4, high=-0.3, seed=6), tensor(4, low=0.4, high=1.6, seed=7)
CLAMP = [
    Sample("clamp", name, args, clamped, kwargs, dtype=dtype, differentiable=is_inexact(args[0].array.dtype), smooth=ok)
    for name, args, kwargs, dtype, ok in (
        ("numbers", (X, -0.75, 1.2), {}, None, True),
        ("named", (X,), {"min": -0.75, "max": 1.2}, None, True),
        ("min", (X,), {"min": 0.1}, None, True),
        ("max", (X,), {"max": 0.1}, None, True),
        ("int-bounds", (X, -1, 1), {}, None, True),
        ("crossed", (X, 1.2, -0.75), {}, None, True),
        ("tensors", (X, LOW, HIGH), {}, None, True),
        ("tensor-min", (X, LOW), {}, None, True),
        ("tensor-max", (X,), {"max": HIGH}, None, True),
        ("tensors-crossed", (X, HIGH, LOW), {}, None, True),
        ("outer", (C, tensor(4, 1, low=-1, high=-0.5, seed=8), tensor(1, low=0.5, high=1, seed=9)), {}, None, True),
        ("0d", (tensor(), -0.2, 0.2), {}, None, True),
        ("transposed", (F, -0.75, 1.2), {}, None, True),
        ("empty", (tensor(0, 4), LOW, HIGH), {}, None, True),
        ("float32", (FLOAT, -0.75, 1.2), {}, "float32", True),
        ("mixed", (FLOAT, LOW, HIGH), {}, None, True),
        ("int64", (INTS, -2, 3), {}, None, True),
        ("int-with-float", (INTS, -1.5, 2.5), {}, "float32", True),
        ("at-bounds", (of([-1.0, 0.0, 1.0]), -1.0, 1.0), {}, None, False),
        ("nan", (of([NAN, 0.0, INF]), -1.0, 1.0), {}, None, False),
    )
]
ONE_SIDED = [
    Sample(op, name, args, reference, differentiable=is_inexact(args[0].array.dtype), smooth=ok)
    for op, reference in (("clamp_min", np.maximum), ("clamp_max", np.minimum))
    for name, args, ok in (
        ("number", (X, 0.1), True),
        ("tensor", (X, LOW), True),
        ("row", (X, HIGH), True),
        ("0d", (tensor(), 0.1), True),
        ("transposed", (F, 0.1), True),
        ("int64", (INTS, 1), True),
        ("at-bound", (of([1.0, 2.0]), 1.0), False),
        ("nan", (of([NAN, 2.0]), 1.0), False),
    )
]


def finite(x: Array, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    nan = 0.0 if nan is None else nan
    return np.asarray(x if x.dtype.kind in "iub" else np.nan_to_num(x, True, nan, posinf, neginf))


ODD = of([NAN, INF, -INF, 1.5])
NUMBERS = [
    Sample("nan_to_num", name, args, finite, kwargs, differentiable=is_inexact(args[0].array.dtype), smooth=ok)
    for name, args, kwargs, ok in (
        ("plain", (X,), {}, True),
        ("odd-values", (ODD,), {}, False),
        ("values", (ODD, 2.5, 3.5, -4.5), {}, False),
        ("named", (ODD,), {"posinf": 9.0}, False),
        ("0d", (of(NAN),), {}, False),
        ("float32", (of([NAN, INF], "float32"),), {}, False),
        ("int64", (INTS,), {}, True),
        ("transposed", (F,), {}, True),
    )
]


def blended(a: Array, b: Array, w: Any) -> Array:
    return np.asarray(a + w * (b - a))


END, W = tensor(4, seed=10), tensor(3, 1, low=0.1, high=0.9, seed=11)
Z = tensor(4, dtype="complex128", seed=12)
BLENDS = [
    Sample("lerp", name, args, blended)
    for name, args in (
        ("number", (X, END, 0.3)),
        ("number-high", (X, END, 0.8)),
        ("tensor", (X, END, W)),
        ("0d-weight", (X, END, tensor(low=0.2, high=0.4))),
        ("0d", (tensor(), tensor(seed=1), 0.25)),
        ("transposed", (F, X, 0.7)),
        ("outer", (tensor(3, 1, seed=13), END, 0.4)),
        ("empty", (tensor(0, 4), END, 0.4)),
        ("float32", (FLOAT, tensor(4, dtype="float32", seed=14), 0.25)),
        ("complex", (Z, tensor(4, dtype="complex128", seed=15), 0.3)),
    )
]


def fused(operation: Any) -> Any:
    return lambda c, a, b, value=1: np.asarray(c + value * operation(a, b))


A, B = tensor(4, seed=16), tensor(3, 1, low=0.4, high=2.0, seed=17)
FUSED = [
    Sample(op, name, args, fused(operation), kwargs)
    for op, operation in (("addcmul", np.multiply), ("addcdiv", np.true_divide))
    for name, args, kwargs in (
        ("plain", (X, A, B), {}),
        ("value", (X, A, B), {"value": -2.5}),
        ("int-value", (X, A, B), {"value": 2}),
        ("0d", (tensor(), tensor(seed=1), tensor(low=0.4, high=2, seed=2)), {}),
        ("transposed", (F, X, B), {}),
        ("outer", (tensor(1, seed=3), A, B), {}),
        ("empty", (tensor(0, 4), A, tensor(4, low=1, high=2)), {}),
        ("float32", tuple(tensor(4, dtype="float32", low=0.3, high=2, seed=seed) for seed in (1, 2, 3)), {}),
        ("complex", (Z, Z, tensor(4, dtype="complex128", low=0.5, high=2, seed=19)),
         {"value": 1 - 2j}),
    )
]  # fmt: skip
FUSED.append(Sample("addcmul", "int64", (INTS, INTS, of([1, 2, 3, 4], "int64")), fused(np.multiply), {"value": 3},
                    differentiable=False))  # fmt: skip

# -- masks ------------------------------------------------------------------------------------------------------------

LIT = mask([[True, False, True, False], [False, False, True, True], [False, True, False, False]])
ROW = mask([True, False, False, True])


def filled(x: Array, where: Array, value: Any) -> Array:
    return np.where(where, np.asarray(value).astype(x.dtype), x)


MASKED_FILL = [
    Sample("masked_fill", name, args, filled, differentiable=is_inexact(args[0].array.dtype))
    for name, args in (
        ("number", (X, LIT, 2.5)),
        ("int-number", (X, LIT, 2)),
        ("int-from-float", (INTS, ROW, 1.5)),
        ("bool-from-int", (LIT, ROW, 10)),
        ("row", (X, ROW, -1.0)),
        ("tensor", (X, LIT, tensor(seed=20))),
        ("outer", (tensor(3, 1, seed=21), ROW, 0.0)),
        ("0d", (tensor(), mask(True), 1.0)),
        ("transposed", (F, LIT, 0.5)),
        ("empty", (tensor(0, 4), ROW, 1.0)),
        ("float32", (FLOAT, LIT, 0.1)),
        ("int64", (INTS, LIT, 9)),
        ("bool", (mask([True, False, True, True]), ROW, False)),
        ("complex", (Z, ROW, 1 - 1j)),
        ("none-lit", (X, mask(np.zeros((3, 4))), 1.0)),
    )
]


def selected(x: Array, where: Array) -> Array:
    x, where = np.broadcast_arrays(x, where)
    return np.asarray(x[where])


def scattered(x: Array, where: Array, source: Array) -> Array:
    x, where = np.broadcast_arrays(x, where)
    out = x.copy()
    out[where] = source.reshape(-1)[: int(where.sum())]
    return out


PICKED = [
    Sample("masked_select", name, args, selected, differentiable=is_inexact(args[0].array.dtype))
    for name, args in (
        ("plain", (X, LIT)),
        ("row", (X, ROW)),
        ("outer", (tensor(3, 1, seed=22), ROW)),
        ("0d", (tensor(), mask(True))),
        ("transposed", (F, LIT)),
        ("none-lit", (X, mask(np.zeros((3, 4))))),
        ("int64", (INTS, LIT)),
        ("complex", (Z, ROW)),
    )
] + [
    Sample("masked_scatter", name, args, scattered, differentiable=is_inexact(args[0].array.dtype))
    for name, args in (
        ("plain", (X, LIT, tensor(5, seed=23))),
        ("more", (X, LIT, tensor(3, 3, seed=24))),
        ("row", (X, ROW, tensor(6, seed=25))),
        ("transposed", (F, LIT, tensor(5, seed=26))),
        ("none-lit", (X, mask(np.zeros((3, 4))), tensor(1, seed=27))),
        ("int64", (INTS, LIT, of([9, 8, 7, 6, 5], "int64"))),
    )
]


def places(x: In, name: str, op: str = "nonzero") -> Sample:
    return Sample(op, name, (x,), lambda a: np.argwhere(a).astype(np.int64), differentiable=False)


def static(x: Array, size: int, fill_value: int = -1) -> Array:
    found = np.argwhere(x)[:size]
    rest = np.full((size - len(found), x.ndim), fill_value)
    return np.concatenate([found, rest]).astype(np.int64)


SPARSE = of([[0.0, 1.5, 0.0], [2.0, 0.0, -1.0]])
PLACES = [
    *[
        places(x, name, op)
        for op in ("nonzero", "argwhere")
        for name, x in (
            ("2d", SPARSE),
            ("bool", LIT),
            ("none", of([0.0, 0.0])),
            ("0d", of(3.0)),
            ("0d-zero", of(0.0)),
            ("transposed", In(np.asarray(SPARSE.array, order="F"))),
            ("empty", tensor(0, 3)),
        )
    ],
    Sample("nonzero", "as-tuple", (SPARSE,), lambda x, as_tuple: [np.asarray(a) for a in np.nonzero(x)],
           {"as_tuple": True}, differentiable=False),
    *[
        Sample("nonzero_static", name, (SPARSE,), static, kwargs, differentiable=False)
        for name, kwargs in (("more", {"size": 5}), ("fewer", {"size": 2}), ("fill", {"size": 4, "fill_value": 7}))
    ],
]  # fmt: skip

SAMPLES = [*CLAMP, *ONE_SIDED, *NUMBERS, *BLENDS, *FUSED, *MASKED_FILL, *PICKED, *PLACES]
