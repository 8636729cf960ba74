"""Random counts: of events at a rate, of successes among trials."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Random
from engine.op import Op, op
from engine.ops.arithmetic import NOT_THERE
from engine.ops.creation import stream
from engine.ops.distributions import drawn, no_gradient, only_floats, refuse
from engine.rules import broadcast


def on_host(array: Any) -> Any:
    """The values on the host, where numbers are drawn, as float64."""
    return np.asarray(array if isinstance(array, np.ndarray) else array.get()).astype(np.float64)


def poisson_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of poisson: rates that are not negative."""
    array = values[0]
    only_floats(dtypes.BY_NUMPY[array.dtype], "poisson_cpu")
    if isinstance(array, np.ndarray):
        refuse(bool(array.size) and not (array >= 0).all(), "invalid Poisson rate, expected rate to be non-negative")
        refuse(bool(array.size) and float(array.max()) > 2.0**62, "invalid Poisson rate, too large")
    return drawn(op, values, array.shape, array.dtype, 16 + array.dtype.itemsize)


@op(poisson_rule, method=False)
def poisson(input: Array, generator: Random | None = None) -> Any:
    """Poisson numbers of the rates each element says."""
    return xp.asarray(stream(generator).poisson(on_host(input)).astype(input.dtype))


no_gradient(poisson)


def binomial_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of binomial: numbers of trials and chances of one floating dtype, broadcast."""
    kinds = [dtypes.BY_NUMPY[each.dtype] for each in values[:2]]
    for name, kind in zip(("count", "prob"), kinds, strict=True):
        if not kind.is_floating_point:
            raise errors.bad_value(f"binomial only supports floating-point dtypes for {name}, got: {kind.type_name}")
    if kinds[0] is not kinds[1]:
        raise errors.dtype_mismatch(f"Found dtype {kinds[1].type_name} but expected {kinds[0].type_name}")
    shape = broadcast(values[0].shape, values[1].shape)
    if kinds[0] not in (dtypes.float32, dtypes.float64):
        raise errors.not_implemented_for("binomial_cpu", kinds[0].type_name)
    return drawn(op, values, shape, values[0].dtype, 80)


@op(binomial_rule, method=False, node=NOT_THERE)
def binomial(count: Array, prob: Array, generator: Random | None = None) -> Any:
    """How many of `count` trials succeed, each with the chance `prob`."""
    trials, chance = np.broadcast_arrays(on_host(count), on_host(prob))
    known = ~(np.isnan(trials) | np.isnan(chance))
    most = np.clip(np.where(known, trials, 0), 0, 2.0**62).astype(np.int64)
    made = stream(generator).binomial(most, np.clip(np.where(known, chance, 0), 0, 1)).astype(np.float64)
    made = np.where((chance >= 1) & (trials > 0), trials, made)
    return xp.asarray(np.where(known, made, np.nan).astype(count.dtype))


def no_binomial_derivative(g: Any) -> Any:
    """torch has no derivative of binomial."""
    raise errors.underived("binomial")


binomial.vjp(count=no_binomial_derivative, prob=no_binomial_derivative)
