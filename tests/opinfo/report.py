"""The tables that are made from the results: for the terminal and for docs/parity.md. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.opinfo.catalogue import ENTRIES, Entry
from tests.opinfo.results import ASPECTS, Result, load

TITLES = ("values", "gradients", "second gradients", "in place", "methods and aliases", "refusals")
SHORTEST = 110  # characters of a first difference that the page shows


def page() -> str:
    """The generated part of docs/parity.md."""
    found = load()
    parts = [
        "### By tier\n\n" + table(found, lambda entry: f"tier {entry.tier}"),
        "### By family\n\n" + table(found, lambda entry: f"{entry.tier}: {entry.family}"),
        "### What differs\n\n" + differences(found),
    ]
    return "\n\n".join(parts)


def table(found: dict[str, Result], key: Callable[[Entry], str]) -> str:
    """Rows of `ops that agree / ops compared`, over all and for each aspect, with the calls compared."""
    groups: dict[str, list[Result]] = {}
    for name, entry in ENTRIES.items():
        if name in found:
            groups.setdefault(key(entry), []).append(found[name])
    head = ["", "in everything", *TITLES, "calls that differ"]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---|" * (len(head) - 1)]
    for title, results in sorted(groups.items()):
        whole = f"{sum(each.passed for each in results)}/{len(results)}"
        aspects = [agreeing(results, aspect) for aspect in ASPECTS]
        lines.append("| " + " | ".join([title, whole, *aspects, calls(results)]) + " |")
    return "\n".join(lines)


def agreeing(results: Iterable[Result], aspect: str) -> str:
    """`agreeing/compared` ops in one aspect; nothing where no op has it."""
    having = [each for each in results if aspect in each.counts]
    return f"{sum(not each.failed(aspect) for each in having)}/{len(having)}" if having else ""


def calls(results: Iterable[Result]) -> str:
    """`differing of compared` calls in all aspects."""
    counts = [count for each in results for count in each.counts.values()]
    return f"{sum(differing for _, differing in counts)} of {sum(compared for compared, _ in counts)}"


def differences(found: dict[str, Result]) -> str:
    """A line for each op that is missing or differs, tier by tier."""
    lines = []
    for tier in (1, 2, 3):
        names = [name for name, entry in ENTRIES.items() if entry.tier == tier and name in found]
        absent = [f"`{name}`" for name in names if found[name].missing]
        lines += [f"\nTier {tier}:\n"] if lines else [f"Tier {tier}:\n"]
        if absent:
            lines.append(f"- not there: {', '.join(absent)}")
        lines += [f"- `{name}`: {told(found[name])}" for name in names if found[name].first]
        if lines[-1].endswith(":\n"):
            lines.append("- nothing")
    return "\n".join(lines)


def told(result: Result) -> str:
    """In which aspects an op differs, and the first difference."""
    shares = [f"{aspect} {result.counts[aspect][1]} of {result.counts[aspect][0]}" for aspect in result.first]
    text = next(iter(result.first.values())).split(" <- ")[0].replace("|", "/").replace("`", "'")
    text = text if len(text) <= SHORTEST else f"{text[: SHORTEST - 3]}..."
    return f"{', '.join(shares)}; first: `{text}`"
