"""Many ops, in one process or several."""

from __future__ import annotations

import multiprocessing

from tests.opinfo.results import Result


def examine_one(task: tuple[str, bool]) -> Result:
    import torch

    from tests.opinfo import drawing, running

    torch.set_num_threads(1)
    name, quick = task
    try:
        return running.examine(name, drawing.QUICK if quick else drawing.Bounds())
    except Exception as error:
        error.add_note(f"while examining {name}")
        raise


def examine_all(names: list[str], quick: bool, jobs: int) -> list[Result]:
    tasks = [(name, quick) for name in names]
    if jobs == 1:
        return [examine_one(task) for task in tasks]
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=40) as pool:
        return pool.map(examine_one, tasks, chunksize=1)
