"""Back from maxima: elements put where pooling took them from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims
from engine.op import Op, op
from engine.ops.conv_shapes import of_each_dim
from engine.ops.maxima import plane_gather
from engine.ops.pooling import FUNCTIONAL
from engine.ops.views import squeeze_dim, unsqueeze
from engine.rules import INT64, refuse_dtype

NOT_FLOATING = (dtypes.BOOL, dtypes.INTEGRAL, dtypes.COMPLEX)

# -- back from maxima -----------------------------------------------------------------------------------------------


def unpool_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of max_unpool: places within the planes to fill."""
    input, indices, size = values
    count = len(size)
    if indices.dtype != INT64:
        name = dtypes.BY_NUMPY[indices.dtype].name
        raise errors.dtype_mismatch(f"elements in indices should be type int64 but got: {name}")
    if input.shape != indices.shape:
        raise errors.shape_mismatch(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices "
            f"tensor with shape: {list(indices.shape)}"
        )
    if input.ndim not in (count + 1, count + 2):
        raise errors.shape_mismatch(
            f"Input to max_unpooling{count}d should be a {count + 1}d or {count + 2}d Tensor, but got a tensor with "
            f"{input.ndim} dimensions"
        )
    if min(size) < 0:
        raise errors.bad_argument(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    if isinstance(indices, np.ndarray) and indices.size and not 0 <= indices.min() <= indices.max() < math.prod(size):
        wrong = int(indices.min() if indices.min() < 0 else indices.max())
        raise errors.bad_argument(f"found an invalid max index: {wrong} (output volumes are of size {list(size)})")
    refuse_dtype(op, dtypes.BY_NUMPY[input.dtype], NOT_FLOATING, f"max_unpool{max(count, 2)}d")
    shape = (*input.shape[:-count], *size)
    return Estimate(values, [(shape, input.dtype)], None, 24 * input.size, input.size)


@op(unpool_rule, hidden=True, node="MaxUnpool2DBackward0")
def unpooled(input: Array, indices: Array, size: Dims) -> Any:
    """Zeros with each element at its place in the plane of pooled dims."""
    rows = math.prod(input.shape[: -len(size)])
    out = xp.zeros((rows, math.prod(size)), input.dtype)
    if input.size:
        xp.put_along_axis(out, indices.reshape(rows, -1), input.reshape(rows, -1), 1)
    return out.reshape(*input.shape[: -len(size)], *size)


unpooled3d = op(unpool_rule, name="unpooled", hidden=True, node="MaxUnpool3DBackward0")(unpooled.kernel)
for _op in (unpooled, unpooled3d):
    _op.vjp(input=lambda g, indices, size: plane_gather(g, indices, len(size)))


def unpool(count: int, input: Any, *rest: Any) -> Any:
    """max_unpool over the last `count` dims, to the size that pooling would have come from."""
    indices, kernel, stride, padding, output_size = rest
    if len(input.shape) not in (count + 1, count + 2):
        raise errors.shape_mismatch(
            f"Input to max_unpooling{count}d should be a {count + 1}d or {count + 2}d Tensor, but got a tensor with "
            f"{len(input.shape)} dimensions"
        )
    kernel, stride, padding = (
        of_each_dim(name, each, count)
        for name, each in (("kernel_size", kernel), ("stride", stride or kernel), ("padding", padding))
    )
    settings = zip(tuple(input.shape)[-count:], kernel, stride, padding, strict=True)
    size = tuple((n - 1) * step + k - 2 * pad for n, k, step, pad in settings)
    if output_size is not None:
        wanted = tuple(output_size)
        if len(wanted) == count + 2:
            wanted = wanted[2:]
        if len(wanted) != count:
            raise errors.bad_value(
                f"output_size should be a sequence containing {count} or {count + 2} elements, but it has a length of "
                f"'{len(wanted)}'"
            )
        for dim in range(count):
            low, high = size[dim] - stride[dim], size[dim] + stride[dim]
            if not low < wanted[dim] < high:
                raise errors.bad_value(
                    f'invalid output_size "{list(wanted)}" (dim {dim} must be between {low} and {high})'
                )
        size = wanted
    if count == 1:
        last = len(input.shape)
        return squeeze_dim(unpooled(unsqueeze(input, last), unsqueeze(indices, last), (*size, 1)), last)
    return (unpooled3d if count == 3 else unpooled)(input, indices, size)


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_unpool1d(
    input: Array,
    indices: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    output_size: Dims | None = None,
) -> Any:
    """The elements back at the places max_pool1d took them from, zeros elsewhere."""
    return unpool(1, input, indices, kernel_size, stride, padding, output_size)


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_unpool2d(
    input: Array,
    indices: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    output_size: Dims | None = None,
) -> Any:
    """The elements back at the places max_pool2d took them from, zeros elsewhere."""
    return unpool(2, input, indices, kernel_size, stride, padding, output_size)


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_unpool3d(
    input: Array,
    indices: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    output_size: Dims | None = None,
) -> Any:
    """The elements back at the places max_pool3d took them from, zeros elsewhere."""
    return unpool(3, input, indices, kernel_size, stride, padding, output_size)
