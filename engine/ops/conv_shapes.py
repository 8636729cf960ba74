"""What a convolution's operands must be like, and the sizes of its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import dtypes, errors
from engine.rules import Shape

AXES = ("depth", "height", "width")


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


def mixed(input: dtypes.DType, weight: dtypes.DType) -> str:
    """torch's text for a weight of another dtype, by the library that it computes the input's dtype with."""
    if not input.is_complex and input is not dtypes.bfloat16:
        return f"expected scalar type {input.type_name} but found {weight.type_name}"
    other = "" if input.is_complex else " or input should be a MKLDNN tensor and weight is a dense tensor"
    return f"Input type ({input.options}) and weight type ({weight.options}) should be the same{other}"


def check_dtypes(input: Any, weight: Any, bias: Any, transposed: bool) -> None:
    """Raise RuntimeError for mixed dtypes, NotImplementedError for those there is no kernel for."""
    dtype = dtypes.BY_NUMPY[input.dtype]
    if bias is not None and bias.dtype != input.dtype and not transposed:
        name = dtypes.BY_NUMPY[bias.dtype].cpp_name
        raise errors.dtype_mismatch(f"Input type ({dtype.cpp_name}) and bias type ({name}) should be the same")
    own = transposed or dtype is dtypes.bool_  # a dtype without a kernel is told of first
    if weight.dtype != input.dtype and not (own and dtype.category < dtypes.FLOATING and dtype is not dtypes.int64):
        raise errors.dtype_mismatch(mixed(dtype, dtypes.BY_NUMPY[weight.dtype]))
    if dtype.category < dtypes.FLOATING and dtype is not dtypes.int64:
        kernel = "slow_conv_transpose2d_out_cpu" if transposed else "slow_conv2d_cpu"
        raise errors.not_implemented_for(kernel, dtype.type_name)
    if bias is not None and bias.dtype != input.dtype:
        name = dtypes.BY_NUMPY[bias.dtype].cpp_name
        raise errors.dtype_mismatch(f"Input type ({dtype.cpp_name}) and bias type ({name}) should be the same")


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


def misfit(x: Sequence[int], w: Sequence[int], stride: Sequence[int]) -> RuntimeError:
    """torch's texts for a weight whose dims are not the input's; it looks at the stride first."""
    if len(w) < 3:
        return errors.shape_mismatch("weight should have at least three dimensions")
    of_each_dim("stride", stride, len(w) - 2)
    return errors.shape_mismatch(
        f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight {list(w)}, but got {len(x)}-dimensional "
        f"input of size {list(x)} instead"
    )
