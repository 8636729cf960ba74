"""Reductions and normalisations of the elements that a mask lets in: `torch.masked`.

Masked-out elements are replaced by what leaves the result alone (0 in a sum, 1 in a product, an infinity in an
extremum); then the plain op follows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.infer import composed
from engine.kinds import Array, Dims, Dtype, Number, Truth
from engine.op import op
from engine.ops.activations import softmin
from engine.ops.arithmetic import conj_of, div, mul, sub
from engine.ops.copies import to_copy
from engine.ops.creation import full_like
from engine.ops.extremes import maximum
from engine.ops.nn import log_softmax, softmax
from engine.ops.ordering import nanmedian_dim
from engine.ops.pairs import logaddexp
from engine.ops.properties import dtype_of
from engine.ops.reduction import amax, amin, any, argmax, argmin, sum_dim, vector_norm
from engine.ops.scans import cumprod, cumsum
from engine.ops.selection import where
from engine.ops.statistics import logsumexp, prod_dim
from engine.ops.unary import isnan, sqrt
from engine.ops.views import expand

MASKED: dict[str, Any] = {"namespace": "masked", "composite": True}
SMALL = frozenset((dtypes.bool_, dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32))


# -- masks and what stands in the place of the elements they leave out -------------------------------------------------


def as_dtype(x: Any, dtype: dtypes.DType | None) -> Any:
    """The tensor in another dtype; itself if it has it."""
    return x if dtype is None or dtype_of(x) is dtype else to_copy(x, dtype, None)


def mask_of(input: Any, mask: Any) -> Any:
    """The mask as bools of the input's shape.

    Raises IndexError for one of more dims, RuntimeError for one that does not broadcast to the input.
    """
    if tuple(mask.shape) != tuple(input.shape):
        if len(mask.shape) > len(input.shape):
            raise errors.bad_index(
                "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)"
            )
        mask = expand(mask, tuple(input.shape))
    return as_dtype(mask, dtypes.bool_)


def masked(input: Any, mask: Any, identity: Any) -> Any:
    """The input with `identity` where the mask does not hold."""
    if mask is None:
        return input
    return where(mask_of(input, mask), input, bool(identity) if dtype_of(input) is dtypes.bool_ else identity)


def bottom(input: Any, name: str, sign: int = 1) -> Any:
    """The least value of the input's dtype, or the greatest (`sign=-1`).

    Raises NotImplementedError for bools and TypeError for complex numbers, which have none.
    """
    dtype = dtype_of(input)
    if dtype.is_floating_point:
        return -sign * math.inf
    if dtype.category == dtypes.INTEGRAL:
        info = np.iinfo(dtype.numpy)
        return int(info.min if sign > 0 else info.max)
    if dtype.is_complex:
        raise errors.bad_type("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
    text = f"identity of {name} on torch.{dtype.name} input"
    raise errors.coded(NotImplementedError, "dtype_mismatch", text)


def canonical(dim: Any, ndim: int) -> tuple[int, ...]:
    """The dims in order, counted from the front; all of them for None or none.

    Raises RuntimeError for a repeated dim, IndexError out of range.
    """
    if dim is None or dim == ():
        return tuple(range(ndim))
    dims: list[int] = []
    for each in (dim,) if isinstance(dim, int) else dim:
        if each in dims:
            raise errors.bad_argument(f"dim={each} appears multiple times in the list of dims")
        if not -max(ndim, 1) <= each < max(ndim, 1):
            raise errors.dim_out_of_range(each, ndim)
        dims.append(each % max(ndim, 1))
    return tuple(sorted(dims))


def summed(input: Any, dim: Any, keepdim: bool, dtype: Any, mask: Any) -> Any:
    """The kernel of masked.sum."""
    if dtype is None:
        dtype = dtypes.int64 if dtype_of(input) in SMALL else dtype_of(input)
    return sum_dim(masked(input, mask, 0), canonical(dim, len(input.shape)), keepdim, dtype=dtype)


def count_of(input: Any, dim: Any, keepdim: bool, mask: Any) -> Any:
    """How many elements the mask lets in: a number without one."""
    if mask is None:
        return math.prod(tuple(input.shape)[at] for at in canonical(dim, len(input.shape)) if input.shape)
    return sum_dim(mask_of(input, mask), canonical(dim, len(input.shape)), keepdim, dtype=dtypes.int64)


# -- reductions -------------------------------------------------------------------------------------------------------


@op(composed, name="sum", **MASKED)
def masked_sum(
    input: Array, dim: Dims | None = None, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The sum of the elements that the mask lets in."""
    return summed(input, dim, keepdim, dtype, mask)


@op(composed, name="prod", **MASKED)
def masked_prod(
    input: Array, dim: Dims | None = None, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The product of the elements that the mask lets in."""
    if dtype is None and dtype_of(input) in SMALL:
        dtype = dtypes.int64
    made = as_dtype(masked(input, mask, 1), dtype)
    for each in reversed(canonical(dim, len(input.shape))):
        made = prod_dim(made, each, keepdim)
    return made


@op(composed, name="amax", **MASKED)
def masked_amax(
    input: Array, dim: Dims | None = None, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The largest element that the mask lets in."""
    shown = input if mask is None else masked(input, mask, bottom(input, "amax"))
    return as_dtype(amax(shown, canonical(dim, len(input.shape)), keepdim), dtype)


@op(composed, name="amin", **MASKED)
def masked_amin(
    input: Array, dim: Dims | None = None, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The smallest element that the mask lets in."""
    shown = input if mask is None else masked(input, mask, bottom(input, "amin", -1))
    return as_dtype(amin(shown, canonical(dim, len(input.shape)), keepdim), dtype)


@op(composed, name="argmax", **MASKED)
def masked_argmax(
    input: Array, dim: int | None = None, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The place of the largest element that the mask lets in, in the input's dtype unless one is asked for."""
    shown = input if mask is None else masked(input, mask, bottom(input, "argmax"))
    return as_dtype(argmax(shown, dim, keepdim), dtype or dtype_of(input))


@op(composed, name="argmin", **MASKED)
def masked_argmin(
    input: Array, dim: int | None = None, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The place of the smallest element that the mask lets in, in the input's dtype unless one is asked for."""
    shown = input if mask is None else masked(input, mask, bottom(input, "argmin", -1))
    return as_dtype(argmin(shown, dim, keepdim), dtype or dtype_of(input))


@op(composed, name="mean", **MASKED)
def masked_mean(
    input: Array, dim: Dims | None = None, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The mean of the elements that the mask lets in; NaN where there is none."""
    chosen, source = (dtype_of(input), "Input") if dtype is None else (dtype, "Optional")
    if not chosen.differentiable:
        raise errors.bad_value(
            f"mean(): Could not infer output dtype. {source} dtype must be either a floating point or complex dtype. "
            f"Got: torch.{chosen.name}"
        )
    return div(summed(input, dim, keepdim, chosen, mask), count_of(input, dim, keepdim, mask))


@op(composed, name="median", **MASKED)
def masked_median(
    input: Array, dim: int = -1, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The lower median of the elements that the mask lets in; NaN where there is none.

    Raises ValueError where integers would need a NaN.
    """
    given = dtype_of(input)
    floating = input if given.is_floating_point else to_copy(input, dtypes.float32, None)
    made = nanmedian_dim(masked(floating, mask, math.nan), canonical(dim, len(input.shape))[0], keepdim)[0]
    if given.is_floating_point:
        return made
    if hasattr(made, "_array") and any(isnan(made)):
        raise errors.bad_value("masked median expects no fully masked out rows if dtype is not floating point")
    return as_dtype(made, dtype or given)


@op(composed, name="logsumexp", **MASKED)
def masked_logsumexp(
    input: Array, dim: Dims | None = None, *, keepdim: Truth = False, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The logarithm of the sum of exponentials of the elements that the mask lets in."""
    low = -math.inf if dtype_of(input).is_complex else None if mask is None else bottom(input, "logsumexp")
    made = logsumexp(masked(input, mask, low), canonical(dim, len(input.shape)), keepdim)
    return as_dtype(made, dtype or dtype_of(input))


@op(composed, name="norm", **MASKED)
def masked_norm(
    input: Array,
    ord: Number | None = 2.0,
    dim: Dims | None = None,
    *,
    keepdim: Truth = False,
    dtype: Dtype = None,
    mask: Array | None = None,
) -> Any:
    """The vector norm of the elements that the mask lets in."""
    order = 2.0 if ord is None else ord
    shown = masked(input, mask, math.inf if order == -math.inf else 0)
    return vector_norm(shown, order, canonical(dim, len(input.shape)), keepdim, dtype=dtype or dtype_of(input))


@op(composed, name="var", **MASKED)
def masked_var(
    input: Array,
    dim: Dims | None = None,
    unbiased: bool | None = None,
    *,
    correction: Number | None = None,
    keepdim: Truth = False,
    dtype: Dtype = None,
    mask: Array | None = None,
) -> Any:
    """The variance of the elements that the mask lets in; NaN where there are too few."""
    return deviation(input, dim, unbiased, correction, keepdim, dtype, mask, False)


@op(composed, name="std", **MASKED)
def masked_std(
    input: Array,
    dim: Dims | None = None,
    unbiased: bool | None = None,
    *,
    correction: Number | None = None,
    keepdim: Truth = False,
    dtype: Dtype = None,
    mask: Array | None = None,
) -> Any:
    """The standard deviation of the elements that the mask lets in; NaN where there are too few."""
    return deviation(input, dim, unbiased, correction, keepdim, dtype, mask, True)


def deviation(
    input: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool, dtype: Any, mask: Any, root: bool
) -> Any:
    """The kernel of masked.var and masked.std."""
    if unbiased is not None and correction is not None:
        raise errors.coded(AssertionError, "bad_argument", "Only one of unbiased and correction may be given")
    if isinstance(correction, complex):
        raise errors.bad_type("float() argument must be a string or a real number, not 'complex'")
    less = float(correction if correction is not None else unbiased is None or unbiased)
    given = dtype_of(input)
    result = dtype or (given if given.differentiable else dtypes.float32)
    compute = result if result.differentiable else dtypes.float32
    mean = div(summed(input, dim, True, result, mask), count_of(input, dim, True, mask))
    away = sub(input, mean)
    total = summed(mul(away, conj_of(away)), dim, keepdim, compute, mask)
    made = as_dtype(div(total, freedom_of(input, dim, keepdim, mask, less, compute)), result)
    return sqrt(made) if root else made


def freedom_of(input: Any, dim: Any, keepdim: bool, mask: Any, less: float, compute: dtypes.DType) -> Any:
    """The count less the correction, 0 at least."""
    count = count_of(input, dim, keepdim, mask)
    if mask is None:
        return max(count - less, 0.0) if less else count
    if not less:
        return count
    count = sub(to_copy(count, compute.to_real(), None), less)
    return maximum(count, full_like(count, 0.0))


# -- along one dim ----------------------------------------------------------------------------------------------------


@op(composed, name="cumsum", **MASKED)
def masked_cumsum(input: Array, dim: int, *, dtype: Dtype = None, mask: Array | None = None) -> Any:
    """The running sum of the elements that the mask lets in."""
    chosen = dtype or dtype_of(input)
    return as_dtype(cumsum(masked(input, mask, 0), canonical(dim, len(input.shape))[0], dtype=chosen), chosen)


@op(composed, name="cumprod", **MASKED)
def masked_cumprod(input: Array, dim: int, *, dtype: Dtype = None, mask: Array | None = None) -> Any:
    """The running product of the elements that the mask lets in."""
    chosen = dtype or dtype_of(input)
    return as_dtype(cumprod(masked(input, mask, 1), canonical(dim, len(input.shape))[0], dtype=chosen), chosen)


@op(composed, name="softmax", **MASKED)
def masked_softmax(input: Array, dim: int, *, dtype: Dtype = None, mask: Array | None = None) -> Any:
    """softmax over the elements that the mask lets in; 0 elsewhere."""
    shown = input if mask is None else masked(input, mask, bottom(input, "amax"))
    return softmax(shown, canonical(dim, len(input.shape))[0], dtype=dtype or dtype_of(input))


@op(composed, name="log_softmax", **MASKED)
def masked_log_softmax(input: Array, dim: int, *, dtype: Dtype = None, mask: Array | None = None) -> Any:
    """log_softmax over the elements that the mask lets in; -inf elsewhere."""
    shown = input if mask is None else masked(input, mask, bottom(input, "amax"))
    return log_softmax(shown, canonical(dim, len(input.shape))[0], dtype=dtype or dtype_of(input))


@op(composed, name="softmin", **MASKED)
def masked_softmin(input: Array, dim: int, *, dtype: Dtype = None, mask: Array | None = None) -> Any:
    """softmin over the elements that the mask lets in; 0 elsewhere."""
    shown = input if mask is None else masked(input, mask, bottom(input, "amin", -1))
    return softmin(shown, canonical(dim, len(input.shape))[0], dtype=dtype or dtype_of(input))


@op(composed, name="normalize", **MASKED)
def masked_normalize(
    input: Array, ord: Number, dim: int, *, eps: float = 1e-12, dtype: Dtype = None, mask: Array | None = None
) -> Any:
    """The elements that the mask lets in over their norm along a dim, but `eps` at least; 0 elsewhere."""
    norm = masked_norm(input, ord, (dim,), keepdim=True, dtype=dtype, mask=mask)
    return div(masked(input, mask, 0), maximum(norm, full_like(norm, eps)))


# -- of two tensors ---------------------------------------------------------------------------------------------------


@op(composed, name="logaddexp", **MASKED)
def masked_logaddexp(
    input: Array,
    other: Array,
    *,
    dtype: Dtype = None,
    input_mask: Array | None = None,
    other_mask: Array | None = None,
) -> Any:
    """logaddexp of the elements that both masks let in; the other one where one does not."""
    pair = [
        each if mask is None else masked(each, mask, bottom(each, "logaddexp"))
        for each, mask in ((input, input_mask), (other, other_mask))
    ]
    return as_dtype(logaddexp(*pair), dtype or dtype_of(input))
