"""How the steps that are no ops of the engine are declared.

Each is a function of the step's scope, with the parameters declared beside it. It returns a tensor, a list of them, a
`Value`, or None where there is no result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.codec import number
from app.session.arguments import bind
from app.session.literals import has_dtype, make_tensor
from app.session.parameters import Extra, Parameter
from app.session.scope import Mismatch, Scope
from engine import dtypes, modes
from engine.dtypes import DType
from engine.kinds import Kind
from engine.tensor import Tensor

Run = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Value:
    """A result that is no tensor."""

    value: Any


@dataclass(frozen=True, slots=True)
class Special:
    """A step: its name, parameters and what it does; `several`: a list of results, unnamed unless `out` names them."""

    name: str
    parameters: tuple[Parameter, ...]
    run: Run
    doc: str
    outputs: tuple[str, ...] = ()
    several: bool = False


SPECIALS: dict[str, Special] = {}


def special(
    *parameters: Parameter, name: str | None = None, outputs: tuple[str, ...] = (), several: bool = False
) -> Callable[[Run], Run]:
    """Declare the decorated function as a step, under its own name unless another is given."""

    def declare(run: Run) -> Run:
        known = name or run.__name__
        SPECIALS[known] = Special(known, parameters, run, inspect.getdoc(run) or "", outputs, several)
        return run

    return declare


def maybe(name: str, kind: Kind | Extra, default: Any = None) -> Parameter:
    """A parameter with a default; None as default is also a value."""
    return Parameter(name, kind, default, optional=default is None)


def bound(
    name: str, parameters: Sequence[Parameter], args: list[Any], fields: Mapping[str, Any], scope: Scope
) -> list[Any]:
    """The arguments of a step that is no op, in the order of its parameters; numbers for tensors are of no dimensions.

    Raises Problem.
    """
    try:
        values = bind(name, parameters, args, fields, scope, True)
    except Mismatch as mismatch:
        raise mismatch.as_problem() from None
    return [
        make_tensor(value) if each.kind is Kind.TENSOR and not isinstance(value, Tensor | None) else value
        for each, value in zip(parameters, values, strict=True)
    ]


INPUT = Parameter("input", Kind.TENSOR)
RESULT = ("out",)


def solid_like(scope: Scope, dtype: DType | None, value: Any, floating: bool = False) -> Tensor:
    """A tensor by name, number or literal; one without a dtype of its own has the one given.

    With neither, and `floating`, integers have the default dtype: JavaScript writes 1.0 as 1.
    """
    if type(value) is str and number(value) is None:
        return scope.named(value)
    if dtype is not None and not has_dtype(value):
        return make_tensor(value, dtype)
    made = make_tensor(value)
    if floating and made.dtype is dtypes.int64 and not has_dtype(value):
        return make_tensor(value, modes.state.ctx.default_dtype)
    return made


def tensor_like(scope: Scope, like: Tensor | None, value: Any) -> Tensor:
    """A tensor by name; or a literal, which without a dtype of its own has that of `like`."""
    if type(value) is str and number(value) is None:
        return scope.named(value)
    return make_tensor(value, None if like is None or has_dtype(value) else like.dtype)
