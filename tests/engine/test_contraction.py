"""einsum multiplies its operands in the order of the least arithmetic."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine import contraction
from engine.infer import Meta, infer
from engine.op import registry

LETTERS = "abcdefghijklmnopqrst"


def arithmetic(shapes: Sequence[tuple[int, ...]], out: int, pairs: Sequence[tuple[int, int]]) -> int:
    """The multiplications and additions of an order, each product over all dims of its two factors."""
    sizes = [max(each) for each in zip(*shapes, strict=True)]
    left = [{dim for dim, size in enumerate(shape) if size != 1} for shape in shapes]
    total = 0
    for i, j in pairs:
        second, first = left.pop(j), left.pop(i)
        dims = first | second
        kept = {dim for dim in dims if dim < out or any(dim in other for other in left)}
        total += math.prod(sizes[dim] for dim in dims) * (1 if kept == dims else 2)
        left.append(kept)
    return total


def every_order(count: int) -> Iterator[list[tuple[int, int]]]:
    if count < 2:
        yield []
        return
    for pair in itertools.combinations(range(count), 2):
        for rest in every_order(count - 1):
            yield [pair, *rest]


def drawn(seed: int, count: int) -> tuple[tuple[tuple[int, ...], ...], int]:
    rng = np.random.default_rng(seed)
    dims = int(rng.integers(3, 7))
    sizes = rng.integers(2, 9, dims).tolist()
    terms = [set(rng.choice(dims, int(rng.integers(1, 4)), replace=False).tolist()) for _ in range(count)]
    shapes = tuple(tuple(sizes[dim] if dim in term else 1 for dim in range(dims)) for term in terms)
    return shapes, int(rng.integers(0, dims + 1))


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_no_other_order_takes_less_arithmetic(count: int) -> None:
    for seed in range(20 if count < 5 else 4):
        shapes, out = drawn(seed, count)
        least = min(arithmetic(shapes, out, pairs) for pairs in every_order(count))
        assert arithmetic(shapes, out, contraction.order(shapes, out)) == least


@pytest.mark.parametrize("count", [8, 9, 15])
def test_the_order_of_many_takes_each_operand_once(count: int) -> None:
    shapes = tuple(tuple(3 if dim in (at, at + 1) else 1 for dim in range(count + 1)) for at in range(count))
    pairs = contraction.order(shapes, 0)
    assert len(pairs) == count - 1
    assert all(0 <= i < j < count - at for at, (i, j) in enumerate(pairs))


CHAINS = {
    "the last two first": ("ij,jk,kl->il", [(400, 2), (2, 400), (400, 2)]),
    "the middle first": ("ij,jk,kl,lm->im", [(400, 2), (2, 400), (400, 2), (2, 400)]),
    "the ends first": ("ij,kl,jk->il", [(2, 400), (400, 2), (400, 400)]),
    "vectors, not the matrix": ("a,b,ab->", [(300,), (300,), (300, 300)]),
    "batches": ("bi,bij,bj->b", [(50, 40), (50, 40, 30), (50, 30)]),
    "nine": (",".join(f"{LETTERS[at]}{LETTERS[at + 1]}" for at in range(9)) + "->aj", [(3, 3)] * 9),
}


@pytest.mark.parametrize(("equation", "shapes"), CHAINS.values(), ids=CHAINS)
def test_values_and_gradients_do_not_depend_on_the_order(equation: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(5)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    tensors = [torch.from_numpy(each.copy()).requires_grad_() for each in arrays]
    out = torch.einsum(equation, *tensors)
    np.testing.assert_allclose(out.detach().numpy(), np.einsum(equation, *arrays, optimize="greedy"), rtol=1e-8)
    g = rng.standard_normal(tuple(out.shape))
    left, right = equation.split("->")
    terms = left.split(",")
    for at, got in enumerate(torch.autograd.grad(out, tensors, torch.from_numpy(g))):
        others = [each for nr, each in enumerate(arrays) if nr != at]
        turned = ",".join([right, *(each for nr, each in enumerate(terms) if nr != at)]) + "->" + terms[at]
        wanted = np.einsum(turned, g, *others, optimize="greedy")
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["the last two first", "vectors, not the matrix"])
def test_products_in_between_are_small(name: str) -> None:
    equation, shapes = CHAINS[name]
    tensors = [torch.ones(shape) for shape in shapes]
    torch.einsum(equation, *tensors)
    tracemalloc.start()
    try:
        torch.einsum(equation, *tensors)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 300 * 300 / 2  # from left to right, an array of 300 x 300 or more


def test_the_shape_of_a_huge_chain_is_told_at_once() -> None:
    n, single = 10**9, np.dtype(np.float32)
    op = registry["einsum"].ops[0]
    values: list[Any] = ["ij,jk,kl->il", [Meta((n, 2), single), Meta((2, n), single), Meta((n, 3), single)]]
    assert [each.shape for each in infer(op, values)] == [(n, 3)]


@pytest.mark.torch
@pytest.mark.parametrize("equation", ["ij,jk,kl->il", "...i,...ij,j->...", "a,b,c->abc", "i,i,i->", "ij,jk,kl,lm->"])
def test_the_same_as_pytorch(equation: str) -> None:
    oracle = pytest.importorskip("torch")
    sizes = {letter: 2 + at for at, letter in enumerate("ijklmabc")}
    rng = np.random.default_rng(9)
    arrays = [
        rng.standard_normal([*([3] if "..." in term else []), *(sizes[each] for each in term.replace("...", ""))])
        for term in equation.split("->")[0].split(",")
    ]
    wanted = oracle.einsum(equation, *(oracle.from_numpy(each) for each in arrays))
    got = torch.einsum(equation, *(torch.from_numpy(each) for each in arrays))
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-12)
