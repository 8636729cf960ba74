"""The graph: nodes, edges, saved values.

A node is data: its plan (which op, which formulas, what was saved), its edges, the saved values with the versions they
had, attributes. It holds no closure and never its own output tensor, so memory goes when names go. An edge is
`(node, output number, shape, dtype)`: where a gradient goes and the form it must have there.
"""

from __future__ import annotations

import functools
import re
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.hooks import Hooks, RemovableHandle
from engine.inspection import Inspection, readonly
from engine.modes import state
from engine.replaced import current, differs
from engine.saved import Packed

if TYPE_CHECKING:
    from engine.plans import Plan
    from engine.tensor import Tensor

Edge = tuple["Node", int, tuple[int, ...], Any]


Saved = tuple[Any, list[Any], int]  # array, version counter, version when saved
Watched = tuple[Saved | None, ...]  # index tensors (`engine.watching`), None for whole dims

FROZEN: list[Any] = [0]  # the version counter of values nobody can change


class Rare:
    """What few nodes have; the others share None, which is quicker to set and to ask."""

    __slots__ = ("compute", "hooks", "inputs", "metadata", "outputs", "watched")

    def __init__(self) -> None:
        self.compute: Any = None
        self.hooks: Hooks | None = None
        self.inputs: tuple[int, ...] | None = None
        self.metadata: dict[str, Any] | None = None
        self.outputs: tuple[tuple[tuple[int, ...], Any], ...] | None = None
        self.watched: Watched = ()


def _rare(name: str, doc: str) -> Any:
    def read(node: Node) -> Any:
        return None if node.rare is None else getattr(node.rare, name)

    def write(node: Node, value: Any) -> None:
        if node.rare is None:
            if value is None:
                return
            node.rare = Rare()
        setattr(node.rare, name, value)

    return property(read, write, doc=doc)


class Node(Inspection):
    """A recorded op: what `grad_fn` shows and backward runs."""

    __slots__ = ("__weakref__", "attributes", "edges", "plan", "rare", "saved", "sequence")

    ordinary = True  # its plan says all there is to run
    wrap_saved: Callable[..., Any]  # `engine.tensor.wrap_saved`, declared above this module
    plan: Plan
    edges: tuple[Edge | None, ...]
    saved: tuple[Saved, ...] | None  # None once freed
    attributes: tuple[Any, ...]
    rare: Rare | None
    sequence: int

    compute = _rare("compute", "The NumPy dtype operands were cast to, or None.")
    hooks = _rare("hooks", "The hooks, or None.")
    inputs = _rare("inputs", "The length of each list input, -1 for a single one; None where there are no lists.")
    outputs = _rare("outputs", "Shape and dtype of each output, where there are several.")

    @readonly
    def metadata(self) -> dict[str, Any]:
        """A dict for the user's notes."""
        if self.rare is None:
            self.rare = Rare()
        if self.rare.metadata is None:
            self.rare.metadata = {}
        return self.rare.metadata

    def number_of(self, nr: int) -> int:
        """What torch calls an output: its place among those that have gradients."""
        return nr if self.outputs is None else self.flows().index(nr)

    def flows(self) -> tuple[int, ...]:
        """The numbers of the outputs that have gradients: those hooks of the node see."""
        if self.outputs is None:
            return (0,)
        op = self.plan.op if self.ordinary else None
        if op is None or op.returns_list:
            return tuple(range(len(self.outputs)))
        return tuple(nr for nr, name in enumerate(op.outputs) if name in op.differentiable)

    def hook_tables(self) -> Hooks:
        """The node's hooks, to be added to; an undo log hears of it first."""
        if state.ctx.log is not None:
            state.ctx.log.node(self)
        if self.hooks is None:
            self.hooks = Hooks()
        hooks: Hooks = self.hooks
        return hooks

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call `fn(grad_outputs)` before the node runs; a result other than None takes their place."""
        return RemovableHandle([self.hook_tables().before], fn)

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call `fn(grad_inputs, grad_outputs)` after the node ran; a result other than None replaces grad_inputs."""
        return RemovableHandle([self.hook_tables().after], fn)

    def check_saved(self) -> tuple[Saved, ...]:
        """The saved values.

        Raises RuntimeError if they were freed (`graph_freed`) or changed since (`modified_inplace`).
        """
        saved = self.saved
        if saved is None:
            raise errors.graph_freed()
        for at, (_, version, stamp) in enumerate(saved):
            if version[0] != stamp:
                saved = tuple(self._up_to_date(at, each) for at, each in enumerate(saved))
                break
        if self.rare is None:
            return saved
        for each in self.rare.watched:
            if each is not None and each[1][0] != each[2]:
                self._up_to_date(-1, each)
        if any(type(each[0]) is Packed for each in saved):
            return tuple((e[0].array(), *e[1:]) if type(e[0]) is Packed else e for e in saved)
        return saved

    def _up_to_date(self, at: int, saved: Saved) -> Saved:
        """A saved value, or what took its place by `x.data = y`; an output is saved apart from its tensor, as in torch.

        Raises RuntimeError if it was changed (`modified_inplace`).
        """
        array, version, stamp = saved
        if version[0] == stamp:
            return saved
        if at < 0 or (self.plan.sources[at] >= 0 and array.dtype.kind in "fcV"):  # places and masks stay what they were
            array = current(array, version)
        if differs(version, stamp):
            raise self._modified(at, array, version, stamp)
        return array, version, version[0]

    def _modified(self, at: int, array: Any, version: list[Any], stamp: int) -> RuntimeError:
        dtype = dtypes.of(array)
        origin = ""
        name = "" if at < 0 else self.plan.tensors[at]
        edge = self._edge_of(name) if name in self.plan.op.index else None
        if edge is not None and edge[0].ordinary and edge[0].plan.op.multi_view:
            return errors.inplace_on_view(f"Output {edge[1]} of {short_name(edge[0])}", "multi", True)
        if not name or self._ungraphed(at, array, version):
            pass  # no node made it
        elif name in self.plan.op.outputs:
            origin = f", which is output {self.plan.op.outputs.index(name)} of {short_name(self)},"
        elif len(version) > 1:
            view = edge is not None and edge[0].ordinary and edge[0].plan.op.view
            origin = f", which is output {version[2]} of {'AsStrided' if view else version[1]},"
        elif edge is not None and not isinstance(edge[0], AccumulateGrad):
            view = edge[0].ordinary and edge[0].plan.op.view  # torch makes its node anew, as what it is then
            origin = f", which is output {edge[1]} of {'AsStrided' if view else short_name(edge[0])},"
        what = f"{dtype.options} {list(array.shape)}"
        if arrays.device_of(array).type == "cuda":
            what = what.replace("torch.", "torch.cuda.").replace("CPU", "CUDA", 1)
        return errors.modified_inplace(what, origin, version[0], stamp, state.ctx.anomaly is not None)

    def _ungraphed(self, at: int, array: Any, version: list[Any]) -> bool:
        """Whether a saved value has no node: an output without gradient, or an input that still requires none."""
        op, source, place = self.plan.op, self.plan.sources[at], self.plan.origins[at]
        if source < 0:
            return op.outputs[-1 - source] not in op.differentiable
        rebased = len(version) > 3 and version[3] == id(array) and version[4] != self.sequence
        return place is not None and self.inputs is None and self.edges[place] is None and not rebased

    def _edge_of(self, name: str) -> Edge | None:
        op = self.plan.op
        at = op.index[name]
        if at not in op.diff_at or self.inputs is not None:
            return None
        return self.edges[op.diff_at.index(at)]

    def release(self) -> None:
        """Free the saved values, as torch does right after running a node; one that saved none can run again."""
        if self.saved or (self.rare is not None and self.rare.watched):
            log = state.ctx.log
            if log is not None:
                log.node(self)
            self.saved = None

    def unpack(self) -> list[Any]:
        """The saved values as tensors that hang in the graph as they did when saved."""
        return [self._placed(at, each) for at, each in enumerate(self.check_saved())]

    def unpacked(self, at: int) -> Any:
        """One of them.

        Raises RuntimeError if it was freed (`graph_freed`) or changed since (`modified_inplace`).
        """
        if self.saved is None:
            raise errors.graph_freed()
        array, counter, stamp = self._up_to_date(at, self.saved[at])
        return self._placed(at, (array.array() if type(array) is Packed else array, counter, stamp))

    def _placed(self, at: int, value: Saved) -> Any:
        array, counter, _ = value
        plan, kept = self.plan, self.saved or ()
        source, origin = plan.sources[at], plan.origins[at]
        edge = None
        if source < 0:
            if plan.op.outputs[-1 - source] in plan.op.differentiable:
                edge = (self, -1 - source, array.shape, array.dtype)
        elif origin is not None and self.inputs is None:  # without lists, one edge for each input
            edge = self.edges[origin]
        return Node.wrap_saved(array, counter, edge, type(kept[at][0]) is Packed)

    def pack(self, at: int, packed: Packed) -> None:
        """Put what a hook made of a saved tensor in its place."""
        if state.ctx.log is not None:
            state.ctx.log.node(self)
        self.rare = self.rare or Rare()
        assert self.saved is not None
        self.saved = (*self.saved[:at], (packed, FROZEN, 0), *self.saved[at + 1 :])

    def values(self) -> list[Any]:
        """The saved arrays and attributes, operands cast to the dtype the op computed in."""
        compute = self.compute
        saved = self.check_saved()
        if compute is None:
            return [*[each[0] for each in saved], *self.attributes]
        cast = self.plan.op.cast_names
        out: list[Any] = []
        for name, (array, _, _) in zip(self.plan.tensors, saved, strict=True):
            out.append(arrays.cast(array, compute) if name in cast and array is not None else array)
        out.extend(self.attributes)
        return out

    def backward(self, grads: list[Any], record: bool, wanted: list[bool]) -> list[Any]:
        """The gradients for each edge (None where unwanted or zero), from those of each output.

        With `record`, gradients are tensors and the formulas are recorded; else they are arrays.
        """
        for _, version, stamp in self.saved or ():
            if version[0] != stamp:
                return self._anew(grads, record, wanted)
        return self._by_formulas(grads, record, wanted)

    def _anew(self, grads: list[Any], record: bool, wanted: list[bool]) -> list[Any]:
        """`backward` where data was set since: the ops' own doors refuse what does not fit, as torch's do."""
        tensors = grads if record else [None if each is None else Node.wrap_saved(each, FROZEN) for each in grads]
        try:
            made = self._by_formulas(tensors, True, wanted)
        except Exception as error:
            if hasattr(error, "code"):
                raise
            shapes = re.search(r"broadcast together with shapes \(([\d,]*)\) \(([\d,]*)\)", str(error))
            if shapes is not None:
                two = [[int(n) for n in each.split(",") if n] for each in shapes.groups()]
                raise errors.broadcast_mismatch(*two) from None
            text = f"Function {self.name()}: the data that a saved tensor was given since does not fit: {error}"
            raise errors.shape_mismatch(text) from None
        return made if record else [None if each is None else each._array for each in made]

    def _by_formulas(self, grads: list[Any], record: bool, wanted: list[bool]) -> list[Any]:
        plan = self.plan
        op = plan.op
        g = grads if op.multiple else grads[0]
        if record:
            values: list[Any] = [*self._cast_tensors(self.unpack()), *self.attributes]
            steps = plan.entries
        else:
            values = self.values()
            first = next(each for each in grads if each is not None)
            steps = plan.steps_for(arrays.backend_of(first))
        if op.joint is not None:
            entry = next(step for step in steps if step is not None)
            chosen = values if entry[1] is None else [values[at] for at in entry[1]]
            return list(entry[0](g, wanted, *chosen))
        return self._each(g, steps, values, wanted)

    def _each(self, g: Any, steps: Any, values: list[Any], wanted: list[bool]) -> list[Any]:
        results: list[Any] = []
        for group, step in enumerate(steps):
            size = self.inputs[group] if self.inputs is not None else -1
            span = wanted[len(results) : len(results) + abs(size)]
            if step is None or not any(span):
                results.extend([None] * abs(size))
            else:
                made = step[0](g, *(values if step[1] is None else [values[at] for at in step[1]]))
                results.extend([made] if size == -1 else made)
        return results

    def _cast_tensors(self, tensors: list[Any]) -> list[Any]:
        if self.compute is None:
            return tensors
        cast = self.plan.op.cast_names
        target = dtypes.BY_NUMPY[np.dtype(self.compute)]
        return [
            t.to(target) if name in cast and t is not None else t
            for name, t in zip(self.plan.tensors, tensors, strict=True)
        ]


@functools.cache
def node_type(name: str) -> type[Node]:
    """A class of nodes under torch's name, so that `type(grad_fn).__name__` is what it is in torch."""
    return type(name.rpartition("::")[2], (Node,), {"__slots__": (), "__module__": "builtins"})


class AccumulateGrad(Node):
    """The end of the graph at a leaf: adds what arrives to the leaf's `.grad`."""

    __module__ = "builtins"  # as torch shows its nodes
    __slots__ = ("dtype", "shape", "variable")

    ordinary = False
    variable: Tensor
    shape: tuple[int, ...]  # of the gradient; the variable's data may have been set since
    dtype: Any  # of the gradient, where it is not the variable's own

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable
        self.shape = variable._array.shape
        chosen = variable._grad_dtype  # a dtype, None, or the plain object that stands for none chosen
        self.dtype = None if type(chosen) is object else chosen
        self.edges = ()
        self.saved = ()
        self.rare = None
        self.sequence = 2**64 - 1

    def name(self) -> str:
        """torch's name of it."""
        return "torch::autograd::AccumulateGrad"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'AccumulateGrad' object has no attribute '{name}'")

    def __call__(self, *grads: Any) -> tuple[Any, ...]:
        """Add a gradient to the leaf's, outside any pass."""
        from engine.gradients import accumulate

        (grad,) = self.given(grads, 1)
        if grad is not None:
            record = state.ctx.grad_enabled
            accumulate(self.variable, grad if record else grad.copy(), record)
        return ()

    def __dir__(self) -> list[str]:
        return list(object.__dir__(self))


def leaf_edge(tensor: Tensor) -> Edge:
    """The edge to a leaf that requires grad; its AccumulateGrad lives as long as a graph uses it."""
    reference = tensor._accumulator
    node = reference() if reference is not None else None
    if node is None:
        node = AccumulateGrad(tensor)
        tensor._accumulator = weakref.ref(node)
    dtype = node.dtype
    return (node, 0, node.shape, tensor._array.dtype if dtype is None else dtype)


def short_name(node: Node) -> str:
    """A node's name as messages give it: `Mul` for `MulBackward0`, but `Sum1` for `SumBackward1`."""
    name = node.name()
    start, found, number = name.rpartition("Backward")
    if not found or (number and not number.isdecimal()):
        return name
    return start if number == "0" else start + number


def nodes_behind(roots: Iterator[Node | None]) -> list[Node]:
    """Every node reachable from the roots, in no order."""
    seen: set[Node] = {root for root in roots if root is not None}
    stack = list(seen)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return list(seen)
