"""The methods of optimizers: make, list, show, change, delete. Those that change something name a step and run it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from app import codec, fields
from app.calls import Call
from app.problems import Problem
from app.session.bodies import asked_for_data, body_of, wrong
from app.session.names import checked_name
from app.session.objects import Writer
from app.session.optimizing import PREFIX, TYPES, options_of
from app.session.replies import Reply, fields_of
from app.session.state import State
from app.session.steps import Step, run_step
from engine.optim import Optimizer
from engine.tensor import Tensor

IN_URL = 404
MAX_DEPTH = 4  # of lists that code may have put into options


def create(state: State, call: Call) -> Reply:
    """A new optimizer under a free name."""
    body = fields_of(state, call)
    kind = body.pop("type", None)
    if type(kind) is not str or kind not in TYPES:
        raise wrong("type", f"must be one of {', '.join(TYPES)}")
    allowed = ("name", "params", *(each.name for each in options_of(TYPES[kind])))
    body_of(body, allowed, ("name", "params"))
    name = checked_name(body["name"])
    if name in state.optimizers:
        raise Problem("name_taken", f"the session has an optimizer '{name}'; delete it first")
    run_step(state, Step(PREFIX + kind, fields=body))
    return 201, _shown(state, call, name, state.optimizers.named(name))


def list_all(state: State, call: Call) -> Reply:
    """A page of the optimizers, without their states."""
    size = fields.page_size(call.query.get("limit"), state.limits)
    cursor = call.query.get("cursor", "0")
    if not fields.DIGITS.match(cursor):
        raise wrong("cursor", "must be the `next` of the page before")
    page = list(islice(state.optimizers.after(int(cursor)), size + 1))
    following = str(page[size - 1][0]) if len(page) > size else None
    writer = Writer(state.limits)
    shown = [describe(state, name, each, writer) for _, name, each in page[:size]]
    return 200, {"optimizers": shown, "next": following}


def get(state: State, call: Call) -> Reply:
    """One optimizer with its state."""
    name, found = _addressed(state, call)
    return 200, _shown(state, call, name, found)


def patch(state: State, call: Call) -> Reply:
    """Change options, of all parameter groups or of one."""
    name, found = _addressed(state, call)
    options = fields_of(state, call)
    group = {"group": options.pop("group")} if "group" in options else {}
    run_step(state, Step("optim.set_options", [name], {"options": options, **group}))
    return 200, _shown(state, call, name, found)


def delete(state: State, call: Call) -> Reply:
    """Let go of an optimizer and its state."""
    name, _ = _addressed(state, call)
    run_step(state, Step("optim.delete", [name]))
    return 204, None


def _addressed(state: State, call: Call) -> tuple[str, Optimizer]:
    assert call.name is not None, f"{call.method} goes with a name"
    return call.name, state.optimizers.named(call.name, IN_URL)


# -- the optimizer object -------------------------------------------------------------------------------------------


def describe(state: State, name: str, optimizer: Optimizer, writer: Writer) -> dict[str, Any]:
    """The object without the state; a parameter goes by its earliest name, null where it has none any more.

    Raises Problem `too_large` where options are lists of more entries than one answer may have.
    """
    writer.count(len(optimizer.param_groups) * len(optimizer.defaults))
    groups = [
        {
            "params": [state.names.of(each) for each in _params(group)],
            **{option: _plain(group.get(option), _number, writer) for option in optimizer.defaults},
        }
        for group in optimizer.param_groups
        if isinstance(group, dict)
    ]
    return {"name": name, "type": type(optimizer).__name__, "param_groups": groups}


def _shown(state: State, call: Call, name: str, optimizer: Optimizer) -> dict[str, Any]:
    """The object with the state as `state_dict` has it: by the numbers of the parameters, counted over the groups."""
    writer = Writer(state.limits)
    write = partial(writer.gradient, name=None, data=asked_for_data(call.query))
    params = [each for group in optimizer.param_groups for each in _params(group)]
    states = {
        str(number): {str(key): _plain(value, write, writer) for key, value in found.items()}
        for number, param in enumerate(params)
        if isinstance(found := optimizer.state.get(param), dict)
    }
    return {**describe(state, name, optimizer, writer), "state": states}


def _params(group: Any) -> list[Tensor]:
    found = group.get("params") if isinstance(group, dict) else None
    return [each for each in found if isinstance(each, Tensor)] if isinstance(found, list) else []


def _number(tensor: Tensor) -> Any:
    """A tensor that stands for an option."""
    return codec.plain(tensor.item()) if tensor.numel() == 1 else list(tensor.shape)


def _plain(value: Any, of_tensor: Callable[[Tensor], Any], writer: Writer, depth: int = 0) -> Any:
    """An option or a part of the state as JSON has it; of what code may have put there, the name of its type."""
    if isinstance(value, Tensor):
        return of_tensor(value)
    if isinstance(value, (list, tuple)) and depth < MAX_DEPTH:
        writer.count(len(value))
        return [_plain(each, of_tensor, writer, depth + 1) for each in value]
    return codec.plain(value) if value is None or isinstance(value, (bool, int, float, str)) else type(value).__name__
