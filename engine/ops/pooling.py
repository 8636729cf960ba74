"""Pooling: means and maxima over windows that slide along the last dims."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims
from engine.modes import state
from engine.op import Op, op
from engine.ops.convolution import inner, places
from engine.ops.creation import zeros_like
from engine.ops.taps import check_float
from engine.ops.views import squeeze_dim, unsqueeze
from engine.rules import INT64, Shape, with_values

HALF = dtypes.HALF_TYPES
FUNCTIONAL = "nn.functional"
WORDS = {1: "one", 2: "two", 3: "three"}
AXES = {1: ("W",), 2: ("H", "W"), 3: ("T", "H", "W")}


# -- geometry -------------------------------------------------------------------------------------------------------


def each_dim(op: Op, name: str, value: Any, count: int, optional: bool = False) -> Shape:
    """One value for each pooled dim; torch's text for another number of them."""
    if len(value) not in (1, count):
        start = "must either be" if op.name[-2] == "2" or op.name.startswith("max") else "must be"
        omitted = "omitted, " if optional else ""
        if name == "dilation":
            start = "must be either"
        raise errors.bad_argument(
            f"{op.name.removesuffix('_with_indices')}: {name} {start} {omitted}a single int, or a tuple of "
            f"{WORDS[count]} ints"
        )
    return tuple(value) * count if len(value) == 1 else tuple(value)


def named(prefix: str, values: Shape) -> str:
    """Values by their axes: `kH: 2 kW: 3`."""
    return " ".join(f"{prefix}{axis}: {each}" for axis, each in zip(AXES[len(values)], values, strict=True))


def pooled_size(size: int, kernel: int, step: int, pad: int, gap: int, ceil: bool) -> int:
    """How many windows fit; with `ceil` also one that begins inside and ends outside."""
    if step == 0:
        raise errors.bad_argument("stride should not be zero")
    if pad < 0:
        raise errors.bad_argument(f"pad must be non-negative, but got pad: {pad}")
    if pad > ((kernel - 1) * gap + 1) // 2:
        raise errors.bad_argument(
            f"pad should be at most half of effective kernel size, but got pad={pad}, kernel_size={kernel} and "
            f"dilation={gap}"
        )
    room = size + 2 * pad - gap * (kernel - 1) - 1
    count = (room + (step - 1 if ceil else 0)) // step + 1
    return count - 1 if ceil and (count - 1) * step >= size + pad else count


def pooled_shape(
    shape: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil: bool, text: str
) -> Shape:
    """The shape after pooling the last dims.

    Raises RuntimeError with torch's texts for settings and sizes that do not fit.
    """
    count = len(kernel)
    if 0 in stride:
        raise errors.bad_argument("stride should not be zero")
    for word, symbol, values in (("kernel size", "k", kernel), ("stride", "d", stride), ("dilation", "", dilation)):
        if min(values) <= 0:
            what = f"dilation{AXES[count][0]}: {values[0]}" if word == "dilation" else named(symbol, values)
            if word == "dilation":
                what = " ".join(f"dilation{axis}: {each}" for axis, each in zip(AXES[count], values, strict=True))
            raise errors.bad_argument(f"{word} should be greater than zero, but got {what}")
    if 0 in shape[-count - 1 :]:
        raise errors.shape_mismatch(text)
    sizes = [pooled_size(*each, ceil) for each in zip(shape[-count:], kernel, stride, padding, dilation, strict=True)]
    if min(sizes) < 1:
        channels = shape[-count - 1]
        have, made = ("x".join(map(str, (channels, *each))) for each in (shape[-count:], sizes))
        raise errors.shape_mismatch(
            f"Given input size: ({have}). Calculated output size: ({made}). Output size is too small"
        )
    return (*shape[:-count], *sizes)


def empty_text(op: Op, shape: Shape, count: int) -> str:
    """torch's text for an input with a dim, other than the batch, of size 0."""
    if count == 2:
        return f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}"
    name = "max_pool3d_with_indices_out_cpu_template" if op.name.startswith("max") else op.name
    inner_shape = shape[-count - 1 :]
    return (
        f"{name}(): Expected input's non-batch dimensions to have positive length, but input has a shape of "
        f"{list(shape)} and non-batch dimension {inner_shape.index(0) if 0 in inner_shape else 0} has length zero!"
    )


def check_ndim(op: Op, array: Any, count: int) -> None:
    """Raise RuntimeError unless the input has one or two dims before the pooled ones."""
    if array.ndim not in (count + 1, count + 2):
        raise errors.shape_mismatch(
            f"non-empty {count + 1}D or {count + 2}D (batch mode) tensor expected for input"
            if op.name != "avg_pool2d"
            else f"Dimension out of range (expected to be in range of [{-array.ndim}, {array.ndim - 1}], but got -3)"
        )


def check_kind(op: Op, array: Any, kernel: str) -> None:
    """Raise NotImplementedError for bools and complex numbers."""
    dtype = dtypes.BY_NUMPY[array.dtype]
    if dtype.category in (dtypes.BOOL, dtypes.COMPLEX):
        raise errors.not_implemented_for(kernel, dtype.type_name)


def framed(x: Any, padding: Shape, needed: Shape, fill: Any) -> Any:
    """The array with a border before its last dims and after them, so that all windows fit; itself if they do."""
    sizes = x.shape[-len(padding) :]
    wide = [max(size + pad, need) for size, pad, need in zip(sizes, padding, needed, strict=True)]
    if tuple(wide) == sizes:
        return x
    out = xp.full((*x.shape[: -len(padding)], *wide), fill, x.dtype)
    out[inner(sizes, padding)] = x
    return out


def reach(out: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> Shape:
    """How far the last windows go, counted from the border's begin."""
    return tuple(
        (n - 1) * step + gap * (k - 1) + 1 for n, k, step, gap in zip(out, kernel, stride, dilation, strict=True)
    )


# -- means ----------------------------------------------------------------------------------------------------------


def average_rule(count: int) -> Any:
    """The rule of avg_pool2d and avg_pool3d."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        array, kernel, stride, padding, ceil, _, divisor = values
        kernel = each_dim(op, "kernel_size", kernel, count)
        stride = each_dim(op, "stride", stride, count, True) if stride else kernel
        padding = each_dim(op, "padding", padding, count)
        if divisor == 0:
            raise errors.bad_argument("divisor must be not zero")
        check_ndim(op, array, count)
        check_kind(op, array, "avg_pool2d" if count == 2 else "avg_pool3d_out_frame")
        if count == 3 and [1 for n, k, p in zip(array.shape[-3:], kernel, padding, strict=True) if n + 2 * p < k]:
            have = " ".join(f"{axis}: {n}" for axis, n in zip("THW", array.shape[-3:], strict=True))
            raise (
                errors.shape_mismatch(f"input image ({have}) smaller than kernel size ({named('k', kernel)})")
                if min(kernel) > 0 and min(stride) > 0 and 0 not in array.shape[-3:]
                else errors.bad_argument("stride should not be zero")
            )
        text = empty_text(op, array.shape, count)
        shape = pooled_shape(array.shape, kernel, stride, padding, (1,) * count, ceil, text)
        values = with_values(op, values, kernel_size=kernel, stride=stride, padding=padding)
        return Estimate(values, [(shape, array.dtype)], None, frame_bytes(array, shape, kernel, stride), 2 * array.size)

    return rule


def frame_bytes(array: Any, shape: Shape, kernel: Shape, stride: Shape) -> Any:
    """The bytes of an input with its border and of three results in the dtype they are computed in."""
    count = len(kernel)
    size = 4 if array.dtype in HALF else array.dtype.itemsize
    wide = [n + 2 * k + step for n, k, step in zip(array.shape[-count:], kernel, stride, strict=True)]
    border = math.prod(array.shape[:-count]) * math.prod(wide)
    return size * (border + 3 * math.prod(shape) + array.size * (array.dtype in HALF))


def divisors(
    sizes: Shape, out: Shape, kernel: Shape, stride: Shape, padding: Shape, include: bool, divisor: int | None
) -> Any:
    """What each window's sum is divided by: a number, or one for each window where some lie over the edge."""
    if divisor is not None:
        return divisor
    total: Any = 1
    for dim, (size, count, k, step, pad) in enumerate(zip(sizes, out, kernel, stride, padding, strict=True)):
        start = xp.arange(count) * step - pad
        end = xp.minimum(start + k, size + pad)
        if not include:
            start, end = xp.maximum(start, 0), xp.minimum(end, size)
        total = total * (end - start).reshape((-1,) + (1,) * (len(out) - dim - 1))
    return total


def averaged(input: Any, kernel: Shape, stride: Any, padding: Shape, ceil: bool, include: bool, divisor: Any) -> Any:
    """The means of windows."""
    count = len(kernel)
    ones = (1,) * count
    shape = pooled_shape(input.shape, kernel, stride, padding, ones, ceil, "")
    out = shape[-count:]
    x = input.astype(xp.float32) if input.dtype in HALF else input
    x = framed(x, padding, reach(out, kernel, stride, ones), 0)
    total = xp.zeros(shape, x.dtype)
    for at in xp.ndindex(*kernel):
        total += x[places(at, out, stride, ones)]
    share = divisors(input.shape[-count:], out, kernel, stride, padding, include, divisor)
    if x.dtype.kind in "iu":
        return xp.trunc(total / share).astype(input.dtype)
    total /= share if divisor is not None else share.astype(x.dtype)
    return total.astype(input.dtype, copy=False)


def spread_average(
    grad: Any, sizes: Shape, kernel: Shape, stride: Shape, padding: Shape, include: bool, divisor: Any
) -> Any:
    """The adjoint of `averaged`: each window's share added to all its places."""
    count = len(kernel)
    out, ones = grad.shape[-count:], (1,) * len(kernel)
    g = grad.astype(xp.float32) if grad.dtype in HALF else grad
    share = divisors(sizes[-count:], out, kernel, stride, padding, include, divisor)
    g = g / (share if divisor is not None else share.astype(g.dtype))
    needed = reach(out, kernel, stride, ones)
    wide = [max(n + pad, need) for n, pad, need in zip(sizes[-count:], padding, needed, strict=True)]
    x = xp.zeros((*sizes[:-count], *wide), g.dtype)
    for at in xp.ndindex(*kernel):
        x[places(at, out, stride, ones)] += g
    return x[inner(sizes[-count:], padding)].astype(grad.dtype, order="C", copy=False)


@op(average_rule(2), namespace=FUNCTIONAL, node="AvgPool2DBackward0")
def avg_pool2d(
    input: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The means of windows over the last two dims."""
    return averaged(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@op(average_rule(3), namespace=FUNCTIONAL, node="AvgPool3DBackward0")
def avg_pool3d(
    input: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The means of windows over the last three dims."""
    return averaged(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def average_back_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the gradient of averages."""
    grad, input, kernel, stride = values[:4]
    shape = tuple(input.shape)
    extra = frame_bytes(grad, shape, kernel, stride) * 2 + math.prod(shape) * 12
    return Estimate(values, [(shape, grad.dtype)], None, extra, 2 * grad.size * math.prod(kernel))


@op(average_back_rule, hidden=True, node="AvgPool2DBackwardBackward0")
def average_back(
    grad: Array,
    input: Array,
    kernel_size: Dims,
    stride: Dims,
    padding: Dims,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    """The gradient of avg_pool2d and avg_pool3d."""
    return spread_average(grad, input.shape, kernel_size, stride, padding, count_include_pad, divisor_override)


for _op in (avg_pool2d, avg_pool3d):
    _op.vjp(
        input=lambda g, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: (
            average_back(g, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        )
    )
average_back.vjp(
    grad=lambda g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: (
        avg_pool2d(g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        if len(kernel_size) == 2
        else avg_pool3d(g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    ),
    input=lambda g, input: zeros_like(input),  # as in torch: not None
)


def one_int(name: str, argument: str, value: Any) -> int:
    """The single entry of an argument of a one-dimensional pool."""
    if len(value) != 1:
        raise errors.bad_argument(f"{name}() argument '{argument}' should contain one int (got {len(value)})")
    return int(value[0])


def check_line(name: str, input: Any) -> None:
    """Raise RuntimeError unless the input has 2 or 3 dims."""
    if len(input.shape) not in (2, 3):
        raise errors.shape_mismatch(
            f"Expected 2 to 3 dimensions, but got {len(input.shape)}-dimensional tensor for argument #1 'self' "
            f"(while checking arguments for {name})"
        )


@op(composed, namespace=FUNCTIONAL, composite=True)
def avg_pool1d(
    input: Array,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The means of windows over the last dim."""
    check_line("avg_pool1d", input)
    kernel = one_int("avg_pool1d", "kernel_size", kernel_size)
    step = one_int("avg_pool1d", "stride", stride) if stride else kernel
    pad = one_int("avg_pool1d", "padding", padding)
    at = len(input.shape) - 1
    out = avg_pool2d(unsqueeze(input, at), (1, kernel), (1, step), (0, pad), ceil_mode, count_include_pad, None)
    return squeeze_dim(out, at)


# -- maxima ---------------------------------------------------------------------------------------------------------


def maximum_rule(count: int) -> Any:
    """The rule of maxima over windows: values and their places."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        array, kernel, stride, padding, dilation, ceil = values
        kernel = each_dim(op, "kernel_size", kernel, count)
        stride = each_dim(op, "stride", stride, count, True) if stride else kernel
        padding = each_dim(op, "padding", padding, count)
        dilation = each_dim(op, "dilation", dilation, count)
        check_ndim(op, array, count)
        check_kind(op, array, f"max_pool{count}d")
        text = empty_text(op, array.shape, count)
        shape = pooled_shape(array.shape, kernel, stride, padding, dilation, ceil, text)
        extra = frame_bytes(array, shape, kernel, stride) + 20 * math.prod(shape)
        values = [array, kernel, stride, padding, dilation, ceil]
        return Estimate(values, [(shape, array.dtype), (shape, INT64)], None, extra, 3 * array.size)

    return rule


def lowest(dtype: Any) -> Any:
    """A value that no element is below."""
    return -math.inf if dtype.kind in "fV" else xp.iinfo(dtype).min


def largest(input: Any, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil: bool) -> Any:
    """The largest element of each window and its place in the plane of pooled dims."""
    count = len(kernel)
    shape = pooled_shape(input.shape, kernel, stride, padding, dilation, ceil, "")
    out = shape[-count:]
    x = input.astype(xp.float32) if input.dtype in HALF else input
    x = framed(x, padding, reach(out, kernel, stride, dilation), lowest(x.dtype))
    first, base, offsets = window_places(input.shape[-count:], out, kernel, stride, padding, dilation)
    which = xp.empty(shape, xp.int32)
    which[...] = first
    best: Any = None
    for number, at in enumerate(xp.ndindex(*kernel)):
        view = x[places(at, out, stride, dilation)]
        if best is None:
            best = view.copy()
            continue
        better = view > best
        if x.dtype.kind == "f":
            better |= view != view  # NaN is larger than all
        xp.copyto(best, view, where=better)
        xp.copyto(which, number, where=better)
    index = offsets[which]
    index += base
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
    return Estimate(values, [(sizes, grad.dtype)], None, 20 * indices.size + 4 * size, indices.size)


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
    return_indices: bool = False,
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
    return_indices: bool = False,
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
    return Estimate(values, [(shape, array.dtype)], None, extra, 3 * array.size)


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
    return_indices: bool = False,
) -> Any:
    """The maxima of windows over the last dim; also their places if asked for."""
    kernel, step, pad, gap = line_settings(input, kernel_size, stride or kernel_size, padding, dilation, ceil_mode)
    at = len(input.shape) - 1
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
