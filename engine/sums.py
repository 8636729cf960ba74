"""Running sums along an axis, on NumPy cut into parts that matrix products sum."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from engine.arrays import NUMPY, Array, backend_of
from engine.scans import WIDE, by_steps

PART = 8  # elements whose sums one product gives
SUM_BYTES = 1 << 20  # of each of the two buffers
FEW = 1 << 14  # elements that are not worth it
SHORT = 4 * PART  # rows that are not cut


def in_parts(array: Any, axis: int, dtype: np.dtype[Any]) -> bool:
    """Whether `running_sums` cuts the rows of an array (or of a shape standing for one) into parts."""
    flags = getattr(array, "flags", None)
    return (
        dtype.kind == "f"
        and array.size >= FEW
        and axis == array.ndim - 1
        and array.shape[axis] >= SHORT
        and backend_of(array) is NUMPY
        and (flags is None or flags.c_contiguous)
    )


def _block(array: Any, dtype: np.dtype[Any]) -> tuple[int, int]:
    """How many rows a buffer holds, and their length there: a whole number of parts of parts."""
    length = array.shape[-1]
    padded = -(-length // PART**2) * PART**2
    return min(max(1, SUM_BYTES // (padded * dtype.itemsize)), array.size // length), padded


def room(array: Any, axis: int, dtype: np.dtype[Any], given: np.dtype[Any]) -> int:
    """The bytes that `running_sums` holds beside its result, for an array (or a shape) that has the dtype `given`."""
    if in_parts(array, axis, dtype):
        return (2 * PART + 3) * math.prod(_block(array, dtype)) * dtype.itemsize // PART
    return 0 if dtype == given else array.size * dtype.itemsize


def running_sums(array: Array, axis: int, dtype: np.dtype[Any], reverse: bool = False) -> Array:
    """The running sums along an axis, from its other end if `reverse`; added in a wider `dtype`, given in the array's.

    NumPy adds one element after the other through memory, 3 ns each. Rows are cut into parts instead, whose totals are
    few, and summed likewise; each part, with what comes before it, is then multiplied by a triangle of ones: in half
    the time.
    """
    if not in_parts(array, axis, dtype):
        xp = backend_of(array).xp
        if xp is np and array.size and array.size >= WIDE * array.shape[axis]:
            wide = array.astype(dtype, order="C")
            entries = np.flip(wide, axis) if reverse else wide
            by_steps(np.add, entries, axis, entries)
            return wide.astype(array.dtype, copy=False)
        wide = (xp.flip(array, axis) if reverse else array).astype(dtype, order="C")
        out = xp.cumsum(wide, axis, out=wide)  # cast at once: a third of the time of casting as it adds
        return xp.flip(out, axis).astype(array.dtype, order="C") if reverse else out.astype(array.dtype, copy=False)
    length = array.shape[-1]
    source, made = array.reshape(-1, length), np.empty(array.shape, array.dtype)
    target = made.reshape(-1, length)
    step, padded = _block(array, dtype)
    buffers = np.empty((2, step, padded), dtype)
    for start in range(0, len(source), step):
        block = source[start : start + step]
        wide, out = buffers[:, : len(block)]
        wide[:, :length] = block
        wide[:, length:] = 0
        _sum_parts(wide, out, reverse)
        target[start : start + step] = out[:, :length]
    return made


@functools.lru_cache(maxsize=8)
def _triangle(dtype: np.dtype[Any], reverse: bool) -> Array:
    return np.tri(PART, dtype=dtype) if reverse else np.ascontiguousarray(np.tri(PART, dtype=dtype).T)


def _sum_parts(wide: Array, out: Array, reverse: bool) -> None:
    """The running sums of rows; `wide` is written over."""
    if wide.shape[1] < SHORT or wide.shape[1] % PART:
        _sum_rows(wide, out, reverse)
        return
    parts = wide.reshape(len(wide), -1, PART)
    totals = (wide.reshape(-1, PART) @ np.ones(PART, wide.dtype)).reshape(len(wide), -1)
    before = np.empty_like(totals)
    _sum_parts(totals, before, reverse)
    if not np.isfinite(before[:, 0 if reverse else -1]).all():
        _sum_rows(wide, out, reverse)  # infinity times zero would reach the elements before it
        return
    if reverse:
        parts[:, :-1, -1] += before[:, 1:]
    else:
        parts[:, 1:, 0] += before[:, :-1]
    np.matmul(wide.reshape(-1, PART), _triangle(wide.dtype, reverse), out=out.reshape(-1, PART))


def _sum_rows(wide: Array, out: Array, reverse: bool) -> None:
    if reverse:
        wide, out = wide[:, ::-1], out[:, ::-1]
    np.cumsum(wide, 1, out=out)
