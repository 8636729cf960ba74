"""The undo log: what the engine changed, so that a caller can take all of it back.

The engine itself keeps torch's semantics, where a failed call may leave traces. A caller that promises all-or-nothing
puts a log into its context; every place that changes something that exists tells the log first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import arrays
from engine.order import next_sequence
from engine.random import Generator, State

if TYPE_CHECKING:
    from engine.graph import Node
    from engine.optim.optimizer import Optimizer
    from engine.tensor import Tensor


class UndoLog:
    """First-seen copies of everything changed since it was made."""

    __slots__ = ("_fields", "_generators", "_nodes", "_start", "_storages", "_versions")

    def __init__(self) -> None:
        self._start = next_sequence()  # nodes made later die with the names that are rolled back
        self._fields: dict[int, tuple[Any, tuple[Any, ...]]] = {}
        self._storages: dict[int, tuple[Any, Any]] = {}
        self._versions: dict[int, tuple[list[Any], list[Any]]] = {}
        self._nodes: dict[int, tuple[Node, Any, Any]] = {}
        self._generators: dict[int, tuple[Generator, tuple[int, State]]] = {}

    def tensor(self, tensor: Tensor) -> None:
        """Before a field of a tensor changes: its array, edge, grad, requires_grad, view."""
        if id(tensor) not in self._fields:
            self._fields[id(tensor)] = (tensor, tensor.snapshot())

    def optimizer(self, optimizer: Optimizer) -> None:
        """Before the options or the state of an optimizer change."""
        if id(optimizer) not in self._fields:
            self._fields[id(optimizer)] = (optimizer, optimizer.snapshot())

    def storage(self, tensor: Tensor) -> None:
        """Before the memory of a tensor is written: one copy of its whole storage, and the version."""
        root = arrays.owner(tensor._array)
        if id(root) not in self._storages:
            self._storages[id(root)] = (root, root.copy())
        self.version(tensor._counter)

    def version(self, version: list[Any]) -> None:
        """Before a version counter counts."""
        if id(version) not in self._versions:
            self._versions[id(version)] = (version, list(version))

    def node(self, node: Node) -> None:
        """Before a node's saved values are freed or its hooks change; the old ones are let go when the log is."""
        if node.sequence < self._start and id(node) not in self._nodes:
            self._nodes[id(node)] = (node, node.saved, node.hooks and node.hooks.copy())

    def generator(self, generator: Generator) -> None:
        """Before numbers are drawn."""
        if id(generator) not in self._generators:
            self._generators[id(generator)] = (generator, generator.get_state())

    def rollback(self) -> None:
        """Put everything back."""
        for root, copy in self._storages.values():
            root[...] = copy
        for version, numbers in self._versions.values():
            version[:] = numbers
        for owner, fields in self._fields.values():
            owner.restore(fields)
        for node, saved, hooks in self._nodes.values():
            node.saved, node.hooks = saved, hooks
        for generator, position in self._generators.values():
            generator.set_state(position)
