"""Views and in-place: who shares memory with whom, and how a base's history follows what is written to it.

A view keeps its base and the version at which its own edge into the graph was right. An in-place op on a view rebases
the *base*: its new node is a CopySlices, which runs the op's backward on the slice and passes the rest through. A
view's own edge is made again from the base, lazily, when the shared version has moved on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import arrays, dtypes, errors
from engine.graph import Edge, Node, Rare, leaf_edge, short_name
from engine.modes import state
from engine.order import next_sequence
from engine.plans import plan_of
from engine.replaced import differs

if TYPE_CHECKING:
    from engine.op import Op
    from engine.tensor import Tensor

NO_GRAD = "no_grad"
MULTI = "multi"
INFERENCE = "inference_mode"
FUNCTION = "function"


class View:
    """What a view knows: its base, the version its edge is right for, how it was made."""

    __slots__ = ("base", "creation", "output_nr", "replay", "stamp")

    def __init__(self, base: Tensor, stamp: int, creation: str | None, output_nr: int, replay: Any) -> None:
        self.base = base
        self.stamp = stamp
        self.creation = creation
        self.output_nr = output_nr
        self.replay: tuple[tuple[Op, tuple[Any, ...]], ...] | None = replay  # where as_strided cannot say it


def view_of(source: Tensor, array: Any, op: Op, values: list[Any], output_nr: int) -> View:
    """The view information of a result of the view op `op` on `source`."""
    parent = source._view
    creation = MULTI if op.multi_view else None
    if not state.ctx.grad_enabled:
        creation = INFERENCE if state.ctx.inference else NO_GRAD
    replay: Any = None
    if parent is not None:
        creation = creation or parent.creation
        replay = parent.replay
    if replay is not None or op.lazy or array.dtype != source._array.dtype:
        step = as_strided_op() if op.wire_name == "as_strided" else op  # with the kernel's offset, not the caller's
        replay = (replay or _geometry_step(source)) + ((step, tuple(values[1:])),)
    return View(source if parent is None else parent.base, source._counter[0], creation, output_nr, replay)


def _geometry_step(source: Tensor) -> tuple[tuple[Op, tuple[Any, ...]], ...]:
    if source._view is None:
        return ()
    return ((as_strided_op(), geometry(source)),)


def as_strided_op() -> Op:
    """The op that any view of one dtype can be written as."""
    from engine.ops.strided import strided_part

    return strided_part


def geometry(view: Tensor, inside: bool = False) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Size, strides and offset of a view in elements, relative to its base's first element.

    Raises RuntimeError where it has to lie `inside` its base and does not, for data was set.
    """
    assert view._view is not None
    array, base = view._array, view._view.base._array
    shape, strides = array.shape, arrays.element_strides(array)
    offset = (arrays.address(array) - arrays.address(base)) // array.dtype.itemsize
    if not 0 <= offset < base.size:  # no memory in common, but for views that `as_strided` made
        offset = _place(array) - _place(base)
        reach = 1 + offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        if inside and array.size and (offset < 0 or reach > arrays.owner(base).size):
            raise errors.outside_storage(shape, strides, offset, array.dtype.itemsize, reach, base.size)
    return shape, strides, offset


def _place(array: Any) -> int:
    """Where an array begins in its storage, in elements: all that is left of it when data was set."""
    return int((arrays.address(array) - arrays.address(arrays.owner(array))) // array.dtype.itemsize)


def edge_of(tensor: Tensor) -> Edge | None:
    """Where gradients of this tensor go, or None if it does not require grad."""
    view = tensor._view
    if view is not None and view.stamp != tensor._counter[0]:
        refresh(tensor, view)
    edge = tensor._edge
    if edge is None and tensor._requires_grad:
        return leaf_edge(tensor)
    return edge


def refresh(tensor: Tensor, view: View) -> None:
    """Make a view's edge again after its memory was written through another tensor.

    Raises RuntimeError for a view made under no_grad whose base is tracked now.
    """
    if not differs(tensor._counter, view.stamp):
        view.stamp = tensor._counter[0]  # only data was set
        return
    source = edge_of(view.base)
    if state.ctx.log is not None:
        state.ctx.log.tensor(tensor)
    if source is None and tensor._edge is None:
        return  # asked again when next needed: the base may begin to require grad
    if view.creation is not None:
        raise _ambiguous(tensor, view, through_base=True)
    old = tensor._edge
    tensor._edge = _regenerated(tensor, view, source)
    view.stamp = tensor._counter[0]
    follow_retained(tensor, old)


def _regenerated(tensor: Tensor, view: View, source: Edge | None) -> Edge | None:
    """The edge from the base; without `source`, a view of a leaf that is itself one, it leads nowhere, as in torch."""
    if view.replay is not None and source is not None:
        previous, state.ctx.grad_enabled = state.ctx.grad_enabled, True
        try:
            again = view.base
            for op, values in view.replay:
                again = op.door(op, [again, *values])
        finally:
            state.ctx.grad_enabled = previous
        return again._edge
    size, stride, offset = geometry(tensor)
    base = view.base._array
    plan = plan_of(as_strided_op(), (source is not None,))
    node = plan.node_type()
    node.plan = plan
    node.edges = (source,)
    node.saved = ()
    known = {
        "input_shape": base.shape,
        "input_strides": arrays.element_strides(base),
        "size": size,
        "stride": stride,
        "offset": offset,
    }
    node.attributes = tuple(known[name] for name in node.plan.attributes)
    node.rare = None
    node.sequence = next_sequence()
    return (node, 0, size, tensor._array.dtype)


def _ambiguous(tensor: Tensor, view: View, through_base: bool) -> RuntimeError:
    edge = tensor._edge
    origin = None if edge is None else f"Output {view.output_nr} of {short_name(edge[0])}"
    return errors.inplace_on_view(origin, view.creation or NO_GRAD, through_base)


def check_inplace(tensor: Tensor) -> None:
    """Refuse an in-place op that torch refuses under grad mode when something in it requires grad.

    Raises RuntimeError (`inplace_on_leaf`, `inplace_on_view`).
    """
    view = tensor._view
    if view is not None:
        if view.creation is not None:
            raise _ambiguous(tensor, view, through_base=False)
        if tensor.requires_grad and view.base._edge is None:
            raise errors.inplace_on_leaf(view=True)
    if tensor._requires_grad and tensor._edge is None:
        raise errors.inplace_on_leaf(view=view is not None)


class CopySlices(Node):
    """The history of a base after an in-place op on a view of it (torch's node of that name)."""

    __module__ = "builtins"  # as torch shows its nodes
    __slots__ = ("base_strides", "geometry", "inner", "replay")

    ordinary = False

    def __init__(self, inner: Node, view: Tensor, base_edge: Edge | None) -> None:
        assert view._view is not None
        self.inner = inner
        self.geometry = geometry(view, inside=True) if view._view.replay is None else None
        self.replay = view._view.replay
        self.base_strides = arrays.element_strides(view._view.base._array)
        self.edges = (base_edge, *inner.edges[1:])
        self.saved = ()
        self.attributes = ()
        self.rare = Rare()
        self.sequence = next_sequence()

    def name(self) -> str:
        """torch's name of it."""
        return "torch::autograd::CopySlices"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'CopySlices' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return list(object.__dir__(self))

    def backward(self, grads: list[Any], record: bool, wanted: list[bool]) -> list[Any]:
        """The op's backward on the slice; the rest of the base's gradient passes through."""
        if grads[0] is None:
            return [None] * len(self.edges)
        if self.saved is None:
            raise errors.graph_freed()
        if record:
            return self._recorded(grads[0], wanted)
        g = arrays.as_array(grads[0])
        result = arrays.laid_out(g, self.base_strides)
        parts = self._slices(result)
        inner = self.inner.backward([parts[-1].copy()], False, [True, *wanted[1:]])
        parts[-1][...] = 0 if inner[0] is None else inner[0]
        for at, (op, _) in reversed(list(enumerate(self.replay or ()))):
            if op.lazy:  # the one step whose result has memory of its own
                parts[at][...] = _turned(op, parts[at + 1])
        return [result, *inner[1:]]

    def release(self) -> None:
        """Free what the inner node saved; unlike other nodes this one never runs twice (as torch)."""
        self.inner.release()
        if self.saved is not None:
            if state.ctx.log is not None:
                state.ctx.log.node(self)
            self.saved = None

    def _slices(self, array: Any) -> list[Any]:
        """The array and what each step to the slice makes of it, the slice last."""
        if self.geometry is not None:
            return [arrays.as_strided(array, *self.geometry)]
        parts = [array]
        for op, values in self.replay or ():
            parts.append(_turned(op, parts[-1]) if op.lazy else op.kernel(parts[-1], *values))
        return parts

    def _recorded(self, g: Any, wanted: list[bool]) -> list[Any]:
        from engine.ops.copies import clone, copy_, lay_out, zero_

        result = lay_out(clone(g), self.base_strides)
        steps = self.replay or ((as_strided_op(), self.geometry),)
        part = result
        for op, values in steps:
            part = op.door(op, [part, *(values or ())])
        node = _again(self.inner) if self.inner.ordinary else self.inner
        inner = node.backward([clone(part)], True, [True, *wanted[1:]])
        if inner[0] is None:
            zero_(part)
        else:
            copy_(part, inner[0])
        return [result, *inner[1:]]


def _again(node: Node) -> Node:
    """A node of its own for the result that a recorded backward of `node` hangs in the graph.

    A pass may run it beside the CopySlices, which frees what it ran.
    """
    made = type(node).__new__(type(node))
    for name in ("plan", "edges", "saved", "attributes", "rare"):
        setattr(made, name, getattr(node, name))
    made.sequence = next_sequence()
    return made


def _turned(op: Op, array: Any) -> Any:
    """The values of a lazy view (`engine.lazy`) from its memory, or back."""
    return array.conj() if op.lazy == "conj" else -array


def rebase(tensor: Tensor, node: Node) -> None:
    """After an in-place op recorded as `node`: hang the new history in the tensor, or in its base."""
    log = state.ctx.log
    view = tensor._view
    array = tensor._array
    version = tensor._counter
    if view is None:
        if log is not None:
            log.tensor(tensor)
        old = tensor._edge
        tensor._edge = (node, 0, array.shape, array.dtype)
        tensor._requires_grad = False
        version[1:] = [short_name(node), 0, id(array), node.sequence]
        follow_retained(tensor, old)
        return
    base = view.base
    if log is not None:
        log.tensor(base)
        log.tensor(tensor)
    copied = CopySlices(node, tensor, edge_of(base) if base._edge is not None or base._requires_grad else None)
    old = base._edge
    base._edge = (copied, 0, base._array.shape, base._array.dtype)
    base._requires_grad = False
    version[1:] = [short_name(copied), 0, id(base._array), node.sequence]
    view.stamp = -1
    follow_retained(base, old)


def follow_retained(tensor: Tensor, old: Edge | None) -> None:
    """`retain_grad` means the tensor as it is now: move it from the old node to the new one."""
    if tensor._retains and old is not None:
        node, nr = old[:2]
        node.hook_tables().retains.pop(nr, None)
        tensor._retains = False
        tensor.retain_grad()


def dtype_name(array: Any) -> str:
    """The dtype's name in messages: `Float`."""
    return dtypes.of(array).type_name
