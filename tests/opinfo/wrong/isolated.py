"""One op in a process of its own: some wrong calls crash PyTorch, take all memory, or never end."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import tempfile
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from tests.opinfo.wrong.examining import Extent, Findings, examine
from tests.opinfo.wrong.outcomes import Difference

SECONDS = 60
PATIENCE = 15  # seconds more for a call that is still computing
MEMORY = 12 << 30
ATTEMPTS = 30
FORK = multiprocessing.get_context("fork")  # torch and its database are loaded already


class TooLong(Exception):
    pass


def examine_isolated(name: str, extent: Extent) -> Findings:
    """What an op shows; a call that ends the process is left out when it begins anew."""
    crashes: list[str] = []
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory() as folder:
            child = FORK.Process(target=_child, args=(name, extent, Path(folder), frozenset(crashes)))
            child.start()
            child.join(SECONDS + PATIENCE)
            if child.is_alive():
                child.kill()
                child.join()
            result = Path(folder, "result")
            if result.exists():
                return _read(result, crashes)
            crashes.append(Path(folder, "calls").read_text("utf-8").splitlines()[-1])
    return Findings(name, crashes=crashes)


def _read(path: Path, crashes: list[str]) -> Findings:
    row = json.loads(path.read_text("utf-8"))
    differences = [Difference(**each) for each in row["differences"]]
    return Findings(row["name"], row["total"], differences, [*crashes, *row["crashes"]])


def _child(name: str, extent: Extent, folder: Path, skipped: frozenset[str]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what torch says before it dies
    findings = Findings(name)
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SECONDS)
    with (folder / "calls").open("w", encoding="utf-8") as log:

        def announce(call: str) -> bool:
            line = call.replace("\n", " ")
            if line in skipped:
                return False
            log.write(f"{line}\n")
            log.flush()
            return True

        try:
            examine(name, extent, findings, announce)
        except TooLong:
            findings.crashes.append(f"stopped after {SECONDS} seconds")
        except Exception as error:  # noqa: BLE001  # a defect of the comparison; the other ops go on
            findings.crashes.append(f"the comparison failed: {type(error).__name__}: {error}")
    (folder / "part").write_text(json.dumps(asdict(findings)), "utf-8")
    (folder / "part").rename(folder / "result")
    os._exit(0)  # torch's threads would be waited for


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise TooLong
