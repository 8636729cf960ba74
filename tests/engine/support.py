"""What the tests of samples share: tensors of a sample's inputs, comparison of arrays, gradients by weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

import engine as torch
from tests.engine.pending import reason_for
from tests.engine.samples import SAMPLES
from tests.engine.samples.base import TOLERANCE, Array, Sample, fresh, is_inexact, run, tensors_of, weights

ON_CPU = [each for each in SAMPLES if each.device == "cpu"]


def cases(kind: str, samples: Iterable[Sample]) -> list[Any]:
    """A parameter set for each sample; strictly expected to fail while pending.py says so of this kind of test."""
    made = []
    for each in samples:
        reason = reason_for(kind, each.id)
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        made.append(pytest.param(each, id=each.id, marks=marks))
    return made


def tensors(sample: Sample, track: bool = False) -> list[Any]:
    """Fresh engine tensors of the inputs, leaves that require grad where `track` and the sample say so."""
    made = []
    for each in sample.inputs:
        tensor = torch.from_numpy(fresh(each.array))
        if track and each.differentiable:
            tensor.requires_grad_()
        made.append(tensor)
    return made


def results(sample: Sample, inputs: Sequence[Any]) -> list[Any]:
    """What the call gives, as a list."""
    return tensors_of(run(sample, torch, inputs))


def array_of(value: Any) -> Array:
    """The array of a result: a tensor's, or of a Python value."""
    return value.detach()._array if isinstance(value, torch.Tensor) else np.asarray(value)


def widened(array: Array) -> Array:
    """Half types as float64, so that they compare."""
    return array.astype(np.float64) if array.dtype.itemsize == 2 and array.dtype.kind in "fV" else array


def assert_close(got: Array, wanted: Array, what: str = "", tolerance: float | None = None) -> None:
    """Equal shapes and values to the precision of the coarser dtype."""
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, expected {wanted.shape}"
    if tolerance is None:
        tolerance = max(TOLERANCE.get(each.dtype.name, 0.0) for each in (got, wanted))
    np.testing.assert_allclose(widened(got), widened(wanted), rtol=tolerance, atol=tolerance, err_msg=what)


def differentiable_outputs(sample: Sample, outputs: Sequence[Any]) -> list[Any]:
    """The outputs that gradients are sent into."""
    return [each for each in outputs if is_inexact(each._array.dtype) and each.requires_grad]


def upstream(sample: Sample, outputs: Sequence[Any], track: bool = False) -> list[Any]:
    """A fixed gradient for each output."""
    made = [torch.from_numpy(weights(sample, nr, each._array)) for nr, each in enumerate(outputs)]
    for each in made:
        each.requires_grad_(track)
    return made
