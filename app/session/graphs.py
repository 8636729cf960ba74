"""The recorded graph as data: which nodes are behind a tensor or a whole session, by numbers that stay."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.problems import Problem
from app.session.names import Names
from engine import dtypes
from engine.graph import AccumulateGrad, Node, leaf_edge
from engine.inspection import saved_name
from engine.tensor import Tensor


class Numbers:
    """A number for each node that was ever shown; it stays while the node lives, and is not given again."""

    __slots__ = ("_given", "_next", "_room")

    def __init__(self) -> None:
        # By id. No WeakKeyDictionary: it would compare tensors, which answers with a tensor.
        self._given: dict[int, tuple[weakref.ref[Node | Tensor], int]] = {}
        self._next = 1
        self._room = 1024

    def of(self, node: Node) -> int:
        """The number of a node, a new one if it has none."""
        # A leaf's node comes and goes with the graphs that use it, so it is known by the leaf.
        key = node.variable if isinstance(node, AccumulateGrad) else node
        known = self._given.get(id(key))
        if known is not None and known[0]() is key:
            return known[1]
        number = self._next
        self._next += 1
        if len(self._given) >= self._room:
            self._given = {at: each for at, each in self._given.items() if each[0]() is not None}
            self._room = max(self._room, 2 * len(self._given))
        self._given[id(key)] = (weakref.ref(key), number)
        return number


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, the latest first and leaves last, and where the named tensors come out of them."""

    nodes: list[Node]
    roots: dict[str, Node]


def graph_behind(name: str, tensor: Tensor, limit: int) -> Graph:
    """The graph behind one tensor: a leaf that requires grad is its own; none if the tensor does not."""
    root = root_of(tensor)
    if root is None and _is_open_leaf(tensor):
        root = leaf_edge(tensor)[0]
    return _collected({} if root is None else {name: root}, limit)


def graph_of_all(names: Names, limit: int) -> Graph:
    """The graph behind all names of a session."""
    found = {name: root for name, tensor in names.tensors() if (root := root_of(tensor)) is not None}
    return _collected(found, limit)


def root_of(tensor: Tensor) -> Node | None:
    """The node that made a tensor, or None."""
    try:
        return tensor.grad_fn
    except RuntimeError:  # a view made under no_grad whose base is part of a graph now: torch refuses to say
        return None


def _is_open_leaf(tensor: Tensor) -> bool:
    try:
        return tensor.requires_grad and tensor.is_leaf
    except RuntimeError:
        return False


def _collected(roots: dict[str, Node], limit: int) -> Graph:
    nodes = list(dict.fromkeys(roots.values()))
    seen = set(nodes)
    for node in nodes:  # grows while it is read
        for edge in node.edges:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                nodes.append(edge[0])
        if len(nodes) > limit:
            raise Problem("too_large", f"the graph has more than {limit} nodes, which is the most that are drawn")
    nodes.sort(key=_place)
    return Graph(nodes, roots)


def _place(node: Node) -> tuple[bool, int]:
    return isinstance(node, AccumulateGrad), -node.sequence


def saved_by(node: Node) -> list[dict[str, Any]] | None:
    """Name, shape and dtype of each tensor a node saved, or None once they are freed."""
    if node.saved is None:
        return None
    if not node.saved:
        return []
    if node.ordinary:
        names = [saved_name(name) for name in node.plan.tensors]
    else:  # of a custom Function
        names = [f"saved_tensors[{at}]" for at in range(len(node.saved))]
    return [
        {"name": name, "shape": list(each[0].shape), "dtype": dtypes.of(each[0]).name}
        for name, each in zip(names, node.saved, strict=True)
        if each is not None and hasattr(each[0], "shape")  # an optional input that was not there saved nothing
    ]


def edges_of(node: Node) -> Iterator[tuple[Node, int]]:
    """PyTorch's `next_functions`, without the inputs that need no gradient."""
    return ((edge[0], edge[0].number_of(edge[1])) for edge in node.edges if edge is not None)
