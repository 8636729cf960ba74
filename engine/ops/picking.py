"""Reading and writing whole entries along a dim by an index, and single elements by their place in the flat tensor."""

from __future__ import annotations

import math
from typing import Any

from engine import adding, arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Number, Operand, Size
from engine.op import Op, is_number, op
from engine.ops.arithmetic import scaled
from engine.ops.creation import zeros_like
from engine.ops.gathering import check_range, first_outside, gather
from engine.ops.reduction import sum
from engine.ops.selection import stored_value
from engine.ops.views import expand, reshape
from engine.rules import INT64, broadcast, check_number, default_dtype, moved_bytes, with_values
from engine.tensor import check_dim, counted_dim, wrap


def check_places(index: Any, size: int) -> None:
    """Raise IndexError for an entry outside [0, size), as far as the values are known on the host."""
    if first_outside(index, 0, size) is not None:
        raise errors.bad_index("index out of range in self")


def length_of(array: Any, dim: int) -> int:
    """The length of a dim; 1 of a 0-d tensor."""
    size: int = array.shape[dim] if array.shape else 1
    return size


def index_select_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index_select."""
    array, dim, index = values
    dim = check_dim(dim, array.ndim)
    if index.ndim > 1:
        raise errors.bad_index("index_select(): Index is supposed to be a vector")
    if index.dtype not in (INT64, xp.int32):
        raise errors.dtype_mismatch("index_select(): Expected dtype int32 or int64 for index")
    if not array.ndim and index.size != 1:
        text = f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)"
        raise errors.shape_mismatch(text)
    check_selected(array, dim, index)
    shape = (*array.shape[:dim], index.size, *array.shape[dim + 1 :]) if array.ndim else ()
    held = moved_bytes(array, None)
    held += 8 * index.size if index.dtype != INT64 or moved_bytes(index, None) else 0
    return Estimate([array, dim, index], [(shape, array.dtype)], None, held, math.prod(shape))


def check_selected(array: Any, dim: int, index: Any) -> None:
    """Raise for a place outside a dim: in the words of the kernel that PyTorch takes for the shape."""
    size = length_of(array, dim)
    if array.ndim > 1 and not array.size and index.size and not size:
        raise errors.bad_argument("index_select(): self indexing axis dim should be positive")
    if array.ndim > 1 and (dim == 1 or not array.size):
        wrong = first_outside(index, 0, size)
        if wrong is not None:
            text = f"INDICES element is out of DATA bounds, id={wrong} axis_dim={size}"
            raise errors.bad_argument(text)
    check_places(index, size)


@op(index_select_rule)
def index_select(input: Array, dim: int, index: Array) -> Any:
    """The entries of a dim that a vector of places names."""
    return xp.take(input, index.reshape(-1), dim) if input.ndim else xp.array(input)


index_select.vjp(input=lambda g, input_shape, dim, index: index_select_backward(g, input_shape, dim, index))


def sized(op: Op, values: list[Any]) -> Estimate:
    """The rule of an adjoint that fills a tensor of the size it is told."""
    shape = tuple(values[1])
    return Estimate(values, [(shape, values[0].dtype)], None, 2 * values[0].size * values[0].dtype.itemsize)


@op(sized, hidden=True, node="IndexAddBackward0")
def index_select_backward(grad: Array, sizes: Size, dim: int, index: Array) -> Any:
    """Zeros with each entry added where it was read from."""
    out = xp.zeros(sizes, grad.dtype)
    if not out.ndim:
        return out + grad
    add_entries(out, dim, index, grad)
    return out


index_select_backward.vjp(grad=lambda g, dim, index: index_select(g, dim, index))


def add_entries(out: Any, dim: int, index: Any, source: Any) -> None:
    """Add entries at places of a dim, several to one place."""
    adding.add_rows(xp.moveaxis(out, dim, 0), index.reshape(-1), xp.moveaxis(source, dim, 0))


def index_add_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index_add: a source with one entry for each place."""
    array, dim, index, source, alpha = values
    dim = check_dim(dim, array.ndim)
    check_entries("index_add_()", array, dim, index, source)
    if array.ndim > 1 and index.dtype == INT64 and alpha == 1 and dim in (0, array.ndim - 1):
        check_range(index if array.size else None, dim, array.shape[dim])  # torch scatters then
    elif array.ndim < 2 or array.size:
        check_places(index, length_of(array, dim))
    check_number(alpha, array.dtype)
    held = added_bytes(array, dim, source, alpha)
    return Estimate(with_values(op, values, dim=dim), [(array.shape, array.dtype)], None, held, source.size)


def added_bytes(array: Any, dim: int, source: Any, alpha: Any) -> int:
    """The bytes that index_add holds: places of a part of the rows, or runs of entries along an inner dim."""
    itemsize, size = int(array.dtype.itemsize), int(source.size)
    scaled = 0 if alpha == 1 else size * itemsize
    if array.ndim < 2:
        return scaled
    width = size // max(int(source.shape[dim]), 1)
    if math.prod(array.shape[:dim]) > 1 or array.dtype.char not in adding.QUICK:
        return scaled + 2 * size * itemsize + 16 * width
    part = max(min(size, adding.PART), width)
    return scaled + 8 * (width + part // max(width, 1)) + part * (8 + (itemsize if moved_bytes(source, None) else 0))


def check_entries(said: str, array: Any, dim: int, index: Any, source: Any) -> None:
    """Raise unless index and source of index_add or index_reduce fit each other and the entries they go to."""
    types = [dtypes.BY_NUMPY[each.dtype].type_name for each in (array, index, source)]
    if index.ndim > 1:
        raise errors.bad_index(
            f"{said}: Index is supposed to be a vector, but got dim: {index.ndim} with type: {types[1]} and size: "
            f"{list(index.shape)}"
        )
    if index.dtype not in (INT64, xp.int32):
        raise errors.dtype_mismatch(f"{said}: Expected dtype int32/int64 for index but got: {types[1]}")
    if source.dtype != array.dtype:
        raise errors.dtype_mismatch(f"{said}: self ({types[0]}) and source ({types[2]}) must have the same scalar type")
    if dim and dim >= source.ndim:
        raise errors.bad_argument(
            f"{said}: Indexing dim {dim} is out of bounds of the source tensor with dim {source.ndim}"
        )
    if index.size != length_of(source, dim):
        size = source.shape[counted_dim(dim, source.ndim)]
        raise errors.bad_argument(
            f"{said}: Number of indices ({index.size}) should be equal to source.size(dim): ({size}), for dim: {dim}"
        )
    rest = [each.shape[:dim] + each.shape[dim + 1 :] for each in (array, source)]
    if rest[0] != rest[1] or array.ndim != source.ndim:
        raise errors.shape_mismatch(
            f"source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(array.shape)} source.shape = {list(source.shape)}"
        )


def entries(source: Any, array: Any, dim: int) -> Any:
    """A source in the form of the entries it goes to."""
    return source if source.ndim == array.ndim else source.reshape((-1,) + (1,) * (array.ndim - 1))


@op(index_add_rule, inplace=True, apart=True)
def index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: Number = 1) -> Any:
    """The tensor with entries of `source` times `alpha` added at places of a dim."""
    added = source if alpha == 1 else source * arrays.operand(alpha, source)
    if not input.ndim:
        return input + added.reshape(())
    out = xp.array(input, order="C")
    add_entries(out, dim, index, entries(added, input, dim))
    return out


# torch saves the source for its size, and so guards it against changes
index_add.vjp(
    input=lambda g: g,
    source=lambda g, source, dim, index, alpha: scaled(selected_like(g, dim, index, tuple(source.shape)), alpha),
)


def selected_like(g: Any, dim: int, index: Any, shape: Any) -> Any:
    """The entries of a gradient in the shape of the source they came from."""
    taken = index_select(g, dim, index)
    return taken if tuple(taken.shape) == tuple(shape) else reshape(taken, tuple(shape))


def index_copy_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index_copy: a source with one entry for each place, or a single element."""
    array, dim, index, source = values
    dim = check_dim(dim, array.ndim)
    check_copied(array, dim, index, source)
    check_range(index, dim, length_of(array, dim), "index_copy_(): ", IndexError)
    return Estimate([array, dim, index, source], [(array.shape, array.dtype)], None, 0, source.size)


def check_copied(array: Any, dim: int, index: Any, source: Any) -> None:
    """Raise unless index and source of index_copy fit each other and the entries they go to."""
    if index.ndim > 1:
        raise errors.bad_index(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if not source.ndim and index.size != 1:
        text = f"index_copy_(): When source is scalar, index should have one element (got {index.size})"
        raise errors.bad_index(text)
    if source.ndim and array.ndim and source.ndim != array.ndim:
        raise errors.bad_index(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
            f"dimensionality ({source.ndim}), destination dimensionality ({array.ndim})"
        )
    types = [dtypes.BY_NUMPY[each.dtype].type_name for each in (array, index, source)]
    if index.dtype != INT64:
        raise errors.dtype_mismatch(f"index_copy_(): Expected a long tensor for index, but got {types[1]}")
    if source.dtype != array.dtype:
        raise errors.dtype_mismatch(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) {types[0]} and (source) "
            f"{types[2]}"
        )
    rest = [each.shape[:dim] + each.shape[dim + 1 :] for each in (array, source)]
    if rest[0] != rest[1]:
        shown = [" ".join(map(str, each)) for each in rest]
        raise errors.shape_mismatch(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{shown[0]} at dimension {dim} and source slice shape: {shown[1]} at dimension 0."
        )
    if source.ndim and index.size != source.shape[dim]:
        raise errors.bad_index(
            f"index_copy_(): Number of indices ({index.size}) should be equal to source.size(dim) ({source.shape[dim]})"
        )


@op(index_copy_rule, inplace=True, apart=True)
def index_copy(input: Array, dim: int, index: Array, source: Array) -> Any:
    """The tensor with entries of `source` at places of a dim."""
    if not input.ndim:
        return xp.array(source).reshape(())
    out = xp.array(input, order="C")
    out[(slice(None),) * dim + (index.reshape(-1),)] = entries(source, input, dim)
    return out


index_copy.vjp(
    input=lambda g, dim, index: index_fill(g, dim, index, 0),
    source=lambda g, source_shape, dim, index: selected_like(g, dim, index, source_shape),
)


def index_fill_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index_fill."""
    array, dim, index, value = values
    if not is_number(value) and value.ndim:
        raise errors.shape_mismatch(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    if index.dtype != INT64:
        raise errors.coded(IndexError, "dtype_mismatch", "index_fill_(): Expected dtype int64 for index.")
    dim = check_dim(dim, array.ndim)
    if index.ndim > 1:
        raise errors.bad_argument("Index has to be a vector/scalar")
    dtype = dtypes.BY_NUMPY[array.dtype]
    given = dtypes.number_dtype(value, default_dtype()) if is_number(value) else dtypes.BY_NUMPY[value.dtype]
    if given.is_complex and not dtype.is_complex:
        text = "index_fill_(): Converting complex Scalar to non-complex type is not supported"
        raise errors.dtype_mismatch(text)
    size = length_of(array, dim)
    wrong = first_outside(index, -size, size)
    if wrong is not None:
        raise errors.bad_index(f"index {wrong} is out of bounds for dimension {dim} with size {size}")
    if index.size:
        value = stored_value(value, array.dtype)
    return Estimate([array, dim, index, value], [(array.shape, array.dtype)], array.dtype, 0, array.size)


@op(index_fill_rule, inplace=True, cast=("value",), node="IndexFillBackward1", number_node="IndexFillBackward0")
def index_fill(input: Array, dim: int, index: Array, value: Operand) -> Any:
    """The tensor with one value at places of a dim."""
    out = xp.array(input)
    if index.size:
        out[(slice(None),) * dim + (index.reshape(-1),) if out.ndim else ...] = value
    return out


index_fill.vjp(
    input=lambda g, dim, index: index_fill(g, dim, index, 0),
    value=lambda g, dim, index: sum(index_select(g, dim, distinct(index))),
)


def distinct(index: Any) -> Any:
    """Each place of an index once."""
    if hasattr(index, "_array"):
        return wrap(xp.unique(index._array))
    return xp.unique(index)


# -- by place in the flat tensor -------------------------------------------------------------------------------------


def check_flat(index: Any, array: Any, name: str) -> None:
    """Raise unless `index` holds int64 places of the flattened tensor."""
    if index.dtype != INT64:
        text = f"{name}(): Expected a long tensor for index, but got {dtypes.BY_NUMPY[index.dtype].type_name}"
        raise errors.dtype_mismatch(text)
    size = array.size
    if not size and index.size:
        tried = "tried to take from" if name == "take" else "Tried to put elements into"
        raise errors.bad_index(f"{name}(): {tried} an empty tensor")
    wrong = first_outside(index, -size, size)
    if wrong is not None:
        raise errors.bad_index(f"out of range: tried to access index {wrong} on a tensor of {size} elements.")


def take_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of take."""
    array, index = values
    check_flat(index, array, "take")
    return Estimate(values, [(index.shape, array.dtype)], None, moved_bytes(array, None), index.size)


@op(take_rule, rows=True)
def take(input: Array, index: Array) -> Any:
    """The elements at places of the flattened tensor."""
    return input.reshape(-1)[index]


# torch saves the input for its size, and so guards it against changes
take.vjp(input=lambda g, input, index: take_backward(g, tuple(input.shape), index))


@op(sized, hidden=True, node="PutBackward0")
def take_backward(grad: Array, sizes: Size, index: Array) -> Any:
    """Zeros with each gradient added where it was taken from."""
    out = xp.zeros(math.prod(sizes), grad.dtype)
    arrays.backend_of(out).add_at(out, index, grad)
    return out.reshape(sizes)


take_backward.vjp(grad=lambda g, index: take(g, index))


def put_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of put: as many values as places."""
    array, index, source = values[:3]
    if source.dtype != array.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (array, source)]
        raise errors.dtype_mismatch(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {names[0]} and "
            f"source.dtype = {names[1]}"
        )
    if index.size != source.size and index.dtype == INT64:
        raise errors.bad_index(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.size}, index.numel() = {index.size}"
        )
    check_flat(index, array, "put_")
    held = source.size * (array.dtype.itemsize + 8 * (array.ndim + 2))
    return Estimate(values, [(array.shape, array.dtype)], None, held, source.size)


@op(put_rule, inplace=True, apart=True)
def put(input: Array, index: Array, source: Array, accumulate: bool = False) -> Any:
    """The tensor with values written, or added, at places of the flattened tensor."""
    out = xp.array(input)
    places, values = index.reshape(-1), source.reshape(-1)
    where = xp.unravel_index(xp.where(places < 0, places + out.size, places), out.shape) if out.ndim else ()
    if accumulate:
        arrays.backend_of(out).add_at(out, where, values if out.ndim else values.sum())
    elif values.size:
        out[where] = values if out.ndim else values[-1]
    return out


put.vjp(
    input=lambda g, index, source, accumulate: g if accumulate else put(g, index, zeros_like(source), False),
    source=lambda g, index, source_shape: reshape(take(g, index), source_shape),
)


@op(composed, composite=True)
def take_along_dim(input: Array, indices: Array, dim: int | None = None) -> Any:
    """The elements that `indices` points at along `dim`, other dims broadcast; of the flattened tensor without."""
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    shapes = [tuple(each.shape) for each in (input, indices)]
    if len(shapes[0]) != len(shapes[1]):
        raise errors.shape_mismatch(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(shapes[0])} dimensions for input, and {len(shapes[1])} dimensions for indices"
        )
    check_long(indices.dtype)
    dim = counted_dim(dim, len(shapes[0]))
    bare = [(*shape[:dim], 1, *shape[dim + 1 :]) for shape in shapes]
    common = broadcast(*bare)
    wide = [(*common[:dim], *shape[dim : dim + 1], *common[dim + 1 :]) for shape in shapes]
    return gather(expand(input, wide[0]), dim, expand(wrapped(indices, input.shape[dim]), wide[1]))


def check_long(dtype: Any) -> None:
    """Raise RuntimeError unless take_along_dim's indices are int64."""
    kind = dtype if isinstance(dtype, dtypes.DType) else dtypes.BY_NUMPY[dtype]
    if kind is not dtypes.int64:
        text = f"torch.take_along_dim(): dtype of indices should be Long but got {kind.type_name}"
        raise errors.dtype_mismatch(text)


def wrapped(indices: Any, size: int) -> Any:
    """A copy of places, those counted from the end, or beyond it, made those from the front.

    Raises RuntimeError for a dim without elements.
    """
    if not hasattr(indices, "_array"):
        return indices
    known = arrays.backend_of(indices._array) is arrays.NUMPY  # those on a GPU are not looked at
    if known and first_outside(indices._array, 0, size) is None:
        return wrap(indices._array.copy())
    if not size:
        raise errors.bad_argument("ZeroDivisionError")
    return wrap(indices._array % size)
