"""In which layout results lie in memory: strides as torch 2.13 gave them, which `view` and `is_contiguous` go by."""

from __future__ import annotations

from typing import Any

import pytest

import engine as torch

STRIDES = [
    ("x + y", (1, 2)),
    ("y + x", (3, 1)),
    ("x * v", (1, 2)),
    ("v * x", (1, 2)),
    ("x + 1", (1, 2)),
    ("torch.where(x > 1, x, y)", (1, 2)),
    ("torch.maximum(x, y)", (1, 2)),
    ("x.exp()", (1, 2)),
    ("t.sum(0)", (4, 1)),
    ("t.mean(1)", (4, 1)),
    ("t.amax(2)", (3, 1)),
    ("t.var(0)", (4, 1)),
    ("t.any(0)", (4, 1)),
    ("t.cumsum(0)", (12, 4, 1)),
    ("t.cummax(1)[0]", (12, 4, 1)),
    ("t.softmax(0)", (12, 4, 1)),
    ("t.log_softmax(-1)", (12, 4, 1)),
    ("t.median(0)[0]", (4, 1)),
    ("torch.cat([t, t])", (12, 4, 1)),
    ("torch.stack([t, t])", (24, 12, 4, 1)),
    ("t.flip(0)", (1, 2, 6)),
    ("t.roll(1, 0)", (12, 4, 1)),
    ("x.repeat(1, 2)", (6, 1)),
    ("x.masked_fill(x > 1, 0.0)", (3, 1)),
    ("x.tril()", (3, 1)),
    ("x.gather(0, torch.zeros(2, 3, dtype=torch.int64))", (3, 1)),
    ("e.clone()", (3, 1)),
    ("e.double()", (3, 1)),
    ("torch.zeros_like(e)", (3, 1)),
    ("torch.ones_like(x)", (1, 2)),
    ("torch.full_like(x, 2.0)", (1, 2)),
    ("torch.zeros_like(x, memory_format=torch.contiguous_format)", (3, 1)),
    ("x.clone()", (1, 2)),
    ("x.contiguous()", (3, 1)),
    ("t.double()", (1, 2, 6)),
    ("t.clone(memory_format=torch.contiguous_format)", (12, 4, 1)),
    ("torch.searchsorted(v, x)", (3, 1)),
    ("torch.isin(x, v)", (3, 1)),
]


def operands() -> dict[str, Any]:
    """A transposed matrix, a row-major one, a vector, three reversed dims, and a vector repeated as rows."""
    v = torch.arange(3.0)
    return {
        "torch": torch,
        "x": torch.arange(6.0).reshape(3, 2).T,
        "y": torch.ones(2, 3),
        "v": v,
        "t": torch.arange(24.0).reshape(4, 3, 2).permute(2, 1, 0),
        "e": v.expand(2, 3),
    }


@pytest.mark.parametrize(("call", "strides"), STRIDES, ids=[call for call, _ in STRIDES])
def test_results_have_torchs_strides(call: str, strides: tuple[int, ...]) -> None:
    assert eval(call, operands()).stride() == strides


def test_a_copy_of_repeated_rows_can_be_viewed_flat() -> None:
    assert torch.arange(3.0).expand(2, 3).clone().view(-1).tolist() == [0, 1, 2, 0, 1, 2]


def test_a_sum_in_the_order_of_its_first_operand_cannot_be_viewed_flat() -> None:
    x, y = torch.ones(3, 2).T, torch.ones(2, 3)
    assert (y + x).view(-1).shape == (6,)
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        (x + y).view(-1)


def test_products_of_kronecker_take_transposed_matrices() -> None:
    a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert torch.kron(a.T, b.T).tolist() == torch.kron(a, b).T.tolist()
