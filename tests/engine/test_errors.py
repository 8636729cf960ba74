"""Wrong calls: the exception's type and text are torch's, it carries a code, and the operands stay as they were.

The rows stand in `errors/*.txt`: a call after `>>> `, then the type and the text that torch 2.13 gave, shortened to
what comes before its list of overloads, which names arguments the engine has not (`out`, `layout`).
"""

from __future__ import annotations

import importlib
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import engine
from engine.errors import CODES
from engine.op import registry
from tests.engine.pending import reason_for
from tests.engine.samples import SAMPLES
from tests.engine.samples.base import In, Sample, arguments, found
from tests.engine.support import tensors

FOLDER = Path(__file__).parent / "errors"
OVERLOADS = ", but expected"
TRACE = "\nException raised from"  # what torch appends to texts that it passes on


class Row(NamedTuple):
    """One wrong call, and what torch says to it."""

    call: str
    kind: str
    text: str


def load() -> list[Row]:
    rows = []
    for path in sorted(FOLDER.glob("*.txt")):
        lines = path.read_text("utf-8").splitlines()
        for call, answer in zip(lines[::2], lines[1::2], strict=True):
            assert call.startswith(">>> "), f"{path.name}: {call}"
            kind, _, text = answer.partition(": ")
            rows.append(Row(call[4:], kind, text.replace("\\n", "\n")))
    return rows


ROWS = load()


def operands(torch: Any) -> dict[str, Any]:
    """The tensors that the rows name."""
    leaf = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    return {
        "f": torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        "v": torch.tensor([1.0, 2.0, 3.0]),
        "w": torch.tensor([1.0, 2.0, 3.0, 4.0]),
        "s": torch.tensor(2.0),
        "i": torch.tensor([[1, 2, 3], [4, 5, 6]]),
        "b": torch.tensor([[True, False, True], [False, True, True]]),
        "c": torch.tensor([[1 + 2j, 3 - 1j, 2j], [1.0, 2.0, 3.0]]),
        "sq": torch.ones(3, 3),
        "t3": torch.ones(2, 3, 4),
        "e": torch.zeros(0),
        "leaf": leaf,
        "n": leaf * 2,
    }


def state_of(names: dict[str, Any]) -> dict[str, Any]:
    """All that a call could change in its operands."""
    return {
        name: (
            each.tolist(),
            each.shape,
            repr(each.dtype),
            each.stride(),
            each._version,
            each.requires_grad,
            each.is_leaf,
            each.grad if each.is_leaf else None,
            each.retains_grad,
        )
        for name, each in names.items()
    }


def outcome(row: Row, torch: Any) -> tuple[Exception, dict[str, Any], dict[str, Any]]:
    """The exception a row's call raises, and the operands' state before and after."""
    names = operands(torch)
    before = state_of(names)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - its type and text are what the tests compare
        eval(row.call, {"torch": torch, **names})
    return raised.value, before, state_of(names)


def told(error: Exception) -> tuple[str, str]:
    return type(error).__name__, str(error).split(OVERLOADS)[0].split(TRACE)[0]


def marked(row: Row) -> Any:
    reason = reason_for("error", row.call)
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(row, id=row.call, marks=marks)


@pytest.mark.parametrize("row", [marked(each) for each in ROWS])
def test_the_error_is_torchs(row: Row) -> None:
    error, before, after = outcome(row, engine)
    assert told(error) == (row.kind, row.text)
    assert after == before, "an operand changed"


@pytest.mark.parametrize("row", ROWS, ids=[each.call for each in ROWS])
def test_the_error_has_a_code(row: Row) -> None:
    if reason_for("error", row.call) == "not refused":
        return
    error, _, _ = outcome(row, engine)
    assert getattr(error, "code", None) in CODES


@pytest.mark.torch
@pytest.mark.parametrize("row", ROWS, ids=[each.call for each in ROWS])
def test_torch_says_so(row: Row) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.__version__.startswith("2.13."):
        pytest.skip(f"the texts are those of torch 2.13, this is {torch.__version__}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error, _, _ = outcome(row, importlib.import_module("torch"))
    assert told(error) == (row.kind, row.text)


def test_rows_are_told_apart() -> None:
    assert [call for call, times in Counter(each.call for each in ROWS).items() if times > 1] == []


# -- every op ---------------------------------------------------------------------------------------------------------

MISUSES: dict[str, Callable[[Any], Any]] = {
    "an object": lambda function: function(object()),
    "unknown keyword": lambda function: function(no_such_argument=1),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_every_op_refuses_what_is_no_argument(misuse: str) -> None:
    wrong = {}
    for name, function in registry.items():
        try:
            wrong[name] = MISUSES[misuse](function)
        except (AttributeError, TypeError, ValueError) as error:
            if getattr(error, "code", None) != "bad_argument":
                wrong[name] = error
    assert wrong == {}


def in_place(fits: Callable[[Sample], bool]) -> list[Any]:
    """One sample of each in-place op among those that fit."""
    chosen: dict[str, Sample] = {}
    for each in SAMPLES:
        if each.inplace and isinstance(each.args[0], In) and fits(each):
            chosen.setdefault(each.op, each)
    return [pytest.param(each, id=each.op) for each in chosen.values()]


@pytest.mark.parametrize("sample", in_place(lambda sample: sample.inputs[0].differentiable))
def test_no_op_writes_into_a_leaf_that_requires_grad(sample: Sample) -> None:
    leaf, *others = tensors(sample)
    leaf.requires_grad_()
    args, kwargs = arguments(sample, engine, [leaf, *others])
    change = getattr(engine.Tensor, sample.op, None) or found(engine, sample.op, leaf)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used") as raised:
        change(*args, **kwargs)
    assert raised.value.code == "inplace_on_leaf"
    np.testing.assert_array_equal(leaf.detach()._array, sample.inputs[0].array)
    assert leaf._version == 0


def widens(sample: Sample) -> bool:
    """Whether the second operand would fit into the first, and not the first into the second."""
    shapes = [each.array.shape for each in sample.inputs]
    return sample.name == "row" and len(shapes) == len(sample.args) == 2 and len(shapes[0]) > len(shapes[1])


@pytest.mark.parametrize("sample", in_place(widens))
def test_no_op_changes_the_shape_it_writes_into(sample: Sample) -> None:
    wide, row = tensors(sample)
    with pytest.raises(RuntimeError) as raised:
        getattr(row, sample.op)(wide)
    assert raised.value.code == "shape_mismatch"
    np.testing.assert_array_equal(row._array, sample.inputs[1].array)
    assert row._version == 0
