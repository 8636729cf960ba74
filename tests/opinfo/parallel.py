"""Many ops, in one process or several."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterable, Iterator

from tests.opinfo.results import Result


def examine_one(task: tuple[str, bool]) -> Result:
    """One op, by name and whether few samples do."""
    import torch  # here: the process that only collects results needs none

    from tests.opinfo import drawing, running

    torch.set_num_threads(1)
    name, quick = task
    try:
        return running.examine(name, drawing.QUICK if quick else drawing.Bounds())
    except Exception as error:  # noqa: BLE001  # a defect of the comparison is told as one of the op, the others go on
        result = Result(name)
        result.add("forward", f"the comparison failed: {type(error).__name__}: {error}", name)
        return result


def examine_all(names: list[str], quick: bool, jobs: int) -> list[Result]:
    tasks = [(name, quick) for name in names]
    if jobs == 1:
        return list(counted(map(examine_one, tasks), len(tasks)))
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=100) as pool:
        return list(counted(pool.imap(examine_one, tasks), len(tasks)))


def counted(found: Iterable[Result], total: int) -> Iterator[Result]:
    """The same, with a count on a terminal."""
    for nr, each in enumerate(found, 1):
        if sys.stderr.isatty() or nr % 50 == 0:
            sys.stderr.write(f"{nr} of {total}: {each.name}\n")
        yield each
