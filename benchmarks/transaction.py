"""What a session costs beside the bare engine: steps, guard, undo log, JSON. Prints ratios to the same work without.

python -m benchmarks.transaction [--rounds N]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import engine as torch
from app.calls import Call
from app.limits import Limits
from app.session.session import Session
from benchmarks._timing import measure, settle_allocator
from engine.modes import Context, activate
from engine.undo import UndoLog

STEPS = 250  # times four ops


def chain() -> None:
    """1,000 ops on 8 elements and a backward pass, on the bare engine."""
    x = torch.ones(8, requires_grad=True)
    w = torch.full((8,), 0.5)
    h = x
    for _ in range(STEPS):
        h = torch.tanh(h * w + w) * 2
    h.sum().backward()


def chain_body() -> bytes:
    """The same as one `run`."""
    steps: list[dict[str, object]] = [
        {"op": "ones", "size": [8], "requires_grad": True, "out": "x"},
        {"op": "full", "size": [8], "fill_value": 0.5, "out": "w"},
        {"op": "clone", "input": "x", "out": "h"},
    ]
    for _ in range(STEPS):
        steps += [
            {"op": "mul", "args": ["h", "w"], "out": "h"},
            {"op": "add", "args": ["h", "w"], "out": "h"},
            {"op": "tanh", "args": ["h"], "out": "h"},
            {"op": "mul", "args": ["h", 2], "out": "h"},
        ]
    steps += [{"op": "sum", "input": "h", "out": "s"}, {"op": "backward", "tensors": "s"}]
    return json.dumps({"steps": steps, "return": ["x.grad"]}).encode()


def in_session() -> Callable[[], object]:
    """The chain through a session's door, JSON included."""
    session = Session("bench", limits=Limits())
    body = chain_body()
    return lambda: session.handle(Call("run", body=body))


def logged(work: Callable[[], object]) -> Callable[[], object]:
    """The same work with an undo log that is dropped at the end, as a committed transaction's is."""
    ctx = Context()

    def call() -> None:
        with activate(ctx):
            ctx.log = UndoLog()
            work()
            ctx.log = None

    return call


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    settle_allocator()
    big = torch.ones(1_000_000)
    cases: dict[str, dict[str, Callable[[], object]]] = {
        "1,000 ops and backward": {"bare": chain, "with undo log": logged(chain), "run over JSON": in_session()},
        "mul_ on 1e6 elements": {"bare": lambda: big.mul_(1.0), "with undo log": logged(lambda: big.mul_(1.0))},
        "mul on 1e6 elements": {"bare": lambda: big * 1.0, "with undo log": logged(lambda: big * 1.0)},
    }
    for name, calls in cases.items():
        samples = measure(calls, rounds)
        for contender, sample in samples.items():
            ratio = sample.ratio_to(samples["bare"])
            print(f"{name:24} {contender:14} {sample.median * 1e6:10.1f} us  {ratio:5.2f} x bare")


if __name__ == "__main__":
    main()
