"""The ops that the engine is measured by, from `tiers.txt`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).parent / "tiers.txt"
SECTION = re.compile(r"\[tier (\d); (.*); (.*)\]")
LINE = re.compile(r"(\S+?)(\*?)(?: \((.*)\))?")


@dataclass(frozen=True)
class Entry:
    """One op of the catalogue."""

    name: str
    tier: int
    family: str
    differentiable: bool
    inplace: bool
    aliases: tuple[str, ...]


def load() -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    tier, kind, family = "", "", ""
    for line in PATH.read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if section := SECTION.fullmatch(line):
            tier, kind, family = section.groups()
            continue
        found = LINE.fullmatch(line)
        assert found, line
        name, star, aliases = found.groups()
        others = tuple(aliases.split(", ")) if aliases else ()
        entries[name] = Entry(name, int(tier), family, kind == "differentiable", bool(star), others)
    return entries


ENTRIES = load()
