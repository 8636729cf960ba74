"""What stands behind the dot: one table for each type of value, of what is read, called and assigned.

The ops' methods come from the engine's registry, all else is written out. No name of a client is ever looked up on a
Python object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import engine as torch
from app.exec.budget import Run
from app.exec.containers import DICT, LIST, SIZE, TEXT, TUPLE
from app.exec.functions import FunctionValue
from app.exec.optim_names import OPTIMIZER
from app.exec.query_names import FLOAT_LIMITS, INT_LIMITS
from app.exec.signatures import (
    Any_,
    Bool,
    Func,
    Int,
    MaybeBool,
    MaybeInt,
    Nested,
    Number,
    Read,
    T,
    bare,
    dtype_of,
    guarded,
    method,
    op_builtin,
)
from app.exec.torch_names import new_tensor
from app.exec.values import (
    MISSING,
    Builtin,
    ClassValue,
    Kind,
    Namespace,
    attribute_error,
    type_name,
    wrong_type,
)
from engine import errors
from engine.autograd.context import FunctionCtx
from engine.devices import Device
from engine.dtypes import DType
from engine.generator import Generator
from engine.graph import AccumulateGrad, Node
from engine.hooks import RemovableHandle
from engine.modes import state
from engine.op import registry
from engine.optim import Optimizer
from engine.tensor import Size, Tensor

FIXED = ("apply", "forward", "setup_context", "backward", "vjp", "jvp")  # of a class, once it is defined
NOTES = "_notes"  # where the attributes that code puts on a `ctx` are kept


# -- tensors --------------------------------------------------------------------------------------------------------


def _backward(
    run: Run,
    self: T,
    gradient: Nested = None,
    retain_graph: MaybeBool = None,
    create_graph: Bool = False,
    inputs: Nested = None,
) -> None:
    self.backward(gradient, retain_graph, create_graph, inputs)


def _requires_grad_(run: Run, self: T, requires_grad: Bool = True) -> Tensor:
    return self.requires_grad_(requires_grad)  # type: ignore[no-any-return]  # annotated for the language


def _tolist(run: Run, self: T) -> Any:
    run.grow(self.numel())
    run.spend(self.numel())
    return self.tolist()


def _size(run: Run, self: T, dim: MaybeInt = None) -> Any:
    return self.size(dim)


def _stride(run: Run, self: T, dim: MaybeInt = None) -> Any:
    return self.stride(dim)


def _register_hook(run: Run, self: T, hook: Func) -> Any:
    return self.register_hook(hook)


def _post_hook(run: Run, self: T, hook: Func) -> Any:
    return self.register_post_accumulate_grad_hook(hook)


def _numpy(run: Run, self: T) -> None:
    if self.requires_grad:
        self.numpy()  # torch's own refusal
    raise attribute_error(self, "numpy", ": arrays are no values here; use tolist()")


def _type(run: Run, self: T, dtype: Any_ = None) -> Any:
    return self.type(dtype_of(_dtype_kind(dtype)))


def _dtype_kind(value: Any) -> Any:
    return value.types[0] if isinstance(value, Kind) and value.types else value


def _is_same_size(run: Run, self: T, other: T) -> Any:
    return self.is_same_size(other)


def _fill_diagonal_(run: Run, self: T, fill_value: Number, wrap: Bool = False) -> Any:
    return self.fill_diagonal_(fill_value, wrap)


TENSOR: dict[str, Read] = {
    "data": lambda run, x: x.data,
    "device": lambda run, x: x.device,
    "dtype": lambda run, x: x.dtype,
    "grad": lambda run, x: x.grad,
    "grad_fn": lambda run, x: x.grad_fn,
    "grad_dtype": lambda run, x: x.grad_dtype,
    "is_cpu": lambda run, x: x.is_cpu,
    "is_cuda": lambda run, x: x.is_cuda,
    "is_meta": lambda run, x: x.is_meta,
    "is_quantized": lambda run, x: x.is_quantized,
    "is_sparse": lambda run, x: x.is_sparse,
    "layout": lambda run, x: x.layout,
    "name": lambda run, x: x.name,
    "is_leaf": lambda run, x: x.is_leaf,
    "itemsize": lambda run, x: x.element_size(),
    "nbytes": lambda run, x: x.nbytes,
    "ndim": lambda run, x: x.ndim,
    "output_nr": lambda run, x: x.output_nr,
    "requires_grad": lambda run, x: x.requires_grad,
    "retains_grad": lambda run, x: x.retains_grad,
    "shape": lambda run, x: x.shape,
    "_base": lambda run, x: x._base,
    "_version": lambda run, x: x._version,
    "backward": method("backward", _backward),
    "detach_": method("detach_", bare(lambda x: x.detach_())),
    "dim": method("dim", bare(lambda x: x.dim())),
    "element_size": method("element_size", bare(lambda x: x.element_size())),
    "fill_diagonal_": method("fill_diagonal_", _fill_diagonal_),
    "is_nonzero": method("is_nonzero", bare(lambda x: x.is_nonzero())),
    "is_same_size": method("is_same_size", _is_same_size),
    "ndimension": method("ndimension", bare(lambda x: x.dim())),
    "type": method("type", _type),
    "is_complex": method("is_complex", bare(lambda x: x.is_complex())),
    "is_contiguous": method("is_contiguous", bare(lambda x: x.is_contiguous())),
    "is_floating_point": method("is_floating_point", bare(lambda x: x.is_floating_point())),
    "is_inference": method("is_inference", bare(lambda x: x.is_inference())),
    "_is_view": method("_is_view", bare(lambda x: x._is_view())),
    "new_tensor": method("new_tensor", new_tensor),
    "nelement": method("nelement", bare(lambda x: x.nelement())),
    "numpy": method("numpy", _numpy),
    "numel": method("numel", bare(lambda x: x.numel())),
    "register_hook": method("register_hook", _register_hook),
    "register_post_accumulate_grad_hook": method("register_post_accumulate_grad_hook", _post_hook),
    "requires_grad_": method("requires_grad_", _requires_grad_),
    "retain_grad": method("retain_grad", bare(lambda x: x.retain_grad())),
    "size": method("size", _size),
    "storage_offset": method("storage_offset", bare(lambda x: x.storage_offset())),
    "stride": method("stride", _stride),
    "tolist": method("tolist", _tolist),
}


def tensor_reader(name: str) -> Read | None:
    """What reads a name behind a tensor, or None."""
    known = TENSOR.get(name)
    if known is not None or name not in registry:
        return known
    return _op_reader(name)


@functools.cache  # of names of ops alone: code may ask for any others
def _op_reader(name: str) -> Read | None:
    """What reads an op as a method or property, or None."""
    function = registry[name]
    if name.startswith("__") or "." in name or not any(op.method for op in function.ops):
        return None
    call = op_builtin(function, method=True)
    if function.ops[0].prop:
        return lambda run, x: call(run, [x], {})
    return lambda run, x: Builtin(name, lambda run, args, kwargs: call(run, [x, *args], kwargs), (x,))


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
        reader = tensor_reader(name)
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
        setter = _TENSOR_SETTERS.get(name)
        if setter is None and name in TENSOR:
            text = f"attribute '{name}' of 'torch._C.TensorBase' objects is not writable"
            raise errors.coded(AttributeError, "bad_code", text)
        if setter is None:
            settable = ", ".join(sorted(_TENSOR_SETTERS))
            raise attribute_error(value, name, f" that can be assigned; there are {settable}")
        setter(value, item)
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


def _set_grad(tensor: Tensor, item: Any) -> None:
    if item is not None and not isinstance(item, Tensor):
        raise wrong_type(f"assigned grad expected to be a Tensor or None but got grad of type {type_name(item)}")
    tensor.grad = item


def _set_grad_dtype(tensor: Tensor, item: Any) -> None:
    tensor.grad_dtype = item


def _set_data(tensor: Tensor, item: Any) -> None:
    if not isinstance(item, Tensor):
        raise wrong_type(f"Variable data has to be a tensor, but got {type_name(item)}")
    tensor.data = item


def _set_requires_grad(tensor: Tensor, item: Any) -> None:
    if type(item) is not bool:
        raise errors.bad_argument("requires_grad must be a bool")
    tensor.requires_grad = item


_TENSOR_SETTERS: dict[str, Callable[[Tensor, Any], None]] = {
    "data": _set_data,
    "grad": _set_grad,
    "grad_dtype": _set_grad_dtype,
    "requires_grad": _set_requires_grad,
}


def erase(run: Run, value: Any, name: str) -> None:
    """`del value.name`."""
    if type(value) is Tensor and name == "grad":
        value.grad = None
    else:
        raise attribute_error(value, name, " that can be deleted")
