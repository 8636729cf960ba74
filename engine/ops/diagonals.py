"""Diagonals and triangles of matrices: read, written, made, and where they lie."""

from __future__ import annotations

from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, DeviceLike, Dtype, Size
from engine.op import Op, op
from engine.ops.copies import copied
from engine.ops.creation import factory
from engine.ops.joining import zeros_of
from engine.ops.views import reshape, viewed
from engine.rules import Shape
from engine.tensor import check_dim


def two_dims(values: list[Any], ndim: int, at: int) -> list[Any]:
    """The arguments with `dim1` and `dim2` normalised; these must differ."""
    first, second = (check_dim(each, ndim) for each in values[at : at + 2])
    if first == second:
        raise errors.bad_argument(f"diagonal dimensions cannot be identical {values[at]}, {values[at + 1]}")
    return [*values[:at], first, second, *values[at + 2 :]]


def diagonal_shape(shape: Shape, offset: int, dim1: int, dim2: int) -> Shape:
    """The shape of a diagonal: its dims gone, its length last."""
    rows, columns = shape[dim1], shape[dim2]
    length = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    return (*(size for at, size in enumerate(shape) if at not in (dim1, dim2)), length)


def diagonal_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of diagonal."""
    values = two_dims(values, values[0].ndim, 2)
    return viewed(values, diagonal_shape(values[0].shape, *values[1:]))


def diagonal_in(array: Any, offset: int, dim1: int, dim2: int) -> Any:
    """A diagonal as a view that may be written to."""
    *others, length = diagonal_shape(array.shape, offset, dim1, dim2)
    strides = arrays.element_strides(array)
    start = offset * strides[dim2] if offset >= 0 else -offset * strides[dim1]
    steps = [step for at, step in enumerate(strides) if at not in (dim1, dim2)]
    return arrays.as_strided(array, (*others, length), (*steps, strides[dim1] + strides[dim2]), start)


@op(diagonal_rule, view=True)
def diagonal(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal over two dims, as a view; its length is the last dim."""
    return diagonal_in(input, offset, dim1, dim2)


diagonal.vjp(input=lambda g, input_shape, offset, dim1, dim2: diagonal_backward(g, input_shape, offset, dim1, dim2))


@op(lambda op, values: copied(values, tuple(values[1])), hidden=True, node="DiagonalBackwardBackward0")
def diagonal_backward(grad: Array, sizes: Size, offset: int, dim1: int, dim2: int) -> Any:
    """Zeros with a diagonal filled in."""
    out = xp.zeros(sizes, grad.dtype)
    diagonal_in(out, offset, dim1, dim2)[...] = grad
    return out


diagonal_backward.vjp(grad=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2))


def embed_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of diag_embed: two dims more than the input's, in the place of its last."""
    array, offset = values[:2]
    values = two_dims(values, array.ndim + 1, 2)
    if not array.ndim:
        raise errors.dim_out_of_range(-1, 0)
    shape = list(array.shape[:-1])
    for at in sorted(values[2:]):
        shape.insert(at, array.shape[-1] + abs(offset))
    return copied(values, tuple(shape))


@op(embed_rule)
def diag_embed(input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices of zeros with the last dim on their diagonals."""
    shape = list(input.shape[:-1])
    for at in (min(dim1, dim2), max(dim1, dim2)):
        shape.insert(at, input.shape[-1] + abs(offset))
    out = xp.zeros(shape, input.dtype)
    diagonal_in(out, offset, dim1, dim2)[...] = input
    return out


diag_embed.vjp(input=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2))


def diagonal_copy_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of diagonal_copy."""
    estimate = diagonal_rule(op, values)
    return copied(estimate.values, estimate.outputs[0][0])


def clipped(array: Any, offset: int, dim1: int = -2, dim2: int = -1) -> int:
    """An offset, or the nearest one beyond the matrices' corners: NumPy takes no larger ones."""
    nearest: int = max(-array.shape[dim1], min(offset, array.shape[dim2]))
    return nearest


@op(diagonal_copy_rule, node="DiagonalBackward0_copy", method=False)
def diagonal_copy(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal over two dims, as a copy."""
    return xp.array(xp.diagonal(input, clipped(input, offset, dim1, dim2), dim1, dim2), order="C")


diagonal_copy.vjp(
    input=lambda g, input_shape, offset, dim1, dim2: diagonal_backward(g, input_shape, offset, dim1, dim2)
)


@op(composed, composite=True)
def diag(input: Array, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, as a copy; a matrix with a vector on its diagonal."""
    ndim = len(input.shape)
    if ndim not in (1, 2):
        raise errors.shape_mismatch(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return diag_embed(input, diagonal, 0, 1) if ndim == 1 else diagonal_copy(input, diagonal, 0, 1)


@op(composed, composite=True)
def diagflat(input: Array, offset: int = 0) -> Any:
    """A matrix of zeros with all elements on its diagonal."""
    return diag_embed(reshape(input, (-1,)), offset, 0, 1)


def scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of diagonal_scatter: a source of the diagonal's shape."""
    array, src = values[:2]
    values = two_dims(values, array.ndim, 3)
    shape = diagonal_shape(array.shape, *values[2:])
    if src.shape != shape:
        raise errors.shape_mismatch(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(shape)}"
        )
    return copied(values, array.shape)


@op(scatter_rule)
def diagonal_scatter(input: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The tensor with `src` on a diagonal."""
    out = xp.array(input)
    diagonal_in(out, offset, dim1, dim2)[...] = arrays.cast(src, out.dtype)
    return out


diagonal_scatter.vjp(
    input=lambda g, src_shape, offset, dim1, dim2: diagonal_scatter(g, zeros_of(g, src_shape), offset, dim1, dim2),
    src=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2),
)


# -- triangles -------------------------------------------------------------------------------------------------------


def triangle_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of tril and triu: matrices."""
    array = values[0]
    if array.ndim < 2:
        name = op.name.removesuffix("_")
        raise errors.shape_mismatch(f"{name}: input tensor must have at least 2 dimensions")
    estimate = copied(values, array.shape)
    estimate.temporaries = array.shape[-1] * array.shape[-2]
    return estimate


@op(triangle_rule, inplace=True, rows=True)
def tril(input: Array, diagonal: int = 0) -> Any:
    """The matrices with zeros above a diagonal."""
    return xp.tril(input, clipped(input, diagonal))


tril.vjp(input=lambda g, diagonal: tril(g, diagonal))


@op(triangle_rule, inplace=True, rows=True)
def triu(input: Array, diagonal: int = 0) -> Any:
    """The matrices with zeros below a diagonal."""
    return xp.triu(input, clipped(input, diagonal))


triu.vjp(input=lambda g, diagonal: triu(g, diagonal))


def below(rows: int, columns: int, offset: int) -> int:
    """How many elements of a matrix lie on or below a diagonal."""
    first = min(max(-offset, 0), rows)  # rows before it have none
    full = min(max(columns - offset - 1, first), rows)  # rows from it on have all
    rising = full - first
    return rising * (first + offset + 1) + rising * (rising - 1) // 2 + (rows - full) * columns


def indices_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of tril_indices and triu_indices."""
    rows, columns, offset = values[:3]
    for name, each in (("row", rows), ("col", columns)):
        if each < 0:
            raise errors.bad_argument(f"{name} must be non-negative, got{each}")
    count = below(rows, columns, offset)
    if op.name == "triu_indices":
        count = rows * columns - below(rows, columns, offset - 1)
    dtype = values[op.index["dtype"]]
    if dtype is not None and dtype not in (dtypes.int32, dtypes.int64):
        raise errors.not_implemented_for(op.name, dtype.type_name)
    estimate = factory(op, values, (2, count), dtypes.int64)
    estimate.temporaries = 64 * count
    return estimate


def places(starts: Any, ends: Any, first: int, dtype: Any) -> Any:
    """Row numbers and column numbers of rows from `first` on, each from its start to before its end."""
    lengths = ends - starts
    rows = xp.repeat(xp.arange(first, first + lengths.size), lengths)
    before = xp.repeat(xp.cumsum(lengths) - lengths - starts, lengths)
    return xp.stack([rows, xp.arange(rows.size) - before]).astype(dtype)


@op(indices_rule, method=False, leaf=True)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Any:
    """The places on and below a diagonal, row by row: a row of row numbers and one of column numbers."""
    first = min(max(-offset, 0), row if col else 0)  # rows before it have none
    ends = xp.minimum(xp.arange(first, row if col else 0) + max(min(offset, col), -row) + 1, col)
    return places(xp.zeros_like(ends), ends, first, dtype.numpy)


@op(indices_rule, method=False, leaf=True)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Any:
    """The places on and above a diagonal, row by row: a row of row numbers and one of column numbers."""
    last = max(min(col - offset, row), 0) if col else 0  # rows from it on have none
    starts = xp.maximum(xp.arange(last) + max(offset, -row), 0)
    return places(starts, xp.full_like(starts, col), 0, dtype.numpy)
