"""Normalisation of groups of channels, each entry of a batch by itself."""

from __future__ import annotations

import math
from typing import Any

from engine import errors
from engine.arrays import widened
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import add, mul, shift, sub
from engine.ops.channels import channel_dims, column, wide
from engine.ops.normalization import (
    STATISTICS,
    check_floating,
    moments,
    parameter_dtype,
    pull_back,
    scaled,
    standardized,
    weighted,
)
from engine.ops.reduction import mean_dim, sum_dim
from engine.ops.row_norms import planes, pull_back_groups, standard_groups
from engine.ops.unary import rsqrt
from engine.ops.views import reshape, unsqueeze
from engine.rules import FUNCTIONAL


def group_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of group_norm."""
    input, weight, bias, n, c, size, groups, _ = values
    shape = list(input.shape)
    if groups <= 0:
        raise errors.bad_argument(f"Expected num groups to be greater than 0, got {groups}")
    if n < 0:
        raise errors.shape_mismatch(f"Trying to create tensor with negative dimension {n}: {[n, groups]}")
    if c % groups:
        raise errors.shape_mismatch(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{shape} and num_groups={groups}"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != (c,):
            raise errors.shape_mismatch(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list((each if weight is None else weight).shape)} and input of shape {shape}"  # torch's slip
            )
    if n * c * size != input.size or n < 0 or c < 0:
        raise errors.shape_mismatch(
            "Expected X.numel() == N * C * HxW to be true, but got false.  (Could this error message be improved?  "
            "If so, please report an enhancement request to PyTorch.)"
        )
    if input.ndim < 2 or input.shape[:2] != (n, c):
        raise errors.shape_mismatch(f"Expected an input of shape [{n}, {c}, *], but got input of shape {shape}")
    dtype = parameter_dtype(input, weight, bias)
    check_floating(input, "GroupNormKernelImpl")
    kept = (input.shape[0], groups)
    extra = 4 * input.size * max(input.dtype.itemsize, 4) + 16 * math.prod(kept)
    return Estimate(values, [(input.shape, input.dtype), (kept, dtype), (kept, dtype)], None, extra, 8 * input.size)


@op(group_rule, outputs=STATISTICS, method=False)
def native_group_norm(
    input: Array, weight: Array | None, bias: Array | None, N: int, C: int, HxW: int, group: int, eps: float
) -> Any:
    """group_norm with the mean and 1 over the deviation of each group."""
    if planes(input):
        out, mean, rstd = standard_groups(input, group, eps, weight, bias)
    else:
        rest, mean, _, rstd = moments(widened(input).reshape(N, group, C // group * HxW), (2,), eps)
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


def group_statistics(to_mean: Any, to_rstd: Any, input: Any, group: int, eps: float) -> Any:
    """The gradient to group_norm's input from those to the means and to 1 over the deviations.

    These are worked out anew: the saved ones would lead back here with one gradient of the two.
    """
    x = grouped(input, group)
    share = 1 / max(tuple(x.shape)[2], 1)
    rest = sub(x, mean_dim(x, (2,), True))
    rstd = rsqrt(shift(mean_dim(mul(rest, rest), (2,), True), eps))
    slope = mul(unsqueeze(to_rstd, 2), mul(rstd, mul(rstd, rstd)))
    return reshape(mul(sub(unsqueeze(to_mean, 2), mul(slope, rest)), share), tuple(input.shape))


def group_backward(
    g: Any, needs: Any, input: Any, weight: Any, result1: Any, result2: Any, group: int, eps: float
) -> list[Any]:
    """The gradients of group_norm to input, weight and bias: of bare arrays in one go."""
    flow, to_mean, to_rstd = g
    made: list[Any] = [None, None, None]
    if flow is not None and not hasattr(flow, "_array") and planes(flow, input):
        made = pull_back_groups(flow, input, group, result1, result2, weight, tuple(needs))
    elif flow is not None:
        made = [
            group_input(flow, input, weight, result1, result2, group, eps) if needs[0] else None,
            group_weight(flow, input, result1, result2, group, eps) if needs[1] else None,
            sum_dim(flow, channel_dims(flow)) if needs[2] else None,
        ]
    if needs[0] and to_mean is not None and to_rstd is not None:  # as in torch: one of them alone counts for nothing
        part = group_statistics(to_mean, to_rstd, input, group, eps)
        made[0] = part if flow is None else add(made[0], part)
    return made


native_group_norm.vjp_joint(group_backward, "input", "weight", "bias")


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
                f"shape {list((each if weight is None else weight).shape)} and input of shape {list(shape)}"
            )
    return native_group_norm(input, weight, bias, shape[0], shape[1], math.prod(shape[2:]), num_groups, eps)[0]


@op(composed, namespace=FUNCTIONAL, name="group_norm", composite=True)
def functional_group_norm(
    input: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Any:
    """The input standardised over groups of channels, times weight plus bias for each channel."""
    shape = tuple(input.shape)
    if len(shape) >= 2 and num_groups == 0:
        raise errors.coded(ZeroDivisionError, "bad_argument", "integer division or modulo by zero")
    if len(shape) >= 2 and num_groups > 0:
        channels = shape[1] // num_groups
        if math.prod((shape[0], channels, *shape[2:])) == 1 and shape[1] >= num_groups:
            sizes = [shape[0] * shape[1] // num_groups, num_groups, *shape[2:]]
            raise errors.bad_value(f"Expected more than 1 value per channel when training, got input size {sizes}")
    return group_norm(input, num_groups, weight, bias, eps)
