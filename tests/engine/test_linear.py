"""The linear layer by its short way: PyTorch's graph, exact gradients, and what it leaves to others."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import engine as torch

F = torch.nn.functional
FLAGS = list(itertools.product([False, True], repeat=3))


def layer(flags: tuple[bool, bool, bool], dtype: Any = torch.float64) -> list[Any]:
    """Rows, a weight and a bias, of which `flags` say who requires grad."""
    rng = np.random.default_rng(3)
    arrays = (rng.standard_normal((2, 3)), rng.standard_normal((4, 3)), rng.standard_normal(4))
    return [torch.tensor(a.tolist(), dtype=dtype, requires_grad=f) for a, f in zip(arrays, flags, strict=True)]


@pytest.mark.parametrize("flags", FLAGS)
def test_the_graph_is_pytorchs(flags: tuple[bool, bool, bool]) -> None:
    out = F.linear(*layer(flags))
    assert out.requires_grad is any(flags)
    if not any(flags):
        assert out.grad_fn is None
        return
    leaf = "torch::autograd::AccumulateGrad"
    names = [None if node is None else node.name() for node, _ in out.grad_fn.next_functions]
    through = out.grad_fn.next_functions[2][0]
    assert out.grad_fn.name() == "AddmmBackward0"
    assert names == [leaf if flags[2] else None, leaf if flags[0] else None, "TBackward0" if flags[1] else None]
    assert through is None or through.next_functions[0][0].name() == leaf


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gradients_of_both_orders_by_formula(flags: tuple[bool, bool, bool], dtype: Any) -> None:
    given = layer(flags, dtype)
    asked = [each for each, flag in zip(given, flags, strict=True) if flag]
    x, w, b = (np.asarray(each.tolist()) for each in given)
    y = x @ w.T + b
    out = F.linear(*given)
    near = {"rtol": 1e-5, "atol": 1e-5} if dtype is torch.float32 else {"rtol": 1e-12}
    np.testing.assert_allclose(out.tolist(), y, **near)  # type: ignore[call-overload]
    if not asked:
        return
    grads = torch.autograd.grad((out * out).sum(), asked, create_graph=True)
    first = (2 * y @ w, 2 * y.T @ x, 2 * y.sum(0))
    for got, want in zip(grads, itertools.compress(first, flags), strict=True):
        np.testing.assert_allclose(got.tolist(), want, **near)  # type: ignore[call-overload]
    if flags[0] and not flags[1]:
        (second,) = torch.autograd.grad(grads[0].sum(), [asked[0]])
        np.testing.assert_allclose(second.tolist(), np.tile(2 * w.sum(1) @ w, (2, 1)), **near)  # type: ignore[call-overload]


def test_a_weight_changed_since_is_told_as_in_pytorch() -> None:
    x, w, b = layer((True, True, True), torch.float32)
    out = F.linear(x, w, b)
    with torch.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError) as refused:
        out.sum().backward()
    assert "[torch.FloatTensor [3, 4]], which is output 0 of AsStrided, is at version 1" in str(refused.value)


def test_a_view_whose_base_was_written_has_its_new_place_in_the_graph() -> None:
    x, w, b = layer((False, True, False))
    base = w * 1
    part = base[:2]
    base.mul_(3)
    F.linear(x, part, b[:2]).sum().backward()
    rows = 3 * np.asarray(x.tolist()).sum(0)
    np.testing.assert_allclose(w.grad.tolist(), [rows, rows, np.zeros(3), np.zeros(3)], rtol=1e-12)


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        (((2, 3), (4, 5), (4,)), "mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)"),
        (((2, 3), (4, 3), (5,)), "The expanded size of the tensor (4) must match the existing size (5)"),
    ],
)
def test_what_does_not_fit_is_told_as_in_pytorch(shapes: Any, text: str) -> None:
    with pytest.raises(RuntimeError) as refused:
        F.linear(*(torch.ones(shape) for shape in shapes))
    assert text in str(refused.value)


def test_hooks_modes_and_forward_mode_see_the_layer() -> None:
    x, w, b = layer((True, True, True))
    seen: list[Any] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda each: seen.append(tuple(each.shape)) or each, lambda each: each
    ):
        F.linear(x, w, b)
    assert seen == [(2, 3), (3, 4)]
    with torch.no_grad():
        assert F.linear(x, w, b).grad_fn is None
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x.detach(), torch.ones(2, 3, dtype=torch.float64))
        tangent = torch.autograd.forward_ad.unpack_dual(F.linear(dual, w, b)).tangent
    np.testing.assert_allclose(tangent.tolist(), np.ones((2, 3)) @ np.asarray(w.tolist()).T, rtol=1e-12)
