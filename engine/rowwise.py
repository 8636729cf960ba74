"""Kernels along the last dim of an array, a block of rows at a time: several passes find their rows in cache.

A kernel is called as `kernel(*arrays, axis, out)` and fills `out`; `totals` and `dots` are its sums. On a GPU, and
along another dim, it is called once with everything.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine import dtypes
from engine.arrays import NUMPY, Array, backend_of, widened

BLOCK_BYTES = 1 << 19  # of each array: two of them fit into a second-level cache
NARROW = 24  # rows up to so long are turned to columns: NumPy starts a loop for every row
FEW = 4096  # elements that are not worth it
# NumPy writes an operand that it repeats into a buffer first, unless that is shorter than a row: then a pass over long
# rows takes two thirds of the time.
BUFFER = 256
LONG = 384
LINE = 8192  # elements of a row of zeros
LONGEST = 1024  # of the rows that a matrix product sums, up to here as precisely as PyTorch; beyond, NumPy is more so


def by_rows(kernel: Callable[..., None], dim: int, *arrays: Array) -> Array:
    """What a kernel makes of arrays of one shape and dtype; half types are computed in float32."""
    first = arrays[0]
    if not in_rows(dim, arrays):
        return _at_once(kernel, dim, arrays)
    length = first.shape[-1]
    made = np.empty(first.shape, first.dtype)
    target = made.reshape(-1, length)
    sources = [each.reshape(-1, length) for each in arrays]
    turned, half = length <= NARROW, first.dtype in dtypes.HALF_TYPES

    def work(part: slice) -> None:
        blocks = [each[part] for each in sources]
        if turned:
            blocks = [np.ascontiguousarray(each.T) for each in blocks]
        if not (turned or half):
            kernel(*blocks, 1, target[part])
            return
        blocks = [widened(each) for each in blocks]
        out = np.empty(blocks[0].shape, blocks[0].dtype)
        kernel(*blocks, 0 if turned else 1, out)
        target[part] = out.T if turned else out

    for_blocks(work, target)
    return made


def for_blocks(work: Callable[[slice], None], rows: Array) -> None:
    """Call `work` with the rows of one block after the other."""
    count, length = rows.shape
    step = max(1, BLOCK_BYTES // (length * max(rows.itemsize, 4)))
    with long_rows(length):
        for start in range(0, count, step):
            work(slice(start, start + step))


@contextmanager
def long_rows(length: int) -> Iterator[None]:
    """A block in which NumPy repeats operands along rows of this length without a buffer, if they are long."""
    before = np.setbufsize(BUFFER) if length >= LONG else None
    try:
        yield
    finally:
        if before is not None:
            np.setbufsize(before)


def in_rows(dim: int, arrays: Sequence[Array], few: int = FEW) -> bool:
    """Whether arrays of one shape are worth taking by rows."""
    first = arrays[0]
    return (
        first.size > few
        and dim == first.ndim - 1
        and backend_of(first) is NUMPY
        and all(each.flags.c_contiguous for each in arrays)
    )


def _at_once(kernel: Callable[..., None], dim: int, arrays: tuple[Array, ...]) -> Array:
    wide = [widened(each) for each in arrays]
    out = backend_of(wide[0]).xp.empty(wide[0].shape, wide[0].dtype)
    kernel(*wide, dim, out)
    return out.astype(arrays[0].dtype, copy=False)


def room_along(
    dim: int, shape: Sequence[int], dtype: np.dtype[Any], inputs: int, in_order: bool, only_sums: bool
) -> int:
    """The bytes that `by_rows` and a kernel of so many inputs hold beside the result.

    `in_order`: all inputs lie row-major; `only_sums`: the kernel holds none but sums of rows, else an array of its own.
    """
    size, wide = math.prod(shape), max(dtype.itemsize, 4)
    half = dtype in dtypes.HALF_TYPES
    if not shape or dim != len(shape) - 1:
        return size * wide * (inputs + 2 if half else 1)
    length = shape[dim]
    block = min(size, max(BLOCK_BYTES // wide, length)) if in_order else size
    if half or length <= NARROW:  # in blocks, all in another form
        return block * wide * (inputs + 2)
    return block // length * 3 * wide if in_order and only_sums and size > FEW else size * wide


@functools.lru_cache(maxsize=64)
def ones(count: int, dtype: np.dtype[Any]) -> Array:
    """A vector of ones, made once; on the host."""
    made = np.ones(count, dtype)
    made.flags.writeable = False
    return made


def totals(x: Array, axis: int) -> Array:
    """The sums along an axis, which is kept; of rows as a product with ones, three times quicker than `sum`."""
    length = x.shape[axis]
    if axis != x.ndim - 1 or not 1 < length <= LONGEST or backend_of(x) is not NUMPY:
        return x.sum(axis=axis, keepdims=True)
    return (x @ ones(length, x.dtype))[..., None]


def dots(a: Array, b: Array, axis: int) -> Array:
    """The sums of products along an axis, which is kept."""
    if axis != a.ndim - 1 or backend_of(a) is not NUMPY:
        return (a * b).sum(axis=axis, keepdims=True)
    return np.vecdot(a, b)[..., None]


def moderate(values: Array) -> bool:
    """Whether all values, as far as the host knows them, lie from 0 to 60: sums of their exponentials are finite."""
    return backend_of(values) is NUMPY and bool(values.min() >= 0 and values.max() <= 60)


def rectified(x: Array) -> Array:
    """Zero for negative elements, else the element; NaN stays.

    NumPy has no quick loop for the larger of an element and one number: many are compared with a line of zeros, in a
    third of the time.
    """
    if type(x) is not np.ndarray or x.size < LINE or x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return backend_of(x).xp.maximum(x, x.dtype.type(0))
    made, zeros = np.empty_like(x), _zeros(x.dtype)
    source, target, whole = x.reshape(-1), made.reshape(-1), x.size - x.size % LINE
    np.maximum(source[:whole].reshape(-1, LINE), zeros, out=target[:whole].reshape(-1, LINE))
    np.maximum(source[whole:], zeros[: x.size - whole], out=target[whole:])
    return made


@functools.lru_cache(maxsize=2)
def _zeros(dtype: np.dtype[Any]) -> Array:
    made = np.zeros(LINE, dtype)
    made.flags.writeable = False
    return made
