"""Single precision: where the libraries differ, the same call in double precision tells which is nearer."""

from __future__ import annotations

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


def no_worse(ours: Any, theirs: Any, truth: Any) -> bool:
    """Whether the engine's results are as near to the truth as torch's, up to a factor of two."""
    triples = list(zip(flat(ours), flat(theirs), flat(truth), strict=True))
    return all(near(*each) for each in triples if isinstance(each[1], torch.Tensor))


def near(ours: Any, theirs: torch.Tensor, truth: torch.Tensor) -> bool:
    if not isinstance(ours, engine.Tensor) or tuple(ours.shape) != tuple(theirs.shape):
        return False
    wanted = numpy_of(truth)
    return distance(ours.detach()._array, wanted) <= 2 * distance(numpy_of(theirs), wanted)


def distance(got: Array, wanted: Array) -> float:
    """The largest difference, as a share of the largest value."""
    with np.errstate(all="ignore"):
        gap = np.abs(got.astype(wanted.dtype) - wanted)
    gap = np.where((got == wanted) | (np.isnan(got) & np.isnan(wanted)), 0.0, gap)
    scale = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)))
    return float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0)) / scale + 1e-6
