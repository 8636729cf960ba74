"""How tensors print: the recorded table, the options, and what the table's snippets cannot reach."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import engine as torch
from engine import printing
from tests.engine.printing_cases import CASES, FORMAT_CASES, OPTION_CASES

DEFAULTS = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


@pytest.fixture(autouse=True)
def _default_options() -> Iterator[None]:
    printing.set_printoptions(profile="default")
    yield
    printing.set_printoptions(profile="default")


def evaluate(snippet: str) -> Any:
    return eval(snippet, {"torch": torch})


@pytest.mark.parametrize(("snippet", "expected"), CASES, ids=[snippet for snippet, _ in CASES])
def test_repr(snippet: str, expected: str) -> None:
    value = evaluate(snippet)
    assert repr(value) == expected
    assert str(value) == expected


@pytest.mark.parametrize(("options", "snippet", "expected"), OPTION_CASES)
def test_repr_with_options(options: dict[str, Any], snippet: str, expected: str) -> None:
    value = evaluate(snippet)
    torch.set_printoptions(**options)
    assert repr(value) == expected


@pytest.mark.parametrize(("snippet", "expected"), FORMAT_CASES)
def test_format(snippet: str, expected: str) -> None:
    assert evaluate(snippet) == expected


def test_options_round_trip() -> None:
    assert printing.get_printoptions() == DEFAULTS
    printing.set_printoptions(precision=2, linewidth=100, sci_mode=True)
    changed = printing.get_printoptions()
    assert changed == DEFAULTS | {"precision": 2, "linewidth": 100, "sci_mode": True}
    printing.set_printoptions(profile="full")
    assert printing.get_printoptions() == DEFAULTS | {"threshold": math.inf}
    printing.set_printoptions(**changed)
    assert printing.get_printoptions() == changed


def test_every_call_sets_sci_mode() -> None:
    printing.set_printoptions(sci_mode=True)
    printing.set_printoptions(precision=2)
    assert printing.get_printoptions() == DEFAULTS | {"precision": 2}


def test_full_profile_shows_everything() -> None:
    printing.set_printoptions(profile="full")
    text = printing.format_tensor(np.arange(2000), dtype="int64")
    assert [int(item) for item in text.removeprefix("tensor([").removesuffix("])").split(",")] == list(range(2000))


def test_negative_precision_is_refused_when_a_number_needs_it() -> None:
    printing.set_printoptions(precision=-1)
    with pytest.raises(ValueError, match="precision"):
        printing.format_tensor(np.array(1.5, np.float32), dtype="float32")


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"dtype": "float32", "device": "cuda:0"}, "tensor([1., 2.], device='cuda:0')"),
        (
            {"dtype": "float64", "device": "cuda:1", "requires_grad": True},
            "tensor([1., 2.], device='cuda:1', dtype=torch.float64, requires_grad=True)",
        ),
        ({"dtype": "float32", "default_dtype": "float64"}, "tensor([1., 2.], dtype=torch.float32)"),
        ({"dtype": "float64", "default_dtype": "float64"}, "tensor([1., 2.])"),
        (
            {"dtype": "float32", "requires_grad": True, "grad_fn": "torch::autograd::CopySlices"},
            "tensor([1., 2.], grad_fn=<CopySlices>)",
        ),
        (
            {"dtype": "float32", "requires_grad": True, "grad_fn": "AsStridedBackward0"},
            "tensor([1., 2.], grad_fn=<AsStridedBackward0>)",
        ),
        ({"dtype": "float32", "grad_fn": "Invalid"}, "tensor([1., 2.], grad_fn=<Invalid>)"),
    ],
)
def test_suffixes(keywords: dict[str, Any], expected: str) -> None:
    array = np.array([1.0, 2.0], keywords["dtype"])
    assert printing.format_tensor(array, **keywords) == expected


@pytest.mark.parametrize(
    ("dtype", "default_dtype", "shown"),
    [
        ("complex64", "float32", False),
        ("complex64", "float16", False),
        ("complex64", "float64", True),
        ("complex128", "float64", False),
        ("complex128", "float32", True),
    ],
)
def test_complex_counterpart_of_the_default_dtype_is_not_named(dtype: str, default_dtype: str, shown: bool) -> None:
    text = printing.format_tensor(np.ones(1, dtype), dtype=dtype, default_dtype=default_dtype)
    assert text == f"tensor([1.+0.j]{f', dtype=torch.{dtype}' if shown else ''})"


def test_only_what_is_shown_is_read() -> None:
    # Four exabytes, were they read.
    array = np.broadcast_to(np.float32(0.5), (10**9, 10**9))
    lines = printing.format_tensor(array, dtype="float32").splitlines()
    row = "[0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000]"
    assert lines[1:] == [f"        {row},"] * 2 + ["        ...,"] + [f"        {row},"] * 2 + [f"        {row}])"]


def test_array_that_is_not_contiguous() -> None:
    array = np.arange(6.0, dtype=np.float32).reshape(2, 3).T[::-1]
    assert printing.format_tensor(array, dtype="float32") == (
        "tensor([[2., 5.],\n        [1., 4.],\n        [0., 3.]])"
    )


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), "torch.Size([])"), ((2,), "torch.Size([2])"), ((2, 3), "torch.Size([2, 3])")],
)
def test_format_size(shape: tuple[int, ...], expected: str) -> None:
    assert printing.format_size(shape) == expected


def random_values(rng: np.random.Generator, count: int) -> np.ndarray:
    """Numbers of one of several kinds, sometimes with infinities, nans and zeros among them."""
    values = [
        rng.standard_normal(count),
        rng.integers(-1000, 1000, count).astype(float),
        rng.standard_normal(count) * 10.0 ** rng.integers(-8, 9, count),
        rng.random(count) * 10.0 ** rng.integers(-5, 10),
    ][rng.integers(4)]
    special = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], count)
    return np.where(rng.random(count) < rng.choice([0, 0, 0.2, 1]), special, values)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64", "int32"])
def test_against_torch(dtype: str) -> None:
    oracle = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(150):
        ndim = rng.integers(1, 5)
        shape = tuple(rng.integers(1, [90, 40, 12, 5][ndim - 1], ndim))
        values = random_values(rng, math.prod(shape)).reshape(shape)
        if dtype.startswith("complex"):
            values = values.astype(np.complex128)
            values.imag = np.roll(values.real, 1)
        elif dtype.startswith("int"):
            values = np.nan_to_num(values, posinf=9, neginf=-99).clip(-1e9, 1e9)
        tensor = oracle.tensor(values).to(getattr(oracle, dtype))
        if dtype == "bfloat16":
            array = tensor.double().numpy().astype(ml_dtypes.bfloat16)
        else:
            array = tensor.numpy()
        assert printing.format_tensor(array, dtype=dtype) == repr(tensor)
