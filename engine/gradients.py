"""Gradients as they arrive: brought into the form of what they are of, made tensors, added to `.grad`."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.modes import state
from engine.ops.copies import grad_copy
from engine.tensor import InferenceCounter, Tensor, wrap


def conform(g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A gradient summed back to its input's shape, dtype and realness (arrays)."""
    if g.shape != shape:
        g = sum_to(g, shape)
    if g.dtype != dtype:
        if g.dtype.kind == "c" and dtype.kind != "c":
            g = g.real
        g = g.astype(dtype)
    return g


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the dimensions along which `shape` was broadcast to the gradient's."""
    extra = g.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + at for at, size in enumerate(shape) if size == 1 and g.shape[extra + at] != 1
    )
    wide = np.float32 if g.dtype in dtypes.HALF_TYPES else None
    summed = g.sum(axis=axes, dtype=wide).astype(g.dtype, copy=False) if axes else g
    return summed.reshape(shape)


def conform_tensor(g: Tensor, shape: tuple[int, ...], dtype: Any) -> Tensor:
    """`conform` for gradients that are themselves recorded."""
    array = g._array
    if array.shape != shape:
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
    log = state.ctx.log
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
            if state.ctx.inference:
                made._counter = InferenceCounter([0])
        else:
            made = _written(as_gradient(arrays.as_array(g).copy()))
        variable._grad = made
        return
    if type(before._counter) is InferenceCounter and not state.ctx.inference:
        raise errors.inference_update()
    if log is not None:
        log.storage(before)
    if before._array.shape != g.shape:  # the leaf has other data by now
        before.add_(wrap(arrays.as_array(g)))
        return
    before._array[...] += g
    before._counter[0] += 1


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
