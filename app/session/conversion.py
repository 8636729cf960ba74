"""Conversion: from the JSON of one argument to what an op takes.

The parameter's kind decides what a value means: a string is a tensor's name only where PyTorch takes a tensor, else a
dtype, a device or a text. Python numbers go to ops as they are, with PyTorch's weak promotion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app import codec
from app.problems import Problem
from app.session.indexing import index_of
from app.session.literals import make_tensor, parse_shape
from app.session.parameters import Extra
from app.session.scope import Mismatch, Scope
from engine import dtypes
from engine.devices import Device
from engine.kinds import Kind
from engine.tensor import Tensor

_PREFIX = "torch."


def convert(kind: Kind | Extra, value: Any, scope: Scope, weak: bool) -> Any:
    """The value as its kind of parameter takes it; with `weak` a number may stand for a tensor.

    Raises Mismatch, or Problem where the value is of the right kind but wrong.
    """
    return _CONVERT[kind](value, scope, weak)


def converter_of(kind: Kind | Extra) -> Callable[[Any, Scope, bool], Any]:
    """`convert` for one kind."""
    return _CONVERT[kind]


def _tensor(value: Any, scope: Scope, weak: bool) -> Any:
    number = codec.number(value)
    if number is not None:
        if weak:
            return number
    elif type(value) is str:
        try:
            return scope.named(value)
        except Problem as problem:
            raise Mismatch(problem.detail, problem) from None
    elif type(value) in (list, dict):
        try:
            return scope.constant(value)
        except Problem as problem:
            raise Mismatch(problem.detail, problem) from None
    raise Mismatch("")


def _operand(value: Any, scope: Scope, weak: bool) -> Any:
    return _tensor(value, scope, True)


def _solid(value: Any, scope: Scope, weak: bool) -> Tensor:
    """A tensor in any case: a number is one of no dimensions."""
    made: Tensor = _tensor(value, scope, False) if codec.number(value) is None else make_tensor(value)
    return made


def _tensors(value: Any, scope: Scope, weak: bool) -> list[Tensor]:
    if type(value) is not list:
        raise Mismatch("")
    return [_solid(each, scope, weak) for each in value]


def _places(value: Any, scope: Scope, weak: bool) -> list[Tensor | None]:
    if type(value) is not list:
        raise Mismatch("")
    return [None if each is None else _solid(each, scope, weak) for each in value]


def _roots(value: Any, scope: Scope, weak: bool) -> list[Tensor]:
    return [_solid(each, scope, weak) for each in (value if type(value) is list else [value])]


def _number(value: Any, scope: Scope, weak: bool) -> complex:
    number = codec.number(value)
    if number is None:
        raise Mismatch("")
    return number


def _float(value: Any, scope: Scope, weak: bool) -> float:
    number = codec.number(value)
    if type(number) not in (int, float):
        raise Mismatch("")
    return float(number)  # type: ignore[arg-type]  # checked in the line before


def _exactly(*types: type) -> Callable[[Any, Scope, bool], Any]:
    def same(value: Any, scope: Scope, weak: bool) -> Any:
        if type(value) not in types:
            raise Mismatch("")
        return value

    return same


def _text(value: Any, scope: Scope, weak: bool) -> str:
    if type(value) is not str or value in codec.NON_FINITE:  # those are numbers, of an overload that takes one
        raise Mismatch("")
    return value.removeprefix(_PREFIX)


def _ints(value: Any, scope: Scope, weak: bool) -> tuple[int, ...]:
    values = value if type(value) is list else [value]
    if any(type(each) is not int for each in values):
        raise Mismatch("")
    return tuple(values)


def _two(value: Any, scope: Scope, weak: bool) -> tuple[int, ...]:
    values = _ints(value, scope, weak)
    return values if type(value) is list else values * 2


def _dtype(value: Any, scope: Scope, weak: bool) -> dtypes.DType:
    known = dtypes.parse(value) if type(value) is str else None
    if known is None:
        raise Mismatch("")
    return known


def _device(value: Any, scope: Scope, weak: bool) -> Device:
    if type(value) is not str:
        raise Mismatch("")
    try:
        return Device(value)
    except RuntimeError as error:
        raise Mismatch(str(error)) from None


def _index(value: Any, scope: Scope, weak: bool) -> tuple[Any, ...]:
    return index_of(value, scope.named)


def _setting(value: Any, scope: Scope, weak: bool) -> Any:
    if type(value) is list:
        return [None if each is None else _number(each, scope, weak) for each in value]
    if value is None:
        return None
    number = codec.number(value)
    if number is not None:
        return number
    if type(value) is not str:
        raise Mismatch("")
    return scope.named(value)


def _spacing(value: Any, scope: Scope, weak: bool) -> Any:
    if type(value) is list:
        return [_tensor(each, scope, True) for each in value]
    return None if value is None else _tensor(value, scope, True)


def _names(value: Any, scope: Scope, weak: bool) -> list[str]:
    if type(value) is not list or any(type(each) is not str for each in value):
        raise Mismatch("")
    return value


def _params(value: Any, scope: Scope, weak: bool) -> list[Any]:
    values = [value] if type(value) is str else value
    if type(values) is not list or any(type(each) not in (str, dict) for each in values):
        raise Mismatch("")
    return values


def _pair(value: Any, scope: Scope, weak: bool) -> tuple[float, ...]:
    if type(value) is not list or len(value) != 2:
        raise Mismatch("")
    return tuple(_float(each, scope, weak) for each in value)


def _shape(value: Any, scope: Scope, weak: bool) -> tuple[int, ...]:
    return parse_shape(value)


def _shapes(value: Any, scope: Scope, weak: bool) -> list[tuple[int, ...]]:
    if type(value) is not list:
        raise Mismatch("")
    return [_ints(each, scope, weak) for each in value]


def _as_it_is(value: Any, scope: Scope, weak: bool) -> Any:
    return value


_CONVERT: dict[Kind | Extra, Callable[[Any, Scope, bool], Any]] = {
    Kind.TENSOR: _tensor,
    Kind.OPERAND: _operand,
    Kind.TENSORS: _tensors,
    Kind.NUMBER: _number,
    Kind.INT: _exactly(int),
    Kind.FLOAT: _float,
    Kind.BOOL: _exactly(bool),
    Kind.STR: _text,
    Kind.DIMS: _ints,
    Kind.SIZE: _ints,
    Kind.DTYPE: _dtype,
    Kind.DEVICE: _device,
    Kind.INDEX: _index,
    Kind.DATA: _as_it_is,
    Extra.ROOTS: _roots,
    Extra.RAW: _as_it_is,
    Extra.SETTING: _setting,
    Extra.SHAPE: _shape,
    Extra.SHAPES: _shapes,
    Extra.NAME: _exactly(str),
    Extra.NAMES: _names,
    Extra.TEXT: _exactly(str),
    Extra.PAIR: _pair,
    Extra.PARAMS: _params,
    Extra.OPTIONS: _exactly(dict),
    Extra.STEPS: _exactly(list),
    Extra.PLACES: _places,
    Extra.SPACING: _spacing,
    Extra.TWO: _two,
}
