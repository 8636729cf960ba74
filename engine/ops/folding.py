"""Folding: columns of sliding blocks added back into images."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Dims
from engine.op import Op, op
from engine.ops.convolution import bordered, inner, places, windows
from engine.rules import Shape

HALF = dtypes.HALF_TYPES


def two(name: str, values: Shape) -> Shape:
    """One value for each of two dims.

    Raises RuntimeError for another number of them than 1 or 2.
    """
    if len(values) not in (1, 2):
        raise errors.bad_argument(f"It is expected {name} equals to 2, but got size {len(values)}")
    return tuple(values) * 2 if len(values) == 1 else tuple(values)


def block_counts(size: Shape, kernel: Shape, dilation: Shape, padding: Shape, stride: Shape) -> Shape:
    """How many blocks fit along each dim."""
    settings = zip(size, kernel, dilation, padding, stride, strict=True)
    return tuple((n + 2 * pad - gap * (k - 1) - 1) // step + 1 for n, k, gap, pad, step in settings)


def check_settings(kernel: Shape, dilation: Shape, padding: Shape, stride: Shape) -> None:
    """Raise RuntimeError for settings out of range."""
    for word, prefix, values, low in (
        ("kernel size", "kernel", kernel, 1),
        ("stride", "stride", stride, 1),
        ("dilation", "dilation", dilation, 1),
        ("padding", "pad", padding, 0),
    ):
        if min(values) < low:
            kind = "greater than zero" if low else "non-negative"
            raise errors.bad_argument(
                f"{word} should be {kind}, but got {prefix}_height: {values[0]} {prefix}_width: {values[1]}"
            )


def fold_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of fold: as many columns as blocks fit into the output."""
    array, size, kernel, dilation, padding, stride = values
    settings = [
        two(name, each)
        for name, each in (
            ("output_size", size),
            ("kernel_size", kernel),
            ("dilation", dilation),
            ("padding", padding),
            ("stride", stride),
        )
    ]
    size, kernel, dilation, padding, stride = settings
    check_settings(kernel, dilation, padding, stride)
    shape = array.shape
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise errors.shape_mismatch(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    area = math.prod(kernel)
    if shape[-2] % area:
        raise errors.shape_mismatch(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={shape[-2]} and kernel_size=({kernel[0]}, {kernel[1]})."
        )
    blocks = block_counts(size, kernel, dilation, padding, stride)
    given = (
        f"Given output_size=({size[0]}, {size[1]}), kernel_size=({kernel[0]}, {kernel[1]}), dilation=({dilation[0]}, "
        f"{dilation[1]}), padding=({padding[0]}, {padding[1]}), stride=({stride[0]}, {stride[1]}), expected "
    )
    if math.prod(blocks) != shape[-1] or min(blocks) < 0:
        raise errors.shape_mismatch(
            f"{given}size of input's dimension 2 to match the calculated number of sliding blocks {blocks[0]} * "
            f"{blocks[1]} = {math.prod(blocks)}, but got input.size(2)={shape[-1]}."
        )
    if min(blocks) < 1 or min(size) < 1:
        raise errors.shape_mismatch(
            f"{given}shape of the array of sliding blocks to be positive, but got ({blocks[0]}, {blocks[1]})"
        )
    if array.dtype.kind in "iu":
        raise errors.not_implemented_for("col2im_out_cpu", dtypes.BY_NUMPY[array.dtype].type_name)
    out = (*shape[:-2], shape[-2] // area, *size)
    wide = math.prod(out[:-2]) * math.prod(n + 2 * pad for n, pad in zip(size, padding, strict=True))
    extra = wide * max(array.dtype.itemsize, 4) + array.size * 4
    return Estimate([array, *settings], [(out, array.dtype)], None, extra, array.size)


@op(fold_rule, namespace="nn.functional", node="Col2ImBackward0")
def fold(
    input: Array,
    output_size: Dims,
    kernel_size: Dims,
    dilation: Dims = (1,),
    padding: Dims = (0,),
    stride: Dims = (1,),
) -> Any:
    """Columns of sliding blocks added up where the blocks lie in an image."""
    blocks = block_counts(output_size, kernel_size, dilation, padding, stride)
    rows = math.prod(input.shape[:-2]) * input.shape[-2] // math.prod(kernel_size)
    columns = input.reshape(rows, *kernel_size, *blocks)
    wide = [n + 2 * pad for n, pad in zip(output_size, padding, strict=True)]
    image = xp.zeros((rows, *wide), xp.float32 if input.dtype in HALF else input.dtype)
    for at in xp.ndindex(*kernel_size):
        image[places(at, blocks, stride, dilation)] += columns[(slice(None), *at)]
    made = image[inner(output_size, padding)].astype(input.dtype, copy=False)
    return xp.ascontiguousarray(made).reshape(*input.shape[:-2], -1 if rows else 0, *output_size)


def block_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of fold's gradient."""
    array, kernel, dilation, padding, stride = values
    blocks = block_counts(array.shape[-2:], kernel, dilation, padding, stride)
    shape = (*array.shape[:-3], array.shape[-3] * math.prod(kernel), math.prod(blocks))
    sizes = math.prod(n + 2 * pad for n, pad in zip(array.shape[-2:], padding, strict=True))
    extra = math.prod(array.shape[:-2]) * sizes * array.dtype.itemsize
    return Estimate(values, [(shape, array.dtype)], None, extra, math.prod(shape))


@op(block_rule, hidden=True, node="Im2ColBackward0")
def blocks_of(input: Array, kernel_size: Dims, dilation: Dims, padding: Dims, stride: Dims) -> Any:
    """The sliding blocks of an image as columns."""
    blocks = block_counts(input.shape[-2:], kernel_size, dilation, padding, stride)
    image = input if input.ndim == 4 else input[None]
    view = windows(bordered(image, padding), kernel_size, blocks, stride, dilation)
    rows = input.shape[-3] * math.prod(kernel_size)
    return view.reshape(*input.shape[:-3], rows, math.prod(blocks))


fold.vjp(input=lambda g, kernel_size, dilation, padding, stride: blocks_of(g, kernel_size, dilation, padding, stride))
blocks_of.vjp(
    input=lambda g, input_shape, kernel_size, dilation, padding, stride: fold(
        g, tuple(input_shape)[-2:], kernel_size, dilation, padding, stride
    )
)
