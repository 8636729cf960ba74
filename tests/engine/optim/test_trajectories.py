"""Optimizers equal PyTorch's step by step: recorded runs everywhere, PyTorch itself where it is installed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import engine
from engine.optim import elementwise
from tests.engine.optim.trajectories import RECORDED, STEPS, Case, cases, numbers, parameters, trajectory

CASES = cases()
# What can be compared beyond the trajectory: LBFGS keeps fewer entries, and halves round at other times.
ALIKE = [each for each in CASES if each.optimizer != "LBFGS" and "float16" not in each.dtype]
# Halves round after each operation in PyTorch, once a step here.
TOLERANCE = {"float64": 1e-12, "complex128": 1e-12, "float32": 3e-6, "float16": 4e-3, "bfloat16": 2e-2}

recorded: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))
each_case = pytest.mark.parametrize("case", CASES, ids=[each.id for each in CASES])


def assert_same(found: Any, expected: Any, dtype: str) -> None:
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@each_case
def test_every_step_is_the_recorded_one(case: Case) -> None:
    assert_same(trajectory(engine, case), recorded[case.id], case.dtype)


@pytest.mark.parametrize("name", sorted({each.optimizer for each in ALIKE}))
def test_blocks_of_a_large_parameter_are_computed_alike(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(elementwise, "BLOCK", 1)
    for case in ALIKE:
        if case.optimizer == name:
            assert_same(trajectory(engine, case), recorded[case.id], case.dtype)


def test_the_records_are_those_of_the_cases() -> None:
    assert list(recorded) == [each.id for each in CASES]
    assert {len(each) for each in recorded.values()} == {STEPS}


def stepped(torch: Any, case: Case) -> Any:
    """An optimizer after two steps on made-up gradients, with its parameters."""
    params = parameters(torch, case.dtype)
    groups = params if case.second is None else [{"params": params[:1]}, {"params": params[1:], **case.second}]
    optimizer = getattr(torch.optim, case.optimizer)(groups, **case.options)
    for scale in (1.0, -0.25):
        for each in params:
            each.grad = (each * scale).detach()
        optimizer.step()
    return optimizer, params


def shown(value: Any) -> Any:
    """State and options with a dtype and a shape in the place of each tensor."""
    if isinstance(value, dict):
        return {key: shown(each) for key, each in value.items()}
    return (str(value.dtype), list(value.shape)) if hasattr(value, "tolist") else value


def values(optimizer: Any) -> list[float]:
    """All numbers of the state."""
    return [number for state in optimizer.state.values() for each in state.values() for number in numbers(each)]


@pytest.mark.torch
@pytest.mark.parametrize("case", ALIKE, ids=[each.id for each in ALIKE])
def test_state_options_versions_and_text_are_pytorchs(case: Case) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    (ours, our_params), (theirs, their_params) = stepped(engine, case), stepped(torch, case)
    found, expected = shown(ours.state_dict()), shown(theirs.state_dict())
    assert found == expected
    assert [list(each) for each in found["state"].values()] == [list(each) for each in expected["state"].values()]
    assert_same(values(ours), values(theirs), case.dtype)
    assert ours.defaults == theirs.defaults
    assert [each._version for each in our_params] == [each._version for each in their_params]
    assert repr(ours) == repr(theirs)


@pytest.mark.torch
@each_case
def test_pytorch_gives_what_is_recorded(case: Case) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert_same(trajectory(torch, case), recorded[case.id], case.dtype)
