"""The error function in float32, which is worked out by blocks where there are many elements."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine as torch
from engine import error_function

BLOCK = error_function.BLOCK_BYTES // 8
LINE = np.concatenate([np.linspace(-7, 7, 2 * BLOCK + 1), np.geomspace(1e-44, 1, 500), [0.0, math.inf, -math.inf]])


def test_the_error_function_is_right_to_the_last_digit() -> None:
    x = LINE.astype(np.float32)
    exact = np.array([math.erf(each) for each in x.tolist()])
    got = torch.erf(torch.from_numpy(x)).numpy()
    assert got.dtype == np.float32
    assert (np.abs(got - exact) <= np.spacing(np.abs(exact).astype(np.float32))).all()
    assert np.abs(got).max() == 1.0


def test_not_a_number_and_signed_zeros() -> None:
    x = np.full(2 * error_function.FEW, math.nan, np.float32)
    x[1], x[2] = 0.0, -0.0
    got = torch.erf(torch.from_numpy(x)).numpy()
    assert np.isnan(got).sum() == x.size - 2
    assert np.signbit(got[1:3]).tolist() == [False, True]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [error_function.FEW - 1, error_function.FEW, BLOCK, BLOCK + 1])
def test_gelu_and_its_gradient(size: int, turned: bool) -> None:
    x = torch.from_numpy(np.random.default_rng(3).standard_normal((2, size)).astype(np.float32) * 3)
    x = (x.t() if turned else x).detach().requires_grad_()
    out = torch.nn.functional.gelu(x)
    (grad,) = torch.autograd.grad(out.sum(), x)
    wide = x.detach().numpy().astype(np.float64)
    share = 0.5 * (1 + np.vectorize(math.erf)(wide * math.sqrt(0.5)))
    np.testing.assert_allclose(out.detach().numpy(), wide * share, rtol=1e-6, atol=2e-6)
    slope = share + wide * np.exp(-0.5 * wide * wide) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(grad.numpy(), slope, rtol=1e-6, atol=2e-6)
