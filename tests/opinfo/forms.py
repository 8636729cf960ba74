"""The ways to call an op: as a function, as a method, in place, under its other names."""

from __future__ import annotations

import functools
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
        own = isinstance(self.theirs, FunctionType) and self.theirs.__module__.startswith(translation.DATABASE)
        if own or isinstance(self.theirs, functools.partial):
            return translation.function(self.theirs)
        return translation.named(self.path)  # type: ignore[no-any-return]


def method(theirs: Any) -> str:
    """The name of one of torch's methods."""
    return f"Tensor.{getattr(theirs, '__name__', '')}"


def forms(entry: Entry, info: Any) -> Iterator[Form]:
    """All forms of one record."""
    yield Form("function", info.op, info.name)
    if info.method_variant is not None:
        yield Form("method", info.method_variant, method(info.method_variant))
    if info.inplace_variant is not None:
        yield Form("in place", info.inplace_variant, method(info.inplace_variant), True)
    for alias in info.aliases:
        yield Form(f"alias {alias.name}", alias.op, alias.name)
        if alias.method_variant is not None:
            yield Form(f"alias method {alias.name}", alias.method_variant, method(alias.method_variant))
        if alias.inplace_variant is not None:
            yield Form(f"alias in place {alias.name}", alias.inplace_variant, method(alias.inplace_variant), True)
    known = {each.name for each in info.aliases} | {info.name}
    for name in entry.aliases:
        found = torch
        for part in name.split("."):
            found = getattr(found, part, None)
        if name not in known and found is not None and name not in ("maximum", "minimum"):
            yield Form(f"alias {name}", found, name)
