"""Elements by a mask: selecting them, writing them in order, and telling where they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Size
from engine.op import Op, op
from engine.ops.joining import unbind, zeros_of
from engine.ops.selection import masked_fill
from engine.ops.views import reshape
from engine.rules import INT64, broadcast
from engine.shapes import expanded


def hits_in(op: Op, array: Any) -> int:
    """How many elements are not zero.

    Raises NotImplementedError where only the shape is known: the size of the result depends on values.
    """
    if isinstance(array, Meta):
        raise errors.coded(
            NotImplementedError, "not_implemented", f"{op.name}(): the size of the result depends on values"
        )
    return int(np.count_nonzero(array) if isinstance(array, np.ndarray) else (array != 0).sum())


def check_mask(op: Op, mask: Any) -> None:
    """Raise RuntimeError unless a mask is bool."""
    name = op.name.removesuffix("_")
    if mask.dtype != bool:
        if name == "masked_select":
            raise errors.dtype_mismatch("masked_select: expected BoolTensor for mask")
        given = dtypes.BY_NUMPY[mask.dtype].type_name
        raise errors.dtype_mismatch(f"masked_scatter_ only supports boolean masks, but got mask with dtype {given}")


def times(shape: Any, part: Any) -> int:
    """How often a part is repeated when broadcast to a shape."""
    return int(math.prod(shape) // max(math.prod(part), 1))


def masked_select_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of masked_select: as many elements as the mask holds, broadcast."""
    array, mask = values
    check_mask(op, mask)
    shape = broadcast(mask.shape, array.shape)
    count = hits_in(op, mask) * times(shape, mask.shape)
    held = math.prod(shape) * (array.dtype.itemsize + 1)
    return Estimate(values, [((count,), array.dtype)], None, held, math.prod(shape))


@op(masked_select_rule)
def masked_select(input: Array, mask: Array) -> Any:
    """The elements where the mask holds, in one dimension."""
    if input.shape != mask.shape:
        input, mask = xp.broadcast_arrays(input, mask)
    return input[mask] if input.ndim else input.reshape(1)[mask.reshape(1)]


# torch saves the input for its size, and so guards it against changes
masked_select.vjp(input=lambda g, input, mask: masked_select_backward(g, tuple(input.shape), mask))


def spread_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of masked_select's gradient: the shape the selection was broadcast to."""
    shape = broadcast(tuple(values[1]), values[2].shape)
    return Estimate(values, [(shape, values[0].dtype)], None, math.prod(shape))


@op(spread_rule, hidden=True, node="MaskedScatterBackward0")
def masked_select_backward(grad: Array, sizes: Size, mask: Array) -> Any:
    """Zeros with the gradients in order where the mask holds."""
    shape = xp.broadcast_shapes(sizes, mask.shape)
    out = xp.zeros(shape, grad.dtype)
    out[xp.broadcast_to(mask, shape)] = grad
    return out


masked_select_backward.vjp(grad=lambda g, mask: masked_select(g, mask))


def expanded_mask(op: Op, array: Any, mask: Any) -> tuple[int, ...]:
    """The shape of a masked_scatter: of both, or of what is written into.

    Raises RuntimeError.
    """
    if op.inplace_only:
        return expanded(mask.shape, array.shape, dtypes.bool_.options)
    return broadcast(mask.shape, array.shape)


def masked_scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of masked_scatter: enough elements for the places of the mask."""
    array, mask, source = values
    if source.dtype != array.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (array, source)]
        raise errors.dtype_mismatch(
            f"masked_scatter: expected self and source to have same dtypes but got{names[0]} and {names[1]}"
        )
    check_mask(op, mask)
    shape = expanded_mask(op, array, mask)
    if not isinstance(mask, Meta):
        wanted = hits_in(op, mask) * times(shape, mask.shape)
        if source.size < wanted:
            raise errors.bad_argument("Number of elements of source < number of ones in mask")
    size = math.prod(shape)
    return Estimate(values, [(shape, array.dtype)], None, size + 2 * source.size * array.dtype.itemsize, size)


@op(masked_scatter_rule, inplace=True)
def masked_scatter(input: Array, mask: Array, source: Array) -> Any:
    """The tensor with elements of `source`, in order, where the mask holds."""
    shape = xp.broadcast_shapes(input.shape, mask.shape)
    out = xp.array(xp.broadcast_to(input, shape), order="C")
    mask = xp.broadcast_to(mask, shape)
    flat, places = out.reshape(-1), xp.flatnonzero(mask)
    flat[places] = source.reshape(-1)[: places.size]
    return out


masked_scatter.vjp(
    input=lambda g, mask: masked_fill(g, mask, 0),
    source=lambda g, mask, source_shape: masked_scatter_backward(g, mask, source_shape),
)


@op(
    lambda op, values: Estimate(values, [(tuple(values[2]), values[0].dtype)], None, 2 * values[0].size * 8),
    hidden=True,
    node="MaskedScatterBackwardBackward0",
)
def masked_scatter_backward(grad: Array, mask: Array, sizes: Size) -> Any:
    """The gradients where the mask holds, in order, then zeros."""
    out = xp.zeros(math.prod(sizes), grad.dtype)
    taken = grad[xp.broadcast_to(mask, grad.shape)].reshape(-1)
    out[: taken.size] = taken
    return out.reshape(sizes)


masked_scatter_backward.vjp(grad=lambda g, grad_shape, mask: masked_scatter(zeros_of(g, grad_shape), mask, g))

# -- where they are --------------------------------------------------------------------------------------------------


def nonzero_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nonzero: a row for each element that is not zero."""
    array = values[0]
    count = hits_in(op, array)
    return Estimate(
        values, [((count, array.ndim), INT64)], None, 8 * count * max(array.ndim, 1) + array.size, array.size
    )


@op(nonzero_rule, hidden=True)
def places(input: Array) -> Any:
    """The places of the elements that are not zero, one in each row."""
    if input.ndim == 0:
        return xp.zeros((int(input != 0), 0), xp.int64)
    return xp.stack(xp.nonzero(input)).T  # each dim's places side by side, as torch has them


@op(composed, composite=True)
def nonzero(input: Array, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not zero, one in each row; `as_tuple` gives a vector for each dim."""
    if not as_tuple:
        return places(input)
    return unbind(places(input if len(input.shape) else reshape(input, (1,))), 1)


@op(composed, name="where", composite=True, method=False, returns_list=True)
def where_places(condition: Array) -> Any:
    """The places where the condition holds: a vector for each dim."""
    return tuple(nonzero(condition, as_tuple=True))


@op(composed, composite=True)
def argwhere(input: Array) -> Any:
    """The places of the elements that are not zero, one in each row."""
    return places(input)


def static_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nonzero_static."""
    array, size = values[:2]
    if size < 0:
        raise errors.bad_argument("nonzero_static: 'size' must be an non-negative integer")
    return Estimate(values, [((size, array.ndim), INT64)], None, 16 * array.size * max(array.ndim, 1), array.size)


@op(static_rule)
def nonzero_static(input: Array, *, size: int, fill_value: int = -1) -> Any:
    """The first `size` places of elements that are not zero, filled up with `fill_value`."""
    out = xp.full((size, input.ndim), fill_value, xp.int64)
    if input.ndim:
        found = xp.stack(xp.nonzero(input), axis=1)[:size]
        out[: found.shape[0]] = found
    return out
