"""`as_strided`, its adjoint, and what both read and write: memory under any size and strides."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Size
from engine.op import Op, op
from engine.ops.copies import copied
from engine.ops.views import viewed
from engine.rules import Shape


def as_strided_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of as_strided: every element lies in the input's storage, where it has an offset of its own.

    The offset goes on to the kernel relative to that.
    """
    array, size, stride, offset = values
    memory, own = (arrays.owner(array), arrays.offset_of(array)) if hasattr(array, "base") else (array, 0)
    if len(size) != len(stride):
        raise errors.bad_argument("mismatch in length of strides and shape")
    if [each for each in stride if each < 0]:
        raise errors.bad_argument(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}"
        )
    if offset is None:
        offset = own
    if offset >= 0 and [each for each in size if each < 0]:
        raise errors.bad_argument(
            f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}"
        )
    reach = 1 + offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and reach > memory.size:
        raise errors.outside_storage(size, stride, offset, array.dtype.itemsize, reach, memory.size)
    if offset < 0:
        raise errors.bad_argument(f"Tensor: invalid storage offset {offset}")
    return viewed([array, size, stride, offset - own], tuple(size))


@op(as_strided_rule, view=True)
def as_strided(input: Array, size: Size, stride: Size, storage_offset: int | None = None) -> Any:
    """The input's memory under another size and strides, counted in elements; a view."""
    return arrays.as_strided(input, size, stride, storage_offset or 0)


as_strided.vjp(
    input=lambda g, input_shape, input_strides, size, stride, storage_offset: strided_scatter(
        g, input_shape, input_strides, size, stride, storage_offset
    )
)


@op(lambda op, values: viewed(values, tuple(values[1])), hidden=True, view=True, node="AsStridedBackward0")
def strided_part(input: Array, size: Size, stride: Size, offset: int) -> Any:
    """The same with an offset from the input's first element, for a geometry that is known to fit."""
    return arrays.as_strided(input, size, stride, offset)


strided_part.vjp(
    input=lambda g, input_shape, input_strides, size, stride, offset: strided_scatter(
        g, input_shape, input_strides, size, stride, offset
    )
)


def scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of as_strided's gradient."""
    grad, shape, strides, size, stride, offset = values
    estimate = copied(values, tuple(shape))
    reach = max(-offset, 0) + extent(shape, strides, size, stride, offset)
    estimate.temporaries = reach * grad.dtype.itemsize + 16 * math.prod(size)
    return estimate


@op(scatter_rule, hidden=True, node="AsStridedBackwardBackward0")
def strided_scatter(grad: Array, shape: Size, strides: Size, size: Size, stride: Size, offset: int) -> Any:
    """The gradient of as_strided: each element added where it was read from."""
    start = max(-offset, 0)  # of the input's memory, where the other begins before
    memory = xp.zeros(start + extent(shape, strides, size, stride, offset), grad.dtype)
    if not grad.size:
        return xp.zeros(shape, grad.dtype)
    where = element_index(size, stride) + (start + offset)
    arrays.backend_of(memory).add_at(memory, where, grad)
    return xp.array(arrays.as_strided(memory, shape, strides, start))


strided_scatter.vjp(
    grad=lambda g, shape, strides, size, stride, offset: strided_gather(g, shape, strides, size, stride, offset)
)


@op(lambda op, values: copied(values, tuple(values[3])), hidden=True, node="AsStridedBackward0")
def strided_gather(input: Array, shape: Size, strides: Size, size: Size, stride: Size, offset: int) -> Any:
    """What as_strided reads from a tensor laid out with the given shape and strides."""
    start = max(-offset, 0)
    memory = xp.zeros(start + extent(shape, strides, size, stride, offset), input.dtype)
    arrays.as_strided(memory, shape, strides, start)[...] = input
    return xp.array(arrays.as_strided(memory, size, stride, start + offset))


strided_gather.vjp(
    input=lambda g, shape, strides, size, stride, offset: strided_scatter(g, shape, strides, size, stride, offset)
)


def extent(shape: Shape, strides: Shape, size: Shape, stride: Shape, offset: int) -> int:
    """The elements of memory that two geometries reach."""
    reach = [
        1 + start + sum(max(n - 1, 0) * step for n, step in zip(lengths, steps, strict=True))
        for lengths, steps, start in ((shape, strides, 0), (size, stride, offset))
        if 0 not in lengths
    ]
    return max(reach, default=0)


def element_index(size: Shape, stride: Shape) -> Any:
    """The place in memory of each element of a strided tensor."""
    where = xp.zeros(size, xp.int64)
    for dim, (length, step) in enumerate(zip(size, stride, strict=True)):
        where += xp.arange(length).reshape((-1,) + (1,) * (len(size) - dim - 1)) * step
    return where
