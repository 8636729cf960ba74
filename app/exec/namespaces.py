"""Namespaces: a table of names, and the ops of the registry under a prefix."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from app.exec.signatures import op_builtin
from app.exec.values import MISSING, Builtin, Namespace
from engine.op import registry


def names_of(prefix: str, table: dict[str, Any]) -> Callable[[str], Any]:
    """The names of a namespace: those of the table, then the ops under the prefix."""

    @functools.cache
    def find(name: str) -> Any:
        if name in table:
            return table[name]
        function = None if name.startswith("__") else registry.get(f"{prefix}{name}")
        if function is None or not any(op.function for op in function.ops):
            return MISSING
        return Builtin(name, op_builtin(function))

    return find


def space(name: str, table: dict[str, Any], prefix: str = "") -> Namespace:
    """A namespace; without a prefix of its own it has no ops."""
    return Namespace(name, names_of(prefix or "\0", table))
