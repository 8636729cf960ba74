"""Random indices and orders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, DeviceLike, Dtype, Random, Size
from engine.op import Op, op
from engine.ops.creation import checked_size, factory, like, stream
from engine.ops.distributions import MANTISSA, check_range, refuse
from engine.rules import INT64


def multinomial_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of multinomial: rows of weights, not all zero."""
    array, count, replacement, _ = values
    refuse(array.ndim not in (1, 2), "prob_dist must be 1 or 2 dim")
    dtype = dtypes.BY_NUMPY[array.dtype]
    refuse(
        not dtype.is_floating_point,
        f"multinomial only supports floating-point dtypes for input, got: {dtype.type_name}",
    )
    refuse(count <= 0, "cannot sample n_sample <= 0 samples")
    refuse(
        not replacement and count > array.shape[-1],
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    )
    refuse(array.shape[-1] == 0, "invalid multinomial distribution (sum of probabilities <= 0)")
    if isinstance(array, np.ndarray) and array.size:
        check_weights(array, not replacement or count == 1)
        empty = bool((array.sum(axis=-1) <= 0).any())
        refuse(empty, "invalid multinomial distribution (sum of probabilities <= 0)")
    shape = (*array.shape[:-1], count)
    return Estimate(values, [(shape, INT64)], None, 40 * array.size + 24 * math.prod(shape), 40 * array.size)


def check_weights(array: Any, once: bool) -> None:
    """Raise RuntimeError for weights that are negative or not finite; torch names the first, unless drawn but once."""
    wrong = ~((array >= 0) & (array < math.inf))
    if once:
        refuse(bool(wrong.any()), "probability tensor contains either `inf`, `nan` or element < 0")
    elif wrong.any():
        what = "= infinity or NaN" if float(array[wrong][0]) == math.inf else "< 0"  # of NaN too
        refuse(True, f"invalid multinomial distribution (encountering probability entry {what})")


@op(multinomial_rule)
def multinomial(input: Array, num_samples: int, replacement: bool = False, *, generator: Random | None = None) -> Any:
    """Indices drawn from each row with probabilities in proportion to its weights."""
    source, weights = stream(generator), input.astype(xp.float64).reshape(-1, input.shape[-1])
    if replacement:
        bounds = xp.cumsum(weights, axis=1)
        points = xp.asarray(source.uniform((len(weights), num_samples), np.dtype(np.float64))) * bounds[:, -1:]
        made = xp.empty(points.shape, xp.int64)
        for nr, line in enumerate(bounds):
            made[nr] = xp.searchsorted(line, points[nr], side="right")
        last = weights.shape[1] - 1 - xp.argmax(weights[:, ::-1] > 0, axis=1)[:, None]
        made = xp.minimum(made, last)  # rounding may lead past the last index with a weight
    else:
        races = weights / xp.asarray(source.exponential(weights.shape))
        made = xp.argsort(-races, axis=1)[:, :num_samples]
    return made.astype(xp.int64).reshape(*input.shape[:-1], num_samples)


def permutation_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of randperm."""
    n = values[0]
    estimate = factory(op, values, checked_size((n,)), dtypes.int64)
    dtype = estimate.values[op.index["dtype"]]
    if dtype.category in (dtypes.BOOL, dtypes.COMPLEX):
        raise errors.not_implemented_for("randperm", dtype.type_name)
    if dtype.is_floating_point:
        bits = MANTISSA[dtype.name]
        most = str((1 << bits) + 1) if dtype is dtypes.float16 else f"2^{bits}+1"
        beyond = n > (1 << bits) + 1 and dtype is not dtypes.bfloat16
        refuse(beyond, f"n cannot be greater than {most} for {dtype.type_name} type.")
    else:
        top = int(np.iinfo(dtype.numpy).max)
        refuse(n - 1 > top, f"value cannot be converted to type {dtype.scalar_name} without overflow")
    estimate.temporaries = 16 * n
    return estimate


@op(permutation_rule, method=False, leaf=True)
def randperm(
    n: int,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """The integers from 0 to n - 1 in random order."""
    return xp.asarray(stream(generator).permutation(n).astype(dtype.numpy))


def randint_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of randint."""
    low, high, size = values[0], values[1], checked_size(values[2])
    estimate = factory(op, [low, high, size, *values[3:]], size, dtypes.int64)
    check_range(estimate.values[op.index["dtype"]], low, high)
    return estimate


@op(randint_rule, method=False, leaf=True)
def randint(
    low: int,
    high: int,
    size: Size,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """Random integers in [low, high)."""
    return xp.asarray(stream(generator).integers(low, high, size).astype(dtype.numpy))


def randint_below_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of randint with one bound."""
    estimate = randint_rule(randint, [0, *values])
    return Estimate(estimate.values[1:], estimate.outputs)


@op(randint_below_rule, name="randint", method=False, leaf=True)
def randint_below(
    high: int,
    size: Size,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """Random integers in [0, high)."""
    return xp.asarray(stream(generator).integers(0, high, size).astype(dtype.numpy))


def like_between(low: int, high: int, op: Op, values: list[Any]) -> Estimate:
    """The estimate of randint_like."""
    estimate = like(op, values)
    dtype = estimate.values[op.index["dtype"]]
    check_range(dtype, low, high)
    estimate.temporaries = 8 * values[0].size
    return estimate


def randint_like_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of randint_like with two bounds."""
    return like_between(values[1], values[2], op, values)


def randint_like_below_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of randint_like with one bound."""
    return like_between(0, values[1], op, values)


@op(randint_like_below_rule, method=False, leaf=True)
def randint_like(
    input: Array,
    high: int,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Any:
    """Random integers in [0, high) in the input's shape and dtype."""
    return xp.asarray(stream(generator).integers(0, high, input.shape).astype(dtype.numpy))


@op(randint_like_rule, name="randint_like", method=False, leaf=True)
def randint_like_between(
    input: Array,
    low: int,
    high: int,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Any:
    """Random integers in [low, high) in the input's shape and dtype."""
    return xp.asarray(stream(generator).integers(low, high, input.shape).astype(dtype.numpy))
