"""Picking elements by an index along one dim, and the adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import adding, arrays, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Size
from engine.op import Op, op
from engine.rules import INT64
from engine.tensor import check_dim

PLACE = 16  # the bytes that an entry's place takes while it is told


def gather_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of gather: the index has as many dims, none longer than the input's but along `dim`."""
    array, dim, index = values[:3]
    dim = check_dim(dim, array.ndim)
    if not index.size:  # torch looks at nothing else then
        return Estimate([array, dim, index, *values[3:]], [(index.shape, array.dtype)], None, 0, 0)
    if index.dtype not in (INT64, xp.int32):
        raise errors.dtype_mismatch("gather(): Expected dtype int32/int64 for index")
    if array.ndim != index.ndim and max(array.ndim, 1) != max(index.ndim, 1):
        raise errors.shape_mismatch("Index tensor must have the same number of dimensions as input tensor")
    for at, (have, want) in enumerate(zip(array.shape, index.shape, strict=False)):
        if at != dim and want > have:
            raise errors.shape_mismatch(
                f"Size does not match at dimension {at} expected index {list(index.shape)} to be no larger than self "
                f"{list(array.shape)} apart from dimension {dim}"
            )
    check_range(index, dim, array.shape[dim] if array.ndim else 1)
    values = [array, dim, index, *values[3:]]
    return Estimate(values, [(index.shape, array.dtype)], None, PLACE * index.size, index.size)


def first_outside(index: Any, low: int, high: int) -> int | None:
    """The first entry outside [low, high), or None; of an index on the host alone, whose values can be looked at."""
    if not isinstance(index, np.ndarray) or not index.size:
        return None
    if low == 0 and index.dtype == INT64:
        inside = index.view(np.uint64).max() < high  # one look: there, negative numbers are above all
    else:
        inside = index.min() >= low and index.max() < high
    if inside:
        return None
    return int(index[(index < low) | (index >= high)][0])


def check_range(index: Any, dim: int, size: int, said: str = "", kind: type[Exception] = RuntimeError) -> None:
    """Raise `kind` for an entry outside [0, size), as far as the values are known on the host."""
    wrong = first_outside(index, 0, size)
    if wrong is not None:
        raise errors.bad_argument(f"{said}index {wrong} is out of bounds for dimension {dim} with size {size}", kind)


@op(gather_rule, rows=True)
def gather(input: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Any:
    """The elements that `index` points at along `dim`. Gradients are dense, `sparse_grad` or not."""
    if not index.size:
        return xp.empty(index.shape, input.dtype)
    if not input.ndim:
        return xp.broadcast_to(input, index.shape).copy()
    return taken(input, index if index.ndim else index.reshape(1), dim).reshape(index.shape)


# torch saves the input for its size, and so guards it against changes
gather.vjp(input=lambda g, input, dim, index: gather_backward(g, tuple(input.shape), dim, index))


def taken(input: Any, index: Any, dim: int) -> Any:
    """The elements that an index points at along a dim: by places in memory, which one take is quicker for."""
    if not input.flags.c_contiguous:
        return input[open_index(index, dim)]
    # the range is known by then, and this mode is the quickest
    return input.reshape(-1).take(adding.flat_places(index, input.shape, dim), mode="wrap")


def open_index(index: Any, dim: int) -> tuple[Any, ...]:
    """A full index of NumPy's that varies along `dim` as `index` says."""
    grid = []
    for at, size in enumerate(index.shape):
        shape = [1] * index.ndim
        shape[at] = size
        grid.append(index if at == dim else arrays.backend_of(index).xp.arange(size).reshape(shape))
    return tuple(grid)


def placed(op: Op, values: list[Any]) -> Estimate:
    """The rule of an adjoint: a tensor of the size it is told, and the places to write to."""
    shape, grad = tuple(values[op.index["sizes"]]), values[0]
    extra = (8 + max(grad.dtype.itemsize, 8)) * grad.size
    return Estimate(values, [(shape, grad.dtype)], None, extra, math.prod(shape))


@op(placed, hidden=True, node="ScatterAddBackward0")
def gather_backward(grad_output: Array, sizes: Size, dim: int, index: Array) -> Any:
    """Zeros with each gradient added where it was gathered from."""
    out = xp.zeros(sizes, grad_output.dtype)
    if not index.size:
        return out
    if not out.ndim:
        return out + grad_output.sum()
    if not index.ndim:
        index, grad_output = index.reshape(1), grad_output.reshape(1)
    where = adding.flat_places(index, sizes, dim).reshape(-1)
    arrays.backend_of(out).add_at(out.reshape(-1), where, grad_output.reshape(-1))
    return out


gather_backward.vjp(grad_output=lambda g, dim, index: gather(g, dim, index))


@op(placed, hidden=True, node="ScatterBackward0")
def pick_backward(grad: Array, indices: Array, sizes: Size, dim: int, keepdim: bool) -> Any:
    """The gradient of a reduction that picks one element along a dim: there, and zero elsewhere."""
    if not sizes:
        return +grad
    if not keepdim:
        grad, indices = arrays.unsqueezed(grad, dim), arrays.unsqueezed(indices, dim)
    out = xp.zeros(sizes, grad.dtype)
    out.reshape(-1)[adding.flat_places(indices, sizes, dim)] = grad
    return out


pick_backward.vjp(grad=lambda g, indices, dim, keepdim: pick(g, indices, dim, keepdim))


def pick_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of picking by indices already reduced."""
    array, indices = values[0], values[1]
    return Estimate(values, [(indices.shape, array.dtype)], None, PLACE * indices.size, indices.size)


@op(pick_rule, hidden=True, node="GatherBackward0")
def pick(input: Array, indices: Array, dim: int, keepdim: bool) -> Any:
    """The elements at `indices` along a dim, which is kept or not as it was in the reduction."""
    if not input.ndim:
        return +input
    found = taken(input, indices if keepdim else arrays.unsqueezed(indices, dim), dim)
    return found if keepdim else xp.squeeze(found, dim)


pick.vjp(input=lambda g, indices, input_shape, dim, keepdim: pick_backward(g, indices, input_shape, dim, keepdim))
