"""`python -m tests.opinfo.wrong`: make wrong calls on both libraries; print counts by kind and what differs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.opinfo.catalogue import ENTRIES
from tests.opinfo.database import infos
from tests.opinfo.wrong import report
from tests.opinfo.wrong.examining import Extent, Findings, thrifty
from tests.opinfo.wrong.isolated import examine_isolated
from tests.opinfo.wrong.known import reason_for
from tests.opinfo.wrong.outcomes import KINDS


def main() -> None:
    options = arguments()
    extent = Extent(options.samples, options.calls, options.variants, options.aliases)
    found = list(examined(chosen(options), extent))
    print(report.table(found))
    differences = [each for one in found for each in one.differences if options.known or not reason_for(each)]
    print(report.groups((each for each in differences if each.kind in options.kinds.split(",")), options.groups))
    for each in found:
        for call in each.crashes:
            print(f"{each.name}: a crash: {call[:200]}")
    if options.save:
        options.save.write_text(json.dumps([asdict(each) for each in found]), "utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.opinfo.wrong", description=__doc__)
    parser.add_argument("--ops", help="these ops only, with commas between them")
    parser.add_argument("--tiers", default="1,2", help="these tiers only")
    parser.add_argument("--samples", type=int, default=2, help="of each record, made wrong in every way")
    parser.add_argument("--calls", type=int, default=100_000, help="of each record, drawn among all")
    parser.add_argument("--variants", type=int, default=40, help="calls in each form that is not the function")
    parser.add_argument("--aliases", action="store_true", help="an op's other names too")
    parser.add_argument("--kinds", default=",".join(KINDS), help="show differences of these kinds")
    parser.add_argument("--groups", type=int, default=100, help="how many groups of differences are shown")
    parser.add_argument("--known", action="store_true", help="show also what has its reason in known.py")
    parser.add_argument("--save", type=Path, help="write what was found to this file")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[str]:
    if options.ops:
        names: list[str] = options.ops.split(",")
        unknown = set(names) - ENTRIES.keys()
        if unknown:
            sys.exit(f"not in the catalogue: {', '.join(sorted(unknown))}")
        return names
    tiers = {int(each) for each in options.tiers.split(",")}
    return [name for name, entry in ENTRIES.items() if entry.tier in tiers and name in infos()]


def examined(names: list[str], extent: Extent) -> Iterator[Findings]:
    """The ops one by one, with a count on a terminal."""
    thrifty()
    infos()  # once, before processes are forked
    for nr, name in enumerate(names, 1):
        yield examine_isolated(name, extent)
        if sys.stderr.isatty() or nr % 50 == 0:
            sys.stderr.write(f"{nr} of {len(names)}: {name}\n")


if __name__ == "__main__":
    main()
