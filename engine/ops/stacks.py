"""Joining and splitting by named directions, and tensors brought to a common form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from engine import arrays, errors
from engine.arguments import kind_of
from engine.arrays import xp
from engine.infer import Meta, composed
from engine.kinds import Array, Arrays, Size
from engine.modes import state, warn_once
from engine.op import Function, Op, alias, op, registry
from engine.ops.copies import contiguous_copy
from engine.ops.joining import cat, split_with_sizes, stack
from engine.ops.masks import masked_select
from engine.ops.views import alias_, expand, permute, reshape, slice_, unsafe_view, unsqueeze, view
from engine.rules import broadcast
from engine.shapes import LARGEST_BYTES, check_parts, infer_size
from engine.tensor import check_dim, wrap


class Several(Function):
    """A function that takes its tensors one by one; a single list of them is understood too."""

    __slots__ = ()

    def bound(self, args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> Any:
        """Gather the tensors into the list that the op takes."""
        alone = len(args) == 1 and not hasattr(args[0], "_array") and not isinstance(args[0], (list, tuple))
        if alone and self.name.startswith("atleast"):
            text = f"{self.name}() received an invalid combination of arguments - got ({kind_of(args[0])})"
            raise errors.bad_type(text)
        listed = len(args) == 1 and isinstance(args[0], (list, tuple))
        if self.ops[0].params[0].name not in kwargs and not listed:
            args = (list(args),)
        made = super().bound(args, kwargs, method)
        return (made,) if listed and hasattr(made, "_array") and self.name.startswith("atleast") else made


def several(made: Op) -> None:
    """Let an op's function take its tensors one by one."""
    function = Several(made.name)
    function.ops = registry[made.name].ops
    registry[made.name] = function


# -- at least so many dims -------------------------------------------------------------------------------------------


def one_or_all(tensors: list[Any], shaped: Any) -> Any:
    """A single tensor in its new form, or a tuple of several."""
    made = [shaped(each) for each in tensors]
    return made[0] if len(made) == 1 else tuple(made)


def at_least_1(x: Any) -> Any:
    """With at least one dim."""
    return x if len(x.shape) else reshape(x, (1,))


def at_least_2(x: Any) -> Any:
    """With at least two dims, new ones in front."""
    if not len(x.shape):
        return reshape(x, (1, 1))
    return unsqueeze(x, 0) if len(x.shape) == 1 else x


def at_least_3(x: Any) -> Any:
    """With at least three dims: a vector becomes (1, n, 1), a matrix gets a last dim."""
    if not len(x.shape):
        return reshape(x, (1, 1, 1))
    if len(x.shape) == 1:
        return unsqueeze(unsqueeze(x, 0), 2)
    return unsqueeze(x, 2) if len(x.shape) == 2 else x


@op(composed, composite=True, method=False)
def atleast_1d(tensors: Arrays) -> Any:
    """The tensors, 0-d ones with a dim."""
    return one_or_all(tensors, at_least_1)


@op(composed, composite=True, method=False)
def atleast_2d(tensors: Arrays) -> Any:
    """The tensors with at least two dims, new ones in front."""
    return one_or_all(tensors, at_least_2)


@op(composed, composite=True, method=False)
def atleast_3d(tensors: Arrays) -> Any:
    """The tensors with at least three dims: a vector becomes (1, n, 1), a matrix gets a last dim."""
    return one_or_all(tensors, at_least_3)


@op(composed, composite=True, method=False, returns_list=True)
def broadcast_tensors(tensors: Arrays) -> Any:
    """The tensors expanded to their common shape, as views."""
    if not tensors:
        return ()
    shape = broadcast(*[tuple(each.shape) for each in tensors])
    return tuple(each if tuple(each.shape) == shape else expand(each, shape) for each in tensors)


@op(composed, composite=True, method=False, returns_list=True)
def meshgrid(tensors: Arrays, *, indexing: str | None = None) -> Any:
    """Vectors expanded to the grid they span, as views; with `indexing="xy"` the second varies along the first dim."""
    check_grid(tensors, indexing)
    if indexing is None:
        warn_once("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", level=6)
    flip = indexing == "xy" and len(tensors) >= 2
    order = [tensors[1], tensors[0], *tensors[2:]] if flip else tensors
    sizes = tuple(math.prod(each.shape) for each in order)
    grids = []
    for at, each in enumerate(order):
        line = view(each, tuple(size if place == at else 1 for place, size in enumerate(sizes)))
        grids.append(expand(line, sizes))
    if flip:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def check_grid(tensors: list[Any], indexing: str | None) -> None:
    """Raise RuntimeError for what does not span a grid."""
    if not tensors:
        raise errors.bad_argument("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise errors.bad_argument(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing!s:.64}'
        )
    for each in tensors:
        if len(each.shape) > 1:
            raise errors.shape_mismatch(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {each!r:.200}"
            )
        if each.dtype != tensors[0].dtype:
            raise errors.dtype_mismatch("meshgrid expects all tensors to have the same dtype")


@op(composed, composite=True, method=False)
def cartesian_prod(tensors: Arrays) -> Any:
    """All combinations of an element of each vector, one in each row."""
    for each in tensors:
        if len(each.shape) != 1:
            raise errors.shape_mismatch(f"Expect a 1D vector, but got shape {list(each.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([flattened(each) for each in meshgrid(tensors, indexing="ij")], 1)


def flattened(grid: Any) -> Any:
    """An expanded tensor in one dimension."""
    if len(grid.shape) == 1:
        return grid
    return unsafe_view(contiguous_copy(grid), (math.prod(grid.shape),))


for _made in (atleast_1d, atleast_2d, atleast_3d, broadcast_tensors, meshgrid, cartesian_prod):
    several(_made)


@op(composed, composite=True)
def combinations(input: Array, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of `r` elements of a vector in their order, one in each row."""
    if len(input.shape) != 1:
        raise errors.shape_mismatch(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise errors.bad_argument(f"Expect a non-negative number, but got {r}")
    size = input.shape[0]
    if not r:
        return input.new_zeros((0,)) if hasattr(input, "_array") else Meta((0,), input.dtype)
    check_room(size, r)
    if not hasattr(input, "_array"):
        count = math.comb(size + r - 1 if with_replacement else size, r)
        return Meta((count, r), input.dtype)
    mask = wrap(arrays.put(chosen_mask(size, r, with_replacement), input.device))
    return stack([masked_select(each, mask) for each in meshgrid([input] * r, indexing="ij")], 1)


def check_room(size: int, r: int) -> None:
    """Raise RuntimeError or MemoryError for a grid of `r` dims of this size that nobody can hold."""
    if r > 64:
        raise errors.shape_mismatch(f"tensor has too many (>64) dims: {r}")
    held = 8 * r * size**r  # its places, dim by dim
    if held > LARGEST_BYTES:
        raise errors.coded(RuntimeError, "too_large", "numel: integer multiplication overflow")
    if state.ctx.guard is not None:
        state.ctx.guard.result("combinations", held)


def chosen_mask(size: int, r: int, with_replacement: bool) -> Any:
    """Where in the grid of places these rise."""
    places = xp.meshgrid(*[xp.arange(size)] * r, indexing="ij", sparse=True)
    mask = xp.ones((size,) * r, bool)
    for one, other in itertools.pairwise(places):
        mask &= one <= other if with_replacement else one < other
    return mask


# -- joining ---------------------------------------------------------------------------------------------------------


def check_some(tensors: list[Any], name: str) -> None:
    """Raise RuntimeError for an empty list."""
    if not tensors:
        raise errors.bad_argument(f"{name} expects a non-empty TensorList")


@op(composed, composite=True, method=False)
def hstack(tensors: Arrays) -> Any:
    """The tensors side by side: along the second dim, vectors along their only one."""
    check_some(tensors, "hstack")
    whole = [at_least_1(each) for each in tensors]
    return cat(whole, 0 if len(whole[0].shape) == 1 else 1)


@op(composed, composite=True, method=False)
def vstack(tensors: Arrays) -> Any:
    """The tensors on top of each other, vectors as rows."""
    check_some(tensors, "vstack")
    return cat([at_least_2(each) for each in tensors], 0)


alias(vstack, "row_stack")


@op(composed, composite=True, method=False)
def dstack(tensors: Arrays) -> Any:
    """The tensors behind each other, along the third dim."""
    check_some(tensors, "dstack")
    return cat([at_least_3(each) for each in tensors], 2)


@op(composed, composite=True, method=False)
def column_stack(tensors: Arrays) -> Any:
    """The tensors side by side, vectors as columns."""
    check_some(tensors, "column_stack")
    return hstack([each if len(each.shape) > 1 else reshape(each, (math.prod(each.shape), 1)) for each in tensors])


# -- splitting -------------------------------------------------------------------------------------------------------


def pieces(input: Any, bounds: Sequence[int], dim: int) -> Any:
    """The parts of a dim between bounds, as views of their own."""
    starts, ends = [0, *bounds], [*bounds, input.shape[dim]]
    return tuple(slice_(input, dim, start, end, 1) for start, end in zip(starts, ends, strict=True))


def even_bounds(length: int, sections: int) -> list[int]:
    """Where parts begin whose lengths differ by at most one, the longer ones first."""
    if sections <= 0:
        raise errors.bad_argument(f"number of sections must be larger than 0, got {sections}")
    size, longer = divmod(length, check_parts(sections))
    return [at * size + min(at, longer) for at in range(1, sections)]


def split_dim(input: Any, dim: int, name: str = "tensor_split") -> int:
    """The dim to split along.

    Raises RuntimeError for a 0-d tensor.
    """
    if not len(input.shape):
        raise errors.shape_mismatch(f"{name} expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    return check_dim(dim, len(input.shape))


@op(composed, composite=True, returns_list=True)
def tensor_split(input: Array, sections: int, dim: int = 0) -> Any:
    """So many parts of a dim, as views, whose lengths differ by at most one."""
    dim = split_dim(input, dim)
    return pieces(input, even_bounds(input.shape[dim], sections), dim)


@op(composed, name="tensor_split", composite=True, returns_list=True)
def tensor_split_at(input: Array, indices: Size, dim: int = 0) -> Any:
    """The parts of a dim between places, as views."""
    return pieces(input, indices, split_dim(input, dim))


@op(composed, name="tensor_split", composite=True, returns_list=True)
def tensor_split_by(input: Array, tensor_indices_or_sections: Array, dim: int = 0) -> Any:
    """The parts of a dim between places given as a tensor, or so many as a 0-d one says."""
    dim = split_dim(input, dim)
    given = tensor_indices_or_sections
    if len(given.shape) > 1:
        raise errors.shape_mismatch(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but "
            f"got a tensor with {len(given.shape)} dims"
        )
    if given.dtype.name != "int64":
        name = getattr(given.dtype, "type_name", given.dtype.name)
        raise errors.dtype_mismatch(
            f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {name}"
        )
    if isinstance(given, Meta):
        raise errors.coded(
            NotImplementedError, "not_implemented", "tensor_split(): the size of the result depends on values"
        )
    if not len(given.shape):
        return pieces(input, even_bounds(input.shape[dim], int(given.item())), dim)
    return pieces(input, given.tolist(), dim)


registry["tensor_split"].ops.insert(
    0, registry["tensor_split"].ops.pop()
)  # a tensor first: a one-element one passes as an int too


def directed(name: str, least: int, dim_of: Any, doc: str) -> None:
    """Declare a split along a named direction: into so many parts, or at places."""

    def checked(input: Any) -> int:
        ndim = len(input.shape)
        if ndim < least:
            raise errors.shape_mismatch(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {ndim} "
                "dimensions!"
            )
        dim: int = dim_of(ndim)
        return dim

    def into(input: Array, sections: int) -> Any:
        dim = checked(input)
        if not sections or input.shape[dim] % sections:
            raise errors.shape_mismatch(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
                f"{input.shape[dim]} is not divisible by the split_size {sections}!"
            )
        return pieces(input, even_bounds(input.shape[dim], sections), dim)

    def between(input: Array, indices: Size) -> Any:
        return pieces(input, indices, checked(input))

    for kernel in (into, between):
        kernel.__doc__ = doc
        op(composed, name=name, composite=True, returns_list=True)(kernel)


directed("hsplit", 1, lambda ndim: 0 if ndim == 1 else 1, "Parts side by side, as views: along the second dim.")
directed("vsplit", 2, lambda ndim: 0, "Parts on top of each other, as views: along the first dim.")
directed("dsplit", 3, lambda ndim: 2, "Parts behind each other, as views: along the third dim.")


@op(composed, name="split_with_sizes", composite=True, returns_list=True)
def split_with_sizes_of(input: Array, split_sizes: Size, dim: int = 0) -> Any:
    """Consecutive parts of the given sizes along a dim, as views."""
    return split_with_sizes(input, split_sizes, dim)


# -- moving and cutting dims -----------------------------------------------------------------------------------------


def moved(ndim: int, source: Any, destination: Any) -> tuple[int, ...]:
    """The order of dims that takes each source dim to its destination, the others as they were."""
    if len(source) != len(destination):
        raise errors.bad_argument(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same "
            f"number of dims as destination ({list(destination)} dims)"
        )
    here, there = (tuple(check_dim(each, ndim) for each in dims) for dims in (source, destination))
    for name, dims, given in (("source", here, source), ("destination", there, destination)):
        if len(set(dims)) != len(dims):
            raise errors.bad_argument(f"movedim: repeated dim in `{name}` ({list(given)})")
    if not ndim:
        return ()
    rest = iter(at for at in range(ndim) if at not in here)
    goes = dict(zip(there, here, strict=True))
    return tuple(goes[at] if at in goes else next(rest) for at in range(ndim))


@op(composed, composite=True)
def movedim(input: Array, source: int, destination: int) -> Any:
    """A dim taken to another place, the others in their order, as a view."""
    return movedims(input, (source,), (destination,))


@op(composed, name="movedim", composite=True)
def movedims(input: Array, source: Size, destination: Size) -> Any:
    """Dims taken to other places, the others in their order, as a view."""
    order = moved(len(input.shape), source, destination)
    return permute(input, order) if order else alias_(input)


alias(movedim, "moveaxis")


@op(composed, composite=True)
def unflatten(input: Array, dim: int, sizes: Size) -> Any:
    """One dim as several, as a view; one size may be -1."""
    shape = tuple(input.shape)
    dim = check_dim(dim, len(shape))
    if not sizes:
        raise errors.bad_argument("unflatten: sizes must be non-empty")
    if not shape:
        text = f"unflatten got an unexpected error:\nDimension specified as {dim} but tensor has no dimensions"
        raise errors.shape_mismatch(text)
    try:
        whole = infer_size(tuple(sizes), shape[dim])
    except RuntimeError as error:
        if "is invalid for input" not in str(error):
            raise errors.shape_mismatch(f"unflatten got an unexpected error:\n{error}") from None
        raise errors.shape_mismatch(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in "
            "the input tensor"
        ) from None
    return view(input, (*shape[:dim], *whole, *shape[dim + 1 :]))
