"""Singular values: what PyTorch 2.13 gives at signed zeros, poles, infinities and NaN, for ties and for nothing.

The cases stand in `corners/*.txt`: a call after `>>> ` with its operands, then the value and the first and second
gradients as torch gave them; complex numbers as pairs. `python -m tests.engine.test_value_corners` writes them anew.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import engine

FOLDER = Path(__file__).parent / "corners"
STAGES = ("value", "first", "second")
NAMES = ("x", "y", "z")
TOLERANCE = {
    "float64": 1e-11,
    "complex128": 1e-11,
    "float32": 1e-5,
    "complex64": 1e-5,
    "float16": 4e-3,
    "bfloat16": 2e-2,
}


class Case(NamedTuple):
    """One call, its operands as (dtype, values), and what came of it in stages."""

    call: str
    operands: list[tuple[str, Any]]
    told: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.call} {self.operands[0][0]}"


def load(path: Path) -> list[Case]:
    cases: list[Case] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith(">>> "):
            call, *operands = line[4:].split(" ; ")
            pairs = [each.split(" ", 1) for each in operands]
            cases.append(Case(call, [(dtype, json.loads(values)) for dtype, values in pairs], {}))
        else:
            stage, _, values = line.partition(" ")
            cases[-1].told[stage] = json.loads(values)
    return cases


def leaf(torch: Any, dtype: str, values: Any) -> Any:
    """An operand; floating and complex ones require grad."""
    kind = getattr(torch, dtype)
    if kind.is_complex:
        return torch.view_as_complex(torch.tensor(values, dtype=torch.float64).reshape(-1, 2)).to(kind).requires_grad_()
    return torch.tensor(values, dtype=kind, requires_grad=kind.is_floating_point)


def shown(tensor: Any) -> Any:
    """The values of a tensor of either library, complex ones as pairs; None for no tensor."""
    if tensor is None:
        return None
    tensor = tensor.detach().clone()
    if tensor.dtype.is_complex:
        pairs = [[each.real, each.imag] for each in tensor.reshape(-1).tolist()]
        return pairs if tensor.ndim else pairs[0]
    return tensor.tolist()


def said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def measured(torch: Any, case: Case) -> dict[str, Any]:
    """Value, first and second gradients of a call; the text of an error where one is refused."""
    leaves = [leaf(torch, *each) for each in case.operands]
    scope = {"torch": torch, "F": torch.nn.functional, "inf": np.inf, "nan": np.nan}
    found: dict[str, Any] = {}
    try:
        made = eval(case.call, scope, dict(zip(NAMES, leaves, strict=False)))
        made = made if isinstance(made, (list, tuple)) else [made]
        found["value"] = [shown(each) for each in made]
        made = [each for each in made if each.requires_grad]
        leaves = [each for each in leaves if each.requires_grad]
        if made:
            seeds = [torch.ones_like(each.detach()) for each in made]
            grads = torch.autograd.grad(made, leaves, seeds, retain_graph=True, allow_unused=True)
            found["first"] = [shown(each) for each in grads]
            grads = torch.autograd.grad(made, leaves, seeds, create_graph=True, allow_unused=True)
            grads = [each for each in grads if each is not None and each.requires_grad]
            if grads:
                seeds = [torch.ones_like(each.detach()) for each in grads]
                again = torch.autograd.grad(grads, leaves, seeds, allow_unused=True)
                found["second"] = [shown(each) for each in again]
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        found[STAGES[len(found)]] = said(error)
    return found


def close(got: Any, want: Any, tolerance: float) -> bool:
    """Whether two answers are the same: texts, no tensors, or numbers; no gradient stands for one of zeros."""
    if isinstance(want, str) or isinstance(got, str):
        return bool(got == want)
    if want is None or got is None:
        return not np.any(np.asarray(got if want is None else want, object))
    a, b = np.asarray(got, float), np.asarray(want, float)
    return a.shape == b.shape and bool(np.allclose(a, b, tolerance, tolerance / 1000, equal_nan=True))


def differences(found: dict[str, Any], case: Case) -> list[str]:
    tolerance = max(TOLERANCE.get(dtype, 0.0) for dtype, _ in case.operands)
    wrong = []
    for stage in STAGES:
        got, want = found.get(stage), case.told.get(stage)
        pairs = zip(got, want, strict=True) if isinstance(got, list) and isinstance(want, list) else [(got, want)]
        if not all(close(*pair, tolerance) for pair in pairs):
            wrong.append(f"{stage}: {got} instead of {want}")
    return wrong


CASES = [(path.stem, load(path)) for path in sorted(FOLDER.glob("*.txt"))]
by_family = pytest.mark.parametrize(("family", "cases"), CASES, ids=[family for family, _ in CASES])


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What torch warns of beside its answer is not the matter here; NumPy's warnings stay errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def check(torch: Any, cases: list[Case]) -> None:
    wrong = {str(case): differences(measured(torch, case), case) for case in cases}
    failed = [f"{name}\n  " + "\n  ".join(lines) for name, lines in wrong.items() if lines]
    assert not failed, "\n".join(failed)


@by_family
def test_singular_values(family: str, cases: list[Case]) -> None:
    check(engine, cases)


@pytest.mark.torch
@by_family
def test_the_record_is_pytorchs(family: str, cases: list[Case]) -> None:
    oracle = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not oracle.__version__.startswith("2.13."):
        pytest.skip("the record is of torch 2.13")
    check(oracle, cases)


def record(path: Path) -> None:
    """Write a family's answers anew, as the installed torch gives them."""
    import torch

    lines = []
    for case in load(path):
        operands = [f"{dtype} {json.dumps(values)}" for dtype, values in case.operands]
        lines.append(" ; ".join([f">>> {case.call}", *operands]))
        lines += [f"{stage} {json.dumps(values)}" for stage, values in measured(torch, case).items()]
    path.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for each in sorted(FOLDER.glob("*.txt")):
        record(each)
