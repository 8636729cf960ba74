"""What a node of the graph shows: its name, its neighbours, what it saved; and calling it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.modes import state
from engine.saved import SavedTensor

FACE = ("_sequence_nr", "metadata", "name", "next_functions", "register_hook", "register_prehook", "requires_grad")

_GEOMETRY: dict[str, Callable[[Any], Any]] = {
    "_sym_sizes": lambda tensor: tuple(tensor.shape),
    "_sym_strides": lambda tensor: tensor.stride(),
}


class Inspection:
    """The part of `Node` that a reader of graphs sees."""

    __slots__ = ()

    plan: Any
    edges: tuple[Any, ...]
    rare: Any
    sequence: int
    attributes: tuple[Any, ...]

    def name(self) -> str:
        """The name torch gives the node: `MulBackward0`."""
        return str(self.plan.op.node_name)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes this one sends gradients to, each with the number of its output meant."""
        return tuple((None, 0) if edge is None else (edge[0], edge[0].number_of(edge[1])) for edge in self.edges)

    @property
    def requires_grad(self) -> bool:
        """True: what does not require grad has no node."""
        return True

    def _sequence_nr(self) -> int:
        return self.sequence

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_"):
            return self._lookup(name[7:])
        if name.startswith("_raw_saved_"):
            for at, each in enumerate(self.plan.tensors):
                if saved_name(each) == name[11:]:
                    return SavedTensor(self, at)  # type: ignore[arg-type]  # only nodes have this part
        raise AttributeError(f"'{self.name()}' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return [*(name for name in dir(object) if name.startswith("__")), *FACE, *self._shown()]

    def _shown(self) -> list[str]:
        plan = self.plan
        names = (*plan.tensors, *plan.attributes)
        shown = [saved_name(name) for name in names if not plan.is_list(name) and not name.endswith("_device")]
        if plan.op.shows_geometry:
            shown += [name + ending for name in shown for ending in _GEOMETRY]
        raw = [f"_raw_saved_{saved_name(name)}" for name in plan.tensors if not plan.is_list(name)]
        return [*(f"_saved_{name}" for name in shown), *raw]

    def _lookup(self, torch_name: str) -> Any:
        """A saved value by torch's name for it."""
        plan = self.plan
        for ending, read in _GEOMETRY.items():
            if plan.op.shows_geometry and torch_name.endswith(ending):
                return read(self._lookup(torch_name.removesuffix(ending)))
        for at, name in enumerate(plan.tensors):
            if saved_name(name) == torch_name:
                return self.unpack()[at]
        for at, name in enumerate(plan.attributes):
            if saved_name(name) == torch_name:
                return self.attributes[at]
        op_names = [saved_name(name) for name in (*plan.op.index, *plan.op.outputs)]
        if torch_name in op_names:
            return None  # torch has the slot, but this call needed nothing in it
        raise AttributeError(f"'{self.name()}' object has no attribute '_saved_{torch_name}'")

    def __call__(self, *grads: Any) -> tuple[Any, ...]:
        """The gradients of the node's inputs from those of its outputs, outside any pass."""
        record = state.ctx.grad_enabled
        given = [each if record or each is None else each._array for each in grads]
        wanted = [edge is not None for edge in self.edges]
        made = self.backward(given, record, wanted)
        return tuple(each if record or each is None else self.wrap_saved(each, [0], None) for each in made)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at 0x{self.sequence:08x}>"


def saved_name(name: str) -> str:
    """torch's name of what a formula asks for: `self` for `input`, `result` for `out`, `self_sym_sizes` for a shape."""
    for ours, theirs in (("_shape", "_sym_sizes"), ("_strides", "_sym_strides"), ("_numel", "_sym_numel")):
        if name.endswith(ours):
            return saved_name(name.removesuffix(ours)) + theirs
    return {"input": "self", "x": "self", "A": "self", "out": "result"}.get(name, name)
