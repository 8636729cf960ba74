"""What stands behind a tensor's dot: what is read, called and assigned. The ops' methods are those of the registry."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from app.exec.budget import Run
from app.exec.signatures import (
    Any_,
    Bool,
    Func,
    MaybeBool,
    MaybeInt,
    Nested,
    Number,
    Read,
    T,
    bare,
    dtype_of,
    method,
    op_builtin,
)
from app.exec.torch_names import new_tensor
from app.exec.values import Builtin, Kind, attribute_error, type_name, wrong_type
from engine import errors
from engine.op import registry
from engine.tensor import Tensor


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


def reader(name: str) -> Read | None:
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


# -- assignment -------------------------------------------------------------------------------------------------------


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


_SETTERS: dict[str, Callable[[Tensor, Any], None]] = {
    "data": _set_data,
    "grad": _set_grad,
    "grad_dtype": _set_grad_dtype,
    "requires_grad": _set_requires_grad,
}


def write(tensor: Tensor, name: str, item: Any) -> None:
    """`tensor.name = item`, where torch has it.

    Raises AttributeError or TypeError.
    """
    setter = _SETTERS.get(name)
    if setter is None and name in TENSOR:
        text = f"attribute '{name}' of 'torch._C.TensorBase' objects is not writable"
        raise errors.coded(AttributeError, "bad_code", text)
    if setter is None:
        raise attribute_error(tensor, name, f" that can be assigned; there are {', '.join(sorted(_SETTERS))}")
    setter(tensor, item)
