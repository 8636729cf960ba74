"""The short way for the common case of elementwise ops: tensors of one dtype, NumPy, nobody watching.

It does what `engine.apply.apply` does, in the order of least work; anything unusual goes through that door instead.
Its worth stands in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import arrays
from engine.graph import FROZEN, Node, leaf_edge, next_sequence, plan_of
from engine.modes import state
from engine.op import Function, Op
from engine.tensor import Tensor

_new = object.__new__
_FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
_ndarray = np.ndarray


def _tensor(array: Any) -> Tensor:
    tensor = _new(Tensor)
    tensor._array = array
    tensor._counter = [0]
    tensor._edge = None
    tensor._requires_grad = False
    tensor._grad = None
    tensor._view = None
    tensor._accumulator = None
    tensor._retains = False
    return tensor


def _node(op: Op, edges: tuple[Any, ...], needs: tuple[bool, ...]) -> Node:
    plan = op.plans.get(needs) or plan_of(op, needs)
    node: Node = _new(plan.node_type)
    node.plan = plan
    node.edges = edges
    node.attributes = ()
    node.compute = node.outputs = node.inputs = node.hooks = node._metadata = None
    node.sequence = next_sequence()
    return node


def _is_stale(tensor: Tensor) -> bool:
    view = tensor._view
    return view is not None and view.stamp != tensor._counter[0]


def binary(function: Function, slow: Callable[..., Any]) -> Callable[..., Any]:
    """The door of an elementwise op of two operands, which leaves what is unusual to `slow`."""
    op = function.ops[0]
    kernel = op.kernel
    first, second = (param.name for param in op.params[:2])
    plain_attributes = {"alpha": 1}

    def door(*args: Any, **kwargs: Any) -> Any:
        ctx = state.ctx
        if kwargs or len(args) != 2 or not ctx.plain:
            return slow(*args, **kwargs)
        input, other = args
        if type(input) is not Tensor:
            return slow(input, other)
        a = input._array
        dtype = a.dtype
        if type(a) is not _ndarray or dtype not in _FLOATS or _is_stale(input):
            return slow(input, other)
        edge_b = None
        if type(other) is Tensor:
            b = other._array
            if b.dtype is not dtype or type(b) is not _ndarray or _is_stale(other):
                return slow(input, other)
            edge_b = other._edge
            if edge_b is None and other._requires_grad:
                edge_b = leaf_edge(other)
        elif type(other) is float or type(other) is int:
            b = arrays.scalar(other, dtype)
        else:
            return slow(input, other)
        try:
            array = kernel(a, b)
        except ValueError:
            return slow(input, other)  # shapes that do not fit: the rule says how
        tensor = _tensor(array if type(array) is _ndarray else np.asarray(array))
        if not ctx.grad_enabled:
            return tensor
        edge_a = input._edge
        if edge_a is None and input._requires_grad:
            edge_a = leaf_edge(input)
        if edge_a is None and edge_b is None:
            return tensor
        node = _node(op, (edge_a, edge_b), (edge_a is not None, edge_b is not None))
        array = tensor._array
        tensor._edge = (node, 0, array.shape, dtype)
        saved = []
        plan = node.plan
        for name in plan.tensors:
            if name == first:
                saved.append((a, input._counter, input._counter[0]))
            elif name == second:
                version = other._counter if type(other) is Tensor else FROZEN
                saved.append((b, version, version[0]))
            else:
                saved.append((array, tensor._counter, 0))
        node.saved = tuple(saved)
        if plan.attributes:
            node.attributes = tuple([plain_attributes[name] for name in plan.attributes])
        return tensor

    return _named(door, function)


def unary(function: Function, slow: Callable[..., Any]) -> Callable[..., Any]:
    """The door of an elementwise op of one operand, which leaves what is unusual to `slow`."""
    op = function.ops[0]
    kernel = op.kernel

    def door(*args: Any, **kwargs: Any) -> Any:
        ctx = state.ctx
        if kwargs or len(args) != 1 or not ctx.plain:
            return slow(*args, **kwargs)
        input = args[0]
        if type(input) is not Tensor:
            return slow(input)
        a = input._array
        if type(a) is not _ndarray or a.dtype not in _FLOATS or _is_stale(input):
            return slow(input)
        array = kernel(a)
        tensor = _tensor(array if type(array) is _ndarray else np.asarray(array))
        if not ctx.grad_enabled:
            return tensor
        edge = input._edge
        if edge is None:
            if not input._requires_grad:
                return tensor
            edge = leaf_edge(input)
        node = _node(op, (edge,), (True,))
        array = tensor._array
        tensor._edge = (node, 0, array.shape, array.dtype)
        plan = node.plan
        if not plan.tensors:
            node.saved = ()
        elif plan.tensors[0] == "out":
            node.saved = ((array, tensor._counter, 0),)
        else:
            node.saved = ((a, input._counter, input._counter[0]),)
        return tensor

    return _named(door, function)


def _named(door: Any, function: Function) -> Callable[..., Any]:
    door.__name__ = door.__qualname__ = function.name
    door.__doc__ = function.ops[0].doc
    return door  # type: ignore[no-any-return]


def door(function: Function, slow: Callable[..., Any]) -> Callable[..., Any] | None:
    """The quick door of a function whose op is declared `fast`, else None."""
    op = function.ops[0]
    if not op.fast or op.inplace_only:
        return None
    return (unary if len(op.params) == 1 else binary)(function, slow)
