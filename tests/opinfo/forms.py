"""The ways to call an op: as a function, as a method, in place, under its other names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import torch

from tests.opinfo import translation
from tests.opinfo.catalogue import Entry


@dataclass(frozen=True)
class Form:
    """One way: what torch calls, and how the engine's counterpart is found."""

    name: str
    theirs: Callable[..., Any]
    path: str  # the engine's name, where torch has no wrapper of its own around the op
    inplace: bool = False

    def ours(self) -> Callable[..., Any]:
        """The engine's function. Raises AttributeError if there is none."""
        if isinstance(self.theirs, FunctionType) and self.theirs.__module__.startswith(translation.DATABASE):
            return translation.function(self.theirs)
        return translation.named(self.path)  # type: ignore[no-any-return]


def forms(entry: Entry, info: Any) -> Iterator[Form]:
    """All forms of one record."""
    yield Form("function", info.op, info.name)
    last = info.name.rpartition(".")[2]
    if info.method_variant is not None:
        yield Form("method", info.method_variant, f"Tensor.{last}")
    if info.inplace_variant is not None:
        yield Form("in place", info.inplace_variant, f"Tensor.{last}_", True)
    for alias in info.aliases:
        yield Form(f"alias {alias.name}", alias.op, alias.name)
        short = alias.name.rpartition(".")[2]
        if alias.method_variant is not None:
            yield Form(f"alias method {short}", alias.method_variant, f"Tensor.{short}")
        if alias.inplace_variant is not None:
            yield Form(f"alias in place {short}_", alias.inplace_variant, f"Tensor.{short}_", True)
    known = {each.name for each in info.aliases} | {info.name}
    for name in entry.aliases:
        found = torch
        for part in name.split("."):
            found = getattr(found, part, None)
        if name not in known and found is not None and name not in ("maximum", "minimum"):
            yield Form(f"alias {name}", found, name)
