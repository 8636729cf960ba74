"""Quantiles: between the sorted elements, with or without NaN."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.arrays import backend_of, xp
from engine.infer import Meta, composed
from engine.kinds import Array
from engine.op import op
from engine.ops.arithmetic import mul, sub
from engine.ops.gathering import gather
from engine.ops.ordering import sort
from engine.ops.selection import masked_fill
from engine.ops.views import reshape, squeeze_product, transpose, unsqueeze
from engine.rules import elementwise
from engine.tensor import check_dim, wrap


@op(elementwise(), hidden=True, node="LerpBackward1")
def between(start: Array, end: Array, weight: Array) -> Any:
    """The value a share of the way from `start` to `end`, exact at both."""
    way = end - start
    return xp.where(weight < 0.5, start + weight * way, end - way * (1 - weight))


between.vjp(
    start=lambda g, weight: sub(g, mul(g, weight)),
    end=lambda g, weight: mul(g, weight),
    weight=lambda g, start, end: mul(g, sub(end, start)),
)

WAYS = ("linear", "lower", "higher", "midpoint", "nearest")


def check_quantile(input: Any, q: Any, interpolation: str) -> None:
    """Raise RuntimeError with torch's texts for arguments that do not fit."""
    if 0 in tuple(input.shape):
        raise errors.bad_argument("quantile() input tensor must be non-empty")
    if input.dtype.name not in ("float32", "float64"):
        raise errors.dtype_mismatch("quantile() input tensor must be either float or double dtype")
    if hasattr(q, "shape"):
        if len(q.shape) > 1:
            raise errors.shape_mismatch("quantile() q must be a scalar or 1D tensor")
        if q.dtype.name != input.dtype.name:
            raise errors.dtype_mismatch("quantile() q tensor must be same dtype as the input tensor")
        array = getattr(q, "_array", None)
        if array is not None and array.size and not bool(((array >= 0) & (array <= 1)).all()):
            raise errors.bad_argument("quantile() q values must be in the range [0, 1]")
    elif not 0 <= q <= 1:
        raise errors.bad_argument(f"quantile() q must be in the range [0, 1] but got {q:g}")
    if interpolation not in WAYS:
        raise errors.bad_argument(
            f"quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation!s:.64}"
        )


def quantiles(input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool) -> Any:
    """The body of quantile and nanquantile."""
    shape = tuple(input.shape)
    at = 0 if dim is None else check_dim(dim, len(shape))
    check_quantile(input, q, interpolation)
    one = not hasattr(q, "shape") or not len(q.shape)
    kept = (1,) * len(shape) if dim is None else (*shape[:at], 1, *shape[at + 1 :])[: len(shape)]
    gone = () if dim is None else (*shape[:at], *shape[at + 1 :])
    result = (() if one else (q.shape[0],)) + (kept if keepdim else gone)
    if isinstance(input, Meta):
        return Meta(result, input.dtype)
    lines = reshape(input, (-1,)) if dim is None or not shape else input
    ordered = transpose(sort(lines, at)[0], at, len(lines.shape) - 1)
    made = at_ranks(ordered, q, interpolation, skip_nan)
    last = len(made.shape) - 1
    if one:
        made = transpose(made, at, last)
    else:
        made = transpose(transpose(unsqueeze(made, 0), 0, last + 1), at + 1, last + 1)
    if keepdim or not shape:
        return squeeze_product(reshape(made, (*result, 1)), len(result))
    return squeeze_product(made, at if one else at + 1)


def at_ranks(ordered: Any, q: Any, interpolation: str, skip_nan: bool) -> Any:
    """The elements at the ranks that `q` gives along the last dim, sorted; a last dim holds one for each."""
    array, last = ordered._array, len(ordered.shape) - 1
    xp = backend_of(array).xp
    shares = reshape(q, (-1,)) if hasattr(q, "_array") else wrap(xp.asarray([q], dtype=array.dtype))
    count = (array == array).sum(-1, keepdims=True)
    size = array.shape[-1]
    top = xp.maximum(count - 1, 0) if skip_nan else xp.full(count.shape, size - 1)
    ranks = mul(shares, wrap(top.astype(array.dtype)))
    if not skip_nan and bool((count < size).any()):
        ranks = masked_fill(ranks, wrap(count < size), size - 1)  # NaN stands last and is the result there
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": xp.floor, "higher": xp.ceil, "nearest": xp.rint}[interpolation](ranks._array)
        return gather(ordered, last, wrap(rounded.astype(xp.int64)))
    low, high = xp.floor(ranks._array), xp.ceil(ranks._array)
    below, above = (gather(ordered, last, wrap(each.astype(xp.int64))) for each in (low, high))
    if interpolation == "midpoint":
        return between(below, above, wrap(xp.full(low.shape, 0.5, array.dtype)))
    return between(below, above, sub(ranks, wrap(low)))


def declare(name: str, skip_nan: bool, doc: str) -> None:
    """Declare a quantile with its two overloads: for one share, and for a tensor of them."""

    def by_tensor(
        input: Array, q: Array, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Any:
        return quantiles(input, q, dim, keepdim, interpolation, skip_nan)

    def by_number(
        input: Array, q: float, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Any:
        return quantiles(input, q, dim, keepdim, interpolation, skip_nan)

    for kernel in (by_tensor, by_number):
        kernel.__doc__ = doc
        op(composed, name=name, composite=True)(kernel)


declare("quantile", False, "The elements below which shares `q` of all lie, along a dim; NaN if there is one.")
declare("nanquantile", True, "The elements below which shares `q` of those lie that are not NaN, along a dim.")
