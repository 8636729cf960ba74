"""Kernels with more than one way to the result: every way gives what the definition says."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine import adding

F = torch.nn.functional
NAN, INF = math.nan, math.inf


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


# -- sorting ----------------------------------------------------------------------------------------------------------

AWKWARD = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, -NAN, 1e-40, -1e-40, 1.0]
DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int8,
    torch.uint8,
    torch.int32,
    torch.int64,
]


def by_definition(line: list[Any], descending: bool) -> list[int]:
    """Places in order: NaN above all, equal ones as they stood."""

    def key(at: int) -> tuple[bool, Any]:
        return (True, 0) if line[at] != line[at] else (False, line[at])

    places = sorted(range(len(line)), key=key)
    if not descending:
        return places
    groups = [list(group) for _, group in itertools.groupby(places, key)]
    return [at for group in reversed(groups) for at in group]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_sort_is_stable_and_puts_nan_last(dtype: Any, descending: bool) -> None:
    values = AWKWARD if dtype.is_floating_point else [0, 1, 2, 3, 100]
    x = torch.tensor(rng().choice(values, (3, 40)).tolist(), dtype=torch.float64).to(dtype)
    found, places = torch.sort(x, 1, descending)
    for line, got, row in zip(x.tolist(), found.tolist(), places.tolist(), strict=True):
        assert row == by_definition(line, descending)
        assert str(got) == str([line[at] for at in row])
    assert torch.sort(x.t(), 0, descending)[1].t().tolist() == places.tolist()


# -- adding rows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 3, 4, 100_000])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "f2", "i8"])
@pytest.mark.parametrize("index", [[0, 2, 2, 2, 0], [1], []], ids=str)
def test_rows_are_added_where_an_index_repeats(index: list[int], dtype: str, width: int) -> None:
    rows = rng().integers(-8, 8, (len(index), width)).astype(dtype)
    target = np.ones((3, width), dtype)
    wanted = target.copy()
    for at, row in zip(index, rows, strict=True):
        wanted[at] += row
    adding.add_rows(target, np.array(index, np.int64), rows)
    np.testing.assert_array_equal(target, wanted)
    turned = np.ones((width, 3), dtype).T  # not in rows
    adding.add_rows(turned, np.array(index, np.int64), rows)
    np.testing.assert_array_equal(turned, wanted)


INDICES = [
    ([0, 2, 2, 1, 2],),
    ([0, 2, 2], [1, 1, 1]),
    ([[0], [2]], [[1, 1, 0]]),
    ([1, 1], [0, 0], [2, 2]),
    (slice(None), [1, 0, 1]),
]


@pytest.mark.parametrize("where", INDICES, ids=str)
def test_gradients_of_an_index_add_up_where_it_repeats(where: tuple[Any, ...]) -> None:
    x = torch.zeros(3, 2, 3, dtype=torch.float64, requires_grad=True)
    key = tuple(each if isinstance(each, slice) else torch.tensor(each) for each in where)
    picked = x[key]
    g = rng().standard_normal(tuple(picked.shape))
    wanted = np.zeros((3, 2, 3))
    np.add.at(wanted, tuple(each if isinstance(each, slice) else np.array(each) for each in where), g)
    picked.backward(torch.from_numpy(g))
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-12)
    if not isinstance(where[0], slice):
        put = torch.zeros(3, 2, 3, dtype=torch.float64).index_put(key, torch.from_numpy(g), accumulate=True)
        np.testing.assert_allclose(put.numpy(), wanted, rtol=1e-12)


def test_values_with_leading_ones_are_accumulated() -> None:
    made = torch.zeros(3).index_put((torch.tensor([[[0, 0, 2]]]),), torch.ones(1, 1, 3), accumulate=True)
    assert made.tolist() == [2.0, 0.0, 1.0]


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("layout", [(0, 1, 2), (2, 0, 1)])
def test_gather_by_places_and_by_index(dim: int, layout: tuple[int, ...]) -> None:
    array = rng().standard_normal((4, 5, 6)).transpose(layout)
    index = rng().integers(0, array.shape[dim], [2 if at != dim else 7 for at in range(3)])
    x = torch.from_numpy(array).requires_grad_()
    out = torch.gather(x, dim, torch.from_numpy(index))
    wanted = np.zeros(array.shape)
    for at in np.ndindex(*index.shape):
        place = (*at[:dim], index[at], *at[dim + 1 :])
        assert out[at].item() == array[place]
        wanted[place] += 1
    (grad,) = torch.autograd.grad(out.sum(), x)
    assert grad.tolist() == wanted.tolist()


# -- pooling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [(2, 2, 0, 1), (3, 1, 1, 1), (3, 2, 1, 2), (2, 1, 0, 3)]
)
def test_maxima_and_their_places(kernel: int, stride: int, padding: int, dilation: int) -> None:
    plane = rng().choice([1.0, 2.0, 3.0, -INF, NAN], (7, 8), p=[0.3, 0.3, 0.2, 0.15, 0.05])
    x = torch.from_numpy(plane[None])
    found, places = F.max_pool2d(x, kernel, stride, padding, dilation, return_indices=True)
    for row, column in np.ndindex(*found.shape[1:]):
        best, where = -INF, None
        for i, j in np.ndindex(kernel, kernel):
            r, c = row * stride - padding + i * dilation, column * stride - padding + j * dilation
            if 0 <= r < 7 and 0 <= c < 8:
                value = plane[r, c]
                if where is None or value > best or value != value:
                    best, where = value, r * 8 + c
        np.testing.assert_equal(found[0, row, column].item(), best)
        assert places[0, row, column].item() == where


# -- convolution ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("groups", "outputs"), [(1, 2), (2, 4), (4, 4), (1, 12)])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (1, 1, 1), (1, 2, 2), (1, 3, 1), (2, 1, 1)])
def test_a_convolution_and_its_gradient_to_the_input(
    stride: int, padding: int, dilation: int, groups: int, outputs: int
) -> None:
    x = torch.from_numpy(rng().standard_normal((2, 4, 6, 7))).requires_grad_()
    w = torch.from_numpy(rng().standard_normal((outputs, 4 // groups, 3, 2)))
    out = F.conv2d(x, w, None, stride, padding, dilation, groups)
    g = rng().standard_normal(tuple(out.shape))
    (grad,) = torch.autograd.grad(out, x, torch.from_numpy(g))
    wanted, back = np.zeros(tuple(out.shape)), np.zeros((2, 4, 6 + 2 * padding, 7 + 2 * padding))
    wide = np.pad(x.detach().numpy(), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    for o, c, i, j in np.ndindex(outputs, 4 // groups, 3, 2):
        channel = o // (outputs // groups) * (4 // groups) + c
        rows = slice(i * dilation, i * dilation + stride * (out.shape[2] - 1) + 1, stride)
        columns = slice(j * dilation, j * dilation + stride * (out.shape[3] - 1) + 1, stride)
        wanted[:, o] += w[o, c, i, j].item() * wide[:, channel, rows, columns]
        back[:, channel, rows, columns] += w[o, c, i, j].item() * g[:, o]
    np.testing.assert_allclose(out.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)
    inside = back[:, :, padding : padding + 6, padding : padding + 7]
    np.testing.assert_allclose(grad.numpy(), inside, rtol=1e-9, atol=1e-12)


# -- powers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("exponent", [3, 4, 5.0, 7, -2, -3, -4, 0, 2**24 + 1, 2.5, INF, -INF, NAN], ids=str)
def test_powers_by_a_number(exponent: float, dtype: Any) -> None:
    bases = [0.0, -0.0, 1.0, -1.0, 1.5, -1.5, INF, -INF, NAN]
    got = (torch.tensor(bases, dtype=dtype) ** exponent).numpy()
    with np.errstate(all="ignore"):
        wanted = np.power(np.array(bases), float(exponent)).astype(got.dtype)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert np.signbit(got)[wanted == wanted].tolist() == np.signbit(wanted)[wanted == wanted].tolist()
    assert (torch.tensor(-1.5, dtype=dtype) ** exponent).item() == pytest.approx(wanted[5], rel=1e-6, nan_ok=True)


# -- fused formulas ---------------------------------------------------------------------------------------------------

FUSED = {
    "cumsum": lambda x: torch.cumsum(x, 1),
    "cumsum of columns": lambda x: torch.cumsum(x, 0),
    "cumsum of a line": lambda x: torch.cumsum(x[0], 0),
    "mul": lambda x: x * x.detach(),
    "mean": lambda x: x.mean(),
}


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128, torch.bfloat16], ids=str)
def test_a_fused_formula_gives_what_the_plain_one_gives(name: str, dtype: Any) -> None:
    x = torch.from_numpy(rng().standard_normal((3, 5))).to(dtype).requires_grad_()
    out = FUSED[name](x)
    g = torch.from_numpy(rng().standard_normal(tuple(out.shape))).to(dtype)
    (quick,) = torch.autograd.grad(out, x, g, retain_graph=True)
    (plain,) = torch.autograd.grad(out, x, g, create_graph=True)
    assert quick.dtype is plain.dtype
    assert quick.tolist() == plain.tolist()


# -- reductions -------------------------------------------------------------------------------------------------------

FORMS = {  # shape, and whether it is seen through strides
    "rows": ((200, 100), False),
    "long-rows": ((20, 1500), False),
    "short": ((6000, 3), False),
    "batches": ((9, 40, 60), False),
    "strided": ((200, 200), True),
}
DIMS = [None, -1, 0]


def drawn(form: str, values: list[int], dtype: Any) -> tuple[Any, Any]:
    """A tensor of numbers whose sums or products are exact, and the same in Python's integers."""
    shape, strided = FORMS[form]
    array = rng().choice(values, shape)
    x = torch.tensor(array.tolist(), dtype=dtype)
    return (x.t(), array.T.astype(object)) if strided else (x, array.astype(object))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64], ids=str)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dim", DIMS, ids=str)
def test_reductions_are_exact_where_the_numbers_are(form: str, dim: Any, dtype: Any) -> None:
    x, exact = drawn(form, [-3, -1, 0, 2, 5], dtype)
    wanted = np.asarray(exact.sum(dim, keepdims=True))
    assert x.sum(dim, keepdim=True).tolist() == wanted.tolist()
    assert x.sum(dim).tolist() == np.squeeze(wanted, dim).tolist()
    if dtype is not torch.int64:
        assert x.nansum(dim).tolist() == np.squeeze(wanted, dim).tolist()
        norms = torch.linalg.vector_norm(x, dim=dim)
        squares = np.asarray((exact * exact).sum(dim), float)
        np.testing.assert_allclose(norms.tolist(), np.sqrt(squares), rtol=1e-6)
    signs, exact = drawn(form, [-1, 1], dtype)
    made = signs.prod() if dim is None else signs.prod(dim)
    assert made.tolist() == np.asarray(exact.prod(dim)).tolist()


@pytest.mark.parametrize("form", FORMS)
def test_reductions_of_what_is_not_finite(form: str) -> None:
    x, exact = drawn(form, [1, 2], torch.float64)
    x, array = x.clone(), exact.astype(float)
    for each in (x, array):
        each[0], each[1, ..., 0] = NAN, INF
    for made, wanted in (
        (x.sum(-1), array.sum(-1)),
        (x.mean(-1), array.mean(-1)),
        (x.prod(-1), array.prod(-1)),
        (torch.linalg.vector_norm(x, dim=-1), np.sqrt((array * array).sum(-1))),
        (x.nansum(-1), np.nansum(array, -1)),
        (x.sum(), np.asarray(NAN)),
        (x.nansum(), np.asarray(INF)),
    ):
        np.testing.assert_allclose(made.tolist(), wanted.tolist(), rtol=1e-12)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["cumprod", "cummax", "cummin", "logcumsumexp"])
def test_running_results_of_columns_are_those_of_rows(name: str, dim: int) -> None:
    x = torch.tensor(rng().uniform(0.5, 1.5, (30, 30, 40)).tolist(), dtype=torch.float64)
    made = getattr(torch, name)(x, dim)
    rows = getattr(torch, name)(x.movedim(dim, 2).contiguous(), 2)
    for got, wanted in zip(
        made if isinstance(made, tuple) else [made], rows if isinstance(rows, tuple) else [rows], strict=True
    ):
        np.testing.assert_allclose(got.movedim(dim, 2).tolist(), wanted.tolist(), rtol=1e-12)
