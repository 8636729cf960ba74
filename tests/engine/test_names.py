"""Functions and methods of torch beside the ops: what they answer, as torch 2.13 does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as torch

F, L, U = torch.ones(2, 3), torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.uint8)
ANSWERS: dict[str, tuple[Callable[[], Any], Any]] = {
    "is_signed": (lambda: (torch.is_signed(F), U.is_signed()), (True, False)),
    "get_device": (lambda: (torch.get_device(F), F.get_device()), (-1, -1)),
    "typename": (lambda: [torch.typename(each) for each in (F, L, 3)],
                 ["torch.FloatTensor", "torch.LongTensor", "int"]),
    "newaxis": (lambda: tuple(F[:, torch.newaxis].shape), (2, 1, 3)),
    "dim_order": (lambda: (F.dim_order(), F.t().dim_order()), ((0, 1), (1, 0))),
    "is_set_to": (lambda: [F.is_set_to(each) for each in (F.view(2, 3), F.view(6), F.clone())], [True, False, False]),
    "to_dense": (lambda: F.to_dense() is F, True),
    "dims": (lambda: (F.dense_dim(), F.sparse_dim()), (2, 0)),
    "elsewhere": (lambda: (F.is_mps, F.is_xla, F.is_nested, F.is_shared(), F.is_pinned()), (False,) * 5),
    "finfo": (lambda: [torch.finfo(type=torch.half) == torch.finfo(each) for each in (torch.half, torch.float)],
              [True, False]),
    "result_type": (lambda: torch.result_type(scalar=2, tensor=U), torch.uint8),
    "apply_": (lambda: L.clone().apply_(lambda each: each + 1).tolist(), [2, 2]),
    "map_": (lambda: L.clone().map_(L * 2, lambda a, b: a + b).tolist(), [3, 3]),
    "new": (lambda: (tuple(F.new(2, 4).shape), L.new([1.7]).tolist(), F.new().numel()), ((2, 4), [1], 0)),
    "asarray": (lambda: (torch.asarray(F) is F, torch.asarray(F, copy=True) is F), (True, False)),
    "arrays": (lambda: torch.tensor([np.ones(2), np.zeros(2)]).dtype, torch.float64),
    "detach_": (lambda: torch.detach_(torch.ones(1, requires_grad=True) * 2).requires_grad, False),
    "truth": (lambda: torch.tensor([1j, 0], dtype=torch.bool).tolist(), [True, False]),
    "from above": (lambda: torch.tensor([-1, -255], dtype=torch.uint8).tolist(), [255, 1]),
    "deterministic": (lambda: (torch.use_deterministic_algorithms(False), torch.are_deterministic_algorithms_enabled()),
                      (None, False)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list")
@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_is_torchs(name: str) -> None:
    ask, answer = ANSWERS[name]
    assert ask() == answer


def test_a_tensor_from_a_tensor_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"rather than torch\.tensor\(sourceTensor\)"):
        assert torch.tensor(F).tolist() == F.tolist()
    with pytest.warns(UserWarning, match=r"rather than tensor\.new_tensor\(sourceTensor\)"):
        L.new_tensor(F)


def test_the_default_tensor_type_is_a_dtype() -> None:
    try:
        torch.set_default_tensor_type(torch.DoubleTensor)
        assert torch.tensor(1.0).dtype is torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_tensor_type("torch.FloatTensor")
    assert torch.hann_window(3).dtype is torch.float32


def test_a_method_that_calls_back_for_each_element_changes_nothing_where_that_fails() -> None:
    x = torch.tensor([4.0, 0.0])
    with pytest.raises(ZeroDivisionError):
        x.apply_(lambda each: 1 / each)
    assert x.tolist() == [4, 0]
    assert x.apply_(math.sqrt).tolist() == [2, 0]
