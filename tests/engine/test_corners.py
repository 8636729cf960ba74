"""Corners of ops: what PyTorch 2.13 gives and refuses at kinks, poles and infinities, and for no elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as torch

F, F64, C128 = torch.nn.functional, torch.float64, torch.complex128
INF, NAN = math.inf, math.nan


def leaf(values: Any, dtype: Any = F64) -> Any:
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def first(function: Callable[[Any], Any], values: Any, dtype: Any = F64) -> Any:
    """The gradient of a function's sum."""
    x = leaf(values, dtype)
    return torch.autograd.grad(torch.real(function(x)).sum(), x)[0].tolist()


def second(function: Callable[[Any], Any], values: Any) -> Any:
    """The gradient of the sum of a gradient."""
    x = leaf(values)
    (made,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    return torch.autograd.grad(made.sum(), x)[0].tolist()


def to_magnitude(values: list[float]) -> Any:
    return first(lambda x: torch.polar(x, torch.full_like(x, 0.5)), values)


def to_divisor(values: list[float]) -> Any:
    one = torch.ones(1, dtype=F64)
    return second(lambda x: torch.addcdiv(one, one, x), values)


VALUES: dict[str, tuple[Callable[[], Any], Any]] = {
    "logit with bounds that cross": (
        lambda: torch.logit(torch.tensor([0.3, 0.9, NAN], dtype=F64), eps=0.6).tolist(),
        [math.log(1.5), -math.log(1.5), NAN],
    ),
    "all over no dims": (
        lambda: torch.all(torch.tensor([[1, 0], [2, 3]]), dim=()).tolist(),
        [[True, False], [True, True]],
    ),
    "the least integer, cut after division": (
        lambda: torch.div(
            torch.tensor([-128, -128, -128, -127, 127, 0], dtype=torch.int8),
            torch.tensor([3, -3, 7, 2, -2, -5], dtype=torch.int8),
            rounding_mode="trunc",
        ).tolist(),
        [-42, 42, -18, -63, -63, 0],
    ),
    "any over no dims": (lambda: torch.tensor([0, 2]).any((), keepdim=True).tolist(), [False, True]),
    "log_ndtr at minus infinity": (lambda: first(torch.special.log_ndtr, [-INF, 0.0]), [NAN, math.sqrt(2 / math.pi)]),
    "atanh at one, twice": (lambda: second(torch.atanh, [1.0, -1.0, 0.5]), [INF, -INF, 1 / 0.75**2]),
    "softshrink of NaN": (lambda: first(F.softshrink, [NAN, 0.1, 2.0]), [1.0, 0.0, 1.0]),
    "prelu at zero, twice": (
        lambda: torch.autograd.grad(
            torch.autograd.grad(F.prelu(leaf([0.0]), w := leaf([0.25])), w, v := leaf([3.0]), create_graph=True)[0], v
        )[0].tolist(),
        [0.0],
    ),
    "polar of a magnitude below zero": (lambda: to_magnitude([2.0, -2.0]), [math.cos(0.5), -math.cos(0.5)]),
    "addcdiv by zero, twice": (lambda: to_divisor([0.0, 2.0]), [NAN, 0.25]),
    "huber_loss at delta, twice": (
        lambda: second(lambda x: F.huber_loss(x, torch.zeros(3, dtype=F64), reduction="none"), [0.5, 1.0, 2.0]),
        [1.0, 0.0, 0.0],
    ),
    "logaddexp2 of infinities, twice": (
        lambda: second(lambda x: torch.logaddexp2(x, torch.zeros(1, dtype=F64)), [-INF, 0.0]),
        [NAN, math.log(2) / 4],
    ),
    "scatter_add of nothing": (
        lambda: first(lambda s: torch.zeros(3, dtype=F64).scatter_add(0, torch.zeros(0, dtype=torch.int64), s), []),
        [],
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    run, expected = VALUES[name]
    np.testing.assert_allclose(np.asarray(run(), float), np.asarray(expected, float), rtol=1e-12)


def backward_of(result: Any) -> None:
    result.sum().backward()


REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "silu": (
        lambda: F.silu(leaf([1j], C128)),
        RuntimeError,
        "silu does not support automatic differentiation for outputs with complex dtype.",
    ),
    "nan_to_num": (
        lambda: torch.nan_to_num(leaf([1j], C128)),
        RuntimeError,
        "nan_to_num does not support automatic differentiation for outputs with complex dtype.",
    ),
    "embedding": (
        lambda: F.embedding(torch.tensor([0]), leaf([[1j]], C128)),
        RuntimeError,
        "embedding does not support automatic differentiation for outputs with complex dtype.",
    ),
    "sum": (lambda: leaf([1.5]).sum(dtype=torch.int64), RuntimeError, "Autograd not support dtype: Long"),
    "cumprod": (
        lambda: torch.cumprod(leaf([1.5]), 0, dtype=torch.int32),
        RuntimeError,
        "Autograd not support dtype: Int",
    ),
    "heaviside": (
        lambda: backward_of(torch.heaviside(leaf([1.0]), torch.ones(1, dtype=F64))),
        RuntimeError,
        "derivative for aten::heaviside is not implemented",
    ),
    "shapes before dtypes": (
        lambda: torch.fmod(torch.ones(2, dtype=C128), torch.ones(3)),
        RuntimeError,
        "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
    ),
    "a dtype in the place of a tensor": (
        lambda: torch.mul(torch.float64, torch.ones(1)),
        TypeError,
        "mul(): argument 'input' (position 1) must be Tensor, not torch.dtype",
    ),
    "geqrf": (
        lambda: backward_of(torch.geqrf(leaf([[1.0]]))[0]),
        NotImplementedError,
        "the derivative for 'geqrf' is not implemented.",
    ),
    "reflections": (
        lambda: torch.linalg.householder_product(torch.ones(2, 3), torch.ones(2)),
        RuntimeError,
        "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]",
    ),
    "unique": (
        lambda: torch.unique(torch.tensor(1.0), dim=-1),
        IndexError,
        "Dimension specified as -1 but tensor has no dimensions",
    ),
    "index_reduce": (
        lambda: torch.index_reduce(torch.ones(2, dtype=C128), 0, torch.tensor([0]), torch.ones(1, dtype=C128), "mean"),
        NotImplementedError,
        "\"index_func_\" not implemented for 'ComplexDouble'",
    ),
    "max_unpool1d": (
        lambda: F.max_unpool1d(torch.ones(1, 1, 2, dtype=C128), torch.tensor([[[0, 1]]]), 1),
        NotImplementedError,
        "\"max_unpool2d\" not implemented for 'ComplexDouble'",
    ),
    "vector_norm of integers": (
        lambda: torch.linalg.vector_norm(torch.ones(3, dtype=torch.int64), dtype=F64),
        RuntimeError,
        "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long",
    ),
    "vector_norm in a narrower dtype": (
        lambda: torch.norm(torch.ones(3, dtype=F64), dtype=torch.float32),
        RuntimeError,
        "linalg.vector_norm: the dtype of the input (Double) should be convertible without narrowing to the specified "
        "dtype (Float)",
    ),
    "vector_norm of complex numbers": (
        lambda: torch.linalg.vector_norm(torch.ones(3, dtype=C128), dtype=F64),
        RuntimeError,
        "linalg.vector_norm: dtype should be complex for complex inputs, but got Double",
    ),
    "histogram": (
        lambda: torch.histogram(torch.ones(3), torch.tensor([1.0])),
        RuntimeError,
        "torch.histogram(): bins must be > 0, but got 0 for dimension 0",
    ),
    "pivots": (
        lambda: torch.linalg.ldl_solve(torch.ones(2, 2), torch.ones(3, dtype=torch.int32), torch.ones(2, 2)),
        RuntimeError,
        "torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape [3] "
        "instead",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str) -> None:
    run, kind, text = REFUSALS[name]
    with pytest.raises(kind) as caught:
        run()
    assert str(caught.value) == text
    assert hasattr(caught.value, "code")


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (F.logsigmoid, ["LogSigmoidBackwardBackward0", "MulBackward0", "LogSigmoidBackwardBackward0"]),
        (lambda x: F.glu(x, 0), ["GluBackwardBackward0", "CatBackward0", "AddBackward0"]),
    ],
    ids=["logsigmoid", "glu"],
)
def test_nodes_of_double_backward(function: Any, names: list[str]) -> None:
    x = leaf([0.5, -0.3])
    sent = torch.ones_like(function(x).detach()).requires_grad_()
    (made,) = torch.autograd.grad(function(x), x, sent, create_graph=True)
    again = torch.autograd.grad(
        made, [x, sent], torch.ones_like(made).requires_grad_(), create_graph=True, allow_unused=True
    )
    assert [made.grad_fn.name(), *(each.grad_fn.name() for each in again)] == names
