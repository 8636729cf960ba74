"""Literals: tensors that stand in a request as numbers, nested lists or base64."""

from __future__ import annotations

import math
from typing import Any

from app import codec
from app.problems import Problem
from app.session.bodies import body_of, wrong
from engine import arrays, construct, dtypes, errors
from engine.devices import Device
from engine.dtypes import DType
from engine.modes import state
from engine.shapes import check_empty
from engine.tensor import Tensor, wrap

Shape = tuple[int, ...]


def make_tensor(
    value: Any,
    dtype: DType | None = None,
    device: Device | None = None,
    shape: Shape | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A new leaf of a number, nested lists or a literal; its own dtype and shape are cast and reshaped to those given.

    With `requires_grad` and no dtype anywhere, integers have the default dtype. Raises Problem, or what
    `torch.tensor` raises; `too_large` before the values are put on their device.
    """
    ctx = state.ctx
    array, own = _array(value, dtype, shape, requires_grad)
    if ctx.guard is not None:
        ctx.guard.result("tensor", array.nbytes or check_empty(array.shape, array.itemsize))
        ctx.guard.allocate("tensor", array.nbytes)
    made = wrap(arrays.put(array, device or own or ctx.default_device))
    if requires_grad:
        if not made.dtype.differentiable:
            raise errors.dtype_mismatch("Only Tensors of floating point and complex dtype can require gradients")
        made.requires_grad_(True)
    return made


def has_dtype(value: Any) -> bool:
    """Whether a literal says itself what dtype it has."""
    while type(value) is dict:
        if value.get("dtype") is not None:
            return True
        value = value.get("data")
    return codec.is_array(value)


def _array(value: Any, dtype: DType | None, shape: Shape | None, floating: bool) -> tuple[Any, Device | None]:
    """The array of a value and the device it names."""
    if codec.is_array(value):  # of a file
        return _adapted(value, dtype, shape), None
    default = state.ctx.default_dtype
    if type(value) is complex:  # a number that was read before
        value = {"complex": [value.real, value.imag]}
    if type(value) is not dict:
        return codec.array_of_numbers(value, dtype, shape, default, floating), None
    if "complex" in value:
        body_of(value, ("complex",), what="complex number")
        number = codec.number(value)
        if number is None:
            raise wrong("complex", "must be a pair of numbers")
        wide = default.to_complex() if dtype is None or not dtype.is_complex else dtype
        array = codec.array_of_numbers([number.real, number.imag], wide, None, default)
        return _adapted(array, dtype, shape), None
    inner = parse_dtype(value["dtype"]) if value.get("dtype") is not None else None
    size = parse_shape(value["shape"]) if value.get("shape") is not None else None
    device = parse_device(value["device"]) if value.get("device") is not None else None
    if "b64" in value:
        return _adapted(_of_base64(value, inner, size), dtype, shape), device
    body_of(value, ("data", "dtype", "device", "shape"), ("data",), what="tensor literal")
    inherited = shape if size is None else size
    array, other = _array(value["data"], inner or dtype, inherited, floating and inner is None)
    return _adapted(array, dtype, shape), device or other


def _of_base64(value: dict[str, Any], dtype: DType | None, shape: Shape | None) -> Any:
    body_of(value, ("b64", "shape", "dtype", "device"), ("shape", "dtype"), what="tensor literal")
    if type(value["b64"]) is not str or dtype is None or shape is None:
        raise Problem("bad_argument", "b64 must be a text and goes with shape and dtype")
    return codec.array_of_base64(value["b64"], dtype, shape)


def _adapted(array: Any, dtype: DType | None, shape: Shape | None) -> Any:
    """An array cast and reshaped to what stands outside of its literal."""
    if dtype is not None:
        array = construct.cast(array, dtype)
    if shape is None or array.shape == shape:
        return array
    if math.prod(shape) != array.size:
        raise Problem("shape_mismatch", f"shape '{list(shape)}' is invalid for input of size {array.size}")
    return array.reshape(shape)


def parse_dtype(value: Any) -> DType:
    """The dtype a text names, with or without `torch.` before it.

    Raises Problem `bad_argument`.
    """
    known = dtypes.parse(value) if type(value) is str else None
    if known is None:
        raise wrong("dtype", f"must be one of {', '.join(each.name for each in dtypes.ALL)}")
    return known


def parse_device(value: Any) -> Device:
    """The device a text names; whether this machine has it shows when it is used.

    Raises Problem or RuntimeError, `bad_argument`.
    """
    if type(value) is not str:
        raise wrong("device", "must be a text such as cpu or cuda:0")
    return Device(value)


def parse_shape(value: Any) -> Shape:
    """A shape: a list of integers that are not negative.

    Raises Problem `bad_argument`.
    """
    if type(value) is not list or any(type(each) is not int or each < 0 for each in value):
        raise wrong("shape", "must be a list of integers that are not negative")
    if len(value) > codec.MAX_DIMS:
        raise wrong("shape", f"has {len(value)} dimensions, of at most {codec.MAX_DIMS}")
    return tuple(value)
