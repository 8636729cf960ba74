"""`python -m tests.opinfo`: compare, print what differs and a table; `--update` keeps the results in results.json."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.opinfo import report, results
from tests.opinfo.catalogue import ENTRIES
from tests.opinfo.parallel import examine_all


def main() -> None:
    options = arguments()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    names = chosen(options)
    found = examine_all(names, options.quick, options.jobs)
    for each in found:
        if not each.passed and not options.summary:
            show(each)
    total = sum(each.passed for each in found)
    print(f"{total} of {len(found)} ops pass everything")
    print(report.table({each.name: each for each in found}, lambda entry: f"tier {entry.tier}"))
    if options.save:
        results.save(found, options.save)
    if options.update:
        results.update(found)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.opinfo", description=__doc__)
    parser.add_argument("--op", nargs="*", default=[], help="these ops only")
    parser.add_argument("--family", help="one family only, as in tiers.txt")
    parser.add_argument("--tier", type=int, help="one tier only")
    parser.add_argument("--quick", action="store_true", help="few samples, no reference inputs")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--summary", action="store_true", help="only the table")
    parser.add_argument("--save", type=Path, help="write the results to this file")
    parser.add_argument("--update", action="store_true", help="put them into results.json beside the others")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[str]:
    unknown = set(options.op) - ENTRIES.keys()
    if unknown:
        sys.exit(f"not in the catalogue: {', '.join(sorted(unknown))}")
    return [
        name
        for name, entry in ENTRIES.items()
        if (not options.op or name in options.op)
        and options.family in (None, entry.family)
        and options.tier in (None, entry.tier)
    ]


def show(result: results.Result) -> None:
    entry = ENTRIES[result.name]
    print(f"{result.name} (tier {entry.tier}, {entry.family}){': missing' if result.missing else ''}")
    for aspect, text in result.first.items():
        compared, differing = result.counts[aspect]
        print(f"    {aspect}: {differing} of {compared}: {text}")


if __name__ == "__main__":
    main()
