"""In-place forms of view ops: the same memory, seen in another shape from now on."""

from __future__ import annotations

import functools
from typing import Any

from engine import errors
from engine.infer import Meta, composed
from engine.kinds import Array, Size
from engine.modes import state
from engine.op import Op, alias, op
from engine.ops.strided import as_strided
from engine.ops.views import squeeze, squeeze_dim, squeeze_dims, t, transpose, unsqueeze
from engine.recording import new_node, save
from engine.views import check_inplace, edge_of, follow_retained


def recorded(base: Op, node: str) -> Op:
    """The op that stands in the graph for the in-place form of a view op."""
    kernel = functools.wraps(base.kernel)(lambda *args: base.kernel(*args))
    made = op(base.rule, name=f"{base.name}_inplace", hidden=True, view=True, node=node)(kernel)
    made.vjp(**base.formulas)
    return made


TRANSPOSE = recorded(transpose, "TransposeBackward1")
T = recorded(t, "TBackward1")
UNSQUEEZE = recorded(unsqueeze, "UnsqueezeBackward1")
SQUEEZE = recorded(squeeze, "SqueezeBackward3")
SQUEEZE_DIM = recorded(squeeze_dim, "SqueezeBackward4")
SQUEEZE_DIMS = recorded(squeeze_dims, "SqueezeBackward5")
AS_STRIDED = recorded(as_strided, "AsStridedBackward1")


def restride(made: Op, tensor: Any, *args: Any) -> Any:
    """Let a tensor look at its memory as a view op does, and record that."""
    if isinstance(tensor, Meta):
        return made(tensor, *args)
    ctx = state.ctx
    tracked = _check(tensor)
    edge = edge_of(tensor) if tracked else None
    array = tensor._array
    estimate = made.rule(made, [array, *args])
    if ctx.log is not None:
        ctx.log.tensor(tensor)
        ctx.log.version(tensor._counter)
    tensor._array = made.run(*estimate.values)
    tensor._counter[0] += 1
    view = tensor._view
    if view is not None:
        if view.replay is not None:
            view.replay += ((made, tuple(estimate.values[1:])),)
        view.stamp = tensor._counter[0]
    if edge is not None:
        node = new_node(made, (edge,), (True,), None)
        save(node, [tensor, *args], [array, *args], [tensor], estimate)
        old = tensor._edge
        tensor._edge = (node, 0, tensor._array.shape, tensor._array.dtype)
        tensor._requires_grad = False
        follow_retained(tensor, old)
    return tensor


def _check(tensor: Any) -> bool:
    """Whether a tensor that may be changed in place is part of a graph.

    Raises RuntimeError if it may not.
    """
    if tensor.is_inference() and not state.ctx.inference:
        raise errors.inference_update()
    tracked: bool = state.ctx.grad_enabled and tensor.requires_grad
    if tracked:
        check_inplace(tensor)
    return tracked


METHOD: dict[str, Any] = {"composite": True, "function": False}


@op(composed, name="transpose_", **METHOD)
def transpose_(input: Array, dim0: int, dim1: int) -> Any:
    """Exchange two dims in place."""
    return restride(TRANSPOSE, input, dim0, dim1)


alias(transpose_, "swapaxes_", "swapdims_")


@op(composed, name="t_", **METHOD)
def t_(input: Array) -> Any:
    """Transpose a matrix in place."""
    if len(input.shape) > 2:
        ndim = len(input.shape)
        if not isinstance(input, Meta):
            _check(input)  # which comes first in torch
        raise errors.shape_mismatch(f"t_() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return restride(T, input)


@op(composed, name="unsqueeze_", **METHOD)
def unsqueeze_(input: Array, dim: int) -> Any:
    """Put in a dim of size 1 in place."""
    return restride(UNSQUEEZE, input, dim)


@op(composed, name="squeeze_", **METHOD)
def squeeze_(input: Array) -> Any:
    """Drop the dims of size 1 in place."""
    return restride(SQUEEZE, input)


@op(composed, name="squeeze_", **METHOD)
def squeeze_dim_(input: Array, dim: int) -> Any:
    """Drop the given dim in place if it has size 1."""
    return restride(SQUEEZE_DIM, input, dim)


@op(composed, name="squeeze_", **METHOD)
def squeeze_dims_(input: Array, dim: Size) -> Any:
    """Drop those of the given dims that have size 1 in place."""
    return restride(SQUEEZE_DIMS, input, dim)


@op(composed, name="as_strided_", composite=True)
def as_strided_(input: Array, size: Size, stride: Size, storage_offset: int | None = None) -> Any:
    """Look at the memory under another size and strides from now on."""
    return restride(AS_STRIDED, input, size, stride, storage_offset)
