"""Values: what a session's names stand for in code besides tensors: numbers, texts, lists, functions, classes."""

from __future__ import annotations

from collections.abc import Iterator
from types import CellType, FunctionType
from typing import Any

from engine.optim import Optimizer

_ABSENT: Any = object()


class Values:
    """Name to value. What a call changes is kept until `commit`, so that `rollback` can bring it back.

    Lists and dicts change in place: those that a call found here are copied before they first do.
    """

    __slots__ = ("_before", "_bound", "_copies", "_known")

    def __init__(self) -> None:
        self._bound: dict[str, Any] = {}
        self._before: dict[str, Any] = {}
        self._known: dict[int, Any] | None = None  # the lists and dicts that were here when the first one changed
        self._copies: dict[int, tuple[Any, Any]] = {}

    def __len__(self) -> int:
        return len(self._bound)

    def __contains__(self, name: str) -> bool:
        return name in self._bound

    def __getitem__(self, name: str) -> Any:
        return self._bound[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._bound.values())

    def bind(self, name: str, value: Any) -> None:
        """Let a name stand for a value."""
        self._before.setdefault(name, self._bound.get(name, _ABSENT))
        self._bound[name] = value

    def unbind(self, name: str) -> bool:
        """Take a name away; whether it was there."""
        if name not in self._bound:
            return False
        self._before.setdefault(name, self._bound[name])
        del self._bound[name]
        return True

    def changes(self, container: Any, known: bool = False) -> None:
        """Called before a list or dict changes; `known`: it was there before the call, though under no name."""
        if id(container) in self._copies:
            return
        if self._known is None:
            began = {**self._bound, **self._before}
            self._known = _containers(list(began.values()))
        if known or id(container) in self._known:
            self._copies[id(container)] = (container, container.copy())

    def commit(self) -> None:
        """Let go of what was kept."""
        self._before, self._known, self._copies = {}, None, {}

    def rollback(self) -> None:
        """Bring back all that was kept."""
        for container, copy in self._copies.values():
            container.clear()
            if isinstance(container, list):
                container.extend(copy)
            else:
                container.update(copy)
        for name, value in self._before.items():
            if value is _ABSENT:
                self._bound.pop(name, None)
            else:
                self._bound[name] = value
        self.commit()


def _containers(values: list[Any]) -> dict[int, Any]:
    """The lists and dicts within values, by id."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    stack = values
    while stack:
        each = stack.pop()
        if id(each) in seen or each is _ABSENT:
            continue
        seen.add(id(each))
        if isinstance(each, (list, dict)):
            found[id(each)] = each
        stack.extend(inside(each))
    return found


def _is_empty(cell: CellType) -> bool:
    try:
        return cell.cell_contents is _ABSENT
    except ValueError:
        return True


def inside(value: Any) -> list[Any]:
    """What a value of code holds directly."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, Optimizer):
        return list(value.tensors())
    if isinstance(value, slice):
        return [value.start, value.stop, value.step]
    if isinstance(value, Exception):
        return list(value.args)
    if isinstance(value, FunctionType):  # one that the engine made of a function of code
        return [cell.cell_contents for cell in value.__closure__ or () if not _is_empty(cell)]
    held = getattr(value, "held", None)
    return [] if held is None else list(held())
