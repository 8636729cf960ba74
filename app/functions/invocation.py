"""One call of a function without a session: its arguments as tensors, which of them gradients flow to, its answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from app.calls import Call
from app.functions.applying import apply, arguments_of
from app.functions.compiling import Plans
from app.functions.definition import Definition
from app.limits import Limits
from app.problems import Problem
from app.session.bodies import asked_for_data, wrong
from app.session.names import SHOWN, Names
from app.session.objects import Writer
from app.session.scope import Scope
from engine import errors
from engine.tensor import Tensor

SCALAR = "grad can be implicitly created only for scalar outputs"  # torch's words


class NoNames(Names):
    """What a call sees of a session: nothing."""

    __slots__ = ()

    def named(self, name: str, status: int = 422) -> NoReturn:
        """Refuse a name."""
        detail = f"'{name[:SHOWN]}' stands for nothing: without a session arguments are numbers, lists or literals"
        raise Problem("unknown_tensor", detail, status=status)


@dataclass(slots=True)
class Invocation:
    """A call: the function, the fields of the body, and where the answer's tensors are written."""

    definition: Definition
    body: dict[str, Any]
    limits: Limits
    plans: Plans
    writer: Writer
    data: bool

    @classmethod
    def of(cls, definition: Definition, body: dict[str, Any], call: Call, limits: Limits, plans: Plans) -> Invocation:
        """The invocation that a call with this body asks for."""
        return cls(definition, body, limits, plans, Writer(limits), asked_for_data(call.query) is not False)

    # -- arguments --------------------------------------------------------------------------------------------------

    def scope(self) -> Scope:
        """What arguments may name: nothing."""
        return Scope(NoNames(0))

    def arguments(self, floating: Iterable[str] = ()) -> list[Tensor]:
        """The arguments as tensors, `floating` those that gradients flow to. Raises Problem."""
        given = self.body.get("args", [])
        if type(given) not in (list, dict):
            raise wrong("args", "must be a list of arguments, or an object with each by its name")
        args, fields = (given, {}) if type(given) is list else ([], given)
        return arguments_of(self.definition, args, fields, self.scope(), frozenset(floating))

    def wrt(self) -> list[int]:
        """The places of the inputs to differentiate by: the names or places in `wrt`, else all that may be.

        Raises Problem, or what torch says of none.
        """
        inputs = self.definition.inputs
        asked = self.body.get("wrt")
        if asked is None:
            places = [at for at, each in enumerate(inputs) if each.may_differentiate]
        else:
            asked = asked if type(asked) is list else [asked]
            places = [self._place(each) for each in asked]
            if len(set(places)) < len(places):
                raise wrong("wrt", "has an input twice")
        if not places:
            raise errors.bad_argument("`inputs` argument to `grad()` cannot be empty.")
        return places

    def _place(self, asked: Any) -> int:
        inputs = self.definition.inputs
        for at, each in enumerate(inputs):
            if asked == each.name or (type(asked) is int and asked == at):
                return at
        shown = f"'{asked[:SHOWN]}'" if type(asked) is str else str(asked)[:SHOWN]
        raise wrong("wrt", f"has {shown}, but the inputs are {', '.join(each.name for each in inputs)}")

    def differentiable(self) -> tuple[list[Tensor], list[Tensor]]:
        """The arguments, and those of them to differentiate by as leaves that require grad.

        Raises Problem; `dtype_mismatch` for one whose dtype has no gradients.
        """
        places = self.wrt()
        tensors = self.arguments(self.definition.inputs[at].name for at in places)
        return tensors, [tensors[at].requires_grad_() for at in places]

    # -- values -----------------------------------------------------------------------------------------------------

    def outputs(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The outputs of the function, recorded where an argument requires grad."""
        return apply(self.definition, tensors)

    def scalar(self, tensors: Sequence[Tensor]) -> Tensor:
        """The output of a function that has one, of one element.

        Raises Problem, or RuntimeError with torch's text.
        """
        outputs = self.outputs(tensors)
        if len(outputs) != 1:
            text = f"{self.definition.name}() has {len(outputs)} outputs, where a gradient needs exactly one"
            raise Problem("bad_argument", text)
        if outputs[0].numel() != 1:
            raise errors.bad_argument(SCALAR)
        if outputs[0].is_complex():
            dtype = outputs[0].dtype
            raise errors.dtype_mismatch(
                f"grad can be implicitly created only for real scalar outputs but got {dtype!r}"
            )
        return outputs[0]

    # -- answers ----------------------------------------------------------------------------------------------------

    def make_room(self, shapes: Iterable[tuple[int, ...]]) -> None:
        """Refuse, before anything is computed, what the answer could not hold.

        Raises Problem `too_large`.
        """
        limit = self.limits.response_elements
        if self.data and sum(map(math.prod, shapes)) > limit:
            raise Problem("too_large", f"the answer would have more than {limit} numbers")

    def shown(self, tensors: Iterable[Tensor | None]) -> list[dict[str, Any] | None]:
        """The objects of tensors, without the graphs they were made with.

        Raises Problem `too_large`.
        """
        return [None if each is None else self.writer.tensor(each.data, None, self.data) for each in tensors]
