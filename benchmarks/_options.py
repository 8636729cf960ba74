"""Options that several benchmarks take."""

from __future__ import annotations

import argparse
from collections.abc import Collection


def chosen(parser: argparse.ArgumentParser, text: str, known: Collection[str]) -> list[str]:
    """The names in a comma-separated option; one that is not known ends the program with what there is."""
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        parser.error(f"unknown case: {', '.join(unknown)}; there are {', '.join(known)}")
    return names
