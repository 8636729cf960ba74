"""Samples of ops that see values in another shape or copy them as they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.engine.samples.base import In, Sample, is_inexact, tensor

V, M, C = tensor(6, seed=1), tensor(3, 4, seed=2), tensor(2, 3, 4, seed=3)
F = tensor(3, 4, seed=4, layout="F")
STEP = tensor(2, 3, seed=5, layout="step")
Z = tensor(2, 3, dtype="complex128", seed=6)
INTS = tensor(2, 3, dtype="int64", seed=7)
ONES = tensor(1, 3, 1, 2, seed=8)

Row = tuple[str, In, tuple[Any, ...]]


def by_method(op: str) -> Any:
    """The call as a method, where torch's function does not take sizes one by one."""
    return lambda module, x, *args: getattr(x, op)(*args)


def rows(op: str, reference: Any, table: list[Row], **options: Any) -> list[Sample]:
    """A sample for each row; integers have no gradient."""
    made = []
    for name, x, args in table:
        call = by_method(op) if op in ("reshape", "permute") and args and isinstance(args[0], int) else None
        more = {"differentiable": is_inexact(x.array.dtype), "call": call, **options}
        made.append(Sample(op, name, (x, *args), reference, **more))
    return made


def size_of(args: tuple[Any, ...]) -> Any:
    return args[0] if len(args) == 1 and not isinstance(args[0], int) else args


def shaped(x: Any, *size: Any, **named: Any) -> Any:
    return np.ascontiguousarray(x).reshape(size_of(size) if size else named["shape"])


RESHAPED: list[Row] = [
    ("tuple", M, ((4, 3),)),
    ("ints", M, (2, 6)),
    ("inferred", M, (-1,)),
    ("inferred-middle", C, (2, -1, 2)),
    ("same", M, (3, 4)),
    ("to-0d", tensor(1, 1, seed=9), ((),)),
    ("from-0d", tensor(seed=10), (1, 1)),
    ("ones", V, (1, 6, 1)),
    ("empty", tensor(0, 3), (3, 0)),
    ("int64", INTS, (6,)),
    ("complex", Z, (3, 2)),
]
RESHAPE = [
    *rows(
        "reshape", shaped, [*RESHAPED, ("transposed", F, (2, 6)), ("strided", STEP, (3, 2)), ("split", F, (3, 2, 2))]
    ),
    Sample("reshape", "named", (M,), shaped, {"shape": (2, 6)}),
    *rows("view", shaped, [*RESHAPED, ("split-transposed", F, (3, 2, 2)), ("strided", STEP, (2, 3, 1))]),
    *rows(
        "ravel",
        lambda x: np.ascontiguousarray(x).reshape(-1),
        [("2d", M, ()), ("transposed", F, ()), ("0d", tensor(), ())],
    ),
]


def flat(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if x.ndim == 0:
        return x.reshape(1)
    first, last = start_dim % x.ndim, end_dim % x.ndim
    return np.ascontiguousarray(x).reshape(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])


FLATTEN = [
    *rows(
        "flatten",
        flat,
        [
            ("all", C, ()),
            ("start", C, (1,)),
            ("range", C, (0, 1)),
            ("negative", C, (-2, -1)),
            ("one", C, (1, 1)),
            ("0d", tensor(), ()),
            ("transposed", F, ()),
            ("empty", tensor(0, 3), ()),
        ],
    ),
    Sample("flatten", "named", (C,), flat, {"start_dim": 1}),
]

LIKE = [
    Sample(op, name, (x, like), lambda x, other: np.ascontiguousarray(x).reshape(other.shape))
    for op in ("view_as", "reshape_as")
    for name, x, like in (
        ("plain", V, tensor(2, 3, grad=False)),
        ("0d", tensor(1, seed=1), tensor(grad=False)),
        ("empty", tensor(0, 2), tensor(2, 0, 3, grad=False)),
    )
]

DIMS = [
    *rows(
        "transpose",
        np.swapaxes,
        [
            ("2d", M, (0, 1)),
            ("3d", C, (0, 2)),
            ("negative", C, (-1, -2)),
            ("same", C, (1, 1)),
            ("transposed", F, (0, 1)),
            ("empty", tensor(0, 3), (0, 1)),
            ("int64", INTS, (1, 0)),
            ("complex", Z, (0, -1)),
        ],
    ),
    Sample("transpose", "0d", (tensor(), 0, -1), lambda x, a, b: x),
    Sample("transpose", "named", (C,), lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1), {"dim0": 0, "dim1": 1}),
    *rows("t", np.transpose, [("2d", M, ()), ("1d", V, ()), ("0d", tensor(), ()), ("transposed", F, ())]),
    *rows("T", np.transpose, [("2d", M, ()), ("transposed", F, ()), ("complex", Z, ())]),
    *rows("mT", lambda x: np.swapaxes(x, -1, -2), [("2d", M, ()), ("3d", C, ()), ("empty", tensor(2, 0), ())]),
    *rows("mH", lambda x: np.conjugate(np.swapaxes(x, -1, -2)), [("2d", M, ()), ("complex", Z, ()), ("3d", C, ())]),
    *rows(
        "permute",
        lambda x, *dims: np.transpose(x, size_of(dims)),
        [
            ("tuple", C, ((2, 0, 1),)),
            ("ints", C, (1, 0, 2)),
            ("negative", C, ((-1, 0, 1),)),
            ("same", M, (0, 1)),
            ("0d", tensor(), ((),)),
            ("transposed", F, (1, 0)),
        ],
    ),
    *rows(
        "unsqueeze",
        np.expand_dims,
        [
            ("front", M, (0,)),
            ("middle", M, (1,)),
            ("last", M, (-1,)),
            ("negative", M, (-3,)),
            ("0d", tensor(), (0,)),
            ("transposed", F, (1,)),
            ("empty", tensor(0), (1,)),
            ("int64", INTS, (2,)),
        ],
    ),
]


def squeezed(x: Any, dim: Any = None) -> Any:
    if dim is None:
        return np.squeeze(x)
    dims = {each % max(x.ndim, 1) for each in (dim if isinstance(dim, tuple | list) else (dim,))}
    return x.reshape([n for at, n in enumerate(x.shape) if n != 1 or at not in dims])


SQUEEZE = rows(
    "squeeze",
    squeezed,
    [
        ("all", ONES, ()),
        ("none", M, ()),
        ("dim", ONES, (0,)),
        ("negative", ONES, (-2,)),
        ("not-one", ONES, (1,)),
        ("dims", ONES, ((0, 2),)),
        ("0d", tensor(), ()),
        ("0d-dim", tensor(), (0,)),
        ("to-0d", tensor(1, 1), ()),
        ("int64", tensor(1, 3, dtype="int64"), (0,)),
    ],
)


def widened(x: Any, *size: Any) -> Any:
    shape = size_of(size)
    extra = len(shape) - x.ndim
    return np.broadcast_to(x, [x.shape[at - extra] if n == -1 else n for at, n in enumerate(shape)])


WIDE: list[Row] = [
    ("row", tensor(3, seed=1), ((4, 3),)),
    ("column", tensor(3, 1, seed=2), (3, 2)),
    ("0d", tensor(seed=3), ((2, 2),)),
    ("new-dims", tensor(1, 3, seed=4), (2, 2, 3)),
    ("same", M, ((3, 4),)),
    ("to-empty", tensor(1, 3, seed=5), (0, 3)),
    ("int64", tensor(1, 2, dtype="int64"), (3, 2)),
]
EXPAND = [
    *rows("expand", widened, [*WIDE, ("kept", tensor(3, 1, seed=6), (-1, 4))]),
    *rows("broadcast_to", widened, [each for each in WIDE if len(each[2]) == 1]),
    Sample("expand_as", "row", (tensor(3), tensor(2, 3, grad=False)), lambda x, other: np.broadcast_to(x, other.shape)),
    Sample("expand_as", "0d", (tensor(), tensor(2, 3, grad=False)), lambda x, other: np.broadcast_to(x, other.shape)),
]

PARTS = [
    *rows(
        "select",
        lambda x, dim, index: np.take(x, index, dim),
        [
            ("first", M, (0, 0)),
            ("last", M, (1, -1)),
            ("3d", C, (1, 2)),
            ("negative", C, (-1, -4)),
            ("vector", V, (0, 3)),
            ("transposed", F, (1, 2)),
            ("int64", INTS, (0, 1)),
            ("empty", tensor(0, 3), (1, 2)),
        ],
    ),
    *rows(
        "narrow",
        lambda x, dim, start, length: np.take(x, range(start % x.shape[dim], start % x.shape[dim] + length), dim),
        [
            ("front", M, (0, 0, 2)),
            ("middle", M, (1, 1, 2)),
            ("negative", C, (-1, -3, 2)),
            ("none", M, (0, 1, 0)),
            ("whole", M, (1, 0, 4)),
            ("transposed", F, (0, 1, 2)),
            ("int64", INTS, (1, 1, 1)),
        ],
    ),
]


def strided(x: Any, size: Any, stride: Any, storage_offset: int = 0) -> Any:
    memory = np.ascontiguousarray(x).reshape(-1)
    out = np.zeros(size, x.dtype)
    for place in np.ndindex(*size):
        out[place] = memory[storage_offset + sum(a * b for a, b in zip(place, stride, strict=True))]
    return out


STRIDED = [
    *rows(
        "as_strided",
        strided,
        [
            ("plain", M, ((2, 2), (4, 1))),
            ("overlapping", V, ((3, 3), (1, 1))),
            ("repeated", V, ((2, 3), (0, 2))),
            ("offset", V, ((2, 2), (2, 1), 1)),
            ("to-0d", V, ((), (), 4)),
            ("empty", V, ((0, 2), (1, 1))),
            ("int64", INTS, ((3,), (2,))),
        ],
    ),
    Sample("as_strided", "named", (V,), strided, {"size": (2,), "stride": (3,), "storage_offset": 1}),
]

COPIED: list[Row] = [
    ("2d", M, ()),
    ("0d", tensor(), ()),
    ("transposed", F, ()),
    ("strided", STEP, ()),
    ("empty", tensor(0, 3), ()),
    ("int64", INTS, ()),
    ("complex", Z, ()),
    ("float32", tensor(3, dtype="float32"), ()),
    ("bfloat16", tensor(3, dtype="bfloat16"), ()),
]
COPIES = [each for op in ("clone", "contiguous") for each in rows(op, np.array, COPIED)]

COMPLEX_PARTS = [
    *rows(
        "view_as_real",
        lambda x: np.stack([x.real, x.imag], -1),
        [
            ("2d", Z, ()),
            ("0d", tensor(dtype="complex128"), ()),
            ("transposed", tensor(2, 3, dtype="complex128", layout="F"), ()),
        ],
    ),
    Sample("view_as_real", "complex64", (tensor(3, dtype="complex64"),), lambda x: np.stack([x.real, x.imag], -1)),
    *rows(
        "view_as_complex",
        lambda x: x[..., 0] + 1j * x[..., 1],
        [("2d", tensor(3, 2, seed=1), ()), ("1d", tensor(2, seed=2), ()), ("3d", tensor(2, 2, 2, seed=3), ())],
    ),
    Sample(
        "view_as_complex",
        "float32",
        (tensor(3, 2, dtype="float32"),),
        lambda x: x[..., 0] + 1j * x[..., 1],
        dtype="complex64",
    ),
    *[
        each
        for op, reference in (("real", np.real), ("imag", np.imag))
        for each in rows(
            op,
            reference,
            [("2d", Z, ()), ("0d", tensor(dtype="complex128"), ()), ("empty", tensor(0, dtype="complex128"), ())],
        )
    ],
    Sample("real", "of-real", (M,), lambda x: x),
    Sample("real", "complex64", (tensor(3, dtype="complex64"),), np.real),
    Sample("imag", "complex64", (tensor(3, dtype="complex64"),), np.imag),
]

DETACHED = [
    Sample("detach", name, (x,), lambda x: x, differentiable=False)
    for name, x in (("2d", M), ("0d", tensor()), ("transposed", F), ("int64", INTS), ("empty", tensor(0)))
]

SAMPLES = [
    *RESHAPE, *FLATTEN, *LIKE, *DIMS, *SQUEEZE, *EXPAND, *PARTS, *STRIDED, *COPIES, *COMPLEX_PARTS, *DETACHED,
]  # fmt: skip
