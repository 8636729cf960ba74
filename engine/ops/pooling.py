"""Pooling: means over windows that slide along the last dims, and the geometry of all such windows."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims
from engine.op import Op, op
from engine.ops.convolution import inner, places
from engine.ops.creation import zeros_like
from engine.ops.views import squeeze_dim, unsqueeze
from engine.rules import FUNCTIONAL, Shape, with_values
from engine.tensor import counted_dim

HALF = dtypes.HALF_TYPES
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
    if pad > int(((kernel - 1) * gap + 1) / 2):
        raise errors.bad_argument(
            f"pad should be at most half of effective kernel size, but got pad={pad}, kernel_size={kernel} and "
            f"dilation={gap}"
        )
    room = size + 2 * pad - gap * (kernel - 1) - 1
    count = (room + (step - 1 if ceil else 0)) // step + 1
    return count - 1 if ceil and (count - 1) * step >= size + pad else count


def pooled_shape(
    shape: Shape,
    kernel: Shape,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    ceil: bool,
    text: str,
    fitting: bool = False,
) -> Shape:
    """The shape after pooling the last dims; with `fitting` no window may be larger than the padded input.

    Raises RuntimeError with torch's texts for settings and sizes that do not fit.
    """
    count = len(kernel)
    if 0 in stride:
        raise errors.bad_argument("stride should not be zero")
    sizes = [pooled_size(*each, ceil) for each in zip(shape[-count:], kernel, stride, padding, dilation, strict=True)]
    for word, symbol, values in (("kernel size", "k", kernel), ("stride", "d", stride), ("dilation", "", dilation)):
        if min(values) <= 0:
            what = f"dilation{AXES[count][0]}: {values[0]}" if word == "dilation" else named(symbol, values)
            if word == "dilation":
                what = " ".join(f"dilation{axis}: {each}" for axis, each in zip(AXES[count], values, strict=True))
            raise errors.bad_argument(f"{word} should be greater than zero, but got {what}")
    if 0 in shape[-count - 1 :]:
        raise errors.shape_mismatch(text)
    if fitting and [1 for n, k, p in zip(shape[-count:], kernel, padding, strict=True) if n + 2 * p < k]:
        have = " ".join(f"{axis}: {n}" for axis, n in zip(AXES[count], shape[-count:], strict=True))
        raise errors.shape_mismatch(f"input image ({have}) smaller than kernel size ({named('k', kernel)})")
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
    return (
        f"{name}(): Expected input's non-batch dimensions to have positive length, but input has a shape of "
        f"{list(shape)} and non-batch dimension 0 has length zero!"
    )


def check_ndim(op: Op, array: Any, count: int) -> None:
    """Raise RuntimeError unless the input has one or two dims before the pooled ones; IndexError where torch asks."""
    if array.ndim in (count + 1, count + 2):
        return
    if op.name == "avg_pool2d":
        counted_dim(-3, array.ndim)
        raise errors.shape_mismatch(empty_text(op, array.shape, count))
    raise errors.shape_mismatch(f"non-empty {count + 1}D or {count + 2}D (batch mode) tensor expected for input")


def check_kind(
    op: Op, array: Any, kernel: str, whole: tuple[dtypes.DType, ...] | None = None, half: bool = True
) -> None:
    """Raise NotImplementedError for bools and complex numbers, and for integers of other dtypes than `whole` has.

    Without `half` for half types too.
    """
    dtype = dtypes.BY_NUMPY[array.dtype]
    narrow = whole is not None and dtype.category == dtypes.INTEGRAL and dtype not in whole
    if dtype.category in (dtypes.BOOL, dtypes.COMPLEX) or narrow or not (half or array.dtype not in HALF):
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
        text = empty_text(op, array.shape, count)
        shape = pooled_shape(array.shape, kernel, stride, padding, (1,) * count, ceil, text, fitting=count == 3)
        check_kind(op, array, "avg_pool2d" if count == 2 else "avg_pool3d_out_frame", (dtypes.int64,), half=count == 2)
        values = with_values(op, values, kernel_size=kernel, stride=stride, padding=padding)
        extra, work = average_bytes(array, shape, kernel, stride, padding), 2 * math.prod(shape) * math.prod(kernel)
        return Estimate(values, [(shape, array.dtype)], None, extra, work)

    return rule


def average_bytes(array: Any, shape: Shape, kernel: Shape, stride: Shape, padding: Shape) -> int:
    """The bytes that `averaged` holds: the input with a border, if it needs one, and what windows are divided by."""
    count = len(kernel)
    itemsize = max(array.dtype.itemsize, 4) if array.dtype in HALF else array.dtype.itemsize
    needed = reach(shape[-count:], kernel, stride, (1,) * count)
    sizes = array.shape[-count:]
    wide = [max(size + pad, need) for size, pad, need in zip(sizes, padding, needed, strict=True)]
    held = 24 * math.prod(shape[-count:])
    if tuple(wide) != tuple(sizes):
        held += itemsize * math.prod((*array.shape[:-count], *wide))
    if array.dtype in HALF:
        held += 4 * (array.size + math.prod(shape))
    return held + 16 * math.prod(shape) * (array.dtype.kind in "iu")


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
    x = widened(input)
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
    g = widened(grad)
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
    padding, count, half = values[4], len(kernel), grad.dtype in HALF
    out = grad.shape[-count:]
    needed = reach(out, kernel, stride, (1,) * count)
    wide = [max(n + pad, need) for n, pad, need in zip(shape[-count:], padding, needed, strict=True)]
    framed = math.prod((*shape[:-count], *wide)) if half or max(padding) or tuple(wide) != shape[-count:] else 0
    extra = (4 if half else grad.dtype.itemsize) * (framed + grad.size * (1 + half)) + 16 * math.prod(out)
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
