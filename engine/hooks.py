"""Hooks: functions that backward calls with gradients, and may answer with others."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from engine import arrays, errors

_ids = itertools.count()
Table = dict[int, Callable[..., Any]]


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away; as a context manager, at the end."""

    __slots__ = ("__weakref__", "_tables", "id")

    def __init__(self, tables: list[HookTable], hook: Callable[..., Any]) -> None:
        self.id = next(_ids)
        for table in tables:
            table[self.id] = hook
        self._tables = [weakref.ref(table) for table in tables]

    def remove(self) -> None:
        """Take the hook away; nothing if it is gone already."""
        for reference in self._tables:
            table = reference()
            if table is not None:
                table.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.remove()


class HookTable(dict[int, Callable[..., Any]]):
    """Hooks by their number, in the order they were registered; handles refer to it weakly."""

    __slots__ = ("__weakref__",)


class Hooks:
    """The hooks of a node, or of a leaf."""

    __slots__ = ("accumulated", "after", "before", "retains", "tensors")

    def __init__(self) -> None:
        self.tensors: dict[int, HookTable] = {}  # by the number of the output
        self.retains: dict[int, weakref.ref[Any]] = {}  # tensors that keep their gradient, by output
        self.before = HookTable()
        self.after = HookTable()
        self.accumulated = HookTable()

    def copy(self) -> Hooks:
        """Another object with the same hooks, for the undo log."""
        made = Hooks()
        made.tensors, made.retains = dict(self.tensors), dict(self.retains)
        made.before, made.after, made.accumulated = self.before, self.after, self.accumulated
        return made

    def on_tensor(self, nr: int, hook: Callable[..., Any]) -> RemovableHandle:
        """Register a hook on the gradient of one output."""
        return RemovableHandle([self.tensors.setdefault(nr, HookTable())], hook)

    def filter(self, nr: int, grad: Any, wrap: Callable[[Any], Any] | None) -> Any:
        """The gradient of an output after its hooks, in order.

        `wrap` makes a tensor of an array where gradients are arrays. Raises what a hook raises, RuntimeError if one
        changes the size or the dtype.
        """
        table = self.tensors.get(nr)
        if not table or grad is None:
            return grad
        value = grad if wrap is None else wrap(arrays.as_array(grad))
        for hook in list(table.values()):
            result = hook(value)
            if result is not None:
                value = _checked(value, result, hook)
        return value if wrap is None else value._array


def _checked(value: Any, result: Any, hook: Callable[..., Any]) -> Any:
    name = getattr(hook, "__name__", type(hook).__name__)
    if not hasattr(result, "_array"):
        raise errors.bad_type(f"expected Variable, but hook returned '{type(result).__name__}'")
    if result.shape != value.shape:
        raise errors.shape_mismatch(f"hook '{name}' has changed the size of value")
    if result.dtype is not value.dtype:
        raise errors.dtype_mismatch(f"hook '{name}' has changed the type of value")
    return result


def call_before(table: Table, grads: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients of a node's outputs after its pre-hooks."""
    for hook in list(table.values()):
        result = hook(grads)
        if result is not None:
            grads = result if isinstance(result, tuple) else (result,)
    return grads


def call_after(table: Table, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients of a node's inputs after its post-hooks."""
    for hook in list(table.values()):
        result = hook(inputs, outputs)
        if result is not None:
            inputs = result if isinstance(result, tuple) else (result,)
    return inputs
