"""The short way for the common case of elementwise ops: float tensors of one dtype, NumPy, nobody watching.

It does what `engine.apply.apply` does, in the order of least work; anything unusual goes through that door instead.
Its worth stands in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.arrays import cached_scalar
from engine.graph import FROZEN, Edge, Node, leaf_edge
from engine.modes import state
from engine.op import Function, Op
from engine.order import next_sequence
from engine.plans import Plan, plan_of
from engine.tensor import Tensor

_new = object.__new__
_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
_ndarray = np.ndarray


def result(array: Any) -> Tensor:
    """A new tensor of a kernel's result."""
    tensor = _new(Tensor)
    tensor._array = array if type(array) is _ndarray else np.asarray(array)
    tensor._counter = [0]
    tensor._edge = None
    tensor._requires_grad = False
    tensor._grad = None
    tensor._view = None
    tensor._accumulator = None
    tensor._retains = False
    tensor._hooks = None
    return tensor


def linked(array: Any, counter: list[Any], plan: Plan, edges: tuple[Any, ...], inputs: tuple[Any, ...]) -> Edge:
    """Record an op: `inputs` are its operands as saved values, in the order of its parameters.

    Gives the edge to its result, which has this array and version counter.
    """
    node: Node = _new(plan.node_type)
    node.plan = plan
    node.edges = edges
    node.rare = None
    node.sequence = next_sequence()
    if plan.saves_output_only:
        node.saved = ((array, counter, 0),)
    elif plan.sources:
        node.saved = tuple([inputs[at] if at >= 0 else (array, counter, 0) for at in plan.sources])
    else:
        node.saved = ()
    reads = plan.reads
    node.attributes = tuple([_read(read, inputs) for read in reads]) if reads else ()
    return (node, 0, array.shape, array.dtype)


def _read(read: tuple[int, bool, Any], inputs: tuple[Any, ...]) -> Any:
    at, shape, default = read
    if at < 0:
        return default
    array = inputs[at][0]
    return array.shape if shape else array.size


def binary(op: Op, slow: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """The short way of an op of two operands; what it does not know goes to `slow`."""
    kernel: Any = op.fast
    plans: list[Any] = [None, None, None, None]

    def run(input: Any, other: Any) -> Any:
        ctx = state.ctx
        guard = None
        if not ctx.plain:
            guard = ctx.lone_guard
            if guard is None:
                return slow(input, other)
        if type(input) is not Tensor:
            return slow(input, other)
        a = input._array
        view = input._view
        dtype = a.dtype
        if (
            (dtype is not _F32 and dtype is not _F64)
            or type(a) is not _ndarray
            or (view is not None and (view.stamp != input._counter[0] or view.creation is not None))
        ):
            return slow(input, other)
        edge_b = None
        if type(other) is Tensor:
            b = other._array
            view = other._view
            if (
                b.dtype is not dtype
                or type(b) is not _ndarray
                or (view is not None and (view.stamp != other._counter[0] or view.creation is not None))
            ):
                return slow(input, other)
            if (
                a is not b
                and a.ndim > 1
                and a.strides != b.strides
                and not (a.flags.c_contiguous and b.flags.c_contiguous)
            ):
                return slow(input, other)  # NumPy may choose another layout than torch
            edge_b = other._edge
            if edge_b is None and other._requires_grad:
                edge_b = leaf_edge(other)
            counter = other._counter
        elif type(other) is float or type(other) is int:
            b = cached_scalar(other, dtype)
            counter = FROZEN
        else:
            return slow(input, other)
        if guard is not None and not guard.spares(a.nbytes if a.shape == b.shape else a.nbytes * b.size):
            return slow(input, other)
        try:
            tensor = result(kernel(a, b))
        except ValueError:
            return slow(input, other)  # shapes that do not fit: the rule says how
        if guard is not None:
            guard.used += tensor._array.nbytes
        edge_a = input._edge
        if edge_a is None and input._requires_grad:
            edge_a = leaf_edge(input)
        if ctx.grad_enabled and (edge_a is not None or edge_b is not None):
            saved = ((a, input._counter, input._counter[0]), (b, counter, counter[0]))
            code = (edge_a is not None) + 2 * (edge_b is not None)
            plan = plans[code]
            if plan is None:
                plan = plans[code] = plan_of(op, (edge_a is not None, edge_b is not None))
            tensor._edge = linked(tensor._array, tensor._counter, plan, (edge_a, edge_b), saved)
        return tensor

    return run


def unary(op: Op, slow: Callable[..., Any]) -> Callable[[Any], Any]:
    """The short way of an op of one operand, elementwise or a full reduction."""
    kernel: Any = op.fast
    plans: list[Any] = []

    def run(input: Any) -> Any:
        ctx = state.ctx
        guard = None
        if not ctx.plain:
            guard = ctx.lone_guard
            if guard is None:
                return slow(input)
        if type(input) is not Tensor:
            return slow(input)
        a = input._array
        view = input._view
        if (
            (a.dtype is not _F32 and a.dtype is not _F64)
            or type(a) is not _ndarray
            or (view is not None and (view.stamp != input._counter[0] or view.creation is not None))
        ):
            return slow(input)
        if guard is None:
            tensor = result(kernel(a))
        elif guard.spares(a.nbytes):
            tensor = result(kernel(a))
            guard.used += tensor._array.nbytes
        else:
            return slow(input)
        if ctx.grad_enabled:
            edge = input._edge
            if edge is None and input._requires_grad:
                edge = leaf_edge(input)
            if edge is not None:
                if not plans:
                    plans.append(plan_of(op, (True,)))
                saved = (a, input._counter, input._counter[0])
                tensor._edge = linked(tensor._array, tensor._counter, plans[0], (edge,), (saved,))
        return tensor

    return run


def open_doors(functions: dict[str, Function]) -> None:
    """Give each op declared `fast` its short way for calls from formulas."""
    for function in functions.values():
        op = function.ops[0]
        if op.fast is not None and not op.inplace_only and op.short is None:
            op.short = (unary if op.operands == 1 else binary)(op, _general(op))


def _general(op: Op) -> Callable[..., Any]:
    def slow(*args: Any) -> Any:
        return Op.door(op, op.bind(args, {}))

    return slow


def operator_door(function: Function, slow: Callable[..., Any]) -> Callable[..., Any] | None:
    """The short way for a Python operator of a function declared `fast`, else None."""
    op = function.ops[0]
    if op.fast is None or op.inplace_only:
        return None
    return _named((unary if op.operands == 1 else binary)(op, slow), function)


def door(function: Function, method: int = 0) -> Callable[..., Any] | None:
    """The short way for calls by name (`method=1`: as a method) of a function declared `fast`, else None."""
    op = function.ops[0]
    if op.fast is None or op.short is None:
        return None

    def general(*args: Any, **kwargs: Any) -> Any:
        return function.bound(args, kwargs, method)

    short = (unary if op.operands == 1 else binary)(op, general)
    count = op.operands

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            return general(*args, **kwargs)
        return short(*args)

    return _named(call, function)


def _named(door: Any, function: Function) -> Callable[..., Any]:
    door.__name__ = door.__qualname__ = function.name.rpartition(".")[2]
    door.__doc__ = function.ops[0].doc
    return door  # type: ignore[no-any-return]
