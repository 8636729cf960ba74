"""Single precision: where the libraries differ, the same call in double precision tells which is nearer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

import engine
from tests.opinfo.comparing import flat
from tests.opinfo.translation import Array, numpy_of

WIDER = {torch.float32: torch.float64, torch.complex64: torch.complex128}


def widened(sample: Any) -> Any:
    """The sample in double precision; its tensors require grad as before."""
    return sample.transform(wider)


def wider(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return WIDER.get(value, value)
    if value.dtype not in WIDER:
        return value
    return value.detach().to(WIDER[value.dtype]).requires_grad_(value.requires_grad)


@contextmanager
def double_by_default() -> Iterator[None]:
    """A block in which torch makes doubles of integers."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def no_worse(ours: Any, theirs: Any, truth: Any) -> bool:
    """Whether the engine's results are as near to the truth as torch's, up to a factor of two."""
    triples = list(zip(flat(ours), flat(theirs), flat(truth), strict=True))
    return all(near(*each) for each in triples if isinstance(each[1], torch.Tensor))


def near(ours: Any, theirs: torch.Tensor, truth: torch.Tensor) -> bool:
    if not isinstance(ours, engine.Tensor) or tuple(ours.shape) != tuple(theirs.shape):
        return False
    if not theirs.dtype.is_floating_point and not theirs.dtype.is_complex:
        return bool(np.array_equal(ours.detach()._array, numpy_of(theirs)))
    wanted = numpy_of(truth)
    got = ours.detach()._array
    mine, torchs = gaps(got, wanted), gaps(numpy_of(theirs), wanted)
    lost = ~np.isfinite(torchs) | (np.isnan(wanted) & np.isinf(got))  # where torch overflows, nothing is asked
    room = 2 * float(torchs[~lost].max(initial=0.0)) + 1e-6
    return bool((lost | (mine <= room)).all())


def gaps(got: Array, wanted: Array) -> Array:
    """The differences, as shares of the largest value; infinite where one is not finite and the other is."""
    with np.errstate(all="ignore"):
        gap = np.abs(got.astype(wanted.dtype) - wanted)
    gap = np.where((got == wanted) | (np.isnan(got) & np.isnan(wanted)), 0.0, gap)
    scale = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)))
    return np.where(np.isnan(gap), np.inf, gap) / scale
