"""Samples that do not hold in the engine yet, by kind of test, each with its reason."""

from __future__ import annotations

PENDING: dict[tuple[str, str], str] = {}
