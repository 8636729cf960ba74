"""Covariance and correlation of the rows of a matrix."""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors
from engine.infer import composed
from engine.kinds import Array
from engine.modes import warn
from engine.op import op
from engine.ops.arithmetic import conj_of, div, mul, sub
from engine.ops.bounds import clamp_numbers
from engine.ops.diagonals import diag
from engine.ops.linalg import mm
from engine.ops.parts import imag, real
from engine.ops.phases import complex_of
from engine.ops.properties import dtype_of
from engine.ops.reduction import sum, sum_dim
from engine.ops.unary import sqrt
from engine.ops.views import squeeze, t, unsqueeze, view

NO_FREEDOM = "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations."


def check_weights(what: str, weights: Any, count: int, floating: bool) -> None:
    """Raise RuntimeError for weights that do not fit the observations."""
    dtype = dtype_of(weights)
    ndim = len(weights.shape)
    if ndim > 1:
        raise errors.shape_mismatch(
            f"cov(): expected {what} to have one or fewer dimensions but got {what} with {ndim} dimensions"
        )
    kind = dtype.is_floating_point if floating else dtype.category == dtypes.INTEGRAL
    if not kind:
        raise errors.dtype_mismatch(
            f"cov(): expected {what} to have {'floating point' if floating else 'integral'} dtype but got {what} with "
            f"{dtype.type_name} dtype"
        )
    size = 1 if not ndim else next(iter(weights.shape))
    if size != count:
        raise errors.shape_mismatch(
            f"cov(): expected {what} to have the same numel as there are observations in the input but got "
            f"{size} != {count}"
        )
    array = getattr(weights, "_array", None)
    if array is not None and bool((array < 0).any()):
        raise errors.bad_argument(f"cov(): {what} cannot be negative")


@op(composed, composite=True)
def cov(input: Array, *, correction: int = 1, fweights: Array | None = None, aweights: Array | None = None) -> Any:
    """The covariance matrix of variables in rows, observations in columns, with counts and weights of these."""
    shape = tuple(input.shape)
    if len(shape) > 2:
        raise errors.shape_mismatch(
            f"cov(): expected input to have two or fewer dimensions but got an input with {len(shape)} dimensions"
        )
    if dtype_of(input) is dtypes.bool_:
        raise errors.dtype_mismatch("cov(): bool dtype is not supported for input")
    x = input if len(shape) == 2 else view(input, (1, -1))
    count = tuple(x.shape)[1]
    for what, weights, floating in (("fweights", fweights, False), ("aweights", aweights, True)):
        if weights is not None:
            check_weights(what, weights, count, floating)
    weights = aweights if fweights is None else fweights if aweights is None else mul(fweights, aweights)
    total = count if weights is None else weight_sum(weights)
    average = div(sum_dim(x if weights is None else mul(x, weights), (1,), False), total)
    x = sub(x, unsqueeze(average, 1))
    product = mm(x, conj_of(t(x if weights is None else mul(x, weights))))
    return squeeze(div(product, freedom(total, correction, weights, aweights)))


def weight_sum(weights: Any) -> Any:
    """The sum of the weights, which may not be zero."""
    total = sum(weights)
    array = getattr(total, "_array", None)
    if array is not None and not array:
        raise errors.bad_argument("cov(): weights sum to zero, can't be normalized")
    return total


def freedom(total: Any, correction: int, weights: Any, aweights: Any) -> Any:
    """What sums of products are divided by; not below zero."""
    if weights is None:
        if total <= correction:
            warn(NO_FREEDOM, level=5)
        return max(total - correction, 0)
    if aweights is None or not correction:
        made = sub(total, correction)
    else:
        made = sub(total, div(mul(sum(mul(weights, aweights)), correction), total))
    array = getattr(made, "_array", None)
    if array is not None and array <= 0:
        warn(NO_FREEDOM, level=5)
        return 0
    return made


@op(composed, composite=True)
def corrcoef(input: Array) -> Any:
    """The correlation matrix of variables in rows, observations in columns."""
    if len(input.shape) > 2:
        raise errors.shape_mismatch(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {len(input.shape)} "
            "dimensions"
        )
    made = cov(input)
    if not len(made.shape):
        return div(made, made)
    variances = diag(made)
    spread = sqrt(real(variances) if variances.dtype.kind == "c" else variances)
    made = div(div(made, view(spread, (-1, 1))), view(spread, (1, -1)))
    if made.dtype.kind == "c":
        return complex_of(clamp_numbers(real(made), -1, 1), clamp_numbers(imag(made), -1, 1))
    return clamp_numbers(made, -1, 1)
