"""What a saved function is: data that never changes, with the functions it calls as they were when it was saved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from app.functions.patterns import Input
from app.session.frames import Frame
from engine.autograd import Function
from engine.tensor import Tensor

MAX_DEPTH = 16  # functions that call one another, one inside the other


class Program(Protocol):
    """What a function computes."""

    @property
    def may_compile(self) -> bool:
        """Whether what it does while it is recorded is what it does always."""

    def run(self, args: Sequence[Any], frame: Frame) -> list[Tensor]:
        """The outputs for these arguments; what the program names stands in the frame when it has run."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One version of a function.

    Attributes:
        name: under which it was saved.
        document: the body it was saved with.
        hash: SHA-256 of the document and of the functions it calls: the same hash, the same results.
        inputs: the signature.
        outputs: the names of the outputs where the document has them; a source does not tell how many there are.
        program: what it computes.
        custom: the gradient it was saved with, as an autograd Function, or None.
        calls: the functions its steps may call, by name.
        size: the bytes of its document.
        may_compile: whether a plan may be tried.
        depth: how many functions stand one inside the other while it runs.
    """

    name: str
    document: Mapping[str, Any]
    hash: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...] | None
    program: Program
    custom: type[Function] | None
    calls: Mapping[str, Definition]
    size: int
    depth: int
    may_compile: bool

    def closure(self) -> Iterator[Definition]:
        """The function and all that it calls, directly or not, each once."""
        seen: dict[int, Definition] = {}
        stack = [self]
        while stack:
            each = stack.pop()
            if id(each) not in seen:
                seen[id(each)] = each
                stack.extend(each.calls.values())
                yield each


def hash_of(document: Mapping[str, Any], calls: Mapping[str, Definition]) -> tuple[str, int]:
    """The hash of a function, and the bytes of its document."""
    text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    called = orjson.dumps({name: each.hash for name, each in calls.items()}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text + b"\n" + called).hexdigest(), len(text)
