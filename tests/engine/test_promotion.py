"""Type promotion of every pair of dtypes, of 0-d tensors and Python numbers, against torch's recorded table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import engine
from tests.engine.promotion_table import DTYPES, NUMBERS, TENSORS

SIZES: dict[str, tuple[int, ...]] = {"dim": (2,), "0-d": ()}
VALUES = (True, 2, 1.5, 1j)
LETTERS = {name: letter for letter, name in DTYPES.items()} | {"complex32": "x"}


@pytest.fixture(autouse=True)
def _default_dtype() -> Iterator[None]:
    before = engine.get_default_dtype()
    yield
    engine.set_default_dtype(before)


def ones(module: Any, letter: str, rank: str) -> Any:
    return module.ones(SIZES[rank], dtype=getattr(module, DTYPES[letter]))


def letter_of(tensor: Any) -> str:
    return LETTERS[str(tensor.dtype).removeprefix("torch.")]


def ours(letter: str) -> str:
    """The engine's answer to torch's: complex64 where torch has complex32."""
    return "F" if letter == "x" else letter


def pairs(module: Any, left: str, right: str, combine: Callable[[Any, Any], Any]) -> list[str]:
    """A word for each left dtype, as in the table."""
    return ["".join(letter_of(combine(ones(module, a, left), ones(module, b, right))) for b in DTYPES) for a in DTYPES]


def wanted(table: str) -> list[str]:
    return ["".join(map(ours, word)) for word in table.split()]


@pytest.mark.parametrize(("left", "right"), TENSORS)
@pytest.mark.parametrize("op", ["add", "mul", "where"])
def test_two_tensors(left: str, right: str, op: str) -> None:
    always = engine.tensor(True)
    combine = {"add": engine.add, "mul": engine.mul, "where": lambda a, b: engine.where(always, a, b)}[op]
    assert pairs(engine, left, right, combine) == wanted(TENSORS[left, right])


def test_promote_types() -> None:
    dtypes = [getattr(engine, name) for name in DTYPES.values()]
    got = ["".join(LETTERS[engine.promote_types(a, b).name] for b in dtypes) for a in dtypes]
    assert got == wanted(TENSORS["dim", "dim"])


def test_promotion_of_joined_tensors() -> None:
    got = pairs(engine, "dim", "dim", lambda a, b: engine.cat([a, b]))
    assert got == wanted(TENSORS["dim", "dim"])


@pytest.mark.parametrize("rank", SIZES)
@pytest.mark.parametrize("default", NUMBERS)
def test_numbers(default: str, rank: str) -> None:
    engine.set_default_dtype(getattr(engine, default))
    right = ["".join(letter_of(ones(engine, a, rank) + value) for value in VALUES) for a in DTYPES]
    left = ["".join(letter_of(value * ones(engine, a, rank)) for value in VALUES) for a in DTYPES]
    assert right == wanted(NUMBERS[default])
    assert left == wanted(NUMBERS[default])


@pytest.mark.parametrize(("left", "right"), TENSORS)
def test_comparisons_promote_before_they_compare(left: str, right: str) -> None:
    """A float64 0.1 is not the float32 0.1, unless it has no dims and the other has: then it is rounded first."""
    narrow, wide = ones(engine, "f", left) * 0.1, ones(engine, "d", right) * 0.1
    equal = (narrow == wide).tolist()
    expected = left == "dim" and right == "0-d"
    assert equal == ([expected] * 2 if "dim" in (left, right) else expected)


@pytest.mark.torch
def test_the_table_is_torchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.__version__.startswith("2.13."):
        pytest.skip(f"the table is that of torch 2.13, this is {torch.__version__}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of complex32
        for (left, right), table in TENSORS.items():
            assert pairs(torch, left, right, torch.add) == table.split(), (left, right)
        for default, words in NUMBERS.items():
            torch.set_default_dtype(getattr(torch, default))
            try:
                for rank in SIZES:
                    got = ["".join(letter_of(ones(torch, a, rank) + value) for value in VALUES) for a in DTYPES]
                    assert got == words.split(), (default, rank)
            finally:
                torch.set_default_dtype(torch.float32)
