"""Parameters: what a step takes, as the wire has it."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import Any

from engine.kinds import REQUIRED, Kind, Two
from engine.op import Op, Param

_INDICES = frozenset(("index", "indices"))  # other parameters of kind INDEX are sizes and factors an op reads itself


class Extra(enum.Enum):
    """Kinds of parameters that only the service's own steps have; the value is the type's name in messages."""

    ROOTS = "tensor or list of tensors"
    RAW = "tensor or literal"
    SETTING = "number, list of numbers or tensor"
    SHAPE = "list of ints"
    SHAPES = "list of shapes"
    NAME = "name"
    NAMES = "list of names"
    TEXT = "str"
    PAIR = "pair of floats"
    PARAMS = "list of names and parameter groups"
    OPTIONS = "object of options"
    STEPS = "list of steps"
    PLACES = "list of tensors or null"
    SPACING = "number, tensor or list of these"
    TWO = "tuple of ints"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a step, as the wire has it."""

    name: str
    kind: Kind | Extra
    default: Any = REQUIRED
    optional: bool = False
    keyword_only: bool = False


@functools.cache
def parameters_of(op: Op) -> tuple[Parameter, ...]:
    """The parameters of an op on the wire: generators are not offered, and what torch calls `self` is `input`."""
    return tuple(
        Parameter(wire_name(each), _kind(each), each.default, each.optional, each.keyword_only)
        for each in op.params
        if each.kind is not Kind.GENERATOR
    )


def wire_name(param: Param) -> str:
    """The name of a parameter on the wire."""
    return "input" if param.name == "self" else param.name


def _kind(param: Param) -> Kind | Extra:
    if param.kind is Kind.TENSORS and param.name in _INDICES:
        return Extra.PLACES
    if param.kind is Kind.DATA and param.name == "spacing":
        return Extra.SPACING
    if param.accept is Two.__metadata__[1]:
        return Extra.TWO
    return Extra.SETTING if param.kind is Kind.INDEX and param.name not in _INDICES else param.kind
