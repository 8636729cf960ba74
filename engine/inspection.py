"""What a node of the graph shows: its name, its neighbours, what it saved; and calling it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from engine import errors
from engine.modes import state
from engine.saved import SavedTensor

FACE = ("_sequence_nr", "metadata", "name", "next_functions", "register_hook", "register_prehook", "requires_grad")

REDUCTIONS = ("none", "mean", "sum")  # torch saves the number

_GEOMETRY: dict[str, Callable[[Any], Any]] = {
    "_sym_sizes": lambda tensor: tuple(tensor.shape),
    "_sym_strides": lambda tensor: tensor.stride(),
}


def _readonly(read: Callable[[Any], Any]) -> Any:
    """A property that refuses assignment in torch's words."""

    def write(node: Any, value: Any = None) -> None:
        owner = node.owner or type(node).__name__
        raise AttributeError(f"attribute '{read.__name__}' of '{owner}' objects is not writable")

    return property(read, write, write)


if TYPE_CHECKING:
    readonly = property
else:
    readonly = _readonly


class Inspection:
    """The part of `Node` that a reader of graphs sees."""

    __slots__ = ()

    owner: ClassVar[str | None] = None  # the class that messages name, where it is not the node's own
    plan: Any
    edges: tuple[Any, ...]
    rare: Any
    sequence: int
    attributes: tuple[Any, ...]

    def name(self) -> str:
        """The name torch gives the node: `MulBackward0`."""
        return str(self.plan.op.node_name)

    @readonly
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes this one sends gradients to, each with the number of its output meant."""
        return tuple((None, 0) if edge is None else (edge[0], edge[0].number_of(edge[1])) for edge in self.edges)

    @readonly
    def requires_grad(self) -> bool:
        """True: what does not require grad has no node."""
        return True

    def _sequence_nr(self) -> int:
        return self.sequence

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_"):
            return self._lookup(name[7:])
        if name.startswith("_raw_saved_") and name in self._shown():
            places = [at for at, each in enumerate(self.plan.tensors) if saved_name(each) == name[11:]]
            return SavedTensor(self, places[0] if places else None)  # type: ignore[arg-type]  # nodes have this part
        raise AttributeError(f"'{self.name()}' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return [*(name for name in dir(object) if name.startswith("__")), *FACE, *self._shown()]

    def _shown(self) -> list[str]:
        plan = self.plan.whole()  # slots are those of the op, whatever a call needed
        names = (*plan.tensors, *plan.attributes)
        shown = [saved_name(name) for name in names if not plan.is_list(name) and not name.endswith("_device")]
        if plan.op.shows_geometry:
            shown += [name + ending for name in shown for ending in _GEOMETRY]
        raw = [f"_raw_saved_{saved_name(name)}" for name in plan.tensors if not plan.is_list(name)]
        return [*(f"_saved_{name}" for name in shown), *raw]

    def _lookup(self, torch_name: str) -> Any:
        """A saved value by torch's name for it."""
        plan = self.plan
        if torch_name == "indices" and self.rare is not None and self.rare.watched:
            self.check_saved()
            return tuple(None if each is None else self.wrap_saved(*each[:2]) for each in self.rare.watched)
        for ending, read in _GEOMETRY.items():
            if plan.op.shows_geometry and torch_name.endswith(ending):
                return read(self._lookup(torch_name.removesuffix(ending)))
        for at, name in enumerate(plan.tensors):
            if saved_name(name) == torch_name:
                return self.unpacked(at)
        for at, name in enumerate(plan.attributes):
            if saved_name(name) == torch_name:
                value = self.attributes[at]
                return REDUCTIONS.index(value) if name == "reduction" and value in REDUCTIONS else value
        op_names = [saved_name(name) for name in (*plan.op.index, *plan.op.outputs)]
        if torch_name in op_names:
            return None  # torch has the slot, but this call needed nothing in it
        raise AttributeError(f"'{self.name()}' object has no attribute '_saved_{torch_name}'")

    def __call__(self, *grads: Any) -> Any:
        """The gradients of the node's inputs (a tuple unless it has one) from those of its outputs, outside any pass.

        Raises TypeError for anything but a tensor or None for each output.
        """
        given = self.given(grads, 1 if self.outputs is None else len(self.outputs))
        wanted = [edge is not None for edge in self.edges]
        nothing = all(each is None for each in given)
        made = [None] * len(wanted) if nothing else self.backward(given, state.ctx.grad_enabled, wanted)
        shown = tuple(each if each is None or hasattr(each, "_array") else self.wrap_saved(each, [0]) for each in made)
        return shown[0] if len(shown) == 1 else shown

    def given(self, grads: tuple[Any, ...], count: int) -> list[Any]:
        """The arguments of a call: tensors where a graph is recorded, else their arrays.

        Raises TypeError for anything but a tensor or None for each output.
        """
        if len(grads) != count:
            raise errors.bad_type(f"expected {count} arguments, got {len(grads)} instead")
        for at, each in enumerate(grads):
            if each is not None and not hasattr(each, "_array"):
                raise errors.bad_type(f"argument {at} is not a Variable")
        return [each if each is None or state.ctx.grad_enabled else each._array for each in grads]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at 0x{self.sequence:08x}>"


def saved_name(name: str) -> str:
    """torch's name of what a formula asks for: `self` for `input`, `result` for `out`, `self_sym_sizes` for a shape."""
    for ours, theirs in (("_shape", "_sym_sizes"), ("_strides", "_sym_strides"), ("_numel", "_sym_numel")):
        if name.endswith(ours):
            return saved_name(name.removesuffix(ours)) + theirs
    return {"input": "self", "x": "self", "A": "self", "out": "result"}.get(name, name)
