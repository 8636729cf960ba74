"""`ones` and `zeros` of small sizes, which take a way of their own: what they make, and when they must not take it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as torch
from engine.guard import SPARED, Guard
from engine.modes import Context, activate

BOTH = [(torch.ones, 1), (torch.zeros, 0)]


@pytest.mark.parametrize(("made", "value"), BOTH)
@pytest.mark.parametrize("size", [(3,), (2, 2), ((2, 3),), ([4],), (torch.Size([2, 1]),), (np.int64(2), 3)])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_what_is_made(made: Any, value: int, size: Any, requires_grad: bool) -> None:
    found = made(*size, requires_grad=requires_grad)
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    assert found.shape == shape
    assert found.dtype is torch.float32
    assert (found.numpy(force=True) == value).all()
    assert found.requires_grad is requires_grad
    assert found.is_leaf
    assert found._version == 0


def test_each_is_of_its_own() -> None:
    one, other = torch.ones(2, 2), torch.ones(2, 2)
    one.mul_(3)
    assert other.tolist() == [[1, 1], [1, 1]]


def test_a_gradient_reaches_it() -> None:
    x = torch.ones(2, 2, requires_grad=True)
    y = x + 2
    (y * y * 3).mean().backward()
    assert x.grad.tolist() == [[4.5, 4.5], [4.5, 4.5]]


@pytest.mark.parametrize(("made", "value"), BOTH)
def test_odd_sizes_and_options_are_seen(made: Any, value: int) -> None:
    assert made(()).shape == ()
    assert made(2, 0).shape == (2, 0)
    assert made(2, dtype=torch.int64).dtype is torch.int64
    assert made(2, requires_grad=None).requires_grad is False
    assert made(2, out=torch.empty(2)).tolist() == [value] * 2
    with pytest.raises(RuntimeError):
        made(-1)
    with pytest.raises(TypeError):
        made(1.5)
    with pytest.raises(TypeError):
        made(2, requires_grad="yes")
    with pytest.raises(RuntimeError, match="require gradients"):
        made(2, dtype=torch.int64, requires_grad=True)


def test_modes_are_those_of_now() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.ones(2).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    ctx = Context()
    with activate(ctx), torch.inference_mode():
        assert torch.ones(2).is_inference()
    with activate(ctx):
        assert not torch.ones(2).is_inference()


def test_a_guard_is_asked() -> None:
    ctx = Context()
    guard = ctx.guard = Guard(tensor_bytes=100, total_bytes=1000)
    with activate(ctx):
        torch.ones(25)
        assert guard.used == 100
        with pytest.raises(MemoryError, match="over the limit of 100 for one tensor"):
            torch.ones(26)
        kept = [torch.zeros(25) for _ in range(9)]
        with pytest.raises(MemoryError, match="would pass the limit of 1000"):
            torch.ones(1)
        assert guard.used == 1000
        assert len(kept) == 9


def test_the_clock_is_looked_at() -> None:
    ctx = Context()
    ctx.guard = Guard(deadline=0.0)
    with activate(ctx), pytest.raises(TimeoutError):
        [torch.ones(1) for _ in range(SPARED + 2)]
