"""Samples of elementwise arithmetic of two operands: broadcasting, promotion, Python numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.engine.samples.base import In, Reference, Sample, mask, numpy_dtype, of, tensor

SHAPES: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
    ("0d", (), ()),
    ("1d", (5,), (5,)),
    ("row", (3, 4), (4,)),
    ("outer", (2, 1, 3), (4, 1)),
    ("0d-right", (3,), ()),
    ("0d-left", (), (2, 2)),
    ("ones", (1,), (4,)),
    ("empty", (0, 3), (1, 3)),
]


@dataclass(frozen=True)
class Binary:
    """An op of two tensors: its reference, the domains of both sides, and the dtypes it takes."""

    op: str
    reference: Reference
    left: tuple[float, float] = (-1.9, 2.3)
    right: tuple[float, float] = (-2.2, 1.7)
    complex: bool = True
    integers: str | None = "int64"  # the dtype of int64 with int64
    differentiable: bool | None = True
    numbers: bool = True  # the right side may be a Python number


def sides(
    b: Binary, dtype: str, other: str, a: tuple[int, ...], c: tuple[int, ...], layout: str = "C"
) -> tuple[In, In]:
    low, high = b.left
    low2, high2 = b.right
    return (
        tensor(*a, dtype=dtype, low=low, high=high, seed=1, layout=layout),
        tensor(*c, dtype=other, low=low2, high=high2, seed=2),
    )


def samples_of(b: Binary) -> list[Sample]:
    """The calls every op of two operands is tried with."""

    def one(name: str, args: tuple[Any, ...], dtype: str | None = None, **options: Any) -> Sample:
        return Sample(b.op, name, args, b.reference, dtype=dtype, **{"differentiable": b.differentiable, **options})

    made = [one(name, sides(b, "float64", "float64", *shapes)) for name, *shapes in SHAPES]
    made.append(one("transposed", sides(b, "float64", "float64", (3, 4), (3, 4), "F")))
    made.append(one("float32", sides(b, "float32", "float32", (2, 3), (3,))))
    made.append(one("mixed-floats", sides(b, "float32", "float64", (2, 3), (3,))))
    made.append(one("0d-double-with-float", sides(b, "float32", "float64", (2, 3), ()), "float32"))
    made.append(one("float-with-int", sides(b, "float32", "int64", (2, 3), (3,)), "float32"))
    if b.complex:
        made.append(one("complex128", sides(b, "complex128", "complex128", (2, 3), (3,))))
        made.append(one("real-with-complex", sides(b, "float64", "complex128", (2, 3), (2, 1))))
        made.append(one("complex-with-real", sides(b, "complex128", "float64", (3,), (2, 3))))
    if b.integers:
        made.append(one("int64", whole(b, "int64", "int64"), b.integers, differentiable=False))
        dtype = "int32" if b.integers == "int64" else b.integers
        made.append(one("int32-with-uint8", whole(b, "int32", "uint8"), dtype, differentiable=False))
    return made + (with_numbers(b) if b.numbers else [])


def whole(b: Binary, dtype: str, other: str) -> tuple[In, In]:
    """Integer operands, the right one never zero."""
    return of([[7, 1, 9], [3, 250, 4]], dtype), of([2, 3, 5], other)


def with_numbers(b: Binary) -> list[Sample]:
    """A Python number on the right: it changes the dtype only by its category."""

    def one(name: str, left: In, number: Any, dtype: str | None = None, **options: Any) -> Sample:
        options = {"differentiable": b.differentiable, **options}
        return Sample(b.op, name, (left, number), b.reference, dtype=dtype, **options)

    low, high = b.left
    real = tensor(2, 3, low=low, high=high, seed=3)
    made = [
        one("number", real, 1.7),
        one("int-number", real, 2),
        one("float32-number", tensor(4, dtype="float32", low=low, high=high, seed=4), 1.3, "float32"),
        one("0d-number", tensor(low=low, high=high, seed=5), 0.9),
    ]
    if b.integers:
        positive = tensor(2, 3, dtype="int64", low=1, high=9, seed=6)
        made.append(one("int-with-float-number", positive, 1.7, "float32", differentiable=False))
        made.append(one("int-with-int-number", positive, 3, b.integers, differentiable=False))
    if b.complex:
        made.append(one("complex-number", real, 1.2 - 0.7j, "complex128"))
        made.append(one("complex-with-number", tensor(3, dtype="complex128", low=low, high=high, seed=7), -1.3))
    return made


def scaled_sum(a: Any, b: Any, alpha: Any = 1) -> Any:
    return a + alpha * b


def power(a: Any, b: Any) -> Any:
    """A power in at least the dtype torch computes in, so that integer ones stay exact."""
    return np.power(a, b)


AWAY = (1.1, 4.9)  # no quotient of AWAY and BELOW is near an integer where remainder jumps
BELOW = (5.2, 6.9)

BINARIES = [
    Binary("add", scaled_sum),
    Binary("sub", lambda a, b, alpha=1: a - alpha * b),
    Binary("rsub", lambda a, b, alpha=1: b - alpha * a),
    Binary("mul", np.multiply),
    Binary("div", np.true_divide, right=(0.4, 2.4), integers="float32"),
    Binary("pow", power, left=(0.3, 2.3), integers=None),
    Binary("maximum", np.maximum, complex=False, numbers=False),
    Binary("minimum", np.minimum, complex=False, numbers=False),
    Binary("remainder", np.remainder, left=AWAY, right=BELOW, complex=False, integers="int64"),
    Binary("floor_divide", np.floor_divide, left=AWAY, right=BELOW, complex=False, differentiable=None),
]


def whole_quotient(a: Any, b: Any, *, rounding_mode: str | None) -> Any:
    exact = np.true_divide(a, b)
    return {"trunc": np.trunc, "floor": np.floor, None: lambda x: x}[rounding_mode](exact)


def divisions() -> list[Sample]:
    """div with a rounding mode."""
    a, b = tensor(2, 3, low=-6.9, high=8, seed=1), tensor(3, low=1.1, high=2.4, seed=2)
    ints = (of([-7, 7, -8, 9], "int64"), of([2, -2, 3, 4], "int64"))
    made = []
    for mode in ("trunc", "floor"):
        options = {"kwargs": {"rounding_mode": mode}}
        made += [
            Sample("div", mode, (a, b), whole_quotient, **options),
            Sample("div", f"{mode}-number", (a, 1.7), whole_quotient, **options),
            Sample("div", f"{mode}-int64", ints, whole_quotient, dtype="int64", differentiable=False, **options),
        ]
    made.append(Sample("div", "none", (a, b), whole_quotient, {"rounding_mode": None}))
    made.append(Sample("div", "none-int64", ints, whole_quotient, {"rounding_mode": None}, "float32", False))
    made.append(Sample("div", "by-zero", (of([1.0, -1.0, 0.0]), of([0.0, 0.0, 0.0])), np.true_divide, smooth=False))
    return made


def with_alpha() -> list[Sample]:
    a, b = tensor(2, 3, seed=1), tensor(3, seed=2)
    z = tensor(3, dtype="complex128", seed=3)
    i, j = of([1, 2, 3], "int64"), of([4, 5, 6], "int64")
    references = {each.op: each.reference for each in BINARIES[:3]}
    made = []
    for op, reference in references.items():
        made += [
            Sample(op, "alpha", (a, b), reference, {"alpha": -2.5}),
            Sample(op, "alpha-int", (i, j), reference, {"alpha": 3}, differentiable=False),
            Sample(op, "alpha-zero", (a, b), reference, {"alpha": 0}),
            Sample(op, "alpha-number", (a, 2), reference, {"alpha": 0.5}),
            Sample(op, "alpha-complex", (z, z), reference, {"alpha": 2 - 1j}),
        ]
    return made


def powers() -> list[Sample]:
    """The exponents with formulas of their own, integer powers, numbers to the power of tensors."""
    x = tensor(2, 3, low=0.3, high=2.3, seed=1)
    negative = tensor(5, low=-2.2, high=-0.3, seed=2)
    i = of([[-3, 2, 0], [1, 5, -1]], "int64")
    z = tensor(3, dtype="complex128", low=0.3, high=1.8, seed=3)
    made = [
        Sample("pow", f"to-{exponent}", (x, exponent), power)
        for exponent in (0, 1, 2, 3, -1, -2, 0.5, -0.5, 0.0, 2.0, 2.5)
    ]
    made += [
        Sample("pow", "negative-base", (negative, 3), power),
        Sample("pow", "negative-base-tensor", (negative, of([2.0, 3.0, -1.0, 0.0, 1.0], grad=False)), power),
        Sample("pow", "at-zero", (of([0.0, -0.0, 2.0]), 2), power, smooth=False),
        Sample("pow", "at-zero-0.5", (of([0.0, 4.0]), 0.5), power, smooth=False),
        Sample("pow", "zero-to-tensor", (of([0.0, 0.0, 0.0]), of([0.0, 1.0, 2.0])), power, smooth=False),
        Sample("pow", "number-base", (2.5, x), power),
        Sample("pow", "int-base", (2, x), power),
        Sample("pow", "zero-base", (0, x), power, smooth=False),
        Sample("pow", "int-base-int", (2, of([0, 3, 5], "int64")), power, differentiable=False),
        Sample("pow", "int-squared", (i, 2), power, differentiable=False),
        Sample("pow", "int-cubed", (i, 3), power, differentiable=False),
        Sample("pow", "int-to-float", (of([1, 4, 9], "int64"), 0.5), power, dtype="float32", differentiable=False),
        Sample("pow", "int-tensors", (i, of([0, 1, 2], "int64")), power, differentiable=False),
        Sample("pow", "complex-squared", (z, 2), power),
        Sample("pow", "complex-to-complex-number", (z, 1.5 - 0.5j), power),
        Sample("pow", "complex-zeroth", (z, 0), power),
        Sample("pow", "number-to-complex", (1.7, z), power),
        Sample("pow", "complex-base", (1.7 - 0.3j, x), power),
    ]
    return made


def remainders() -> list[Sample]:
    signs = (of([-5.5, 5.5, -5.5, 5.5]), of([3.0, -3.0, -3.0, 3.0]))
    ints = (of([-7, 7, -7, 7], "int64"), of([3, -3, -3, 3], "int64"))
    return [
        Sample("remainder", "signs", signs, lambda a, b: a - b * np.floor(a / b)),
        Sample("remainder", "int-signs", ints, lambda a, b: a - b * np.floor(a / b).astype(int), differentiable=False),
        Sample("floor_divide", "signs", signs, lambda a, b: np.floor(a / b), differentiable=None),
        Sample("floor_divide", "int-signs", ints, lambda a, b: np.floor(a / b), dtype="int64", differentiable=False),
    ]


def extrema() -> list[Sample]:
    ties = (of([1.0, 2.0, 3.0]), of([1.0, 5.0, -3.0]))
    nans = (of([math.nan, 1.0, math.nan]), of([1.0, math.nan, math.nan]))
    made = []
    for op, reference in (("maximum", np.maximum), ("minimum", np.minimum)):
        made += [
            Sample(op, "ties", ties, reference, smooth=False),
            Sample(op, "nan", nans, reference, smooth=False),
            Sample(op, "bool", (mask([True, False]), mask([True, True])), reference, differentiable=False),
        ]
        made += [
            Sample(op[:3], f"of-two-{name}", args, reference)
            for name, args in (("row", (tensor(2, 3, seed=1), tensor(3, seed=2))), ("0d", (tensor(), tensor(seed=3))))
        ]
    return made


def choices() -> list[Sample]:
    """where: the condition broadcasts too, and both operands may be numbers."""
    when = mask([[True, False, True], [False, False, True]])
    a, b = tensor(2, 3, seed=1), tensor(3, seed=2)
    return [
        Sample("where", "plain", (when, a, tensor(2, 3, seed=3)), np.where),
        Sample("where", "method", (when, a, tensor(2, 3, seed=3)), np.where, call=lambda _, c, x, y: x.where(c, y)),
        Sample("where", "broadcast", (mask([True, False, True]), a, b), np.where),
        Sample("where", "condition-wide", (when, tensor(1, seed=4), tensor(seed=5)), np.where),
        Sample("where", "transposed", (when, tensor(2, 3, seed=1, layout="F"), b), np.where),
        Sample("where", "number-right", (when, a, 0.5), np.where),
        Sample("where", "number-left", (when, -1, b), np.where),
        Sample("where", "numbers", (when, 1.5, 2), np.where, dtype="float32", differentiable=False),
        Sample("where", "int-numbers", (when, 1, 2), np.where, differentiable=False),
        Sample("where", "0d", (mask(True), tensor(seed=6), tensor(seed=7)), np.where),
        Sample("where", "empty", (mask(np.ones((0, 3))), tensor(0, 3), tensor(3)), np.where),
        Sample("where", "mixed", (when, tensor(2, 3, dtype="float32", seed=8), b), np.where),
        Sample("where", "complex", (when, tensor(2, 3, dtype="complex128", seed=9), b), np.where),
        Sample("where", "int", (when, of([1, 2, 3], "int32"), of([4, 5, 6], "int64")), np.where, differentiable=False),
    ]


def small_types() -> list[Sample]:
    """What is peculiar to bools, wrapping integers and half types."""
    b, c = mask([True, False, True]), mask([True, True, False])
    u, v = of([200, 100, 3], "uint8"), of([100, 200, 4], "uint8")
    made = [
        Sample("add", "bool", (b, c), np.logical_or, differentiable=False),
        Sample("add", "bool-number", (b, 1), lambda a, n: a.astype(np.int64) + n, differentiable=False),
        Sample("add", "bool-true", (b, True), lambda a, n: a | n, differentiable=False),
        Sample(
            "add", "uint8-wraps", (u, v), lambda a, b: (a.astype(int) + b) % 256, dtype="uint8", differentiable=False
        ),
        Sample(
            "add", "uint8-number", (u, 300), lambda a, n: (a.astype(int) + n) % 256, dtype="uint8", differentiable=False
        ),
        Sample("mul", "bool", (b, c), np.logical_and, differentiable=False),
        Sample("mul", "bool-float", (b, tensor(3, seed=1)), np.multiply),
        Sample(
            "mul",
            "int-with-complex",
            (of([1, 2], "int64"), tensor(2, dtype="complex64", seed=2)),
            np.multiply,
            dtype="complex64",
        ),
        Sample(
            "sub", "uint8-wraps", (v, u), lambda a, b: (a.astype(int) - b) % 256, dtype="uint8", differentiable=False
        ),
        Sample("div", "bool", (b, of([2, 4, 5], "int32")), np.true_divide, dtype="float32", differentiable=False),
    ]
    for dtype in ("float16", "bfloat16"):
        x, y = tensor(4, dtype=dtype, seed=1), tensor(4, dtype=dtype, low=0.4, high=2, seed=2)
        made += [
            Sample(op, dtype, (x, y), halves(reference), dtype=dtype)
            for op, reference in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("div", np.divide))
        ]
        made.append(
            Sample(
                "add", f"{dtype}-with-float", (x, tensor(4, dtype="float32", seed=3)), halves(np.add), dtype="float32"
            )
        )
    made.append(
        Sample(
            "add",
            "halves",
            (tensor(3, dtype="float16"), tensor(3, dtype="bfloat16", seed=4)),
            halves(np.add),
            dtype="float32",
        )
    )
    return made


def halves(reference: Reference) -> Reference:
    """A reference that widens half types to float64 first."""
    halves = (numpy_dtype("float16"), numpy_dtype("bfloat16"))
    return lambda a, b: reference(*[x.astype(np.float64) if x.dtype in halves else x for x in (a, b)])


REAL_PARTS = [
    Sample("conj", name, (x,), np.conjugate)
    for name, x in (
        ("real", tensor(3)),
        ("complex128", tensor(2, 3, dtype="complex128", seed=1)),
        ("complex64", tensor(3, dtype="complex64", seed=2)),
        ("0d", tensor(dtype="complex128", seed=3)),
        ("transposed", tensor(2, 3, dtype="complex128", seed=4, layout="F")),
    )
]

FIRST = tensor(2, 3, low=0.4, high=2.4, seed=40)
NUMBER_FIRST = [
    *[
        Sample(op, "number-first", (2.5, FIRST), reference)
        for op, reference in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("div", np.divide))
    ],
    Sample("add", "number-first-alpha", (2, FIRST), scaled_sum, {"alpha": 3}),
    Sample("add", "two-numbers", (2, 3.5), lambda a, b: np.float32(a + b), differentiable=False),
    Sample("floor_divide", "number-first", (7, of([2, -3], "int64")), np.floor_divide, differentiable=False),
]  # fmt: skip

SAMPLES = [
    *NUMBER_FIRST,
    *[sample for binary in BINARIES for sample in samples_of(binary)],
    *divisions(),
    *with_alpha(),
    *powers(),
    *remainders(),
    *extrema(),
    *choices(),
    *small_types(),
    *REAL_PARTS,
]
