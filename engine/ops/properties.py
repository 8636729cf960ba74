"""What a tensor tells about itself, or is when seen another way: `x.T`, `x.detach()`, `x.numel()`."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.devices import CPU
from engine.infer import Estimate, composed
from engine.kinds import Array, DeviceLike, Dtype, Number, Size
from engine.lazy import Lazy, alias_of
from engine.modes import state, warn_once
from engine.op import Op, op
from engine.ops.conjugates import conjugate
from engine.ops.copies import contiguous, to_copy
from engine.ops.creation import checked_size, full, ones, zeros
from engine.ops.views import permute, transpose
from engine.rules import broadcast, same_as_input


def scalar_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of ops that answer with a Python value."""
    return Estimate(values, [])


@op(composed, composite=True, prop=True, function=False)
def T(input: Array) -> Any:
    """The dims in reverse order, as a view."""
    ndim = len(input.shape)
    if not ndim:
        deprecated("Tensor.T", IDENTITY)
    elif ndim != 2:
        warn_once(REVERSED, level=4)
    return permute(input, tuple(range(len(input.shape)))[::-1])


REVERSED = (
    "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an "
    "error in a future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - "
    "1, -1, -1))` to reverse the dimensions of a tensor."
)
IDENTITY = "This function is the identity in these cases."
CONJUGATE = "Consider using x.conj()."


def deprecated(name: str, instead: str) -> None:
    """Warn that a tensor without dims has no dims to exchange."""
    warn_once(f"{name} is deprecated on 0-D tensors. {instead}", level=5)


def flipped(input: Any, name: str) -> Any:
    """The last two dims exchanged; of a tensor without dims itself.

    Raises RuntimeError for one dim.
    """
    ndim = len(input.shape)
    if ndim == 1:
        text = f"tensor.{name} is only supported on matrices or batches of matrices. Got {ndim}-D tensor."
        raise errors.shape_mismatch(text)
    return transpose(input, -2, -1) if ndim else input


@op(composed, composite=True, prop=True, function=False)
def mT(input: Array) -> Any:
    """The last two dims exchanged, as a view."""
    if not input.shape:
        deprecated("Tensor.mT", IDENTITY)
    return flipped(input, "mT")


@op(composed, composite=True, prop=True, function=False)
def mH(input: Array) -> Any:
    """The last two dims exchanged and the values conjugated."""
    if not input.shape:
        deprecated("Tensor.mH", CONJUGATE)
    return conjugate(flipped(input, "mH"))


@op(same_as_input, composite=True)
def detach(input: Array) -> Any:
    """The values outside the graph: storage and version counter are shared."""
    from engine.tensor import wrap

    if isinstance(input, Lazy):
        return alias_of(input)
    tensor = wrap(input._array[...] if state.ctx.dual_level else input._array)  # tangents go by array
    tensor._counter = input._counter
    return tensor


def dtype_of(x: Any) -> dtypes.DType:
    """The dtype of a tensor, or of a shape that stands for one."""
    return x.dtype if isinstance(x.dtype, dtypes.DType) else dtypes.of(x)


def laid_out(x: Any, memory_format: str | None) -> Any:
    """The tensor itself, row-major if that is asked for: what a copy is made of."""
    row_major = memory_format is not None and memory_format.removeprefix("torch.") == "contiguous_format"
    return contiguous(x) if row_major else x


def check_format(memory_format: str | None) -> None:
    """Raise RuntimeError for a format of memory that there is not."""
    if memory_format is None or memory_format.removeprefix("torch.") in ("contiguous_format", "preserve_format"):
        return
    raise errors.bad_argument(f"unsupported memory format option {memory_format!s:.64}")


def value_of_dtype(dtype: dtypes.DType) -> None:
    """Declare the method that casts to a dtype under its short name."""

    def kernel(input: Array, *, memory_format: str | None = None) -> Any:
        check_format(memory_format)
        return input if input.dtype is dtype else to_copy(laid_out(input, memory_format), dtype, None)

    kernel.__name__ = {
        "float32": "float",
        "float64": "double",
        "float16": "half",
        "int64": "long",
        "int32": "int",
        "int16": "short",
        "int8": "char",
        "uint8": "byte",
        "complex64": "cfloat",
        "complex128": "cdouble",
    }.get(dtype.name, dtype.name)
    kernel.__doc__ = f"The tensor as {dtype.name}."
    op(composed, composite=True, function=False)(kernel)


for _dtype in dtypes.ALL:
    value_of_dtype(_dtype)


@op(composed, composite=True, function=False)
def to(
    input: Array, dtype: Dtype, non_blocking: bool = False, copy: bool = False, *, memory_format: str | None = None
) -> Any:
    """The tensor in another dtype; itself if nothing changes."""
    return input if input.dtype is dtype and not copy else to_copy(laid_out(input, memory_format), dtype, None)


@op(composed, name="to", composite=True, function=False)
def to_device(
    input: Array,
    device: DeviceLike = None,
    dtype: Dtype = None,
    non_blocking: bool = False,
    copy: bool = False,
    *,
    memory_format: str | None = None,
) -> Any:
    """The tensor on another device, in another dtype; itself if nothing changes."""
    device = None if device is None else arrays.resolve(device)
    if device == input.device:
        device = None
    if dtype is input.dtype:
        dtype = None
    if not copy and dtype is None and device is None:
        return input
    return to_copy(laid_out(input, memory_format), dtype, device)


@op(composed, name="to", composite=True, function=False)
def to_other(
    input: Array, other: Array, non_blocking: bool = False, copy: bool = False, *, memory_format: str | None = None
) -> Any:
    """The tensor in the dtype and on the device of another."""
    return to_device(input, other.device, dtype_of(other), non_blocking, copy, memory_format=memory_format)


@op(composed, composite=True, function=False)
def cpu(input: Array) -> Any:
    """The tensor in host memory."""
    return to_device(input, CPU)


@op(composed, composite=True, function=False)
def cuda(input: Array, device: DeviceLike = None) -> Any:
    """The tensor on a GPU."""
    return to_device(input, device or "cuda")


@op(composed, composite=True, function=False)
def type_as(input: Array, other: Array) -> Any:
    """The tensor in the dtype of another."""
    return to(input, dtype_of(other))


def new_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of `new_zeros` and its like."""
    dtype = values[op.index["dtype"]] or dtype_of(values[0])
    return Estimate(values, [(checked_size(values[1]), dtype.numpy)])


def new_factory(name: str, make: Any) -> None:
    """Declare `new_zeros` and its like: a factory with another tensor's dtype and device."""

    def kernel(
        input: Array,
        size: Size,
        *,
        dtype: Dtype = None,
        device: DeviceLike = None,
        requires_grad: bool = False,
    ) -> Any:
        checked_size(size)
        return make(size, dtype=dtype or dtype_of(input), device=device or input.device, requires_grad=requires_grad)

    kernel.__name__ = name
    kernel.__doc__ = f"A tensor of {name[4:]} in this tensor's dtype, on its device."
    op(new_rule, composite=True, function=False)(kernel)


new_factory("new_zeros", zeros)
new_factory("new_ones", ones)
new_factory("new_empty", zeros)


@op(composed, composite=True, function=False)
def new_full(
    input: Array,
    size: Size,
    fill_value: Number,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """A tensor of one value in this tensor's dtype, on its device."""
    return full(
        size, fill_value, dtype=dtype or dtype_of(input), device=device or input.device, requires_grad=requires_grad
    )


@op(scalar_rule, composite=True, method=False)
def numel(input: Array) -> Any:
    """The number of elements."""
    return input.numel()


@op(scalar_rule, composite=True, function=False)
def item(input: Array) -> Any:
    """The value of a one-element tensor as a number."""
    return input.item()


@op(scalar_rule, composite=True)
def equal(input: Array, other: Array) -> Any:
    """Whether two tensors have the same shape and values."""
    return input.shape == other.shape and bool((input._array == other._array).all())


@op(scalar_rule, composite=True)
def allclose(input: Array, other: Array, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether all elements satisfy |input - other| <= atol + rtol |other|."""
    if input.dtype is not other.dtype:
        raise errors.dtype_mismatch(f"{input.dtype.type_name} did not match {other.dtype.type_name}")
    check_tolerances(rtol, atol)
    broadcast(input.shape, other.shape)
    a, b = arrays.to_host(input._array), arrays.to_host(other._array)
    return bool(np.isclose(a, b, rtol, atol, equal_nan).all())


def check_tolerances(rtol: float, atol: float) -> None:
    """Raise RuntimeError for a tolerance below zero."""
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise errors.bad_argument(f"{name} must be greater than or equal to zero, but got {value:g}")


@op(scalar_rule, composite=True)
def is_floating_point(input: Array) -> Any:
    """Whether the dtype is a real floating one."""
    return input.dtype.is_floating_point
