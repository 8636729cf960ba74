"""Checking the steps of a function before it is saved: ops, arguments and names, by running them on nothing.

Each name stands for an empty tensor while the arguments of the steps are bound as they will be, but no op is run. So a
function that is saved knows all that it names: it sees nothing of a session.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from app.functions.applying import Callees, arguments_of
from app.functions.definition import Definition
from app.problems import Problem, problem_of
from app.session.arguments import choose_op
from app.session.bodies import wrong
from app.session.declaring import bound
from app.session.names import SHOWN, Names, checked_name
from app.session.scope import Scope
from app.session.special import SPECIALS, Special
from app.session.steps import ABSENT, FUNCTIONS, Step, step_of
from app.session.unknown import unknown_op
from engine.modes import state
from engine.op import registry
from engine.tensor import Tensor

# Steps beside ops that leave no trace outside of the function.
PURE = frozenset(
    ("tensor", "getitem", "setitem_", "fill_diagonal_", "del", "autograd.grad", "autograd.jacobian", "autograd.hessian")
)


PURE_INSIDE = "requires_grad_"  # of what the function made itself, so that it can take gradients


class Checker:
    """The names that are known so far, and the functions that may be called."""

    def __init__(self, names: Iterable[str], calls: Mapping[str, Definition]) -> None:
        self._names = Names(sys.maxsize)
        self._calls = Callees(calls)
        self._inputs = {name: _nothing() for name in names}
        for name, tensor in self._inputs.items():
            self._names.bind(name, tensor)

    def steps(self, values: Any, field: str, most: int) -> tuple[Step, ...]:
        """The steps of a JSON list.

        Raises Problem: with the index of the step that is wrong, and `unknown_tensor` where one names what is neither
        an input nor the result of a step before.
        """
        if type(values) is not list:
            raise wrong(field, f"must be a list of steps, not {type(values).__name__}")
        if len(values) > most:
            raise Problem("too_large", f"{len(values)} steps, over the limit of {most}")
        return tuple(self._step(value, index) for index, value in enumerate(values))

    def named(self, name: Any, field: str) -> str:
        """A name, if it is known by now.

        Raises Problem `unknown_tensor`.
        """
        if checked_name(name) not in self._names:
            raise _unseen(name, [{"field": field, "message": "names nothing"}])
        return str(name)

    def _step(self, value: Any, index: int) -> Step:
        op = value.get("op") if type(value) is dict else None
        if state.ctx.guard is not None:
            state.ctx.guard.tick()
        try:
            step = step_of(value)
            self._check(step)
            self._bind_results(step)
        except Exception as error:  # noqa: BLE001  # raised again, with its place
            problem = problem_of(error, op=op[:SHOWN] if type(op) is str else None, step=index)
            raise problem from problem.__cause__
        return step

    def _check(self, step: Step) -> None:
        scope = Scope(self._names)
        try:
            if step.op.startswith(FUNCTIONS):
                arguments_of(self._calls.find(step.op), step.args, step.fields, scope)
            elif step.op in SPECIALS:
                self._check_special(SPECIALS[step.op], step, scope)
            else:
                function = registry.get(step.op)
                if function is None or step.op.startswith("__"):
                    raise unknown_op(step.op, 422)
                choose_op(function, step.args, step.fields, scope)
        except Problem as problem:
            if problem.code != "unknown_tensor":
                raise
            raise _unseen(problem.detail.split("'")[1]) from None

    def _check_special(self, special: Special, step: Step, scope: Scope) -> None:
        if special.name not in (*PURE, PURE_INSIDE):
            raise _impure(f"'{special.name}'")
        values = bound(special.name, special.parameters, step.args, step.fields, scope)
        if special.name == PURE_INSIDE and any(values[0] is each for each in self._inputs.values()):
            raise _impure(f"'{special.name}' of an input")
        if special.name == "del":
            special.run(scope, *values)

    def _bind_results(self, step: Step) -> None:
        if step.out is ABSENT:
            self._names.bind_next(_nothing())
        for name in step.out if type(step.out) is list else [step.out]:
            if name is not None and name is not ABSENT:
                self._names.bind(checked_name(name), _nothing())


def _impure(what: str) -> Problem:
    return Problem("bad_argument", f"a function is pure: it has no step {what}")


def _nothing() -> Tensor:
    made: Tensor = registry["zeros"]((0,))
    return made


def _unseen(name: str, errors: list[dict[str, str]] | None = None) -> Problem:
    text = f"'{name[:SHOWN]}' is neither an input nor the result of a step before; a function sees nothing of a session"
    return Problem("unknown_tensor", text, status=422, errors=errors)


def called_by(steps: Any) -> set[str]:
    """The names of the functions that steps in JSON call."""
    return {
        step["op"].removeprefix(FUNCTIONS)
        for step in (steps if type(steps) is list else [])
        if type(step) is dict and type(step.get("op")) is str and step["op"].startswith(FUNCTIONS)
    }
