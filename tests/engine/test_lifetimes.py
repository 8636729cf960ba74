"""Memory goes when names go: without the garbage collector, for every way a graph can hang together."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine.graph import Node
from engine.modes import Context, activate

N = 50_000  # elements of float64: 400 kB, far above the noise of small objects
BYTES = 8 * N


@pytest.fixture(scope="module", autouse=True)
def _no_collector() -> Iterator[None]:
    """A cycle would keep what it holds until the collector came: it never comes here.

    What was there before is frozen, so that counting objects need not walk it.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def leaf(n: int = 4) -> Any:
    return torch.from_numpy(np.linspace(0.5, 1.5, n)).requires_grad_()


def live() -> tuple[int, int]:
    """How many tensors and nodes there are."""
    objects = gc.get_objects()
    return (
        sum(isinstance(each, torch.Tensor) for each in objects),
        sum(isinstance(each, Node) for each in objects),
    )


# -- programs that must leave nothing ---------------------------------------------------------------------------------


def chain(n: int) -> None:
    x = leaf(n)
    y = x
    for _ in range(10):
        y = (y * 1.01).sin()
    y.sum().backward()


def unused_graph(n: int) -> None:
    y = leaf(n)
    for _ in range(10):
        y = (y * y).exp()


def retained_graph(n: int) -> None:
    x = leaf(n)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()


def in_place_chain(n: int) -> None:
    x = leaf(n)
    y = x.clone()
    for _ in range(10):
        y.mul_(1.01).sin_()
    y.sum().backward()


def views(n: int) -> None:
    x = leaf(n)
    y = x * 2
    parts = [y[at::4] for at in range(4)]
    (parts[0] + parts[1] * parts[2]).sum().backward()


def copy_slices(n: int) -> None:
    x = leaf(n)
    y = x.clone()
    view = y[: n // 2]
    view.mul_(x[: n // 2])
    y[1] = 3.0
    view.add_(1)
    (y * view.sum()).sum().backward()


def copy_slices_unused(n: int) -> None:
    y = leaf(n).clone()
    y[: n // 2].exp_()
    y.view(2, -1)[0].zero_()


def many_views(n: int) -> None:
    x = leaf(n)
    for part in (x * 2).unbind(0)[:3]:
        part.sum().backward(retain_graph=True)


def create_graph(n: int) -> None:
    x = leaf(n)
    (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    torch.autograd.grad(second.sum(), x)


def create_graph_unused(n: int) -> None:
    x = leaf(n)
    torch.autograd.grad((x.sin() * x).sum(), x, create_graph=True)


def retained_gradients(n: int) -> None:
    x = leaf(n)
    y = x * 2
    y.retain_grad()
    z = y.exp()
    z.retain_grad()
    z.sum().backward()
    assert y.grad is not None
    assert z.grad is not None


def retained_in_place(n: int) -> None:
    x = leaf(n)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()


def several_outputs(n: int) -> None:
    x = leaf(n).view(-1, 4)
    values, _ = x.max(1)
    values.sum().backward()


def lists(n: int) -> None:
    x, y = leaf(n), leaf(n)
    torch.stack(torch.cat([x, y]).split(n)).sum().backward()


def accumulated(n: int) -> None:
    x = leaf(n)
    for _ in range(3):
        (x * x).sum().backward()
    x.grad = None


def inputs_of_backward(n: int) -> None:
    x = leaf(n)
    y = x * 2
    (y * y).sum().backward(inputs=[x, y])


def no_grad(n: int) -> None:
    x = leaf(n)
    with torch.no_grad():
        y = x * 2
        y.mul_(3)


def refused_op(n: int) -> None:
    x = leaf(n)
    y = x * 2
    with pytest.raises(RuntimeError):
        y + torch.ones(n + 1)


def refused_backward(n: int) -> None:
    x = leaf(n)
    y = x.exp()
    z = (y * 2).sum()
    y.add_(1)
    with pytest.raises(RuntimeError):
        z.backward()


def freed_graph(n: int) -> None:
    x = leaf(n)
    z = (x * x).sum()
    z.backward()
    with pytest.raises(RuntimeError):
        z.backward()


def detached(n: int) -> None:
    x = leaf(n)
    y = (x * 2).detach()
    y.requires_grad_()
    (y * y).sum().backward()


def node_walked(n: int) -> None:
    node = (leaf(n) * 2).exp().grad_fn
    while node is not None and node.next_functions:
        node = node.next_functions[0][0]


def interpolated(n: int) -> None:
    x = leaf(n).view(1, 1, n)
    torch.nn.functional.interpolate(x, 2 * n, mode="linear").sum().backward()


def pooled_to_a_size(n: int) -> None:
    x = leaf(n).view(1, 1, n)
    torch.nn.functional.adaptive_avg_pool1d(x, n // 2).sum().backward()


PROGRAMS: list[Callable[[int], None]] = [
    chain, unused_graph, retained_graph, in_place_chain, views, copy_slices, copy_slices_unused, many_views,
    create_graph, create_graph_unused, retained_gradients, retained_in_place, several_outputs, lists, accumulated,
    inputs_of_backward, no_grad, refused_op, refused_backward, freed_graph, detached, node_walked,
    interpolated, pooled_to_a_size,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_nothing_is_left(program: Callable[[int], None]) -> None:
    program(4)  # what is made once and kept: plans, bound formulas
    before = live()
    program(4)
    assert live() == before


IN_BYTES = [each for each in PROGRAMS if each is not many_views]  # which makes a tensor for each element


@pytest.mark.parametrize("program", IN_BYTES, ids=lambda each: each.__name__)
def test_no_bytes_are_left(program: Callable[[int], None]) -> None:
    program(8)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        program(N)
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert left < BYTES // 10


# -- what is let go, and when -----------------------------------------------------------------------------------------


def test_a_node_dies_with_its_last_tensor() -> None:
    x = leaf()
    y = x * 2
    z = y.exp()
    first, second = weakref.ref(y.grad_fn), weakref.ref(z.grad_fn)
    del y
    assert first() is not None, "z still needs it"
    del z
    assert second() is None
    assert first() is None


def test_a_tensor_dies_though_its_node_lives() -> None:
    x = leaf()
    y = x * 2
    z = y + 1
    dead = weakref.ref(y)
    del y
    assert dead() is None
    z.sum().backward()
    np.testing.assert_array_equal(x.grad._array, np.full(4, 2.0))


def test_a_leaf_dies_though_it_has_an_accumulator() -> None:
    x = leaf()
    node = (x * 2).grad_fn.next_functions[0][0]
    assert node.variable is x
    dead, dead_node = weakref.ref(x), weakref.ref(node)
    del x
    assert dead() is not None, "the node holds its leaf"
    del node
    assert dead() is None
    assert dead_node() is None


def test_backward_frees_saved_values_but_not_the_graph() -> None:
    x = torch.from_numpy(np.ones(N)).requires_grad_()
    tracemalloc.start()
    try:
        y = x.exp().exp().exp().sum()
        held = tracemalloc.get_traced_memory()[0]
        y.backward()
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held > 3 * BYTES
    assert left < 1.5 * BYTES, "the gradient alone is left"
    assert y.grad_fn is not None


def test_an_op_saves_no_more_than_its_formulas_read() -> None:
    x = torch.from_numpy(np.ones(N)).requires_grad_()
    tracemalloc.start()
    try:
        y = x
        for _ in range(5):
            y = y * 2.0 + 1.0
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 1.5 * BYTES, "a product with a number needs no operand"


def test_a_view_keeps_its_base_alone() -> None:
    base = torch.from_numpy(np.ones(4))
    view = base[1:]
    dead = weakref.ref(base)
    del base
    assert dead() is not None
    del view
    assert dead() is None


def test_a_gradient_is_let_go_with_its_leaf() -> None:
    x = leaf()
    (x * x).sum().backward()
    gradient = weakref.ref(x.grad)
    del x
    assert gradient() is None


def test_the_first_gradient_is_adopted_without_a_copy() -> None:
    x = torch.from_numpy(np.ones(N)).requires_grad_()
    y = (x * 2.0).sum()
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        y.backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * BYTES


def test_an_exception_holds_its_tensors_no_longer_than_itself() -> None:
    x = leaf()
    y = x * 2
    dead = weakref.ref(y)
    try:
        y + torch.ones(7)
    except RuntimeError as error:
        held = error
    del y
    held = None
    assert dead() is None
    assert held is None


def test_retain_grad_holds_the_tensor_weakly() -> None:
    x = leaf()
    y = x * 2
    y.retain_grad()
    z = y.sum()
    dead = weakref.ref(y)
    del y
    assert dead() is None
    z.backward()
    assert x.grad is not None


def test_a_recorded_gradient_is_a_cycle_that_ends_with_grad_none() -> None:
    """`backward(create_graph=True)` hangs the graph in the leaf's own `.grad` (torch warns of it)."""
    x = leaf()
    with activate(Context()), pytest.warns(UserWarning, match="reference cycle"):  # given once in each context
        (x * x).sum().backward(create_graph=True)
    dead = weakref.ref(x)
    x.grad = None
    del x
    assert dead() is None
