"""Corners of shapes, indexing and reductions: rare calls that PyTorch takes, what they give, and its warnings."""

from __future__ import annotations

import math
import operator
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import engine as torch

pytestmark = pytest.mark.usefixtures("warnings_anew")

F, F64, C128 = torch.nn.functional, torch.float64, torch.complex128
NAN = math.nan
M = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
NONE = torch.zeros(0)
CUBE = torch.arange(24.0).reshape(2, 3, 2, 2)
BYTES = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8)


def ints(*values: int) -> Any:
    return torch.tensor(values, dtype=torch.int64)


def leaf() -> Any:
    return torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=F64, requires_grad=True)


def gradient(function: Callable[[Any], Any]) -> Any:
    x = leaf()
    return torch.autograd.grad(function(x).sum(), x)[0].tolist()


# Worked out by hand; that torch takes these calls was seen in torch 2.13.
VALUES: dict[str, tuple[Callable[[], Any], Any]] = {
    "dims one by one": (lambda: M[:1].squeeze(0, 1), [1.0, 2.0, 3.0]),
    "counts over dims one by one": (lambda: M.count_nonzero(0, 1), 6),
    "a size that a tensor counts": (lambda: M.reshape(torch.tensor(3), 2), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    "a log of a sum over no dims of nothing": (lambda: torch.logsumexp(torch.ones(0, 3), ()), -math.inf),
    "nothing divided by zero": (lambda: torch.fmod(ints(), 0) + ints() // torch.tensor(0), []),
    "weights of no numbers": (lambda: torch.bincount(ints(), torch.ones(0), 2).to(torch.int64), [0, 0]),
    "one among others by its name": (lambda: torch.isin(ints(1, 2), test_element=2), [False, True]),
    "alpha by its place after a number": (lambda: torch.subtract(M, 2, 0.5), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]),
    "a number less alpha times the tensor": (lambda: torch.rsub(M, 2, 0.5), [[1.5, 1.0, 0.5], [0.0, -0.5, -1.0]]),
    "a negative factor of small integers": (
        lambda: torch.addr(BYTES, BYTES[0], BYTES[0], alpha=-2),
        [[255, 254], [255, 252]],
    ),
    "a negative factor of their product": (
        lambda: torch.addmm(BYTES, BYTES, BYTES, alpha=-1),
        [[250, 248], [244, 238]],
    ),
    "a mask of two dims before an index": (lambda: M[..., None][M > 4, torch.tensor([0])], [5.0, 6.0]),
    "a mask of two dims behind an index and before one": (lambda: CUBE[[1], CUBE[0, ..., 0] > 6, [1]], [21.0, 23.0]),
    "no place of a 0-d tensor filled": (lambda: torch.tensor(3.0).index_fill(0, ints(), 7.0), 3.0),
    "a roll over no dims": (lambda: M.roll(1, None), [[6.0, 1.0, 2.0], [3.0, 4.0, 5.0]]),
    "a roll of nothing along a dim that is not there": (lambda: NONE.roll(1, 7), []),
    "nothing joined along a dim that is not there": (lambda: torch.cat([NONE, NONE], 5), []),
    "nothing repeated less than never": (lambda: NONE.repeat(0, -1), []),
    "differences none times along a dim that is not there": (lambda: M.diff(0, 9), M.tolist()),
    "a running integral over nothing": (lambda: torch.cumulative_trapezoid(NONE), []),
    "as many parts of nothing as asked for": (lambda: torch.stack(torch.unsafe_chunk(NONE, 2)), [[], []]),
    "parts of nothing": (lambda: torch.tensor(len(torch.unbind(leaf()[:0]))), 0),
    "NaN among the boundaries is below all": (
        lambda: torch.searchsorted(torch.tensor([1.0, NAN]), torch.tensor([NAN, 2.0, 0.5])),
        [2, 2, 2],
    ),
    "a list of floats as an index": (lambda: M[[1.9, 0.2]], [[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]]),
    "a value's imaginary part of nothing": (lambda: M.masked_fill(M > 4, torch.tensor(7 + 0j))[1], [4.0, 7.0, 7.0]),
    "a mask's value in bools": (lambda: (M > 3).masked_fill(M > 5, 0j)[1], [True, True, False]),
    "100 bins": (lambda: torch.histogram(M)[0].sum(), 6.0),
    "the largest of one complex number": (lambda: torch.cummax(torch.tensor(1 + 2j), 0)[1], 0),
    "the arguments of embedding_bag in their old order": (
        lambda: F.embedding_bag(M, ints(0, 1, 1), ints(0, 1)),
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
    ),
    "rows by small integers": (
        lambda: F.embedding_bag(ints(0, 1, 1).to(torch.int16), M, ints(0, 1), mode="sum"),
        [[1.0, 2.0, 3.0], [8.0, 10.0, 12.0]],
    ),
    "padding of which nothing is left in one dim": (
        lambda: torch.tensor(F.pad(torch.ones(1, 3, 3, 3), (-3, 0, 0, 1), "replicate").shape),
        [1, 3, 4, 0],
    ),
    "a gradient of gather that may be sparse": (
        lambda: torch.tensor(gradient(lambda x: x.gather(1, torch.tensor([[0, 0], [2, 1]]), sparse_grad=True))),
        [[2.0, 0.0, 0.0], [0.0, 1.0, 1.0]],
    ),
    "a gradient of an implicit expansion": (
        lambda: torch.tensor(gradient(lambda x: x.expand(4, 2, 3, implicit=True))),
        [[4.0] * 3] * 2,
    ),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values(name: str) -> None:
    made, wanted = VALUES[name][0](), VALUES[name][1]
    assert made.tolist() == wanted


def test_what_changes_no_dtype_copies_nothing_and_what_does_can_lie_row_by_row() -> None:
    x = M.t().detach().requires_grad_()
    assert x.float(memory_format=torch.contiguous_format) is x
    for made in (x.double(memory_format=torch.contiguous_format), x.to(F64, memory_format=torch.contiguous_format)):
        assert made.stride() == (2, 1)
        assert made.grad_fn.name() == "ToCopyBackward0"
    assert x.to(F64).stride() == (1, 3)


def test_dims_dropped_in_falling_order_come_back_in_a_gradient() -> None:
    x = torch.ones(1, 3, 1, requires_grad=True)
    (made,) = torch.autograd.grad(x.squeeze((2, 0)).sum(), x, create_graph=True)
    assert made.shape == (1, 3, 1)


def test_plus_is_the_tensor_itself_but_for_bools() -> None:
    x = leaf()
    assert +x is x
    with pytest.raises(RuntimeError, match="on a bool tensor is not supported"):
        operator.pos(x > 1)


def test_a_reversed_tensor_is_a_flipped_one() -> None:
    made = reversed(leaf())
    assert made.tolist() == [[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]]
    assert made.grad_fn.name() == "FlipBackward0"


def test_a_list_of_one_tensor_makes_a_tuple_of_one() -> None:
    assert [torch.atleast_2d(each).shape for each in (M[0], [M[0]][0])] == [(1, 3)] * 2
    assert [each.shape for each in torch.atleast_2d([M[0]])] == [(1, 3)]
    assert type(torch.gradient(M[0])) is type(torch.atleast_1d([M])) is tuple


def test_coordinates_in_double_precision_make_a_gradient_of_that() -> None:
    (made,) = torch.gradient(M, spacing=[torch.tensor([0.0, 1.5], dtype=F64)], dim=(0,))
    assert made.dtype is F64
    assert made.tolist() == [[2.0] * 3] * 2


def written(key: Any) -> Any:
    """A tensor after one of its parts was written to."""
    made = leaf() * 1
    made[key] = 0.5
    return made


def heads(mask: Any) -> Any:
    """Attention of one head in two batches."""
    x = leaf().expand(2, 1, 2, 3)
    return F.scaled_dot_product_attention(x, torch.cat([x, x[:, :, :1]], 2), torch.cat([x, x[:, :, :1]], 2), mask)


NODES: dict[str, tuple[Callable[[], Any], str]] = {
    "lu": (lambda: torch.linalg.lu(leaf() @ leaf().t())[2], "LinalgLuBackward0"),
    "quantile": (lambda: torch.quantile(leaf(), 0.3, keepdim=True), "SqueezeBackward4"),
    "istft": (
        lambda: torch.istft(torch.ones(3, 5, dtype=torch.complex64, requires_grad=True), 4, window=torch.ones(4)),
        "SqueezeBackward1",
    ),
    "a convolution of complex numbers": (lambda: torch.conv1d(*[leaf().to(C128)[:, None]] * 2), "AddBackward0"),
    "distances by products": (
        lambda: torch.cdist(leaf(), leaf(), compute_mode="use_mm_for_euclid_dist"),
        "ViewBackward0",
    ),
    "attention of several heads": (lambda: heads(None), "ScaledDotProductFlashAttentionForCpuBackward0"),
    "attention with a mask that learns": (lambda: heads(leaf()[:1]), "UnsafeViewBackward0"),
    "rms_norm": (lambda: F.rms_norm(leaf().t(), (2,)), "CloneBackward0"),
    "a slice that ends before its end": (lambda: written(slice(-2, None)), "CopySlices"),
    "linear": (lambda: F.linear(leaf()[0], torch.ones(2, 3, dtype=F64), torch.ones(3, dtype=F64)[::2]), "AddBackward0"),
}


@pytest.mark.parametrize("name", NODES)
def test_nodes_are_named_as_pytorch_names_them(name: str) -> None:
    assert NODES[name][0]().grad_fn.name().removeprefix("torch::autograd::") == NODES[name][1]


def test_a_gradient_of_mirrored_padding_depends_on_the_input_by_zeros() -> None:
    x = leaf()
    (made,) = torch.autograd.grad(F.pad(x, (1, 1), "reflect").sum(), x, create_graph=True)
    assert made.tolist() == [[1.0, 3.0, 1.0]] * 2
    assert torch.autograd.grad(made.sum(), x)[0].tolist() == [[0.0] * 3] * 2


def test_an_integral_over_no_points_depends_on_nothing() -> None:
    assert not torch.trapezoid(leaf()[:0], dim=0).requires_grad


@pytest.mark.parametrize("index", [(slice(None), [0, 2]), (slice(None), [[0, 2]]), (Ellipsis, [1], None)], ids=str)
def test_what_an_index_takes_lies_row_by_row(index: Any) -> None:
    assert M[index].is_contiguous()


WARNINGS: dict[str, tuple[Callable[[], Any], str]] = {
    "var": (lambda: M[0, :1].var(), "var(): degrees of freedom is <= 0."),
    "std_mean": (lambda: torch.std_mean(M, 1, correction=3), "std_mean(): degrees of freedom is <= 0."),
    "cov": (lambda: torch.cov(M[0, :1]), "cov(): degrees of freedom is <= 0."),
    "meshgrid": (lambda: torch.meshgrid(M[0], M[1]), "torch.meshgrid: in an upcoming release"),
    "a mask of numbers": (lambda: M[0][M[0].to(torch.uint8)], "indexing with dtype torch.uint8 is now deprecated"),
    "a condition of numbers": (
        lambda: torch.where(M.to(torch.uint8), M, M),
        "where received a uint8 condition tensor.",
    ),
    "a list for a tuple": (lambda: M[[slice(None), 0]], "Using a non-tuple sequence for multidimensional indexing"),
    "scatter": (
        lambda: M.scatter(1, torch.tensor([[0]]), M, reduce="add"),
        "The reduce argument of torch.scatter with Tensor src is deprecated",
    ),
    "index_reduce": (lambda: M.index_reduce(0, ints(0), M[:1], "prod"), "index_reduce() is in beta"),
    "T": (lambda: M[0].T, "The use of `x.T` on tensors of dimension other than 2"),
    "H": (lambda: M[0, 0].H, "Tensor.H is deprecated on 0-D tensors."),
    "a cast": (lambda: torch.ones(2, dtype=torch.complex64).float(), "Casting complex values to real discards"),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_pytorch_warns_of(name: str) -> None:
    run, text = WARNINGS[name]
    with pytest.warns(UserWarning, match=re.escape(text)):
        run()


def test_usual_calls_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        M.var(), M.std(1), torch.cov(M), torch.meshgrid(M[0], M[1], indexing="ij")
        M[M > 2], torch.where(M > 2, M, 0), M.T, M[[0, 1]], M.to(torch.complex64), M.index_add(0, ints(0), M[:1])
