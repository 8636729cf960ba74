"""What stands behind the dot: one table for each type of value, of what is read, called and assigned.

That of tensors is in `tensor_names`. No name of a client is ever looked up on a Python object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import engine as torch
from app.exec import tensor_names
from app.exec.budget import Run
from app.exec.containers import DICT, LIST, SIZE, TEXT, TUPLE
from app.exec.functions import FunctionValue
from app.exec.optim_names import OPTIMIZER
from app.exec.query_names import FLOAT_LIMITS, INT_LIMITS
from app.exec.signatures import Any_, Bool, Func, Int, Read, T, bare, guarded, method
from app.exec.values import MISSING, Builtin, ClassValue, Kind, Namespace, attribute_error
from engine.autograd.context import FunctionCtx
from engine.devices import Device
from engine.dtypes import DType
from engine.generator import Generator
from engine.graph import AccumulateGrad, Node
from engine.hooks import RemovableHandle
from engine.modes import state
from engine.optim import Optimizer
from engine.tensor import Size, Tensor

FIXED = ("apply", "forward", "setup_context", "backward", "vjp", "jvp")  # of a class, once it is defined
NOTES = "_notes"  # where the attributes that code puts on a `ctx` are kept


# -- what the engine gives besides tensors ----------------------------------------------------------------------------


def _set_state(run: Run, self: Any_, new_state: T) -> Any:
    return self.set_state(new_state)


def _manual_seed(run: Run, self: Any_, seed: Int) -> Any:
    log = state.ctx.log
    if log is not None:
        log.generator(self)
    return self.manual_seed(seed)


def _node_hook(run: Run, self: Any_, fn: Func) -> Any:
    return self.register_hook(fn)


def _node_prehook(run: Run, self: Any_, fn: Func) -> Any:
    return self.register_prehook(fn)


def _save(name: str) -> Read:
    """One of the methods of `ctx` that take tensors."""

    def call(run: Run, self: Any_, *tensors: Any_) -> None:
        _SAVE[name](self, *tensors)

    return method(name, call)


_SAVE: dict[str, Callable[..., None]] = {
    "save_for_backward": FunctionCtx.save_for_backward,
    "save_for_forward": FunctionCtx.save_for_forward,
    "mark_dirty": FunctionCtx.mark_dirty,
    "mark_non_differentiable": FunctionCtx.mark_non_differentiable,
}


def _materialize(run: Run, self: Any_, value: Bool) -> None:
    self.set_materialize_grads(value)


NODE: dict[str, Read] = {
    "name": method("name", bare(lambda node: node.name())),
    "metadata": lambda run, node: _metadata(run, node),
    "next_functions": lambda run, node: node.next_functions,
    "requires_grad": lambda run, node: node.requires_grad,
    "register_hook": method("register_hook", _node_hook),
    "register_prehook": method("register_prehook", _node_prehook),
}
CTX: dict[str, Read] = {
    **NODE,
    **{name: _save(name) for name in _SAVE},
    "needs_input_grad": lambda run, ctx: ctx.needs_input_grad,
    "saved_tensors": lambda run, ctx: ctx.saved_tensors,
    "set_materialize_grads": method("set_materialize_grads", _materialize),
}
TABLES: list[tuple[type, dict[str, Read]]] = [
    (Size, SIZE),
    (tuple, TUPLE),
    (list, LIST),
    (dict, DICT),
    (str, TEXT),
    (
        DType,
        {
            "is_floating_point": lambda run, x: x.is_floating_point,
            "is_complex": lambda run, x: x.is_complex,
            "is_signed": lambda run, x: x.is_signed,
            "to_complex": method("to_complex", bare(lambda x: x.to_complex())),
            "to_real": method("to_real", bare(lambda x: x.to_real())),
            "itemsize": lambda run, x: x.itemsize,
        },
    ),
    (Device, {"type": lambda run, x: x.type, "index": lambda run, x: x.index}),
    (
        Generator,
        {
            "manual_seed": method("manual_seed", _manual_seed),
            "initial_seed": method("initial_seed", bare(lambda x: x.initial_seed())),
            "get_state": method("get_state", bare(lambda x: x.get_state())),
            "set_state": method("set_state", _set_state),
        },
    ),
    (FunctionCtx, CTX),
    (AccumulateGrad, {**NODE, "variable": lambda run, node: node.variable}),
    (Node, NODE),
    (Optimizer, OPTIMIZER),
    (torch.finfo, FLOAT_LIMITS),
    (torch.iinfo, INT_LIMITS),
    (
        RemovableHandle,
        {"remove": method("remove", bare(lambda handle: handle.remove())), "id": lambda run, handle: handle.id},
    ),
    (FunctionValue, {"__name__": lambda run, x: x.__name__}),
    (Kind, {"__name__": lambda run, x: x.__name__}),
    (Builtin, {"__name__": lambda run, x: x.__name__}),
    (complex, {"real": lambda run, x: x.real, "imag": lambda run, x: x.imag}),
    (
        slice,
        {
            "start": lambda run, x: x.start,
            "stop": lambda run, x: x.stop,
            "step": lambda run, x: x.step,
        },
    ),
]


def table_of(kind: type) -> dict[str, Read]:
    """The table of a type."""
    return next((table for known, table in TABLES if issubclass(kind, known)), {})


def read(run: Run, value: Any, name: str) -> Any:
    """`value.name`.

    Raises AttributeError (`bad_code`) where the table has no such name.
    """
    kind = type(value)
    if kind is Tensor:
        reader = tensor_names.reader(name)
        if reader is None:
            raise attribute_error(value, name, "; its ops are listed by GET /v1/ops")
        found = reader(run, value)
        run.note(found)
        return found
    if kind is Namespace:
        found = value.find(name)
        if found is MISSING:
            raise attribute_error(value, name, f"; '{value.name}' has here what GET /v1/ops and docs/exec.md list")
        return found
    if kind is ClassValue:
        return _member(value, name)
    known = table_of(kind).get(name)
    if known is not None:
        return known(run, value)
    if isinstance(value, tuple) and name in (fields := getattr(value, "_fields", ())):
        return value[fields.index(name)]
    if isinstance(value, Node):
        return _of_node(run, value, name)
    raise attribute_error(value, name)


def _of_node(run: Run, node: Node, name: str) -> Any:
    """What code put on a custom Function's node, or what an op's node saved under torch's name for it."""
    if isinstance(node, FunctionCtx):
        notes = node.__dict__.get(NOTES, {})
        if name in notes:
            return notes[name]
    elif name.startswith("_saved_") and not isinstance(node, AccumulateGrad):
        try:
            found = node._lookup(name.removeprefix("_saved_"))
        except AttributeError:
            raise attribute_error(node, name) from None
        run.note(found)
        return found
    raise attribute_error(node, name)


def _member(value: ClassValue, name: str) -> Any:
    if name == "apply":
        return Builtin("apply", guarded(value.name, _apply(value)), (value,))
    if name == "__name__":
        return value.name
    if name in value.members:
        return value.members[name]
    raise attribute_error(value, name)


def _apply(value: ClassValue) -> Callable[..., Any]:
    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return value.engine_class.apply(*args, **kwargs)

    return call


# -- assignment -------------------------------------------------------------------------------------------------------


def write(run: Run, value: Any, name: str, item: Any) -> None:
    """`value.name = item`, where torch has it.

    Raises AttributeError or TypeError.
    """
    if type(value) is Tensor:
        tensor_names.write(value, name, item)
    elif type(value) is ClassValue and name not in FIXED and not name.startswith("__"):
        run.grow(2)
        run.variables.changes(value.members)
        value.members[name] = item
    elif isinstance(value, FunctionCtx) and name not in CTX and not name.startswith("__"):
        notes = value.__dict__.setdefault(NOTES, {})
        run.grow(2)
        if _is_old(value):
            run.variables.changes(notes, True)
        notes[name] = item
    else:
        raise attribute_error(value, name, " that can be assigned")


def _is_old(node: Node) -> bool:
    """Whether a node was there before the call, which then has to put back what it changes."""
    log = state.ctx.log
    return log is not None and not log.is_new(node)


def _metadata(run: Run, node: Any) -> dict[Any, Any]:
    found: dict[Any, Any] = node.metadata
    if _is_old(node):
        run.variables.changes(found, True)
    return found


def erase(run: Run, value: Any, name: str) -> None:
    """`del value.name`."""
    if type(value) is Tensor and name == "grad":
        value.grad = None
    else:
        raise attribute_error(value, name, " that can be deleted")
