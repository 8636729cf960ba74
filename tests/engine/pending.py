"""What does not hold in the engine yet: kind of test, pattern of names, reason. Every entry is strictly expected."""

from __future__ import annotations

from fnmatch import fnmatchcase

PENDING: list[tuple[str, str, str]] = []


def reason_for(kind: str, name: str) -> str | None:
    """Why a test of this kind may fail on this name, or None if it must pass."""
    escaped = name.replace("[", "(").replace("]", ")")  # which patterns would read as sets of letters
    found = (why for each, pattern, why in PENDING if each == kind and fnmatchcase(escaped, pattern))
    return next(found, None)
