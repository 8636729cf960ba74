"""Advanced indexing: reading and writing at positions given by integer arrays.

`indices` is what `engine.indexing.checked` makes: for each leading dim an int64 array in range, or None for all of it.
"""

from __future__ import annotations

import math
from typing import Any

from engine import adding, arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Index, Size
from engine.op import Op, op
from engine.rules import broadcast, moved_bytes


def result_shape(shape: Any, indices: Any) -> tuple[int, ...]:
    """The shape an advanced index gives: the arrays' broadcast shape in the place of their dims if these are
    neighbours, else in front."""
    used = [at for at, each in enumerate(indices) if each is not None]
    block = broadcast(*[indices[at].shape for at in used])
    kept = [size for at, size in enumerate(shape) if at not in used]
    together = used == list(range(used[0], used[-1] + 1))
    front = used[0] if together else 0
    return (*kept[:front], *block, *kept[front:])


def numpy_index(indices: Any) -> tuple[Any, ...]:
    """The index as NumPy takes it."""
    return tuple(slice(None) if each is None else each for each in indices)


def on_device(indices: Any, array: Any) -> tuple[Any, ...]:
    """The index beside the array it is for."""
    device = arrays.device_of(array)
    return tuple(each if isinstance(each, slice) else arrays.put(each, device) for each in numpy_index(indices))


def index_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index."""
    array, indices = values
    shape = result_shape(array.shape, indices)
    size = math.prod(shape)
    plain = indices[0] is not None or (not moved_bytes(array, None) and only_place(indices) is not None)
    return Estimate(values, [(shape, array.dtype)], None, 0 if plain else size * array.dtype.itemsize, size)


def only_place(indices: Any) -> int | None:
    """The place of the only array among the indices, or None for more."""
    used = [at for at, each in enumerate(indices) if each is not None]
    return used[0] if len(used) == 1 else None


@op(index_rule, hidden=True, rows=True)
def index(input: Array, indices: Index) -> Any:
    """The elements at the positions, as a copy."""
    where = on_device(indices, input)
    at = only_place(indices)
    if at and input.flags.c_contiguous:
        return xp.take(input, where[at], at)  # row-major at once
    return input[where]


index.vjp(input=lambda g, input_shape, indices: index_backward(g, input_shape, indices))


def index_backward_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index's gradient."""
    grad, sizes, indices = values
    extra = added_bytes(grad, indices)
    return Estimate(values, [(tuple(sizes), grad.dtype)], None, extra, math.prod(sizes))


def added_bytes(values: Any, indices: Any) -> int:
    """The bytes that adding takes beside its operands: places in the leading dims, and those of a part of the rows."""
    places = math.prod(broadcast(*[each.shape for each in indices if each is not None]))
    each: int = 8 + 2 * values.dtype.itemsize
    return 16 * places + each * min(int(values.size), 2 * adding.PART)


@op(index_backward_rule, hidden=True, node="IndexPutImplBackward0")
def index_backward(grad: Array, sizes: Size, indices: Index) -> Any:
    """Zeros with each gradient added where it was read from."""
    out = xp.zeros(sizes, grad.dtype)
    add_at(out, indices, grad)
    return out


def add_at(target: Any, indices: Any, values: Any) -> None:
    """`target[indices] += values`, summing where an index repeats; as whole rows where the index is of leading dims."""
    where = on_device(indices, target)
    count = len(where)
    whole = [1 for each in indices if each is None]
    if whole or not target.flags.c_contiguous or count == target.ndim == 1 or not target.size:
        arrays.backend_of(target).add_at(target, where, values)
        return
    lead, rest = target.shape[:count], target.shape[count:]
    block = broadcast(*[each.shape for each in where])
    flat = where[0]
    for size, each in zip(lead[1:], where[1:], strict=True):
        flat = flat * size + each
    if values.shape != (*block, *rest):
        values = xp.broadcast_to(values, (*block, *rest))
    if flat.shape != block:
        flat = xp.broadcast_to(flat, block)
    adding.add_rows(target.reshape(-1, *rest), flat.reshape(-1), values.reshape(-1, *rest))


index_backward.vjp(grad=lambda g, indices: index(g, indices))


def index_put_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index_put_: values of the same dtype that broadcast to the indexed shape."""
    array, indices, source, _ = values
    shape = result_shape(array.shape, indices)
    if source.ndim > len(shape) or not broadcast_fits(source.shape, shape):
        raise errors.shape_mismatch(
            f"shape mismatch: value tensor of shape {list(source.shape)} cannot be broadcast to indexing result of "
            f"shape {list(shape)}"
        )
    if source.dtype != array.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (array, source)]
        raise errors.dtype_mismatch(
            f"Index put requires the source and destination dtypes match, got {names[0]} for the destination and "
            f"{names[1]} for the source."
        )
    extra = math.prod(shape) * array.dtype.itemsize + added_bytes(source, indices)
    return Estimate(values, [(array.shape, array.dtype)], None, extra, math.prod(shape))


def broadcast_fits(shape: Any, target: Any) -> bool:
    """Whether a shape broadcasts to exactly the target."""
    tail = target[len(target) - len(shape) :]
    return not [size for size, want in zip(shape, tail, strict=True) if size not in (1, want)]


@op(
    index_put_rule,
    name="index_put_",
    hidden=True,
    inplace_only=True,
    any_device=True,
    writes=True,
    apart=True,
    checks_cast=False,
)
def index_put_(input: Array, indices: Index, values: Array, accumulate: bool = False) -> Any:
    """Write values at the positions, or add them."""
    where = on_device(indices, input)
    input = arrays.writeable(input)
    values = arrays.put(xp.asarray(values), arrays.device_of(input))
    if accumulate:
        add_at(input, indices, values)
    else:
        input[where] = xp.broadcast_to(values, result_shape(input.shape, indices))


index_put_.vjp(
    input=lambda g, indices, accumulate: g if accumulate else cleared(g, indices),
    values=lambda g, indices: index(g, indices),
)


@op(lambda op, values: Estimate(values, [(values[0].shape, values[0].dtype)]), hidden=True, node="IndexPutBackward0")
def cleared(input: Array, indices: Index) -> Any:
    """A copy with zeros at the positions."""
    out = xp.array(input)
    out[on_device(indices, out)] = out.dtype.type(0)
    return out


cleared.vjp(input=lambda g, indices: cleared(g, indices))
