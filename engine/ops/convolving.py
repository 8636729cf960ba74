"""Convolutions as functions: of inputs with or without a batch dim, padded by numbers or by name."""

from __future__ import annotations

import math
from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Index
from engine.modes import warn_once
from engine.op import Op, alias, op
from engine.ops.conv_shapes import check_other_bias, misfit, mixed_bias, of_each_dim, of_numpy, refused_kernel
from engine.ops.convolution import complex_convolution, convolution, inner
from engine.ops.copies import to_copy
from engine.ops.views import slice_, squeeze_dim, unsqueeze
from engine.rules import FUNCTIONAL, Shape

UNEVEN = (
    "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input be "
    "created"
)


def of_batch(x: Any, *arguments: Any) -> Any:
    """The convolution of a batch."""
    return (complex_convolution if x.dtype.kind == "c" else convolution)(x, *arguments)


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
    x = input if whole else unsqueeze(input, 0)
    if bias is not None and bias.dtype != input.dtype:
        if not transposed:
            raise mixed_bias(input, bias)
        bias = other_bias(x, weight, bias, groups, stride, output_padding)
    if len(weight.shape) != count + 2:
        raise misfit(input.shape, weight.shape, of_each_dim("stride", stride, count))
    settings = [
        of_each_dim(key, each, count)
        for key, each in (("stride", stride), ("padding", padding), ("dilation", dilation))
    ]
    extra = of_each_dim("output_padding", output_padding, count)
    out = of_batch(x, weight, bias, *settings, transposed, extra, groups)
    return out if whole else squeeze_dim(out, 0)


def other_bias(input: Any, weight: Any, bias: Any, groups: int, stride: Any = (), output_padding: Any = None) -> Any:
    """A bias of another dtype in the input's; None where the weight's or the input's dtype is refused anyway.

    Raises RuntimeError where torch does not take one.
    """
    dtype, transposed = of_numpy(input.dtype), output_padding is not None
    if weight.dtype != input.dtype or (transposed and refused_kernel(dtype, tuple(weight.shape), False, True, ())):
        return None
    check_other_bias(input, weight, bias, groups, stride, output_padding)
    return to_copy(bias, dtype, None)


def by_name(name: str, count: int, input: Any, *rest: Any) -> Any:
    """A convolution with `padding` as a word: `valid` for none, `same` for as many outputs as inputs."""
    weight, bias, stride, padding, dilation, groups = rest
    if padding not in ("same", "valid"):
        raise errors.bad_argument(f"Invalid padding string: '{padding:.64}'")
    if padding == "valid":
        return convolved(name, count, False, input, weight, bias, stride, (0,), dilation, (0,), groups)
    whole = batched(name, input, count)
    x = input if whole else unsqueeze(input, 0)
    dilation = settings_of_same(tuple(x.shape), tuple(weight.shape), stride, dilation, groups)
    total = [gap * (size - 1) for gap, size in zip(dilation, tuple(weight.shape)[2:], strict=True)]
    if [1 for each in total if each % 2]:
        warn_once(UNEVEN, level=7)
        x = zero_pad(x, tuple((0, each % 2) for each in total))
    half = tuple(each // 2 for each in total)
    if bias is not None and bias.dtype != input.dtype:
        bias = other_bias(x, weight, bias, groups)
    out = of_batch(x, weight, bias, (1,) * count, half, dilation, False, (0,) * count, groups)
    return out if whole else squeeze_dim(out, 0)


def settings_of_same(x: Shape, w: Shape, stride: Any, dilation: Any, groups: int) -> Shape:
    """The dilation of each dim, where the settings of a convolution that keeps sizes fit.

    Raises RuntimeError.
    """
    count = len(w) - 2
    if count < 1 or groups <= 0 or len(x) != len(w):
        raise misfit(x, w) if count < 1 or groups > 0 else errors.bad_argument("non-positive groups is not supported")
    for name, given in (("stride", stride), ("dilation", dilation)):
        if len(given) not in (1, count):
            raise errors.bad_argument(f"{name} cannot broadcast to {count} dimensions")
    if [1 for each in stride if each != 1]:
        raise errors.bad_argument("padding='same' is not supported for strided convolutions")
    return of_each_dim("dilation", dilation, count)


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
