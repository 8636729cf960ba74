"""Normalisation: by the statistics of a layer, a batch, groups of channels, or single channels.

All of them standardise over some dims and scale by weights. `pull_back` is the standardisation's gradient: self-adjoint
in the gradient it gets, so its own derivatives are written with itself and hold in every order.
"""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Size
from engine.modes import state
from engine.op import Op, alias, op
from engine.ops.arithmetic import add, div, mul, neg, shift, sub
from engine.ops.convolution import zero_pad
from engine.ops.copies import clone
from engine.ops.pooling import avg_pool2d, avg_pool3d
from engine.ops.powers import pow_number
from engine.ops.reduction import mean_dim, sum_dim
from engine.ops.repeating import repeat
from engine.ops.unary import rsqrt
from engine.ops.views import reshape, select, squeeze_dim, unsqueeze, view
from engine.rules import Shape

HALF = dtypes.HALF_TYPES
FUNCTIONAL = "nn.functional"
MIXED = "mixed dtype (CPU): all inputs must share same datatype."
MIXED_FLOAT = "mixed dtype (CPU): expect parameter to have scalar type of Float"


# -- the standardisation --------------------------------------------------------------------------------------------


def computed(array: Any) -> Any:
    """Half types as float32, the rest as they are; None as it is."""
    return array.astype(xp.float32) if array is not None and array.dtype in HALF else array


def moments(x: Any, dims: Shape, eps: float) -> Any:
    """What is left of `x` without its mean over the dims, the mean, the variance, and 1 over the deviation."""
    count = max(math.prod(x.shape[at] for at in dims), 1)
    mean = x.sum(axis=dims, keepdims=True) / x.dtype.type(count)
    rest = x - mean
    variance = (rest * rest).sum(axis=dims, keepdims=True) / x.dtype.type(count)
    return rest, mean, variance, 1 / xp.sqrt(variance + x.dtype.type(eps))


def scaled(rest: Any, rstd: Any, weight: Any, bias: Any) -> Any:
    """`rest * rstd * weight + bias`, in the memory of `rest`."""
    rest *= rstd
    if weight is not None:
        rest *= weight
    if bias is not None:
        rest += bias
    return rest


def standard_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the standardisation and its gradient: the shape of the first operand."""
    array = values[0]
    extra = 4 * array.size * max(array.dtype.itemsize, 4)
    return Estimate(values, [(array.shape, array.dtype)], None, extra, array.size)


@op(standard_rule, hidden=True, node="SubBackward0")
def standardized(input: Array, mean: Array, rstd: Array, dims: Dims, eps: float) -> Any:
    """`(input - mean) * rstd` with the input's own statistics."""
    return ((computed(input) - computed(mean)) * computed(rstd)).astype(input.dtype, copy=False)


standardized.vjp(input=lambda g, input, mean, rstd, dims, eps: pull_back(g, input, mean, rstd, dims, eps))


@op(standard_rule, hidden=True, node="NativeLayerNormBackwardBackward0")
def pull_back(grad: Array, input: Array, mean: Array, rstd: Array, dims: Dims, eps: float) -> Any:
    """The gradient of the standardisation: rstd (g - mean(g) - x^ mean(g x^)), x^ the standardised input."""
    g, rstd = computed(grad), computed(rstd)
    x = (computed(input) - computed(mean)) * rstd
    count = g.dtype.type(max(math.prod(x.shape[at] for at in dims), 1))
    product = g * x
    x *= product.sum(axis=dims, keepdims=True) / count
    x += g.sum(axis=dims, keepdims=True) / count
    out = xp.subtract(g, x, out=product)
    out *= rstd
    return out.astype(grad.dtype, copy=False)


pull_back.vjp(
    grad=lambda g, input, mean, rstd, dims, eps: pull_back(g, input, mean, rstd, dims, eps),
    input=lambda g, grad, input, dims, eps: pull_back_input(g, grad, input, dims, eps),
)


def pull_back_input(u: Any, g: Any, input: Any, dims: Shape, eps: float) -> Any:
    """The gradient of `pull_back` to the input, by statistics recomputed so that it can be differentiated again."""
    mean = mean_dim(input, dims, True)
    rest = sub(input, mean)
    rstd = rsqrt(shift(mean_dim(mul(rest, rest), dims, True), eps))
    x = mul(rest, rstd)
    u_mean, g_mean = mean_dim(u, dims, True), mean_dim(g, dims, True)
    u_slope, g_slope = mean_dim(mul(u, x), dims, True), mean_dim(mul(g, x), dims, True)
    through_x = neg(mul(rstd, add(mul(g_slope, u), mul(u_slope, g))))
    spread = sub(sub(mean_dim(mul(u, g), dims, True), mul(u_mean, g_mean)), mul(u_slope, g_slope))
    return sub(pull_back(through_x, input, mean, rstd, dims, eps), mul(mul(mul(rstd, rstd), spread), x))


def check_floating(array: Any, kernel: str) -> None:
    """Raise NotImplementedError unless the input has a real floating dtype."""
    dtype = dtypes.BY_NUMPY[array.dtype]
    if not dtype.is_floating_point:
        raise errors.not_implemented_for(kernel, dtype.type_name)


def parameter_dtype(input: Any, *parameters: Any) -> Any:
    """The dtype of statistics: the parameters', which is the input's or, for half types, float32.

    Raises RuntimeError for any other.
    """
    given = [each for each in parameters if each is not None]
    wide = [each for each in given if each.dtype != input.dtype]
    if not wide:
        return input.dtype
    if input.dtype not in HALF or [1 for each in wide if each.dtype != xp.float32]:
        raise errors.dtype_mismatch(MIXED)
    if len(wide) != len(given):
        raise errors.dtype_mismatch(MIXED_FLOAT)
    return wide[0].dtype


# -- layers ---------------------------------------------------------------------------------------------------------


def check_normalized(input: Any, shape: Shape, weight: Any, bias: Any, star: str = "*, ") -> None:
    """Raise RuntimeError unless the input ends in `shape`, and weight and bias have it."""
    if not shape:
        raise errors.bad_argument(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != shape:
            raise errors.shape_mismatch(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(each.shape)} and normalized_shape = {list(shape)}"
            )
    if tuple(input.shape)[-len(shape) :] != shape:
        sizes = ", ".join(map(str, shape))
        raise errors.shape_mismatch(
            f"Given normalized_shape={list(shape)}, expected input with shape [{star}{sizes}], but got input of "
            f"size{list(input.shape)}"
        )


def layer_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of layer_norm."""
    input, shape, weight, bias, _ = values
    check_normalized(input, shape, weight, bias)
    check_floating(input, "LayerNormKernelImpl")
    dtype = parameter_dtype(input, weight, bias)
    kept = (*input.shape[: input.ndim - len(shape)], *(1,) * len(shape))
    extra = 3 * input.size * max(input.dtype.itemsize, 4) + 16 * math.prod(kept)
    outputs = [(input.shape, input.dtype), (kept, dtype), (kept, dtype)]
    return Estimate(values, outputs, None, extra, 8 * input.size)


STATISTICS = ("out", "result1", "result2")


@op(layer_rule, outputs=STATISTICS, differentiable=("out",), method=False)
def native_layer_norm(
    input: Array, normalized_shape: Size, weight: Array | None, bias: Array | None, eps: float
) -> Any:
    """layer_norm with the mean and 1 over the deviation it divided by."""
    dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    rest, mean, _, rstd = moments(computed(input), dims, eps)
    out = scaled(rest, rstd, computed(weight), computed(bias))
    given = [each for each in (weight, bias) if each is not None]
    dtype = given[0].dtype if given else input.dtype
    return (
        out.astype(input.dtype, order="C", copy=False),
        mean.astype(dtype, copy=False),
        rstd.astype(dtype, copy=False),
    )


def last_dims(input: Any, shape: Shape) -> Shape:
    """The dims that `shape` covers, from the end."""
    return tuple(range(len(input.shape) - len(shape), len(input.shape)))


native_layer_norm.vjp(
    input=lambda g, input, normalized_shape, weight, result1, result2, eps: pull_back(
        weighted(g[0], weight), input, result1, result2, last_dims(input, normalized_shape), eps
    ),
    weight=lambda g, input, normalized_shape, result1, result2, eps: mul(
        g[0], standardized(input, result1, result2, last_dims(input, normalized_shape), eps)
    ),
    bias=lambda g: g[0],
)


def weighted(g: Any, weight: Any) -> Any:
    """The gradient times the weight, if there is one; in the gradient's dtype."""
    return g if weight is None else like(mul(g, weight), g)


def like(x: Any, other: Any) -> Any:
    """`x` in the dtype of another."""
    return x if x.dtype == other.dtype else x.astype(other.dtype) if hasattr(x, "astype") else x.to(other.dtype)


@op(composed, composite=True, method=False)
def layer_norm(
    input: Array,
    normalized_shape: Size,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """The input standardised over its last dims, times weight plus bias."""
    return native_layer_norm(input, normalized_shape, weight, bias, eps)[0]


@op(composed, namespace=FUNCTIONAL, name="layer_norm", composite=True)
def functional_layer_norm(
    input: Array,
    normalized_shape: Size,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Any:
    """The input standardised over its last dims, times weight plus bias."""
    return native_layer_norm(input, normalized_shape, weight, bias, eps)[0]


@op(composed, composite=True, method=False)
def rms_norm(input: Array, normalized_shape: Size, weight: Array | None = None, eps: float | None = None) -> Any:
    """The input over the root of its mean square over the last dims, times weight."""
    check_normalized(input, normalized_shape, weight, None, "*")
    dtype = input.dtype
    if dtype.kind in "biu":
        raise errors.not_implemented_for("rms_norm", dtypes.BY_NUMPY[getattr(dtype, "numpy", dtype)].type_name)
    name = getattr(dtype, "name", "float32")
    if eps is None:
        eps = SMALLEST.get(name, SMALLEST["float32"])
    x = widened(input)
    square = mean_dim(pow_number(x, 2), last_dims(input, normalized_shape), True)
    out = mul(x, rsqrt(shift(square, eps)))
    if x is not input:
        return like(out if weight is None else mul(out, weight), input)
    return out if weight is None else mul(out, weight)


SMALLEST = {"float64": 2.0**-52, "complex128": 2.0**-52, "float32": 2.0**-23, "complex64": 2.0**-23}
alias(rms_norm, f"{FUNCTIONAL}.rms_norm")


def widened(x: Any) -> Any:
    """Half types as float32, recorded; the rest as they are."""
    if x.dtype.kind != "V" and x.dtype.itemsize != 2:
        return x
    return x.astype(xp.float32) if not hasattr(x, "to") else x.to(dtypes.float32)


# -- batches --------------------------------------------------------------------------------------------------------


def batch_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of batch_norm."""
    input, weight, bias, running_mean, running_var, training, _, _ = values
    channels = input.shape[1] if input.ndim > 1 else 0
    for name, each in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if each is not None and each.size != channels:
            raise errors.shape_mismatch(f"{name} should contain {channels} elements not {each.size}")
        if each is None and not training and name.startswith("running"):
            raise errors.bad_argument(f"{name} must be defined in evaluation mode")
    check_floating(input, "batch_norm")
    dtype = parameter_dtype(input, weight, bias, running_mean, running_var)
    kept = (channels if training else 0,)
    extra = 4 * input.size * max(input.dtype.itemsize, 4) + 64 * channels
    outputs = [(input.shape, input.dtype), (kept, dtype), (kept, dtype)]
    return Estimate(values, outputs, None, extra, 8 * input.size)


def column(values: Any, ndim: int) -> Any:
    """One value for each channel, to be broadcast over an input of `ndim` dims."""
    return None if values is None else computed(values).reshape(-1, *(1,) * (ndim - 2))


@op(batch_rule, name="native_batch_norm", hidden=True, outputs=STATISTICS, differentiable=("out",))
def batch_norm_of(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Any:
    """The input standardised for each channel; in training by its own statistics, which the running ones follow."""
    ndim = input.ndim
    x, given = computed(input), [each for each in (weight, bias, running_mean, running_var) if each is not None]
    dtype = given[0].dtype if given else input.dtype
    if training:
        dims = (0, *range(2, ndim))
        rest, mean, variance, rstd = moments(x, dims, eps)
        follow(running_mean, mean, momentum)
        count = x.size // max(mean.size, 1)
        follow(running_var, variance * (count / max(count - 1, 1)), momentum)
        kept = (mean.reshape(-1).astype(dtype), rstd.reshape(-1).astype(dtype))
    else:
        rest = x - column(running_mean, ndim)
        rstd = 1 / xp.sqrt(column(running_var, ndim) + x.dtype.type(eps))
        kept = (xp.zeros((0,), dtype), xp.zeros((0,), dtype))
    out = scaled(rest, rstd, column(weight, ndim), column(bias, ndim))
    return (out.astype(input.dtype, copy=False), *kept)


def follow(running: Any, value: Any, momentum: float) -> None:
    """Move a running statistic towards a batch's, in place; an empty batch moves nothing."""
    if running is not None and value.size:
        running[...] = (1 - momentum) * running + momentum * value.reshape(running.shape)


def channel_dims(input: Any) -> Shape:
    """All dims but the channels'."""
    return (0, *range(2, len(input.shape)))


def wide(values: Any, input: Any) -> Any:
    """One value for each channel, to be broadcast over the input."""
    return reshape(values, (-1, *(1,) * (len(input.shape) - 2)))


def batch_input(
    g: Any, input: Any, weight: Any, running_var: Any, mean: Any, rstd: Any, training: bool, eps: float
) -> Any:
    """The gradient of batch_norm to its input."""
    if weight is not None:
        g = weighted(g, wide(weight, input))
    if not training:
        return like(mul(g, wide(rsqrt(shift(running_var, eps)), input)), g)
    return pull_back(g, input, wide(mean, input), wide(rstd, input), channel_dims(input), eps)


def batch_weight(
    g: Any, input: Any, running_mean: Any, running_var: Any, mean: Any, rstd: Any, training: bool, eps: float
) -> Any:
    """The gradient of batch_norm to its weight."""
    if training:
        x = standardized(input, wide(mean, input), wide(rstd, input), channel_dims(input), eps)
    else:
        x = mul(sub(input, wide(running_mean, input)), wide(rsqrt(shift(running_var, eps)), input))
    return sum_dim(mul(g, x), channel_dims(input))


legit_of = op(
    batch_rule,
    name="_native_batch_norm_legit",
    hidden=True,
    outputs=STATISTICS,
    differentiable=("out",),
    node="NativeBatchNormLegitBackward0",
)(batch_norm_of.kernel)
for _op in (batch_norm_of, legit_of):
    _op.vjp(
        input=lambda g, input, weight, running_var, result1, result2, training, eps: batch_input(
            g[0], input, weight, running_var, result1, result2, training, eps
        ),
        weight=lambda g, input, running_mean, running_var, result1, result2, training, eps: batch_weight(
            g[0], input, running_mean, running_var, result1, result2, training, eps
        ),
        bias=lambda g: sum_dim(g[0], channel_dims(g[0])),
    )


def announce(*tensors: Any) -> None:
    """Tell the undo log of statistics that a kernel is about to write; torch counts no version for that either."""
    log = state.ctx.log
    for each in tensors:
        if log is not None and hasattr(each, "_array"):
            log.storage(each)


@op(composed, composite=True, method=False)
def native_batch_norm(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Any:
    """batch_norm with the mean and 1 over the deviation it divided by (none in evaluation)."""
    return tuple(batch_normalized(input, weight, bias, running_mean, running_var, training, momentum, eps))


def batch_normalized(
    input: Any, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, momentum: float, eps: float
) -> Any:
    """batch_norm, of which the undo log hears first where it changes the running statistics."""
    if training:
        announce(mean, variance)
    return batch_norm_of(input, weight, bias, mean, variance, training, momentum, eps)


@op(composed, name="_native_batch_norm_legit", composite=True, method=False)
def native_batch_norm_legit(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array,
    running_var: Array,
    training: bool,
    momentum: float,
    eps: float,
) -> Any:
    """native_batch_norm with running statistics."""
    if training:
        announce(running_mean, running_var)
    return tuple(legit_of(input, weight, bias, running_mean, running_var, training, momentum, eps))


@op(composed, name="_native_batch_norm_legit", composite=True, method=False)
def native_batch_norm_alone(
    input: Array, weight: Array | None, bias: Array | None, training: bool, momentum: float, eps: float
) -> Any:
    """native_batch_norm without running statistics."""
    return tuple(legit_of(input, weight, bias, None, None, training, momentum, eps))


@op(composed, namespace=FUNCTIONAL, composite=True)
def batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """The input standardised for each channel: in training by the batch's statistics, else by the running ones."""
    shape = tuple(input.shape)
    if training and len(shape) > 1 and math.prod((shape[0], *shape[2:])) == 1:
        raise errors.bad_value(
            f"Expected more than 1 value per channel when training, got input size torch.Size({list(shape)})"
        )
    if 0 in shape:
        out = clone(input)
        for step, each in ((mul, weight), (add, bias)):
            out = out if each is None else step(out, select(each, 0, 0))
        return out
    return batch_normalized(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


@op(composed, name="batch_norm", composite=True, method=False)
def torch_batch_norm(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """batch_norm in the argument order of `torch.batch_norm`."""
    return batch_normalized(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


# -- single channels ------------------------------------------------------------------------------------------------


def repeated(values: Any, times: int) -> Any:
    """A vector several times over; None of None."""
    return None if values is None else repeat(values, (times,))


@op(composed, namespace=FUNCTIONAL, composite=True)
def instance_norm(
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """The input standardised for each channel of each entry of the batch."""
    shape = tuple(input.shape)
    if use_input_stats and math.prod(shape[2:]) == 1:
        raise errors.bad_value(
            f"Expected more than 1 spatial element when training, got input size torch.Size({list(shape)})"
        )
    if not use_input_stats and (running_mean is None or running_var is None):
        raise errors.bad_argument("Expected running_mean and running_var to be defined when use_input_stats is false")
    flat = view(input if not hasattr(input, "contiguous") else input.contiguous(), (1, shape[0] * shape[1], *shape[2:]))
    means, variances = repeated_copy(running_mean, shape[0]), repeated_copy(running_var, shape[0])
    scales, shifts = repeated(weight, shape[0]), repeated(bias, shape[0])
    out = batch_norm_of(flat, scales, shifts, means, variances, use_input_stats, momentum, eps)[0]
    if use_input_stats:
        announce(running_mean, running_var)
        gather_statistics(running_mean, means)
        gather_statistics(running_var, variances)
    return view(out, shape)


def repeated_copy(values: Any, times: int) -> Any:
    """A vector several times over, in memory of its own."""
    made = repeated(values, times)
    return made.detach().clone() if hasattr(made, "detach") else made


def gather_statistics(running: Any, made: Any) -> None:
    """Make the mean over the batch the new running statistic."""
    if running is not None and hasattr(running, "_array"):
        running._array[...] = made._array.reshape(-1, running._array.size).mean(axis=0)


# -- groups ---------------------------------------------------------------------------------------------------------


def group_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of group_norm."""
    input, weight, bias, _, _, _, groups, _ = values
    check_floating(input, "GroupNormKernelImpl")
    dtype = parameter_dtype(input, weight, bias)
    kept = (input.shape[0], groups)
    extra = 4 * input.size * max(input.dtype.itemsize, 4) + 16 * math.prod(kept)
    return Estimate(values, [(input.shape, input.dtype), (kept, dtype), (kept, dtype)], None, extra, 8 * input.size)


@op(group_rule, outputs=STATISTICS, differentiable=("out",), method=False)
def native_group_norm(
    input: Array, weight: Array | None, bias: Array | None, N: int, C: int, HxW: int, group: int, eps: float
) -> Any:
    """group_norm with the mean and 1 over the deviation of each group."""
    rest, mean, _, rstd = moments(computed(input).reshape(N, group, C // group * HxW), (2,), eps)
    rest = (rest * rstd).reshape(input.shape)
    out = scaled(rest, rest.dtype.type(1), column(weight, input.ndim), column(bias, input.ndim))
    given = [each for each in (weight, bias) if each is not None]
    dtype = given[0].dtype if given else input.dtype
    kept = (each.reshape(N, group).astype(dtype, copy=False) for each in (mean, rstd))
    return (out.astype(input.dtype, copy=False), *kept)


def grouped(x: Any, group: int) -> Any:
    """The input as (N, group, the rest)."""
    shape = tuple(x.shape)
    return reshape(x, (shape[0], group, math.prod(shape[1:]) // group))


def group_input(g: Any, input: Any, weight: Any, mean: Any, rstd: Any, group: int, eps: float) -> Any:
    """The gradient of group_norm to its input."""
    if weight is not None:
        g = weighted(g, wide(weight, input))
    made = pull_back(grouped(g, group), grouped(input, group), unsqueeze(mean, 2), unsqueeze(rstd, 2), (2,), eps)
    return reshape(made, tuple(input.shape))


def group_weight(g: Any, input: Any, mean: Any, rstd: Any, group: int, eps: float) -> Any:
    """The gradient of group_norm to its weight."""
    x = standardized(grouped(input, group), unsqueeze(mean, 2), unsqueeze(rstd, 2), (2,), eps)
    return sum_dim(mul(g, reshape(x, tuple(input.shape))), channel_dims(input))


native_group_norm.vjp(
    input=lambda g, input, weight, result1, result2, group, eps: group_input(
        g[0], input, weight, result1, result2, group, eps
    ),
    weight=lambda g, input, result1, result2, group, eps: group_weight(g[0], input, result1, result2, group, eps),
    bias=lambda g: sum_dim(g[0], channel_dims(g[0])),
)


@op(composed, composite=True, method=False)
def group_norm(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """The input standardised over groups of channels, times weight plus bias for each channel."""
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise errors.shape_mismatch(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    if num_groups <= 0:
        raise errors.bad_argument(f"Expected num groups to be greater than 0, got {num_groups}")
    if shape[1] % num_groups:
        raise errors.shape_mismatch(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(shape)} "
            f"and num_groups={num_groups}"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != (shape[1],):
            raise errors.shape_mismatch(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(each.shape)} and input of shape {list(shape)}"
            )
    return native_group_norm(input, weight, bias, shape[0], shape[1], math.prod(shape[2:]), num_groups, eps)[0]


@op(composed, namespace=FUNCTIONAL, name="group_norm", composite=True)
def functional_group_norm(
    input: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Any:
    """The input standardised over groups of channels, times weight plus bias for each channel."""
    shape = tuple(input.shape)
    if len(shape) >= 2 and num_groups > 0:
        channels = shape[1] // num_groups
        if math.prod((shape[0], channels, *shape[2:])) == 1 and shape[1] >= num_groups:
            sizes = [shape[0] * shape[1] // num_groups, num_groups, *shape[2:]]
            raise errors.bad_value(f"Expected more than 1 value per channel when training, got input size {sizes}")
    return group_norm(input, num_groups, weight, bias, eps)


@op(composed, namespace=FUNCTIONAL, composite=True)
def local_response_norm(input: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """The input over a power of the mean square of neighbouring channels."""
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise errors.bad_value(
            f"Expected 3D or higher dimensionality                          input (got {len(shape)} dimensions)"
        )
    if 0 in shape:
        return input
    square = unsqueeze(mul(input, input), 1)
    around = (size // 2, (size - 1) // 2)
    if len(shape) == 3:
        padded = zero_pad(square, (around, (0, 0)))
        means = squeeze_dim(avg_pool2d(padded, (size, 1), (1, 1), (0,), False, True, None), 1)
    else:
        flat = view(square, (shape[0], 1, shape[1], shape[2], math.prod(shape[3:])))
        padded = zero_pad(flat, (around, (0, 0), (0, 0)))
        means = squeeze_dim(avg_pool3d(padded, (size, 1, 1), (1, 1, 1), (0,), False, True, None), 1)
        means = view(means, shape)
    return div(input, pow_number(add(mul(means, alpha), k), beta))
