"""Samples of functions of two tensors: angles and lengths, signs, remainders, logarithms of sums, bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from tests.engine.samples.arithmetic import AWAY, BELOW, Binary, samples_of
from tests.engine.samples.base import Reference, Sample, mask, of, tensor

REAL: dict[str, Any] = {"complex": False, "numbers": False}
NAN, INF = math.nan, math.inf


def wide(reference: Reference) -> Reference:
    """A reference on operands of their common dtype, integers as float64."""

    def computed(a: Any, b: Any) -> Any:
        common = np.result_type(a, b)
        common = np.dtype(np.float64) if common.kind in "iub" else common
        return reference(np.asarray(a).astype(common), np.asarray(b).astype(common))

    return computed


def log2_of_sum(a: Any, b: Any) -> Any:
    return np.log2(np.exp2(a) + np.exp2(b))


BINARIES = [
    Binary("atan2", np.arctan2, integers="float32", **REAL),
    Binary("hypot", wide(lambda a, b: (a * a + b * b) ** 0.5), integers=None, **REAL),
    Binary("copysign", wide(np.copysign), integers="float32", complex=False),
    Binary("fmax", np.fmax, **REAL),
    Binary("fmin", np.fmin, **REAL),
    Binary("fmod", np.fmod, left=AWAY, right=BELOW, complex=False),
    Binary("logaddexp", wide(lambda a, b: np.log(np.exp(a) + np.exp(b))), integers=None, numbers=False),
    Binary("logaddexp2", wide(log2_of_sum), integers=None, **REAL),
    Binary("xlogy", wide(lambda a, b: a * np.log(b)), right=(0.3, 2.3), integers="float32", complex=False),
    Binary("special.xlog1py", wide(lambda a, b: a * np.log1p(b)), right=(-0.6, 2.3), integers="float32", complex=False),
]


def plain(op: str, reference: Reference, rows: list[tuple[Any, ...]], **options: Any) -> list[Sample]:
    """A sample for each row: a name and the arguments."""
    return [Sample(op, name, tuple(args), reference, **options) for name, *args in rows]


ODD = of([NAN, 1.0, -INF, 0.0, -0.0, 2.0])
OTHER = of([1.0, NAN, 2.0, -0.0, 0.0, INF])
AT_ODD = [
    Sample(op, "odd-values", (ODD, OTHER), reference, smooth=False)
    for op, reference in (
        ("atan2", np.arctan2),
        ("hypot", np.hypot),
        ("copysign", np.copysign),
        ("fmax", np.fmax),
        ("fmin", np.fmin),
        ("fmod", np.fmod),
        ("logaddexp", np.logaddexp),
        ("logaddexp2", np.logaddexp2),
        ("xlogy", special.xlogy),
    )
]
TIES = (of([1.0, 2.0]), of([1.0, 3.0]))
MORE = [
    Sample("fmax", "ties", TIES, np.fmax, smooth=False),
    Sample("fmin", "ties", TIES, np.fmin, smooth=False),
    Sample("atan2", "origin", (of([0.0]), of([0.0])), np.arctan2, smooth=False),
    Sample("hypot", "huge", (of([3e200]), of([4e200])), np.hypot, smooth=False),
    Sample("logaddexp", "far", (of([1000.0, -1000.0]), of([999.0, -1001.0])), np.logaddexp),
    Sample("xlogy", "zero", (of([0.0, 0.0]), of([0.0, -1.0])), special.xlogy, smooth=False),
    Sample("xlogy", "number-first", (1.5, tensor(3, low=0.3, high=2)), special.xlogy),
    Sample("special.xlog1py", "number-first", (2, tensor(3, low=-0.5, high=2)), special.xlog1py),
]

X, Y = tensor(2, 3, low=0.3, high=1.9, seed=1), tensor(3, low=-1.9, high=1.9, seed=2)
POWERS = [
    *plain(
        "ldexp",
        lambda a, b: a * 2.0**b,
        [
            ("floats", X, Y),
            ("int-exponent", X, of([-1, 0, 3], "int64")),
            ("0d", tensor(), tensor(seed=3)),
            ("transposed", tensor(2, 3, seed=4, layout="F"), Y),
            ("empty", tensor(0, 3), Y),
            ("complex", tensor(3, dtype="complex128", seed=5), Y),
        ],
    ),
    Sample("ldexp", "float32", (tensor(3, dtype="float32"), tensor(3, dtype="float32", seed=1)),
           lambda a, b: a * 2.0**b),
    *plain(
        "float_power",
        lambda a, b: np.power(np.asarray(a).astype(np.result_type(a, np.float64)), b),
        [
            ("tensors", X, Y),
            ("number", X, 1.5),
            ("number-base", 1.5, Y),
            ("float32", tensor(3, dtype="float32", low=0.3, high=2), tensor(3, dtype="float32", seed=1)),
            ("0d", tensor(low=0.3, high=2), tensor(seed=1)),
            ("complex", tensor(3, dtype="complex128", low=0.4, high=1.6), Y),
            ("squared", X, 2),
        ],
    ),
    Sample("float_power", "int", (of([-2, 3], "int64"), 2), lambda a, b: np.array([4.0, 9.0]), differentiable=False),
    Sample("float_power", "int-tensors", (of([2, 3], "int64"), of([-1, 2], "int64")), lambda a, b: np.array([0.5, 9.0]),
           differentiable=False),
]  # fmt: skip

A, B = of([0b1100, -7, 9, 0], "int64"), of([0b1010, 3, 12, 5], "int64")
BYTES = (of([200, 3, 0], "uint8"), of([100, 9, 7], "uint8"))
WHOLE = [
    Sample(op, name, args, reference, differentiable=False)
    for op, reference in (("gcd", np.gcd), ("lcm", np.lcm))
    for name, args in (
        ("int64", (A, B)),
        ("row", (of([[4, 6, 8, 9], [10, 15, 20, 25]], "int32"), of([6, 4, 12, 3], "int32"))),
        ("0d", (of(12, "int64"), of(18, "int64"))),
        ("empty", (of(np.zeros((0, 2)), "int64"), of([1, 2], "int64"))),
        ("mixed", (of([4, 6], "int32"), of([6, 9], "int64"))),
    )
]
SHIFTS = [
    Sample(op, name, args, reference, dtype=dtype, differentiable=False)
    for op, reference in (("bitwise_left_shift", np.left_shift), ("bitwise_right_shift", np.right_shift))
    for name, args, dtype in (
        ("int64", (A, of([1, 2, 0, 3], "int64")), None),
        ("number", (A, 2), None),
        ("row", (of([[1, 2], [3, -4]], "int32"), of([1, 3], "int32")), None),
        ("uint8", (of([200, 3], "uint8"), of([1, 2], "uint8")), "uint8"),
        ("0d", (of(5, "int64"), of(2, "int64")), None),
    )
]
TRUTHS = [
    Sample("logical_xor", name, args, np.logical_xor, differentiable=False)
    for name, args in (
        ("bool", (mask([True, False, True]), mask([True, True, False]))),
        ("row", (of([[0.0, 1.5], [2.0, 0.0]]), of([1.0, 0.0]))),
        ("int-with-float", (of([0, 3], "int64"), of([1.0, 0.0]))),
        ("0d", (of(1.0), of(0.0))),
        ("complex", (of([0j, 1j], "complex128"), of([1.0, 2.0]))),
    )
]
STEPS = [
    Sample("nextafter", name, args, np.nextafter, smooth=False)
    for name, args in (
        ("row", (tensor(2, 3, seed=1), tensor(3, seed=2))),
        ("float32", (tensor(3, dtype="float32"), tensor(3, dtype="float32", seed=3))),
        ("equal", (of([1.0, 2.0]), of([1.0, 3.0]))),
        ("0d", (of(0.0), of(1.0))),
    )
] + [
    Sample("heaviside", name, args, np.heaviside, differentiable=None)
    for name, args in (
        ("row", (of([[-1.0, 0.0, 2.0], [0.0, 3.0, -0.5]]), of([0.5, 0.25, 2.0]))),
        ("0d", (of(0.0), of(0.5))),
        ("float32", (of([-1.0, 0.0], "float32"), of([0.5, 0.5], "float32"))),
    )
]
STEPS.append(Sample("heaviside", "int64", (of([-1, 0, 2], "int64"), of([5, 6, 7], "int64")),
                    lambda a, b: np.array([0, 6, 1]), differentiable=False))  # fmt: skip

P = of([1.0, 2.0, NAN, INF, 1.0])
Q = of([1.0 + 1e-9, 2.1, NAN, INF, -1.0])
CLOSE = [
    Sample("isclose", name, args, np.isclose, kwargs, differentiable=False)
    for name, args, kwargs in (
        ("plain", (P, Q), {}),
        ("tolerance", (P, Q), {"rtol": 0.1}),
        ("absolute", (P, Q), {"atol": 2.5, "rtol": 0.0}),
        ("equal-nan", (P, Q), {"equal_nan": True}),
        ("positional", (P, Q, 0.1, 0.0, True), {}),
        ("row", (tensor(2, 3, seed=1), tensor(3, seed=1)), {}),
        ("complex", (of([1j, 2.0], "complex128"), of([1j + 1e-9, 3.0], "complex128")), {}),
        ("float32", (of([1.0], "float32"), of([1.000001], "float32")), {}),
    )
] + [Sample("isclose", "int64", (of([1, 5], "int64"), of([1, 6], "int64")), np.equal, differentiable=False)]

Z = tensor(2, 3, dtype="complex128", seed=6)
COMPLEX = [
    *plain(
        "complex",
        lambda a, b: a + 1j * b,
        [
            ("row", tensor(2, 3, seed=1), tensor(3, seed=2)),
            ("0d", tensor(), tensor(seed=3)),
            ("transposed", tensor(2, 3, seed=4, layout="F"), tensor(2, 3, seed=5)),
            ("empty", tensor(0), tensor(0)),
        ],
    ),
    Sample("complex", "float32", (tensor(3, dtype="float32"), tensor(3, dtype="float32", seed=1)),
           lambda a, b: a + 1j * b, dtype="complex64"),
    *plain(
        "polar",
        lambda a, b: a * np.exp(1j * b),
        [
            ("row", tensor(2, 3, low=0.2, high=2, seed=1), tensor(3, seed=2)),
            ("0d", tensor(low=0.2, high=2), tensor(seed=3)),
                    ],
    ),
    Sample("polar", "float32", (tensor(3, dtype="float32", low=0.2, high=2), tensor(3, dtype="float32", seed=1)),
           lambda a, b: (a * np.exp(1j * b)), dtype="complex64"),
    *plain("angle", np.angle, [("complex", Z), ("0d", tensor(dtype="complex128")), ("real", tensor(2, 3, seed=7))]),
    Sample("angle", "complex64", (tensor(3, dtype="complex64"),), np.angle),
    Sample("angle", "odd-values", (of([NAN, -0.0, -INF, 0.0]),), lambda x: np.array([NAN, 0.0, np.pi, 0.0]),
           smooth=False),
    Sample("angle", "complex-zero", (of([0j, -1.0], "complex128"),), np.angle, smooth=False),
    Sample("angle", "int64", (of([-2, 3], "int64"),), lambda x: np.array([np.pi, 0]), dtype="float32",
           differentiable=False),
    *plain("isreal", np.isreal, [("complex", of([1j, 2.0, NAN], "complex128")), ("real", tensor(3))],
           differentiable=False),
]  # fmt: skip

SAMPLES = [
    *[sample for binary in BINARIES for sample in samples_of(binary)],
    *AT_ODD, *MORE, *POWERS, *WHOLE, *SHIFTS, *TRUTHS, *STEPS, *CLOSE, *COMPLEX,
]  # fmt: skip
