"""Repeats: small bodies that a session has got before, as they were read then.

A training loop sends the same few bodies over and over. Its worth stands in docs/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.session.steps import Step

BYTES = 2048  # of a body
KEPT = 8  # bodies
NOTED = 64  # hashes of bodies that came once
_SCALARS = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Program:
    """What a body asks for: steps, the names to return, and whether all of it is outside the graph."""

    steps: list[Step]
    asked: list[str] | None = None
    no_grad: bool = False


class Repeats:
    """Programs by the text they were read from, and the op that the URL names, if it does."""

    __slots__ = ("_kept", "_noted")

    def __init__(self) -> None:
        self._kept: dict[tuple[str | None, bytes], Program] = {}
        self._noted: set[int] = set()

    def find(self, op: str | None, body: bytes) -> Program | None:
        """The program of a body that was kept."""
        return self._kept.get((op, body))

    def note(self, op: str | None, body: bytes, program: Program) -> None:
        """Keep the program of a body that succeeds for the second time, in the place of the oldest."""
        key = op, body
        if len(body) > BYTES or key in self._kept:
            return
        known = hash(key)
        if known not in self._noted:
            if len(self._noted) >= NOTED:
                self._noted.clear()
            self._noted.add(known)
        elif all(_is_plain(step) for step in program.steps):
            if len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = program


def _is_plain(step: Step) -> bool:
    """Whether a step's arguments are scalars and lists of them: few bytes, which nothing changes."""
    return all(
        type(each) in _SCALARS or (type(each) is list and all(type(inner) in _SCALARS for inner in each))
        for each in (*step.args, *step.fields.values())
    )
