"""Sorting, and what is told from the order: the k largest, medians, the most frequent value."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, dtypes, errors, scans, ties
from engine.arrays import unsqueezed, widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.gathering import pick_backward, taken
from engine.ops.reduction import evenly, selected
from engine.rules import INT64, argument, moved_bytes, reduced_shape, refuse_dtype, with_values
from engine.tensor import check_dim

PAIR: dict[str, Any] = {"outputs": ("values", "indices"), "differentiable": ("values",)}


def sort_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of sort and argsort."""
    array = values[0]
    dim = check_dim(argument(op, values, "dim"), array.ndim)
    if array.dtype.kind == "c":
        raise errors.dtype_mismatch(" Sort does not support complex dtypes on CPU")
    outputs = [(array.shape, array.dtype), (array.shape, INT64)][-len(op.outputs) :]
    # beside the order, the places of the elements in memory; for argsort the order in the input's layout
    width = 8 if len(op.outputs) > 1 else order_width(array, argument(op, values, "descending"))
    if width < 8 and moved_bytes(array, None):
        width = 8
    held = width * array.size + line_bytes(array, dim)
    return Estimate(with_values(op, values, dim=dim), outputs, None, held, 20 * array.size)


def order_width(array: Any, descending: bool) -> int:
    """The bytes for each element that `order_of` holds beside the order."""
    if array.dtype.itemsize == 8:
        return 8 if descending else 0
    if array.dtype in dtypes.HALF_TYPES:
        return 10
    return 5 if array.dtype.kind == "f" else 0


def line_bytes(array: Any, dim: int) -> int:
    """The bytes held for one line: in which a stable sort merges, the places in it, and its copy if it is scattered."""
    if not array.ndim:
        return 0
    scattered = dim < array.ndim - 1 or moved_bytes(array, None)
    return int((8 + 16 * bool(scattered)) * array.shape[dim])


def order_of(input: Any, dim: int, descending: bool) -> Any:
    """The stable order of the elements along a dim; NaN counts as the largest."""
    keys = widened(input)
    if keys.dtype.itemsize <= 4 and keys.ndim and keys.shape[dim] < 2**31:
        return packed_order(keys, dim, descending)
    if not descending:
        return xp.argsort(keys, dim, kind="stable")
    back = xp.argsort(xp.flip(keys, dim), dim, kind="stable")
    return input.shape[dim] - 1 - xp.flip(back, dim)  # read backwards twice, so that equal ones keep their order


def packed_order(keys: Any, dim: int, descending: bool) -> Any:
    """The order of keys of at most 32 bits: each sorted in one number with its place below it, as no two are equal.

    That is quicker than a stable sort, eight times on NumPy.
    """
    pairs = ranks(keys).astype(xp.int64)
    if descending:
        xp.invert(pairs, out=pairs)
    pairs <<= 32
    pairs |= xp.arange(keys.shape[dim]).reshape((-1,) + (1,) * (keys.ndim - 1 - dim))
    pairs.sort(dim)
    pairs &= 2**32 - 1
    return pairs


def ranks(keys: Any) -> Any:
    """Integers in the order of the keys: a float's bits, of which negative ones fall as they rise; NaN is largest."""
    if keys.dtype.kind != "f":
        return keys
    keys = keys + keys.dtype.type(0)  # -0 is no less than 0
    keys[keys != keys] = xp.nan  # of no sign
    bits = keys.astype(xp.float32, copy=False).view(xp.int32)
    return xp.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


def sorted_pair(input: Any, dim: int, descending: bool) -> Any:
    """The sorted values and the places they come from."""
    if input.ndim == 0:
        return xp.array(input), xp.zeros((), xp.int64)
    order = order_of(input, dim, descending)
    return in_layout(input, taken(input, order, dim)), in_layout(input, order)


def in_layout(input: Any, result: Any) -> Any:
    """A result in memory as its input is: torch keeps the order of dims."""
    if input.flags.c_contiguous or not input.size:
        return result
    out = xp.empty_like(input, dtype=result.dtype)
    out[...] = result
    return out


@op(sort_rule, **PAIR)
def sort(input: Array, dim: int = -1, descending: bool = False) -> Any:
    """The elements in order along a dim (equal ones as they stood), and the places they come from."""
    return sorted_pair(input, dim, descending)


@op(sort_rule, name="sort", node="SortBackward1", **PAIR)
def sort_stable(input: Array, *, stable: bool | None, dim: int = -1, descending: bool = False) -> Any:
    """The elements in order along a dim, equal ones as they stood, and the places they come from."""
    return sorted_pair(input, dim, descending)


for _sort in (sort, sort_stable):
    _sort.vjp(input=lambda g, indices, input_shape, dim: pick_backward(g[0], indices, input_shape, dim, True))


@op(sort_rule)
def argsort(input: Array, dim: int = -1, descending: bool = False) -> Any:
    """The places that put the elements in order along a dim."""
    return in_layout(input, order_of(input, dim, descending)) if input.ndim else xp.zeros((), xp.int64)


@op(sort_rule, name="argsort")
def argsort_stable(input: Array, *, stable: bool, dim: int = -1, descending: bool = False) -> Any:
    """The places that put the elements in order along a dim, equal ones as they stood."""
    return in_layout(input, order_of(input, dim, descending)) if input.ndim else xp.zeros((), xp.int64)


@op(composed, composite=True)
def msort(input: Array) -> Any:
    """The elements in order along the first dim."""
    return sort(input, 0)[0]


def topk_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of topk."""
    array, k = values[:2]
    dim = check_dim(values[2], array.ndim)
    if not 0 <= k <= (array.shape[dim] if array.ndim else 1):
        raise errors.bad_argument("selected index k out of range")
    for category, what in (
        (dtypes.BOOL, "topk does not support bool"),
        (dtypes.COMPLEX, " topk does not support complex"),
    ):
        if dtypes.BY_NUMPY[array.dtype].category == category:
            raise errors.dtype_mismatch(f"{what} dtypes on CPU")
    shape = (*array.shape[:dim], k, *array.shape[dim + 1 :]) if array.ndim else ()
    if array.ndim and k and 8 * k < array.shape[dim]:
        width = 12 if array.dtype in dtypes.HALF_TYPES else 8
    else:
        width = 8 + order_width(array, values[3])
    held = width * array.size + 40 * math.prod(shape) + line_bytes(array, dim)
    return Estimate(
        with_values(op, values, dim=dim), [(shape, array.dtype), (shape, INT64)], None, held, 10 * array.size
    )


@op(topk_rule, **PAIR)
def topk(input: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The `k` largest (or smallest) elements along a dim in order, and their places."""
    if input.ndim == 0:
        return xp.array(input), xp.zeros((), xp.int64)
    along = (slice(None),) * dim
    size = input.shape[dim]
    if not k or 8 * k >= size or settles(input):
        order = xp.array(order_of(input, dim, largest)[(*along, slice(0, k))], order="C")
        values = xp.take_along_axis(input, order, dim)
        if k and settles(input) and (not sorted or uncertain(input, values, dim)):
            sign = -1 if largest else 1
            settle(input, order, dim, lambda keys: ties.smallest([sign * each for each in keys], k, sorted))
            values = xp.take_along_axis(input, order, dim)
        return values, order
    keys = widened(input)
    part = slice(size - k, size) if largest else slice(0, k)
    chosen = xp.argpartition(keys, size - k if largest else k, dim)[(*along, part)]
    values = xp.take_along_axis(input, chosen, dim)
    order = order_of(values, dim, largest)
    return xp.take_along_axis(values, order, dim), xp.take_along_axis(chosen, order, dim)


topk.vjp(input=lambda g, indices, input_shape, dim: pick_backward(g[0], indices, input_shape, dim, True))


def ranked_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of one element by its rank along a dim: kthvalue, median, mode."""
    array = values[0]
    dim = check_dim(argument(op, values, "dim"), array.ndim)
    size = array.shape[dim] if array.ndim else 1
    k = argument(op, values, "k")
    if size == 0:
        name = "median" if op.name == "nanmedian" else op.name  # torch's slip
        raise errors.bad_index(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    if k is not None and not 1 <= k <= size:
        raise errors.bad_argument(f"{op.name}(): selected number k out of range for dimension {dim}")
    median = op.name.endswith("median")
    refused: tuple[int, ...] = (dtypes.COMPLEX,) if op.name == "mode" else (dtypes.BOOL, dtypes.COMPLEX)
    if not array.ndim and not median:
        refused = ()  # torch has a copy of it
    refuse_dtype(op, dtypes.BY_NUMPY[array.dtype], refused, "median_out" if median else f"{op.name}_cpu")
    keepdim = argument(op, values, "keepdim")
    shape = reduced_shape(array.shape, (dim,), keepdim) if array.ndim else ()
    width = 32 + array.dtype.itemsize if op.name == "mode" else rank_width(array)
    held = width * array.size + 24 * math.prod(shape) + line_bytes(array, dim)
    values = with_values(op, values, dim=dim, keepdim=keepdim)
    return Estimate(values, [(shape, array.dtype), (shape, INT64)], None, held, 20 * array.size)


def rank_width(array: Any) -> int:
    """The bytes for each element that `at_rank` holds: the order, and what it takes or a mask."""
    return 8 + max(order_width(array, False), 1)


def settles(input: Any) -> bool:
    """Whether it is worth telling which of equal elements PyTorch takes: of few elements, on the CPU."""
    return bool(input.size <= ties.FEW and arrays.backend_of(input) is arrays.NUMPY)


def alike(a: Any, b: Any) -> Any:
    """Where elements are equal, or both NaN."""
    return (a == b) | ((a != a) & (b != b))


def uncertain(input: Any, values: Any, dim: int) -> bool:
    """Whether several places could be given for the values of `topk`."""
    along, count = (slice(None),) * dim, values.shape[dim]
    last = values[(*along, slice(count - 1, count))]
    if (alike(input, last).sum(dim) > alike(values, last).sum(dim)).any():
        return True
    return bool(alike(values[(*along, slice(1, count))], values[(*along, slice(0, count - 1))]).any())


def ranked_line(row: Any) -> list[int]:
    """How many values of a line are smaller, for each element; NaN is the largest."""
    made: list[int] = xp.unique(row, return_inverse=True)[1].tolist()
    return made


def settle(input: Any, places: Any, dim: int, choose: Any, keys: Any = ranked_line) -> None:
    """Write over the places along a dim with those that `choose` finds by the keys of each line."""
    rows = xp.moveaxis(widened(input), dim, -1).reshape(-1, input.shape[dim])
    found = [choose(keys(row)) for row in rows]
    kept = xp.moveaxis(places, dim, -1)
    kept[...] = xp.reshape(xp.asarray(found, xp.int64), kept.shape)


def places_of_rank(input: Any, rank: Any, dim: int) -> Any:
    """The places of a rank along a dim, which is kept."""
    order = order_of(input, dim, False)
    known = unsqueezed((input == input).sum(dim), dim)
    return xp.take_along_axis(order, rank(known, input.shape[dim]), dim)


def at_rank(input: Any, rank: Any, dim: int, keepdim: bool) -> Any:
    """The elements of a rank, told from the count of numbers that are not NaN, and their places."""
    if input.ndim == 0:
        return xp.array(input), xp.zeros((), xp.int64)
    return selected(input, xp.squeeze(places_of_rank(input, rank, dim), dim), dim, keepdim)


def number_rank(k: int) -> Any:
    """A fixed rank, for every slice."""
    return lambda known, size: xp.zeros_like(known) + k


def middle(known: Any, size: int) -> Any:
    """The lower middle; the first NaN where there is one."""
    return xp.where(known < size, known, (size - 1) // 2)


def middle_of_numbers(known: Any, size: int) -> Any:
    """The lower middle of those that are not NaN."""
    return xp.maximum(known - 1, 0) // 2


@op(ranked_rule, **PAIR, rows=True)
def kthvalue(input: Array, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along a dim, and its place."""
    if input.ndim == 0:
        return xp.array(input), xp.zeros((), xp.int64)
    places = places_of_rank(input, number_rank(k - 1), dim)
    if settles(input) and (alike(input, xp.take_along_axis(input, places, dim)).sum(dim) > 1).any():
        settle(input, places, dim, lambda keys: ties.of_rank(keys, k - 1))
    return selected(input, xp.squeeze(places, dim), dim, keepdim)


@op(ranked_rule, name="median", node="MedianBackward1", **PAIR, rows=True)
def median_dim(input: Array, dim: int, keepdim: bool = False) -> Any:
    """The lower median along a dim, NaN if there is one, and its place."""
    return at_rank(input, middle, dim, keepdim)


@op(ranked_rule, name="nanmedian", node="NanmedianBackward1", **PAIR, rows=True)
def nanmedian_dim(input: Array, dim: int, keepdim: bool = False) -> Any:
    """The lower median of the numbers along a dim that are not NaN, and its place."""
    return at_rank(input, middle_of_numbers, dim, keepdim)


@op(ranked_rule, **PAIR)
def mode(input: Array, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent value along a dim, the smallest of several, and its last place."""
    if input.ndim == 0:
        return xp.array(input), xp.zeros((), xp.int64)
    order = order_of(input, dim, False)
    values = xp.moveaxis(xp.take_along_axis(input, order, dim), dim, -1)
    places = xp.arange(values.shape[-1])
    starts = xp.zeros(values.shape, xp.int64)
    starts[..., 1:] = xp.where(values[..., 1:] != values[..., :-1], places[1:], 0)
    runs = places - running_maximum(starts)
    longest = unsqueezed(xp.argmax(runs, -1), dim)  # the first: of the smallest value
    found = xp.take_along_axis(order, longest, dim)
    if settles(input):
        short, odd = len(places) <= ties.SHORT, bool((input != input).any())
        if short and odd:  # among which PyTorch sorts as if NaN had an order
            settle(input, found, dim, ties.most_frequent, lambda row: row.tolist())
        elif not short and not odd and runs.any():
            settle(input, found, dim, ties.most_frequent)
    return selected(input, xp.squeeze(found, dim), dim, keepdim)


def running_maximum(array: Any) -> Any:
    """The largest so far along the last axis."""
    return scans.accumulated(xp.maximum, array, array.ndim - 1)


for _ranked in (kthvalue, median_dim, nanmedian_dim, mode):
    _ranked.vjp(
        input=lambda g, indices, input_shape, dim, keepdim: pick_backward(g[0], indices, input_shape, dim, keepdim)
    )


def whole_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the median of all elements."""
    array = values[0]
    refuse_dtype(op, dtypes.BY_NUMPY[array.dtype], (dtypes.BOOL, dtypes.COMPLEX), "median_cpu")
    held = rank_width(array) * array.size + 4 * array.size + moved_bytes(array, None)
    return Estimate(values, [((), array.dtype)], None, held, 20 * array.size)


def flat_rank(input: Any, rank: Any) -> Any:
    """The element of a rank among all; of none NaN, or the least integer."""
    if input.size == 0:
        return xp.asarray(xp.nan if input.dtype.kind not in "iu" else xp.iinfo(input.dtype).min).astype(input.dtype)
    return at_rank(input.reshape(-1), rank, 0, False)[0]


@op(whole_rule, node="MedianBackward0")
def median(input: Array) -> Any:
    """The lower median of all elements; NaN if there is one."""
    return flat_rank(input, middle)


@op(whole_rule, node="NanmedianBackward0")
def nanmedian(input: Array) -> Any:
    """The lower median of the elements that are not NaN."""
    return flat_rank(input, middle_of_numbers)


median.vjp(input=lambda g, input, out: evenly(g, input, out))
nanmedian.vjp(input=lambda g, input, out: evenly(g, input, out))
