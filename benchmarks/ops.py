"""What single ops cost beside PyTorch's on a CPU, forward alone and forward with backward.

    python -m benchmarks.ops [--cases conv2d,sort] [--rounds 9] [--markdown]
    python -m benchmarks.ops --profile conv2d

The method is that of `benchmarks.engine`: float32, one thread, in turn, equal results first; but times are the thread's
own on its core, so that a busy machine matters less. `numpy` is code written by
hand for the one case (`benchmarks/_ops_numpy.py`), which is also the floor: what the arithmetic takes in NumPy when
nothing is recorded, checked or dispatched. Without PyTorch the comparison is with that alone.
"""

from __future__ import annotations

import argparse
import cProfile
import platform
import pstats
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import engine
from benchmarks._ops_cases import CASES, OpCase
from benchmarks._options import chosen
from benchmarks._timing import Sample, measure
from benchmarks.engine import as_array, compare, duration, optional_torch

SEED = 2026
ROW = "{:<17} {:<9} {:>10} {:>10} {:>10} {:>9} {:>9} {:>15}"
HEADINGS = ("case", "pass", "engine", "torch", "numpy", "to torch", "to numpy", "numpy to torch")
MARKDOWN = "| {} | {} | {} | {} | {} | {} | {} | {} |"

Call = Callable[[], Sequence[Any]]


def forward_of(case: OpCase, module: ModuleType, data: Sequence[Any]) -> Call:
    """The op alone, on tensors that require no grad."""
    tensors = [module.from_numpy(each.copy()) for each in data]
    return lambda: (case.program(module, *tensors),)


def both_of(case: OpCase, module: ModuleType, data: Sequence[Any], grad: Any) -> Call:
    """The op, and its gradients by an incoming one."""
    tensors = [module.from_numpy(each.copy()) for each in data]
    wrt = [tensors[at].requires_grad_() for at in case.wrt]
    incoming = module.from_numpy(grad.copy()) if grad.ndim else module.tensor(float(grad))

    def call() -> Sequence[Any]:
        out = case.program(module, *tensors)
        return (out, *module.autograd.grad(out, wrt, incoming))

    return call


def contenders(case: OpCase, torch: ModuleType | None) -> dict[str, dict[str, Call]]:
    """For each pass the calls to compare."""
    rng = np.random.default_rng(SEED)
    data = case.data(rng)
    shape = np.shape(case.forward(*data))
    grad = np.asarray(rng.standard_normal(shape, dtype=np.float32))
    modules = [engine, *([torch] if torch is not None else [])]
    return {
        "forward": {
            **{each.__name__: forward_of(case, each, data) for each in modules},
            "numpy": lambda: (case.forward(*data),),
        },
        "both": {
            **{each.__name__: both_of(case, each, data, grad) for each in modules},
            "numpy": lambda: case.both(*data, grad),
        },
    }


def check_equal(name: str, calls: dict[str, Call]) -> None:
    """Refuse to time contenders that do not compute the same."""
    expected = [as_array(each) for each in calls["numpy"]()]
    for contender, call in calls.items():
        values = [as_array(each) for each in call()]
        if len(values) != len(expected):
            raise SystemExit(f"{name}: {contender} gives {len(values)} results, not {len(expected)}")
        for at, (value, wanted) in enumerate(zip(values, expected, strict=True)):
            compare(f"{name}: result {at} of {contender}", value, wanted)


def cells(name: str, step: str, samples: dict[str, Sample]) -> tuple[str, ...]:
    """One line of the table."""
    ours, numpy, torch = samples["engine"], samples["numpy"], samples.get("torch")
    return (
        name,
        step,
        duration(ours.median),
        duration(torch.median) if torch else "",
        duration(numpy.median),
        f"{ours.ratio_to(torch):.2f}" if torch else "",
        f"{ours.ratio_to(numpy):.2f}",
        f"{numpy.ratio_to(torch):.2f}" if torch else "",
    )


def profile(name: str) -> None:
    """Where the time of one case, forward and backward, goes by function."""
    call = contenders(CASES[name], None)["both"]["engine"]
    call()
    with cProfile.Profile() as profiler:
        for _ in range(50):
            call()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ops", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", default=",".join(CASES), help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=9, help="blocks per contender (default: 9)")
    parser.add_argument("--markdown", action="store_true", help="print the rows as a table of Markdown")
    parser.add_argument("--profile", choices=CASES, metavar="CASE", help="profile one case instead of timing")
    options = parser.parse_args(argv)
    options.cases = chosen(parser, options.cases, CASES)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    options = parse(argv)
    torch = optional_torch()
    row = MARKDOWN if options.markdown else ROW
    with threadpool_limits(limits=1):
        if options.profile:
            profile(options.profile)
            return 0
        print(f"python {platform.python_version()}, numpy {np.__version__}, torch {torch and torch.__version__}\n")
        print(row.format(*HEADINGS))
        for name in options.cases:
            for step, calls in contenders(CASES[name], torch).items():
                check_equal(f"{name}, {step}", calls)
                print(
                    row.format(*cells(name, step, measure(calls, options.rounds, time.thread_time))).rstrip(),
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
