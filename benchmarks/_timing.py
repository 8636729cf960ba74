"""Interleaved timing: A B C A B C …, so that a busy moment of the machine falls on every contender alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# A block of calls is timed at once; long enough that the clock's own cost and jitter do not matter.
BLOCK_SECONDS = 0.05
MAX_LOOPS = 20_000
# Just below the 32 MiB up to which glibc raises its threshold.
ALLOCATOR_BYTES = 31 * 2**20


@dataclass
class Sample:
    """The times of one contender, in seconds per call, one entry per round."""

    loops: int
    seconds: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The fastest round: the least disturbed one."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.seconds)

    def ratio_to(self, other: Sample) -> float:
        """How many times longer than `other`: the median over rounds, each measured side by side."""
        return statistics.median(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


Clock = Callable[[], float]


def time_block(call: Callable[[], object], loops: int, clock: Clock = time.perf_counter) -> float:
    """Seconds per call over one block of calls.

    The garbage collector stays on: what it does to the nodes of a graph is part of what a program pays.
    """
    repeats = range(loops)
    start = clock()
    for _ in repeats:
        call()
    return (clock() - start) / loops


def loops_for_a_block(call: Callable[[], object]) -> int:
    """How many calls fill a block; also warms caches, allocators and branch predictors."""
    loops = 1
    while True:
        seconds = time_block(call, loops)
        if seconds * loops >= BLOCK_SECONDS / 5 or loops >= MAX_LOOPS:
            return max(1, min(MAX_LOOPS, round(BLOCK_SECONDS / seconds)))
        loops *= 4


def settle_allocator() -> None:
    """Lets glibc keep freed memory, as it does in any program that has freed a large array before.

    Otherwise an array of some megabytes is mapped and faulted in anew each time, three times as slow, or it
    is not, by what the process happened to free earlier: the order of the cases would decide.
    """
    block = bytearray(ALLOCATOR_BYTES)
    del block


def measure(
    calls: Mapping[str, Callable[[], object]], rounds: int, clock: Clock = time.perf_counter
) -> dict[str, Sample]:
    """Times every contender once per round, in turn.

    `time.thread_time` as the clock leaves out what other processes take of the core; for calls of one thread.
    """
    settle_allocator()
    samples = {name: Sample(loops_for_a_block(call)) for name, call in calls.items()}
    # What exists by now (modules, mostly another contender's) must not make anybody's collections longer.
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            for name, call in calls.items():
                gc.collect()  # nobody pays for what the one before left behind
                samples[name].seconds.append(time_block(call, samples[name].loops, clock))
    finally:
        gc.unfreeze()
    return samples
