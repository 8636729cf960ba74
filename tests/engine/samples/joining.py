"""Samples of joining tensors and cutting them apart."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from tests.engine.samples.base import In, Sample, of, tensor

A, B, D = tensor(2, 3, seed=1), tensor(2, 3, seed=2), tensor(1, 3, seed=3)
F = tensor(2, 3, seed=4, layout="F")
V = tensor(7, seed=5)
C = tensor(2, 3, 4, seed=6)
Z = tensor(2, 3, dtype="complex128", seed=7)
NONE = tensor(0, seed=8)
FLOAT = tensor(2, 3, dtype="float32", seed=9)
INTS = tensor(2, 3, dtype="int64", seed=10)


def joined(tensors: Any, dim: int = 0) -> Any:
    """cat, where 1-d empty tensors are left out."""
    wanted = [each for each in tensors if each.shape != (0,)] or tensors[:1]
    return np.concatenate(wanted, dim)


CAT = [
    Sample("cat", name, (tensors, *dim), joined, **options)
    for name, tensors, dim, options in (
        ("rows", (A, D), (), {}),
        ("columns", (A, B), (1,), {}),
        ("negative", [A, B], (-1,), {}),
        ("one", (A,), (0,), {}),
        ("three", (A, D, B), (0,), {}),
        ("transposed", (F, A), (0,), {}),
        ("vectors", (V, tensor(2, seed=11)), (), {}),
        ("empty-skipped", (A, NONE, B), (0,), {}),
        ("empty-part", (A, tensor(0, 3, seed=12)), (0,), {}),
        ("empty-all", (NONE, NONE), (0,), {}),
        ("3d", (C, C), (1,), {}),
        ("same-twice", (A, A), (0,), {}),
        ("mixed", (A, FLOAT), (0,), {}),
        ("complex-with-real", (Z, A), (0,), {}),
        ("int64", (INTS, INTS), (0,), {"differentiable": False}),
        ("int-with-float", (INTS, FLOAT), (0,), {"dtype": "float32"}),
        ("bool-with-int", (tensor(2, dtype="bool"), of([1, 2], "int32")), (0,), {"differentiable": False}),
    )
]
CAT.append(Sample("cat", "named", (), lambda tensors, dim: joined(tensors, dim), {"tensors": [A, B], "dim": 1}))

STACK = [
    Sample("stack", name, (tensors, *dim), np.stack, **options)
    for name, tensors, dim, options in (
        ("front", (A, B), (), {}),
        ("middle", (A, B), (1,), {}),
        ("last", [A, B, F], (-1,), {}),
        ("0d", (tensor(seed=1), tensor(seed=2)), (0,), {}),
        ("one", (V,), (0,), {}),
        ("empty", (NONE, NONE), (0,), {}),
        ("mixed", (A, FLOAT), (0,), {}),
        ("complex", (Z, A), (2,), {}),
        ("int64", (INTS, INTS), (0,), {"differentiable": False}),
    )
]


def unbound(x: Any, dim: int = 0) -> list[Any]:
    return [np.take(x, at, dim) for at in range(x.shape[dim])]


def parts(x: Any, size: Any, dim: int = 0) -> list[Any]:
    """split by a size or by sizes."""
    length = x.shape[dim]
    if isinstance(size, int):
        size = [min(size, length - start) for start in range(0, length, size)] if length else [0]
    ends = np.cumsum([0, *size])
    return [np.take(x, range(a, b), dim) for a, b in pairwise(ends)]


def chunks(x: Any, count: int, dim: int = 0) -> list[Any]:
    length = x.shape[dim]
    return [x] * count if not length else parts(x, max(-(-length // count), 1), dim)


def cut(op: str, reference: Any, table: list[tuple[str, In, tuple[Any, ...]]]) -> list[Sample]:
    return [
        Sample(op, name, (x, *args), reference, differentiable=x.array.dtype.kind in "fc") for name, x, args in table
    ]


CUT = [
    *cut(
        "unbind",
        unbound,
        [
            ("rows", A, ()),
            ("columns", A, (1,)),
            ("negative", C, (-2,)),
            ("transposed", F, (0,)),
            ("vector", V, (0,)),
            ("int64", INTS, (0,)),
            ("complex", Z, (1,)),
        ],
    ),
    *cut(
        "split",
        parts,
        [
            ("even", C, (2, 2)),
            ("uneven", V, (3,)),
            ("too-big", V, (9,)),
            ("negative", A, (2, -1)),
            ("empty", NONE, (3,)),
            ("sizes", V, ([2, 0, 5],)),
            ("sizes-dim", A, ((1, 2), 1)),
            ("transposed", F, (2, 1)),
            ("int64", INTS, (1, 0)),
            ("complex", Z, ([1, 2], 1)),
        ],
    ),
    *cut(
        "chunk",
        chunks,
        [
            ("even", A, (2,)),
            ("uneven", V, (3,)),
            ("many", tensor(3), (7,)),
            ("dim", C, (2, 2)),
            ("negative", C, (3, -1)),
            ("one", V, (1,)),
            ("int64", INTS, (2, 1)),
        ],
    ),
    Sample(
        "split",
        "named",
        (V,),
        lambda x, split_size_or_sections, dim: parts(x, split_size_or_sections, dim),
        {"split_size_or_sections": 4, "dim": 0},
        torch=False,
    ),
    Sample("chunk", "named", (V,), lambda x, chunks, dim: parts(x, 4, dim), {"chunks": 2, "dim": 0}),
]

SAMPLES = [*CAT, *STACK, *CUT]
