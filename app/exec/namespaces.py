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

    @functools.cache  # of names of ops alone: code may ask for any others
    def op_of(name: str) -> Any:
        function = registry[f"{prefix}{name}"]
        if name.startswith("__") or not any(op.function for op in function.ops):
            return MISSING
        return Builtin(name, op_builtin(function))

    def find(name: str) -> Any:
        if name in table:
            return table[name]
        return op_of(name) if f"{prefix}{name}" in registry else MISSING

    return find


def space(name: str, table: dict[str, Any], prefix: str = "") -> Namespace:
    """A namespace; without a prefix of its own it has no ops."""
    return Namespace(name, names_of(prefix or "\0", table))
