"""Convolutions and their transposes, in one to three spatial dims.

Three bilinear maps are each other's gradients: `correlate` (input, weight -> output), `spread_back` (output, weight ->
input) and `overlaps` (output, input -> weight). So derivatives of any order are exact and cost one product each. The
kernels lay the windows of an input out as the columns of a matrix (a part of the batch at a time, to stay in cache)
and leave the work to `matmul`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate
from engine.kinds import Array, Dims
from engine.op import Op, op
from engine.ops.arithmetic import conj_of
from engine.ops.conv_shapes import (
    backward_sizes,
    check_channels,
    check_dtypes,
    check_map,
    check_numbers,
    forward_sizes,
    misfit,
    of_each_dim,
)
from engine.ops.moved_images import correlate_lines, in_lines, line_room, overlap_lines
from engine.ops.reduction import sum_dim
from engine.rules import Shape

HALF = dtypes.HALF_TYPES
COLUMN_BYTES = 1 << 18  # the columns laid out at a time: they should stay in cache


# -- geometry -------------------------------------------------------------------------------------------------------


def fitting(count: int, groups: int, each: int, room: int = COLUMN_BYTES) -> tuple[int, int]:
    """How many entries of a batch and how many groups are laid out at a time; `each` the bytes of one's columns."""
    width = min(groups, max(1, room // max(each, 1)))
    return min(count, max(1, room // max(groups * each, 1))), width


def parts(count: int, groups: int, each: int, room: int = COLUMN_BYTES) -> Iterator[tuple[slice, slice]]:
    """The batch and the groups in parts whose columns fit the memory set aside for them."""
    step, width = fitting(count, groups, each, room)
    for start in range(0, count, max(step, 1)):
        for first in range(0, groups, width):
            yield slice(start, min(start + step, count)), slice(first, min(first + width, groups))


def bordered(x: Any, padding: Shape) -> Any:
    """The array with zeros around its spatial dims; itself without any."""
    if max(padding) == 0:
        return x
    sizes = [size + 2 * pad for size, pad in zip(x.shape[2:], padding, strict=True)]
    out = xp.zeros((*x.shape[:2], *sizes), x.dtype)
    out[inner(x.shape[2:], padding)] = x
    return out


def inner(sizes: Shape, padding: Shape) -> tuple[Any, ...]:
    """The index of what lies within a border."""
    return (..., *(slice(pad, pad + size) for size, pad in zip(sizes, padding, strict=True)))


def windows(x: Any, kernel: Shape, out: Shape, stride: Shape, dilation: Shape) -> Any:
    """Each kernel place's view of the input: (N, C, *kernel, *out), without a copy."""
    steps = x.strides[2:]
    # no step from the only place of its dim: it may be larger than any address
    inside = tuple(step * gap if size > 1 else 0 for step, gap, size in zip(steps, dilation, kernel, strict=True))
    across = tuple(step * gap if size > 1 else 0 for step, gap, size in zip(steps, stride, out, strict=True))
    shape = (*x.shape[:2], *kernel, *out)
    return xp.lib.stride_tricks.as_strided(x, shape, (*x.strides[:2], *inside, *across))


def places(at: Shape, out: Shape, stride: Shape, dilation: Shape) -> tuple[Any, ...]:
    """The index of the input places that one kernel place meets."""
    starts = [place * gap for place, gap in zip(at, dilation, strict=True)]
    return (
        ...,
        *(
            slice(start, start + step * (size - 1) + 1, step)
            for start, step, size in zip(starts, stride, out, strict=True)
        ),
    )


# -- the three maps -------------------------------------------------------------------------------------------------


def work(shape: Shape, weight: Shape, out: Shape, groups: int, dtype: Any, padding: Shape) -> tuple[int, int]:
    """The bytes held beside operands and results, and the flops, of any of the three maps.

    `shape` and `out` are those of the convolution's input and output.
    """
    size = 4 if dtype in HALF else dtype.itemsize
    spots = math.prod(out[2:])
    held = math.prod(fitting(shape[0], groups, math.prod(weight[1:]) * spots * size))
    columns = held * math.prod(weight[1:]) * spots * size
    flops = 2 * shape[0] * spots * math.prod(weight)
    border = shape[0] * shape[1] * math.prod(n + 2 * pad for n, pad in zip(shape[2:], padding, strict=True)) * size
    copies = (math.prod(out) + math.prod(weight)) * size
    if dtype in HALF:
        copies += (math.prod(shape) + math.prod(out) + math.prod(weight)) * size
    return max(2 * columns, line_room(shape, weight, out, size)) + border + copies, flops


def spread_work(
    grad: Any, weight: Shape, sizes: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> tuple[int, int]:
    """`work` of `spread_arrays`."""
    border = turned_padding(grad.shape, weight, sizes, stride, padding, dilation, groups)
    if border is None:
        return work(sizes, weight, grad.shape, groups, grad.dtype, padding)
    turned_weight = (sizes[1], weight[0] // groups, *weight[2:])
    extra, flops = work(grad.shape, turned_weight, sizes, groups, grad.dtype, border)
    return extra + math.prod(weight) * grad.dtype.itemsize, flops


def turned_padding(
    grad: Shape, weight: Shape, sizes: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Shape | None:
    """The padding with which the adjoint in the input is a convolution with the turned weight; None if it is none.

    So it is with a stride of 1; and it pays where there are not many more channels to lay out as columns.
    """
    border = tuple(gap * (size - 1) - pad for gap, size, pad in zip(dilation, weight[2:], padding, strict=True))
    if max(stride) > 1 or min(border) < 0 or weight[0] > 2 * weight[1] * groups:
        return None
    fits = [
        n + 2 * pad - gap * (size - 1) == want
        for n, pad, gap, size, want in zip(grad[2:], border, dilation, weight[2:], sizes[2:], strict=True)
    ]
    return border if all(fits) else None


def map_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the three maps: the last argument but four is the shape of the result."""
    a, b, shape, stride, padding, dilation, groups = values
    x, w, out = {"correlate": (a.shape, b.shape, shape), "spread_back": (shape, b.shape, a.shape)}.get(
        op.name, (b.shape, shape, a.shape)
    )
    check_map(x, w, out, stride, padding, dilation, groups)
    if op.name == "correlate":
        extra, flops = work(a.shape, b.shape, shape, groups, a.dtype, padding)
    elif op.name == "spread_back":
        extra, flops = spread_work(a, b.shape, tuple(shape), stride, padding, dilation, groups)
    else:
        extra, flops = work(b.shape, shape, a.shape, groups, a.dtype, padding)
    return Estimate(values, [(tuple(shape), a.dtype)], None, extra, flops)


def channels(groups: slice, each: int) -> slice:
    """The channels of some groups, `each` of them a group."""
    return slice(groups.start * each, groups.stop * each)


def correlate_arrays(
    input: Any, weight: Any, sizes: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Any:
    """The sums of products of windows and weights, laid out as `sizes`."""
    kernel, out = weight.shape[2:], sizes[2:]
    if in_lines(input.shape, weight.shape, tuple(sizes), stride, padding, dilation):
        made = correlate_lines(widened(input), widened(weight), sizes, padding, dilation, groups, parts)
        return made.astype(input.dtype, copy=False)
    x, spots = bordered(widened(input), padding), math.prod(out)
    matrix = widened(weight).reshape(groups, sizes[1] // groups, -1)
    depth = math.prod(weight.shape[1:])
    y = xp.empty((sizes[0], groups, sizes[1] // groups, spots), x.dtype)
    everywhere = windows(x, kernel, out, stride, dilation)
    for part, block in parts(sizes[0], groups, depth * spots * x.dtype.itemsize):
        view = everywhere[part, channels(block, weight.shape[1])]
        xp.matmul(matrix[block], view.reshape(len(view), block.stop - block.start, depth, spots), out=y[part, block])
    return y.reshape(sizes).astype(input.dtype, copy=False)


def spread_arrays(
    grad: Any, weight: Any, sizes: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Any:
    """The adjoint of `correlate_arrays` in its input: each product added to every place of its window."""
    border = turned_padding(grad.shape, weight.shape, tuple(sizes), stride, padding, dilation, groups)
    if border is not None:
        return correlate_arrays(grad, turned(weight, groups), sizes, stride, border, dilation, groups)
    kernel, out = weight.shape[2:], grad.shape[2:]
    spots, depth = math.prod(out), math.prod(weight.shape[1:])
    g = widened(grad).reshape(grad.shape[0], groups, grad.shape[1] // groups, spots)
    matrix = widened(weight).reshape(groups, grad.shape[1] // groups, depth).swapaxes(1, 2)
    wide = [size + 2 * pad for size, pad in zip(sizes[2:], padding, strict=True)]
    x = xp.zeros((*sizes[:2], *wide), g.dtype)
    for part, block in parts(sizes[0], groups, depth * spots * g.dtype.itemsize):
        target = x[part, channels(block, weight.shape[1])]
        columns = xp.matmul(matrix[block], g[part, block]).reshape(*target.shape[:2], *kernel, *out)
        for at in xp.ndindex(*kernel):
            target[places(at, out, stride, dilation)] += columns[(slice(None), slice(None), *at)]
    return x[inner(sizes[2:], padding)].astype(grad.dtype, order="C", copy=False)


def turned(weight: Any, groups: int) -> Any:
    """The weight with its channels exchanged within each group and its kernel turned round."""
    parted = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:]).swapaxes(1, 2)
    parted = xp.flip(parted, tuple(range(3, parted.ndim)))
    return xp.ascontiguousarray(parted).reshape(-1, *parted.shape[2:])


def overlap_arrays(
    grad: Any, input: Any, sizes: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Any:
    """The adjoint of `correlate_arrays` in its weight: windows times outputs, summed over the batch."""
    kernel, out = sizes[2:], grad.shape[2:]
    if sizes[1] == 1 and in_lines(input.shape, tuple(sizes), grad.shape, stride, padding, dilation):
        made = overlap_lines(widened(grad), widened(input), sizes, padding, dilation, parts)
        return made.astype(grad.dtype, copy=False)
    spots, depth = math.prod(out), math.prod(sizes[1:])
    x = bordered(widened(input), padding)
    g = widened(grad).reshape(grad.shape[0], groups, sizes[0] // groups, spots)
    total = xp.zeros((groups, sizes[0] // groups, depth), x.dtype)
    everywhere = windows(x, kernel, out, stride, dilation)
    for part, block in parts(len(g), groups, depth * spots * x.dtype.itemsize):
        view = everywhere[part, channels(block, sizes[1])]
        wide, count = len(view) * spots, block.stop - block.start
        columns = xp.moveaxis(view.reshape(len(view), count, depth, spots), 0, 2).reshape(count, depth, wide)
        rows = xp.moveaxis(g[part, block], 0, 2).reshape(count, sizes[0] // groups, wide)
        total[block] += xp.matmul(rows, columns.swapaxes(1, 2))
    return total.reshape(sizes).astype(grad.dtype, copy=False)


@op(map_rule, hidden=True, node="ConvolutionBackward0")
def correlate(
    input: Array, weight: Array, sizes: Dims, stride: Dims, padding: Dims, dilation: Dims, groups: int
) -> Any:
    """A convolution without bias."""
    return correlate_arrays(input, weight, sizes, stride, padding, dilation, groups)


@op(map_rule, hidden=True, node="ConvolutionBackwardBackward0")
def spread_back(
    grad: Array, weight: Array, sizes: Dims, stride: Dims, padding: Dims, dilation: Dims, groups: int
) -> Any:
    """The gradient of a convolution to its input, of shape `sizes`."""
    return spread_arrays(grad, weight, sizes, stride, padding, dilation, groups)


@op(map_rule, hidden=True, node="ConvolutionBackwardBackward0")
def overlaps(grad: Array, input: Array, sizes: Dims, stride: Dims, padding: Dims, dilation: Dims, groups: int) -> Any:
    """The gradient of a convolution to its weight, of shape `sizes`."""
    return overlap_arrays(grad, input, sizes, stride, padding, dilation, groups)


correlate.vjp(
    input=lambda g, weight, input_shape, stride, padding, dilation, groups: spread_back(
        g, conj_of(weight), input_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: overlaps(
        g, conj_of(input), weight_shape, stride, padding, dilation, groups
    ),
)
spread_back.vjp(
    grad=lambda g, weight, grad_shape, stride, padding, dilation, groups: correlate(
        g, conj_of(weight), grad_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, grad, weight_shape, stride, padding, dilation, groups: overlaps(
        conj_of(grad), g, weight_shape, stride, padding, dilation, groups
    ),
)
overlaps.vjp(
    grad=lambda g, input, grad_shape, stride, padding, dilation, groups: correlate(
        conj_of(input), g, grad_shape, stride, padding, dilation, groups
    ),
    input=lambda g, grad, input_shape, stride, padding, dilation, groups: spread_back(
        conj_of(grad), g, input_shape, stride, padding, dilation, groups
    ),
)


# -- the op ---------------------------------------------------------------------------------------------------------


VOLUME = "5D (n_output_plane x n_input_plane x kernel_depth x kernel_height x kernel_width)"


def convolution_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of convolution: batched operands of one dtype, channels that fit the groups."""
    input, weight, bias, stride, padding, dilation, transposed, output_padding, groups = values
    x, w = tuple(input.shape), tuple(weight.shape)
    count = len(w) - 2
    if count < 1:
        raise misfit(x, w, stride)
    stride, padding = of_each_dim("stride", stride, count), of_each_dim("padding", padding, count)
    dilation = of_each_dim("dilation", dilation, count)
    output_padding = of_each_dim("output_padding", output_padding, count)
    check_numbers(stride, padding, dilation, output_padding, groups)
    if len(x) != len(w):
        raise misfit(x, w, stride)
    check_channels(x, w, bias, transposed, groups)
    check_dtypes(input, weight, groups, stride, padding, dilation, output_padding if transposed else None)
    if transposed and 0 in w[:2]:
        wide = w if count > 1 else (*w[:2], 1, w[2])
        what = "2D or 4D weight" if len(wide) == 4 else VOLUME
        raise errors.shape_mismatch(f"non-empty {what} tensor expected, but got: {list(wide)}")
    if transposed:
        shape = (x[0], w[1] * groups, *backward_sizes(x, w, stride, padding, dilation, output_padding))
        extra, flops = spread_work(input, w, shape, stride, padding, dilation, groups)
    else:
        shape = (x[0], w[0], *forward_sizes(x, w, stride, padding, dilation))
        extra, flops = work(x, w, shape, groups, input.dtype, padding)
    if 0 in x[2:] and 0 not in x[:2]:
        raise errors.shape_mismatch(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x)}"
        )
    values = [input, weight, bias, stride, padding, dilation, transposed, output_padding, groups]
    return Estimate(values, [(shape, input.dtype)], None, extra, flops)


@op(convolution_rule, method=False)
def convolution(
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    transposed: bool,
    output_padding: Dims,
    groups: int,
) -> Any:
    """A convolution (strictly, a cross-correlation) of batched input, or its transpose, in any number of dims."""
    x, w = input.shape, weight.shape
    if transposed:
        sizes = (x[0], w[1] * groups, *backward_sizes(x, w, stride, padding, dilation, output_padding))
        out = spread_arrays(input, weight, sizes, stride, padding, dilation, groups)
    else:
        sizes = (x[0], w[0], *forward_sizes(x, w, stride, padding, dilation))
        out = correlate_arrays(input, weight, sizes, stride, padding, dilation, groups)
    if bias is not None:
        out += bias.reshape(-1, *(1,) * len(stride))
    return out


convolution.vjp(
    input=lambda g, input_shape, weight, stride, padding, dilation, transposed, groups: (
        correlate(g, conj_of(weight), input_shape, stride, padding, dilation, groups)
        if transposed
        else spread_back(g, conj_of(weight), input_shape, stride, padding, dilation, groups)
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, transposed, groups: (
        overlaps(conj_of(input), g, weight_shape, stride, padding, dilation, groups)
        if transposed
        else overlaps(g, conj_of(input), weight_shape, stride, padding, dilation, groups)
    ),
    bias=lambda g: sum_dim(g, (0, *range(2, len(g.shape)))),
)

# torch adds real convolutions up, so the last node of a complex one is of a sum.
complex_convolution = op(convolution_rule, hidden=True, name="complex_convolution", node="AddBackward0")(
    convolution.kernel
)
complex_convolution.vjp(**convolution.formulas)
