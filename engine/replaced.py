"""What `x.data = y` leaves behind: a graph that saved x computes with y from then on, as PyTorch's does.

A node holds the array that a tensor had. The tensor's version counter therefore gets, in the place of its number, a
`Replaced` of the same number, which equals none that was noted before and knows which array came for which. So what is
saved looks changed, and only who looks closer (`Node.check_saved`) finds the new array.
"""

from __future__ import annotations

import weakref
from typing import Any


class Replaced:
    """The number of a version, with the arrays that were put in the place of others at this version."""

    __slots__ = ("_arrays", "_number")

    def __init__(self, before: Any, old: Any, new: Any, count: int = 0) -> None:
        """After the version `before`, with `new` in the place of `old`; `count`: whether that is a change."""
        known = before._arrays if type(before) is Replaced else {}
        kept = {key: (was, new if now is old else now) for key, (was, now) in known.items() if was() is not None}
        kept[id(old)] = (weakref.ref(old), new)
        kept.pop(id(new), None)
        self._arrays: dict[int, tuple[weakref.ref[Any], Any]] = kept
        self._number = int(before) + count

    def __int__(self) -> int:
        return self._number

    def __add__(self, other: int) -> int:
        return self._number + other

    def __str__(self) -> str:
        return str(self._number)

    def instead_of(self, array: Any) -> Any:
        """The array that took the place of this one, or itself."""
        was, now = self._arrays.get(id(array), (None, array))
        return now if was is None or was() is array else array


def current(array: Any, counter: list[Any]) -> Any:
    """The array in the place of one that was saved with this counter."""
    version = counter[0]
    return version.instead_of(array) if type(version) is Replaced else array


def differs(counter: list[Any], stamp: Any) -> bool:
    """Whether the values changed since `stamp` was noted: setting data is no change."""
    return int(counter[0]) != int(stamp)
