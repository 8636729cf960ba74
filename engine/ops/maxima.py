"""Maxima of windows that slide along the last dims, and the places they lie at."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Truth
from engine.modes import state
from engine.op import Op, op
from engine.ops.convolution import places
from engine.ops.creation import zeros_like
from engine.ops.pooling import (
    HALF,
    check_kind,
    check_line,
    check_ndim,
    each_dim,
    empty_text,
    frame_bytes,
    framed,
    one_int,
    pooled_shape,
    pooled_size,
    reach,
)
from engine.ops.taps import check_float
from engine.ops.views import squeeze_dim, unsqueeze
from engine.rules import FUNCTIONAL, INT64, Shape


def maximum_rule(count: int) -> Any:
    """The rule of maxima over windows: values and their places."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        array, kernel, stride, padding, dilation, ceil = values
        kernel = each_dim(op, "kernel_size", kernel, count)
        stride = each_dim(op, "stride", stride, count, True) if stride else kernel
        padding = each_dim(op, "padding", padding, count)
        dilation = each_dim(op, "dilation", dilation, count)
        check_ndim(op, array, count)
        text = empty_text(op, array.shape, count)
        shape = pooled_shape(array.shape, kernel, stride, padding, dilation, ceil, text)
        check_kind(op, array, f"max_pool{count}d")
        extra = frame_bytes(array, shape, kernel, stride) + 20 * math.prod(shape)
        values = [array, kernel, stride, padding, dilation, ceil]
        work = 3 * math.prod(shape) * math.prod(kernel)
        return Estimate(values, [(shape, array.dtype), (shape, INT64)], None, extra, work)

    return rule


def lowest(dtype: Any) -> Any:
    """A value that no element is below."""
    return -math.inf if dtype.kind in "fV" else xp.iinfo(dtype).min


def largest(input: Any, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil: bool) -> Any:
    """The largest element of each window and its place in the plane of pooled dims."""
    count = len(kernel)
    shape = pooled_shape(input.shape, kernel, stride, padding, dilation, ceil, "")
    out = shape[-count:]
    x = widened(input)
    x = framed(x, padding, reach(out, kernel, stride, dilation), lowest(x.dtype))
    first, base, offsets = window_places(input.shape[-count:], out, kernel, stride, padding, dilation)
    which = xp.empty(shape, xp.int16 if offsets.size < 2**14 else xp.int32)
    which[...] = first
    best: Any = None
    for number, at in enumerate(xp.ndindex(*kernel)):
        view = xp.array(x[places(at, out, stride, dilation)], order="C")  # read twice, and quicker without gaps
        if best is None:
            best = view
            continue
        better = view > best
        if x.dtype.kind == "f":
            better |= view != view  # NaN is larger than all
        xp.maximum(best, view, out=best)
        xp.maximum(which, better * which.dtype.type(number), out=which)  # numbers rise: no need to pick by a mask
    index = offsets[which]
    index += base
    if max(padding) and max(dilation) > 1:  # a window may miss the input: its place is then the last one
        xp.minimum(index, math.prod(input.shape[-count:]) - 1, out=index)
    return best.astype(input.dtype, copy=False), index


def window_places(sizes: Shape, out: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Any:
    """For each window the number of its first place inside, and the plane index it begins at; each place's offset."""
    first, base, offsets = xp.zeros(out, xp.int64), xp.zeros(out, xp.int64), xp.zeros(kernel, xp.int64)
    for dim, (count, k, step, pad, gap) in enumerate(zip(out, kernel, stride, padding, dilation, strict=True)):
        shape = (-1,) + (1,) * (len(out) - dim - 1)
        begin = xp.arange(count) * step - pad
        plane = math.prod(sizes[dim + 1 :])
        first += (xp.maximum(-(begin // gap), 0) * math.prod(kernel[dim + 1 :])).reshape(shape)
        base += (begin * plane).reshape(shape)
        offsets += (xp.arange(k) * gap * plane).reshape(shape)
    return first, base, offsets.reshape(-1)


PAIR = ("out", "indices")


@op(maximum_rule(2), hidden=True, node="MaxPool2DWithIndicesBackward0", outputs=PAIR, differentiable=("out",))
def max_pool2d_with_indices(
    input: Array, kernel_size: Dims, stride: Dims, padding: Dims, dilation: Dims, ceil_mode: bool
) -> Any:
    """The maxima of windows over the last two dims, and where they lie."""
    return largest(input, kernel_size, stride, padding, dilation, ceil_mode)


@op(maximum_rule(3), hidden=True, node="MaxPool3DWithIndicesBackward0", outputs=PAIR, differentiable=("out",))
def max_pool3d_with_indices(
    input: Array, kernel_size: Dims, stride: Dims, padding: Dims, dilation: Dims, ceil_mode: bool
) -> Any:
    """The maxima of windows over the last three dims, and where they lie."""
    return largest(input, kernel_size, stride, padding, dilation, ceil_mode)


max_pool2d_with_indices.vjp(input=lambda g, input, indices: plane_scatter(g[0], input, indices, 2))
max_pool3d_with_indices.vjp(input=lambda g, input, indices: plane_scatter(g[0], input, indices, 3))


def scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of adding into planes."""
    grad, input, indices, _ = values
    sizes = tuple(input.shape)
    size = math.prod(sizes)
    held = 16 * indices.size + (4 * size if grad.dtype in HALF else 0)
    return Estimate(values, [(sizes, grad.dtype)], None, held, indices.size)


@op(scatter_rule, hidden=True, node="MaxPool2DWithIndicesBackwardBackward0")
def plane_scatter(grad: Array, input: Array, indices: Array, count: int) -> Any:
    """Zeros in the input's form with each gradient added at its index in the plane of the last `count` dims."""
    sizes = input.shape
    plane = math.prod(sizes[-count:])
    total = xp.zeros(math.prod(sizes), xp.float32 if grad.dtype in HALF else grad.dtype)
    rows = math.prod(sizes[:-count])
    flat = indices.reshape(rows, -1 if rows else 0) + xp.arange(rows).reshape(-1, 1) * plane
    arrays.backend_of(total).add_at(total, flat.reshape(-1), grad.reshape(-1).astype(total.dtype, copy=False))
    return total.reshape(sizes).astype(grad.dtype, copy=False)


def gather_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of picking from planes."""
    return Estimate(values, [(values[1].shape, values[0].dtype)], None, 8 * values[1].size, values[1].size)


@op(gather_rule, hidden=True, node="GatherBackward0")
def plane_gather(input: Array, indices: Array, count: int) -> Any:
    """The elements at indices in the plane of the last `count` dims."""
    rows = math.prod(input.shape[:-count])
    flat = input.reshape(rows, -1 if rows else 0)
    width = -1 if rows else 0
    return xp.take_along_axis(flat, indices.reshape(rows, width), 1).reshape(indices.shape)


plane_scatter.vjp(
    grad=lambda g, indices, count: plane_gather(g, indices, count),
    input=lambda g, input: zeros_like(input),  # as in torch: not None
)
plane_gather.vjp(input=lambda g, input, indices, count: plane_scatter(g, input, indices, count))


def pair(made: Any, wanted: bool) -> Any:
    """Values and places where both are wanted, else values."""
    return tuple(made) if wanted else made[0]


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_pool2d(
    input: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    dilation: Dims = (1,),
    ceil_mode: bool = False,
    return_indices: Truth = False,
) -> Any:
    """The maxima of windows over the last two dims; also their places if asked for."""
    made = max_pool2d_with_indices(input, kernel_size, stride or kernel_size, padding, dilation, ceil_mode)
    return pair(made, return_indices)


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_pool3d(
    input: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    dilation: Dims = (1,),
    ceil_mode: bool = False,
    return_indices: Truth = False,
) -> Any:
    """The maxima of windows over the last three dims; also their places if asked for."""
    made = max_pool3d_with_indices(input, kernel_size, stride or kernel_size, padding, dilation, ceil_mode)
    return pair(made, return_indices)


def line_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of maxima over one dim that nobody differentiates."""
    array, kernel, step, pad, gap, ceil = values
    check_float(array, "max_pool1d_impl")
    shape = (*array.shape[:-1], pooled_size(array.shape[-1], kernel, step, pad, gap, ceil))
    extra = frame_bytes(array, shape, (kernel,), (step,)) + 28 * math.prod(shape)
    return Estimate(values, [(shape, array.dtype)], None, extra, 3 * math.prod(shape) * kernel)


@op(line_rule, hidden=True)
def line_maximum(input: Array, kernel: int, step: int, pad: int, gap: int, ceil: bool) -> Any:
    """The maxima of windows over the last dim."""
    return largest(input, (kernel,), (step,), (pad,), (gap,), ceil)[0]


@op(composed, namespace=FUNCTIONAL, composite=True)
def max_pool1d(
    input: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    dilation: Dims = (1,),
    ceil_mode: bool = False,
    return_indices: Truth = False,
) -> Any:
    """The maxima of windows over the last dim; also their places if asked for."""
    at = len(input.shape) - 1
    given = (kernel_size, stride or kernel_size, padding, dilation)
    if return_indices:
        check_line("max_pool1d", input)
        names = ("kernel_size", "stride", "padding", "dilation")
        kernel, step, pad, gap = (one_int("max_pool1d", *each) for each in zip(names, given, strict=True))
    else:
        kernel, step, pad, gap = line_settings(input, *given, ceil_mode)
    if not return_indices and not (getattr(input, "requires_grad", False) and state.ctx.grad_enabled):
        return line_maximum(input, kernel, step, pad, gap, ceil_mode)
    made = max_pool2d_with_indices(unsqueeze(input, at), (1, kernel), (1, step), (0, pad), (1, gap), ceil_mode)
    return tuple(squeeze_dim(each, at) for each in made) if return_indices else squeeze_dim(made[0], at)


def line_settings(input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> Any:
    """The settings of max_pool1d, checked with its own texts."""
    shape = tuple(input.shape)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise errors.shape_mismatch(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{list(shape)}"
        )
    for name, value, start in (
        ("kernel_size", kernel, "an int, list of ints or"),
        ("stride", stride, "None, an int, list of ints, or"),
        ("padding", padding, "an int, list of ints, or"),
        ("dilation", dilation, "an int, list of ints or"),
    ):
        if len(value) != 1:
            raise errors.bad_argument(
                f"max_pool1d() {name} must be {start} tuple of ints of size 1 but got size {len(value)}"
            )
    (k,), (step,), (pad,), (gap,) = kernel, stride, padding, dilation
    for wrong, text in (
        (k <= 0, f"kernel_size must be greater than zero, but got {k}"),
        (step <= 0, f"stride must be greater than zero, but got {step}"),
        (pad < 0, f"padding must be non-negative, but got {pad}"),
        (pad > k // 2, f"padding should be at most half of kernel size, but got padding={pad} and kernel_size={k}"),
        (gap <= 0, f"dilation must be greater than zero, but got {gap}"),
    ):
        if wrong:
            raise errors.bad_argument(f"max_pool1d() {text}")
    size = pooled_size(shape[-1], k, step, pad, gap, ceil)
    if size <= 0:
        raise errors.shape_mismatch(f"max_pool1d() Invalid computed output size: {size}")
    return k, step, pad, gap
