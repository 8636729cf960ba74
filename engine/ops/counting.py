"""Counting: bins, histograms, distinct values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Data, Number
from engine.op import Op, op
from engine.ops.arithmetic import NOT_THERE
from engine.rules import INT64, LARGEST_DOUBLE, check_number
from engine.tensor import check_dim

FLOAT64 = np.dtype(np.float64)


def told(op: Op, array: Any) -> Any:
    """The array itself.

    Raises NotImplementedError where only its shape is known: the size of the result depends on values.
    """
    if isinstance(array, Meta):
        raise errors.coded(
            NotImplementedError, "not_implemented", f"{op.name}(): the size of the result depends on values"
        )
    return array


def bincount_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of bincount: a bin for each number up to the largest."""
    array, weights, minlength = values
    if array.dtype.kind in "bfcV":
        raise errors.not_implemented_for("bincount_cpu", dtypes.BY_NUMPY[array.dtype].type_name)
    if minlength < 0:
        raise errors.bad_argument("minlength should be >= 0")
    told(op, array)
    if array.ndim != 1 or (array.size and int(array.min()) < 0):
        raise errors.bad_argument("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.shape != array.shape:
        raise errors.shape_mismatch("weights should be 1-d and have the same length as input")
    bins = max(int(array.max()) + 1 if array.size else 0, minlength)
    dtype = INT64 if weights is None or not array.size else FLOAT64 if weights.dtype != xp.float32 else weights.dtype
    return Estimate([array, weights, minlength], [((bins,), dtype)], None, 16 * array.size + 8 * bins, array.size)


@op(bincount_rule)
def bincount(input: Array, weights: Array | None = None, minlength: int = 0) -> Any:
    """How often each number occurs, or the sum of its weights."""
    if input.size == 0:
        return xp.zeros(minlength, xp.int64)
    numbers = input.astype(xp.int64)
    return xp.bincount(numbers, None if weights is None else arrays.cast(weights, FLOAT64), minlength)


def histc_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of histc: floating input, `bins` counts of its dtype."""
    array, bins, low, high = values
    dtype = dtypes.BY_NUMPY[array.dtype]
    if bins <= 0:
        raise errors.bad_argument(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if isinstance(low, complex) or isinstance(high, complex):
        raise errors.bad_argument("value cannot be converted to type double without overflow")
    if dtype.is_floating_point:
        check_number(low, array.dtype)
        check_number(high, array.dtype)
    if low > high:
        raise errors.bad_argument("torch.histc: max must be larger than min")
    if not dtype.is_floating_point:
        kernel = "aminmax" if dtype.is_complex and low == high else "linspace" if dtype is dtypes.bool_ else "histogram"
        raise errors.not_implemented_for(f"{kernel}_cpu", dtype.type_name)
    if low == high and array.size and not isinstance(array, Meta):
        low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise errors.bad_argument(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low == high:
        low, high = low - 1, high + 1
    return Estimate([array, bins, low, high], [((bins,), array.dtype)], None, 40 * array.size, 10 * array.size)


@op(histc_rule)
def histc(input: Array, bins: int = 100, min: Number = 0, max: Number = 0) -> Any:
    """The count of elements in `bins` equal parts of a range: that of the elements where both ends are equal."""
    input = widened(input)
    inside = input[(input >= min) & (input <= max)]
    places = ((inside - min) * (bins / (max - min))).astype(xp.int64)
    return xp.bincount(xp.minimum(places, bins - 1), minlength=bins)


def histogram_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of histogram over equal bins: the range of the elements unless told."""
    array, bins, span, weight, _ = values
    check_histogram(array, weight)
    if bins <= 0:
        raise errors.bad_argument(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    check_span(span)
    low, high = span or (0.0, 0.0)
    if span is None and array.size and not isinstance(array, Meta):
        low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise errors.bad_argument(f"torch.histogramdd: dimension 0's range [{low:g}, {high:g}] is not finite")
    if low > high:
        raise errors.bad_argument(
            f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension 0"
        )
    if low == high:
        low, high = (0.0, 1.0) if span is None and not array.size else (low - 0.5, high + 0.5)
    values = [array, bins, (low, high), weight, values[4]]
    return Estimate(values, [((bins,), array.dtype), ((bins + 1,), array.dtype)], None, 40 * array.size)


def check_span(span: Any) -> None:
    """Raise TypeError for a range that is no list of numbers, RuntimeError for one of other than two."""
    if span is None:
        return
    if not isinstance(span, (list, tuple)):
        raise errors.bad_type(f"histogram(): argument 'range' must be tuple of floats, not {type(span).__name__}")
    for at, each in enumerate(span, 1):
        if not isinstance(each, (int, float)) or (isinstance(each, int) and abs(each) > LARGEST_DOUBLE):
            kind = type(each).__name__
            raise errors.bad_type(
                f"histogram(): argument 'range' must be tuple of floats, but found element of type {kind} at pos {at}"
            )
    if len(span) != 2:
        raise errors.bad_argument(
            f"torch.histogramdd: for a 1-dimensional histogram range should have 2 elements, but got {len(span)}"
        )


def check_histogram(array: Any, weight: Any) -> None:
    """Raise unless the input is float or double, and weights have its shape and dtype."""
    dtype = dtypes.BY_NUMPY[array.dtype]
    if dtype not in (dtypes.float32, dtypes.float64):
        raise errors.not_implemented_for("histogramdd", dtype.type_name)
    if weight is not None and weight.dtype != array.dtype:
        raise errors.dtype_mismatch(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype"
        )
    if weight is not None and weight.shape != array.shape:
        raise errors.shape_mismatch(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {[array.size, 1]} and weight with shape "
            f"{list(weight.shape)}"
        )


def filled_bins(input: Any, edges: Any, weight: Any, density: bool) -> tuple[Any, Any]:
    """The counts or sums of weights between edges, as densities if asked, and the edges."""
    if edges.size == 1:
        return xp.zeros(0, input.dtype), edges
    flat = input.reshape(-1)
    inside = (flat >= edges[0]) & (flat <= edges[-1])
    places = xp.minimum(xp.searchsorted(edges, flat[inside], "right") - 1, edges.size - 2)
    shares = None if weight is None else weight.reshape(-1)[inside].astype(xp.float64)
    counts = xp.bincount(places, shares, edges.size - 1).astype(input.dtype)
    return (counts / counts.sum() / xp.diff(edges) if density else counts), edges


OUTPUTS: dict[str, Any] = {"outputs": ("hist", "bin_edges"), "node": NOT_THERE}


@op(histogram_rule, **OUTPUTS)
def histogram(
    input: Array, bins: int = 100, *, range: Data = None, weight: Array | None = None, density: bool = False
) -> Any:
    """The count of elements in equal bins, and the edges of these."""
    edges = xp.linspace(range[0], range[1], bins + 1).astype(input.dtype)
    return filled_bins(input, edges, weight, density)


def edges_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of histogram over given edges."""
    array, bins, weight, _ = values
    check_histogram(array, weight)
    if bins.dtype != array.dtype:
        raise errors.dtype_mismatch("torch.histogramdd: input tensor and bins tensors should have the same dtype")
    if bins.ndim == 1 and bins.size == 1:
        raise errors.bad_argument("torch.histogram(): bins must be > 0, but got 0 for dimension 0")
    if bins.ndim != 1 or not bins.size:
        raise errors.shape_mismatch(
            f"torch.histogramdd: bins tensor should have one dimension, but got {bins.ndim} dimensions in the bins "
            "tensor for dimension 0"
        )
    outputs = [((bins.size - 1,), array.dtype), (bins.shape, array.dtype)]
    return Estimate(values, outputs, None, 40 * array.size + 16 * bins.size)


@op(edges_rule, name="histogram", **OUTPUTS)
def histogram_edges(input: Array, bins: Array, *, weight: Array | None = None, density: bool = False) -> Any:
    """The count of elements between given edges, and these."""
    return filled_bins(input, xp.array(bins), weight, density)


def no_histogram_derivative(g: Any) -> Any:
    """torch has no derivative of histogram."""
    raise errors.underived("histogram")


histogram.vjp(input=no_histogram_derivative)
histogram_edges.vjp(input=no_histogram_derivative)

# -- distinct values -------------------------------------------------------------------------------------------------


def distinct_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of unique: the most there can be, since the size of the result depends on values."""
    array, dim = told(op, values[0]), values[1]
    if array.dtype.kind == "c":
        raise errors.not_implemented_for("unique", dtypes.BY_NUMPY[array.dtype].type_name)
    count = array.size
    if dim is not None:
        if not array.ndim:
            raise errors.bad_index(f"Dimension specified as {dim} but tensor has no dimensions")
        dim = check_dim(dim, array.ndim)
        others = [size for at, size in enumerate(array.shape) if at != dim]
        count = array.shape[dim]
        if 0 in others and count:
            raise errors.bad_argument(
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
            )
    place = array.shape if dim is None else (count,)
    outputs = [(array.shape if dim is not None else (count,), array.dtype), (place, INT64), ((count,), INT64)]
    return Estimate([array, dim], outputs, None, 5 * array.size * max(8, array.dtype.itemsize), 30 * array.size)


DISTINCT: dict[str, Any] = {
    "outputs": ("output", "inverse", "counts"), "differentiable": ("output",), "hidden": True, "returns_list": True,
}  # fmt: skip


def distinct(input: Any, dim: int | None) -> Any:
    """The distinct values in order (NaN is like no other), where each element's stands, how often each occurs."""
    if input.size == 0:
        shape = tuple(input.shape) if dim is not None else (0,)
        place = input.shape if dim is None else (input.shape[dim],)
        return xp.zeros(shape, input.dtype), xp.zeros(place, xp.int64), xp.zeros(shape[dim or 0], xp.int64)
    wide = widened(input)
    axis = dim if input.ndim else None
    values, inverse, counts = xp.unique(wide, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    return values, inverse.reshape(input.shape if dim is None else -1), counts


@op(distinct_rule, node="Unique2Backward0", **DISTINCT)
def distinct_values(input: Array, dim: int | None) -> Any:
    """The distinct elements."""
    return distinct(input, dim)


@op(distinct_rule, node="UniqueDimBackward0", **DISTINCT)
def distinct_entries(input: Array, dim: int | None) -> Any:
    """The distinct entries along a dim."""
    return distinct(input, dim)


@op(distinct_rule, node="UniqueConsecutiveBackward0", **DISTINCT)
def distinct_runs(input: Array, dim: int | None) -> Any:
    """The first of each run of equal elements, or of equal entries along a dim."""
    moved = input.reshape(-1) if dim is None else xp.moveaxis(input, dim, 0) if input.ndim else input.reshape(1)
    if moved.shape[0] == 0:
        return distinct(input, dim)
    rows = moved.reshape(moved.shape[0], -1)
    first = xp.concatenate([xp.ones(1, bool), (rows[1:] != rows[:-1]).any(1)])
    starts = xp.flatnonzero(first)
    values = moved[starts] if dim is None or not input.ndim else xp.moveaxis(moved[starts], 0, dim)
    inverse = xp.cumsum(first) - 1
    counts = xp.diff(xp.append(starts, moved.shape[0]))
    return values, inverse.reshape(input.shape) if dim is None else inverse, counts


def refused(name: str) -> Any:
    """torch has no derivative of unique, by any of its names."""
    raise errors.not_differentiable(f"the derivative for '{name}' is not implemented.")


distinct_values.vjp(input=lambda g: refused("_unique2"))
distinct_entries.vjp(input=lambda g: refused("unique_dim"))
distinct_runs.vjp(input=lambda g: refused("unique_consecutive"))


def chosen(parts: Any, inverse: bool, counts: bool) -> Any:
    """The values alone, or with what else was asked for."""
    wanted = [parts[0]] + [parts[1]] * inverse + [parts[2]] * counts
    return wanted[0] if len(wanted) == 1 else tuple(wanted)


@op(composed, composite=True)
def unique(
    input: Array,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements (or entries along a dim) in order; where each stands, and how often, if asked."""
    parts = distinct_values(input, None) if dim is None else distinct_entries(input, dim)
    return chosen(parts, return_inverse, return_counts)


@op(composed, composite=True)
def unique_consecutive(
    input: Array, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or entries along a dim) without repetitions of the one before."""
    return chosen(distinct_runs(input, dim), return_inverse, return_counts)
