"""Hooks: functions that backward calls with gradients, and may answer with others."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from engine import arrays, errors
from engine.modes import state

_ids = itertools.count()
Table = dict[int, Callable[..., Any]]


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away; as a context manager, at the end."""

    __slots__ = ("__weakref__", "_tables", "id")

    def __init__(self, tables: list[HookTable], hook: Callable[..., Any]) -> None:
        self.id = next(_ids)
        for table in tables:
            _log(table)
            table[self.id] = hook
        self._tables = [weakref.ref(table) for table in tables]

    def remove(self) -> None:
        """Take the hook away; nothing if it is gone already."""
        for reference in self._tables:
            table = reference()
            if table is not None:
                _log(table)
                table.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.remove()


def _log(table: HookTable) -> None:
    log = state.ctx.log
    if log is not None:
        log.table(table)


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

    def functions(self) -> list[Callable[..., Any]]:
        """All hooks, in no order."""
        tables = (*self.tensors.values(), self.before, self.after, self.accumulated)
        return [hook for table in tables for hook in table.values()]

    def on_tensor(self, nr: int, hook: Callable[..., Any]) -> RemovableHandle:
        """Register a hook on the gradient of one output."""
        return RemovableHandle([self.tensors.setdefault(nr, HookTable())], hook)

    def filter(self, nr: int, grad: Any, wrap: Callable[[Any], Any] | None) -> Any:
        """The gradient of an output after its hooks, in order; they see None where none arrived.

        `wrap` makes a tensor of an array where gradients are arrays. Raises what a hook raises, RuntimeError if one
        changes the size or the dtype, or replaces None.
        """
        table = self.tensors.get(nr)
        if not table:
            return grad
        value = grad if wrap is None or grad is None else wrap(arrays.as_array(grad))
        for hook in list(table.values()):
            result = hook(value)
            if result is not None:
                value = _checked(value, result, hook)
        return value if wrap is None or value is None else value._array


def name_of(hook: Any) -> str:
    """A hook's name in messages."""
    return str(getattr(hook, "__name__", "<unknown>"))


def _checked(value: Any, result: Any, hook: Callable[..., Any]) -> Any:
    if value is None:
        raise errors.bad_argument("can't replace a None gradient with a non-None value")
    if not hasattr(result, "_array"):
        raise errors.bad_type(f"expected Variable, but hook returned '{type(result).__name__}'")
    if result.dtype is not value.dtype:
        raise errors.dtype_mismatch(
            f"hook '{name_of(hook)}' has changed the type of value (was {value.dtype.options} "
            f"got {result.dtype.options})"
        )
    if result.shape != value.shape:
        raise errors.shape_mismatch(f"hook '{name_of(hook)}' has changed the size of value")
    return result


def _all_checked(values: tuple[Any, ...], result: Any, hook: Callable[..., Any]) -> tuple[Any, ...]:
    if not isinstance(result, tuple):
        raise errors.bad_type(f"expected tuple, but hook returned '{type(result).__name__}'")
    if len(result) != len(values):
        raise errors.bad_argument(
            f"hook '{name_of(hook)}' has returned an incorrect number of values (got {len(result)}, "
            f"but expected {len(values)})"
        )
    for value, each in zip(values, result, strict=True):
        if each is not None:
            _checked(value, each, hook)
    return result


def call_before(table: Table, grads: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients of a node's outputs after its pre-hooks.

    Raises TypeError or RuntimeError for a result of another form.
    """
    for hook in list(table.values()):
        result = hook(grads)
        if result is not None:
            grads = _all_checked(grads, result, hook)
    return grads


def call_after(table: Table, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients of a node's inputs after its post-hooks.

    Raises TypeError or RuntimeError for a result of another form.
    """
    for hook in list(table.values()):
        result = hook(inputs, outputs)
        if result is not None:
            inputs = _all_checked(inputs, result, hook)
    return inputs


def call_accumulated(table: Table, variable: Any) -> None:
    """The hooks of a leaf after its `.grad` changed.

    Raises TypeError or RuntimeError if one gives something else than None.
    """
    for hook in list(table.values()):
        result = hook(variable)
        if result is not None and result is not variable:
            _checked(variable, result, hook)
            raise errors.bad_argument("Tensor post accumulate grad hooks should return None.")
