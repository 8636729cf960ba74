"""LBFGS: it converges, ends whatever the loss is, and refuses what it cannot do."""

from __future__ import annotations

import math
from typing import Any

import pytest

import engine as torch


def leaf(*values: float) -> Any:
    return torch.tensor(list(values), requires_grad=True)


def rosenbrock(x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize(("size", "dtype", "near"), [(2, "float64", 1e-7), (20, "float64", 1e-7), (2, "float32", 1e-3)])
def test_lbfgs_finds_the_minimum_of_rosenbrock(size: int, dtype: str, near: float) -> None:
    x = torch.full((size,), -1.2, dtype=getattr(torch, dtype), requires_grad=True)
    optimizer = torch.optim.LBFGS([x], max_iter=400, line_search_fn="strong_wolfe", tolerance_change=1e-16)
    calls = 0

    def closure() -> Any:
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert max(abs(each - 1) for each in x.tolist()) < near
    kept = optimizer.state[x]
    assert kept["func_evals"] == calls <= 500
    assert len(kept["old_dirs"]) == len(kept["old_stps"]) == len(kept["ro"]) <= 100


def test_lbfgs_with_a_loss_that_is_flat_infinite_or_nan_ends() -> None:
    for factor in (0.0, math.inf, math.nan):
        x = leaf(1.0, 2.0)
        optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")

        def closure(optimizer: Any = optimizer, x: Any = x, factor: float = factor) -> Any:
            optimizer.zero_grad()
            loss = (x * factor).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        assert optimizer.state[x]["func_evals"] <= 26


def test_lbfgs_with_a_rate_of_zero_stays() -> None:
    x = leaf(1.0, 2.0)
    optimizer = torch.optim.LBFGS([x], lr=0, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert x.tolist() == [1.0, 2.0]


def test_lbfgs_refuses_parameters_that_change_their_shape() -> None:
    x = leaf(1.0, 2.0)

    def closure() -> Any:
        x.grad = None
        x.data = torch.ones(x.numel() + 1)
        loss = (x * x).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="changed its shape") as raised:
        torch.optim.LBFGS([x]).step(closure)
    assert raised.value.code == "shape_mismatch"
