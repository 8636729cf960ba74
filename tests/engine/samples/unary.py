"""Samples of the elementwise functions of one tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from tests.engine.samples.base import Reference, Sample, numpy_dtype, of, tensor


@dataclass(frozen=True)
class Function:
    """A unary op: its reference, its domain, and what it does to dtypes.

    `integers`: `float` (the default floating dtype), `same`, or None where torch refuses; `bools` likewise.
    """

    op: str
    reference: Reference
    low: float = -1.9
    high: float = 2.3
    complex: bool = True
    integers: str | None = "float"
    bools: str | None = "float"
    half: bool = True
    differentiable: bool = True
    result: str | None = None  # the dtype of every result


def samples_of(f: Function) -> list[Sample]:
    """The calls every unary op is tried with."""
    out = {"differentiable": f.differentiable, "dtype": f.result}

    def one(name: str, value: Any, **changed: Any) -> Sample:
        return Sample(f.op, name, (value,), f.reference, **{**out, **changed})

    low, high = f.low, f.high
    made = [
        one("0d", tensor(low=low, high=high)),
        one("1d", tensor(5, low=low, high=high, seed=1)),
        one("2d-transposed", tensor(3, 4, low=low, high=high, seed=2, layout="F")),
        one("strided", tensor(2, 3, low=low, high=high, seed=3, layout="step")),
        one("3d", tensor(2, 1, 3, low=low, high=high, seed=4)),
        one("empty", tensor(0, 3, low=low, high=high)),
        one("float32", tensor(2, 3, dtype="float32", low=low, high=high, seed=5)),
    ]
    if f.half:
        made += [
            one(name, tensor(4, dtype=name, low=low, high=high, seed=6), dtype=f.result or name)
            for name in ("float16", "bfloat16")
        ]
    if f.complex:
        made.append(one("complex128", tensor(2, 3, dtype="complex128", low=low, high=high, seed=7)))
        made.append(one("complex64", tensor(3, dtype="complex64", low=low, high=high, seed=8)))
    made += [one(kind, _whole(kind, f), dtype=_dtype(f, kind), differentiable=False) for kind in _whole_kinds(f)]
    return made


def _whole_kinds(f: Function) -> list[str]:
    return (["int64", "int32", "uint8"] if f.integers else []) + (["bool"] if f.bools else [])


def _dtype(f: Function, kind: str) -> str:
    policy = f.bools if kind == "bool" else f.integers
    return f.result or {"float": "float32", "same": kind}[policy or "same"]


def _whole(kind: str, f: Function) -> Any:
    low = max(f.low, 0) if kind == "uint8" else f.low
    return tensor(2, 3, dtype=kind, low=low, high=f.high + 1, seed=9)


def wide(reference: Reference) -> Reference:
    """A reference that computes half types in float64 and everything else as it is."""

    def computed(x: Any) -> Any:
        if x.dtype in (numpy_dtype("float16"), numpy_dtype("bfloat16")) or x.dtype.kind in "iub":
            return reference(x.astype(np.float64))
        return reference(x)

    return computed


def same(reference: Reference) -> Reference:
    """A reference for ops that leave integers as they are."""
    return lambda x: x if x.dtype.kind in "iub" else wide(reference)(x)


def sgn(x: Any) -> Any:
    return np.where(x == 0, 0, x / np.where(x == 0, 1, np.abs(x))) if x.dtype.kind == "c" else np.sign(x)


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


FLOATING = [
    ("exp", np.exp, -1.9, 2.3),
    ("expm1", np.expm1, -1.9, 2.3),
    ("log", np.log, 0.2, 3.0),
    ("log1p", np.log1p, -0.7, 2.3),
    ("log2", lambda x: np.log(x) / math.log(2), 0.2, 3.0),
    ("log10", lambda x: np.log(x) / math.log(10), 0.2, 3.0),
    ("sqrt", lambda x: x**0.5, 0.2, 3.0),
    ("rsqrt", lambda x: 1 / np.sqrt(x), 0.2, 3.0),
    ("reciprocal", lambda x: 1 / x, 0.3, 3.0),
    ("sin", np.sin, -1.9, 2.3),
    ("cos", np.cos, -1.9, 2.3),
    ("tan", lambda x: np.sin(x) / np.cos(x), -1.2, 1.3),
    ("sinh", lambda x: (np.exp(x) - np.exp(-x)) / 2, -1.9, 2.3),
    ("cosh", lambda x: (np.exp(x) + np.exp(-x)) / 2, -1.9, 2.3),
    ("asin", np.arcsin, -0.9, 0.8),
    ("acos", np.arccos, -0.9, 0.8),
    ("atan", np.arctan, -1.9, 2.3),
    ("tanh", lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1), -1.9, 2.3),
    ("sigmoid", logistic, -1.9, 2.3),
    ("asinh", np.arcsinh, -1.9, 2.3),
    ("acosh", np.arccosh, 1.2, 3.0),
    ("atanh", np.arctanh, -0.9, 0.8),
    ("exp2", lambda x: np.exp(x * math.log(2)), -1.9, 2.3),
]
REAL = [
    ("deg2rad", lambda x: x * (math.pi / 180), -90, 120),
    ("rad2deg", lambda x: x * (180 / math.pi), -1.9, 2.3),
    ("erf", special.erf, -1.9, 2.3),
    ("erfc", special.erfc, -1.9, 2.3),
    ("erfinv", special.erfinv, -0.8, 0.9),
    ("special.erfcx", special.erfcx, -1.2, 2.3),
    ("special.ndtr", special.ndtr, -1.9, 2.3),
    ("special.ndtri", special.ndtri, 0.1, 0.9),
    ("special.log_ndtr", special.log_ndtr, -1.9, 2.3),
    ("logit", special.logit, 0.1, 0.9),
    ("special.entr", special.entr, 0.2, 2.3),
    ("lgamma", special.gammaln, 0.3, 4.0),
    ("digamma", special.digamma, 0.3, 4.0),
]
NO_HALF = ("special.erfcx", "special.ndtri", "special.log_ndtr")

FUNCTIONS = [
    *[Function(op, wide(reference), low, high) for op, reference, low, high in FLOATING],
    *[
        Function(op, wide(reference), low, high, complex=False, half=op not in NO_HALF)
        for op, reference, low, high in REAL
    ],
    Function("sinc", wide(np.sinc)),
    Function("frac", wide(lambda x: x - np.trunc(x)), complex=False, integers=None, bools=None),
    Function("positive", wide(lambda x: x), integers="same", bools=None),
    Function("signbit", wide(np.signbit), complex=False, differentiable=False, result="bool"),
    Function("isposinf", wide(np.isposinf), complex=False, differentiable=False, result="bool"),
    Function("isneginf", wide(np.isneginf), complex=False, differentiable=False, result="bool"),
    Function("neg", wide(np.negative), integers="same", bools=None),
    Function("abs", wide(np.abs), integers="same", bools=None),
    Function("square", same(np.square), integers=None, bools=None),
    Function("relu", wide(lambda x: np.where(x <= 0, 0, x)), complex=False, integers="same", bools=None),
    Function("sgn", same(sgn), integers=None, bools="same"),
    Function("conj_physical", same(np.conjugate), integers="same", bools="same"),
    Function("sign", same(np.sign), complex=False, integers=None, bools="same"),
    Function("floor", same(np.floor), complex=False, integers="same", bools=None),
    Function("ceil", same(np.ceil), complex=False, integers="same", bools=None),
    Function("trunc", same(np.trunc), complex=False, integers="same", bools=None),
    Function("round", same(np.rint), complex=False, integers="same", bools=None),
    Function("isnan", wide(np.isnan), differentiable=False, result="bool"),
    Function("isinf", wide(np.isinf), differentiable=False, result="bool"),
    Function("isfinite", wide(np.isfinite), differentiable=False, result="bool"),
]

ODD = [float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 1.5, -0.5, 2.5]
STEPS = {"sgn": lambda x: np.where(np.isnan(x), 0, np.sign(x)), "sign": lambda x: np.where(np.isnan(x), 0, np.sign(x))}


def at_odd_values() -> list[Sample]:
    """NaN, the infinities, both zeros, halves: values by IEEE and torch, gradients by torch's conventions."""
    plain = [f for f in FUNCTIONS if f.op not in ("tan", "tanh", "sinh", "cosh", "frac", "exp2", "lgamma")]
    return [
        Sample(
            f.op,
            "odd-values",
            (of(ODD),),
            STEPS.get(f.op, f.reference),
            dtype=f.result,
            differentiable=f.differentiable,
            smooth=False,
        )
        for f in plain
    ]


SQUARE_WHOLE = [
    Sample("square", "int32", (of([-3, 0, 5], "int32"),), lambda x: x * x, differentiable=False),
    Sample("square", "bool", (of([True, False], "bool"),), lambda x: x.astype(np.int64), differentiable=False),
    Sample("sgn", "int64", (of([-3, 0, 5], "int64"),), np.sign, differentiable=False),
    Sample("sign", "int32", (of([-3, 0, 5], "int32"),), np.sign, differentiable=False),
    Sample("sign", "uint8", (of([3, 0, 5], "uint8"),), np.sign, differentiable=False),
    Sample("sgn", "complex-zero", (of([0j, 1 + 2j], "complex128"),), sgn, smooth=False),
    Sample("abs", "complex-zero", (of([0j, 3 - 4j], "complex128"),), np.abs, smooth=False),
    Sample("relu", "zero", (of([0.0, -0.0, 1.0]),), lambda x: np.where(x > 0, x, 0), smooth=False),
    Sample(
        "neg",
        "uint8-wraps",
        (of([0, 1, 255], "uint8"),),
        lambda x: (256 - x.astype(int)) % 256,
        dtype="uint8",
        differentiable=False,
    ),
    Sample(
        "abs",
        "int8-lowest",
        (of([-128, 127], "int8"),),
        lambda x: np.array([-128, 127]),
        dtype="int8",
        differentiable=False,
    ),
    Sample(
        "sigmoid", "far", (of([-800.0, 800.0, -30.0]),), lambda x: [[0.0, 1.0, 9.357622968839299e-14]], dtype="float64"
    ),
    Sample("exp", "overflow", (of([800.0, -800.0]),), lambda x: [[np.inf, 0.0]], dtype="float64", smooth=False),
    Sample("log1p", "tiny", (of([1e-18, -1e-18]),), lambda x: x, smooth=False),
    Sample("expm1", "tiny", (of([1e-18, -1e-18]),), lambda x: x, smooth=False),
    Sample(
        "log",
        "float32-tiny",
        (of([1e-40], "float32"),),
        lambda x: np.log(x.astype(np.float64)),
        dtype="float32",
        smooth=False,
    ),
    Sample(
        "round",
        "halves",
        (of([0.5, 1.5, 2.5, -0.5, -1.5]),),
        lambda x: np.array([0.0, 2.0, 2.0, -0.0, -2.0]),
        smooth=False,
    ),
]

SAMPLES = [each for f in FUNCTIONS for each in samples_of(f)] + at_odd_values() + SQUARE_WHOLE
