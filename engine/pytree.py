"""Nested tuples, lists and dicts as flat lists of leaves and a structure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TreeSpec:
    """The structure of a nested value: its container's type (None for a leaf), a dict's keys, its parts."""

    kind: type | None = None
    keys: tuple[Any, ...] | None = None
    parts: tuple[TreeSpec, ...] = field(default=())

    def describe(self, indent: int = 0) -> str:
        """The structure as torch's messages write it: `TreeSpec(tuple, None, [*])`."""
        if self.kind is None:
            return "*"
        indent += 2
        parts = [each.describe(indent) for each in self.parts]
        keys = None if self.keys is None else list(self.keys)
        inner = (",\n" + " " * indent).join(parts)
        return f"TreeSpec({self.kind.__name__}, {keys}, [{inner}])"

    __repr__ = describe

    def outline(self) -> str:
        """The structure in short: `(*, [*, *])`."""
        if self.kind is None:
            return "*"
        if self.keys is not None:
            pairs = zip(self.keys, self.parts, strict=True)
            return "{" + ", ".join(f"{key!r}: {part.outline()}" for key, part in pairs) + "}"
        inner = ", ".join(part.outline() for part in self.parts)
        if self.kind is list:
            return f"[{inner}]"
        return f"({inner},)" if len(self.parts) == 1 else f"({inner})"


LEAF = TreeSpec()


def flatten(value: Any) -> tuple[list[Any], TreeSpec]:
    """The leaves of a value, in order, and its structure."""
    if isinstance(value, dict):
        inner, keys = list(value.values()), tuple(value)
    elif isinstance(value, (tuple, list)):
        inner, keys = list(value), None
    else:
        return [value], LEAF
    leaves: list[Any] = []
    parts = []
    for each in inner:
        found, spec = flatten(each)
        leaves += found
        parts.append(spec)
    return leaves, TreeSpec(type(value), keys, tuple(parts))


def unflatten(leaves: list[Any], spec: TreeSpec) -> Any:
    """The value of a structure with these leaves."""
    return _built(iter(leaves), spec)


def _built(leaves: Any, spec: TreeSpec) -> Any:
    if spec.kind is None:
        return next(leaves)
    inner = [_built(leaves, part) for part in spec.parts]
    if spec.keys is not None:
        return spec.kind(zip(spec.keys, inner, strict=True))
    return spec.kind(*inner) if hasattr(spec.kind, "_fields") else spec.kind(inner)


def broadcast(value: Any, spec: TreeSpec) -> list[Any] | None:
    """A value for every leaf of a structure: one may stand for all leaves below it; None where it does not fit."""
    if spec.kind is None or not isinstance(value, (tuple, list, dict)):
        return [value] * len(_leaves(spec)) if not isinstance(value, (tuple, list, dict)) else None
    if type(value) is not spec.kind or len(value) != len(spec.parts):
        return None
    found: list[Any] = []
    for each, part in zip(value.values() if isinstance(value, dict) else value, spec.parts, strict=True):
        below = broadcast(each, part)
        if below is None:
            return None
        found += below
    return found


def _leaves(spec: TreeSpec) -> list[TreeSpec]:
    return [spec] if spec.kind is None else [leaf for part in spec.parts for leaf in _leaves(part)]
