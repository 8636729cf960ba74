"""Back from maxima: elements put where pooling took them from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Given, Index
from engine.op import Op, op
from engine.ops.maxima import plane_gather
from engine.ops.views import squeeze_dim, unsqueeze
from engine.rules import FUNCTIONAL, INT64, Shape, refuse_dtype

NOT_FLOATING = (dtypes.BOOL, dtypes.INTEGRAL, dtypes.COMPLEX)


def check_planes(count: int, input: Any, indices: Any, size: Shape) -> None:
    """Raise RuntimeError unless there is an index for each element, planes to fill, and none without elements."""
    if indices.dtype != INT64:
        got = f" but got: {dtypes.BY_NUMPY[indices.dtype].type_name}" if count == 2 else ""
        raise errors.dtype_mismatch(f"elements in indices should be type int64{got}")
    if input.ndim not in (count + 1, count + 2):
        raise errors.shape_mismatch(
            f"Input to max_unpooling{count}d should be a {count + 1}d or {count + 2}d Tensor, but got a tensor with "
            f"{input.ndim} dimensions."
        )
    if len(size) != count:
        word = "three elements (depth, height, width)" if count == 3 else "two elements (height, width)"
        raise errors.bad_argument(f"There should be exactly {word} in output_size, but got {len(size)} elements.")
    if input.shape != indices.shape:
        raise errors.shape_mismatch(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices "
            f"tensor with shape: {list(indices.shape)}"
        )
    for dim in range(1, input.ndim):
        if input.shape[dim] == 0:
            raise errors.shape_mismatch(
                f"max_unpooling{count}d_forward_out_cpu(): Expected input to have non-zero size for non-batch "
                f"dimensions, but got {list(input.shape)} with dimension {dim} being empty."
            )


def unpool_rule(count: int) -> Any:
    """The rule of max_unpool: places within the planes to fill."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        input, indices, size, stride = values
        check_planes(count, input, indices, size)
        if count == 3 and min(stride) <= 0:
            raise errors.bad_argument(f"strides should be greater than zero, but got stride: {list(stride)}")
        refuse_dtype(op, dtypes.BY_NUMPY[input.dtype], NOT_FLOATING, f"max_unpool{count}d")
        if isinstance(indices, np.ndarray):
            outside = (indices < 0) | (indices >= math.prod(size))
            if outside.any():
                sizes = "x".join(map(str, size))
                raise errors.bad_argument(
                    f"Found an invalid max index: {indices[outside][-1]} (output volumes are of size {sizes})"
                )
        shape = (*input.shape[:-count], *size)
        return Estimate(values, [(shape, input.dtype)], None, 24 * input.size, input.size)

    return rule


@op(unpool_rule(2), name="max_unpool2d", hidden=True, node="MaxUnpool2DBackward0")
def unpooled2d(input: Array, indices: Array, output_size: Dims, stride: Index) -> Any:
    """Zeros with each element at its place in the plane of pooled dims."""
    rows = math.prod(input.shape[: -len(output_size)])
    out = xp.zeros((rows, math.prod(output_size)), input.dtype)
    if input.size:
        xp.put_along_axis(out, indices.reshape(rows, -1), input.reshape(rows, -1), 1)
    return out.reshape(*input.shape[: -len(output_size)], *output_size)


unpooled3d = op(unpool_rule(3), name="max_unpool3d", hidden=True, node="MaxUnpool3DBackward0")(unpooled2d.kernel)
for _op in (unpooled2d, unpooled3d):
    _op.vjp(input=lambda g, indices, output_size: plane_gather(g, indices, len(output_size)))


def each_dim(value: Any, count: int) -> tuple[Any, ...]:
    """One entry for each pooled dim; over HTTP a number comes as a tuple of one."""
    if isinstance(value, Iterable):
        made = tuple(value)
        return made * count if isinstance(value, tuple) and len(made) == 1 else made
    return (value,) * count


def size_before(shape: Shape, kernel: Any, stride: Any, padding: Any, asked: Any) -> Any:
    """The size that pooling came from: the one asked for, if pooling may have come from it.

    Raises ValueError where not, and what Python raises for values that are no numbers.
    """
    count = len(kernel)
    usual = [(shape[at - count] - 1) * stride[at] + kernel[at] - 2 * padding[at] for at in range(count)]
    size = usual
    if asked is not None:
        size = asked[2:] if len(asked) == count + 2 else asked
        if len(size) != count:
            raise errors.bad_value(
                f"output_size should be a sequence containing {count} or {count + 2} elements, but it has a length of "
                f"'{len(size)}'"
            )
        for dim in range(count):
            low, high = usual[dim] - stride[dim], usual[dim] + stride[dim]
            if not low < size[dim] < high:
                raise errors.bad_value(f'invalid output_size "{size}" (dim {dim} must be between {low} and {high})')
    for dim in range(count):
        if size[dim] < 0:
            raise errors.bad_value(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{dim}]={size[dim]}"
            )
    return tuple(size)


def unpool(count: int, input: Any, *rest: Any) -> Any:
    """max_unpool over the last `count` dims, to the size that pooling would have come from."""
    indices, kernel, stride, padding, output_size = rest
    with errors.of_python():
        kernel = each_dim(kernel, count)
        stride = kernel if stride is None else each_dim(stride, count)
        size = size_before(tuple(input.shape), kernel, stride, each_dim(padding, count), output_size)
    if count == 1:
        ends = (len(input.shape), len(indices.shape))
        made = unpooled2d(unsqueeze(input, ends[0]), unsqueeze(indices, ends[1]), (*size, 1), stride)
        return squeeze_dim(made, ends[0])
    return (unpooled3d if count == 3 else unpooled2d)(input, indices, size, stride)


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_unpool1d(
    input: Array,
    indices: Array,
    kernel_size: Given,
    stride: Given | None = None,
    padding: Given = (0,),
    output_size: Given | None = None,
) -> Any:
    """The elements back at the places max_pool1d took them from, zeros elsewhere."""
    return unpool(1, input, indices, kernel_size, stride, padding, output_size)


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_unpool2d(
    input: Array,
    indices: Array,
    kernel_size: Given,
    stride: Given | None = None,
    padding: Given = (0,),
    output_size: Given | None = None,
) -> Any:
    """The elements back at the places max_pool2d took them from, zeros elsewhere."""
    return unpool(2, input, indices, kernel_size, stride, padding, output_size)


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_unpool3d(
    input: Array,
    indices: Array,
    kernel_size: Given,
    stride: Given | None = None,
    padding: Given = (0,),
    output_size: Given | None = None,
) -> Any:
    """The elements back at the places max_pool3d took them from, zeros elsewhere."""
    return unpool(3, input, indices, kernel_size, stride, padding, output_size)
