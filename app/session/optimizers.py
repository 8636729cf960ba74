"""Optimizers: the objects of a session that have state beside its tensors, by name."""

from __future__ import annotations

from collections.abc import Iterator

from app.problems import Problem
from app.session.names import SHOWN
from engine.optim import Optimizer
from engine.tensor import Tensor

Bound = dict[str, tuple[int, Optimizer]]  # serial numbers: a place in lists that outlives its neighbours


class Optimizers:
    """Name to optimizer. What a call changes is kept until `commit`, so that `rollback` can bring it back."""

    __slots__ = ("_before", "_bound", "_limit", "_serial", "is_stepping")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bound: Bound = {}
        self._serial = 0
        self._before: tuple[Bound, int] | None = None
        self.is_stepping = False  # a closure runs

    def __len__(self) -> int:
        return len(self._bound)

    def __contains__(self, name: str) -> bool:
        return name in self._bound

    def get(self, name: str) -> Optimizer | None:
        """What the name stands for, or None."""
        found = self._bound.get(name)
        return None if found is None else found[1]

    def named(self, name: str, status: int = 422) -> Optimizer:
        """What the name stands for.

        Raises Problem `unknown_optimizer`, with 404 as status where the URL holds the name.
        """
        found = self._bound.get(name)
        if found is None:
            raise Problem("unknown_optimizer", f"no optimizer is named '{name[:SHOWN]}' in this session", status=status)
        return found[1]

    def after(self, serial: int) -> Iterator[tuple[int, str, Optimizer]]:
        """Those bound after the one with this serial number."""
        return ((at, name, optimizer) for name, (at, optimizer) in self._bound.items() if at > serial)

    def tensors(self) -> Iterator[Tensor]:
        """The parameters and the states of all of them."""
        for _, optimizer in self._bound.values():
            yield from optimizer.tensors()

    def bind(self, name: str, optimizer: Optimizer) -> None:
        """Let a name stand for an optimizer, in the place of what it stood for before.

        Raises Problem `too_large` for one too many.
        """
        old = self._bound.get(name)
        if old is None and len(self._bound) >= self._limit:
            raise Problem("too_large", f"the session has all the {self._limit} optimizers that it may have")
        self._keep()
        if old is None:
            self._serial += 1
        self._bound[name] = (self._serial if old is None else old[0], optimizer)

    def unbind(self, name: str, status: int = 422) -> None:
        """Take a name away.

        Raises Problem `unknown_optimizer`.
        """
        self.named(name, status)
        self._keep()
        del self._bound[name]

    def _keep(self) -> None:
        if self._before is None:
            self._before = (dict(self._bound), self._serial)

    def commit(self) -> None:
        """Let go of what was kept."""
        self._before = None

    def rollback(self) -> None:
        """Bring back what was kept; options and state are the engine's undo log's."""
        if self._before is not None:
            self._bound, self._serial = self._before
            self._before = None
