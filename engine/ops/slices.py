"""Tensors with a part of them replaced: out-of-place forms of writing into a view."""

from __future__ import annotations

from typing import Any

from engine import arrays, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Size
from engine.op import Op, op
from engine.ops.copies import copied
from engine.ops.creation import zeros_like
from engine.ops.strided import as_strided_rule, strided_gather
from engine.ops.views import select, select_rule, slice_, slice_rule


def check_source(src: Any, shape: Any) -> None:
    """Raise RuntimeError unless a source has the shape of the part it replaces."""
    if src.shape != shape:
        raise errors.shape_mismatch(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(shape)}"
        )


def select_scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of select_scatter."""
    array, src = values[:2]
    part = select_rule(op, [array, *values[2:]])
    check_source(src, part.outputs[0][0])
    return copied([array, src, *part.values[1:]], array.shape)


@op(select_scatter_rule, real_grad="select_scatter")
def select_scatter(input: Array, src: Array, dim: int, index: int) -> Any:
    """The tensor with `src` at one index of a dim."""
    out = xp.array(input)
    out[(slice(None),) * dim + (index, ...)] = arrays.cast(src, out.dtype)
    return out


select_scatter.vjp(
    input=lambda g, dim, index: select_scatter(g, zeros_like(select(g, dim, index)), dim, index),
    src=lambda g, dim, index: select(g, dim, index),
)


def slice_scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of slice_scatter."""
    array, src = values[:2]
    part = slice_rule(op, [array, *values[2:]])
    check_source(src, part.outputs[0][0])
    return copied([array, src, *part.values[1:]], array.shape)


@op(slice_scatter_rule, real_grad="slice_scatter")
def slice_scatter(
    input: Array, src: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """The tensor with `src` in a range of a dim."""
    out = xp.array(input)
    out[(slice(None),) * dim + (slice(start, end, step), ...)] = arrays.cast(src, out.dtype)
    return out


slice_scatter.vjp(
    input=lambda g, dim, start, end, step: slice_scatter(
        g, zeros_like(slice_(g, dim, start, end, step)), dim, start, end, step
    ),
    src=lambda g, dim, start, end, step: slice_(g, dim, start, end, step),
)


def strided_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of as_strided_scatter."""
    array, src = values[:2]
    part = as_strided_rule(op, [array, *values[2:]])
    check_source(src, part.outputs[0][0])
    return copied([array, src, *part.values[1:]], array.shape)


@op(strided_rule)
def as_strided_scatter(input: Array, src: Array, size: Size, stride: Size, storage_offset: int | None = None) -> Any:
    """The tensor with `src` written into its memory under another size and strides."""
    out = arrays.laid_out(input, arrays.element_strides(input))
    arrays.as_strided(out, size, stride, storage_offset or 0)[...] = arrays.cast(src, out.dtype)
    return out


as_strided_scatter.vjp(
    input=lambda g, input_shape, input_strides, size, stride, storage_offset: strided_cleared(
        g, input_shape, input_strides, size, stride, storage_offset
    ),
    src=lambda g, input_shape, input_strides, size, stride, storage_offset: strided_gather(
        g, input_shape, input_strides, size, stride, storage_offset
    ),
)


@op(lambda op, values: copied(values, values[0].shape), hidden=True, node="AsStridedScatterBackward0")
def strided_cleared(grad: Array, shape: Size, strides: Size, size: Size, stride: Size, offset: int) -> Any:
    """A copy with zeros where as_strided reads from a tensor laid out with the given shape and strides."""
    out = arrays.laid_out(grad, strides)
    arrays.as_strided(out, size, stride, offset)[...] = grad.dtype.type(0)
    return out


strided_cleared.vjp(
    grad=lambda g, shape, strides, size, stride, offset: strided_cleared(g, shape, strides, size, stride, offset)
)
