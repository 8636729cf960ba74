"""Frames: what steps need of whoever runs them: a session, whose names last, or a saved function."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from app.exec.budget import Allowance
from app.problems import Problem
from app.session.budget import Budget
from app.session.names import SHOWN, Names
from app.session.scope import Scope
from engine import modes


class Functions(Protocol):
    """The saved functions that steps may call as `functions.NAME`."""

    def apply(self, op: str, args: list[Any], fields: Mapping[str, Any], scope: Scope, status: int) -> Any:
        """The result of a step: a tensor, or a tuple of them.

        Raises Problem `unknown_function` with this status, and what the function raises.
        """

    def invoke(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The result for tensors and numbers as code has them. Raises as `apply` does."""


class NoFunctions:
    """Where nobody has saved any."""

    def invoke(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Refuse."""
        raise unknown_function(name, 422)

    def apply(self, op: str, args: list[Any], fields: Mapping[str, Any], scope: Scope, status: int) -> Any:
        """Refuse."""
        raise unknown_function(op.partition(".")[2], status)


def unknown_function(name: str, status: int = 404) -> Problem:
    """The refusal of a function that is not there."""
    return Problem("unknown_function", f"there is no function '{name[:SHOWN]}'", status=status)


@dataclass(frozen=True, slots=True)
class Code:
    """What code needs of a session: its variables, and what one run may use."""

    variables: Any  # `app.session.variables.SessionVariables`, declared above this module
    allowance: Allowance


@dataclass(slots=True)
class Frame:
    """Names, the budget that their tensors count towards, the functions that may be called, and the steps run."""

    names: Names
    budget: Budget
    functions: Functions
    optimizers: None = None
    code: None = None
    ops: defaultdict[str, int] = field(default_factory=partial(defaultdict, int))

    @classmethod
    def current(cls, functions: Functions) -> Frame:
        """An empty frame in the budget of this thread's context."""
        budget = modes.state.ctx.guard
        assert isinstance(budget, Budget), "steps run within a budget"
        return cls(Names(sys.maxsize), budget, functions)
