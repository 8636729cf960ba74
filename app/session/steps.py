"""Steps: one call of an op, checked and run. Everything that changes a session comes through `run_step`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.problems import Problem
from app.session.arguments import bind_op
from app.session.bodies import flag, wrong
from app.session.declaring import bound
from app.session.executing import call_defined, defined
from app.session.frames import Frame
from app.session.names import Names, checked_name
from app.session.plans import Plan, plan_of
from app.session.quick import bind_quickly, bind_special, run_op
from app.session.scope import Scope
from app.session.special import SPECIALS, Special, Value
from app.session.state import State
from app.session.unknown import unknown_op
from engine.grad_mode import no_grad
from engine.op import Op, registry
from engine.tensor import Size, Tensor

ABSENT: Any = object()  # no `out`, which is not the same as null
FUNCTIONS = "functions."  # before the name of a saved function
CHANGING = ("set_data", "set_grad")  # in place, though their names do not say so


@dataclass(slots=True)
class Step:
    """What a client asks for: an op, its arguments by position and by name, and how to name the result."""

    op: str
    args: list[Any] = field(default_factory=list)
    fields: Mapping[str, Any] = field(default_factory=dict)
    out: Any = ABSENT
    no_grad: bool = False
    runs: int = 0  # without an error, up to two
    plan: Plan | None = None  # made when it is run again


@dataclass(slots=True)
class Outcome:
    """What a step gave: tensors, each with the name it goes by or None; else a value, if `has_value`."""

    tensors: Sequence[tuple[str | None, Tensor | None]] = ()
    is_tensor: bool = False
    several: bool = False
    value: Any = None
    has_value: bool = False


def step_of(body: Any, op: str | None = None) -> Step:
    """A step from its JSON; `op` is what the URL names.

    Raises Problem `bad_argument`.
    """
    if type(body) is not dict:
        raise Problem("bad_argument", f"a step is a JSON object, not {type(body).__name__}", op=op)
    fields = body.copy()
    if op is None:
        op = fields.pop("op", None)
        if type(op) is not str:
            raise wrong("op", "must be the name of an op")
    args = fields.pop("args", [])
    if type(args) is not list:
        raise wrong("args", "must be a list")
    out = fields.pop("out", ABSENT)
    no_grad = flag(fields, "no_grad") if "no_grad" in fields else False
    fields.pop("no_grad", None)
    return Step(op, args, fields, out, no_grad)


def run_step(state: State | Frame, step: Step, status: int = 422) -> Outcome:
    """Run a step and name its results.

    Raises Problem or what the engine raises; an unknown op has `status` (404 where the URL names it).
    """
    if step.runs:
        outcome = _run_planned(state, step)
        if outcome is not None:
            return outcome
    state.budget.tick()
    _check_out(step.out)
    scope = _scope(state)
    if step.no_grad:
        with no_grad():
            result, several, unnamed = _result(state, step, scope, status)
    else:
        result, several, unnamed = _result(state, step, scope, status)
    outcome = _outcome(result, several, unnamed, step.out, scope)
    step.runs = step.runs or 1
    return outcome


def _scope(state: State | Frame) -> Scope:
    return Scope(state.names, {}, {}, state.optimizers, state.code, partial(_run_within, state))


def _run_planned(state: State | Frame, step: Step) -> Outcome | None:
    """A step by its plan; None if it has none, or needs a closer look this time."""
    if step.runs == 1:
        step.runs = 2
        if not step.no_grad:
            step.plan = plan_of(step.op, step.args, step.fields)
    plan = step.plan
    values = None if plan is None else plan.arguments(state.names)
    if plan is None or values is None:
        return None
    state.budget.admit(values)
    if plan.in_scope:
        state.budget.tick()  # an op asks by itself
        scope = _scope(state)
        scope.addressed = plan.addressed(values)
        result = plan.run(scope, *values)
        state.ops[step.op] += 1
        return _outcome(result, plan.several, plan.several, step.out, scope)
    result = plan.run(*values)
    state.ops[step.op] += 1
    if type(result) is Tensor and type(step.out) is str:
        state.names.bind(step.out, result)
        return Outcome(((step.out, result),), True)
    scope = _scope(state)
    scope.addressed = plan.addressed(values)
    return _outcome(result, plan.several, False, step.out, scope)


def _result(state: State | Frame, step: Step, scope: Scope, status: int) -> tuple[Any, bool, bool]:
    """What a step gives, whether it is a list of results, and whether they go without a name unless `out` has one."""
    op, ops = step.op, state.ops  # the names counted there are a fixed set: metrics have them as labels
    special = SPECIALS.get(op)
    if special is not None:
        found = _run_special(state, special, step, scope), special.several, special.several
        ops[op] += 1
    elif op.startswith(FUNCTIONS):
        state.budget.leave_loop()
        found = state.functions.apply(op, step.args, step.fields, scope, status), False, False
        ops[FUNCTIONS + "*"] += 1
    elif op not in registry and (function := defined(scope, op)) is not None:
        state.budget.leave_loop()
        found = call_defined(scope, function, step.args, step.fields), False, False
        ops["exec"] += 1
    else:
        run, result = _run_op(state, step, scope, status)
        found = result, run.multiple, False
        ops[op] += 1
    return found


def _run_within(state: State | Frame, body: Any) -> list[Tensor | None]:
    """The results of a step within a step; it names them only as `out` says, since it may run many times."""
    step = step_of(body)
    if step.out is ABSENT:
        step.out = None
    return [tensor for _, tensor in run_step(state, step).tensors]


def _run_special(state: State | Frame, special: Special, step: Step, scope: Scope) -> Any:
    values = bind_special(special.name, special.parameters, step.args, step.fields, scope)
    if values is None:
        values = bound(special.name, special.parameters, step.args, step.fields, scope)
    _refuse_literal(special.name, values, scope)
    state.budget.admit(values)
    return special.run(scope, *values)


def _run_op(state: State | Frame, step: Step, scope: Scope, status: int) -> tuple[Op, Any]:
    function = registry.get(step.op)
    if function is None or step.op.startswith("__"):
        raise unknown_op(step.op, status)
    found = bind_quickly(function, step.args, step.fields, scope)
    op, values = found or bind_op(function, step.args, step.fields, scope)
    if op.name[-1] == "_":
        _refuse_literal(op.name, values, scope)
    state.budget.admit(values)
    return op, run_op(op, values)


def _refuse_literal(name: str, values: list[Any], scope: Scope) -> None:
    """An in-place op changes a tensor that has a name, else the change would be lost."""
    changes = name.endswith("_") or name in CHANGING
    if changes and not (isinstance(values[0], Tensor) and id(values[0]) in scope.addressed):
        raise Problem("bad_argument", f"{name} changes its input in place: that must be a tensor's name, not a literal")


# -- results --------------------------------------------------------------------------------------------------------


def _check_out(out: Any) -> None:
    if out is ABSENT:
        return
    if type(out) is str:
        checked_name(out, "out")
        return
    for name in out if type(out) is list else [out]:
        if name is not None:
            checked_name(name, "out")


def _outcome(result: Any, several: bool, unnamed: bool, out: Any, scope: Scope) -> Outcome:
    if type(result) is Tensor and not several and type(out) is not list:
        return Outcome([(_bind(result, out, unnamed, scope), result)], True)
    several = several or (isinstance(result, (list, tuple)) and not isinstance(result, Size))
    if isinstance(result, Tensor) or several:
        tensors = list(result) if several else [result]
        names = _names_for(tensors, out, several)
        named = [(_bind(each, name, unnamed, scope), each) for each, name in zip(tensors, names, strict=True)]
        return Outcome(named, True, several)
    if out is not ABSENT and out is not None:
        raise wrong("out", "names nothing: the step has no tensor as its result")
    if result is None:
        return Outcome()
    return Outcome(value=result.value if isinstance(result, Value) else result, has_value=True)


def _names_for(tensors: list[Any], out: Any, several: bool) -> list[Any]:
    """One entry of `out` for each result."""
    if out is ABSENT or (out is None and not several):
        return [out] * len(tensors)
    if out is None:
        return [None] * len(tensors)
    names = out if type(out) is list else [out]
    if len(names) != len(tensors):
        raise wrong("out", f"has {len(names)} names for {len(tensors)} results")
    return names


def _bind(tensor: Tensor | None, name: Any, unnamed: bool, scope: Scope) -> str | None:
    """Bind a result as its entry of `out` says, and give the name it goes by."""
    names: Names = scope.names
    if tensor is None:
        if name is not ABSENT and name is not None and name in names:
            names.unbind(name)
        return None
    if name is not ABSENT and name is not None:
        names.bind(name, tensor)
        return str(name)
    known = scope.addressed.get(id(tensor)) or names.of(tensor)
    if known is not None or name is None or unnamed:
        return known
    return names.bind_next(tensor)
