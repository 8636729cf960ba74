"""Samples of comparisons, logic and bits: none has a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import In, Reference, Sample, mask, of, tensor

COMPARISONS: list[tuple[str, Reference]] = [
    ("eq", np.equal),
    ("ne", np.not_equal),
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
]
LOGIC: list[tuple[str, Reference]] = [
    ("logical_and", np.logical_and),
    ("logical_or", np.logical_or),
]
BITS: list[tuple[str, Reference]] = [
    ("bitwise_and", np.bitwise_and),
    ("bitwise_or", np.bitwise_or),
    ("bitwise_xor", np.bitwise_xor),
]

A = of([[1.0, 2.0, 3.0], [-1.0, float("nan"), 0.0]])
B = of([1.0, 2.5, -3.0])
INTS, J = of([[3, 0, 5], [1, 6, 7]], "int64"), of([3, 1, 4], "int64")
P, Q = mask([[True, False, True], [False, False, True]]), mask([True, True, False])


def plain(op: str, reference: Reference, name: str, *args: Any, dtype: str | None = None) -> Sample:
    return Sample(op, name, args, reference, dtype=dtype, differentiable=False)


def everywhere(op: str, reference: Reference) -> list[Sample]:
    """Two tensors of several shapes and dtypes."""
    return [
        plain(op, reference, "row", A, B),
        plain(op, reference, "0d", of(1.0), of(2.0)),
        plain(op, reference, "outer", of([[1.0], [2.0]]), of([1.0, 2.0, 3.0])),
        plain(op, reference, "empty", tensor(0, 2), tensor(2)),
        plain(op, reference, "transposed", tensor(3, 3, seed=1, layout="F"), tensor(3, 3, seed=1)),
        plain(op, reference, "float32", tensor(4, dtype="float32"), of([0.5, 1.0, -1.0, 2.0], "float32")),
        plain(op, reference, "int64", INTS, J),
        plain(op, reference, "int-with-float", INTS, B),
        plain(op, reference, "bool", P, Q),
    ]


def comparisons(op: str, reference: Reference) -> list[Sample]:
    made = [
        *everywhere(op, reference),
        plain(op, reference, "number", A, 2.0),
        plain(op, reference, "int-number", A, 1),
        plain(op, reference, "int-with-float-number", INTS, 2.5),
        plain(op, reference, "bool-number", P, True),
        plain(op, reference, "0d-number", of(2.0), 2),
    ]
    if op in ("eq", "ne"):
        z = of([1 + 2j, 3j, 1.0], "complex128")
        made += [plain(op, reference, "complex", z, of([1 + 2j, 3.0, 1.0], "complex128"))]
        made += [plain(op, reference, "complex-number", z, 3j)]
    return made


def logic(op: str, reference: Reference) -> list[Sample]:
    z = of([0j, 3j, 1.0], "complex128")
    return [*everywhere(op, reference), plain(op, reference, "complex", z, Q)]


def bits(op: str, reference: Reference) -> list[Sample]:
    def one(name: str, a: In, b: Any, dtype: str | None = None) -> Sample:
        return plain(op, reference, name, a, b, dtype=dtype)

    return [
        one("bool", P, Q),
        one("int64", INTS, J),
        one("0d", of(6, "int64"), of(3, "int64")),
        one("int32-with-uint8", of([1, 6, 7], "int32"), of([3, 5, 255], "uint8"), "int32"),
        one("bool-with-int", Q, J),
        one("negative", of([-1, -8, 5], "int16"), of([3, 7, -2], "int16")),
        one("empty", of(np.zeros((0, 2)), "int64"), of([1, 2], "int64")),
        one("transposed", tensor(3, 2, dtype="int64", low=0, high=9, layout="F"), of([1, 6], "int64")),
        one("number", INTS, 5),
        one("bool-number", P, True),
    ]


NOT = [
    plain("logical_not", np.logical_not, "float", A),
    plain("logical_not", np.logical_not, "bool", P),
    plain("logical_not", np.logical_not, "int", INTS),
    plain("logical_not", np.logical_not, "0d", of(0.0)),
    plain("logical_not", np.logical_not, "complex", of([0j, 1j], "complex128")),
    plain("logical_not", np.logical_not, "empty", tensor(0)),
    plain("bitwise_not", np.invert, "bool", P),
    plain("bitwise_not", np.invert, "int64", INTS),
    plain("bitwise_not", np.invert, "uint8", of([0, 1, 255], "uint8")),
    plain("bitwise_not", np.invert, "0d", of(5, "int32")),
    plain("bitwise_not", np.invert, "transposed", tensor(2, 3, dtype="int64", layout="F")),
]

SAMPLES = [
    *[sample for op, reference in COMPARISONS for sample in comparisons(op, reference)],
    *[sample for op, reference in LOGIC for sample in logic(op, reference)],
    *[sample for op, reference in BITS for sample in bits(op, reference)],
    *NOT,
]
