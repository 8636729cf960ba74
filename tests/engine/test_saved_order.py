"""What a node saves: in the order of PyTorch's names, results last, and no more (recorded from PyTorch 2.13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import engine as torch

# The shapes say who is who: a (2, 1, 1), b (1, 3, 1), c (1, 1, 4).
A, B, C, AB = (2, 1, 1), (1, 3, 1), (1, 1, 4), (2, 3, 1)
ORDERS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "pow: exponent, self, result": (lambda a, b, c: torch.pow(a, b), [B, A, AB]),
    "atan2: other, self": (lambda a, b, c: torch.atan2(a, b), [B, A]),
    "lerp: end, self, weight": (torch.lerp, [B, A, C]),
    "addcmul: tensor1, tensor2": (torch.addcmul, [B, C]),
    "hypot: other, self, result": (lambda a, b, c: torch.hypot(a, b), [B, A, AB]),
    "div: other, self": (lambda a, b, c: a / b, [B, A]),
    "mv: self, vec": (lambda a, b, c: torch.mv(a[:, 0] * c[0], c[0, 0]), [C[1:], A[:2], (2, 4), (4,)]),
}


@pytest.mark.parametrize("case", ORDERS)
def test_hooks_see_what_is_saved_in_pytorchs_order(case: str) -> None:
    run, wanted = ORDERS[case]
    a, b, c = (torch.full(shape, 0.5, requires_grad=True) for shape in (A, B, C))
    seen: list[tuple[int, ...]] = []

    def pack(tensor: Any) -> Any:
        seen.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run(a, b, c)
    assert seen == wanted


# Each gives a result and a tensor that its node has no use for.
FREE: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "the source of diagonal_scatter": lambda x: (torch.diagonal_scatter(x, source := torch.ones(2)), source),
    "the result of erfinv": lambda x: ((y := torch.erfinv(x)) * 1, y),
    "the places of take_along_dim": lambda x: (
        torch.take_along_dim(x, places := torch.zeros(2, 1, dtype=torch.int64), 1),
        places,
    ),
}


@pytest.mark.parametrize("case", FREE)
def test_what_is_not_saved_may_be_changed(case: str) -> None:
    x = torch.tensor([[0.5, 0.25], [0.125, 0.0]], requires_grad=True)
    result, other = FREE[case](x)
    (before,) = torch.autograd.grad(result.sum(), x, retain_graph=True)
    with torch.no_grad():
        other.add_(1)
    assert torch.autograd.grad(result.sum(), x)[0].equal(before)


# What torch saves for its size alone, and so guards.
GUARDED: dict[str, Callable[[Any], Any]] = {
    "gather": lambda x: torch.gather(x, 1, torch.zeros(2, 1, dtype=torch.int64)),
    "take": lambda x: torch.take(x, torch.tensor([1, 0])),
    "masked_select": lambda x: torch.masked_select(x, torch.tensor([True, False])),
    "index_add": lambda x: torch.zeros(2, 2).index_add(0, torch.tensor([0, 1]), x),
}


@pytest.mark.parametrize("name", GUARDED)
def test_what_is_saved_for_its_size_may_not_be_changed(name: str) -> None:
    x = torch.tensor([[0.5, 0.25], [0.125, 0.0]], requires_grad=True) * 1
    made = GUARDED[name](x)
    x.detach().add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        made.sum().backward()


SLOPES: dict[str, tuple[Callable[..., Any], float, list[float]]] = {
    "elu": (torch.nn.functional.elu_, 2.0, [1.0, 1.2130613]),
    "celu": (torch.nn.functional.celu_, 2.0, [1.0, 0.7788008]),
    "leakyReLu": (torch.nn.functional.leaky_relu_, 0.25, [1.0, 0.25]),
}


@pytest.mark.parametrize("name", SLOPES)
def test_activations_in_place_save_their_result(name: str) -> None:
    run, slope, wanted = SLOPES[name]
    x = torch.tensor([0.25, -0.5], requires_grad=True)
    seen: list[Any] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda each: (seen.append(each), each)[1], lambda each: each):
        made = run(x.clone(), slope)
    assert [each.tolist() for each in seen] == [made.tolist()]
    made.sum().backward()
    assert x.grad.tolist() == pytest.approx(wanted)
    said = "elu" if name == "celu" else name  # celu's gradient is elu's
    with pytest.raises(RuntimeError, match=f"^In-place {said} backward calculation is triggered with a negative slope"):
        run(x.clone(), -slope).sum().backward()
