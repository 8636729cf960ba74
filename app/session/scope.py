"""A scope: what the arguments of one step may name; and what is said of those that a step does not take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.problems import MAX_ERRORS, Problem
from app.session.literals import make_tensor
from app.session.names import SHOWN, Names
from app.session.optimizers import Optimizers
from engine.tensor import Tensor


class Mismatch(Exception):
    """Arguments that parameters do not take; `problem` says it better, where there is one: an unknown name, say.

    `wrong` has the fields that are not right, each with what is wrong about it.
    """

    def __init__(self, text: str, problem: Problem | None = None, wrong: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.problem = problem
        self.wrong = dict(wrong or {})

    def as_problem(self) -> Problem:
        """The same as an answer."""
        if self.problem is not None:
            return self.problem
        errors = [{"field": name[:SHOWN], "message": self.wrong[name]} for name in list(self.wrong)[:MAX_ERRORS]]
        return Problem("bad_argument", str(self), errors=errors or None)


def _no_steps(body: Any) -> list[Tensor | None]:
    raise Problem("bad_argument", "no steps can stand here")


@dataclass(slots=True)
class Scope:
    """What the arguments of one step may name, and what they have named so far."""

    names: Names
    addressed: dict[int, str] = field(default_factory=dict)  # by id of the tensor; the names keep the tensors alive
    literals: dict[int, Tensor] = field(default_factory=dict)  # by id of the JSON: overloads are tried in turn
    optimizers: Optimizers | None = None  # of a session; a saved function has none
    code: Any = None  # what runs code in a session (`app.session.frames.Code`)
    run: Callable[[Any], list[Tensor | None]] = _no_steps  # a step within the step

    def named(self, text: str) -> Tensor:
        """The tensor of `x` or `x.grad`.

        Raises Problem `unknown_tensor` or `no_grad`.
        """
        tensor = self.names.resolve(text)
        self.addressed.setdefault(id(tensor), text)
        return tensor

    def constant(self, value: Any) -> Tensor:
        """The tensor of a list or literal."""
        made = self.literals.get(id(value))
        if made is None:
            made = self.literals[id(value)] = make_tensor(value)
        return made
