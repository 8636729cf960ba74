"""An op that is not there, with a guess at the one that was meant."""

from __future__ import annotations

import difflib
import functools

from app.problems import Problem
from app.session.declaring import SPECIALS
from app.session.names import SHOWN
from engine.op import registry

_ELSEWHERE = ("torch.", "tensor.", "f.", "functional.")  # what code has before the names of ops, in lower case
_LIKENESS = 0.75


def unknown_op(name: str, status: int | None = None) -> Problem:
    """The Problem of a step or path that names no op."""
    meant = _meant(name[:SHOWN])
    guess = f"; did you mean '{meant}'?" if meant else ""
    return Problem("unknown_op", f"there is no op '{name[:SHOWN]}'{guess}", status=status)


@functools.cache
def _by_spelling() -> dict[str, str]:
    """The ops by their names in lower case, and by the last part of these; the plainest wins."""
    names = sorted((name for name in {*registry, *SPECIALS} if not name.startswith("__")), key=lambda each: -len(each))
    return {spelling: name for name in names for spelling in (name.rpartition(".")[2].lower(), name.lower())}


@functools.lru_cache(256)
def _meant(name: str) -> str | None:
    """The op that a name is likely to stand for: another case or namespace, else nearly the same letters."""
    wanted = name.lower()
    for prefix in _ELSEWHERE:
        wanted = wanted.removeprefix(prefix)
    known = _by_spelling()
    found = known.get(wanted) or known.get(wanted.rpartition(".")[2])
    if found is None:
        close = difflib.get_close_matches(wanted, known, 1, _LIKENESS)
        found = known[close[0]] if close else None
    return found
