"""Samples of ops that change the dtype, or that answer with a Python value."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Dtype, In, Sample, is_inexact, numpy_dtype, of, tensor

METHODS = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "char": "int8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "byte": "uint8",
    "bool": "bool",
    "cfloat": "complex64",
    "cdouble": "complex128",
}
SOURCES: list[tuple[str, In]] = [
    ("float64", tensor(2, 3, low=0.2, high=5, seed=1)),
    ("float32", tensor(3, dtype="float32", low=0.2, high=5, seed=2)),
    ("bfloat16", tensor(3, dtype="bfloat16", low=0.2, high=5, seed=3)),
    ("int64", of([[1, 0], [5, 100]], "int64")),
    ("bool", of([True, False], "bool")),
    ("complex128", tensor(3, dtype="complex128", low=0.2, high=5, seed=4)),
    ("0d", tensor(low=0.2, high=5, seed=5)),
    ("empty", tensor(0, 2)),
    ("transposed", tensor(2, 3, low=0.2, high=5, seed=6, layout="F")),
]


def cast(x: Array, name: str) -> Array:
    """A cast; a complex value loses its imaginary part, but for bool."""
    if x.dtype.kind == "c" and name not in ("bool", "complex64", "complex128"):
        x = x.real
    return x.astype(numpy_dtype(name))


def is_exact(name: str) -> bool:
    return not is_inexact(numpy_dtype(name))


def is_wide(name: str) -> bool:
    """Whether central differences survive the rounding of a cast."""
    return name in ("float64", "complex128")


def differentiable(x: In, name: str) -> bool:
    return is_inexact(x.array.dtype) and not is_exact(name)


ROW_MAJOR = [
    Sample("float", "row-major", (tensor(2, 3, dtype="int64", seed=7, layout="F"),), lambda x: x.astype(np.float32),
           differentiable=False, call=lambda torch, x: x.float(memory_format=torch.contiguous_format)),
]  # fmt: skip
CASTS = [
    Sample(
        op,
        f"from-{source}",
        (x,),
        lambda x, name=name: cast(x, name),
        differentiable=differentiable(x, name),
        smooth=is_wide(name),
    )
    for op, name in METHODS.items()
    for source, x in SOURCES
]

X = tensor(2, 3, low=0.2, high=5, seed=7)
OTHER = tensor(2, dtype="float32", seed=8, grad=False)


def to_dtype(x: Array, dtype: Any, *_: Any, **__: Any) -> Array:
    return cast(x, dtype.name)


TO = [
    Sample(
        "to",
        name,
        (x, Dtype(dtype), *rest),
        to_dtype,
        kwargs,
        differentiable=differentiable(x, dtype),
        smooth=is_wide(dtype),
    )
    for name, x, dtype, rest, kwargs in (
        ("float32", X, "float32", (), {}),
        ("same", X, "float64", (), {}),
        ("copy", X, "float64", (), {"copy": True}),
        ("non-blocking", X, "float32", (False, True), {}),
        ("int64", X, "int64", (), {}),
        ("complex", X, "complex128", (), {}),
        ("from-complex", tensor(3, dtype="complex128"), "float64", (), {}),
        ("from-int", of([1, 2], "int64"), "float64", (), {}),
        ("bfloat16", X, "bfloat16", (), {}),
    )
]
TO += [
    Sample("to", "device", (X, "cpu"), lambda x, device: x),
    Sample("to", "device-dtype", (X, "cpu", Dtype("float32")), lambda x, device, dtype: x.astype(dtype), smooth=False),
    Sample("to", "dtype-named", (X,), lambda x, dtype: x.astype(dtype), {"dtype": Dtype("float32")}, smooth=False),
    Sample("to", "device-named", (X,), lambda x, device: x, {"device": "cpu"}),
    Sample("to", "other", (X, OTHER), lambda x, other: x.astype(other.dtype), smooth=False),
    Sample("type_as", "float32", (X, OTHER), lambda x, other: x.astype(other.dtype), smooth=False),
    Sample("type_as", "same", (X, tensor(1, grad=False)), lambda x, other: x),
    Sample("type_as", "int", (X, of(1, "int64")), lambda x, other: x.astype(other.dtype), differentiable=False),
    Sample("cpu", "plain", (X,), lambda x: x),
    Sample("cpu", "int64", (of([1, 2], "int64"),), lambda x: x, differentiable=False),
    Sample("cuda", "plain", (X,), lambda x: x, device="cuda"),
    Sample("cuda", "number", (X, 0), lambda x, device: x, device="cuda"),
]


def answer(op: str, name: str, args: tuple[Any, ...], value: Any, **kwargs: Any) -> Sample:
    """A call that gives a Python value."""
    return Sample(op, name, args, lambda *_, **__: value, kwargs, differentiable=False)


NAN = of([1.0, float("nan")])
VALUES = [
    answer("item", "0d", (of(2.5),), 2.5),
    answer("item", "one", (of([[7]], "int64"),), 7),
    answer("item", "bool", (of(True, "bool"),), True),
    answer("item", "complex", (of(1 - 2j, "complex128"),), 1 - 2j),
    answer("item", "float32", (of([0.1], "float32"),), float(np.float32(0.1))),
    answer("item", "bfloat16", (of(1.5, "bfloat16"),), 1.5),
    answer("numel", "2d", (X,), 6),
    answer("numel", "0d", (tensor(),), 1),
    answer("numel", "empty", (tensor(0, 3),), 0),
    answer("equal", "same", (X, In(X.array.copy())), True),
    answer("equal", "other", (X, tensor(2, 3, seed=9)), False),
    answer("equal", "shape", (X, tensor(3, seed=10)), False),
    answer("equal", "nan", (NAN, NAN), False),
    answer("equal", "transposed", (In(np.asarray(X.array, order="F")), X), True),
    answer("allclose", "same", (X, In(X.array + 1e-9)), True),
    answer("allclose", "other", (X, In(X.array + 1e-3)), False),
    answer("allclose", "tolerance", (X, In(X.array + 1e-3)), True, atol=1e-2),
    answer("allclose", "relative", (X, In(X.array * 1.05), 0.1), True),
    answer("allclose", "nan", (NAN, NAN), False),
    answer("allclose", "equal-nan", (NAN, NAN), True, equal_nan=True),
    answer("allclose", "broadcast", (of([1.0, 1.0]), of(1.0)), True),
    answer("allclose", "int", (of([1, 2], "int64"), of([1, 2], "int64")), True),
    answer("is_floating_point", "double", (X,), True),
    answer("is_floating_point", "half", (of(1.0, "bfloat16"),), True),
    answer("is_floating_point", "int", (of(1, "int64"),), False),
    answer("is_floating_point", "complex", (of(1j, "complex64"),), False),
]

SAMPLES = [*CASTS, *ROW_MAJOR, *TO, *VALUES]
