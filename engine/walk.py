"""One backward pass: a walk over the graph in the order torch runs it, without recursion.

Nodes run by falling sequence number: a node's inputs were made before it, so every gradient is complete when its node
runs. An AccumulateGrad runs as soon as its last use has. Gradients are bare arrays unless a graph is recorded.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from engine import arrays, bill, errors
from engine.gradients import accumulate, as_gradient, conform, conform_tensor, spread
from engine.graph import AccumulateGrad, Edge, Node
from engine.guard import SMALL, SPARED
from engine.hooks import Hooks, call_accumulated, call_after, call_before
from engine.modes import state
from engine.tensor import Tensor

if TYPE_CHECKING:
    from engine.guard import Guard
    from engine.undo import UndoLog

_by_sequence = attrgetter("sequence")

LEAF_ASKED = (
    "A leaf node was passed to _will_engine_execute_node but we are currently running autograd.grad(). This is "
    "currently not supported."
)


def current_walk() -> Walk | None:
    """The innermost backward pass running in this context."""
    walk: Walk | None = state.ctx.walk
    return walk


class Walk:
    """One backward pass."""

    __slots__ = ("captured", "fills", "grads", "keep", "order", "pending", "reachable", "record", "targets")

    def __init__(self, record: bool, keep: bool, targets: set[tuple[Node, int]] | None, fills: bool = False) -> None:
        self.record = record
        self.keep = keep
        self.targets = targets
        self.fills = fills or targets is None  # leaves get their `.grad`: all, or those among the targets
        self.captured: dict[tuple[Node, int], Any] = {}
        self.grads: dict[Node, Any] = {}
        self.pending: dict[Node, int] = {}

    def captured_tensor(self, edge: Edge | None) -> Tensor | None:
        """The gradient that arrived at an edge, as a tensor."""
        gradient = self.captured.get(edge[:2]) if edge is not None else None
        if gradient is None or self.record:
            return gradient
        return as_gradient(gradient)

    def runs(self, node: Node) -> bool:
        """Whether this pass brings a gradient to a node that its hooks see.

        Raises RuntimeError for a leaf whose gradient `grad` was asked for.
        """
        if type(node) is not AccumulateGrad:
            return node in self.order
        if node not in self.pending or (self.targets is not None and (node, 0) not in self.targets):
            return False
        if not self.fills:
            raise errors.bad_argument(LEAF_ASKED)
        return True

    def run(self, roots: list[tuple[Edge, Any]]) -> None:
        """Send the roots' gradients through the graph."""
        ctx = state.ctx
        outer, ctx.walk = ctx.walk, self
        previous, ctx.grad_enabled = ctx.grad_enabled, self.record
        plain = ctx.plain  # then there is no guard
        try:
            order = self.order = self._order(roots)
            for at, (edge, gradient) in enumerate(roots):
                self._send(edge, gradient, None, at)
            if not plain and ctx.guard is not None:
                bill.ask(ctx.guard, order, self.grads, self.targets, self._wants, not self.record)
            self._loop(order)
        finally:
            ctx.walk = outer
            ctx.grad_enabled = previous

    def _order(self, roots: list[tuple[Edge, Any]]) -> list[Node]:
        """The nodes to run, latest first; counts the uses of each leaf."""
        seen: set[Node] = set()
        stack: list[Node] = []
        pending = self.pending
        nodes: list[Node] = []
        for edge, _ in roots:
            node = edge[0]
            if type(node) is AccumulateGrad:
                pending[node] = pending.get(node, 0) + 1
            elif node not in seen:
                seen.add(node)
                stack.append(node)
        while stack:
            node = stack.pop()
            nodes.append(node)
            for link in node.edges:
                if link is not None:
                    target = link[0]
                    if type(target) is AccumulateGrad:
                        pending[target] = pending.get(target, 0) + 1
                    elif target not in seen:
                        seen.add(target)
                        stack.append(target)
        nodes.sort(key=_by_sequence, reverse=True)
        return nodes if self.targets is None else self._needed(nodes)

    def _needed(self, nodes: list[Node]) -> list[Node]:
        """Only the nodes through which gradients reach a target; edges elsewhere are not computed."""
        assert self.targets is not None
        wanted = {node for node, _ in self.targets}
        passing: set[Node] = set()
        for node in reversed(nodes):
            if any(edge is not None and (edge[0] in wanted or edge[0] in passing) for edge in node.edges):
                passing.add(node)
        self.reachable = wanted | passing
        return [node for node in nodes if node in passing or node in wanted]

    def _loop(self, order: list[Node]) -> None:
        ctx = state.ctx
        if self.record or self.targets is not None or arrays.gpu_loaded() or not (ctx.plain or ctx.lone_guard):
            for node in order:
                self._visit(node)
        else:
            self._loop_quick(order, ctx.lone_guard, ctx.log)

    def _loop_quick(self, order: list[Node], guard: Guard | None, log: UndoLog | None) -> None:
        """The short way for nodes with one output and no lists or hooks, on NumPy (see docs/performance.md)."""
        grads = self.grads
        take = grads.pop
        keep = self.keep
        spared = 0
        for node in order:
            if node.rare is not None or not (plan := node.plan).simple:
                self._visit(node)
                continue
            g = take(node, None)
            if g is None:
                self._skip(node)
                continue
            if guard is not None:
                spared -= 1
                if spared < 0 or g.nbytes > SMALL:
                    guard.tick()
                    spared = SPARED
            saved = node.saved
            if saved is None:
                raise errors.graph_freed()
            values: Any = node.attributes
            if saved:
                values = []
                try:
                    for array, counter, stamp in saved:
                        if counter[0] != stamp:
                            raise StopIteration
                        values.append(array)
                except StopIteration:  # a try costs nothing where all is as it was
                    grads[node] = g
                    self._visit(node)
                    continue
                if node.attributes:
                    values += node.attributes
                if not keep:
                    if log is not None:
                        log.node(node)
                    node.saved = None
            edges = node.edges
            for at, formula, names, last in plan.quick or plan.quick_steps():
                if names is None:
                    made = formula(g, *values)
                elif isinstance(names, int):
                    made = formula(g, values[names])
                else:
                    made = formula(g, *[values[name] for name in names])
                target, _, shape, dtype = edges[at]  # type: ignore[misc]  # only edges there are have a step
                if made is None or target.rare is not None:
                    self._send(edges[at], made, node, at)  # type: ignore[arg-type]
                    continue
                if made.shape != shape or made.dtype is not dtype:
                    made = conform(made, shape, dtype, node, at)
                if target in grads:
                    grads[target] = grads[target] + made
                else:
                    grads[target] = made
                if type(target) is AccumulateGrad:
                    made = None  # so that the leaf may adopt the array
                    if last:
                        g = None  # it may be what `made` was a view of
                    self._settle(target)

    def _visit(self, node: Node) -> None:
        g = self.grads.pop(node, None)
        if g is None:
            self._skip(node)
            return
        guard = state.ctx.guard
        if guard is not None:
            guard.tick()
        if arrays.gpu_loaded() and not self.record:
            first = next((each for each in g if each is not None), None) if isinstance(g, list) else g
            with arrays.backend_of(first).on_device_of(first):
                self._dispatch(node, g)
        else:
            self._dispatch(node, g)

    def _dispatch(self, node: Node, g: Any) -> None:
        if node.rare is None and node.plan.simple and state.ctx.anomaly is None:
            self._run_single(node, g)
        else:
            self._run(node, g)

    def _run_single(self, node: Node, g: Any) -> None:
        """A node with one output and no lists, in any mode."""
        targets = self.targets
        if targets is not None:
            if (node, 0) in targets:
                self.captured[node, 0] = g
            if not self._passes(node):
                return
        plan = node.plan
        saved = node.check_saved()
        if saved is not node.saved:  # data was set since
            self._run(node, g)
            return
        if self.record:
            values, steps = [*node.unpack(), *node.attributes], plan.entries
        else:
            values, steps = [*[each[0] for each in saved], *node.attributes], plan.steps_for(arrays.backend_of(g))
        for nr, (edge, step) in enumerate(zip(node.edges, steps, strict=True)):
            if edge is None:
                continue
            if targets is None or edge[0] in self.reachable:
                formula, names = step  # type: ignore[misc]  # an edge has a step
                self._send(edge, formula(g, *(values if names is None else [values[at] for at in names])), node, nr)
            elif type(edge[0]) is AccumulateGrad:
                self._settle(edge[0])
        if not self.keep:
            node.release()

    def _skip(self, node: Node) -> None:
        """No gradient reached this node: it has none to send on, but hooks and custom functions see that."""
        if node.rare is not None:
            self._run(node, None)
        elif self.targets is None or self._passes(node):
            node.check_saved()
            for edge in node.edges:
                if edge is not None and type(edge[0]) is AccumulateGrad:
                    self._settle(edge[0])
            if not self.keep:
                node.release()

    def _run(self, node: Node, g: Any) -> None:
        grads = arrived = [g] if node.outputs is None else g or [None] * len(node.outputs)
        runs = self.targets is None or self._passes(node)
        hooks = node.hooks
        if hooks is not None:
            grads = self._filtered(hooks, grads)
        if self.targets is not None:
            self._capture(node, arrived if runs else grads)  # as torch: before the hooks of a node that runs
            if not runs:
                return
        if hooks is not None and hooks.before:
            grads = self._before(node, hooks, grads)
        wanted = [edge is not None and self._wants(edge) for edge in node.edges]
        if node.ordinary and all(each is None for each in grads):
            node.check_saved()
            results = [None] * len(wanted)
        else:
            results = node.backward(grads, self.record, wanted)
        if hooks is not None and hooks.after:
            seen = [grads[at] for at in node.flows()]
            results = [self._fitted(node, at, each) for at, each in enumerate(results)]
            results = self._bare(call_after(hooks.after, self._shown(results), self._shown(seen)))
        if state.ctx.anomaly is not None:
            state.ctx.anomaly.check(node, results)
        for at, (edge, want) in enumerate(zip(node.edges, wanted, strict=True)):
            if edge is None:
                continue
            if want and results[at] is not None:
                self._send(edge, _take(results, at), node, at)
            elif type(edge[0]) is AccumulateGrad:
                self._settle(edge[0])
        if not self.keep:
            node.release()

    def _fitted(self, node: Node, at: int, g: Any) -> Any:
        """A gradient in the form in which the next node gets it."""
        edge = node.edges[at]
        if g is None or edge is None:
            return g
        return (conform_tensor if self.record else conform)(g, *edge[2:], node, at)

    def _filtered(self, hooks: Hooks, grads: list[Any]) -> list[Any]:
        """Gradients after the tensors' hooks; then those to retain are kept."""
        wrapper = None if self.record else as_gradient
        grads = [hooks.filter(nr, each, wrapper) for nr, each in enumerate(grads)]
        self._retain(hooks, grads)
        return grads

    def _before(self, node: Node, hooks: Hooks, grads: list[Any]) -> list[Any]:
        """Gradients after the node's pre-hooks, which see those of outputs that have gradients."""
        places = node.flows()
        made = self._bare(call_before(hooks.before, self._shown([grads[at] for at in places])))
        grads = list(grads)
        for at, each in zip(places, made, strict=True):
            grads[at] = each
        return grads

    def _bare(self, shown: tuple[Any, ...]) -> list[Any]:
        return [None if each is None else each if self.record else each._array for each in shown]

    def _shown(self, grads: list[Any]) -> tuple[Any, ...]:
        """Gradients as hooks see them: tensors, None where there is none."""
        if self.record:
            return tuple(grads)
        return tuple(None if each is None else as_gradient(each) for each in grads)

    def _passes(self, node: Node) -> bool:
        """Whether a node runs where only some gradients are asked for; those to be kept in tensors want it to."""
        return self.fills or any(edge is not None and edge[0] in self.reachable for edge in node.edges)

    def _wants(self, edge: Edge) -> bool:
        return self.targets is None or edge[0] in self.reachable

    def _capture(self, node: Node, grads: list[Any]) -> None:
        assert self.targets is not None
        for nr, gradient in enumerate(grads):
            if (node, nr) in self.targets and gradient is not None:
                self.captured[node, nr] = gradient

    def _retain(self, hooks: Hooks, grads: list[Any]) -> None:
        for nr, reference in hooks.retains.items():
            tensor = reference()
            if tensor is not None and grads[nr] is not None:
                gradient = grads[nr] if self.record else as_gradient(arrays.as_array(grads[nr]).copy())
                tensor._log()
                tensor._grad = gradient if tensor._grad is None else tensor._grad + gradient

    def _send(self, edge: Edge, g: Any, source: Node | None = None, at: int = 0) -> None:
        """Bring a gradient into the form its target has, and add it to what has arrived there.

        Raises RuntimeError for one that does not fit, which `source` gave for its edge number `at`, or is of a root.
        """
        node, nr, shape, dtype = edge
        if g is None:  # a formula may say that nothing flows
            if type(node) is AccumulateGrad:
                self._settle(node)
            return
        if self.record:
            g = conform_tensor(g, shape, dtype, source, at)
        elif g.shape != shape or g.dtype is not dtype:
            g = conform(g, shape, dtype, source, at)
        grads = self.grads
        if node.outputs is None:
            before = grads.get(node)
            grads[node] = g if before is None else before + g
        else:
            slots = grads.get(node)
            if slots is None:
                slots = grads[node] = [None] * len(node.outputs)
            before = slots[nr]
            slots[nr] = g if before is None else before + g
        if type(node) is AccumulateGrad:
            before = g = None  # so that the leaf may adopt the array
            self._settle(node)

    def _settle(self, node: AccumulateGrad) -> None:
        """One use of a leaf is done; after the last its gradient is complete."""
        left = self.pending[node] - 1
        if left:
            self.pending[node] = left
            return
        variable = node.variable
        if variable._hooks is not None or node.rare is not None:
            self._call_leaf_hooks(node)
        elif node not in self.grads or (self.targets is not None and (node, 0) not in self.targets):
            return
        elif not self.fills:
            self.captured[node, 0] = self.grads.pop(node)
        elif variable._requires_grad:  # it may have been detached since
            accumulate(variable, self.grads.pop(node), self.record)

    def _call_leaf_hooks(self, node: AccumulateGrad) -> None:
        """A leaf with hooks: on the gradient that arrived, then on what was accumulated."""
        if self.targets is not None and (node, 0) not in self.targets:
            return
        variable = node.variable
        hooks = variable._hooks
        grads = [self.grads.pop(node, None)]
        if hooks is not None:
            grads[0] = hooks.filter(0, grads[0], None if self.record else as_gradient)
        if node.hooks is not None:
            grads = self._filtered(node.hooks, grads)
        if not self.fills:
            self.captured[node, 0] = grads[0]
            return
        if node.hooks is not None and node.hooks.before:
            grads = self._before(node, node.hooks, grads)
        after = None if node.hooks is None else node.hooks.after
        shown = self._shown(grads) if after else ()  # else nobody but the leaf holds the gradient
        if variable._requires_grad and grads[0] is not None:
            if grads[0].shape != variable._array.shape:
                grads = [spread(variable, grads[0])]
            accumulate(variable, grads.pop(), self.record)
        if hooks is not None:
            call_accumulated(hooks.accumulated, variable)
        if after:
            call_after(after, (), shown)


def _take(results: list[Any], at: int) -> Any:
    """An entry that its list lets go of, so that a leaf may adopt it."""
    taken, results[at] = results[at], None
    return taken
