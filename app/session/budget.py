"""The budget of a session: how many bytes and graph nodes it may hold, and until when a call may run.

Asked before every op, it adds up what is allocated. That is more than what stays alive, so when the sum passes a limit
the session is measured, exactly. It must then be clear of the limit by a margin, else every further op would measure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.exec.budget import CELL_BYTES, CLASS_CELLS, NODE_BYTES, OBJECT_BYTES, current
from app.exec.functions import FunctionValue
from app.exec.values import ClassValue
from app.limits import Limits
from app.session import light
from app.session.light import Heavy
from app.session.values import inside
from engine import arrays, errors
from engine.devices import Device
from engine.dtypes import DType
from engine.graph import AccumulateGrad, Node
from engine.guard import Guard
from engine.infer import Estimate
from engine.modes import state
from engine.op import Op
from engine.tensor import Tensor
from engine.views import CopySlices

MARGIN = 32  # one part in so many of a limit


class Holder(Protocol):
    """Who holds tensors beside a session: the names of a function, or the variables of code."""

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors, each with its name."""


class Budget(Guard):
    """The engine's guard for one session."""

    __slots__ = ("_held", "_light_end", "_light_until", "_max_nodes", "_roots", "nodes")

    def __init__(self, limits: Limits, roots: Callable[[], Iterable[Tensor]]) -> None:
        super().__init__(limits.tensor_bytes, limits.session_bytes, op_flops=limits.op_flops)
        self._max_nodes = limits.session_nodes
        self._roots = roots
        self._held: list[Holder] = []  # of the functions that run
        self.nodes = 0
        self._light_until: float | None = None
        self._light_end: float | None = None  # in seconds of this thread

    def begin_light(self) -> None:
        """Let what happens raise `Heavy` as soon as it takes too long for the event loop, until `end_light`."""
        self._light_until = time.monotonic() + light.SECONDS
        self._light_end = None

    def end_light(self) -> None:
        """Let calls take their time again."""
        self._light_until = None

    def tick(self) -> None:
        """Whether there is time left; raises TimeoutError (`deadline`), or `Heavy`."""
        now = time.monotonic()
        if self._light_until is not None and now > self._light_until:
            self._look_closer()
        if self.deadline is not None and now > self.deadline:
            raise errors.deadline()

    def _look_closer(self) -> None:
        """A light call takes long: that may be the machine's doing, so what this thread computes is looked at too."""
        computed = time.thread_time()  # dear to ask
        if self._light_end is None:
            self._light_end = computed + light.SECONDS
        elif computed > self._light_end:
            raise Heavy
        self._light_until = time.monotonic() + light.SECONDS

    def leave_loop(self) -> None:
        """Before work whose cost nobody can tell: a light call raises `Heavy`."""
        if self._light_until is not None:
            raise Heavy

    def admit(self, values: Iterable[Any]) -> None:
        """Whether a light call may look at all of these; raises `Heavy`."""
        if self._light_until is None:
            return
        for each in values:
            if type(each) is Tensor:
                array = each._array
                whole = array if array.base is None else arrays.owner(array)  # in-place ops keep a copy of all of it
                if whole.size > light.ELEMENTS:
                    raise Heavy
            elif type(each) is list and each and type(each[0]) in _HOLDS_TENSORS:  # else numbers, maybe many
                self.admit(each)

    def allocate(self, name: str, size: int) -> None:
        """Count bytes about to be allocated; raises MemoryError (`too_large`), or `Heavy`."""
        if size > light.RESULT_BYTES and self._light_until is not None:
            raise Heavy
        super().allocate(name, size)

    def check(self, op: Op, estimate: Estimate) -> None:
        """Whether the op may run.

        Raises MemoryError (`too_large`) or TimeoutError (`deadline`).
        """
        if self._light_until is not None:
            arguments = estimate.values
            elements = sum([getattr(arguments[at], "size", 0) for at in op.tensor_at])
            if light.is_heavy(op, estimate, elements):
                raise Heavy
        if op.formulas and state.ctx.grad_enabled:
            self._count_node()
        super().check(op, estimate)

    def spares(self, size: int, node: bool = True) -> bool:
        """Whether an op with a result of at most so many bytes may run unasked; counts its node."""
        spared = self.nodes < self._max_nodes and super().spares(size)
        if spared and node and state.ctx.grad_enabled:
            self.nodes += 1
        return spared

    def make_room(self, size: int) -> bool:
        """Measure; whether this many bytes more are within the limit."""
        self.measure()
        limit = self.total_bytes or 0
        return self.used + max(size, limit // MARGIN) <= limit

    def measure(self) -> None:
        """Set `used` and `nodes` to what the session holds now."""
        found = Footprint()
        found.add(self._roots())
        for names in self._held:
            found.add(tensor for _, tensor in names.tensors())
        run = current()
        if run is not None:
            found.add(run.alive())
        self.used, self.nodes = sum(found.storages.values()), len(found.nodes)

    @contextmanager
    def holding(self, names: Holder) -> Iterator[None]:
        """Count what these names stand for, for the block: those of a function while it runs."""
        self._held.append(names)
        try:
            yield
        finally:
            self._held.pop()

    def _count_node(self) -> None:
        self.nodes += 1
        if self.nodes > self._max_nodes:
            self.measure()
            if self.nodes + self._max_nodes // MARGIN > self._max_nodes:
                raise errors.too_large(f"the session holds {self.nodes} graph nodes, of at most {self._max_nodes}")


# What is in attributes beside arrays, and what nodes of other kinds than an op's hold.
_PLAIN = frozenset({int, float, bool, complex, type(None), DType, Device})
_HOLDS_TENSORS = frozenset({Tensor, type(None)})  # the types of a list's first element that say so
_SHORT = 64  # characters of a text, or entries of a tuple, that are not worth counting
_HELD: dict[type[Node], tuple[str, ...]] = {AccumulateGrad: ("variable",), CopySlices: ("inner", "replay")}


def _tensors_in(values: list[Any]) -> int:
    """How many tensors a list holds: those under names of their own are few, and not counted as objects."""
    return sum(type(each) is Tensor for each in values)


@dataclass(slots=True)
class Footprint:
    """What some tensors keep alive: each storage once, by the id of its array, and each node once."""

    storages: dict[int, int] = field(default_factory=dict)
    nodes: set[Node] = field(default_factory=set)
    _tensors: dict[int, Tensor] = field(default_factory=dict)  # seen, so that ids stay theirs
    _seen: dict[int, Any] = field(default_factory=dict)  # the same for what code holds: lists, functions
    _stack: list[Any] = field(default_factory=list)

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Add the tensors and all that hangs on them."""
        stack = self._stack
        stack.extend(tensors)
        while stack:
            self._add_one(stack.pop())

    def _add_one(self, each: Any) -> None:
        if isinstance(each, Tensor):
            self._add_tensor(each)
        elif isinstance(each, Node):
            self._add_node(each)
        elif type(each) is tuple:
            held = [inner for inner in each if type(inner) not in _PLAIN]
            if len(each) > _SHORT:
                self._seen[id(each)] = each
                self.storages[id(each)] = CELL_BYTES * len(each) + OBJECT_BYTES * _tensors_in(held)
            self._stack += held
        elif arrays.is_array(each):
            owner = arrays.owner(each)
            self.storages[id(owner)] = int(owner.nbytes)
        elif isinstance(each, str):
            if len(each) > _SHORT:
                self._seen[id(each)] = each
                self.storages[id(each)] = len(each)
        elif type(each) not in _PLAIN and id(each) not in self._seen:
            self._add_held(each)

    def _add_held(self, each: Any) -> None:
        """A list, dict, function or the like of code."""
        self._seen[id(each)] = each
        held = [inner for inner in inside(each) if type(inner) not in _PLAIN]
        size = OBJECT_BYTES + OBJECT_BYTES * _tensors_in(held)
        if isinstance(each, (list, dict)):
            size += CELL_BYTES * len(each)
        elif isinstance(each, FunctionValue):
            self.storages[id(each.body)] = NODE_BYTES * each.size
        elif isinstance(each, ClassValue):
            size += CELL_BYTES * CLASS_CELLS
        self.storages[id(each)] = size
        self._stack += held

    def _add_tensor(self, tensor: Tensor) -> None:
        if id(tensor) in self._tensors:
            return
        self._tensors[id(tensor)] = tensor
        view, edge = tensor._view, tensor._edge
        self._stack += (tensor._array, tensor._grad)
        if tensor._hooks is not None:
            self._stack += tensor._hooks.functions()
        if view is not None:
            self._stack += (view.base, view.replay)
        if edge is not None:
            self._stack.append(edge[0])

    def _add_node(self, node: Node) -> None:
        if node in self.nodes:
            return
        self.nodes.add(node)
        self._stack.extend(edge[0] for edge in node.edges if edge is not None and edge[0] not in self.nodes)
        self._stack.extend(each[0] for each in node.saved or () if each is not None)
        self._stack.extend(getattr(node, "__dict__", {}).values())  # what a custom Function put on its ctx
        if node.hooks is not None:
            self._stack += node.hooks.functions()
        if node.rare is not None:
            self._stack.append(node.rare.metadata)
        for name in _HELD.get(type(node), ("attributes",)):
            self._stack.append(getattr(node, name, None))
