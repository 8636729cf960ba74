"""Kinds of op parameters: what each accepts from a caller, and how it is named in torch's messages.

A declaration annotates its parameters with the aliases below; the annotation drives Python calls, the wire and the
documents alike. For a type checker they are `Any`, since a kernel gets arrays where a caller gives tensors.
"""

from __future__ import annotations

import enum
import inspect
import operator
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import accelerator
from engine.devices import Device
from engine.generator import Generator


class Kind(enum.Enum):
    """The kinds; the value is the type's name in torch's messages."""

    TENSOR = "Tensor"
    OPERAND = "Tensor or Number"
    TENSORS = "tuple of Tensors"
    NUMBER = "Number"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STR = "str"
    DIMS = "tuple of ints"
    SIZE = "tuple of ints "
    DTYPE = "torch.dtype"
    DEVICE = "torch.device"
    GENERATOR = "torch.Generator"
    INDEX = "index"
    DATA = "data"


Array = Annotated[Any, Kind.TENSOR]
Operand = Annotated[Any, Kind.OPERAND]
Arrays = Annotated[Any, Kind.TENSORS]
Number = Annotated[Any, Kind.NUMBER]
Dims = Annotated[Any, Kind.DIMS]
Size = Annotated[Any, Kind.SIZE]
Dtype = Annotated[Any, Kind.DTYPE]
DeviceLike = Annotated[Any, Kind.DEVICE]
Random = Annotated[Any, Kind.GENERATOR]
Index = Annotated[Any, Kind.INDEX]
Data = Annotated[Any, Kind.DATA]
# What torch's Python code takes by its truth, looks at itself, or makes two of: documented and sent like others.
Truth = Annotated[Any, Kind.BOOL, bool]
Given = Annotated[Any, Kind.DIMS, lambda value: value]
Word = Annotated[Any, Kind.STR, lambda value: value]
Flag = Annotated[Any, Kind.BOOL, lambda value: value]
Two = Annotated[Any, Kind.DIMS, lambda value: _pair(value)]

REQUIRED: Any = inspect.Parameter.empty  # the default of a parameter that has none
INT64_MIN, INT64_MAX, UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1
INT_OVERFLOW = "Overflow when unpacking long long"
PLAIN = {int: Kind.INT, float: Kind.FLOAT, bool: Kind.BOOL, str: Kind.STR}
TENSOR_KINDS = (Kind.TENSOR, Kind.OPERAND, Kind.TENSORS)


class Mismatch(Exception):
    """A value that its parameter's kind does not accept; the text, if any, ends torch's sentence."""


def _tensor(value: Any) -> Any:
    try:
        value._array  # noqa: B018  # cheaper than isinstance, and Tensor is declared above this module
    except AttributeError:
        raise Mismatch from None
    return value


def _operand(value: Any) -> Any:
    return value if hasattr(value, "_array") else _number(value)


def _tensors(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise Mismatch
    for at, each in enumerate(value):
        if not hasattr(each, "_array"):
            raise Mismatch(f"expected Tensor as element {at} in argument 0, but got {type(each).__name__}")
    return list(value)


def _number(value: Any) -> Any:
    if isinstance(value, (bool, int, float, complex)):
        if isinstance(value, int) and not INT64_MIN <= value <= UINT64_MAX:
            raise errors.number_overflow(value)
        return value
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "_array") and not value._array.shape and not value.requires_grad:
        return value.item()
    raise Mismatch


def _int(value: Any) -> int:
    if type(value) is int:
        if INT64_MIN <= value <= INT64_MAX:
            return value
        raise errors.bad_value(INT_OVERFLOW)
    if isinstance(value, (bool, np.bool_, float)):
        raise Mismatch
    array = getattr(value, "_array", None)
    if array is not None and (array.shape or array.dtype == np.bool_):
        raise Mismatch
    try:
        return operator.index(value)
    except TypeError:
        raise Mismatch from None


def _float(value: Any) -> float:
    number = value if type(value) is int else _number(value)
    if isinstance(number, complex):
        if not hasattr(value, "_array"):
            raise Mismatch
        if number.imag:
            raise errors.bad_argument("value cannot be converted to type double without overflow")
        number = number.real
    try:
        return float(number)
    except OverflowError:
        raise errors.coded(OverflowError, "bad_argument", "int too large to convert to float") from None


def _bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    raise Mismatch


def _str(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Mismatch


def _dims(value: Any) -> tuple[int, ...]:
    if type(value) is not tuple and not isinstance(value, (list, tuple)):
        return (_int(value),)
    for each in value:
        if type(each) is not int or not INT64_MIN <= each <= INT64_MAX:
            break
    else:
        return tuple(value)
    for at, each in enumerate(value):
        if (type(each) is not int and not hasattr(each, "__index__")) or (isinstance(each, bool) and not at):
            name = type(each).__name__
            if at:  # torch looks at the first, then takes it for a tuple of ints
                text = f'failed to unpack the object at pos {at + 1} with error "type must be tuple of ints,but got'
                raise Mismatch(f'{text} {name}"')
            raise Mismatch(f", but found element of type {name} at pos {at}")
        if not INT64_MIN <= operator.index(each) <= INT64_MAX:
            raise Mismatch(f'failed to unpack the object at pos {at + 1} with error "{INT_OVERFLOW}')
    return tuple(operator.index(each) for each in value)


def _pair(value: Any) -> tuple[int, ...]:
    """What torch's Python code makes of a value where it wants two: that twice, unless it has entries of its own."""
    return _dims(tuple(value) if isinstance(value, Iterable) else (value, value))


def _size(value: Any) -> tuple[int, ...]:
    if type(value) is not tuple and not isinstance(value, (list, tuple)):
        raise Mismatch  # `x.view(2, 3)`: ints one by one are gathered before
    return _dims(value)


Ints = Annotated[Any, Kind.DIMS, _size]  # one int does not stand for a tuple


def _dtype(value: Any) -> dtypes.DType:
    if isinstance(value, dtypes.DType):
        return value
    by_type = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}
    if isinstance(value, type) and value in by_type:
        return by_type[value]
    raise Mismatch


def _device(value: Any) -> Device:
    if isinstance(value, (str, Device)):
        return Device(value)
    if type(value) is int:
        return accelerator(value)
    raise Mismatch


def _generator(value: Any) -> Generator:
    if isinstance(value, Generator):
        return value
    raise Mismatch


def _any(value: Any) -> Any:
    return value


# What each kind makes of a caller's value; raises Mismatch for one it does not take.
ACCEPT: dict[Kind, Callable[[Any], Any]] = {
    Kind.TENSOR: _tensor,
    Kind.OPERAND: _operand,
    Kind.TENSORS: _tensors,
    Kind.NUMBER: _number,
    Kind.INT: _int,
    Kind.FLOAT: _float,
    Kind.BOOL: _bool,
    Kind.STR: _str,
    Kind.DIMS: _dims,
    Kind.SIZE: _size,
    Kind.DTYPE: _dtype,
    Kind.DEVICE: _device,
    Kind.GENERATOR: _generator,
    Kind.INDEX: _any,
    Kind.DATA: _any,
}
