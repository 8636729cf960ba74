"""Applying a function to tensors, whoever asks: a call without a session, a step of one, another function."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.functions.definition import Definition
from app.functions.patterns import check
from app.problems import Problem
from app.session.arguments import Extra, Mismatch, Parameter, Scope, bind, unknown_fields
from app.session.bodies import wrong
from app.session.declaring import solid_like
from app.session.frames import Frame, unknown_function
from app.session.steps import FUNCTIONS
from engine.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Callees:
    """The functions that the steps of a function may call: those it was saved with."""

    known: Mapping[str, Definition]

    def apply(self, op: str, args: list[Any], fields: Mapping[str, Any], scope: Scope, status: int) -> Any:
        """The result of a step whose op is `functions.NAME`: a tensor, or a tuple of them."""
        return apply_step(self.find(op, status), args, fields, scope)

    def find(self, op: str, status: int = 422) -> Definition:
        """The function that an op names.

        Raises Problem `unknown_function`.
        """
        found = self.known.get(op.removeprefix(FUNCTIONS))
        if found is None:
            raise unknown_function(op.removeprefix(FUNCTIONS), status)
        return found


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
) -> list[Tensor]:
    """The tensors that arguments stand for, by position and by name.

    A number or list without a dtype of its own has that of the signature, else that of `torch.tensor`; for the inputs
    in `floating`, integers have the default dtype. Raises Problem.
    """
    parameters = [Parameter(each.name, Extra.RAW) for each in definition.inputs]
    try:
        values = bind(definition.name, parameters, args, fields, scope, False)
    except Mismatch as mismatch:
        errors = unknown_fields(fields, {each.name for each in parameters})
        raise mismatch.problem or Problem("bad_argument", str(mismatch), errors=errors) from None
    return [
        solid_like(scope, each.wanted, value, each.name in floating) if value is not None else _missing(each.name)
        for each, value in zip(definition.inputs, values, strict=True)
    ]


def _missing(name: str) -> Tensor:
    raise wrong(name, "must be a tensor, not null")


def apply(definition: Definition, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The outputs for these tensors, recorded as the current modes say.

    Raises Problem, or what the engine raises; `bad_argument` if the function changes an argument in place.
    """
    check(definition.name, definition.inputs, tensors)
    versions = [each._version for each in tensors]
    if definition.custom is not None:
        made = definition.custom.apply(*tensors)
        results = list(made) if isinstance(made, tuple) else [made]
    else:
        with frame_of(definition.calls) as frame:
            results = definition.program.run(tensors, frame)
    for each, tensor, version in zip(definition.inputs, tensors, versions, strict=True):
        if tensor._version != version:
            text = f"{definition.name}() changes its argument '{each.name}' in place; let it change a clone"
            raise Problem("bad_argument", text)
    return results


@contextmanager
def frame_of(calls: Mapping[str, Definition]) -> Iterator[Frame]:
    """Where the steps of a function run: names of their own, the budget of whoever called."""
    frame = Frame.current(Callees(calls))
    with frame.budget.holding(frame.names):
        yield frame
