"""Writing elements where an index along a dim points, alone or combined with what is there."""

from __future__ import annotations

import math
from typing import Any

from engine import adding, arrays, dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate
from engine.kinds import Array, Number, Size
from engine.modes import warn_once
from engine.op import Op, op
from engine.ops.arithmetic import NOT_THERE, div, mul
from engine.ops.compare import eq, logical_and
from engine.ops.creation import ones_like, zeros_like
from engine.ops.gathering import check_range, gather, open_index
from engine.ops.joining import zeros_of
from engine.ops.picking import check_entries, check_places
from engine.ops.selection import masked_fill, where
from engine.rules import INT64, moved_bytes, refuse_dtype, same_as_input, stored, with_values
from engine.tensor import check_dim, wrap


def scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of every scatter: an index no larger than the tensor but along `dim`, nor than the source."""
    array, dim, index, src = values[:4]
    name = op.name.removesuffix("_")
    dim = check_dim(dim, array.ndim)
    source = src if hasattr(src, "shape") else None
    if index.dtype not in (INT64, xp.int32) and index.size:
        raise errors.dtype_mismatch("scatter(): Expected dtype int32/int64 for index")
    if source is not None and source.dtype != array.dtype:
        raise errors.dtype_mismatch("scatter(): Expected self.dtype to be equal to src.dtype")
    if index.size:
        check_cover(name, array, dim, index, source)
    check_range(index, dim, array.shape[dim] if array.ndim else 1)
    if source is None:
        src = stored(src, array.dtype)
    held = 8 * sum(size for at, size in enumerate(index.shape) if at != dim)  # the places along other dims
    held += 0 if index.dtype == INT64 else 8 * index.size
    if combines(op):
        held += 8 * index.size if moved_bytes(index, None) else 0
        held += (8 + max(array.dtype.itemsize, 4)) * index.size  # places in memory, and a source that is cut
    if combines(op) and array.dtype in dtypes.HALF_TYPES:
        held += 6 * array.size + 4 * index.size  # in float32
    values = [array, dim, index, src, *values[4:]]
    return Estimate(values, [(array.shape, array.dtype)], None, held, 2 * index.size)


def combines(op: Op) -> bool:
    """Whether a scatter combines what it writes with what is there."""
    return op.name.startswith("scatter_") or "reduce" in op.index


def check_cover(name: str, array: Any, dim: int, index: Any, source: Any) -> None:
    """Raise RuntimeError for an index with other dims than the tensor, or larger than it or the source."""
    counted = [max(each.ndim, 1) for each in (array, index) if each is not None]
    if counted[0] != counted[1]:
        raise errors.shape_mismatch("Index tensor must have the same number of dimensions as self tensor")
    lengths = index.shape or (1,)
    pairs = zip(array.shape, lengths, strict=False)
    beyond = any(want > have for at, (have, want) in enumerate(pairs) if at != dim)
    if source is None:
        if beyond:
            raise errors.shape_mismatch(
                f"Expected index {list(index.shape)} to be no larger than self {list(array.shape)} apart from "
                f"dimension {dim}"
            )
        return
    for at, want in enumerate(lengths):
        beyond = beyond or want > (source.shape[check_dim(at, source.ndim)] if source.ndim else 1)
    if max(source.ndim, 1) != counted[1]:
        raise errors.shape_mismatch("Index tensor must have the same number of dimensions as src tensor")
    if beyond:
        raise errors.shape_mismatch(
            f"Expected index {list(index.shape)} to be no larger than self {list(array.shape)} apart from dimension "
            f"{dim} and to be no larger size than src {list(source.shape)}"
        )


def opened(input: Any, dim: int, index: Any, src: Any) -> tuple[Any, Any, Any]:
    """A copy to write into, the full index into it, and the part of the source that the index covers."""
    out = xp.array(input, order="C")
    flat = out if out.ndim else out.reshape(1)
    index = index if index.ndim else index.reshape(1)
    if index.size == 0:
        return out, None, None
    if getattr(src, "ndim", 0):
        src = src[tuple(slice(size) for size in index.shape)]
    elif arrays.is_array(src):
        src = src.reshape(1)
    return out, (flat, open_index(index, dim)), src


def written(input: Any, dim: int, index: Any, src: Any) -> Any:
    """The tensor with elements of `src` where the index points."""
    out, place, values = opened(input, dim, index, src)
    if place is not None:
        flat, where_ = place
        flat[where_] = values
    return out


def combined(input: Any, dim: int, index: Any, src: Any, how: str) -> Any:
    """The tensor with elements of `src` combined into those the index points at; half types in float32."""
    wide = widened(input)
    out, place, values = opened(wide, dim, index, src)
    if place is not None:
        index = index if index.ndim else index.reshape(1)
        values = xp.broadcast_to(xp.asarray(values, dtype=out.dtype), index.shape)
        where_ = adding.flat_places(index, place[0].shape, dim)  # of one axis: that is what NumPy is quick for
        adding.combine_at(out.reshape(-1), (where_.reshape(-1),), values.reshape(-1), how)
    return out


@op(scatter_rule, inplace=True, apart=True)
def scatter(input: Array, dim: int, index: Array, src: Array) -> Any:
    """The tensor with elements of `src` written where `index` points along `dim`."""
    return written(input, dim, index, src)


scatter.vjp(
    input=lambda g, dim, index: scatter_number(g, dim, index, 0),
    src=lambda g, dim, index, src_shape: gathered(g, dim, index, src_shape),
)


@op(scatter_rule, name="scatter", inplace=True, apart=True, node="ScatterBackward1")
def scatter_number(input: Array, dim: int, index: Array, value: Number) -> Any:
    """The tensor with one value written where `index` points along `dim`."""
    return written(input, dim, index, arrays.scalar(value, input.dtype)[()])


scatter_number.vjp(input=lambda g, dim, index: scatter_number(g, dim, index, 0))


def gathered(g: Any, dim: int, index: Any, shape: Any) -> Any:
    """The gradient of a scattered source; zeros where the index does not reach."""
    if math_size(index) == 0 and math.prod(shape):
        return zeros_of(g, tuple(shape))
    taken = gather(g, dim, index)
    return taken if tuple(taken.shape) == tuple(shape) else corner(taken, tuple(shape))


def math_size(x: Any) -> int:
    """The number of elements of an array or tensor."""
    count = 1
    for each in x.shape:
        count *= each
    return count


@op(lambda op, values: Estimate(values, [(tuple(values[1]), values[0].dtype)]), hidden=True)
def corner(input: Array, sizes: Size) -> Any:
    """Zeros with the tensor in their leading corner."""
    out = xp.zeros(sizes, input.dtype)
    part = input if input.ndim == len(sizes) else input.reshape((1,) * len(sizes))
    out[tuple(slice(size) for size in part.shape)] = part
    return out


corner.vjp(input=lambda g, input_shape: cut_corner(g, input_shape))


@op(lambda op, values: Estimate(values, [(tuple(values[1]), values[0].dtype)]), hidden=True)
def cut_corner(input: Array, sizes: Size) -> Any:
    """The leading corner of a tensor."""
    part = sizes if len(sizes) == input.ndim else (1,) * input.ndim
    return xp.array(input[tuple(slice(size) for size in part)]).reshape(sizes)


cut_corner.vjp(input=lambda g, input_shape: corner(g, input_shape))


def combining_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of scatter with `reduce`."""
    reduce = values[op.index["reduce"]]
    if reduce not in ("add", "multiply"):
        raise errors.bad_argument("reduce argument must be either add or multiply.")
    if "src" in op.index:
        warn_once(
            "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed in a future "
            "PyTorch release. Use torch.scatter_reduce instead for more reduction options.",
            level=5,
        )
    return scatter_rule(op, values)


HOW = {"add": "sum", "multiply": "prod"}


@op(combining_rule, name="scatter", inplace=True, apart=True, node=NOT_THERE)
def scatter_combine(input: Array, dim: int, index: Array, src: Array, *, reduce: str) -> Any:
    """The tensor with elements of `src` added or multiplied in where `index` points."""
    return combined(input, dim, index, src, HOW[reduce])


@op(combining_rule, name="scatter", inplace=True, apart=True, node=NOT_THERE)
def scatter_combine_number(input: Array, dim: int, index: Array, value: Number, *, reduce: str) -> Any:
    """The tensor with one value added or multiplied in where `index` points."""
    return combined(input, dim, index, arrays.scalar(value, input.dtype)[()], HOW[reduce])


def no_derivative(g: Any) -> Any:
    """torch has no derivative of scatter with `reduce`."""
    raise errors.underived("scatter")


scatter_combine.vjp(input=no_derivative, src=no_derivative)
scatter_combine_number.vjp(input=no_derivative)


@op(scatter_rule, inplace=True, apart=True)
def scatter_add(input: Array, dim: int, index: Array, src: Array) -> Any:
    """The tensor with elements of `src` added where `index` points along `dim`."""
    return combined(input, dim, index, src, "sum")


scatter_add.vjp(input=lambda g: g, src=lambda g, dim, index, src_shape: gathered(g, dim, index, src_shape))


# -- scatter_reduce --------------------------------------------------------------------------------------------------


def scatter_reduce_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of scatter_reduce."""
    how = values[op.index["reduce"]]
    if how not in ("sum", "prod", "mean", "amax", "amin"):
        raise errors.bad_argument(f"reduce argument must be either sum, prod, mean, amax or amin, got {how!s:.64}")
    estimate = scatter_rule(op, values)
    dtype = dtypes.BY_NUMPY[values[0].dtype]
    if (how in ("amax", "amin") and dtype.is_complex) or (how == "mean" and dtype is dtypes.bool_):
        raise errors.not_implemented_for(f"scatter_gather_tensor_cpu_reduce_{how}", dtype.type_name)
    estimate.temporaries += reduced_bytes(values[0], how, values[op.index["include_self"]])
    return estimate


def reduced_bytes(array: Any, how: str, include_self: bool) -> int:
    """The bytes that `reduced` holds: the tensor without what is left out, counts and what they divide."""
    itemsize = array.dtype.itemsize
    width = 0 if include_self else itemsize
    if how == "mean":
        width += 8 + 2 * max(itemsize, 4)
    return width * int(array.size)


@op(scatter_reduce_rule, inplace=True, apart=True, real_grad="scatter_reduce")
def scatter_reduce(input: Array, dim: int, index: Array, src: Array, reduce: str, *, include_self: bool = True) -> Any:
    """The elements of `src` that go to one place reduced, with what is there unless not `include_self`."""
    return reduced(input, dim, index, src, reduce, include_self)


def reduced(input: Any, dim: int, index: Any, src: Any, how: str, include_self: bool) -> Any:
    """The kernel of scatter_reduce."""
    if not include_self:
        input = written(input, dim, index, neutral(how, input.dtype))
    out = combined(input, dim, index, src, "sum" if how == "mean" else how)
    if how == "mean":
        count = combined(xp.full(input.shape, int(include_self)), dim, index, 1, "sum")
        count = xp.maximum(count, 1)
        return out // count.astype(out.dtype) if out.dtype.kind in "iu" else out / count.astype(out.real.dtype)
    return out


def neutral(how: str, dtype: Any) -> Any:
    """The value that leaves a reduction as it is."""
    if how in ("sum", "mean", "prod"):
        return dtype.type(how == "prod")
    if dtype.kind == "b":
        return dtype.type(how == "amin")
    if dtype.kind in "iu":
        return getattr(xp.iinfo(dtype), "min" if how == "amax" else "max")
    return dtype.type("-inf" if how == "amax" else "inf")


scatter_reduce.vjp(
    input=lambda g, input, dim, index, src, reduce, include_self, out: reduced_input(
        g, input, dim, index, src, reduce, include_self, out
    ),
    src=lambda g, input, dim, index, src, reduce, include_self, out: reduced_source(
        g, input, dim, index, src, reduce, include_self, out
    ),
)


def reduced_input(g: Any, input: Any, dim: int, index: Any, src: Any, how: str, include_self: bool, out: Any) -> Any:
    """The gradient of a scattered reduction to the tensor itself."""
    if how == "prod":
        own = masked_fill(input, eq(input, 0), 1)
        g = div(mul(g, scatter_reduce(own, dim, index, src, how, include_self=include_self)), own)
    elif how == "mean":
        g = div(g, counts(g, dim, index, include_self))
    elif how != "sum":
        hits, share = shares(g, input, dim, index, src, out)
        g = mul(hits, share)
    return g if include_self else scatter_number(g, dim, index, 0)


def reduced_source(
    g: Any, input: Any, dim: int, index: Any, src: Any, how: str, include_self: bool, out: Any, name: str = "src"
) -> Any:
    """The gradient of a scattered reduction to the source, which is called `name`."""
    shape = tuple(src.shape)
    if math_size(index) == 0 and math_size(src):
        return zeros_like(src)
    if shape != tuple(index.shape):
        covered = cut_corner(src, tuple(index.shape))
        return corner(reduced_source(g, input, dim, index, covered, how, include_self, out, name), shape)
    if how == "sum":
        return gather(g, dim, index)
    if how == "mean":
        return gather(div(g, counts(g, dim, index, include_self)), dim, index)
    if how == "prod":
        return product_source(g, input, dim, index, src, include_self, out, name)
    _, share = shares(g, input, dim, index, src, out)
    return mul(eq(src, gather(out, dim, index)), gather(share, dim, index))


def counts(g: Any, dim: int, index: Any, include_self: bool) -> Any:
    """How many elements each mean is of, 1 where none."""
    start = ones_like(g) if include_self else zeros_like(g)
    ones = ones_like(gather(g, dim, index))
    count = scatter_add(start, dim, index, ones)
    return masked_fill(count, eq(count, 0), 1)


def shares(g: Any, input: Any, dim: int, index: Any, src: Any, out: Any) -> tuple[Any, Any]:
    """Where the tensor itself attains an extremum, and the equal share of all who do."""
    hits = eq(input, out)
    found = mul(ones_like(src), eq(src, gather(out, dim, index)))
    return hits, div(g, scatter_add(mul(ones_like(input), hits), dim, index, found))


def product_source(g: Any, input: Any, dim: int, index: Any, src: Any, include_self: bool, out: Any, name: str) -> Any:
    """The gradient of a scattered product to its factors, without a division by a single zero."""
    zero = eq(src, 0)
    zeros = gather(scatter_add(zeros_like(input), dim, index, mul(ones_like(src), zero)), dim, index)
    alone = logical_and(zero, eq(zeros, 1))
    rest = scatter_reduce(input, dim, index, masked_fill(src, alone, 1), "prod", include_self=include_self)
    others = div(gather(mul(g, out), dim, index), masked_fill(src, zero, 1))
    made = where(alone, gather(mul(g, rest), dim, index), others)
    if hasattr(g, "_array") and bool((zeros._array > 1).any()):
        return once_only(made, f"{'scatter' if name == 'src' else 'index'}_reduce", name)
    return made


@op(same_as_input, hidden=True, node="Error")
def once_only(input: Array, op_name: str, name: str) -> Any:
    """A gradient that has none itself: that of a product with several zeros."""
    return xp.array(input)


def no_second(op_name: str, name: str) -> Any:
    """torch has no second derivative there."""
    raise errors.coded(
        RuntimeError,
        "not_differentiable",
        f"{op_name}(): Double backward is unsupported for {name} when >1 zeros in {name} are scattered to the same "
        "position in self",
    )


once_only.vjp(input=lambda g, op_name, name: no_second(op_name, name))


# -- index_reduce ----------------------------------------------------------------------------------------------------


def index_reduce_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of index_reduce: one entry of the source for each place."""
    array, dim, index, source, how = values[:5]
    dim = check_dim(dim, array.ndim)
    if how not in ("prod", "mean", "amax", "amin"):
        raise errors.bad_argument(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {how!s:.64}."
        )
    check_entries("index_reduce_()", array, dim, index, source)
    warn_once("index_reduce() is in beta and the API may change at any time.", level=5)
    check_places(index, array.shape[dim] if array.ndim else 1)
    kernel = "index_func_" if values[5] else "index_reduce_func_exclude_input_init"
    refuse_dtype(op, dtypes.BY_NUMPY[array.dtype], (dtypes.BOOL, dtypes.COMPLEX), kernel)
    held = 16 * (source.size + sum(source.shape))  # the index, and where it points in memory
    held += (8 * source.size if moved_bytes(source, None) else 0) + reduced_bytes(array, how, values[5])
    if array.dtype in dtypes.HALF_TYPES:
        held += 6 * array.size + 4 * source.size
    return Estimate(with_values(op, values, dim=dim), [(array.shape, array.dtype)], None, held, 2 * source.size)


@op(index_reduce_rule, inplace=True, apart=True)
def index_reduce(input: Array, dim: int, index: Array, source: Array, reduce: str, *, include_self: bool = True) -> Any:
    """The entries of `source` that go to one place of a dim reduced, with what is there unless not `include_self`."""
    return reduced(input, dim, along(index, source, dim), source, reduce, include_self)


def along(index: Any, source: Any, dim: int) -> Any:
    """A vector of places as an index of the source's shape."""
    if hasattr(index, "_array"):
        return wrap(along(index._array, source._array, dim))
    if not source.ndim:
        return index.reshape(())
    library = arrays.backend_of(index).xp  # formulas call this on tensors too
    return library.array(library.broadcast_to(index.reshape((-1,) + (1,) * (source.ndim - 1 - dim)), source.shape))


index_reduce.vjp(
    input=lambda g, input, dim, index, source, reduce, include_self, out: reduced_input(
        g, input, dim, along(index, source, dim), source, reduce, include_self, out
    ),
    source=lambda g, input, dim, index, source, reduce, include_self, out: reduced_source(
        g, input, dim, along(index, source, dim), source, reduce, include_self, out, "source"
    ),
)
