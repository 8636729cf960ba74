"""Sliding windows: along one dim as a view, over images as columns, and their adjoints."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Size, Two
from engine.op import Op, op
from engine.ops.copies import copied
from engine.ops.views import viewed
from engine.tensor import check_dim, counted_dim

Pair = tuple[int, int]


def unfold_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of unfold: windows that fit into the dim."""
    array, dim, size, step = values
    dim = check_dim(dim, array.ndim)
    length = array.shape[dim] if array.ndim else 1
    if size < 0:
        raise errors.bad_argument(f"size is {size} but must be >= 0")
    if size > length:
        raise errors.shape_mismatch(f"maximum size for tensor at dimension {dim} is {length} but size is {size}")
    if step <= 0:
        raise errors.bad_argument(f"step is {step} but must be > 0")
    count = (length - size) // step + 1
    shape = (*array.shape[:dim], count, *array.shape[dim + 1 :], size) if array.ndim else (size,)
    return viewed([array, dim, size, step], shape)


@op(unfold_rule, view=True, function=False)
def unfold(input: Array, dimension: int, size: int, step: int) -> Any:
    """The windows of a length along a dim, `step` apart, as a view; a last dim holds the elements of each."""
    if not input.ndim:
        return input.reshape(1)[:size]
    strides = list(arrays.element_strides(input))
    along = strides[dimension]
    strides[dimension] *= step
    count = (input.shape[dimension] - size) // step + 1
    shape = (*input.shape[:dimension], count, *input.shape[dimension + 1 :], size)
    return arrays.as_strided(input, shape, (*strides, along), 0)


unfold.vjp(input=lambda g, input_shape, dimension, size, step: unfold_backward(g, input_shape, dimension, size, step))


@op(lambda op, values: copied(values, tuple(values[1])), hidden=True, node="UnfoldBackwardBackward0")
def unfold_backward(grad_in: Array, input_sizes: Size, dim: int, size: int, step: int) -> Any:
    """The windows' gradients added where they overlap."""
    out = xp.zeros(input_sizes, grad_in.dtype)
    if not out.ndim:
        return grad_in.sum().reshape(()) if grad_in.size else out
    along = xp.moveaxis(out, dim, 0)
    windows = xp.moveaxis(xp.moveaxis(grad_in, -1, 0), dim + 1, 1)
    reach = step * (windows.shape[1] - 1) + 1
    for at in range(size):
        along[at : at + reach : step] += windows[at]
    return out


unfold_backward.vjp(grad_in=lambda g, dim, size, step: unfold(g, dim, size, step))

# -- images as columns -----------------------------------------------------------------------------------------------


def pair_of(values: Any, name: str, op: str) -> Pair:
    """One number for both image dims, or one for each."""
    if isinstance(values, int):
        return values, values
    if len(values) != 2:
        raise errors.bad_argument(f"It is expected {name} equals to 2, but got size {len(values)}")
    return (values[0], values[1])


def pairs(op: Op, values: list[Any], first: int) -> list[Pair]:
    """Kernel size, dilation, padding and stride as pairs, checked."""
    names = ("kernel_size", "dilation", "padding", "stride")
    made = [pair_of(value, name, op.name) for value, name in zip(values[first:], names, strict=True)]
    for name, pair, least in zip(names, made, (1, 1, 0, 1), strict=True):
        if min(pair) < least:
            kind = "non-negative" if least == 0 else "greater than zero"
            side = {"kernel_size": "kernel", "padding": "pad"}.get(name, name)
            raise errors.bad_argument(
                f"{name.replace('_', ' ')} should be {kind}, but got {side}_height: {pair[0]} {side}_width: {pair[1]}"
            )
    return made


def block_counts(size: Any, kernel: Pair, dilation: Pair, padding: Pair, stride: Pair) -> Pair:
    """How many windows fit along both image dims."""
    counts = [
        (length + 2 * pad - spread * (window - 1) - 1) // step + 1
        for length, window, spread, pad, step in zip(size, kernel, dilation, padding, stride, strict=True)
    ]
    return counts[0], counts[1]


def image_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nn.functional.unfold: a column for each window."""
    array = values[0]
    kernel, dilation, padding, stride = pairs(op, values, 1)
    for dim in (1, 2):
        counted_dim(dim, array.ndim)
    if array.ndim not in (3, 4) or 0 in array.shape[1 if array.ndim == 4 else 0 :]:
        raise errors.shape_mismatch(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(array.shape)}"
        )
    counts = block_counts(array.shape[-2:], kernel, dilation, padding, stride)
    if min(counts) < 1:
        raise errors.shape_mismatch(
            f"Given input with spatial size {tuple(array.shape[-2:])}, kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, calculated shape of the array of sliding blocks as {counts}, but its components must "
            "be at least one."
        )
    refuse_integers("im2col_out_cpu", array)
    shape = (*array.shape[:-3], array.shape[-3] * math.prod(kernel), math.prod(counts))
    estimate = copied([array, kernel, dilation, padding, stride], shape)
    wide = math.prod(size + 2 * pad for size, pad in zip(array.shape[-2:], padding, strict=True))
    estimate.temporaries = math.prod(array.shape[:-2]) * wide * array.dtype.itemsize
    return estimate


def refuse_integers(kernel: str, array: Any) -> None:
    """Raise NotImplementedError for integers; bools pass, as in torch."""
    if array.dtype.kind in "iu":
        raise errors.not_implemented_for(kernel, dtypes.BY_NUMPY[array.dtype].type_name)


def windows_of(image: Any, kernel: Pair, dilation: Pair, stride: Pair, counts: Pair) -> Any:
    """All windows of padded images as a view: (..., C, kh, kw, rows, columns)."""
    *front, row, column = arrays.element_strides(image)
    shape = (*image.shape[:-2], *kernel, *counts)
    steps = (row * dilation[0], column * dilation[1], row * stride[0], column * stride[1])
    return arrays.as_strided(image, shape, (*front, *steps), 0)


@op(image_rule, namespace="nn.functional", name="unfold", node="Im2ColBackward0")
def image_columns(input: Array, kernel_size: Two, dilation: Two = 1, padding: Two = 0, stride: Two = 1) -> Any:
    """The windows of images as columns."""
    counts = block_counts(input.shape[-2:], kernel_size, dilation, padding, stride)
    frame = [(0, 0)] * (input.ndim - 2) + [(pad, pad) for pad in padding]
    windows = windows_of(xp.pad(input, frame), kernel_size, dilation, stride, counts)
    rows = input.shape[-3] * math.prod(kernel_size)
    return xp.array(windows, order="C").reshape(*input.shape[:-3], rows, math.prod(counts))


image_columns.vjp(
    input=lambda g, input_shape, kernel_size, dilation, padding, stride: image_sums(
        g, tuple(input_shape[-2:]), kernel_size, dilation, padding, stride
    )
)


def columns_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nn.functional.fold: as many columns as windows fit."""
    array, size = values[:2]
    size = pair_of(size, "output_size", op.name)
    kernel, dilation, padding, stride = pairs(op, values, 2)
    if array.ndim not in (2, 3) or 0 in array.shape[1 if array.ndim == 3 else 0 :]:
        raise errors.shape_mismatch(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(array.shape)}"
        )
    window = math.prod(kernel)
    if array.shape[-2] % window:
        raise errors.shape_mismatch(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={array.shape[-2]} and kernel_size={kernel}."
        )
    counts = block_counts(size, kernel, dilation, padding, stride)
    if array.shape[-1] != math.prod(counts) or min(counts) < 1:
        raise errors.shape_mismatch(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, "
            "expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{counts[0]} * {counts[1]} = {math.prod(counts)}, but got input.size(2)={array.shape[-1]}."
        )
    refuse_integers("col2im_out_cpu", array)
    shape = (*array.shape[:-2], array.shape[-2] // window, *size)
    estimate = copied([array, size, kernel, dilation, padding, stride], shape)
    wide = math.prod(length + 2 * pad for length, pad in zip(size, padding, strict=True))
    estimate.temporaries = (2 * math.prod(shape[:-2]) * wide + array.size) * array.dtype.itemsize
    return estimate


@op(columns_rule, namespace="nn.functional", name="fold", node="Col2ImBackward0")
def image_sums(
    input: Array, output_size: Two, kernel_size: Two, dilation: Two = 1, padding: Two = 0, stride: Two = 1
) -> Any:
    """Images that columns are added up to, each in its window: the adjoint of `unfold`."""
    counts = block_counts(output_size, kernel_size, dilation, padding, stride)
    channels = input.shape[-2] // math.prod(kernel_size)
    blocks = input.reshape(*input.shape[:-2], channels, *kernel_size, *counts)
    sizes = [length + 2 * pad for length, pad in zip(output_size, padding, strict=True)]
    out = xp.zeros((*input.shape[:-2], channels, *sizes), input.dtype)
    reach = [step * (count - 1) + 1 for step, count in zip(stride, counts, strict=True)]
    for row in range(kernel_size[0]):
        for column in range(kernel_size[1]):
            top, left = row * dilation[0], column * dilation[1]
            target = out[..., top : top + reach[0] : stride[0], left : left + reach[1] : stride[1]]
            target += blocks[..., row, column, :, :]
    rows, columns = (slice(pad, pad + length) for pad, length in zip(padding, output_size, strict=True))
    return xp.array(out[..., rows, columns], order="C")


image_sums.vjp(
    input=lambda g, kernel_size, dilation, padding, stride: image_columns(g, kernel_size, dilation, padding, stride)
)
