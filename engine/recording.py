"""Recording: the node of an op that was run, its edges, and what it keeps for backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import arrays, errors
from engine.graph import FROZEN, Edge, Node, Rare, Saved
from engine.infer import Estimate
from engine.modes import state
from engine.op import Op
from engine.order import next_sequence
from engine.plans import plan_of, reader_of
from engine.saved import packed
from engine.tensor import InferenceCounter, Tensor, wrap_saved
from engine.views import edge_of

_new = object.__new__

Links = tuple[list[Edge | None], tuple[bool, ...], tuple[int, ...] | None]


def edges_of(op: Op, values: list[Any]) -> Links:
    """The edges of the differentiable arguments, which of them need gradients, and the lengths of lists."""
    edges: list[Edge | None] = []
    for at in op.diff_at:
        value = values[at]
        if isinstance(value, Tensor):
            edges.append(edge_of(value))
        elif type(value) is list:
            return _edges_of_lists(op, values)
        else:
            edges.append(None)
    return edges, tuple([edge is not None for edge in edges]), None


def _edges_of_lists(op: Op, values: list[Any]) -> Links:
    edges: list[Edge | None] = []
    needs: list[bool] = []
    sizes: list[int] = []
    for at in op.diff_at:
        value = values[at]
        listed = type(value) is list
        group = [edge_of(each) if isinstance(each, Tensor) else None for each in (value if listed else [value])]
        edges.extend(group)
        needs.append(any(edge is not None for edge in group))
        sizes.append(len(group) if listed else -1)
    return edges, tuple(needs), tuple(sizes)


def record(op: Op, values: list[Any], raw: list[Any], tensors: list[Tensor], estimate: Estimate) -> None:
    """Hang the results on a node, if an argument requires grad.

    Raises RuntimeError (`not_differentiable`) for results of a dtype in which torch records no such op.
    """
    edges, needs, sizes = edges_of(op, values)
    if True not in needs and not any(needs_grad(values[at]) for at in op.diff_at):
        return  # a view made under no_grad requires grad without an edge: torch records it, to nowhere
    linked = [
        nr
        for nr, tensor in enumerate(tensors)
        if tensor._array.dtype.kind in "fcV" and (op.returns_list or op.outputs[nr] in op.differentiable)
    ]
    if tensors and (not linked or op.real_grad):
        _refuse_autograd(op, tensors)
    if not linked:
        return
    node = new_node(op, tuple(edges), needs, sizes)
    for nr in linked:
        array = tensors[nr]._array
        tensors[nr]._edge = (node, nr, array.shape, array.dtype)
    if op.multiple:
        node.outputs = tuple([(each._array.shape, each._array.dtype) for each in tensors])
    save(node, values, raw, tensors, estimate)


def _refuse_autograd(op: Op, tensors: list[Tensor]) -> None:
    """Raise RuntimeError for results of a dtype in which torch records no such op."""
    dtype = tensors[0].dtype
    if dtype.is_complex and op.real_grad:
        raise errors.coded(
            RuntimeError,
            "not_differentiable",
            f"{op.real_grad} does not support automatic differentiation for outputs with complex dtype.",
        )
    if "dtype" in op.index and op.name != "to_copy" and not dtype.differentiable:
        raise errors.coded(RuntimeError, "not_differentiable", f"Autograd not support dtype: {dtype.type_name}")


def new_node(op: Op, edges: tuple[Edge | None, ...], needs: tuple[bool, ...], sizes: tuple[int, ...] | None) -> Node:
    """A node without its saved values."""
    plan = plan_of(op, needs)
    node: Node = _new(plan.node_type)
    node.plan = plan
    node.edges = edges
    node.rare = None
    if sizes is not None:
        node.inputs = sizes
    node.sequence = next_sequence()
    if state.ctx.anomaly is not None:
        state.ctx.anomaly.note(node)
    return node


def save(
    node: Node,
    values: list[Any],
    raw: list[Any],
    tensors: list[Tensor],
    estimate: Estimate,
    stamps: dict[int, int] | None = None,
) -> None:
    """Put into the node what its plan asks for.

    `stamps` are the versions inputs had before an in-place op wrote, by the identity of their counters.
    """
    plan, op = node.plan, node.plan.op
    plain = state.ctx.plain
    saved: list[Saved] = []
    for at in plan.sources:
        source = values[at] if at >= 0 else tensors[-1 - at]
        if isinstance(source, Tensor):
            counter = source._counter
            stamp = counter[0] if at < 0 or stamps is None else stamps.get(id(counter), counter[0])
            saved.append((source._array, counter, stamp))
            if not plain or type(counter) is InferenceCounter:
                saved[-1] = special_save(node, saved[-1], source, None if at >= 0 else -1 - at)
        elif source is None:
            saved.append((None, FROZEN, 0))
        else:
            saved.append((arrays.scalar(source, estimate.compute), FROZEN, 0))
    if arrays.gpu_loaded() and any(arrays.backend_of(each._array) is not arrays.NUMPY for each in tensors):
        saved = [_by_value(each) for each in saved]
    node.saved = tuple(saved)
    node.attributes = tuple([_read(*reader, raw, estimate) for reader in plan.readers]) if plan.readers else ()
    compute = estimate.compute
    if compute is not None:
        for at in op.cast_at:
            if not _is_uncast(raw[at], compute):
                node.compute = compute  # else backward takes the saved values as they are
                break


def _by_value(saved: Saved) -> Saved:
    """A saved 0-d host value as a NumPy scalar, which a GPU kernel takes."""
    array = saved[0]
    return (array[()], *saved[1:]) if type(array) is np.ndarray and not array.shape else saved


def special_save(node: Node, saved: Saved, source: Tensor, nr: int | None) -> Saved:
    """A saved tensor under the modes that change what is kept: packed by hooks, which see the tensor itself.

    `nr` is the number of an output. Raises RuntimeError for an inference tensor.
    """
    array, counter, _ = saved
    ctx = state.ctx
    if type(counter) is InferenceCounter:
        raise errors.inference_saved()
    if ctx.saved_hooks and not isinstance(ctx.saved_hooks[-1], str):
        node.rare = node.rare or Rare()
        if nr is not None and array.dtype.kind in "fcV":
            source = wrap_saved(array, counter, (node, nr, array.shape, array.dtype))
        return (packed(source, *ctx.saved_hooks[-1]), FROZEN, 0)
    return saved


def _is_uncast(value: Any, compute: Any) -> bool:
    if type(value) is np.ndarray:
        return value.dtype is compute or bool(value.dtype == compute)
    if type(value) is list:
        return all(each.dtype == compute for each in value)
    return bool(getattr(value, "dtype", compute) == compute)


def attribute(op: Op, name: str, raw: list[Any], estimate: Estimate) -> Any:
    """A value a formula asks for that is not a tensor: an argument, a shape, strides."""
    return _read(*reader_of(op, name), raw, estimate)


def _read(at: int, what: str, raw: list[Any], estimate: Estimate) -> Any:
    if not what:
        return estimate.values[at]
    value = raw[at]
    if what == "shape" and type(value) is np.ndarray:
        return value.shape
    if what == "strides":
        return arrays.element_strides(value)
    if what == "numel":
        return value.size
    if what == "device":
        return arrays.device_of(value)
    if type(value) is list:
        return tuple(each.shape for each in value)
    return getattr(value, "shape", ())


def needs_grad(value: Any) -> bool:
    """Whether an argument is a tensor that requires grad."""
    return isinstance(value, Tensor) and value.requires_grad
