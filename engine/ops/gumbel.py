"""gumbel_softmax: a softmax of scores with random numbers added, draws of one class (Jang et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import unsqueezed, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Number, Truth
from engine.modes import warn
from engine.op import Op, op
from engine.ops.arithmetic import NOT_THERE, add, div
from engine.ops.creation import stream
from engine.ops.distributions import no_exponential
from engine.ops.nn import softmax
from engine.rules import FUNCTIONAL, moved_bytes
from engine.tensor import check_dim


def noise_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the noise: real floats."""
    array = values[0]
    if array.size:
        no_exponential(dtypes.BY_NUMPY[array.dtype])
    return Estimate(values, [(array.shape, array.dtype)], None, 32 * array.size, 40 * array.size)


@op(noise_rule, hidden=True, node=NOT_THERE)
def gumbel_noise(input: Array) -> Any:
    """Numbers of the standard Gumbel distribution in the input's form."""
    return xp.asarray(-np.log(stream(None).exponential(input.shape))).astype(input.dtype)


def hardened_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of what makes a soft choice hard."""
    array = values[0]
    dim = check_dim(values[1], array.ndim)
    if array.ndim and not array.shape[dim]:
        raise errors.bad_index(f"max(): Expected reduction dim {dim} to have non-zero size.")
    rows = array.size // array.shape[dim] if array.ndim else 1
    held = (3 * array.dtype.itemsize + 8) * rows + 8 * sum(array.shape) + moved_bytes(array, dim)
    return Estimate([array, dim], [(array.shape, array.dtype)], None, held)


@op(hardened_rule, hidden=True, node=NOT_THERE)
def hardened(input: Array, dim: int) -> Any:
    """1 at the largest element along a dim and 0 elsewhere, less the input."""
    made = -input
    if not input.ndim:
        return 1 + made
    index = unsqueezed(xp.argmax(input, dim), dim)
    xp.put_along_axis(made, index, xp.take_along_axis(made, index, dim) + input.dtype.type(1), dim)
    return made


@op(composed, namespace=FUNCTIONAL, composite=True)
def gumbel_softmax(logits: Array, tau: Number = 1, hard: Truth = False, eps: Number = 1e-10, dim: int = -1) -> Any:
    """Draws of one class each from the unnormalised log-probabilities: soft, or with `hard` ones and zeros.

    The gradient is that of the soft draw in both cases.
    """
    if eps != 1e-10:
        warn("`eps` parameter is deprecated and has no effect.", level=6)
    soft = softmax(div(add(logits, gumbel_noise(logits)), tau), dim)
    return add(hardened(soft, dim), soft) if hard else soft
