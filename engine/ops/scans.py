"""Running sums, products and extrema along a dim."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import arrays, dtypes, errors, scans, sums
from engine.arrays import widened, xp
from engine.infer import Estimate, Meta
from engine.kinds import Array, Dtype
from engine.op import Op, op
from engine.ops.arithmetic import conj_of, div, mul, sub
from engine.ops.compare import eq, gt, logical_not, logical_or
from engine.ops.creation import ones_like
from engine.ops.flipping import flip
from engine.ops.gathering import gather_backward
from engine.ops.joining import cat
from engine.ops.selection import masked_fill, where
from engine.ops.unary import exp
from engine.ops.views import narrow
from engine.rules import INT64, argument, cast_bytes, refuse_dtype, with_values
from engine.sums import running_sums
from engine.tensor import check_dim


def running(op: Op, values: list[Any]) -> Estimate:
    """The rule of cumsum and cumprod: integers and bools count in int64."""
    array = values[0]
    dim = check_dim(argument(op, values, "dim"), array.ndim)
    dtype = dtypes.BY_NUMPY[array.dtype]
    asked = argument(op, values, "dtype")
    result = asked or (dtype if dtype.differentiable else dtypes.int64)
    if op.inplace_only:
        if asked not in (None, dtype):
            raise errors.dtype_mismatch(
                f"Bad in-place call: input tensor dtype {dtype.cpp_name} and output tensor dtype {asked.cpp_name} "
                "should match"
            )
        result = dtype
    refuse_dtype(op, result, (dtypes.BOOL,), f"{op.name.removesuffix('_')}_out_cpu")
    compute = result.numpy
    # sums run in the next wider dtype, as torch's do
    wide = np.dtype(accumulator(compute))
    whole = wide.itemsize * array.size if wide != compute else 0
    held = whole
    if op.name.startswith("cumsum"):
        held = max(sums.room(each, dim, wide, compute) for each in (array, Meta(array.shape, compute)))
    temporary = cast_bytes([array], compute) + held
    return Estimate(with_values(op, values, dim=dim), [(array.shape, compute)], compute, temporary, array.size)


def accumulator(dtype: Any) -> Any:
    """The dtype in which torch accumulates along a dim: double for float, float for the half types."""
    if dtype == np.float32:
        return np.float64
    return np.float32 if dtype in dtypes.HALF_TYPES else dtype


@op(running, inplace=True, rows=True)
def cumsum(input: Array, dim: int, *, dtype: Dtype = None) -> Any:
    """The running sum along a dim."""
    if not input.ndim:
        return xp.array(input)
    return running_sums(input, dim, np.dtype(accumulator(input.dtype)))


cumsum.vjp(input=lambda g, dim: sums_from(g, dim))


def sums_from(g: Any, dim: int) -> Any:
    """The sums of each element and all after it."""
    if g.ndim == 0 or g.shape[dim] <= 1:
        return g
    return flip(cumsum(flip(g, (dim,)), dim), (dim,))


def sums_of_array(g: Any, dim: int) -> Any:
    """The same of a bare array, at once from its other end."""
    if g.ndim == 0 or g.shape[dim] <= 1:
        return g
    return running_sums(g, dim, np.dtype(accumulator(g.dtype)), True)


cumsum.fused(input=lambda g, dim: sums_of_array(g, dim))


@op(running, inplace=True, rows=True)
def cumprod(input: Array, dim: int, *, dtype: Dtype = None) -> Any:
    """The running product along a dim."""
    if not input.ndim:
        return xp.array(input)
    wide = input.astype(accumulator(input.dtype), order="C")
    if arrays.backend_of(wide) is arrays.NUMPY and scans.wide_entries(wide, dim):
        return scans.by_steps(xp.multiply, wide, dim, wide)
    return xp.cumprod(wide, dim, out=wide)


cumprod.vjp(input=lambda g, input, out, dim: cumprod_backward(g, input, out, dim))


def cumprod_backward(g: Any, input: Any, out: Any, dim: int) -> Any:
    """The gradient of a running product; without a division where a factor is zero."""
    if input.ndim == 0 or input.shape[dim] <= 1:
        return g
    if not has_zero(input):
        return div(sums_from(mul(g, conj_of(out)), dim), conj_of(input))
    factors = conj_of(input)
    if not hasattr(g, "_array"):
        return around_zeros(g, factors, conj_of(out), dim)
    later = shifted_back(factors, dim)
    return mul(products_before(factors, dim), recurrence(g, later, dim, True))


def around_zeros(g: Any, factors: Any, out: Any, dim: int) -> Any:
    """The gradient as torch has it where it records nothing: by quotients up to the first zero, nothing behind it.

    With finite factors it is the same; NaN and infinities reach as far as torch lets them.
    """
    zero = eq(factors, 0)
    count = cumsum(where(zero, 1, 0), dim)
    before = div(sums_from(masked_fill(mul(g, out), gt(count, 0), 0), dim), factors)
    passed = gt(count, 1)
    later = shifted_back(masked_fill(factors, passed, 0), dim)
    at_first = mul(products_before(factors, dim), recurrence(masked_fill(g, passed, 0), later, dim, True))
    at_first = masked_fill(at_first, logical_or(passed, logical_not(zero)), 0)
    return where(eq(count, 0), before, at_first)


def has_zero(x: Any) -> bool:
    """Whether some element of an array or tensor is zero."""
    array = x._array if hasattr(x, "_array") else x
    return not bool(array.all())


def products_before(x: Any, dim: int) -> Any:
    """For each element the product of those before it."""
    if x.shape[dim] == 0:
        return x
    first = ones_like(narrow(x, dim, 0, 1))
    return cumprod(cat([first, narrow(x, dim, 0, x.shape[dim] - 1)], dim), dim)


def shifted_back(x: Any, dim: int) -> Any:
    """Each element's successor; ones at the end."""
    return cat([narrow(x, dim, 1, x.shape[dim] - 1), ones_like(narrow(x, dim, 0, 1))], dim)


def recurrence_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of recurrence."""
    array = values[0]
    return Estimate(values, [(array.shape, array.dtype)], None, 4 * array.size * array.dtype.itemsize, 4 * array.size)


@op(recurrence_rule, hidden=True)
def recurrence(input: Array, factor: Array, dim: int, reverse: bool) -> Any:
    """`out[k] = input[k] + factor[k] * out[k - 1]` along a dim; from the other end, by `out[k + 1]`, if `reverse`."""
    if not reverse:
        return scans.recurrence(input, factor, dim)
    return xp.flip(scans.recurrence(xp.flip(input, dim), xp.flip(factor, dim), dim), dim)


recurrence.vjp(
    input=lambda g, factor, dim, reverse: recurrence_adjoint(g, factor, dim, reverse),
    factor=lambda g, factor, out, dim, reverse: mul(
        recurrence_adjoint(g, factor, dim, reverse), conj_of(neighbour(out, dim, reverse))
    ),
)


def recurrence_adjoint(g: Any, factor: Any, dim: int, reverse: bool) -> Any:
    """The recurrence that runs the other way, with each factor moved to the element it came from."""
    return recurrence(g, conj_of(neighbour(factor, dim, not reverse)), dim, not reverse)


def neighbour(x: Any, dim: int, reverse: bool) -> Any:
    """The element that a recurrence takes each one's share from; zero where there is none."""
    rest = x.shape[dim] - 1
    blank = mul(narrow(x, dim, 0, 1), 0)
    blank = masked_fill(blank, eq(blank, blank) == 0, 0)
    return cat([narrow(x, dim, 1, rest), blank] if reverse else [blank, narrow(x, dim, 0, rest)], dim)


def logcumsumexp_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of logcumsumexp: floating and complex."""
    array = values[0]
    dim = check_dim(values[1], array.ndim)
    refuse_dtype(op, dtypes.BY_NUMPY[array.dtype], (dtypes.BOOL, dtypes.INTEGRAL), "logcumsumexp_out_cpu")
    itemsize, length = array.dtype.itemsize, array.shape[dim] if array.ndim else 1
    width = 8 if itemsize == 2 else 0
    if array.dtype.kind == "c":  # step by step, in a copy that has the dim first
        width = itemsize + 12 * itemsize // max(length, 1)
    return Estimate([array, dim], [(array.shape, array.dtype)], None, width * array.size, 20 * array.size)


@op(logcumsumexp_rule, rows=True)
def logcumsumexp(input: Array, dim: int) -> Any:
    """The logarithm of the running sum of exponentials along a dim."""
    if input.ndim == 0 or input.size == 0:
        return xp.array(input)
    if input.dtype.kind == "c":
        return scans.stepped(add_logs, input, dim)
    wide = widened(input)
    return scans.accumulated(xp.logaddexp, wide, dim)


def add_logs(a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)) of complex numbers, from the one with the larger real part."""
    first = a.real >= b.real
    high, low = xp.where(first, a, b), xp.where(first, b, a)
    same = ~xp.isfinite(low.real) & (low.real == high.real)
    share = xp.exp(low - high)
    x, y = share.real, share.imag
    sum_ = high + (0.5 * xp.log1p(x * (x + 2) + y * y) + 1j * xp.arctan2(y, 1 + x)).astype(a.dtype)
    at_infinity = xp.where(low.real < 0, low, xp.log(xp.exp(low) + xp.exp(high)))
    return xp.where(xp.isnan(a) | xp.isnan(b), a + b + xp.nan * (1 + 1j), xp.where(same, at_infinity, sum_))


logcumsumexp.vjp(input=lambda g, input, out, dim: logcumsumexp_backward(g, input, out, dim))


def logcumsumexp_backward(g: Any, input: Any, out: Any, dim: int) -> Any:
    """The gradient: each element's share in each later sum, by ratios that never overflow."""
    if input.ndim == 0 or input.shape[dim] == 0:
        return g
    own = conj_of(exp(sub(input, out)))  # where all so far is -inf: NaN, as torch's
    if input.shape[dim] == 1:
        return mul(g, own)
    rest = input.shape[dim] - 1
    before, after = narrow(out, dim, 0, rest), narrow(out, dim, 1, rest)
    none = logical_or(eq(before, float("-inf")), eq(after, float("inf")))  # what is infinite gives nothing back
    ratio = conj_of(masked_fill(exp(sub(before, after)), none, 0))
    factor = cat([ratio, ones_like(narrow(out, dim, 0, 1))], dim)
    return mul(own, recurrence(g, factor, dim, True))


def running_extremum(op: Op, values: list[Any]) -> Estimate:
    """The rule of cummax and cummin: values and the int64 indices where they stand."""
    array = values[0]
    if not array.ndim and values[1] not in (0, -1):
        raise errors.bad_index(f"{op.name}(): Expected reduction dim -1 or 0 for scalar but got {values[1]}")
    dim = check_dim(values[1], array.ndim)
    if array.ndim:
        refuse_dtype(op, dtypes.BY_NUMPY[array.dtype], (dtypes.COMPLEX,), f"{op.name}_cpu")
    length = array.shape[dim] if array.ndim else 1
    held = (17 if array.dtype in dtypes.HALF_TYPES else 9) * array.size + 8 * length
    return Estimate([array, dim], [(array.shape, array.dtype), (array.shape, INT64)], None, held, 3 * array.size)


def extremum_along(combine: Any, input: Any, dim: int) -> Any:
    """The running extremum and the last place it was met (of NaN, the last one)."""
    if input.ndim == 0:
        return xp.array(input), xp.zeros((), xp.int64)
    wide = widened(input)
    values = scans.accumulated(combine, wide, dim)
    hits = (wide == values) | (wide != wide)
    places = xp.arange(input.shape[dim]).reshape((-1,) + (1,) * (input.ndim - 1 - dim))
    return values, scans.accumulated(xp.maximum, xp.where(hits, places, 0), dim)


PAIR: dict[str, Any] = {"outputs": ("values", "indices"), "differentiable": ("values",)}


@op(running_extremum, **PAIR, rows=True)
def cummax(input: Array, dim: int) -> Any:
    """The running maximum along a dim, and where it stands."""
    return extremum_along(xp.maximum, input, dim)


cummax.vjp(input=lambda g, indices, input, dim: gather_backward(g[0], input.shape, dim, indices))


@op(running_extremum, **PAIR, rows=True)
def cummin(input: Array, dim: int) -> Any:
    """The running minimum along a dim, and where it stands."""
    return extremum_along(xp.minimum, input, dim)


cummin.vjp(input=lambda g, indices, input, dim: gather_backward(g[0], input.shape, dim, indices))
