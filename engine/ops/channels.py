"""Normalisation by channels: of a batch, of single entries."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.modes import state
from engine.op import Op, op
from engine.ops.arithmetic import add, mul, shift, sub
from engine.ops.copies import clone
from engine.ops.losses import refuse_grad
from engine.ops.normalization import (
    STATISTICS,
    check_floating,
    like,
    moments,
    parameter_dtype,
    pull_back,
    scaled,
    standardized,
    weighted,
)
from engine.ops.reduction import sum_dim
from engine.ops.repeating import repeat
from engine.ops.unary import rsqrt
from engine.ops.views import reshape, select, view
from engine.rules import FUNCTIONAL, Shape
from engine.tensor import counted_dim

BOTH = "running_mean and running_var must either both be None or neither be None"


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
    if input.ndim < 2:
        raise errors.shape_mismatch(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    if training and (running_mean is None) != (running_var is None):
        raise errors.bad_value(BOTH)
    for each in (running_mean, running_var):
        if each is not None and each.ndim != 1:
            raise errors.shape_mismatch(f"TensorAccessor expected 1 dims but tensor has {each.ndim}")
    check_floating(input, "batch_norm")
    dtype = parameter_dtype(input, weight, bias, running_mean, running_var)
    kept = (channels if training else 0,)
    extra = 4 * input.size * max(input.dtype.itemsize, 4) + 64 * channels
    outputs = [(input.shape, input.dtype), (kept, dtype), (kept, dtype)]
    return Estimate(values, outputs, None, extra, 8 * input.size)


def column(values: Any, ndim: int) -> Any:
    """One value for each channel, to be broadcast over an input of `ndim` dims."""
    return None if values is None else widened(values).reshape(-1, *(1,) * (ndim - 2))


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
    x, given = widened(input), [each for each in (weight, bias, running_mean, running_var) if each is not None]
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
        arrays.writeable(running)[...] = (1 - momentum) * running + momentum * value.reshape(running.shape)


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
        weight=lambda g, input, weight_shape, running_mean, running_var, result1, result2, training, eps: reshape(
            batch_weight(g[0], input, running_mean, running_var, result1, result2, training, eps), weight_shape
        ),
        bias=lambda g, bias_shape: reshape(sum_dim(g[0], channel_dims(g[0])), bias_shape),
    )


def announce(*tensors: Any) -> None:
    """Tell the undo log of statistics that a kernel is about to write; torch counts no version for that either."""
    log = state.ctx.log
    for each in tensors:
        if log is not None and hasattr(each, "_array"):
            log.storage(each)


@op(composed, composite=True, method=False, outputs=STATISTICS)
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
    for name, each in (("running_mean", mean), ("running_var", variance)):
        if getattr(each, "requires_grad", False) and True in (
            getattr(one, "requires_grad", False) for one in (input, weight, bias)
        ):
            refuse_grad("native_batch_norm", name, each)
    return batch_norm_of(input, weight, bias, mean, variance, training, momentum, eps)


@op(composed, name="_native_batch_norm_legit", composite=True, method=False, outputs=STATISTICS)
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


@op(composed, name="_native_batch_norm_legit", composite=True, method=False, outputs=STATISTICS)
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
    if training and not shape:
        raise errors.bad_index("tuple index out of range")
    if training and math.prod((shape[0], *shape[2:])) == 1:
        raise errors.bad_value(
            f"Expected more than 1 value per channel when training, got input size torch.Size({list(shape)})"
        )
    if eps < 0 or (training and eps == 0):
        kind = "positive during training" if training else "non-negative"
        raise errors.bad_value(f"batch_norm eps must be {kind}, but got {eps}")
    if training and (running_mean is None) != (running_var is None):
        raise errors.bad_value(BOTH)
    if 0 in shape:
        return of_nothing(input, weight, bias)
    return batch_normalized(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


def of_nothing(input: Any, weight: Any, bias: Any) -> Any:
    """batch_norm of no elements: torch records the first weight and bias all the same."""
    out = clone(input)
    for step, each in ((mul, weight), (add, bias)):
        out = out if each is None else step(out, select(each, 0, 0))
    return out


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
    return instance_normalized(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def instance_normalized(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    use_input_stats: bool,
    momentum: Any,
    eps: Any,
) -> Any:
    """instance_norm, one element for each channel or more."""
    shape = tuple(input.shape)
    if not use_input_stats and (running_mean is None or running_var is None):
        raise errors.bad_argument("Expected running_mean and running_var to be defined when use_input_stats is false")
    if (running_mean is None) != (running_var is None):
        raise errors.bad_value(BOTH)
    counted_dim(1, len(shape))
    flat = view(input if not hasattr(input, "contiguous") else input.contiguous(), (1, shape[0] * shape[1], *shape[2:]))
    means, variances = (repeated_copy(each, shape[0]) for each in (running_mean, running_var))
    other = input if weight is None else weight
    if means is not None and means.dtype != other.dtype:  # torch looks at one, and casts both
        means, variances = like(means, other), like(variances, other)
    scales, shifts = repeated(weight, shape[0]), repeated(bias, shape[0])
    if 0 in shape:
        return view(of_nothing(flat, scales, shifts), shape)
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
    if running is not None and hasattr(running, "_array") and made._array.size:
        arrays.writeable(running._array)[...] = made._array.reshape(-1, running._array.size).mean(axis=0)
