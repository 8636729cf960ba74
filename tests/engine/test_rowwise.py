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


@pytest.mark.parametrize("level", [-1000.0, -60.0, 56.0, 70.0, 1000.0])
@pytest.mark.parametrize("name", PAIRS)
def test_rows_of_any_level(name: str, level: float) -> None:
    check(name, rng().standard_normal((30, 500)) + level, 1, torch.float32)


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


# -- convolutions that keep the size ----------------------------------------------------------------------------------

# input, weight, padding, dilation
ALONE = {
    "one dim": ((2, 3, 50), (3, 1, 4), (1,), (1,)),
    "one dim, wider": ((2, 3, 50), (3, 1, 3), (4,), (2,)),
    "two dims": ((3, 4, 9, 7), (4, 1, 3, 3), (1, 1), (1, 1)),
    "two outputs each": ((3, 4, 9, 7), (8, 1, 3, 3), (1, 1), (1, 1)),
    "far apart": ((2, 2, 9, 7), (2, 1, 3, 5), (2, 6), (2, 3)),
    "a border of rows alone": ((2, 2, 9, 7), (2, 1, 3, 1), (2, 0), (1, 1)),
    "no border of rows": ((2, 2, 9, 7), (2, 1, 3, 3), (0, 1), (1, 1)),
    "another width": ((2, 2, 9, 7), (2, 1, 3, 3), (1, 0), (1, 1)),
    "an even kernel": ((2, 2, 9, 7), (2, 1, 2, 2), (1, 1), (1, 1)),
    "three dims": ((2, 2, 4, 5, 6), (2, 1, 3, 3, 3), (1, 1, 1), (1, 1, 1)),
    "images longer than a block": ((1, 2, 300, 200), (2, 1, 3, 3), (1, 1), (1, 1)),
    "rows longer than a block": ((1, 1, 3, 40_000), (1, 1, 3, 3), (1, 1), (1, 1)),
    "blocks of channels": ((2, 40, 64, 60), (40, 1, 3, 3), (1, 1), (1, 1)),
    "a wider border than image": ((1, 2, 3, 2), (2, 1, 3, 7), (1, 3), (1, 1)),
    "all channels": ((3, 4, 9, 7), (5, 4, 3, 3), (1, 1), (1, 1)),
    "groups of channels": ((3, 4, 9, 7), (6, 2, 3, 3), (1, 1), (1, 1)),
    "few rows of all channels in a block": ((2, 16, 20, 500), (2, 16, 3, 3), (1, 1), (1, 1)),
}


def convolved(x: Any, w: Any, g: Any, padding: Any, dilation: Any) -> tuple[Any, Any, Any]:
    """The convolution by its definition, and its gradients to input and weight."""
    wide = np.pad(x, [(0, 0), (0, 0), *((each, each) for each in padding)])
    each = w.shape[0] * w.shape[1] // x.shape[1]
    out, back, slope = np.zeros(g.shape), np.zeros(wide.shape), np.zeros(w.shape)
    for at in np.ndindex(*w.shape[2:]):
        starts = [place * gap for place, gap in zip(at, dilation, strict=True)]
        view = tuple(slice(start, start + size) for start, size in zip(starts, g.shape[2:], strict=True))
        for o, c in np.ndindex(*w.shape[:2]):
            here = (slice(None), o // each * w.shape[1] + c, *view)
            out[:, o] += w[(o, c, *at)] * wide[here]
            back[here] += w[(o, c, *at)] * g[:, o]
            slope[(o, c, *at)] = (g[:, o] * wide[here]).sum()
    inside = tuple(slice(pad, pad + size) for pad, size in zip(padding, x.shape[2:], strict=True))
    return out, back[(..., *inside)], slope


@pytest.mark.parametrize("case", ALONE.values(), ids=ALONE)
def test_convolutions_that_keep_the_size(case: Any) -> None:
    shape, kernel, padding, dilation = case
    x = torch.from_numpy(rng().standard_normal(shape)).requires_grad_()
    w = torch.from_numpy(rng().standard_normal(kernel)).requires_grad_()
    conv = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}[len(padding)]
    out = conv(x, w, None, 1, padding, dilation, shape[1] // kernel[1])
    g = rng().standard_normal(tuple(out.shape))
    made = (out, *torch.autograd.grad(out, (x, w), torch.from_numpy(g)))
    wanted = convolved(x.detach().numpy(), w.detach().numpy(), g, padding, dilation)
    for got, want in zip(made, wanted, strict=True):
        np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-9, atol=1e-11)


def test_single_channels_keep_what_is_not_finite_where_it_is() -> None:
    array = rng().standard_normal((1, 2, 6, 5))
    array[0, 0, 2, 4] = np.inf  # the next place in memory is another row's
    out = torch.conv2d(torch.from_numpy(array), torch.ones(2, 1, 3, 3, dtype=torch.float64), None, 1, 1, 1, 2)
    wrong = ~out.isfinite()
    assert wrong[0, 0, 1:4, 3:].all()
    assert int(wrong.sum()) == 6


def test_second_derivatives_of_single_channels() -> None:
    x = torch.from_numpy(rng().standard_normal((2, 2, 4, 3))).requires_grad_()
    w = torch.from_numpy(rng().standard_normal((4, 1, 3, 3))).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x, w: torch.conv2d(x, w, None, 1, 1, 1, 2) ** 2, (x, w))


# -- normalised rows --------------------------------------------------------------------------------------------------


def normalised(x: Any, g: Any, w: Any, b: Any, count: int) -> list[Any]:
    """layer_norm over the last `count` dims by its definition, and its gradients to input, weight and bias."""
    axes = tuple(range(x.ndim - count, x.ndim))
    before = tuple(range(x.ndim - count))
    rstd = 1 / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    rest = (x - x.mean(axes, keepdims=True)) * rstd
    flow = g * w
    back = rstd * (flow - flow.mean(axes, keepdims=True) - rest * (flow * rest).mean(axes, keepdims=True))
    return [rest * w + b, back, (g * rest).sum(before), g.sum(before)]


NORMALISED = {
    "one block and a row": ((BLOCK // 700 + 1, 700), 1),
    "a row longer than a block": ((2, BLOCK + 3), 1),
    "longer than a product sums": ((3, rowwise.LONGEST + 1), 1),
    "two dims": ((30, 6, 50), 2),
    "rows of one": ((300, 1), 1),
    "few": ((2, 3), 1),
    "no rows": ((0, 4), 1),
}


@pytest.mark.parametrize(("shape", "count"), NORMALISED.values(), ids=NORMALISED)
def test_normalised_rows_at_the_edges_of_blocks(shape: tuple[int, ...], count: int) -> None:
    check_normalised(rng().standard_normal(shape) * 3 + 1, count, torch.float32, torch.float32)


@pytest.mark.parametrize("parameters", [torch.float32, None], ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_normalised_rows_of_other_dtypes(dtype: Any, parameters: Any) -> None:
    if parameters is None or dtype is not torch.float64:
        check_normalised(rng().standard_normal((40, 90)), 1, dtype, parameters or dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_normalised_rows_that_are_not_laid_out_so(layout: str) -> None:
    check_normalised(rng().standard_normal((90, 120)), 1, torch.float32, torch.float32, LAYOUTS[layout])


def check_normalised(
    array: Any, count: int, dtype: Any, parameters: Any, turn: Callable[[Any], Any] = lambda x: x
) -> None:
    x = turn(torch.from_numpy(array).to(dtype)).detach().requires_grad_()
    sizes = tuple(x.shape)[x.dim() - count :]
    w, b = (torch.from_numpy(rng().standard_normal((2, *sizes))[at]).to(parameters) for at in (0, 1))
    for each in (w, b):
        each.requires_grad_()
    g = torch.from_numpy(rng().standard_normal(tuple(x.shape))).to(dtype)
    wanted = normalised(*(each.detach().to(torch.float64).numpy() for each in (x, g, w, b)), count)
    out = torch.nn.functional.layer_norm(x, sizes, w, b)
    for got, want in zip((out, *torch.autograd.grad(out, (x, w, b), g, retain_graph=True)), wanted, strict=True):
        near(got, want)
    for each, want in zip((x, w, b), wanted[1:], strict=True):  # each alone: the others are not worked out
        near(torch.autograd.grad(out, each, g, retain_graph=True)[0], want)
    plain = torch.nn.functional.layer_norm(x, sizes)
    near(plain, (wanted[0] - b.detach().to(torch.float64).numpy()) / w.detach().to(torch.float64).numpy())


def near(got: Any, want: Any) -> None:
    """The same, but for what rounding its terms may lose."""
    rough = {torch.float16: 1e-2, torch.bfloat16: 4e-2, torch.float32: 3e-5, torch.float64: 1e-11}[got.dtype]
    size = max(1.0, float(np.abs(want).max(initial=0)))
    np.testing.assert_allclose(got.detach().to(torch.float64).numpy(), want, rtol=rough, atol=rough * size)


# -- groups of channels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("shape", "groups"),
    [((2, 6, 40), 3), ((3, 4, 6, 10), 1), ((3, 4, 30, 30), 4), ((2, 6, 5), 2), ((2, 2, 4, 6, 5), 1)],
)
def test_normalised_groups_of_channels(shape: tuple[int, ...], groups: int, dtype: Any) -> None:
    x = torch.from_numpy(rng().standard_normal(shape) * 3 + 1).to(dtype).requires_grad_()
    w, b = (torch.from_numpy(each).to(dtype).requires_grad_() for each in rng().standard_normal((2, shape[1])))
    g = torch.from_numpy(rng().standard_normal(shape)).to(dtype)
    wide, flow, scale, level = (each.detach().to(torch.float64).numpy() for each in (x, g, w, b))
    column = (-1, *(1,) * (len(shape) - 2))
    parts = (shape[0], groups, -1)
    out, back, *_ = normalised(wide.reshape(parts), (flow * scale.reshape(column)).reshape(parts), 1.0, 0.0, 1)
    rest, axes = out.reshape(shape), (0, *range(2, len(shape)))
    wanted = [
        rest * scale.reshape(column) + level.reshape(column),
        back.reshape(shape),
        (flow * rest).sum(axes),
        flow.sum(axes),
    ]
    made = torch.nn.functional.group_norm(x, groups, w, b)
    for got, want in zip((made, *torch.autograd.grad(made, (x, w, b), g, retain_graph=True)), wanted, strict=True):
        near(got, want)
    near(torch.autograd.grad(made, b, g)[0], wanted[3])
    plain = torch.nn.functional.group_norm(x, groups)
    near(plain, rest)
    alone = torch.autograd.grad(plain, x, g)[0]
    near(alone, normalised(wide.reshape(parts), flow.reshape(parts), 1.0, 0.0, 1)[1].reshape(shape))


# -- relu and sums of columns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [rowwise.LINE - 1, rowwise.LINE, 2 * rowwise.LINE + 5])
def test_relu_of_many(size: int, dtype: Any) -> None:
    array = rng().standard_normal(size)
    array[:6] = [0.0, -0.0, np.nan, INF, -INF, -1e-42]
    for x in (torch.from_numpy(array).to(dtype), torch.from_numpy(np.repeat(array, 2)).to(dtype)[::2]):
        got = torch.relu(x).numpy()
        np.testing.assert_array_equal(got, np.where(np.isnan(x.numpy()), np.nan, np.maximum(x.numpy(), 0)))
        assert got.dtype == x.numpy().dtype


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "dim"), [((60, 700), 0), ((4, 30, 200), 1), ((1, 600), 0), ((0, 600), 0)])
def test_running_sums_of_columns(shape: tuple[int, ...], dim: int, reverse: bool) -> None:
    x = torch.from_numpy(rng().standard_normal(shape)).to(torch.float32).requires_grad_()
    out = torch.cumsum(x, dim)
    wide = np.moveaxis(x.detach().numpy().astype(np.float64), dim, 0)
    wanted = np.cumsum(wide, 0)
    if reverse:
        (out,) = torch.autograd.grad(out, x, x.detach())
        wanted = np.cumsum(wide[::-1], 0)[::-1]
    np.testing.assert_allclose(np.moveaxis(out.detach().numpy(), dim, 0), wanted, rtol=1.2e-7, atol=1e-12)


def test_running_sums_of_columns_of_integers_and_complex_numbers() -> None:
    whole = rng().integers(-100, 100, (20, 600))
    np.testing.assert_array_equal(torch.cumsum(torch.from_numpy(whole), 0).numpy(), np.cumsum(whole, 0))
    mixed = rng().standard_normal((20, 600)) + 1j * rng().standard_normal((20, 600))
    np.testing.assert_allclose(torch.cumsum(torch.from_numpy(mixed), 0).numpy(), np.cumsum(mixed, 0), rtol=1e-12)
