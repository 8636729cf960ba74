"""Dtypes under torch's names, and torch's type promotion.

Promotion has three ranks: tensors with dimensions, 0-d tensors, Python numbers. A lower rank changes the result only
when its category (bool < int < float < complex) is above that of every higher rank (torch's documentation of
`torch.result_type`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ml_dtypes
import numpy as np

from engine import errors

BOOL, INTEGRAL, FLOATING, COMPLEX = range(4)


class DType:
    """A `torch.dtype`: one instance for each, compared by identity."""

    __slots__ = ("aliases", "category", "cpp_name", "itemsize", "kind", "name", "numpy", "tensor_type", "type_name")

    def __init__(self, name: str, numpy: Any, category: int, type_name: str, cpp_name: str, *aliases: str) -> None:
        self.name = name
        self.numpy = np.dtype(numpy)
        self.itemsize: int = self.numpy.itemsize
        self.category = category
        self.kind: str = self.numpy.kind  # as NumPy's, so that formulas may ask an array or a tensor alike
        self.type_name = type_name  # as in "not implemented for 'Long'"
        self.cpp_name = cpp_name  # as in "float != double"
        self.tensor_type = f"torch.{type_name}Tensor"
        self.aliases = aliases

    @property
    def is_floating_point(self) -> bool:
        """True for the four real floating types."""
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        """True for complex64 and complex128."""
        return self.category == COMPLEX

    @property
    def options(self) -> str:
        """As messages about saved tensors and hooks name it: `torch.FloatTensor`, but `CPUBoolType`."""
        old = self.tensor_type if not self.is_complex and self.name not in ("bool", "bfloat16") else None
        return old or f"CPU{self.type_name}Type"

    @property
    def scalar_name(self) -> str:
        """The C++ type as in "value cannot be converted to type int64_t without overflow"."""
        wide = self.category == INTEGRAL and self.name != "int32"
        return f"{self.name}_t" if wide else self.cpp_name

    @property
    def is_signed(self) -> bool:
        """True unless bool or uint8."""
        return self.name not in ("bool", "uint8")

    @property
    def differentiable(self) -> bool:
        """True if tensors of this dtype may require grad."""
        return self.category >= FLOATING

    def to_real(self) -> DType:
        """The dtype of the real part."""
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> DType:
        """The complex dtype whose parts have this dtype's width (half types widen to complex64)."""
        return self if self.is_complex else complex128 if self is float64 else complex64

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


float32 = DType("float32", np.float32, FLOATING, "Float", "float", "float")
float64 = DType("float64", np.float64, FLOATING, "Double", "double", "double")
float16 = DType("float16", np.float16, FLOATING, "Half", "c10::Half", "half")
bfloat16 = DType("bfloat16", ml_dtypes.bfloat16, FLOATING, "BFloat16", "c10::BFloat16")
int8 = DType("int8", np.int8, INTEGRAL, "Char", "signed char")
int16 = DType("int16", np.int16, INTEGRAL, "Short", "short int", "short")
int32 = DType("int32", np.int32, INTEGRAL, "Int", "int", "int")
int64 = DType("int64", np.int64, INTEGRAL, "Long", "long int", "long")
uint8 = DType("uint8", np.uint8, INTEGRAL, "Byte", "unsigned char")
bool_ = DType("bool", np.bool_, BOOL, "Bool", "bool")
complex64 = DType("complex64", np.complex64, COMPLEX, "ComplexFloat", "c10::complex<float>", "cfloat")
complex128 = DType("complex128", np.complex128, COMPLEX, "ComplexDouble", "c10::complex<double>", "cdouble")

ALL = (float32, float64, float16, bfloat16, int8, int16, int32, int64, uint8, bool_, complex64, complex128)
BY_NAME = {name: each for each in ALL for name in (each.name, *each.aliases)}
BY_NUMPY = {each.numpy: each for each in ALL}
HALF_TYPES = (float16.numpy, bfloat16.numpy)

_RANK = {each: rank for rank, each in enumerate((bool_, uint8, int8, int16, int32, int64))}
_FLOAT_RANK = {float16: 0, bfloat16: 0, float32: 1, float64: 2, complex64: 3, complex128: 4}


def of(array: Any) -> DType:
    """The dtype of an array.

    Raises TypeError for a NumPy dtype torch has no counterpart of.
    """
    try:
        return BY_NUMPY[array.dtype]
    except KeyError:
        raise errors.bad_type(
            f"can't convert np.ndarray of type numpy.{array.dtype}. The only supported types are: float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool."
        ) from None


def parse(name: str) -> DType | None:
    """The dtype of a name such as `float64` or `torch.float64`, or None."""
    return BY_NAME.get(name.removeprefix("torch."))


def promote_types(a: DType, b: DType) -> DType:
    """The smallest dtype that both convert to, by torch's table."""
    if a is b:
        return a
    if a.category < b.category:
        a, b = b, a
    if a.category == COMPLEX:
        return complex128 if complex128 in (a, b) or b is float64 else complex64
    if a.category == FLOATING:
        return _promote_floats(a, b) if b.category == FLOATING else a
    if uint8 in (a, b) and INTEGRAL == a.category == b.category:
        signed = b if a is uint8 else a
        return int16 if signed is int8 else signed
    return a if _RANK[a] > _RANK[b] else b


def _promote_floats(a: DType, b: DType) -> DType:
    if _FLOAT_RANK[a] == _FLOAT_RANK[b]:
        return float32  # float16 with bfloat16
    return a if _FLOAT_RANK[a] > _FLOAT_RANK[b] else b


def number_dtype(value: Any, default: DType) -> DType:
    """The dtype a Python number has as a tensor, given the default floating dtype."""
    kind = type(value)
    if kind is bool:
        return bool_
    if kind is int:
        return int64
    if kind is float:
        return default
    if isinstance(value, int):
        return int64
    return default.to_complex() if isinstance(value, complex) else default


def result_type(operands: Iterable[Any], default: DType) -> DType:
    """The dtype that an operation of arrays and Python numbers computes in (`torch.result_type`)."""
    ranks: list[DType | None] = [None, None, None]
    for operand in operands:
        if isinstance(operand, (bool, int, float, complex)):
            rank, dtype = 2, number_dtype(operand, default)
        else:
            rank, dtype = (0 if operand.shape else 1), BY_NUMPY[operand.dtype]
        known = ranks[rank]
        ranks[rank] = dtype if known is None else promote_types(known, dtype)
    return _combine_ranks(ranks, default)


def _combine_ranks(ranks: list[DType | None], default: DType) -> DType:
    result: Any = None
    for rank, dtype in enumerate(ranks):
        if dtype is None:
            continue
        if result is None:
            result = dtype
        elif dtype.category > result.category:
            if dtype.category == COMPLEX and result.category == FLOATING:
                result = result.to_complex()  # float64 * 1j is complex128, whatever the default
            elif rank == 2 and dtype.category >= FLOATING:
                result = promote_types(result, dtype) if result.category >= FLOATING else dtype
            else:
                result = promote_types(result, dtype)
    return result if result is not None else default
