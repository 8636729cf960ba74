"""Counts by kind, and the differences in groups: those that differ in numbers and dtypes alone are one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.opinfo.catalogue import ENTRIES
from tests.opinfo.wrong.examining import Findings
from tests.opinfo.wrong.outcomes import KINDS, Difference

NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
TYPES = "str|int|list|NoneType|tuple|bool|float|complex|Tensor|Long|Int|Short|Byte|Char|Bool|Float|Double|Half|BFloat16"
TYPE = re.compile(rf"\b({TYPES}|ComplexFloat|ComplexDouble|dict)\b")
WIDTH = 200


def table(found: Iterable[Findings]) -> str:
    """A row for each tier: calls that a library refuses, those that are answered alike, and the others by kind."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for each in found:
        count = counts[ENTRIES[each.name].tier]
        count["calls"] += each.total
        count.update(difference.kind for difference in each.differences)
    lines = ["tier    calls    alike" + "".join(f"{kind:>14}" for kind in KINDS)]
    for tier, count in sorted(counts.items()):
        alike = count["calls"] - sum(count[kind] for kind in KINDS)
        row = f"{tier:4} {count['calls']:8} {alike:8}"
        lines.append(row + "".join(f"{count[kind]:14}" for kind in KINDS))
    return "\n".join(lines)


def groups(differences: Iterable[Difference], limit: int) -> str:
    """The differences of each op in groups, the largest first, with an example of each."""
    found: dict[tuple[str, str, str, str], list[Difference]] = defaultdict(list)
    for each in differences:
        found[each.op, each.kind, normal(each.theirs), normal(each.ours)].append(each)
    lines = []
    for same in sorted(found.values(), key=len, reverse=True)[:limit]:
        first = same[0]
        lines.append(f"{len(same)} x {first.op}, {first.kind}: {first.call[:WIDTH]}")
        lines.append(f"    torch:  {(first.theirs or 'takes it')[:WIDTH]}")
        lines.append(f"    engine: {(first.ours or 'takes it')[:WIDTH]}")
    return "\n".join(lines)


def normal(text: str | None) -> str:
    """An answer without its numbers and types."""
    return TYPE.sub("T", NUMBER.sub("N", text or ""))
