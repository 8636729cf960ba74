"""Gradients as they arrive: brought into the form of what they are of, made tensors, added to `.grad`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.modes import state
from engine.ops.copies import copy_, grad_copy
from engine.tensor import InferenceCounter, Tensor, wrap

if TYPE_CHECKING:
    from engine.graph import Node


def conform(g: Any, shape: tuple[int, ...], dtype: Any, node: Node | None = None, at: int = 0) -> Any:
    """A gradient summed back to its input's shape, dtype and realness (arrays).

    Raises RuntimeError for a shape that it cannot be summed to, telling that `node` gave it for its edge number `at`.
    """
    if g.shape != shape:
        summed = sum_to(g, shape)
        if summed is None:
            raise errors.invalid_gradient(node.name() if node else None, at, g.shape, shape)
        g = summed
    if g.dtype != dtype:
        if g.dtype.kind == "c" and dtype.kind != "c":
            g = g.real
        g = g.astype(dtype)
    return g


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the dimensions along which `shape` was broadcast to the gradient's; None if it was not."""
    extra = g.ndim - len(shape)
    if extra < 0:
        return None
    inner = tuple(at for at, size in enumerate(shape) if size == 1 and g.shape[extra + at] != 1)
    axes = (*range(extra), *(extra + at for at in inner))
    wide = np.float32 if g.dtype in dtypes.HALF_TYPES else None
    summed = g.sum(axis=axes, dtype=wide).astype(g.dtype, copy=False) if axes else g
    left = tuple(size for at, size in enumerate(shape) if at not in inner) if inner else shape
    if summed.shape != left:
        return None
    return summed.reshape(shape) if inner else summed


def conform_tensor(g: Tensor, shape: tuple[int, ...], dtype: Any, node: Node | None = None, at: int = 0) -> Tensor:
    """`conform` for gradients that are themselves recorded."""
    array = g._array
    if array.shape != shape:
        extra = array.ndim - len(shape)
        if extra < 0 or any(size not in (1, have) for size, have in zip(shape, array.shape[extra:], strict=True)):
            raise errors.invalid_gradient(node.name() if node else None, at, array.shape, shape)
        g = g.sum_to_size(shape)
    if array.dtype != dtype:
        if array.dtype.kind == "c" and dtype.kind != "c":
            g = g.real
        g = g.to(dtypes.BY_NUMPY[dtype])
    return g


def accumulate(variable: Tensor, g: Any, record: bool) -> None:
    """Add a gradient to a tensor's `.grad`, in place unless a graph is recorded."""
    if arrays.gpu_loaded():
        g = g.to(variable.device) if record else arrays.put(arrays.as_array(g), variable.device)
    ctx = state.ctx
    log = ctx.log
    before = variable._grad
    if log is not None:
        log.tensor(variable)
    if record:
        variable._grad = _written(grad_copy(None, g)) if before is None else before + g
        return
    if before is None:
        if not variable._array.flags.c_contiguous:
            made = _laid_out(g, variable._array)  # a dense leaf's gradient lies in memory as it does
        elif arrays.is_sole_owner(g):
            made = wrap(g)
            if not ctx.plain and ctx.inference:
                made._counter = InferenceCounter([0])
        else:
            made = _written(as_gradient(arrays.as_array(g).copy()))
        variable._grad = made
        return
    if type(before._counter) is InferenceCounter and not ctx.inference:
        raise errors.inference_update()
    if log is not None:
        log.storage(before)
    if before._array.shape != g.shape:  # the leaf has other data by now
        before.add_(wrap(arrays.as_array(g)))
        return
    before._array[...] += g
    before._counter[0] += 1


def spread(variable: Tensor, g: Any) -> Any:
    """A gradient of the shape a leaf had, for its shape since data was set: broadcast, as torch copies the first one.

    Raises RuntimeError if it does not fit.
    """
    like = variable._array
    given = g._array if isinstance(g, Tensor) else g
    steps = zip(given.shape, arrays.element_strides(given), arrays.element_strides(like), strict=False)
    if variable._grad is not None or (g.ndim <= like.ndim and all(size == 1 or a == b for size, a, b in steps)):
        return g  # as torch takes what lies in memory as the leaf does
    made = wrap(arrays.backend_of(like).xp.empty_like(like))
    copy_(made, g if isinstance(g, Tensor) else wrap(arrays.as_array(g)))
    return made if isinstance(g, Tensor) else made._array


def _laid_out(g: Any, like: Any) -> Tensor:
    if not arrays.is_dense(like):
        return as_gradient(arrays.as_array(g).copy())
    made = arrays.backend_of(like).xp.empty_like(like)
    made[...] = g
    return _written(as_gradient(made))


def as_gradient(array: Any) -> Tensor:
    """A gradient as a tensor; under inference mode it is one of those."""
    made = wrap(arrays.own_memory(array))
    if state.ctx.inference:
        made._counter = InferenceCounter([0])
    return made


def _written(copied: Tensor) -> Tensor:
    """A copy at the version at which torch's is: made empty, and then filled."""
    copied._counter[0] = 1
    return copied
