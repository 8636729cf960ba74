"""Layers as torch itself exports them: the functions beneath those of torch.nn.functional, with their own arguments."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Index, Size, Truth
from engine.op import Op, alias, op
from engine.ops import activations_inplace, randomized
from engine.ops.adaptive import adaptive_avg_pool1d, adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d
from engine.ops.channels import instance_normalized
from engine.ops.creation import checked_size, zeros_like
from engine.ops.embedding import rows_of
from engine.ops.flipping import flip
from engine.ops.matrix_functions import bilinear
from engine.ops.maxima import max_pool1d, max_pool2d, max_pool3d
from engine.ops.metrics import pdist
from engine.ops.pooling import avg_pool1d
from engine.ops.reduction import sum_dim
from engine.ops.sampling import affine_points, base_grid, grid_sampler_2d, grid_sampler_3d
from engine.ops.shuffles import channel_shuffle, pixel_shuffle, pixel_unshuffle
from engine.ops.views import transpose
from engine.rules import FUNCTIONAL, Shape

PAIR = ("out", "indices")
NORMALIZED = {
    "input": [[[1.0, 2.0, 4.0]]],
    **dict.fromkeys(("weight", "bias", "running_mean", "running_var")),
    "use_input_stats": True,
    "momentum": 0.1,
    "eps": 1e-5,
    "cudnn_enabled": False,
}
CONVOLVED = {"input": [[[1.0]], [[2.0]], [[4.0]]], "weight": [[[1.0]], [[0.5]]], "bias": [0.0]}
MOVED = {"theta": [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]], "size": [1, 1, 2, 2], "align_corners": False}

for _op in (adaptive_avg_pool1d, avg_pool1d, bilinear, channel_shuffle, pdist, pixel_shuffle, pixel_unshuffle):
    alias(_op, _op.name)
alias(channel_shuffle, "native_channel_shuffle", f"{FUNCTIONAL}.native_channel_shuffle")
for _op in (activations_inplace.celu_, activations_inplace.selu_, activations_inplace.threshold_):
    alias(_op, _op.name)
alias(randomized.rrelu_, f"{FUNCTIONAL}.rrelu_")


# -- pooling --------------------------------------------------------------------------------------------------------

# The bodies, which give both results where asked: of the ops themselves only the first is declared.
max1d, max2d, max3d = max_pool1d.kernel, max_pool2d.kernel, max_pool3d.kernel
to1d, to2d, to3d = adaptive_max_pool1d.kernel, adaptive_max_pool2d.kernel, adaptive_max_pool3d.kernel


def windowed(count: int, *args: Any) -> Any:
    """The maxima of windows over so many dims."""
    return (max1d, max2d, max3d)[count - 1](*args)


def sized(count: int, *args: Any) -> Any:
    """The maxima of as many windows as asked for over so many dims."""
    return (to1d, to2d, to3d)[count - 1](*args)


def declare_pool(pool: Op, count: int) -> None:
    """torch's own maximum over windows, which gives no places."""

    def kernel(
        input: Array,
        kernel_size: Dims,
        stride: Dims | None = (),
        padding: Dims = (0,),
        dilation: Dims = (1,),
        ceil_mode: bool = False,
    ) -> Any:
        return windowed(count, input, kernel_size, stride or None, padding, dilation, ceil_mode, False)

    kernel.__name__ = pool.name
    kernel.__doc__ = pool.doc.replace("; also their places if asked for", "")
    op(composed, composite=True, method=False)(kernel)


def declare_places(pool: Op, count: int) -> None:
    """`F.max_pool2d_with_indices`, and `torch.max_pool1d_with_indices`: the places always come along."""

    def kernel(
        input: Array,
        kernel_size: Dims,
        stride: Dims | None = (),
        padding: Dims = (0,),
        dilation: Dims = (1,),
        ceil_mode: bool = False,
        return_indices: Truth = False,
    ) -> Any:
        return windowed(count, input, kernel_size, stride or None, padding, dilation, ceil_mode, True)

    with_places(kernel, pool, {"input": ones(count), "kernel_size": 1})


def declare_sized(pool: Op, count: int) -> None:
    """`F.adaptive_max_pool2d_with_indices`, and torch's own adaptive_max_pool1d."""

    def kernel(input: Array, output_size: Index, return_indices: Truth = False) -> Any:
        return sized(count, input, output_size, True)

    def line(input: Array, output_size: Dims, return_indices: Truth = False) -> Any:
        return sized(1, input, output_size, True)

    with_places(line if count == 1 else kernel, pool, {"input": ones(count), "output_size": 1})


def with_places(kernel: Any, pool: Op, example: dict[str, Any]) -> None:
    """Declare the form of a pool that gives the places too."""
    kernel.__name__ = f"{pool.name}_with_indices"
    kernel.__doc__ = pool.doc.replace("; also their places if asked for", ", and their places")
    op(composed, namespace=FUNCTIONAL, composite=True, outputs=PAIR, example=example)(kernel)


def ones(count: int) -> dict[str, Any]:
    """A literal of ones with so many dims behind channels."""
    return {"data": [1.0] * 4, "shape": [1, 4, *(1,) * count]}


for _count, _pool in enumerate((max_pool1d, max_pool2d, max_pool3d), 1):
    declare_pool(_pool, _count)
    declare_places(_pool, _count)
for _count, _pool in enumerate((adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d), 1):
    declare_sized(_pool, _count)


@op(composed, composite=True, method=False, outputs=PAIR)
def max_pool1d_with_indices(
    input: Array,
    kernel_size: Dims,
    stride: Dims | None = (),
    padding: Dims = (0,),
    dilation: Dims = (1,),
    ceil_mode: bool = False,
) -> Any:
    """The maxima of windows over the last dim, and their places."""
    return max1d(input, kernel_size, stride or None, padding, dilation, ceil_mode, True)


@op(composed, name="adaptive_max_pool1d", composite=True, method=False, outputs=PAIR)
def adaptive_pair(input: Array, output_size: Dims) -> Any:
    """The maxima of as many windows as asked for over the last dim, and their places."""
    return to1d(input, output_size, True)


# -- tables, norms, products ----------------------------------------------------------------------------------------


@op(composed, composite=True, method=False, example={"weight": [[1.0, 2.0], [3.0, 4.0]], "indices": [0, 1, 1]})
def embedding(
    weight: Array, indices: Array, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    """The rows of `weight` that `indices` name; the row `padding_idx` gets no gradient, which is dense in any case."""
    return rows_of(weight, indices, padding_idx, scale_grad_by_freq)


@op(composed, composite=True, method=False, example=NORMALIZED)
def instance_norm(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """The input standardised for each channel of each entry of the batch."""
    return instance_normalized(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def tbc_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of conv_tbc."""
    input, weight, bias, pad = values
    check_tbc(input.shape, weight.shape, bias.shape)
    for each in (weight, bias):
        if each.dtype != input.dtype:
            names = " and ".join(dtypes.BY_NUMPY[one.dtype].type_name for one in (input, each))
            raise errors.dtype_mismatch(f"self and mat2 must have the same dtype, but got {names}")
    steps = input.shape[0] + 2 * pad - weight.shape[0] + 1
    shape = (steps, input.shape[1], weight.shape[2])
    checked_size(shape)
    framed = math.prod(input.shape[1:]) * (input.shape[0] + 2 * max(pad, 0))
    held = (framed + math.prod(shape)) * input.dtype.itemsize
    held += 2 * (framed + math.prod(shape)) if input.dtype in dtypes.HALF_TYPES else 0
    return Estimate(values, [(shape, input.dtype)], None, held, 2 * math.prod(shape) * math.prod(weight.shape[:2]))


@op(tbc_rule, method=False, example=CONVOLVED)
def conv_tbc(input: Array, weight: Array, bias: Array, pad: int = 0) -> Any:
    """A convolution over the first dim: time, batch and channels; the weight has lengths, channels in and out."""
    framed = xp.pad(input, ((pad, pad), (0, 0), (0, 0))) if pad > 0 else input[-pad : len(input) + pad]
    steps = len(framed) - len(weight) + 1
    out = xp.zeros((steps, input.shape[1], weight.shape[2]), input.dtype) + bias
    for at in range(len(weight)):
        out += xp.matmul(framed[at : at + steps], weight[at])
    return out


def reach(weight: Any) -> int:
    """How many steps a weight reaches beyond its first."""
    length, *_ = weight.shape
    return int(length) - 1


def no_bias(g: Any, weight: Any, dim: int) -> Any:
    """Zeros, one for each entry of a weight's dim."""
    return zeros_like(sum_dim(weight, tuple(at for at in range(3) if at != dim)))


conv_tbc.vjp(
    input=lambda g, weight, pad: conv_tbc(
        g, flip(transpose(weight, 1, 2), (0,)), no_bias(g, weight, 1), reach(weight) - pad
    ),
    weight=lambda g, input, pad: conv_tbc(transpose(input, 1, 2), g, no_bias(g, g, 2), pad),
    bias=lambda g: sum_dim(g, (0, 1)),
)
alias(conv_tbc, f"{FUNCTIONAL}.conv_tbc")


def check_tbc(input: Shape, weight: Shape, bias: Shape) -> None:
    """Raise RuntimeError with torch's texts for shapes that do not go together."""
    for wrong, text in (
        (len(input) != 3, "Input must have 3 dims: time, batch, in_channel"),
        (len(weight) != 3, "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."),
        (len(bias) != 1, "Bias must be 1-D"),
        (input[2:] != weight[1:2], "Input dim 2 (input channels) is not == dim 1 in the weight tensor"),
        (weight[2:] != bias, "Bias size must equal dim 2 in the weight tensor (output channels)."),
    ):
        if wrong:
            raise errors.shape_mismatch(text)


# -- grids ----------------------------------------------------------------------------------------------------------


@op(composed, composite=True, method=False)
def grid_sampler(input: Array, grid: Array, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """The input at the points of a grid of two or three axes; modes and paddings by their numbers."""
    sampler = grid_sampler_3d if len(input.shape) == 5 else grid_sampler_2d
    return sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@op(composed, composite=True, method=False, example=MOVED)
def affine_grid_generator(theta: Array, size: Size, align_corners: bool) -> Any:
    """The grid, for grid_sampler, of points that an affine map for each entry of the batch moves."""
    if len(size) not in (4, 5):
        raise errors.shape_mismatch("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs.")
    return affine_points(theta, base_grid(theta, size, align_corners), size)
