"""The short way to bind a step's arguments: what positions and names mean is worked out once for each op.

It gives what `app.session.arguments` would give, or None for whatever does not fit at once; the ordinary way then finds
another overload, or says what is wrong. Its worth stands in docs/performance.md.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.problems import Problem
from app.session.arguments import floating
from app.session.conversion import converter_of
from app.session.parameters import Extra, Parameter, parameters_of
from app.session.scope import Mismatch, Scope
from engine.kinds import REQUIRED, Kind
from engine.op import Function, Op
from engine.tensor import Tensor

_TENSORS = (Kind.TENSOR, Kind.OPERAND)
_GATHERING = (Kind.SIZE, Kind.TENSORS)
# Kinds whose values mean the same in every session and at any time.
_CONSTANT = {Kind.NUMBER, Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.STR, Kind.DIMS, Kind.SIZE, Kind.DTYPE}
_NO_SCOPE: Any = None


class Varying(Exception):
    """A value has to be looked at in every call."""


class Constants(NamedTuple):
    """The arguments of a step that are the same in every call, and the tensors to fill in: places, and their names."""

    values: list[Any]
    named: list[tuple[int, str]]
    lists: list[tuple[int, list[str]]]


class Form:
    """The parameters of one step, ready to bind; `places` are their positions among the values it gives."""

    __slots__ = ("_accept", "_constant", "_defaults", "_gathers", "_index", "_listed", "_most", "_places", "_required")

    def __init__(self, parameters: Sequence[Parameter], places: Sequence[int], defaults: list[Any]) -> None:
        self._accept = [(converter_of(each.kind), each.kind in _TENSORS, each.optional) for each in parameters]
        self._constant = [each.kind in _CONSTANT for each in parameters]
        self._listed = [each.kind is Extra.ROOTS for each in parameters]
        self._places = list(places)
        self._defaults = defaults
        self._index = {each.name: at for at, each in enumerate(parameters)}
        self._most = sum(not each.keyword_only for each in parameters)
        self._required = [place for place in places if defaults[place] is REQUIRED]
        self._gathers = any(each.kind in _GATHERING and not each.keyword_only for each in parameters)

    def bind(self, args: list[Any], fields: Mapping[str, Any], scope: Scope) -> list[Any] | None:
        """The arguments in their places, converted; None if anything needs a closer look."""
        given = self._given(args, fields)
        if given is None:
            return None
        values = self._defaults.copy()
        known, places, accept = scope.names, self._places, self._accept
        try:
            for at, value in given:
                convert, is_tensor, optional = accept[at]
                if is_tensor and type(value) is str and (tensor := known.get(value)) is not None:
                    scope.addressed.setdefault(id(tensor), value)
                    values[places[at]] = tensor
                elif value is None and optional:
                    values[places[at]] = None
                else:
                    values[places[at]] = convert(value, scope, False)
        except (Mismatch, Problem):
            return None
        for place in self._required:
            if values[place] is REQUIRED:
                return None
        return values

    def _given(self, args: list[Any], fields: Mapping[str, Any]) -> list[tuple[int, Any]] | None:
        """The values with the places of their parameters; None if they are too many, unknown or given twice."""
        count = len(args)
        if count > self._most or (count and self._gathers):
            return None
        given = list(enumerate(args))
        for name, value in fields.items():
            at = self._index.get(name, -1)
            if at < count:  # unknown, or given by position too
                return None
            given.append((at, value))
        return given

    def constant(self, args: list[Any], fields: Mapping[str, Any]) -> Constants | None:
        """`bind` without a scope; None if the arguments do not fit.

        Raises Varying if one may mean something else in another call.
        """
        given = self._given(args, fields)
        if given is None:
            return None
        found = Constants(self._defaults.copy(), [], [])
        try:
            for at, value in given:
                self._add(found, at, value)
        except (Mismatch, Problem):
            return None
        return None if any(found.values[place] is REQUIRED for place in self._required) else found

    def _add(self, found: Constants, at: int, value: Any) -> None:
        place, (convert, is_tensor, optional) = self._places[at], self._accept[at]
        names = value if type(value) is list else [value]
        if is_tensor and type(value) is str:
            found.named.append((place, value))
            found.values[place] = None
        elif value is None and optional:
            found.values[place] = None
        elif self._listed[at] and all(type(each) is str for each in names):
            found.lists.append((place, names))
            found.values[place] = None
        elif self._constant[at] or (is_tensor and type(value) in (int, float)):
            found.values[place] = convert(value, _NO_SCOPE, False)
        else:
            raise Varying


_SPECIAL: dict[str, Form] = {}  # by the name of the step


def bind_special(
    name: str, parameters: Sequence[Parameter], args: list[Any], fields: Mapping[str, Any], scope: Scope
) -> list[Any] | None:
    """The arguments of a step that is no op, in the order of its parameters; None if anything needs a closer look."""
    return _form_of_special(name, parameters).bind(args, fields, scope)


def _form_of_special(name: str, parameters: Sequence[Parameter]) -> Form:
    form = _SPECIAL.get(name)
    if form is None:
        form = _SPECIAL[name] = Form(parameters, range(len(parameters)), [each.default for each in parameters])
    return form


@functools.cache
def _form_of_op(op: Op) -> Form:
    places = [at for at, each in enumerate(op.params) if each.kind is not Kind.GENERATOR]
    defaults = [None if each.kind is Kind.GENERATOR else each.default for each in op.params]
    return Form(parameters_of(op), places, defaults)


def bind_quickly(
    function: Function, args: list[Any], fields: Mapping[str, Any], scope: Scope
) -> tuple[Op, list[Any]] | None:
    """The first overload that takes the arguments as they are, and they in the order of its parameters; else None."""
    for op in function.ops:
        values = _form_of_op(op).bind(args, fields, scope)
        if values is not None:
            return op, floating(op, values) if op.leaf else values
    return None


def constants_of(op: Op, args: list[Any], fields: Mapping[str, Any]) -> Constants | None:
    """The arguments of an op that are the same in every call; None if they do not fit.

    Raises Varying if one has to be looked at in every call.
    """
    found = _form_of_op(op).constant(args, fields)
    return found._replace(values=floating(op, found.values)) if found is not None and op.leaf else found


def constants_of_special(
    name: str, parameters: Sequence[Parameter], args: list[Any], fields: Mapping[str, Any]
) -> Constants | None:
    """The same for a step that is no op. Raises Varying."""
    return _form_of_special(name, parameters).constant(args, fields)


def run_op(op: Op, values: list[Any]) -> Any:
    """Run an op on bound arguments, by the engine's short way where it has one for them.

    A number alone goes by the door: the short way would refuse it as PyTorch does, for the wire it is a 0-d tensor.
    """
    short = op.short
    if short is None or type(values[0]) is not Tensor:
        return Op.door(op, values)
    count = op.operands
    if len(values) == count:
        return short(*values)
    further = zip(values[count:], op.defaults[count:], strict=True)
    return short(*values[:count]) if all(value is default for value, default in further) else Op.door(op, values)
