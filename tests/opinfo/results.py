"""What a run found: by op and aspect how much was compared, how much differed, and the first difference."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.opinfo.catalogue import ENTRIES

ASPECTS = ("forward", "gradient", "second gradient", "in place", "variants", "errors")
PATH = Path(__file__).parent / "results.json"


@dataclass
class Result:
    """Counts of one op: aspect to [compared, differing], and aspect to the first difference."""

    name: str
    counts: dict[str, list[int]] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    missing: bool = False

    def add(self, aspect: str, difference: str | None, where: str) -> None:
        count = self.counts.setdefault(aspect, [0, 0])
        count[0] += 1
        if difference is not None:
            count[1] += 1
            self.first.setdefault(aspect, f"{difference} <- {where}")

    @property
    def passed(self) -> bool:
        return not self.missing and not self.first

    def failed(self, aspect: str) -> bool:
        return aspect in self.first


def load(path: Path = PATH) -> dict[str, Result]:
    rows: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return {name: Result(name, **row) for name, row in rows.items()}


def update(found: Iterable[Result], path: Path = PATH) -> None:
    """Put results in the place of those kept for the same ops; ops that left the catalogue go."""
    kept = load(path) if path.exists() else {}
    kept.update({each.name: each for each in found})
    save([each for name, each in kept.items() if name in ENTRIES], path)


def save(found: Iterable[Result], path: Path = PATH) -> None:
    """One op a line, so that a change of the file is readable."""
    lines = []
    for each in sorted(found, key=lambda result: result.name):
        row: dict[str, Any] = {"counts": each.counts}
        if each.first:
            row["first"] = each.first
        if each.missing:
            row["missing"] = True
        lines.append(f"{json.dumps(each.name)}: {json.dumps(row)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
