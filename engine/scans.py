"""Running results along an axis, on NumPy and CuPy: where a ufunc cannot accumulate, by doubling steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.arrays import NUMPY, Array, backend_of

WIDE = 512  # elements of an entry that are worth a step of their own


def accumulated(combine: Any, array: Array, axis: int) -> Array:
    """The running result of an associative ufunc along an axis."""
    if backend_of(array) is not NUMPY or not hasattr(combine, "accumulate"):
        return doubled(combine, array, axis)
    if wide_entries(array, axis):
        return by_steps(combine, array, axis, np.empty(array.shape, array.dtype))
    return combine.accumulate(array, axis=axis)


def wide_entries(array: Any, axis: int) -> bool:
    """Whether the entries of an axis (of a shape standing for an array too) are worth a step of their own."""
    return bool(axis < array.ndim - 1 and array.size > 0 and array.size >= WIDE * array.shape[axis])


def by_steps(combine: Any, array: Array, axis: int, out: Array) -> Array:
    """The running result into `out`, a whole entry of the axis at a time: NumPy's own loop goes element by element."""
    source, target = np.moveaxis(array, axis, 0), np.moveaxis(out, axis, 0)
    target[0] = source[0]
    for at in range(1, len(target)):
        combine(target[at - 1], source[at], out=target[at])
    return out


def doubled(combine: Callable[[Array, Array], Array], array: Array, axis: int) -> Array:
    """The running result of any associative function: log2(n) passes over the whole array."""
    xp = backend_of(array).xp
    moved = xp.array(xp.moveaxis(array, axis, 0))
    step = 1
    while step < moved.shape[0]:
        moved = xp.concatenate([moved[:step], combine(moved[:-step], moved[step:])])
        step *= 2
    return xp.moveaxis(moved, 0, axis)


def stepped(combine: Callable[[Array, Array], Array], array: Array, axis: int) -> Array:
    """The running result one element after the other, for a function whose result depends on the order."""
    xp = backend_of(array).xp
    moved = xp.array(xp.moveaxis(array, axis, 0))
    for at in range(1, moved.shape[0]):
        moved[at] = combine(moved[at - 1], moved[at])
    return xp.moveaxis(moved, 0, axis)


def recurrence(array: Array, factor: Array, axis: int) -> Array:
    """`out[k] = array[k] + factor[k] * out[k - 1]` along an axis."""
    xp = backend_of(array).xp
    out, share = (xp.array(xp.moveaxis(each, axis, 0)) for each in (array, factor))
    step = 1
    while step < out.shape[0]:
        out[step:] += share[step:] * out[:-step]  # the right side is computed whole before it is added
        share = xp.concatenate([share[:step], share[step:] * share[:-step]])
        step *= 2
    return xp.moveaxis(out, 0, axis)
