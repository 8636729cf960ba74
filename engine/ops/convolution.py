"""Convolutions and their transposes, in one to three spatial dims.

Three bilinear maps are each other's gradients: `correlate` (input, weight -> output), `spread_back` (output, weight ->
input) and `overlaps` (output, input -> weight). So derivatives of any order are exact and cost one product each. The
kernels lay the windows of an input out as the columns of a matrix (a part of the batch at a time, to stay in cache)
and leave the work to `matmul`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Index
from engine.op import Op, alias, op
from engine.ops.arithmetic import conj_of
from engine.ops.reduction import sum_dim
from engine.ops.views import slice_, squeeze_dim, unsqueeze
from engine.rules import Shape

HALF = dtypes.HALF_TYPES
COLUMN_BYTES = 1 << 21  # the columns laid out at a time
FUNCTIONAL = "nn.functional"
AXES = ("depth", "height", "width")


# -- geometry -------------------------------------------------------------------------------------------------------


def parts(count: int, each: int) -> Iterator[slice]:
    """The batch in parts whose columns, of `each` bytes an entry, fit the memory set aside for them."""
    step = max(1, COLUMN_BYTES // max(each, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def column_bytes(count: int, each: int) -> int:
    """The bytes of the columns held at a time."""
    return min(count, max(1, COLUMN_BYTES // max(each, 1))) * each


def computed(array: Any) -> Any:
    """Half types as float32, the rest as they are."""
    return array.astype(xp.float32) if array.dtype in HALF else array


def bordered(x: Any, padding: Shape) -> Any:
    """The array with zeros around its spatial dims; itself without any."""
    if not xp.any(xp.asarray(padding)):
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
    inside = tuple(step * gap for step, gap in zip(steps, dilation, strict=True))
    across = tuple(step * gap for step, gap in zip(steps, stride, strict=True))
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
    each = math.prod(weight[1:]) * groups * spots * size
    flops = 2 * shape[0] * spots * math.prod(weight)
    border = shape[0] * shape[1] * math.prod(n + 2 * pad for n, pad in zip(shape[2:], padding, strict=True)) * size
    copies = (math.prod(out) + math.prod(weight)) * size
    if dtype in HALF:
        copies += (math.prod(shape) + math.prod(out) + math.prod(weight)) * size
    return 2 * column_bytes(shape[0], each) + border + copies, flops


def map_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the three maps: the last argument but four is the shape of the result."""
    a, b, shape, _, padding, _, groups = values
    if op.name == "correlate":
        extra, flops = work(a.shape, b.shape, shape, groups, a.dtype, padding)
    elif op.name == "spread_back":
        extra, flops = work(shape, b.shape, a.shape, groups, a.dtype, padding)
    else:
        extra, flops = work(b.shape, shape, a.shape, groups, a.dtype, padding)
    return Estimate(values, [(tuple(shape), a.dtype)], None, extra, flops)


def correlate_arrays(
    input: Any, weight: Any, sizes: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Any:
    """The sums of products of windows and weights, laid out as `sizes`."""
    kernel, out = weight.shape[2:], sizes[2:]
    x, spots = bordered(computed(input), padding), math.prod(out)
    matrix = computed(weight).reshape(groups, sizes[1] // groups, -1)
    depth = math.prod(weight.shape[1:])
    y = xp.empty((sizes[0], groups, sizes[1] // groups, spots), x.dtype)
    for part in parts(sizes[0], groups * depth * spots * x.dtype.itemsize):
        view = windows(x[part], kernel, out, stride, dilation)
        xp.matmul(matrix, view.reshape(len(view), groups, depth, spots), out=y[part])
    return y.reshape(sizes).astype(input.dtype, copy=False)


def spread_arrays(
    grad: Any, weight: Any, sizes: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Any:
    """The adjoint of `correlate_arrays` in its input: each product added to every place of its window."""
    kernel, out = weight.shape[2:], grad.shape[2:]
    spots, depth = math.prod(out), math.prod(weight.shape[1:])
    g = computed(grad).reshape(grad.shape[0], groups, grad.shape[1] // groups, spots)
    matrix = computed(weight).reshape(groups, grad.shape[1] // groups, depth).swapaxes(1, 2)
    wide = [size + 2 * pad for size, pad in zip(sizes[2:], padding, strict=True)]
    x = xp.zeros((*sizes[:2], *wide), g.dtype)
    for part in parts(sizes[0], groups * depth * spots * g.dtype.itemsize):
        columns = xp.matmul(matrix, g[part]).reshape(-1, sizes[1], *kernel, *out)
        for at in xp.ndindex(*kernel):
            x[part][places(at, out, stride, dilation)] += columns[(slice(None), slice(None), *at)]
    return x[inner(sizes[2:], padding)].astype(grad.dtype, order="C", copy=False)


def overlap_arrays(
    grad: Any, input: Any, sizes: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Any:
    """The adjoint of `correlate_arrays` in its weight: windows times outputs, summed over the batch."""
    kernel, out = sizes[2:], grad.shape[2:]
    spots, depth = math.prod(out), math.prod(sizes[1:])
    x = bordered(computed(input), padding)
    g = computed(grad).reshape(grad.shape[0], groups, sizes[0] // groups, spots)
    total = xp.zeros((groups, sizes[0] // groups, depth), x.dtype)
    for part in parts(len(g), groups * depth * spots * x.dtype.itemsize):
        view = windows(x[part], kernel, out, stride, dilation)
        columns = xp.moveaxis(view.reshape(len(view), groups, depth, spots), 0, 2).reshape(groups, depth, -1)
        rows = xp.moveaxis(g[part], 0, 2).reshape(groups, sizes[0] // groups, -1)
        total += xp.matmul(rows, columns.swapaxes(1, 2))
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


def text(sizes: Sequence[int]) -> str:
    """Sizes as torch's messages give them: `(5 x 7)`."""
    return f"({' x '.join(map(str, sizes))})"


def of_each_dim(name: str, values: Sequence[int], count: int) -> Shape:
    """One value for each spatial dim.

    Raises RuntimeError for another number of values than 1 or `count`.
    """
    if len(values) not in (1, count):
        raise errors.bad_argument(
            f"expected {name} to be a single integer value or a list of {count} values to match the convolution "
            f"dimensions, but got {name}={list(values)}"
        )
    return tuple(values) * count if len(values) == 1 else tuple(values)


def check_numbers(stride: Shape, padding: Shape, dilation: Shape, output_padding: Shape, groups: int) -> None:
    """Raise RuntimeError for negative or zero settings."""
    for wrong, text in (
        (min(padding) < 0, "negative padding is not supported"),
        (min(output_padding) < 0, "negative output_padding is not supported"),
        (min(stride) <= 0, "non-positive stride is not supported"),
        (groups <= 0, "non-positive groups is not supported"),
        (min(dilation) < 0, "dilation should be greater than zero"),
        (min(dilation) == 0, f"dilation should be greater than zero, but got {list(dilation)}"),
    ):
        if wrong:
            raise errors.bad_argument(text)


def check_channels(x: Shape, w: Shape, bias: Any, transposed: bool, groups: int) -> None:
    """Raise RuntimeError where channels, weight, bias and groups do not fit."""
    given = f"Given groups={groups}, "
    if w[0] < groups:
        raise errors.shape_mismatch(
            f"{given}expected weight to be at least {groups} at dimension 0, but got weight of size {list(w)} instead"
        )
    if w[0] % groups:
        raise errors.shape_mismatch(
            f"{given}expected weight to be divisible by {groups} at dimension 0, but got weight of size [{list(w)}] "
            "instead"
        )
    if transposed:
        given = "Given transposed=1, "
    channels, wanted = (w[1] * groups, w[0]) if transposed else (w[0], w[1] * groups)
    if x[1] != wanted:
        raise errors.shape_mismatch(
            f"{given}weight of size {list(w)}, expected input{list(x)} to have {wanted} channels, but got {x[1]} "
            "channels instead"
        )
    if bias is not None and bias.shape != (channels,):
        start = given if transposed else "Given "
        raise errors.shape_mismatch(
            f"{start}weight of size {list(w)}, expected bias to be 1-dimensional with {channels} elements, but got "
            f"bias of size {list(bias.shape)} instead"
        )


def check_dtypes(input: Any, weight: Any, bias: Any, transposed: bool) -> None:
    """Raise RuntimeError for mixed dtypes, NotImplementedError for those there is no kernel for."""
    dtype = dtypes.BY_NUMPY[input.dtype]
    if weight.dtype != input.dtype:
        name = dtypes.BY_NUMPY[weight.dtype].type_name
        raise errors.dtype_mismatch(f"expected scalar type {dtype.type_name} but found {name}")
    if bias is not None and bias.dtype != input.dtype:
        name = dtypes.BY_NUMPY[bias.dtype].cpp_name
        raise errors.dtype_mismatch(f"Input type ({dtype.cpp_name}) and bias type ({name}) should be the same")
    if dtype.category < dtypes.FLOATING and dtype is not dtypes.int64:
        kernel = "slow_conv_transpose2d_out_cpu" if transposed else "slow_conv2d_cpu"
        raise errors.not_implemented_for(kernel, dtype.type_name)


def forward_sizes(x: Shape, w: Shape, stride: Shape, padding: Shape, dilation: Shape) -> list[int]:
    """The spatial sizes of a convolution's result.

    Raises RuntimeError where the kernel does not fit into the input.
    """
    wide = [size + 2 * pad for size, pad in zip(x[2:], padding, strict=True)]
    span = [gap * (size - 1) + 1 for size, gap in zip(w[2:], dilation, strict=True)]
    if 0 in w[2:]:
        named = " ".join(f"kernel_{axis}: {size}" for axis, size in zip(AXES[-len(w) + 2 :], w[2:], strict=True))
        raise errors.bad_argument(f"kernel size should be greater than zero, but got {named}")
    if [1 for have, want in zip(wide, span, strict=True) if have < want]:
        raise errors.shape_mismatch(
            f"Calculated padded input size per channel: {text(wide)}. Kernel size: {text(span)}. Kernel size can't be "
            "greater than actual input size"
        )
    return [(have - want) // step + 1 for have, want, step in zip(wide, span, stride, strict=True)]


def backward_sizes(
    x: Shape, w: Shape, stride: Shape, padding: Shape, dilation: Shape, output_padding: Shape
) -> list[int]:
    """The spatial sizes of a transposed convolution's result.

    Raises RuntimeError where nothing is left, or `output_padding` exceeds what the stride leaves open.
    """
    groups = zip(output_padding, stride, dilation, strict=True)
    if [1 for extra, step, gap in groups if extra >= step and extra >= gap]:
        axes = AXES[-len(stride) :]
        named = [
            f"{name}_{axis}: {size}"
            for name, sizes in (("output_padding", output_padding), ("stride", stride), ("dilation", dilation))
            for axis, size in zip(axes, sizes, strict=True)
        ]
        raise errors.bad_argument(
            f"output padding must be smaller than either stride or dilation, but got {' '.join(named)}"
        )
    sizes = [
        (size - 1) * step - 2 * pad + gap * (length - 1) + 1 + extra
        for size, step, pad, gap, length, extra in zip(
            x[2:], stride, padding, dilation, w[2:], output_padding, strict=True
        )
    ]
    if min(sizes) < 1:
        raise errors.shape_mismatch(
            f"Given input size per channel: {text(x[2:])}. Calculated output size per channel: {text(sizes)}. Output "
            "size is too small"
        )
    return sizes


def misfit(x: Sequence[int], w: Sequence[int]) -> RuntimeError:
    """torch's texts for a weight whose dims are not the input's."""
    if len(w) < 3:
        return errors.shape_mismatch("weight should have at least three dimensions")
    return errors.shape_mismatch(
        f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight{list(w)}, but got {len(x)}-dimensional "
        f"input of size {list(x)} instead"
    )


def convolution_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of convolution: batched operands of one dtype, channels that fit the groups."""
    input, weight, bias, stride, padding, dilation, transposed, output_padding, groups = values
    x, w = tuple(input.shape), tuple(weight.shape)
    count = len(w) - 2
    if count < 1:
        raise misfit(x, w)
    stride, padding = of_each_dim("stride", stride, count), of_each_dim("padding", padding, count)
    dilation = of_each_dim("dilation", dilation, count)
    output_padding = of_each_dim("output_padding", output_padding, count)
    check_numbers(stride, padding, dilation, output_padding, groups)
    if len(x) != len(w):
        raise misfit(x, w)
    check_channels(x, w, bias, transposed, groups)
    check_dtypes(input, weight, bias, transposed)
    if transposed:
        shape = (x[0], w[1] * groups, *backward_sizes(x, w, stride, padding, dilation, output_padding))
        extra, flops = work(shape, w, x, groups, input.dtype, padding)
    else:
        shape = (x[0], w[0], *forward_sizes(x, w, stride, padding, dilation))
        extra, flops = work(x, w, shape, groups, input.dtype, padding)
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


# -- the functions --------------------------------------------------------------------------------------------------


def batched(name: str, input: Any, count: int) -> bool:
    """Whether an input has a batch dim.

    Raises RuntimeError if it has neither `count + 1` nor `count + 2` dims.
    """
    ndim = len(input.shape)
    if ndim not in (count + 1, count + 2):
        raise errors.shape_mismatch(
            f"Expected {count + 1}D (unbatched) or {count + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        )
    return ndim == count + 2


def convolved(name: str, count: int, transposed: bool, input: Any, *rest: Any) -> Any:
    """A convolution of an input with or without a batch dim."""
    weight, bias, stride, padding, dilation, output_padding, groups = rest
    whole = batched(name, input, count)
    if len(weight.shape) != count + 2:
        raise misfit(input.shape, weight.shape)
    settings = [
        of_each_dim(key, each, count)
        for key, each in (("stride", stride), ("padding", padding), ("dilation", dilation))
    ]
    extra = of_each_dim("output_padding", output_padding, count)
    x = input if whole else unsqueeze(input, 0)
    out = convolution(x, weight, bias, *settings, transposed, extra, groups)
    return out if whole else squeeze_dim(out, 0)


def by_name(name: str, count: int, input: Any, *rest: Any) -> Any:
    """A convolution with `padding` as a word: `valid` for none, `same` for as many outputs as inputs."""
    weight, bias, stride, padding, dilation, groups = rest
    if padding not in ("same", "valid"):
        raise errors.bad_argument(f"Invalid padding string: '{padding:.64}'")
    if padding == "valid":
        return convolved(name, count, False, input, weight, bias, stride, (0,), dilation, (0,), groups)
    if [1 for each in stride if each != 1]:
        raise errors.bad_argument("padding='same' is not supported for strided convolutions")
    dilation = of_each_dim("dilation", dilation, count)
    if len(weight.shape) != count + 2:
        raise misfit(input.shape, weight.shape)
    total = [gap * (size - 1) for gap, size in zip(dilation, tuple(weight.shape)[2:], strict=True)]
    if [1 for each in total if each % 2] and batched(name, input, count) is not None:
        input = zero_pad(input, tuple((0, each % 2) for each in total))
    half = tuple(each // 2 for each in total)
    return convolved(name, count, False, input, weight, bias, stride, half, dilation, (0,), groups)


def zero_pad_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of zeros before and after the last dims."""
    array, widths = values
    front = len(array.shape) - len(widths)
    sizes = (n + before + after for n, (before, after) in zip(array.shape[front:], widths, strict=True))
    shape = (*array.shape[:front], *sizes)
    return Estimate(values, [(shape, array.dtype)], None, 0, math.prod(shape))


@op(zero_pad_rule, hidden=True, node="ConstantPadNdBackward0")
def zero_pad(input: Array, widths: Index) -> Any:
    """Zeros before and after the last dims; `widths` has a pair for each of them."""
    front = input.ndim - len(widths)
    sizes = [size + before + after for size, (before, after) in zip(input.shape[front:], widths, strict=True)]
    out = xp.zeros((*input.shape[:front], *sizes), input.dtype)
    out[inner(input.shape[front:], tuple(before for before, _ in widths))] = input
    return out


zero_pad.vjp(input=lambda g, input_shape, widths: cropped(g, input_shape, widths))


def cropped(x: Any, shape: Any, widths: Any) -> Any:
    """What is left of a padded tensor without the padding."""
    for dim, (before, _) in enumerate(widths, len(shape) - len(widths)):
        if tuple(x.shape)[dim] != shape[dim]:
            x = slice_(x, dim, before, before + shape[dim], 1)
    return x


@op(composed, composite=True, method=False)
def conv1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: Dims = (0,),
    dilation: Dims = (1,),
    groups: int = 1,
) -> Any:
    """A convolution over the last dim."""
    return convolved("conv1d", 1, False, input, weight, bias, stride, padding, dilation, (0,), groups)


@op(composed, name="conv1d", composite=True, method=False)
def conv1d_named(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: str = "valid",
    dilation: Dims = (1,),
    groups: int = 1,
) -> Any:
    """A convolution over the last dim, padded by name."""
    return by_name("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@op(composed, composite=True, method=False)
def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: Dims = (0,),
    dilation: Dims = (1,),
    groups: int = 1,
) -> Any:
    """A convolution over the last two dims."""
    return convolved("conv2d", 2, False, input, weight, bias, stride, padding, dilation, (0,), groups)


@op(composed, name="conv2d", composite=True, method=False)
def conv2d_named(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: str = "valid",
    dilation: Dims = (1,),
    groups: int = 1,
) -> Any:
    """A convolution over the last two dims, padded by name."""
    return by_name("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@op(composed, composite=True, method=False)
def conv3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: Dims = (0,),
    dilation: Dims = (1,),
    groups: int = 1,
) -> Any:
    """A convolution over the last three dims."""
    return convolved("conv3d", 3, False, input, weight, bias, stride, padding, dilation, (0,), groups)


@op(composed, name="conv3d", composite=True, method=False)
def conv3d_named(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: str = "valid",
    dilation: Dims = (1,),
    groups: int = 1,
) -> Any:
    """A convolution over the last three dims, padded by name."""
    return by_name("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@op(composed, composite=True, method=False)
def conv_transpose1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: Dims = (0,),
    output_padding: Dims = (0,),
    groups: int = 1,
    dilation: Dims = (1,),
) -> Any:
    """The transpose of `conv1d`: what its gradient does to an output."""
    rest = (stride, padding, dilation, output_padding, groups)
    return convolved("conv_transpose1d", 1, True, input, weight, bias, *rest)


@op(composed, composite=True, method=False)
def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: Dims = (0,),
    output_padding: Dims = (0,),
    groups: int = 1,
    dilation: Dims = (1,),
) -> Any:
    """The transpose of `conv2d`: what its gradient does to an output."""
    rest = (stride, padding, dilation, output_padding, groups)
    return convolved("conv_transpose2d", 2, True, input, weight, bias, *rest)


@op(composed, composite=True, method=False)
def conv_transpose3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Dims = (1,),
    padding: Dims = (0,),
    output_padding: Dims = (0,),
    groups: int = 1,
    dilation: Dims = (1,),
) -> Any:
    """The transpose of `conv3d`: what its gradient does to an output."""
    rest = (stride, padding, dilation, output_padding, groups)
    return convolved("conv_transpose3d", 3, True, input, weight, bias, *rest)


for _op in (conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d):
    alias(_op, f"{FUNCTIONAL}.{_op.name}")
