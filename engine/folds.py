"""Reductions on NumPy where its own loops are slow: along a short last axis, and products of long rows.

Elsewhere, and on a GPU, it is the ufunc's own reduction. Figures are in docs/performance.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.rowwise import LONGEST, ones

SHORT = 8  # elements of an axis that are combined one after the other, each over all the rest at once
FEW = 1 << 14  # elements that are not worth it
WIDTH = 128  # elements of a row that are combined at once
BLOCK = 4096  # of all elements
ADD: Any = np.add
MULTIPLY: Any = np.multiply


def total(array: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    """The sum over an axis, several, or all (None)."""
    if type(array) is not np.ndarray:
        return _own(array).add.reduce(array, axis=axis, keepdims=keepdims, dtype=dtype)
    if array.size < FEW or dtype is not None:
        return ADD.reduce(array, axis=axis, keepdims=keepdims, dtype=dtype)
    if axis is None and not keepdims and array.flags.c_contiguous and array.dtype.char in "fd":
        flat, cut = array.reshape(-1), array.size // LONGEST * LONGEST
        rows = flat[:cut].reshape(-1, LONGEST) @ ones(LONGEST, array.dtype)
        return ADD.reduce(rows) + ADD.reduce(flat[cut:])
    length = _last(array, axis)
    if 1 < length <= SHORT:
        return _folded(ADD, array, length, keepdims)
    by_product = SHORT < length <= LONGEST and array.dtype.char in "fd" and array.flags.c_contiguous
    if not by_product:
        return ADD.reduce(array, axis=axis, keepdims=keepdims)
    made = array @ ones(length, array.dtype)  # three times quicker
    return made[..., None] if keepdims else made


def product(array: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    """The product over an axis, several, or all (None)."""
    if type(array) is not np.ndarray:
        return _own(array).multiply.reduce(array, axis=axis, keepdims=keepdims, dtype=dtype)
    if array.size < FEW or dtype is not None:
        return MULTIPLY.reduce(array, axis=axis, keepdims=keepdims, dtype=dtype)
    if axis is None and not keepdims and array.flags.c_contiguous:
        flat, cut = array.reshape(-1), array.size // BLOCK * BLOCK
        columns = MULTIPLY.reduce(flat[:cut].reshape(-1, BLOCK), axis=0)
        return MULTIPLY.reduce(columns) * MULTIPLY.reduce(flat[cut:])
    length = _last(array, axis)
    if 1 < length <= SHORT:
        return _folded(MULTIPLY, array, length, keepdims)
    if length < 2 * WIDTH:
        return MULTIPLY.reduce(array, axis=axis, keepdims=keepdims)
    lead, cut = array.shape[:-1], length // WIDTH * WIDTH
    made = MULTIPLY.reduce(array[..., :cut].reshape(*lead, -1, WIDTH), axis=-2)
    made = MULTIPLY.reduce(made, axis=-1) * MULTIPLY.reduce(array[..., cut:], axis=-1)
    return made[..., None] if keepdims else made


def product_room(array: Any, axis: Any, itemsize: int) -> int:
    """The bytes that the product over an axis holds, for a shape too."""
    long = _last(array, axis) >= 2 * WIDTH and array.size >= FEW
    return (WIDTH + 2) * itemsize * array.size // array.shape[-1] if long else 0


def squares(array: Any, axis: Any, keepdims: bool) -> Any:
    """The sum of the squares of real numbers that lie in a row, over an axis, several, or all (None)."""
    if type(array) is np.ndarray and axis is None and not keepdims:
        flat = array.reshape(-1)
        return flat.dot(flat)
    if type(array) is np.ndarray and _last(array, axis):
        made = np.vecdot(array, array)
        return made[..., None] if keepdims else made
    return _own(array).add.reduce(array * array, axis=axis, keepdims=keepdims)


def _own(array: Any) -> Any:
    """The library an array is of."""
    from engine.arrays import backend_of

    return backend_of(array).xp


def _last(array: Any, axis: Any) -> int:
    """The length of the last axis if it is the only one in question, else 0."""
    at = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    alone = isinstance(at, int) and at in (array.ndim - 1, -1)
    return int(array.shape[-1]) if alone else 0


def _folded(combine: Any, array: Any, length: int, keepdims: bool) -> Any:
    """The elements of a short last axis combined from the first on."""
    made = combine(array[..., 0], array[..., 1])
    for at in range(2, length):
        combine(made, array[..., at], out=made)
    return made[..., None] if keepdims else made
