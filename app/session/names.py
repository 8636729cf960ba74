"""Names: the variables of a session, in the order in which they were bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from app.problems import Problem
from app.session.values import Values
from engine.tensor import Tensor

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_NOT_NAMES = ("NaN", "Infinity")
_GRAD = ".grad"
SHOWN = 64  # characters of a client's text that an answer repeats


def checked_name(value: Any, field: str = "name") -> str:
    """The value, if it may be a tensor's name; `field` is where it stands.

    Raises Problem `bad_argument`.
    """
    if type(value) is str and _NAME.match(value) and value not in _NOT_NAMES:
        return value
    shown = f"'{value[:SHOWN]}'" if type(value) is str else f"a value of type {type(value).__name__}"
    rule = "letters, digits and _, not first a digit, at most 128, not NaN or Infinity"
    detail = f"{shown} is not a name: {rule}"
    raise Problem("bad_argument", detail, errors=[{"field": field, "message": detail}])


class Names:
    """Name to tensor, and tensor to names.

    Between `begin` and `commit` what a name stood for before is kept, so that `rollback` can bring it back.
    """

    __slots__ = ("_before", "_bound", "_counter", "_limit", "_of", "_original", "_serial", "_start", "values")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bound: dict[str, tuple[int, Tensor]] = {}  # serial numbers: a place in lists that outlives its neighbours
        self._of: dict[int, list[str]] = {}  # by id of the tensor, the earliest first
        self._counter = 0
        self._serial = 0
        self._before: dict[str, tuple[int, Tensor] | None] = {}
        self._original: dict[str, tuple[int, Tensor]] | None = None
        self._start = (0, 0)
        self.values = Values()  # names that stand for no tensor

    def __len__(self) -> int:
        return len(self._bound)

    def __contains__(self, name: str) -> bool:
        return name in self._bound or name in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self._bound)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Each tensor once, under its earliest name."""
        for name, (_, tensor) in self._bound.items():
            if self._of[id(tensor)][0] == name:
                yield name, tensor

    def after(self, serial: int) -> Iterator[tuple[int, str, Tensor]]:
        """The names bound after the one with this serial number."""
        return ((at, name, tensor) for name, (at, tensor) in self._bound.items() if at > serial)

    def get(self, name: str) -> Tensor | None:
        """What the name stands for, or None."""
        found = self._bound.get(name)
        return None if found is None else found[1]

    def fill(self, values: list[Any], named: list[tuple[int, str]]) -> bool:
        """Put tensors into a list: each with its place, by name; whether there are all of them."""
        for place, name in named:
            found = self._bound.get(name)
            if found is None:
                return False
            values[place] = found[1]
        return True

    def named(self, name: str, status: int = 422) -> Tensor:
        """What the name stands for.

        Raises Problem `unknown_tensor`, with 404 as status where the URL holds the name.
        """
        found = self._bound.get(name)
        if found is None:
            raise Problem("unknown_tensor", f"no tensor is named '{name[:SHOWN]}' in this session", status=status)
        return found[1]

    def resolve(self, text: str, status: int = 422) -> Tensor:
        """The tensor of a name, or for `NAME.grad` its gradient.

        Raises Problem `unknown_tensor` or `no_grad`.
        """
        name = text.removesuffix(_GRAD)
        tensor = self.named(name, status)
        if name == text:
            return tensor
        if tensor.grad is None:
            raise Problem("no_grad", f"'{name}' has no gradient", status=status)
        return tensor.grad

    def of(self, tensor: Tensor) -> str | None:
        """The earliest name of a tensor, or None."""
        names = self._of.get(id(tensor))
        return names[0] if names else None

    def bind(self, name: str, tensor: Tensor) -> None:
        """Let a name stand for a tensor, in the place of what it stood for before.

        Raises Problem `too_large` for one name too many.
        """
        old = self._bound.get(name)
        if self.values:
            self.values.unbind(name)
        if old is None:
            self.check_room()
            self._serial += 1
            serial = self._serial
        else:
            serial = old[0]
            self._forget(name, old[1])
        if self._original is None and name not in self._before:
            self._before[name] = old
        self._bound[name] = (serial, tensor)
        known = self._of.get(id(tensor))
        if known is None:
            self._of[id(tensor)] = [name]
        else:
            known.append(name)

    def bind_next(self, tensor: Tensor) -> str:
        """Bind the next free name of `t0`, `t1`, … and return it."""
        while (name := f"t{self._counter}") in self:
            self._counter += 1
        self._counter += 1
        self.bind(name, tensor)
        return name

    def check_room(self) -> None:
        """Whether there may be one more name.

        Raises Problem `too_large`.
        """
        if len(self._bound) + len(self.values) >= self._limit:
            raise Problem("too_large", f"the session has all the {self._limit} names that it may have")

    def unbind(self, name: str, status: int = 422) -> None:
        """Take a name away.

        Raises Problem `unknown_tensor`.
        """
        if self.values.unbind(name):
            return
        tensor = self.named(name, status)
        if self._original is None:
            self._original = self._as_begun()  # a dict cannot put an entry back into its old place
            self._before = {}
        self._forget(name, tensor)
        del self._bound[name]

    def _forget(self, name: str, tensor: Tensor) -> None:
        names = self._of[id(tensor)]
        if len(names) == 1:
            del self._of[id(tensor)]
        else:
            names.remove(name)

    def _as_begun(self) -> dict[str, tuple[int, Tensor]]:
        began = dict(self._bound)
        for name, old in self._before.items():
            if old is None:
                del began[name]
            else:
                began[name] = old
        return began

    def begin(self) -> None:
        """Start to keep what changes."""
        self._start = (self._counter, self._serial)

    def commit(self) -> None:
        """Let go of what was kept."""
        self._before, self._original = {}, None
        self.values.commit()

    def rollback(self) -> None:
        """Bring back all that was kept."""
        self._bound = self._as_begun() if self._original is None else self._original
        self._counter, self._serial = self._start
        self._of = {}
        for name, (_, tensor) in self._bound.items():
            self._of.setdefault(id(tensor), []).append(name)
        self.values.rollback()
        self.commit()
