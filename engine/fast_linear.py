"""The short way for a linear layer: both of its nodes at once, and no tensor for the transposed weight between them.

It does what `nn.functional.linear` does for a batch of rows and a bias, float arrays of one dtype on NumPy, with nobody
watching. Its worth stands in docs/performance.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.fast import linked, result
from engine.graph import Edge, leaf_edge
from engine.modes import state
from engine.op import Op
from engine.ops.linalg import addmm
from engine.ops.nn import linear as layer
from engine.ops.views import t
from engine.plans import plan_of
from engine.tensor import Tensor

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)


def linear(input: Any, weight: Any, bias: Any) -> Any:
    """`input @ weight.T + bias`; raises what the op raises."""
    if not (state.ctx.plain and _ordinary(input) and _ordinary(weight) and _ordinary(bias)):
        return _slow(input, weight, bias)
    x, w, b = input._array, weight._array, bias._array
    if (
        not (x.dtype is w.dtype is b.dtype)
        or not (x.ndim == w.ndim == 2)
        or x.shape[1] != w.shape[1]
        or b.shape != w.shape[:1]
    ):
        return _slow(input, weight, bias)
    turned = w.T
    try:
        array = np.matmul(x, turned)
    except MemoryError:
        return _slow(input, weight, bias)
    array += b
    tensor = result(array)
    if state.ctx.grad_enabled:
        tensor._edge = _recorded(tensor, input, weight, bias, turned)
    return tensor


def _slow(*args: Any) -> Any:
    return Op.door(layer, layer.bind(args, {}))


def _ordinary(tensor: Any) -> bool:
    """Whether a value is a plain tensor of floats whose place in the graph is known."""
    if type(tensor) is not Tensor:
        return False
    array, view = tensor._array, tensor._view
    return (
        type(array) is np.ndarray
        and (array.dtype is _F32 or array.dtype is _F64)
        and (view is None or (view.stamp == tensor._counter[0] and view.creation is None))
    )


def _edge(tensor: Tensor) -> Edge | None:
    return leaf_edge(tensor) if tensor._edge is None and tensor._requires_grad else tensor._edge


def _recorded(tensor: Tensor, input: Tensor, weight: Tensor, bias: Tensor, turned: Any) -> Edge | None:
    """The nodes of the transposed weight and of the sum with the product; gives the edge to the result."""
    through = _edge(weight)
    if through is not None:
        through = linked(turned, weight._counter, plan_of(t, (True,)), (through,), ())
    edges = (_edge(bias), _edge(input), through)
    needs = tuple([each is not None for each in edges])
    if True not in needs:
        return None
    operands = ((bias._array, bias), (input._array, input), (turned, weight))
    saved = tuple([(array, owner._counter, owner._counter[0]) for array, owner in operands])
    return linked(tensor._array, tensor._counter, plan_of(addmm, needs), edges, saved)


def open_linear() -> None:
    """Give the op its short way."""
    layer.short = linear
