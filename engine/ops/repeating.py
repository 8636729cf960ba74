"""Tensors made longer by their own elements: repeat, tile, repeat_interleave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Size
from engine.op import Op, op
from engine.ops.copies import contiguous_copy, copied
from engine.ops.creation import checked_size
from engine.ops.picking import index_select
from engine.ops.reduction import sum_dim
from engine.ops.views import expand, reshape, unsqueeze, view
from engine.rules import INT64, moved_bytes
from engine.shapes import LARGEST_BYTES
from engine.tensor import check_dim


def repeat_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of repeat: a count for each dim, and for new ones in front."""
    array, repeats = values
    extra = len(repeats) - array.ndim
    if extra < 0:
        raise errors.shape_mismatch(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    shape = checked_size([size * times for size, times in zip((*[1] * extra, *array.shape), repeats, strict=True)])
    estimate = copied([array, tuple(repeats)], shape)
    times = [each for each in repeats if each != 1]
    if len(times) > 1:  # tile goes dim by dim
        estimate.temporaries = math.prod(shape) // max(times[-1], 1) * array.dtype.itemsize
    estimate.temporaries += moved_bytes(array, None)
    return estimate


@op(repeat_rule, function=False, rows=True)
def repeat(input: Array, repeats: Size) -> Any:
    """The tensor `repeats` times along each dim; counts beyond its dims make new ones in front."""
    if [each for each in repeats if each < 0]:
        return xp.tile(input, tuple(max(each, 0) for each in repeats))  # of nothing
    return xp.tile(input, repeats) if repeats else xp.array(input)


repeat.vjp(input=lambda g, input_shape, repeats: repeat_backward(g, input_shape, repeats))


def repeat_backward(g: Any, shape: Any, repeats: Any) -> Any:
    """The sum over the repetitions."""
    if not repeats:
        return g
    padded = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    pairs = tuple(each for pair in zip(repeats, padded, strict=True) for each in pair)
    return reshape(sum_dim(reshape(g, pairs), tuple(range(0, len(pairs), 2)), False), tuple(shape))


@op(composed, composite=True)
def tile(input: Array, dims: Size) -> Any:
    """The tensor `dims` times along each dim; counts there are none for are 1."""
    return repeat(input, (1,) * (len(input.shape) - len(dims)) + tuple(dims))


def places_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the index that repeats each place: as long as the counts add up to."""
    repeats, total = values
    if repeats.dtype.kind not in "iu":
        raise errors.not_implemented_for("repeat_interleave_cpu", dtypes.BY_NUMPY[repeats.dtype].type_name)
    if repeats.ndim != 1:
        raise errors.shape_mismatch("repeat_interleave only accept 1D vector as repeat")
    if isinstance(repeats, Meta):
        if total is None:
            raise errors.coded(
                NotImplementedError, "not_implemented", "repeat_interleave(): the size of the result depends on values"
            )
    else:
        if repeats.size and int(repeats.min()) < 0:
            raise errors.bad_argument("repeats can not be negative")
        if float(repeats.sum(dtype=np.float64)) > LARGEST_BYTES:  # the exact sum may wrap around
            raise errors.too_large("repeat_interleave(): the repeats add up to more than any tensor holds")
        known = int(repeats.sum())
        if total is not None and total != known:
            raise errors.bad_argument(
                "allocated size does not match required size" if isinstance(repeats, np.ndarray) else "output_size"
            )
        total = known
    return Estimate([repeats, total], [((total,), INT64)], None, 8 * repeats.size, total)


@op(places_rule, name="repeat_interleave")
def repeated_places(repeats: Array, *, output_size: int | None = None) -> Any:
    """Each place as often as its count says."""
    return xp.repeat(xp.arange(repeats.size), repeats)


@op(composed, name="repeat_interleave", composite=True)
def repeat_entries(input: Array, repeats: Array, dim: int | None = None, *, output_size: int | None = None) -> Any:
    """Each entry of a dim as often as its count says; of the flattened tensor without `dim`."""
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    if len(repeats.shape) > 1:
        raise errors.shape_mismatch("repeats must be 0-dim or 1-dim tensor")
    dim = check_dim(dim, len(input.shape))
    scalar = not len(input.shape)
    if scalar:
        input = reshape(input, (1,))
    length = input.shape[dim]
    if not len(repeats.shape) or (repeats.shape[0] == 1 and length != 1):
        repeats = expand(reshape(repeats, (1,)), (length,))
    elif repeats.shape[0] != length:
        raise errors.shape_mismatch(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{repeats.shape[0]} and input.size({dim}) = {length}"
        )
    return index_select(input, dim, repeated_places(repeats, output_size=output_size))


@op(composed, name="repeat_interleave", composite=True)
def repeat_each(input: Array, repeats: int, dim: int | None = None, *, output_size: int | None = None) -> Any:
    """Each entry of a dim `repeats` times; of the flattened tensor without `dim`."""
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    shape = tuple(input.shape)
    dim = check_dim(dim, len(shape))
    if not shape:
        raise errors.dim_out_of_range(1, 0)
    if repeats < 0:
        raise errors.bad_argument("Repeats must be non-negative")
    if output_size is not None and output_size != repeats * shape[dim]:
        raise errors.bad_argument(
            f"repeat_interleave: Invalid output_size, expected {repeats * shape[dim]} but got {output_size}"
        )
    wide = expand(unsqueeze(input, dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
    return view(contiguous_copy(wide), (*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]))
