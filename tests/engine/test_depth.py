"""Deep and wide graphs: no recursion, time linear in the number of nodes."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine import errors
from engine.guard import Guard
from engine.modes import Context, activate

DEEP = 100_000
RECURSION = 1000  # Python's own limit, a hundredth of the depth


@pytest.fixture(autouse=True)
def _usual_recursion_limit() -> Any:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(RECURSION)
    yield
    sys.setrecursionlimit(before)


def leaf() -> Any:
    return torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)


def multiplied(x: Any) -> Any:
    y = x
    for _ in range(DEEP):
        y = y * 1.00001
    return y


def viewed(x: Any) -> Any:
    y = x * 1
    for _ in range(DEEP // 2):
        y = y.view(2).neg()
    return y


def changed_in_place(x: Any) -> Any:
    y = x.clone()
    for _ in range(DEEP):
        y.mul_(1.00001)
    return y


def changed_through_views(x: Any) -> Any:
    y = x.clone()
    for _ in range(DEEP // 10):
        y[0].mul_(1.0001)
    return y


CHAINS: list[tuple[Callable[[Any], Any], list[float]]] = [
    (multiplied, [1.00001**DEEP] * 2),
    (viewed, [(-1.0) ** (DEEP // 2)] * 2),
    (changed_in_place, [1.00001**DEEP] * 2),
    (changed_through_views, [1.0001 ** (DEEP // 10), 1.0]),
]


@pytest.mark.parametrize(("build", "slope"), CHAINS, ids=[build.__name__ for build, _ in CHAINS])
def test_deep_chains_run_backward(build: Callable[[Any], Any], slope: list[float]) -> None:
    x = leaf()
    y = build(x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad._array, slope, rtol=1e-9)


@pytest.mark.parametrize("build", [build for build, _ in CHAINS], ids=lambda each: each.__name__)
def test_deep_chains_are_dropped(build: Callable[[Any], Any]) -> None:
    """Freeing a chain frees each node's edges in turn: neither Python's limit nor the C stack may end it."""
    gc.disable()
    try:
        y = build(leaf())
        del y
    finally:
        gc.enable()


def test_a_deep_chain_is_recorded_again() -> None:
    x = leaf()
    y = x
    for _ in range(DEEP // 10):
        y = y * 1.0001
    (first,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second._array, np.full(2, 2 * 1.0001 ** (2 * DEEP // 10)), rtol=1e-9)


def test_a_deep_graph_runs_towards_chosen_inputs() -> None:
    x, z = leaf(), leaf()
    y = multiplied(x) + multiplied(z)
    (gradient,) = torch.autograd.grad(y.sum(), z)
    np.testing.assert_allclose(gradient._array, [1.00001**DEEP] * 2, rtol=1e-9)


def test_doublings_take_linear_time() -> None:
    """60 doublings make 2^60 paths through 61 nodes."""
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    start = time.thread_time()
    y.backward()
    assert time.thread_time() - start < 1
    assert x.grad.item() == 2.0**60


def test_doublings_of_second_order_take_linear_time() -> None:
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = x * x
    for _ in range(60):
        y = y + y
    start = time.thread_time()
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert time.thread_time() - start < 1
    assert second.item() == 2.0**61


def test_one_leaf_used_many_times() -> None:
    x = leaf()
    total = torch.zeros(2, dtype=torch.float64)
    for _ in range(DEEP):
        total = total + x
    total.sum().backward()
    np.testing.assert_array_equal(x.grad._array, [DEEP, DEEP])


def test_one_leaf_in_one_wide_node() -> None:
    x = leaf()
    torch.cat([x] * 10_000).sum().backward()
    np.testing.assert_array_equal(x.grad._array, [10_000, 10_000])


def test_many_leaves() -> None:
    leaves = [leaf() for _ in range(10_000)]
    torch.stack(leaves).mul(3).sum().backward()
    assert all(each.grad.tolist() == [3.0, 3.0] for each in leaves)


def test_walking_a_deep_graph_needs_no_recursion() -> None:
    node = multiplied(leaf()).grad_fn
    depth = 0
    while node.next_functions:
        node = node.next_functions[0][0]
        depth += 1
    assert depth == DEEP


class Ticking(Guard):
    """A guard that lets a pass look at the clock so often and then says that the time is over."""

    left = 3

    def tick(self) -> None:
        """The time that is left, in looks."""
        self.left -= 1
        if self.left < 0:
            raise errors.deadline()


@pytest.mark.parametrize("nodes", [1_000, 10])
def test_a_pass_looks_at_the_clock_now_and_then(nodes: int) -> None:
    x = h = leaf()
    for _ in range(nodes):
        h = h * 1.0
    h = h.sum()
    ctx = Context()
    ctx.guard = Ticking()
    with activate(ctx):
        if nodes == 10:  # too few to be worth more than a look
            h.backward()
            assert x.grad.tolist() == [1, 1]
        else:
            with pytest.raises(TimeoutError):
                h.backward()
            assert x.grad is None
