"""The tangents of an open level of forward mode: which array carries which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Tangents:
    """A table from arrays, by identity, to tangents; it holds the arrays, so that identities stay theirs."""

    __slots__ = ("_push", "_table", "_write", "enabled")

    def __init__(self, push: Callable[..., list[Any]], write: Callable[..., None]) -> None:
        self._push = push
        self._write = write
        self._table: dict[int, tuple[Any, Any]] = {}
        self.enabled = True  # whether ops carry tangents

    def get(self, array: Any) -> Any:
        """The tangent of an array, or None."""
        known = self._table.get(id(array))
        return None if known is None else known[1]

    def set(self, array: Any, tangent: Any) -> None:
        """Give an array a tangent."""
        self._table[id(array)] = (array, tangent)

    def reaches(self, values: list[Any]) -> bool:
        """Whether an op's arguments carry a tangent."""
        return self.enabled and reached(values, self._table)

    def carry(self, op: Any, values: list[Any], outputs: list[Any]) -> None:
        """After an op: give its outputs their tangents."""
        for output, tangent in zip(outputs, self._push(op, values, outputs, self), strict=True):
            if tangent is not None:
                self.set(output._array, tangent)

    def ahead(self, op: Any, values: list[Any]) -> Any:
        """Before an in-place op: the tangent its operand will have, told by the op's other form; None for none."""
        if op.base is not None:
            return self._push(op.base, values, [values[0]], self)[0]
        source = values[1] if len(values) > 1 and hasattr(values[1], "_array") else None
        return None if source is None or op.name not in ("copy_", "fill_") else self.get(source._array)

    def wrote(self, tensor: Any, tangent: Any) -> None:
        """After an in-place op: the tensor's new tangent (None for zeros), which is part of the one of its base."""
        self._write(tensor, tangent, self)

    def __bool__(self) -> bool:
        return True


def reached(values: list[Any], table: dict[int, Any]) -> bool:
    """Whether a table of arrays by identity knows one of an op's arguments."""
    for value in values:
        if isinstance(value, list):
            if reached(value, table):
                return True
        elif hasattr(value, "_array") and id(value._array) in table:
            return True
    return False
