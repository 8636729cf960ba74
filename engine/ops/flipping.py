"""Turning tensors round: flips, rolls, quarter turns."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Size
from engine.op import Op, op
from engine.ops.copies import copied
from engine.rules import moved_bytes, normal_dims
from engine.tensor import check_dim


def flip_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of flip: every dim at most once."""
    array, dims = values
    return copied([array, (normal_dims(dims, array.ndim) or ()) if dims else ()], array.shape)


@op(flip_rule)
def flip(input: Array, dims: Size) -> Any:
    """The elements in reverse order along the dims."""
    return xp.array(xp.flip(input, dims), order="K")


flip.vjp(input=lambda g, dims: flip(g, dims))


@op(composed, composite=True)
def fliplr(input: Array) -> Any:
    """The columns of a matrix in reverse order."""
    if len(input.shape) < 2:
        raise errors.shape_mismatch("Input must be >= 2-d.")
    return flip(input, (1,))


@op(composed, composite=True)
def flipud(input: Array) -> Any:
    """The rows of a matrix in reverse order."""
    if len(input.shape) < 1:
        raise errors.shape_mismatch("Input must be >= 1-d.")
    return flip(input, (0,))


def roll_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of roll: one shift for each dim; without dims one for the flattened tensor."""
    array, shifts, dims = values[0], values[1], values[2] or ()
    if not shifts:
        raise errors.bad_argument("`shifts` required")
    if len(shifts) != len(dims) and not (not dims and len(shifts) == 1):
        raise errors.bad_argument(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if not array.size:
        return Estimate([array, (0,), ()], [(array.shape, array.dtype)])
    if dims and not array.ndim:
        raise errors.bad_index(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    dims = tuple(check_dim(each, array.ndim) for each in dims)
    return Estimate([array, shifts, dims], [(array.shape, array.dtype)], None, moved_bytes(array, None))


@op(roll_rule, rows=True)
def roll(input: Array, shifts: Dims, dims: Dims | None = ()) -> Any:
    """The elements moved along the dims, those beyond the end coming in at the front."""
    if input.ndim == 0:
        return xp.array(input)
    return xp.roll(input, shifts, dims) if dims else xp.roll(input, shifts[0])


roll.vjp(input=lambda g, shifts, dims: roll(g, tuple(-each for each in shifts), dims))


def rot90_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of rot90: two different dims."""
    array, k, dims = values
    ndim = array.ndim
    if len(dims) != 2:
        raise errors.bad_argument(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise errors.shape_mismatch(f"expected total dims >= 2, but got total dims = {ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == ndim:
        raise errors.bad_argument(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    first, second = (check_dim(each, ndim) for each in dims)
    shape = list(array.shape)
    if k % 2:
        shape[first], shape[second] = shape[second], shape[first]
    return copied([array, k % 4, (first, second)], tuple(shape))


@op(rot90_rule, node="Rot90Backward0")
def rot90(input: Array, k: int = 1, dims: Size = (0, 1)) -> Any:
    """The plane of two dims turned by `k` quarters, from the first towards the second."""
    turned = dims if k == 2 else dims[k == 1]
    flipped = xp.array(xp.flip(input, turned) if k else input, order="K" if k else "C")
    return xp.swapaxes(flipped, *dims) if k % 2 else flipped


rot90.vjp(input=lambda g, k, dims: rot90(g, -k % 4, dims))
