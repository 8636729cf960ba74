"""The methods behind `2 - x` and the like take tensors too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as torch

X, Y = np.array([[0.7, 1.9], [2.3, 0.4]]), np.array([[1.5, -0.6], [5.2, 3.1]])


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("__radd__", np.add),
        ("__rsub__", np.subtract),
        ("__rmul__", np.multiply),
        ("__rtruediv__", np.divide),
        ("__rdiv__", np.divide),
        ("__rfloordiv__", np.floor_divide),
        ("__rmod__", np.remainder),
    ],
)
@pytest.mark.parametrize("other", [torch.from_numpy(Y), 2.5], ids=["tensor", "number"])
def test_reflected_operator(name: str, wanted: Callable[..., Any], other: Any) -> None:
    got = getattr(torch.from_numpy(X), name)(other)
    np.testing.assert_allclose(got.numpy(), wanted(Y if isinstance(other, torch.Tensor) else other, X), rtol=1e-15)


def test_an_operand_by_name_is_the_left_one() -> None:
    np.testing.assert_allclose(torch.from_numpy(X).__rmod__(other=2.5).numpy(), np.remainder(2.5, X), rtol=1e-15)


def test_reflected_matmul() -> None:
    got = torch.from_numpy(X).__rmatmul__(torch.from_numpy(Y))
    np.testing.assert_allclose(got.numpy(), Y @ X, rtol=1e-15)


@pytest.mark.parametrize("other", [None, "x", [1.0, 2.0], object()], ids=lambda other: type(other).__name__)
@pytest.mark.parametrize(
    "name",
    [
        *("__radd__", "__rsub__", "__rmul__", "__rtruediv__", "__rdiv__", "__rfloordiv__", "__rmod__"),
        *("__rpow__", "__rmatmul__", "__rlshift__", "__rrshift__"),
    ],
)
def test_what_no_side_takes_is_left_to_python(name: str, other: Any) -> None:
    assert getattr(torch.from_numpy(X), name)(other) is NotImplemented


def test_python_names_the_operator_that_no_side_takes() -> None:
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \*\* or pow\(\): 'NoneType' and 'Tensor'"):
        None ** torch.from_numpy(X)  # type: ignore[operator]
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for /: 'str' and 'Tensor'"):
        "x" / torch.from_numpy(X)  # type: ignore[operator]
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for @: 'NoneType' and 'Tensor'"):
        None @ torch.from_numpy(X)  # type: ignore[operator]
