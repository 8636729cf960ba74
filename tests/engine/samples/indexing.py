"""Samples of reading and writing parts: `x[...]`, `x[...] = v`, gather, and the ops that overwrite."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import In, Reference, Sample, indices, is_inexact, mask, of, tensor

V, M, C = tensor(6, seed=1), tensor(3, 4, seed=2), tensor(2, 3, 4, seed=3)
F = tensor(3, 4, seed=4, layout="F")
Z = tensor(3, 4, dtype="complex128", seed=5)
INTS = tensor(3, 4, dtype="int64", seed=6)
ROWS, COLUMNS = indices([2, 0, 2]), indices([1, 3, 1])
GRID = indices([[0, 2], [1, 1]])
LIT = mask([[True, False, True, False], [False, False, True, True], [False, True, False, False]])


def getitem(module: Any, x: Any, key: Any) -> Any:
    return x[key]


def read(x: Any, key: Any) -> Any:
    return x[key]


def got(name: str, x: In, key: Any, reference: Reference = read) -> Sample:
    return Sample("getitem", name, (x, key), reference, differentiable=is_inexact(x.array.dtype), call=getitem)


VIEWS = [
    got("int", V, 2),
    got("negative-int", M, -1),
    got("ints", C, (1, 2, 3)),
    got("slice", V, slice(1, 4)),
    got("slice-step", V, slice(0, 6, 2)),
    got("slice-negative", M, slice(-2, None)),
    got("slice-beyond", V, slice(4, 99)),
    got("slice-empty", V, slice(3, 3)),
    got("whole", M, slice(None)),
    got("ellipsis", C, (Ellipsis, 1)),
    got("ellipsis-alone", M, Ellipsis),
    got("none", V, None),
    got("nones", M, (None, slice(None), None)),
    got("mixed", C, (0, slice(None), slice(1, 3))),
    got("middle", C, (slice(None), 1)),
    got("transposed", F, (slice(1, 3), 2)),
    got("0d-ellipsis", tensor(), Ellipsis),
    got("0d-none", tensor(), None),
    got("empty-tuple", M, ()),
    got("int64", INTS, (1, slice(2))),
    got("complex", Z, (slice(None), 1)),
    got("bool-tensor-view", tensor(3, dtype="bool"), slice(1, None)),
]

ADVANCED = [
    got("index", V, ROWS),
    got("index-list", V, [3, 0, 3]),
    got("index-negative", V, indices([-1, -6, 2])),
    got("index-2d", V, GRID),
    got("index-rows", M, ROWS),
    got("index-columns", M, (slice(None), COLUMNS)),
    got("index-pair", M, (ROWS, COLUMNS)),
    got("index-broadcast", M, (indices([[0], [2]]), indices([1, 3]))),
    got("index-with-list", M, ([0, 2], [1, 1])),
    got("index-empty", V, indices([])),
    got("index-slice", C, (slice(None), GRID, slice(1, 3))),
    got("index-then-ellipsis", C, (ROWS.array.tolist()[1:2], Ellipsis)),
    got("index-apart", C, (indices([0, 1]), slice(None), indices([3, 0]))),
    got("index-neighbours", C, (slice(None), indices([0, 2]), indices([3, 0]))),
    got("index-none", M, (None, ROWS)),
    got("index-transposed", F, (slice(None), COLUMNS)),
    got("index-int32", V, In(np.array([1, 4], np.int32), False)),
    got("index-int64-values", INTS, ROWS),
    got("index-complex", Z, (ROWS, COLUMNS)),
    got("int-beside-index", C, (1, ROWS), lambda x, key: x[1][key[1]]),
    got("index-beside-int", C, (indices([0, 1, 1]), 2), lambda x, key: x[:, 2][key[0]]),
    got("int-apart-index", C, (indices([0, 1]), slice(None), 1), lambda x, key: x[:, :, 1][key[0]]),
    got("int-before-slice-index", C, (1, slice(None), COLUMNS), lambda x, key: x[1][:, key[2]]),
    got("mask", M, LIT),
    got("mask-rows", M, mask([True, False, True])),
    got("mask-columns", M, (slice(None), mask([True, False, False, True]))),
    got("mask-list", V, [True, False, True, False, False, True]),
    got("mask-none-lit", V, mask([False] * 6)),
    got("mask-inner", C, (0, LIT), lambda x, key: x[0][key[1]]),
    got("mask-with-index", M, (mask([True, False, True]), indices([0, 3]))),
    got("0d-index", M, indices(1)),
    got("0d-mask-true", V, mask(True)),
    got("0d-mask-false", V, mask(False)),
    got("true", V, True),
    got("mask-transposed", F, LIT),
]


def setitem(module: Any, x: Any, key: Any, value: Any) -> Any:
    copied = x.clone()
    copied[key] = value
    return copied


def written(x: Any, key: Any, value: Any) -> Any:
    out = x.copy()
    out[key] = value
    return out


def put(name: str, x: In, key: Any, value: Any, reference: Reference = written) -> Sample:
    return Sample("setitem", name, (x, key, value), reference, differentiable=is_inexact(x.array.dtype), call=setitem)


def into(part: Any, key: Any, value: Any) -> Any:
    part[key] = value


def through(x: Any, first: Any, key: Any, value: Any) -> Any:
    """Write into a part of a part, as torch understands an int beside an index."""
    out = x.copy()
    into(out[first], key, value)
    return out


WRITTEN = [
    put("int", V, 2, 1.5),
    put("int-tensor", V, -1, tensor(seed=7)),
    put("row", M, 1, tensor(4, seed=8)),
    put("row-number", M, 1, 3),
    put("slice", V, slice(1, 4), tensor(3, seed=9)),
    put("slice-broadcast", M, slice(0, 2), tensor(4, seed=10)),
    put("slice-step", V, slice(0, 6, 2), tensor(seed=11)),
    put("slice-ones", V, slice(0, 2), tensor(1, 2, seed=12), lambda x, key, value: written(x, key, value[0])),
    put("column", M, (slice(None), 2), tensor(3, seed=13)),
    put("ellipsis", C, (Ellipsis, 0), tensor(3, seed=14)),
    put("everything", M, Ellipsis, tensor(3, 4, seed=15)),
    put("everything-number", M, slice(None), -2.5),
    put("none", V, (None, slice(0, 2)), tensor(2, seed=16)),
    put("0d", tensor(), Ellipsis, tensor(seed=17)),
    put("empty", V, slice(2, 2), tensor(1, seed=18)),
    put("index", V, indices([4, 0, 2]), tensor(3, seed=19)),
    put("index-number", V, indices([4, 0]), 7.5),
    put("index-list", V, [1, 3], tensor(2, seed=20)),
    put("index-rows", M, indices([2, 0]), tensor(2, 4, seed=21)),
    put("index-broadcast", M, indices([2, 0]), tensor(4, seed=22)),
    put("index-pair", M, (indices([2, 0]), indices([1, 1])), tensor(2, seed=23)),
    put("index-columns", M, (slice(None), indices([3, 1])), tensor(3, 2, seed=24)),
    put("index-apart", C, (indices([0, 1]), slice(None), indices([3, 0])), tensor(2, 3, seed=25)),
    put("int-beside-index", C, (1, indices([2, 0])), tensor(2, 4, seed=26), lambda x, k, v: through(x, 1, k[1], v)),
    put("mask", M, LIT, tensor(5, seed=27)),
    put("mask-number", M, LIT, 0.0),
    put("mask-rows", M, mask([True, False, True]), tensor(4, seed=28)),
    put("mask-none-lit", V, mask([False] * 6), 1.0),
    put("transposed", F, (slice(None), 1), tensor(3, seed=29)),
    put("int64", INTS, (0, slice(None)), 9),
    put("int64-tensor", INTS, 1, of([4, 3, 2, 1], "int64")),
    put("complex", Z, 0, 1 - 2j),
    put("complex-from-real", Z, 0, tensor(4, seed=30)),
    put("float32-into-double", V, slice(0, 2), tensor(2, dtype="float32", seed=31)),
    put("int-into-double", V, slice(0, 2), of([3, 4], "int64")),
]


def gathered(x: Any, dim: int, index: Any) -> Any:
    """gather: the index may be shorter than the input in other dims."""
    if x.ndim == 0 or not index.size:
        return x[..., :0].reshape(index.shape) if x.ndim else x.reshape(index.shape)
    part = x[tuple(slice(None) if at == dim % x.ndim else slice(n) for at, n in enumerate(index.shape))]
    return np.take_along_axis(part, index, dim)


GATHER = [
    Sample("gather", name, (x, dim, index), gathered, differentiable=is_inexact(x.array.dtype))
    for name, x, dim, index in (
        ("columns", M, 1, indices([[0, 3], [2, 2], [1, 0]])),
        ("rows", M, 0, indices([[0, 1, 2, 1], [2, 2, 0, 0]])),
        ("negative-dim", M, -1, indices([[3], [0], [3]])),
        ("shorter", C, 2, indices([[[0, 3, 3], [1, 1, 1]]])),
        ("vector", V, 0, indices([5, 5, 0])),
        ("0d", tensor(), 0, indices(0)),
        ("empty", V, 0, indices([])),
        ("empty-of-other-dims", V, 0, of(np.zeros((2, 0)), "uint8")),
        ("transposed", F, 1, indices([[1, 2], [0, 0], [3, 1]])),
        ("int64", INTS, 1, indices([[0], [1], [2]])),
        ("complex", Z, 0, indices([[1, 1, 0, 2]])),
    )
]


def overwritten(x: Any, src: Any) -> Any:
    source = src.real if src.dtype.kind == "c" and x.dtype.kind != "c" else src
    return np.broadcast_to(source, x.shape).astype(x.dtype)


OVERWRITTEN = [
    *[
        Sample("copy_", name, args, overwritten, differentiable=is_inexact(args[0].array.dtype))
        for name, args in (
            ("same", (M, tensor(3, 4, seed=1))),
            ("row", (M, tensor(4, seed=2))),
            ("0d", (M, tensor(seed=3))),
            ("transposed", (F, M)),
            ("float32-to-double", (M, tensor(4, dtype="float32", seed=4))),
            ("double-to-float32", (tensor(3, dtype="float32"), tensor(3, seed=5))),
            ("int-to-double", (V, of(3, "int64"))),
            ("double-to-int", (INTS, M)),
            ("real-to-complex", (Z, M)),
            ("complex-to-real", (tensor(3, 4, seed=6), Z)),
            ("empty", (tensor(0), tensor(0, seed=7))),
        )
    ],
    *[
        Sample("fill", name, args, lambda x, value: np.full(x.shape, value, x.dtype), differentiable=differentiable)
        for name, args, differentiable in (
            ("number", (M, 2.5), True),
            ("tensor", (M, tensor(seed=1)), True),
            ("0d", (tensor(), -1.5), True),
            ("empty", (tensor(0), 1.0), True),
            ("int64", (INTS, 7.9), False),
        )
    ],
    *[
        Sample(
            "fill_",
            name,
            args,
            lambda x, value: np.full(x.shape, value, x.dtype),
            differentiable=is_inexact(args[0].array.dtype),
        )
        for name, args in (
            ("number", (M, 2.5)),
            ("int-number", (M, 3)),
            ("tensor", (M, tensor(seed=1))),
            ("transposed", (F, 1.0)),
            ("0d", (tensor(), -1.5)),
            ("int64", (INTS, 7)),
            ("int64-from-float", (INTS, 7.9)),
            ("bool", (tensor(3, dtype="bool"), True)),
            ("complex", (Z, 1 + 1j)),
            ("complex-tensor", (Z, tensor(dtype="complex128", seed=2))),
            ("float32", (tensor(3, dtype="float32"), 0.1)),
        )
    ],
    *[
        Sample("zero_", name, (x,), np.zeros_like, differentiable=is_inexact(x.array.dtype))
        for name, x in (
            ("2d", M),
            ("0d", tensor()),
            ("transposed", F),
            ("int64", INTS),
            ("complex", Z),
            ("empty", tensor(0)),
        )
    ],
]

SAMPLES = [*VIEWS, *ADVANCED, *WRITTEN, *GATHER, *OVERWRITTEN]
