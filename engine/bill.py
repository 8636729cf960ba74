"""The bill of a backward pass, told from shapes before any gradient is made: the most bytes that it holds at once.

The pass is played through with shapes in the place of arrays. Formulas are code, and bound to shapes they hold and drop
them as they would arrays; so what lives is counted as it will be, with the temporaries of kernels by their rules. Only
where arrays are large is a formula played, which takes far less time than running it; of others the results count.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from engine.binding import META, bind
from engine.graph import AccumulateGrad, Edge, Node
from engine.infer import ARRAY, Held, Ledger, Meta, counting
from engine.saved import Packed

LARGE = 2**22  # bytes of an array from which on a node's formulas are played, however much room there is
WORST = 128  # times the arrays of a node: more than what any formula holds beside them
ROOM = 4  # times the arrays of a node that is not played, for its temporaries


class Bill:
    """One backward pass, played through with shapes; `targets` are the places whose gradients are asked for.

    `large` is the bytes of an array from which on the formulas of a node are played.
    """

    def __init__(self, targets: Collection[tuple[Node, int]], large: int) -> None:
        self._large = large
        self.ledger = Ledger()
        self._kept: list[Meta] = []  # gradients that were asked for
        self._leaves: dict[AccumulateGrad, Meta] = {}
        self._targets = targets
        self._grads: dict[Node, list[Any]] = {}

    def play(self, order: Iterable[Node], arrived: dict[Node, Any], wants: Any) -> None:
        """The nodes in their order, from the gradients that roots were given; `wants` tells which edges matter."""
        for node, given in arrived.items():
            several = given if isinstance(given, list) else [given]
            self._grads[node] = [None if each is None else Meta(tuple(each.shape), each.dtype) for each in several]
        with counting(self.ledger):
            for node in order:
                grads = self._grads.pop(node, None)
                if grads is not None:
                    self._node(node, grads, [edge is not None and wants(edge) for edge in node.edges])

    def _node(self, node: Node, grads: list[Any], wanted: list[bool]) -> None:
        self._kept += [each for nr, each in enumerate(grads) if each is not None and (node, nr) in self._targets]
        edges = [edge for edge, want in zip(node.edges, wanted, strict=True) if want and edge is not None]
        sizes = [each.nbytes for each in grads if each is not None]
        sizes += [edge[3].itemsize * math.prod(edge[2]) for edge in edges]
        left = dict.fromkeys(at for at, want in enumerate(wanted) if want)
        crowd = self.ledger.held((len(grads), 2 * ARRAY), np.uint8) if len(grads) > 1 else None  # arrays one by one
        if max(sizes, default=0) >= self._large and node.ordinary:
            try:
                played = self._played(node, grads, wanted)
                for at, made in played if node.plan.simple and node.compute is None else _all(played):
                    if at in left:
                        del left[at]
                        self._send(node.edges[at], made, bool(left) and any(made is each for each in grads))
                    del made
            except Exception:  # noqa: BLE001  # what looks at values, say: then the results count
                self.ledger.hold(ROOM * sum(sizes))
        else:
            self.ledger.hold(ROOM * sum(sizes))
        grads.clear()
        del crowd
        for at in left:
            self._send(node.edges[at], None, False)

    def _played(self, node: Node, grads: list[Any], wanted: list[bool]) -> Iterator[tuple[int, Any]]:
        """What a node's formulas give, by the number of the edge."""
        plan = node.plan
        values = [*self._saved(node, plan), *node.attributes]
        g = grads if plan.op.multiple else grads[0]
        if plan.op.joint is not None:
            entry = next(each for each in plan.entries if each is not None)
            yield from enumerate(bind(entry[0], META)(g, wanted, *[values[at] for at in entry[1]]))
            return
        start = 0
        for group, step in enumerate(plan.entries):
            count = -1 if node.inputs is None else node.inputs[group]
            if step is not None and any(wanted[start : start + abs(count)]):
                formula = bind(step[0], META)
                if count == -1:
                    yield start, formula(g, *[values[at] for at in step[1]])
                else:
                    yield from enumerate(formula(g, *[values[at] for at in step[1]]), start)
            start += abs(count)

    def _saved(self, node: Node, plan: Any) -> list[Any]:
        """The saved arrays; those that are cast first as new ones."""
        arrays = [each[0] for each in node.saved or ()]
        if any(type(each) is Packed for each in arrays):
            raise TypeError("only its hooks know what was saved")
        cast = plan.op.cast_names if node.compute is not None else ()
        return [
            self.ledger.held(each.shape, node.compute)
            if name in cast and each is not None and each.dtype != node.compute
            else each
            for name, each in zip(plan.tensors, arrays, strict=True)
        ]

    def _send(self, edge: Edge | None, made: Any, shared: bool) -> None:
        """Bring a gradient to a node; `shared`: further formulas need the same array."""
        if edge is None:
            return
        node, nr, shape, dtype = edge
        if made is None or made.shape != shape or made.dtype != dtype:
            made = self.ledger.held(shape, dtype)
        if type(node) is AccumulateGrad:
            self._reach(node, made, shared)
            return
        slots = self._grads.setdefault(node, [None] * (1 if node.outputs is None else len(node.outputs)))
        slots[nr] = made if slots[nr] is None else self.ledger.held(shape, dtype)

    def _reach(self, leaf: AccumulateGrad, made: Any, shared: bool) -> None:
        """A leaf adopts what nobody else holds, and adds what comes later."""
        if leaf.variable._grad is not None:
            return  # it is added to, in place
        known = self._leaves.get(leaf)
        if known is not None:
            self._leaves[leaf] = self.ledger.held(known.shape, known.dtype)
        else:
            elsewhere = chain(self._leaves.values(), *self._grads.values())
            alone = type(made) is Held and made.owns and not shared and all(each is not made for each in elsewhere)
            self._leaves[leaf] = made if alone else self.ledger.held(made.shape, made.dtype)

    @property
    def staying(self) -> int:
        """The bytes of gradients that stay."""
        return sum(each.nbytes for each in (*self._kept, *self._leaves.values()))


def _all(played: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """The same where the walk makes all gradients before it sends the first."""
    made = list(played)[::-1]
    while made:
        yield made.pop()


def ask(
    guard: Any,
    order: list[Node],
    arrived: dict[Node, Any],
    targets: Collection[tuple[Node, int]] | None,
    wants: Any,
    plain: bool,
) -> None:
    """Ask a guard for the most that a pass may hold at once, beside what leaves keep; what they keep stays counted.

    Results are counted; where they are large, or the room that is left is not, a `plain` pass is played: in others ops
    ask by themselves. Raises what the guard raises.
    """
    sizes: dict[Node, int] = {}
    live = peak = kept = 0
    for node in order:
        for edge in node.edges:
            if edge is None or edge[0] in sizes:
                continue
            size = edge[3].itemsize * math.prod(edge[2])
            sizes[edge[0]] = size
            if type(edge[0]) is AccumulateGrad:
                kept += size
            else:
                live += size
                peak = max(peak, live)
        live -= sizes.get(node, 0)
    widest = max(sizes.values(), default=0)
    large = LARGE
    if guard.total_bytes is not None:
        large = min(large, max(0, guard.total_bytes - guard.used) // WORST)
    if plain and widest >= large:
        bill = Bill(targets or (), large)
        bill.play(order, arrived, wants)
        kept = bill.staying
        peak = bill.ledger.peak - kept
    else:
        peak += ROOM * widest
    guard.allocate("backward", kept + peak)
    guard.release(peak)
