"""The methods that differentiate: `backward`, `grad`, `jacobian`, `hessian`. Each names its step and runs it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from app.calls import Call
from app.problems import Problem
from app.session.bodies import asked_for_data, wrong
from app.session.objects import Writer
from app.session.replies import Reply, fields_of, object_of
from app.session.state import State
from app.session.steps import Step, run_step
from engine.tensor import Tensor


def backward(state: State, call: Call) -> Reply:
    """`torch.autograd.backward`; answers every named tensor whose gradient changed."""
    fields = fields_of(state, call)
    before = {id(tensor): _mark(tensor) for _, tensor in state.names.tensors()}
    run_step(state, Step("backward", fields=fields))
    addressed = _addressed(state, fields.get("inputs"), fields["tensors"])
    writer, data = Writer(state.limits), asked_for_data(call.query)
    grads = {}
    for earliest, tensor in state.names.tensors():
        if tensor.grad is not None and _mark(tensor) != before.get(id(tensor)):
            name = addressed.get(id(tensor), earliest)
            grads[name] = writer.gradient(tensor.grad, f"{name}.grad", data)
    return 200, {"grads": grads}


def _addressed(state: State, *values: Any) -> dict[int, str]:
    """The names that a body has for tensors, by id; the first where it has several for one."""
    found: dict[int, str] = {}
    for value in values:
        for name in value if type(value) is list else [value]:
            if type(name) is str and name in state.names:
                found.setdefault(id(state.names.named(name)), name)
    return found


def _mark(tensor: Tensor) -> tuple[int, int] | None:
    """Something that differs whenever the gradient does; the gradient itself stays alive in the undo log."""
    return None if tensor.grad is None else (id(tensor.grad), tensor.grad._counter[0])


def grad(state: State, call: Call) -> Reply:
    """`torch.autograd.grad`."""
    body = fields_of(state, call)
    return 200, {"grads": _derived(state, call, "autograd.grad", body, body.pop("out", None))}


def jacobian(state: State, call: Call) -> Reply:
    """The Jacobians of the recorded graph, one for each input."""
    body = fields_of(state, call)
    outputs, inputs = _shapes(state, body.get("output")), _shapes(state, body.get("inputs"))
    _check_answer(state, call, ((*one, *other) for one in outputs for other in inputs))
    return 200, {"jacobians": _derived(state, call, "autograd.jacobian", body, body.pop("out", None))}


def hessian(state: State, call: Call) -> Reply:
    """The Hessian of a scalar of the recorded graph: for each input a list of blocks, one for each input."""
    body = fields_of(state, call)
    inputs = _shapes(state, body.get("inputs"))
    _check_answer(state, call, ((*one, *other) for one in inputs for other in inputs))
    blocks = _derived(state, call, "autograd.hessian", body, _flat(body.pop("out", None)))
    size = math.isqrt(len(blocks))
    return 200, {"hessians": [blocks[at : at + size] for at in range(0, len(blocks), size)]}


def _derived(state: State, call: Call, op: str, body: dict[str, Any], out: Any) -> list[dict[str, Any] | None]:
    """The objects of a step's results, with values unless the call says otherwise."""
    outcome = run_step(state, Step(op, fields=body, out=out))
    writer, data = Writer(state.limits), asked_for_data(call.query) is not False
    return [object_of(writer, name, tensor, data) for name, tensor in outcome.tensors]


def _flat(out: Any) -> Any:
    """The names of blocks, which come as the blocks do: a list of lists."""
    if out is None or type(out) is str:
        return out
    if type(out) is not list or any(type(row) is not list or len(row) != len(out) for row in out):
        raise wrong("out", "must be a list of lists of names, one for each block")
    return [name for row in out for name in row]


def _shapes(state: State, value: Any) -> list[tuple[int, ...]]:
    """The shapes of the tensors that a name or a list of names stands for; what else is there, the step refuses."""
    entries = value if type(value) is list else [value]
    return [tuple(state.names.resolve(each).shape) for each in entries if type(each) is str]


def _check_answer(state: State, call: Call, shapes: Iterable[tuple[int, ...]]) -> None:
    """Refuse before the first pass what the answer could not hold."""
    limit = state.limits.response_elements
    if asked_for_data(call.query) is not False and sum(map(math.prod, shapes)) > limit:
        raise Problem("too_large", f"the answer would have more than {limit} numbers")
