"""In which order of dims PyTorch lays results out in memory, where NumPy would choose another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.arrays import Array, laid_out

Shape = tuple[int, ...]


def strides_like(shape: Shape, operands: Sequence[Any]) -> Shape:
    """The strides, in elements, of an elementwise result: the order of dims that the first operands to differ have.

    Dims of stride 0 say nothing. Follows the rule of PyTorch's TensorIterator: an insertion sort from the last dim,
    by strides, then by sizes.
    """
    ndim = len(shape)
    steps = [_steps(each, shape) for each in operands if getattr(each, "shape", ())]
    order = list(range(ndim - 1, -1, -1))  # the innermost first
    for start in range(1, ndim):
        at = start
        for before in range(start - 1, -1, -1):
            verdict = _outer(order[before], order[at], steps, shape)
            if verdict > 0:
                order[before], order[at] = order[at], order[before]
                at = before
            elif verdict < 0:
                break
    strides, step = [0] * ndim, 1
    for dim in order:
        strides[dim] = step
        step *= max(shape[dim], 1)
    return tuple(strides)


def _steps(operand: Array, shape: Shape) -> Shape:
    """The strides of an operand broadcast to the shape."""
    missing = len(shape) - operand.ndim
    own: list[int] = [
        0 if size == 1 and wide != 1 else stride
        for stride, size, wide in zip(operand.strides, operand.shape, shape[missing:], strict=True)
    ]
    return (*[0] * missing, *own)


def _outer(one: int, other: int, steps: list[Shape], shape: Shape) -> int:
    """Above 0 if dim `one` lies further out than `other`, below 0 if further in, 0 if nothing tells."""
    for each in steps:
        a, b = each[one], each[other]
        if a == 0 or b == 0:
            continue
        if a != b:
            return -1 if a < b else 1
        if shape[one] > shape[other]:
            return 1
    return 0


def as_operands(result: Array, operands: Sequence[Any]) -> Array:
    """An elementwise result in the layout PyTorch gives it, copied where NumPy chose another."""
    wanted = strides_like(result.shape, operands)
    size = result.dtype.itemsize
    if all(at * size == own or n == 1 for at, own, n in zip(wanted, result.strides, result.shape, strict=True)):
        return result
    return laid_out(result, wanted)


def dense_copy(array: Array) -> Array:
    """A copy of an array that repeats elements (which NumPy would put innermost), dims in the order of the others."""
    return laid_out(array, strides_like(array.shape, [array]))
