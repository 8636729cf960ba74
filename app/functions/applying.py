"""Applying a function to tensors, whoever asks: a call without a session, a step of one, another function."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.codec import number
from app.functions.definition import Definition
from app.functions.patterns import DEFAULT, Input, check
from app.problems import Problem
from app.session.bodies import wrong
from app.session.declaring import bound, solid_like
from app.session.frames import Frame, unknown_function
from app.session.literals import make_tensor
from app.session.parameters import Extra, Parameter
from app.session.scope import Scope
from app.session.steps import FUNCTIONS
from engine import errors, modes
from engine.kinds import REQUIRED
from engine.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Callees:
    """The functions that the steps of a function may call: those it was saved with."""

    known: Mapping[str, Definition]

    def apply(self, op: str, args: list[Any], fields: Mapping[str, Any], scope: Scope, status: int) -> Any:
        """The result of a step whose op is `functions.NAME`: a tensor, or a tuple of them."""
        return apply_step(self.find(op, status), args, fields, scope)

    def invoke(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The result for arguments that are tensors already, or numbers, as code has them."""
        return invoke(self.find(name), args, kwargs)

    def find(self, op: str, status: int = 422) -> Definition:
        """The function that an op names.

        Raises Problem `unknown_function`.
        """
        found = self.known.get(op.removeprefix(FUNCTIONS))
        if found is None:
            raise unknown_function(op.removeprefix(FUNCTIONS), status)
        return found


def invoke(definition: Definition, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The result for arguments as code has them, where a number is a tensor unless an option takes it."""
    names = [each.name for each in definition.inputs]
    given = dict(zip(names, args, strict=False))
    unknown = [name for name in kwargs if name not in names]
    if len(args) > len(names) or unknown or given.keys() & kwargs.keys():
        raise errors.bad_type(f"{definition.name}() takes {len(names)} arguments: {', '.join(names)}")
    given |= kwargs
    values = [_passed(definition.name, each, given.get(each.name, DEFAULT)) for each in definition.inputs]
    results = apply(definition, values)
    return results[0] if len(results) == 1 else tuple(results)


def _passed(function: str, declared: Input, value: Any) -> Any:
    if isinstance(value, Tensor) or declared.option:
        return value
    if value is DEFAULT:
        raise errors.bad_type(f"{function}() missing 1 required positional argument: '{declared.name}'")
    if isinstance(value, (bool, int, float)):
        return make_tensor(value, declared.wanted)
    kind = type(value).__name__
    raise errors.bad_type(f"{function}(): argument '{declared.name}' must be Tensor, not {kind}")


def apply_step(definition: Definition, args: list[Any], fields: Mapping[str, Any], scope: Scope) -> Any:
    """The result for arguments as a step has them: a tensor, or a tuple of them."""
    results = apply(definition, arguments_of(definition, args, fields, scope))
    return results[0] if len(results) == 1 else tuple(results)


def arguments_of(
    definition: Definition,
    args: list[Any],
    fields: Mapping[str, Any],
    scope: Scope,
    floating: Collection[str] = (),
) -> list[Any]:
    """What arguments stand for, by position and by name: tensors, and the plain values and `DEFAULT` of options.

    A number or list without a dtype of its own has that of the signature, else that of `torch.tensor`; for the inputs
    in `floating`, integers have the default dtype. Raises Problem.
    """
    values = bound(definition.name, _parameters(definition.inputs), args, fields, scope)
    return [
        _argument(each, value, scope, each.name in floating)
        for each, value in zip(definition.inputs, values, strict=True)
    ]


@functools.lru_cache(1024)
def _parameters(inputs: tuple[Input, ...]) -> tuple[Parameter, ...]:
    """The inputs as parameters of a step."""
    return tuple(
        Parameter(each.name, Extra.RAW, DEFAULT if each.option else REQUIRED, optional=each.option) for each in inputs
    )


def _argument(declared: Input, value: Any, scope: Scope, floating: bool) -> Any:
    if declared.option and not floating:
        if declared.text and type(value) is str:
            return value
        plain = number(value)
        if value is None or value is DEFAULT or plain is not None:
            return plain if plain is not None else value
    elif value is None or value is DEFAULT:
        raise wrong(declared.name, "must be a tensor")
    return solid_like(scope, declared.wanted, value, floating)


def apply(definition: Definition, values: Sequence[Any]) -> list[Tensor]:
    """The outputs for these arguments, recorded as the current modes say.

    Raises Problem, or what the engine raises; `bad_argument` if the function changes an argument.
    """
    check(definition.name, definition.inputs, values)
    ctx = modes.state.ctx
    before = [_state(each) for each in values]
    switches = ctx.grad_enabled, ctx.default_dtype, ctx.anomaly
    try:
        results = _run(definition, values)
    finally:
        ctx.grad_enabled, ctx.default_dtype, ctx.anomaly = switches
    for each, value, was in zip(definition.inputs, values, before, strict=True):
        if _changed(value, was):
            text = f"{definition.name}() changes its argument '{each.name}' in place; let it change a clone"
            raise Problem("bad_argument", text)
    return results


def _run(definition: Definition, values: Sequence[Any]) -> list[Tensor]:
    if definition.custom is not None:
        made = definition.custom.apply(*values)
        return list(made) if isinstance(made, tuple) else [made]
    with frame_of(definition.calls) as frame:
        return definition.program.run(values, frame)


def _state(value: Any) -> tuple[Any, ...]:
    """What nobody but the owner of a tensor may change."""
    if not isinstance(value, Tensor):
        return ()
    return (value._version, value._array, value._grad, value._requires_grad)


def _changed(value: Any, was: tuple[Any, ...]) -> bool:
    now = _state(value)
    return now[:1] != was[:1] or any(one is not other for one, other in zip(now[1:], was[1:], strict=True))


@contextmanager
def frame_of(calls: Mapping[str, Definition]) -> Iterator[Frame]:
    """Where the steps of a function run: names of their own, the budget of whoever called."""
    frame = Frame.current(Callees(calls))
    with frame.budget.holding(frame.names):
        yield frame
