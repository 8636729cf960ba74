"""Optimizers on a GPU that NumPy plays: parameters and state lie there, numbers on the host, and nothing mixes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import engine as torch
from tests.engine import fake_cupy
from tests.engine.optim.trajectories import RECORDED, VARIANTS, cases, parameters, trajectory
from tests.engine.test_device import forget

CASES = [each for each in cases() if each.dtype in ("float64", "complex128")]
ON_HOST = {"step", "mu_product", "eta", "mu"}
recorded: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))


@pytest.fixture(scope="module", autouse=True)
def gpu() -> Iterator[Any]:
    """A machine with two GPUs, for the tests of this file."""
    with fake_cupy.installed() as cupy:
        forget()
        yield cupy
    forget()


@pytest.mark.parametrize("name", VARIANTS)
def test_every_step_is_that_of_the_cpu(name: str) -> None:
    for case in CASES:
        if case.optimizer == name:
            found = trajectory(torch, case, "cuda:1")
            np.testing.assert_allclose(found, recorded[case.id], rtol=1e-12, atol=1e-12, err_msg=case.id)


@pytest.mark.parametrize("name", VARIANTS)
def test_state_lies_beside_the_parameter_and_its_numbers_on_the_host(name: str) -> None:
    params = parameters(torch, "float32", "cuda:1")
    optimizer = getattr(torch.optim, name)(params, lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (params[0] ** 2).sum() + params[1] ** 4
        loss.backward()
        return loss

    optimizer.step(closure)
    optimizer.step(closure)
    for state in optimizer.state.values():
        for key, value in state.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, torch.Tensor) and each.ndim:
                    assert str(each.device) == "cuda:1", key
                elif isinstance(each, torch.Tensor) and key in ON_HOST:
                    assert str(each.device) == "cpu", key


def test_a_gradient_on_another_device_is_refused() -> None:
    w = torch.ones(2, device="cuda:0", requires_grad=True)
    w._grad = torch.ones(2)
    for name in VARIANTS:
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device") as raised:
            getattr(torch.optim, name)([w]).step(lambda: 1.0)
        assert raised.value.code == "bad_argument"
