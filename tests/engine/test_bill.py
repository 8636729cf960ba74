"""The bill of a plain backward pass, for which the guard is asked before it begins, against what the pass holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine import bill
from engine.guard import Guard
from engine.modes import Context, activate
from tests.engine.estimating import PLAIN, peak_of, repeated
from tests.engine.samples.base import Sample
from tests.engine.support import results

ELEMENTS = 8192
LARGEST = 2_000_000  # bytes of results
SLACK = 60_000  # bytes: buffers of fixed size, nodes, tensors
NOISE = 10_000
ENOUGH = 0.95


class Asked(Guard):
    """A guard without limits that remembers what backward asked for."""

    def __init__(self) -> None:
        super().__init__(total_bytes=2**62)
        self.bill = 0

    def allocate(self, name: str, size: int) -> None:
        """Remember the bill of the pass."""
        if name == "backward":
            self.bill = size
        super().allocate(name, size)


@pytest.fixture(autouse=True)
def _all_played(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Formulas are played whatever their arrays' size; NumPy casts in small buffers, so that arrays count."""
    monkeypatch.setattr(bill, "LARGE", 0)
    size = np.getbufsize()
    np.setbufsize(512)
    yield
    np.setbufsize(size)


def grown(sample: Sample) -> tuple[list[Any], list[Any]] | None:
    """Leaves of so many elements and the results to start from; None where larger inputs make no such call."""
    big = max((each.array for each in sample.inputs), key=lambda array: array.size)
    times = math.ceil((ELEMENTS / big.size) ** (1 / len([size for size in big.shape if size > 1])))
    while times:
        leaves = repeated(sample, times)
        for leaf, each in zip(leaves, sample.inputs, strict=True):
            leaf.requires_grad_(each.differentiable)
        try:
            made = [each for each in results(sample, leaves) if isinstance(each, torch.Tensor) and each.requires_grad]
        except (RuntimeError, IndexError, ValueError):
            return None
        if sum(each.nbytes for each in made) <= LARGEST:
            return (leaves, made) if made and all(each.grad_fn is not None for each in made) else None
        times = times * 2 // 3
    return None


def measured(sample: Sample) -> tuple[int, int] | None:
    """What backward asked for, and the most it held."""
    found = grown(sample)
    if found is None:
        return None
    leaves, made = found
    sent = [torch.ones_like(each) for each in made]

    def run() -> None:
        torch.autograd.backward(made, sent, retain_graph=True)

    try:
        run()  # what is made once is made now
    except (RuntimeError, NotImplementedError):
        return None
    for each in leaves:
        each.grad = None
    guard = Asked()
    ctx = Context()
    ctx.guard = guard
    with activate(ctx):
        held = peak_of(run)
        if held > guard.bill + SLACK:  # another thread of the process may have made something: once more
            asked = guard.bill
            for each in leaves:
                each.grad = None
            held = min(held, peak_of(run))
            assert guard.bill == asked
    return guard.bill, held


def one_of_each() -> list[Sample]:
    """For each op its first sample that can be made large and has gradients."""
    found: dict[str, Sample] = {}
    for each in PLAIN:
        if each.op in found or each.drawn or not (each.differentiable and grows(each)):
            continue
        found[each.op] = each
    return list(found.values())


def grows(sample: Sample) -> bool:
    """Whether some input is not empty and has gradients, and one has more than one element."""
    sizes = [each.array.size for each in sample.inputs]
    return bool(sizes) and min(sizes) > 0 and max(sizes) > 1 and any(each.differentiable for each in sample.inputs)


def test_the_bill_is_never_too_low_and_seldom_twice_too_high() -> None:
    count = 0
    low, high = [], []
    for sample in one_of_each():
        found = measured(sample)
        if found is None:
            continue
        asked, held = found
        count += 1
        if held > asked + SLACK:
            low.append(f"{sample.id}: {asked} asked, {held} held")
        if asked > 2 * max(held, NOISE):
            high.append(f"{sample.id}: {asked} asked, {held} held")
    assert not low, "\n".join(low)
    assert count > 500
    within = 1 - len(high) / count
    assert within >= ENOUGH, f"{within:.1%} of {count}\n" + "\n".join(high)


def test_a_pass_over_the_limit_is_refused_before_it_begins() -> None:
    x = torch.ones(1000, requires_grad=True)
    y = x.sin().exp().tanh()
    ctx = Context()
    ctx.guard = Guard(total_bytes=10_000)
    with activate(ctx), pytest.raises(MemoryError, match=r"^backward\(\): \d+ more bytes would pass") as raised:
        y.backward(torch.ones(1000))
    assert raised.value.code == "too_large"
    assert x.grad is None


def test_the_copy_that_an_inplace_op_saves_is_asked_for() -> None:
    x = torch.ones(1000, requires_grad=True).clone()
    ctx = Context()
    ctx.guard = Guard(total_bytes=6000)  # the sines are computed first, in 4000
    with activate(ctx), pytest.raises(MemoryError, match=r"^sin_\(\): 4000 more bytes would pass"):
        x.sin_()
    assert x.tolist() == [1.0] * 1000
    assert x._version == 0


def test_little_room_is_looked_at_closely_however_small_the_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill, "LARGE", 2**22)
    x = torch.eye(48, requires_grad=True)
    y = torch.linalg.matrix_exp(x)
    sent = torch.ones_like(y)
    held = peak_of(lambda: y.backward(sent, retain_graph=True))
    assert held > 6 * bill.ROOM * x.nbytes, "a formula that holds far more than its arrays"
    x.grad = None
    ctx = Context()
    ctx.guard = Guard(total_bytes=held // 2)
    with activate(ctx), pytest.raises(MemoryError, match=r"^backward\(\): \d+ more bytes would pass"):
        y.backward(sent)
    assert x.grad is None
    ctx.guard = Guard(total_bytes=3 * held)
    with activate(ctx):
        y.backward(sent)
    assert x.grad is not None
