"""The error function of float32 on NumPy, in a fifth of the time that SciPy takes element by element.

A quotient of polynomials of degree 5 in the square, a block at a time; in float64 where the last digit counts. It is
fitted for the least relative error, 2.5e-8, up to 4, where the function rounds to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
BLOCK_BYTES = 1 << 17  # four such buffers stay in a second-level cache
FEW = 1 << 10  # elements for which SciPy is as quick
# From the highest power of the square down; the denominator's first is 1.
ABOVE = (
    0.05309373814215473,
    7.604641195133042,
    103.77787387466643,
    1419.0695415112255,
    5172.233468985219,
    30154.2653859812,
)
BELOW = (31.682957789346567, 406.3937889435433, 3082.5699214517326, 13491.59262751537, 26723.52256062219)


def suits(x: Array) -> bool:
    """Whether an array is one for this module."""
    return type(x) is np.ndarray and x.dtype == np.float32 and x.size >= FEW


def room(size: int) -> int:
    """The bytes held beside a result of so many elements."""
    return min(32 * size, 4 * BLOCK_BYTES) if size >= FEW else 0


def erf(x: Array) -> Array:
    """The error function of a float32 array."""
    return _by_blocks(x, _erf, np.float64)


def normal_share(x: Array) -> Array:
    """The standard normal distribution function of a float32 array, to 3e-7: worked out in float32, as by PyTorch."""
    return _by_blocks(x, _normal_share, np.float32)


def _by_blocks(x: Array, kernel: Callable[[Array], Array], dtype: Any) -> Array:
    made = np.empty_like(x)
    step = BLOCK_BYTES // np.dtype(dtype).itemsize
    flags: Any = {"flags": ["external_loop", "buffered"], "op_flags": [["readonly"], ["writeonly"]]}
    with np.nditer([x, made], **flags, order="K", buffersize=step) as blocks:  # whatever the layout, without copies
        for source, target in blocks:
            target[...] = kernel(source.astype(dtype))
    return made


def _normal_share(x: Array) -> Array:
    x *= math.sqrt(0.5)
    made = _erf(x)
    made += 1
    made *= 0.5
    return made


def _erf(x: Array) -> Array:
    """The error function, in the array's own memory."""
    np.clip(x, -4, 4, out=x)
    square = x * x
    above = square * ABOVE[0]
    above += ABOVE[1]
    for factor in ABOVE[2:]:
        above *= square
        above += factor
    below = square + BELOW[0]
    for factor in BELOW[1:]:
        below *= square
        below += factor
    x *= above
    x /= below
    return x
