"""What the tests of samples share: tensors of a sample's inputs, one test an op, comparison of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest

import engine as torch
from tests.engine.pending import reason_for
from tests.engine.samples import SAMPLES
from tests.engine.samples.base import TOLERANCE, Array, Sample, fresh, run, tensors_of

ON_CPU = [each for each in SAMPLES if each.device == "cpu"]


def by_op(samples: Iterable[Sample]) -> Any:
    """One test for each op: a decorator that gives the op's samples as `group`."""
    groups: dict[str, list[Sample]] = {}
    for each in samples:
        groups.setdefault(each.op, []).append(each)
    return pytest.mark.parametrize("group", groups.values(), ids=groups)


def check_each(kind: str, group: list[Sample], check: Callable[[Sample], None]) -> None:
    """Check every sample; tell all that fail. Those that pending.py lists for this kind of test must fail."""
    failed: list[str] = []
    pending: list[str] = []
    first: Exception | None = None
    for sample in group:
        reason = reason_for(kind, sample.id)
        try:
            check(sample)
        except Exception as error:  # noqa: BLE001  # whatever it is, the other samples are tried too
            if reason is None:
                failed.append(f"{sample.id}: {type(error).__name__}: {error}")
                first = first or error
            else:
                pending.append(f"{sample.id}: {reason}")
        else:
            if reason is not None:
                failed.append(f"{sample.id} holds, though pending.py says: {reason}")
    if failed:
        raise AssertionError(f"{len(failed)} of {len(group)} samples\n" + "\n".join(failed)) from first
    if pending:
        pytest.xfail("; ".join(pending))


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
