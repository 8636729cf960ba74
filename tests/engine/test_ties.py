"""Subgradients at ties, where PyTorch made a choice that no central difference tells: its answers, by hand."""

from __future__ import annotations

import engine as torch


def test_every_largest_difference_of_cdist_gets_the_gradient() -> None:
    a = torch.tensor([[0.0, 0.0]], requires_grad=True)
    b = torch.tensor([[1.0, 1.0], [2.0, -2.0]], requires_grad=True)
    torch.cdist(a, b, p=float("inf")).sum().backward()
    assert a.grad.tolist() == [[-2.0, 0.0]]
    assert b.grad.tolist() == [[1.0, 1.0], [1.0, -1.0]]


def test_equal_elements_share_the_gradient_of_an_infinite_norm() -> None:
    x = torch.tensor([2.0, -2.0, 1.0], requires_grad=True)
    torch.linalg.vector_norm(x, float("inf")).backward()
    assert x.grad.tolist() == [0.5, -0.5, 0.0]
