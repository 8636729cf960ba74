"""Kernels that take a block of rows at a time: at the edges of blocks, and wherever there are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine import rowwise

INF = np.inf
BLOCK = rowwise.BLOCK_BYTES // 4  # elements of float32


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def soft(x: Any, axis: int) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def soft_back(g: Any, x: Any, axis: int) -> Any:
    y = soft(x, axis)
    return y * (g - (g * y).sum(axis, keepdims=True))


def log_soft(x: Any, axis: int) -> Any:
    rest = x - x.max(axis, keepdims=True)
    return rest - np.log(np.exp(rest).sum(axis, keepdims=True))


def log_soft_back(g: Any, x: Any, axis: int) -> Any:
    return g - soft(x, axis) * g.sum(axis, keepdims=True)


PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "softmax": (soft, soft_back),
    "log_softmax": (log_soft, log_soft_back),
}
SHAPES = {
    "one block and a row": (BLOCK // 1000 + 1, 1000),
    "a row longer than a block": (2, BLOCK + 3),
    "longer than a product sums": (3, rowwise.LONGEST + 1),
    "turned": (BLOCK // rowwise.NARROW + 1, rowwise.NARROW),
    "turned, of one": (5000, 1),
    "just not turned": (400, rowwise.NARROW + 1),
    "three dims": (3, 20, 600),
    "few": (2, 3),
}


def close(got: Any, wanted: Any, dtype: Any) -> None:
    rough = {torch.float16: 2e-3, torch.bfloat16: 2e-2, torch.float32: 5e-6, torch.float64: 1e-13}[dtype]
    assert got.dtype is dtype
    values = got.detach().to(torch.float64).numpy()
    np.testing.assert_allclose(values, wanted, rtol=rough, atol=rough * max(1.0, float(np.abs(wanted).max(initial=0))))


def check(name: str, array: Any, dim: int, dtype: Any, turn: Callable[[Any], Any] = lambda x: x) -> None:
    forward, backward = PAIRS[name]
    x = turn(torch.from_numpy(array).to(dtype)).detach().requires_grad_()
    g = torch.from_numpy(rng().standard_normal(tuple(x.shape))).to(dtype)
    out = getattr(torch, name)(x, dim)
    wide, weights = x.detach().to(torch.float64).numpy(), g.to(torch.float64).numpy()
    close(out, forward(wide, dim), dtype)
    (grad,) = torch.autograd.grad(out, x, g)
    # half types: from the rounded result, as torch
    close(grad, backward(weights, wide, dim), dtype)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", PAIRS)
def test_rows_at_the_edges_of_blocks(name: str, shape: tuple[int, ...]) -> None:
    check(name, rng().standard_normal(shape) * 3, len(shape) - 1, torch.float32)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(300, 20), (300, 30), (20, 600)], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_rows_of_other_dtypes(name: str, shape: tuple[int, ...], dtype: Any) -> None:
    check(name, rng().standard_normal(shape), 1, dtype)


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: x.t(),
    "every other": lambda x: x[:, ::2],
    "expanded": lambda x: x[:1].expand(90, 120),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", PAIRS)
def test_what_is_not_laid_out_in_rows(name: str, dim: int, layout: str) -> None:
    check(name, rng().standard_normal((90, 120)), dim, torch.float32, LAYOUTS[layout])


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0,)], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_nothing_gives_nothing(name: str, shape: tuple[int, ...]) -> None:
    x = torch.zeros(shape, requires_grad=True)
    out = getattr(torch, name)(x, -1)
    assert tuple(out.shape) == shape
    assert tuple(torch.autograd.grad(out.sum(), x)[0].shape) == shape


@pytest.mark.parametrize("width", [10, 2000])
@pytest.mark.parametrize("name", PAIRS)
def test_a_row_that_is_not_finite_leaves_the_others_alone(name: str, width: int) -> None:
    array = rng().standard_normal((600, width)).astype(np.float32)
    array[3], array[5, 1], array[7, 2] = -INF, np.nan, -INF
    made = getattr(torch, name)(torch.from_numpy(array), 1).numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        np.testing.assert_allclose(made, PAIRS[name][0](array.astype(np.float64), 1), rtol=1e-5, atol=1e-5)


def test_the_size_of_numpys_buffer_is_left_as_it_was() -> None:
    before = np.getbufsize()
    torch.softmax(torch.zeros(20, 2000), 1)
    assert np.getbufsize() == before


# -- running sums -----------------------------------------------------------------------------------------------------

SUMMED = {
    "a whole number of parts": (64, 512),
    "one more": (64, 513),
    "one less": (64, 511),
    "blocks of rows": (300, 1000),
    "longer than a block": (1, 300_000),
    "three dims": (4, 20, 300),
    "too short to cut": (1000, 31),
    "just long enough": (1000, 32),
}


def added_up(array: Any, dtype: Any, reverse: bool) -> tuple[Any, Any]:
    """Running sums along the last dim by the op, or by its gradient; and by Python's exact sums, rounded once."""
    x = torch.from_numpy(array).to(dtype).requires_grad_()
    out = torch.cumsum(x, -1)
    if not reverse:
        return out.detach(), np.cumsum(x.detach().to(torch.float64).numpy(), -1)
    (grad,) = torch.autograd.grad(out, x, x.detach())
    ends = x.detach().to(torch.float64).numpy()[..., ::-1]
    return grad, np.cumsum(ends, -1)[..., ::-1]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", SUMMED.values(), ids=SUMMED)
def test_running_sums_in_double_precision(shape: tuple[int, ...], reverse: bool) -> None:
    got, wanted = added_up(rng().standard_normal(shape), torch.float32, reverse)
    np.testing.assert_allclose(got.numpy(), wanted.astype(np.float32), rtol=1.2e-7, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("dtype", "rough"), [(torch.float64, 1e-12), (torch.float16, 2e-3), (torch.bfloat16, 1e-2)])
def test_running_sums_of_other_dtypes(dtype: Any, rough: float, reverse: bool) -> None:
    got, wanted = added_up(rng().standard_normal((70, 400)), dtype, reverse)
    assert got.dtype is dtype
    np.testing.assert_allclose(got.to(torch.float64).numpy(), wanted, rtol=rough, atol=rough)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_running_sums_past_what_is_not_finite(dtype: Any, reverse: bool) -> None:
    array = rng().standard_normal((50, 600))
    array[1, 300], array[2, 17], array[3, 500:502] = np.nan, np.inf, (np.inf, -np.inf)
    array[4, 100:103] = (1e308, 1e308, -1e308) if dtype is torch.float64 else (3e38, 3e38, -3e38)
    with np.errstate(over="ignore", invalid="ignore"):
        got, wanted = added_up(array, dtype, reverse)
        np.testing.assert_allclose(got.numpy(), wanted.astype(got.numpy().dtype), rtol=2e-7)


@pytest.mark.parametrize("layout", ["transposed", "every other"])
def test_running_sums_of_what_is_not_laid_out_in_rows(layout: str) -> None:
    x = LAYOUTS[layout](torch.from_numpy(rng().standard_normal((300, 300))))
    for dim in (0, 1):
        np.testing.assert_allclose(torch.cumsum(x, dim).numpy(), np.cumsum(x.numpy(), dim), rtol=1e-9, atol=1e-12)
