"""Compares the engine with hand-written NumPy, and with eager PyTorch where it is installed.

    python -m benchmarks.engine [--cases tutorial,mlp] [--rounds 20] [--json FILE]
    python -m benchmarks.engine --profile chain

All contenders run in one process, in turn, on one thread, after their results were found equal. The ratios
are what counts: absolute times differ between machines and moments.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import json
import os
import platform
import pstats
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks._cases import CASES, Call, Case
from benchmarks._options import chosen
from benchmarks._timing import Sample, loops_for_a_block, measure

SEED = 2026
PROFILE_ROWS = 30
HEADINGS = ("case", "contender", "best", "median", "per op", "× NumPy", "× torch", "target")
ROW = "{:<9} {:<10} {:>9} {:>9} {:>9} {:>8} {:>8}  {}"


def optional_torch() -> ModuleType | None:
    """PyTorch on one thread, or None where it is not installed."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def contenders(case: Case, module: ModuleType, torch: ModuleType | None) -> dict[str, Call]:
    """The calls to compare, each with its own copy of the same data."""
    data = case.data(np.random.default_rng(SEED))
    calls = {"numpy": case.numpy(data), module.__name__: case.program(module, data)}
    if torch is not None and torch is not module:
        calls["torch"] = case.program(torch, data)
    return calls


def as_array(value: Any) -> np.ndarray:
    """A result as an array: NumPy's as it is, a tensor without its history."""
    return np.asarray(value if isinstance(value, np.ndarray | np.generic) else value.detach().numpy())


def check_equal(name: str, calls: dict[str, Call]) -> None:
    """Refuses to time contenders that do not compute the same."""
    expected = [as_array(value) for value in calls["numpy"]()]
    for contender, call in calls.items():
        for _ in range(2):  # the second call shows state that the first one left behind
            values = [as_array(value) for value in call()]
            if len(values) != len(expected):
                raise SystemExit(f"{name}: {contender} gives {len(values)} results, not {len(expected)}")
            for index, (value, wanted) in enumerate(zip(values, expected, strict=True)):
                compare(f"{name}: result {index} of {contender}", value, wanted)


def compare(what: str, value: np.ndarray, wanted: np.ndarray) -> None:
    """Shape and dtype exactly, values to float32's accuracy relative to the largest one."""
    if value.shape != wanted.shape or value.dtype != np.float32:
        raise SystemExit(f"{what} is {value.dtype}{value.shape}, not float32{wanted.shape}")
    scale = float(np.abs(wanted).max())
    if not scale > 1e-6:
        raise SystemExit(f"{what}: the values vanish, the comparison would show nothing")
    error = float(np.abs(value.astype(np.float64) - wanted).max()) / scale
    if not error < 1e-4:
        raise SystemExit(f"{what} is off by {error:.1e} of the largest value")


def run_case(name: str, module: ModuleType, torch: ModuleType | None, rounds: int) -> dict[str, Sample]:
    """Checks and times one case."""
    calls = contenders(CASES[name], module, torch)
    check_equal(name, calls)
    return measure(calls, rounds)


def duration(seconds: float) -> str:
    """A time with a unit that leaves two or three digits before the point."""
    for unit, factor in (("ns", 1e9), ("µs", 1e6), ("ms", 1e3)):
        if seconds * factor < 1000:
            return f"{seconds * factor:.1f} {unit}"
    return f"{seconds:.2f} s"


def verdict(case: Case, samples: dict[str, Sample], contender: str) -> str:
    """The case's targets and whether this run met them."""
    ours, numpy, torch = samples[contender], samples["numpy"], samples.get("torch")
    parts = []
    if case.target is not None:
        met = ours.ratio_to(numpy) <= case.target
        parts.append(f"{'met' if met else 'MISSED'}: ≤ {case.target:g} × NumPy")
    if case.below_torch and torch is not None:
        parts.append(f"{'met' if ours.ratio_to(torch) < 1 else 'MISSED'}: < torch")
    return ", ".join(parts)


def print_row(*cells: str) -> None:
    """One line of the table: names to the left, numbers to the right."""
    print(ROW.format(*cells).rstrip(), flush=True)


def print_case(name: str, samples: dict[str, Sample], contender: str) -> None:
    """The rows of one case, a row for each contender."""
    case = CASES[name]
    print(f"\n{name}: {case.title}")
    for who, sample in samples.items():
        torch = samples.get("torch")
        print_row(
            name,
            who,
            duration(sample.best),
            duration(sample.median),
            duration(sample.median / case.ops),
            f"{sample.ratio_to(samples['numpy']):.2f}",
            f"{sample.ratio_to(torch):.2f}" if torch else "",
            verdict(case, samples, contender) if who == contender else "",
        )


def environment(module: ModuleType, torch: ModuleType | None) -> dict[str, Any]:
    """What a reader needs to know about where the numbers come from."""
    found = {"python": platform.python_version(), "numpy": np.__version__}
    for part in (module, torch):
        if part is not None:
            found[part.__name__] = str(getattr(part, "__version__", "checkout"))
    return {"versions": found, "machine": platform.machine(), "cores": os.cpu_count(), "threads": 1}


def write_json(path: Path, about: dict[str, Any], results: dict[str, dict[str, Sample]]) -> None:
    """Every round of every contender, for plots and later comparisons."""
    cases = {
        name: {who: {"loops": s.loops, "seconds": s.seconds} for who, s in samples.items()}
        for name, samples in results.items()
    }
    path.write_text(json.dumps({**about, "cases": cases}, indent=1) + "\n", encoding="utf-8")


def profile(name: str, module: ModuleType) -> None:
    """Where the time of one case goes, by function."""
    case = CASES[name]
    call = case.program(module, case.data(np.random.default_rng(SEED)))
    loops = 20 * loops_for_a_block(call) if case.ops < 10_000 else 1
    with cProfile.Profile() as profiler:
        for _ in range(loops):
            call()
    print(f"{name}: {loops} calls of {case.title}")
    pstats.Stats(profiler).sort_stats("tottime").print_stats(PROFILE_ROWS)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__.split("\n")[0])
    parser.add_argument("--cases", default=",".join(CASES), help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=20, help="blocks per contender (default: 20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measured round to FILE")
    parser.add_argument("--profile", choices=CASES, metavar="CASE", help="profile one case instead of timing")
    parser.add_argument("--module", default="engine", help="what to measure (default: engine)")
    options = parser.parse_args(argv)
    options.cases = chosen(parser, options.cases, CASES)
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for."""
    options = parse(argv)
    module = importlib.import_module(options.module)
    torch = optional_torch()
    with threadpool_limits(limits=1):
        if options.profile:
            profile(options.profile, module)
            return 0
        about = environment(module, torch)
        print(", ".join(f"{name} {version}" for name, version in about["versions"].items()), end="; ")
        print(f"{about['cores']} cores, one used; {options.rounds} rounds\n")
        print_row(*HEADINGS)
        results = {}
        for name in options.cases:
            results[name] = run_case(name, module, torch, options.rounds)
            print_case(name, results[name], module.__name__)
    if options.json:
        write_json(options.json, about, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
