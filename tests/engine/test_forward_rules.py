"""Short rules of forward mode against the general way, which differentiates the op's gradient formula twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as torch
from engine.autograd import forward_ad, forward_rules
from tests.engine.samples import SAMPLES
from tests.engine.samples.base import Sample, run

REAL = [
    each
    for each in SAMPLES
    if each.device == "cpu"
    and not (each.inplace or each.drawn or each.call)
    and each.smooth
    and each.differentiable is True
    and any(one.array.dtype == np.float64 for one in each.inputs)
    and all(one.array.dtype.kind != "c" for one in each.inputs)
]


def pushed(sample: Sample) -> list[Any]:
    """The tangents of a sample's results, for tangents of ones and halves."""
    with forward_ad.dual_level():
        duals = []
        for at, each in enumerate(sample.inputs):
            tensor = torch.from_numpy(each.array.copy())
            if each.differentiable:
                tensor = forward_ad.make_dual(tensor, torch.full_like(tensor, 1 / (at + 1)))
            duals.append(tensor)
        result = run(sample, torch, duals)
        several = result if isinstance(result, (tuple, list)) else [result]
        return [forward_ad.unpack_dual(each).tangent for each in several if isinstance(each, torch.Tensor)]


def test_there_are_samples_enough() -> None:
    assert len({each.op for each in REAL}) > 200


@pytest.mark.parametrize("family", sorted({each.op[0] for each in REAL}))
def test_short_rules_give_what_two_gradients_give(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the ops whose names begin so."""
    samples = [each for each in REAL if each.op[0] == family]
    short = [pushed(each) for each in samples]
    monkeypatch.setattr(forward_rules, "push", lambda *args: None)
    for sample, ours in zip(samples, short, strict=True):
        for mine, general in zip(ours, pushed(sample), strict=True):
            assert (mine is None) == (general is None), sample.id
            if mine is not None:
                rtol = 1e-9 if mine.numpy().dtype.itemsize == 8 else 1e-6
                np.testing.assert_allclose(mine.numpy(), general.numpy(), rtol, 1e-12, err_msg=sample.id)
