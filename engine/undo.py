"""The undo log: what the engine changed, so that a caller can take all of it back.

The engine itself keeps torch's semantics, where a failed call may leave traces. A caller that promises all-or-nothing
puts a log into its context; every place that changes something that exists tells the log first.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine import arrays
from engine.generator import Generator, State
from engine.order import next_sequence

if TYPE_CHECKING:
    from engine.graph import Node
    from engine.optim.optimizer import Optimizer
    from engine.tensor import Tensor


ROOM = 64 * 1024 * 1024  # bytes of copies before those of dead arrays are looked for
ENTRIES = 4096  # the same for entries of tensors and hooks

Reference = Callable[[], Any]


class UndoLog:
    """First-seen copies of everything changed since it was made.

    What is changed is held weakly. Things that were there before are held by what is logged of their owners; so what
    dies was made since, and a loop that makes and changes tensors does not pile them up here.
    """

    __slots__ = (
        "_bytes",
        "_fields",
        "_generators",
        "_nodes",
        "_room",
        "_start",
        "_storages",
        "_tables",
        "_versions",
    )

    def __init__(self) -> None:
        self._start = next_sequence()  # nodes made later die with the names that are rolled back
        self._fields: dict[int, tuple[Reference, tuple[Any, ...]]] = {}
        self._storages: dict[int, tuple[Reference, Any]] = {}
        self._tables: dict[int, tuple[Reference, dict[int, Any]]] = {}
        self._versions: dict[int, tuple[Reference, list[Any], list[Any]]] = {}  # the first: whose values they count
        self._nodes: dict[int, tuple[Node, Any, Any]] = {}
        self._generators: dict[int, tuple[Generator, tuple[int, State]]] = {}
        self._bytes = 0
        self._room = (ROOM, ENTRIES)

    def tensor(self, tensor: Tensor) -> None:
        """Before a field of a tensor changes: its array, edge, grad, requires_grad, view."""
        self._field(tensor)

    def optimizer(self, optimizer: Optimizer) -> None:
        """Before the options or the state of an optimizer change."""
        self._field(optimizer)

    def _field(self, owner: Any) -> None:
        known = self._fields.get(id(owner))
        if known is None or known[0]() is not owner:
            self._fields[id(owner)] = (weakref.ref(owner), owner.snapshot())
            self._make_room(0)

    def storage(self, tensor: Tensor) -> None:
        """Before the memory of a tensor is written: one copy of its whole storage, and the version."""
        root = arrays.owner(tensor._array)
        known = self._storages.get(id(root))
        if known is None or known[0]() is not root:
            self._storages[id(root)] = (_weakly(root), root.copy())
            self._make_room(int(root.nbytes))
        self.version(tensor._counter, root)

    def version(self, version: list[Any], root: Any = None) -> None:
        """Before a version counter counts; `root` is the memory whose changes it counts, where that is known."""
        if id(version) not in self._versions:
            reference = _strongly(version) if root is None else _weakly(root)
            self._versions[id(version)] = (reference, version, list(version))

    def table(self, table: dict[int, Any]) -> None:
        """Before a table of hooks changes."""
        known = self._tables.get(id(table))
        if known is None or known[0]() is not table:
            self._tables[id(table)] = (weakref.ref(table), dict(table))
            self._make_room(0)

    def node(self, node: Node) -> None:
        """Before a node's saved values are freed or its hooks change; the old ones are let go when the log is."""
        if not self.is_new(node) and id(node) not in self._nodes:
            self._nodes[id(node)] = (node, node.saved, node.hooks and node.hooks.copy())

    def is_new(self, node: Node) -> bool:
        """Whether a node was made since the log was."""
        return node.sequence >= self._start

    def generator(self, generator: Generator) -> None:
        """Before numbers are drawn."""
        if id(generator) not in self._generators:
            self._generators[id(generator)] = (generator, generator.position())

    def _make_room(self, size: int) -> None:
        """Count bytes, and drop the entries of what has died when there are many."""
        self._bytes += size
        if self._bytes <= self._room[0] and len(self._fields) + len(self._tables) <= self._room[1]:
            return
        self._storages = {key: each for key, each in self._storages.items() if each[0]() is not None}
        self._versions = {key: each for key, each in self._versions.items() if each[0]() is not None}
        self._fields = {key: each for key, each in self._fields.items() if each[0]() is not None}
        self._tables = {key: each for key, each in self._tables.items() if each[0]() is not None}
        self._bytes = sum(int(copy.nbytes) for _, copy in self._storages.values())
        self._room = (max(ROOM, 2 * self._bytes), max(ENTRIES, 2 * (len(self._fields) + len(self._tables))))

    def rollback(self) -> None:
        """Put everything back."""
        for reference, copy in self._storages.values():
            root = reference()
            if root is not None:
                root[...] = copy
        for _, version, numbers in self._versions.values():
            version[:] = numbers
        for reference, fields in self._fields.values():
            owner = reference()
            if owner is not None:
                owner.restore(fields)
        for reference, hooks in self._tables.values():
            table = reference()
            if table is not None:
                table.clear()
                table.update(hooks)
        for node, saved, tables in self._nodes.values():
            node.saved, node.hooks = saved, tables
        for generator, position in self._generators.values():
            generator.restore(position)


def _weakly(thing: Any) -> Reference:
    """A weak reference, or a strong one to an array that takes none."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return _strongly(thing)


def _strongly(thing: Any) -> Reference:
    return lambda: thing
