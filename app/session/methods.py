"""The methods of a session: one function for each, from a call to a status and a body.

Those that change something name a step and run it; all of `MUTATING` happens within a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext
from itertools import islice
from typing import Any

from app import fields
from app.calls import JSON, NPY, Call
from app.problems import Problem, problem_of
from app.session import code_methods, differentiation, drawing, optimizer_methods
from app.session.bodies import asked_for_data, body_of, flag, query_flag, texts, wrong
from app.session.names import SHOWN, checked_name
from app.session.objects import Writer
from app.session.repeats import Program
from app.session.replies import Reply, fields_of, file_of, object_of, parsed, values_of
from app.session.state import State
from app.session.steps import Outcome, Step, run_step, step_of
from engine import dtypes, grad_mode, modes
from engine.tensor import Tensor

Method = Callable[[State, Call], Reply]
IN_URL = 404
TENSOR_FIELDS = ("data", "dtype", "device", "requires_grad", "shape")


def _name(call: Call) -> str:
    assert call.name is not None, f"{call.method} goes with a name"
    return call.name


# -- the session ----------------------------------------------------------------------------------------------------


def get_session(state: State, call: Call) -> Reply:
    """The session object, measured."""
    state.budget.measure()
    return 200, state.describe()


def patch_session(state: State, call: Call) -> Reply:
    """Change the modes, the seed or the time to live."""
    body = body_of(parsed(state, call), ("grad_enabled", "ttl_s", "dtype", "seed"))
    if "grad_enabled" in body:
        grad_mode.set_grad_enabled(flag(body, "grad_enabled"))
    if "dtype" in body:
        modes.set_default_dtype(dtypes.BY_NAME[fields.dtype(body["dtype"])])
    if "seed" in body:
        modes.manual_seed(fields.seed(body["seed"]))
    if "ttl_s" in body:
        state.ttl_s = fields.ttl_s(body["ttl_s"], state.limits)
    return get_session(state, call)


# -- tensors --------------------------------------------------------------------------------------------------------


def create_tensor(state: State, call: Call) -> Reply:
    """A new tensor under a free name, its own or the next."""
    body = _fields_of_tensor(state, call, ("name", *TENSOR_FIELDS))
    name = body.pop("name", None)
    if name is None:
        return 201, _only(state, call, run_step(state, Step("tensor", fields=body)))
    if checked_name(name) in state.names:
        raise Problem("name_taken", f"'{name}' is taken; PUT binds it again")
    return 201, _only(state, call, run_step(state, Step("tensor", fields=body, out=name)))


def _fields_of_tensor(state: State, call: Call, allowed: Collection[str]) -> dict[str, Any]:
    """What a new tensor is made of: the fields of JSON, or a file and what stands beside it in the query string."""
    if call.content_type != NPY:
        return body_of(parsed(state, call), allowed, ("data",))
    fields = file_of(state, call)
    if "name" in call.query:
        fields["name"] = call.query["name"]
    if (requires_grad := query_flag(call.query, "requires_grad")) is not None:
        fields["requires_grad"] = requires_grad
    return fields


def put_tensor(state: State, call: Call) -> Reply:
    """A new tensor under a given name, taken or not."""
    name = checked_name(call.name)
    status = 200 if name in state.names else 201
    body = _fields_of_tensor(state, call, TENSOR_FIELDS)
    return status, _only(state, call, run_step(state, Step("tensor", fields=body, out=name)))


def list_tensors(state: State, call: Call) -> Reply:
    """A page of the tensors, or those asked for by name; with values only if `data` says so."""
    writer = Writer(state.limits)
    data = asked_for_data(call.query) or False
    size = fields.page_size(call.query.get("limit"), state.limits)
    if "names" in call.query:
        asked = [each for each in call.query["names"].split(",") if each]
        shown = [writer.tensor(state.names.resolve(each, IN_URL), each, data) for each in asked]
        return 200, {"tensors": shown, "next": None}
    cursor = call.query.get("cursor", "0")
    if not fields.DIGITS.match(cursor):
        raise wrong("cursor", "must be the `next` of the page before")
    page = list(islice(state.names.after(int(cursor)), size + 1))
    following = str(page[size - 1][0]) if len(page) > size else None
    return 200, {"tensors": [writer.tensor(each, name, data) for _, name, each in page[:size]], "next": following}


def get_tensor(state: State, call: Call) -> Reply:
    """One tensor with its values."""
    tensor = state.names.named(_name(call), IN_URL)
    state.budget.admit([tensor])
    if call.accept != JSON:
        return values_of(state, tensor, call.accept)
    return 200, Writer(state.limits).tensor(tensor, call.name, asked_for_data(call.query) is not False)


def patch_tensor(state: State, call: Call) -> Reply:
    """Set `requires_grad` and `retains_grad`, rename."""
    name = _name(call)
    tensor = state.names.named(name, IN_URL)
    body = body_of(parsed(state, call), ("requires_grad", "retains_grad", "name"))
    if "requires_grad" in body:
        run_step(state, Step("requires_grad_", [name, flag(body, "requires_grad")]))
    if "retains_grad" in body:
        if not flag(body, "retains_grad"):
            raise wrong("retains_grad", "can only become true")
        run_step(state, Step("retain_grad", [name]))
    if "name" in body:
        run_step(state, Step("rename", [name, body["name"]]))
        name = body["name"]
    return 200, Writer(state.limits).tensor(tensor, name, asked_for_data(call.query))


def set_data(state: State, call: Call) -> Reply:
    """Overwrite a tensor's values."""
    tensor = state.names.named(_name(call), IN_URL)
    run_step(state, Step("set_data", [call.name], {"data": fields_of(state, call)}))
    return 200, Writer(state.limits).tensor(tensor, call.name, asked_for_data(call.query))


def delete_tensor(state: State, call: Call) -> Reply:
    """Unbind a name."""
    state.names.named(_name(call), IN_URL)
    run_step(state, Step("del", [[call.name]]))
    return 204, None


# -- gradients ------------------------------------------------------------------------------------------------------


def get_gradient(state: State, call: Call) -> Reply:
    """The gradient of a tensor."""
    name = f"{_name(call)}.grad"
    gradient = state.names.resolve(name, IN_URL)
    state.budget.admit([gradient])
    if call.accept != JSON:
        return values_of(state, gradient, call.accept)
    return 200, Writer(state.limits).gradient(gradient, name, asked_for_data(call.query) is not False)


def put_gradient(state: State, call: Call) -> Reply:
    """Assign the gradient of a tensor."""
    name = _name(call)
    state.names.named(name, IN_URL)
    run_step(state, Step("set_grad", [name], {"grad": fields_of(state, call)}))
    gradient = state.names.resolve(f"{name}.grad")
    return 200, Writer(state.limits).gradient(gradient, f"{name}.grad", asked_for_data(call.query))


def delete_gradient(state: State, call: Call) -> Reply:
    """Clear the gradient of a tensor."""
    name = _name(call)
    state.names.named(name, IN_URL)
    run_step(state, Step("zero_grad", [[name]]))
    return 204, None


# -- steps ----------------------------------------------------------------------------------------------------------


def op(state: State, call: Call) -> Reply:
    """One step, its op named by the URL."""
    name = _name(call)
    try:
        program = state.repeats.find(name, call.body) or Program([step_of(parsed(state, call), name)])
        outcome = run_step(state, program.steps[0], IN_URL)
    except Exception as error:  # noqa: BLE001  # raised again, with its place
        problem = problem_of(error, op=name[:SHOWN])
        raise problem from problem.__cause__
    state.repeats.note(name, call.body, program)
    writer, data = Writer(state.limits), asked_for_data(call.query)
    objects = [object_of(writer, name, tensor, data) for name, tensor in outcome.tensors]
    if outcome.several:
        return 200, {"results": objects}
    if outcome.is_tensor:
        return 200, {"result": objects[0]}
    return 200, {"result": None, "value": writer.value(outcome.value)} if outcome.has_value else {"result": None}


def run(state: State, call: Call) -> Reply:
    """Many steps, in order."""
    program = state.repeats.find(None, call.body) or _program(state, call)
    values: dict[str, Any] = {}
    writer = Writer(state.limits)
    with grad_mode.no_grad() if program.no_grad else nullcontext():
        last = _run_all(state, program.steps, writer, values)
    state.repeats.note(None, call.body, program)
    if program.asked is None:
        shown = {name: tensor for name, tensor in last.tensors if name is not None}
    else:
        shown = {name: _returned(state, name) for name in program.asked}
    state.budget.admit(shown.values())
    data = asked_for_data(call.query) is not False
    tensors = {name: object_of(writer, name, tensor, data) for name, tensor in shown.items()}
    return 200, {"version": state.version, "tensors": tensors, **({"values": values} if values else {})}


def _program(state: State, call: Call) -> Program:
    """What a body asks for."""
    body = body_of(parsed(state, call), ("steps", "return", "no_grad"), ("steps",))
    steps, asked = body["steps"], texts(body, "return")
    if type(steps) is not list:
        raise wrong("steps", "must be a list")
    if len(steps) > state.limits.run_steps:
        raise Problem("too_large", f"{len(steps)} steps, over the limit of {state.limits.run_steps} for one run")
    return Program(steps, asked, flag(body, "no_grad"))


def _run_all(state: State, steps: list[Any], writer: Writer, values: dict[str, Any]) -> Outcome:
    """Run the steps, each of which is read in its turn: what is wrong with an earlier one is told first."""
    outcome, index, step = Outcome(), 0, None
    try:
        for index, step in enumerate(steps):
            if type(step) is not Step:
                step = steps[index] = step_of(step)
            outcome = run_step(state, step)
            if outcome.has_value:
                values[str(index)] = writer.value(outcome.value)
    except Exception as error:  # noqa: BLE001  # raised again, with its place
        named = step.op if type(step) is Step else step.get("op") if type(step) is dict else None
        named = named[:SHOWN] if type(named) is str else None
        problem = problem_of(error, op=named, step=index)
        raise problem from problem.__cause__
    return outcome


def _returned(state: State, name: str) -> Tensor | None:
    """What `return` names as the run ends: a tensor, a gradient, or None for a gradient that is not there."""
    owner = name.removesuffix(".grad")
    tensor = state.names.named(owner)
    return tensor if owner == name else tensor.grad


# -- answers --------------------------------------------------------------------------------------------------------


def _only(state: State, call: Call, outcome: Outcome) -> dict[str, Any] | None:
    name, tensor = outcome.tensors[0]
    return object_of(Writer(state.limits), name, tensor, asked_for_data(call.query))


READING: dict[str, Method] = {
    "session.get": get_session,
    "tensor.list": list_tensors,
    "tensor.get": get_tensor,
    "grad.get": get_gradient,
    "graph.get": drawing.get_graph,
    "optimizer.list": optimizer_methods.list_all,
    "optimizer.get": optimizer_methods.get,
}
MUTATING: dict[str, Method] = {
    "session.patch": patch_session,
    "tensor.create": create_tensor,
    "tensor.put": put_tensor,
    "tensor.patch": patch_tensor,
    "tensor.set_data": set_data,
    "tensor.delete": delete_tensor,
    "grad.put": put_gradient,
    "grad.delete": delete_gradient,
    "backward": differentiation.backward,
    "grad": differentiation.grad,
    "jacobian": differentiation.jacobian,
    "hessian": differentiation.hessian,
    "optimizer.create": optimizer_methods.create,
    "optimizer.patch": optimizer_methods.patch,
    "optimizer.delete": optimizer_methods.delete,
    "exec": code_methods.execute,
    "op": op,
    "run": run,
}
