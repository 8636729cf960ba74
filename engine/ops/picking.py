"""Reading and writing whole entries along a dim by an index, and single elements by their place in the flat tensor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import adding, arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Number, Operand, Size
from engine.op import Op, is_number, op
from engine.ops.arithmetic import scaled
from engine.ops.creation import zeros_like
from engine.ops.gathering import gather
from engine.ops.reduction import sum
from engine.ops.views import expand, reshape
from engine.rules import INT64, argument, broadcast, check_number, default_dtype, with_values
from engine.tensor import check_dim, wrap


def check_vector(op: Op, index: Any, text: str = "Index is supposed to be a vector") -> None:
    """Raise unless an index has at most one dim."""
    if index.ndim > 1:
        raise errors.bad_index(f"{op.name.removesuffix('_')}(): {text}")


def check_places(index: Any, size: int, text: str = "index out of range in self") -> None:
    """Raise IndexError for an entry outside [0, size), as far as the values are known on the host."""
    if isinstance(index, np.ndarray) and index.size and (index.min() < 0 or index.max() >= size):
        raise errors.bad_index(text)


def length_of(array: Any, dim: int) -> int:
    """The length of a dim; 1 of a 0-d tensor."""
    size: int = array.shape[dim] if array.shape else 1
    return size


def index_select_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index_select."""
    array, dim, index = values
    dim = check_dim(dim, array.ndim)
    check_vector(op, index)
    if index.dtype not in (INT64, xp.int32):
        raise errors.dtype_mismatch("index_select(): Expected dtype int32 or int64 for index")
    if not array.ndim and index.size != 1:
        raise errors.shape_mismatch("index_select(): Index to scalar can have only 1 value, got 0 value(s)")
    check_places(index, length_of(array, dim))
    shape = (*array.shape[:dim], index.size, *array.shape[dim + 1 :]) if array.ndim else ()
    return Estimate([array, dim, index], [(shape, array.dtype)], None, 0, math.prod(shape))


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


def entries_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index_add and index_copy: a source with one entry for each place."""
    array, dim, index, source = values[:4]
    name = op.name.removesuffix("_")
    dim = check_dim(dim, array.ndim)
    if index.dtype not in (INT64, xp.int32) or (name == "index_copy" and index.dtype != INT64):
        wanted = "a long tensor for index" if name == "index_copy" else "dtype int32/int64 for index"
        raise errors.dtype_mismatch(f"{name}(): Expected {wanted}")
    check_vector(op, index, "Index should have dimension 1 or 0 (got 2)" if name == "index_copy" else VECTOR)
    check_entries(name, array, dim, index, source)
    if source.dtype != array.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (array, source)]
        raise errors.dtype_mismatch(
            f"{name}(): self and source expected to have the same dtype, but got (self) {names[0]} and (source) "
            f"{names[1]}"
        )
    check_places(index, length_of(array, dim), "index out of range in self")
    check_number(argument(op, values, "alpha", 1), array.dtype)
    itemsize = array.dtype.itemsize
    return Estimate(
        with_values(op, values, dim=dim), [(array.shape, array.dtype)], None, 3 * source.size * itemsize, source.size
    )


VECTOR = "Index is supposed to be a vector"


def check_entries(name: str, array: Any, dim: int, index: Any, source: Any) -> None:
    """Raise unless a source has the shape of the entries it goes to."""
    if source.ndim > 1 and dim >= source.ndim:
        raise errors.bad_index(f"{name}(): Indexing dim {dim} is out of bounds of tensor")
    if index.size != length_of(source, min(dim, max(source.ndim - 1, 0))):
        raise errors.bad_argument(
            f"{name}(): Number of indices ({index.size}) should be equal to source.size(dim): "
            f"({length_of(source, min(dim, max(source.ndim - 1, 0)))}), for dim: {dim}"
        )
    rest = [tuple(size for at, size in enumerate(each.shape) if at != dim) for each in (array, source)]
    if rest[0] != rest[1] or (name != "index_copy" and array.ndim != source.ndim):
        raise errors.shape_mismatch(
            f"source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(array.shape)} source.shape = {list(source.shape)}"
        )


def entries(source: Any, array: Any, dim: int) -> Any:
    """A source in the form of the entries it goes to."""
    return source if source.ndim == array.ndim else source.reshape((-1,) + (1,) * (array.ndim - 1))


@op(entries_rule, inplace=True)
def index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: Number = 1) -> Any:
    """The tensor with entries of `source` times `alpha` added at places of a dim."""
    added = source if alpha == 1 else source * source.dtype.type(alpha)
    if not input.ndim:
        return input + added.reshape(())
    out = xp.array(input, order="C")
    add_entries(out, dim, index, entries(added, input, dim))
    return out


index_add.vjp(
    input=lambda g: g,
    source=lambda g, source_shape, dim, index, alpha: scaled(selected_like(g, dim, index, source_shape), alpha),
)


def selected_like(g: Any, dim: int, index: Any, shape: Any) -> Any:
    """The entries of a gradient in the shape of the source they came from."""
    taken = index_select(g, dim, index)
    return taken if tuple(taken.shape) == tuple(shape) else reshape(taken, tuple(shape))


@op(entries_rule, inplace=True)
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
    if index.dtype not in (INT64, xp.int32):
        raise errors.coded(IndexError, "dtype_mismatch", "index_fill_(): Expected dtype int64 for index.")
    dim = check_dim(dim, array.ndim)
    if index.ndim > 1:
        raise errors.bad_index("Index has to be a vector/scalar")
    if not is_number(value) and value.ndim:
        raise errors.shape_mismatch(
            f"Only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )
    dtype = dtypes.BY_NUMPY[array.dtype]
    given = dtypes.number_dtype(value, default_dtype()) if is_number(value) else dtypes.BY_NUMPY[value.dtype]
    if given.is_complex and not dtype.is_complex:
        raise errors.dtype_mismatch(
            "index_fill_(): Converting complex Scalar to non-complex type is not supported"
            if is_number(value)
            else "value cannot be converted to type without overflow"
        )
    size = length_of(array, dim)
    if isinstance(index, np.ndarray) and index.size and (index.min() < -size or index.max() >= size):
        wrong = int(index.min() if index.min() < -size else index.max())
        raise errors.bad_index(f"index {wrong} is out of bounds for dimension {dim} with size {size}")
    return Estimate([array, dim, index, value], [(array.shape, array.dtype)], array.dtype, 0, array.size)


@op(index_fill_rule, inplace=True, cast=("value",), node="IndexFillBackward1", number_node="IndexFillBackward0")
def index_fill(input: Array, dim: int, index: Array, value: Operand) -> Any:
    """The tensor with one value at places of a dim."""
    out = xp.array(input)
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
        raise errors.bad_index(f"{name}(): tried to take from an empty tensor")
    if isinstance(index, np.ndarray) and index.size and (index.min() < -size or index.max() >= size):
        wrong = int(index.min() if index.min() < -size else index.max())
        raise errors.bad_index(f"out of range: tried to access index {wrong} on a tensor of {size} elements.")


def take_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of take."""
    array, index = values
    check_flat(index, array, "take")
    return Estimate(values, [(index.shape, array.dtype)], None, array.size * array.dtype.itemsize, index.size)


@op(take_rule, rows=True)
def take(input: Array, index: Array) -> Any:
    """The elements at places of the flattened tensor."""
    return input.reshape(-1)[index]


take.vjp(input=lambda g, input_shape, index: take_backward(g, input_shape, index))


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
    check_flat(index, array, "put_")
    if index.size != source.size:
        raise errors.bad_argument(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.size}, index.numel() = {index.size}"
        )
    held = source.size * (array.dtype.itemsize + 8 * (array.ndim + 2))
    return Estimate(values, [(array.shape, array.dtype)], None, held, source.size)


@op(put_rule, inplace=True)
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
        return gather(reshape(input, (-1,)), 0, wrapped(reshape(indices, (-1,)), math.prod(input.shape)))
    shapes = [tuple(each.shape) for each in (input, indices)]
    if len(shapes[0]) != len(shapes[1]):
        raise errors.shape_mismatch(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(shapes[0])} dimensions for input, and {len(shapes[1])} dimensions for indices"
        )
    dim = check_dim(dim, len(shapes[0]))
    bare = [(*shape[:dim], 1, *shape[dim + 1 :]) for shape in shapes]
    common = broadcast(*bare)
    wide = [(*common[:dim], *shape[dim : dim + 1], *common[dim + 1 :]) for shape in shapes]
    return gather(expand(input, wide[0]), dim, expand(wrapped(indices, input.shape[dim]), wide[1]))


def wrapped(indices: Any, size: int) -> Any:
    """Places counted from the end made those from the front."""
    if not hasattr(indices, "_array") or not bool((indices._array < 0).any()):
        return indices
    return wrap(xp.where(indices._array < 0, indices._array + size, indices._array))
