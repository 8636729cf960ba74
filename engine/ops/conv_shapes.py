"""What a convolution's operands must be like, and the sizes of its result."""

from __future__ import annotations

import math
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


def check_map(x: Shape, w: Shape, out: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int) -> None:
    """Raise RuntimeError where a convolution from `x` to `out` is not one with this weight: its windows must fit.

    Only data that was set after the forward call may be so.
    """
    if len(x) != len(stride) + 2 or len(w) != len(x):
        raise misfit(x, w, stride)
    check_channels(x, w, None, False, groups)
    if out[1] != w[0]:
        raise errors.shape_mismatch(f"grad_output.size(1)={out[1]} must be weight.size(0)={w[0]}")
    reach = [
        (size - 1) * step + gap * (taps - 1) + 1
        for size, step, gap, taps in zip(out[2:], stride, dilation, w[2:], strict=True)
    ]
    room = [size + 2 * pad for size, pad in zip(x[2:], padding, strict=True)]
    if x[0] != out[0] or any(need > size for need, size in zip(reach, room, strict=True) if 0 not in out):
        raise errors.shape_mismatch(
            f"Given input of size {list(x)} and weight of size {list(w)}, a gradient of size {list(out)} does not fit"
        )


def by_library(
    x: Shape, w: Shape, dtype: dtypes.DType, groups: int, stride: Shape = (), output_padding: Shape = ()
) -> bool:
    """Whether torch leaves a convolution of this input to its library, which has texts of its own.

    `output_padding` is that of a transpose: the library takes what is smaller than the stride.
    """
    if [1 for extra, step in zip(output_padding, stride, strict=False) if extra >= step]:
        return False
    if dtype is not dtypes.float32:
        return dtype is dtypes.bfloat16
    sizes = (*x[:2], 1, x[2]) if len(x) == 3 else x[:4]
    return groups > 1 or x[0] > 1 or math.prod(sizes) > 20480 or (len(w) > 3 and w[-1] > 3 and w[-2] > 3)


def mixed(input: dtypes.DType, other: dtypes.DType, what: str, library: bool) -> RuntimeError:
    """torch's text for a weight or bias of another dtype than the input's."""
    if not input.is_complex and not library:
        return errors.dtype_mismatch(f"expected scalar type {input.type_name} but found {other.type_name}")
    dense = f" or input should be a MKLDNN tensor and {what} is a dense tensor" * library
    return errors.dtype_mismatch(
        f"Input type ({input.options}) and {what} type ({other.options}) should be the same{dense}"
    )


def refused_kernel(dtype: dtypes.DType, w: Shape, plain: bool, transposed: bool, dilation: Shape) -> str:
    """The kernel that torch has not for a dtype; empty for one that it computes with.

    Integers are refused by transposes and where windows have gaps; `plain`: nothing is padded, skipped or grouped.
    """
    if dtype.category >= dtypes.FLOATING or dtype is dtypes.int64:
        return ""
    volume = len(w) == 5
    if transposed:
        return f"slow_conv_transpose{2 + volume}d_out_cpu"
    if max(dilation) > 1:
        return "slow_conv_dilated<>"
    if dtype is not dtypes.bool_:
        return ""
    if volume and not (plain and max(w[2:]) == 1):
        return "compute_columns3d"
    return f"slow_conv{2 + volume}d_cpu"


def check_dtypes(
    input: Any,
    weight: Any,
    groups: int,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    output_padding: Shape | None,
) -> None:
    """Raise RuntimeError for mixed dtypes, NotImplementedError for those there is no kernel for.

    `output_padding` is None but for a transpose.
    """
    dtype = dtypes.BY_NUMPY[input.dtype]
    x, w = tuple(input.shape), tuple(weight.shape)
    plain = groups == 1 and max(padding) == 0 and max(stride) == 1
    missing = refused_kernel(dtype, w, plain, output_padding is not None, dilation)
    if missing:
        raise errors.not_implemented_for(missing, dtype.type_name)
    if weight.dtype != input.dtype:
        library = by_library(x, w, dtype, groups, stride, output_padding or ())
        raise mixed(dtype, dtypes.BY_NUMPY[weight.dtype], "weight", library)


def mixed_bias(input: Any, bias: Any) -> RuntimeError:
    """torch's text for a bias of another dtype than the input's, where it looks at it first."""
    have, other = (of_numpy(each.dtype).cpp_name for each in (input, bias))
    return errors.dtype_mismatch(f"Input type ({have}) and bias type ({other}) should be the same")


def of_numpy(dtype: Any) -> dtypes.DType:
    """The dtype of a tensor, or of what stands for one."""
    return dtypes.BY_NUMPY[getattr(dtype, "numpy", dtype)]


def check_other_bias(
    input: Any, weight: Any, bias: Any, groups: int, stride: Shape = (), output_padding: Shape | None = None
) -> None:
    """Raise RuntimeError for a bias of a dtype that cannot be added to the result, where others can."""
    dtype, other = of_numpy(input.dtype), of_numpy(bias.dtype)
    transposed = output_padding is not None
    library = by_library(tuple(input.shape), tuple(weight.shape), dtype, groups, stride, output_padding or ())
    if dtype.is_complex or library or (transposed and len(weight.shape) == 5):
        raise mixed(dtype, other, "bias", library)
    if transposed and other.category > dtype.category:
        raise errors.dtype_mismatch(
            f"result type {other.type_name} can't be cast to the desired output type {dtype.type_name}"
        )


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
    line = len(stride) == 1  # told of as a plane
    if [1 for extra, step, gap in groups if extra >= step and extra >= gap]:
        axes = AXES[-len(stride) - line :]
        named = [
            f"{name}_{axis}: {size}"
            for name, sizes in (("output_padding", output_padding), ("stride", stride), ("dilation", dilation))
            for axis, size in zip(axes, ((name != "output_padding") * 1,) * line + sizes, strict=True)
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
            f"Given input size per channel: {text((*(1,) * line, *x[2:]))}. Calculated output size per channel: "
            f"{text((*(1,) * line, *sizes))}. Output size is too small"
        )
    return sizes


def misfit(x: Sequence[int], w: Sequence[int], stride: Sequence[int] = ()) -> RuntimeError:
    """torch's texts for a weight whose dims are not the input's; it looks at the stride first, if there is one."""
    if len(w) < 3:
        return errors.shape_mismatch("weight should have at least three dimensions")
    if stride:
        of_each_dim("stride", stride, len(w) - 2)
    return errors.shape_mismatch(
        f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight{' ' * bool(stride)}{list(w)}, but got "
        f"{len(x)}-dimensional input of size {list(x)} instead"
    )
