"""Places of equal values: which of them an op names is its own choice, unless it is asked to be stable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tests.opinfo.comparing import Difference, flat
from tests.opinfo.translation import Array, numpy_of

# Ops whose last result holds places along a dim, and the position of `dim` among the arguments after the tensor.
DIM_AT = {"sort": 0, "argsort": 0, "topk": 1, "kthvalue": 1, "mode": 0}


def place(op: str, args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    """The dim along which the op works."""
    at = DIM_AT[op]
    found = kwargs.get("dim", args[at] if len(args) > at else -1)
    return found if type(found) is int else -1


def check(op: str, sample: Any, ours: Any, theirs: Any) -> None:
    """Raises Difference unless the places hold, in the input, the same values as torch's."""
    values = numpy_of(sample.input)
    got, want = (list(flat(each))[-1] for each in (ours, theirs))
    dim = place(op, sample.args, sample.kwargs)
    if sample.kwargs.get("stable") or not values.ndim or not isinstance(want, torch.Tensor):
        raise Difference("places differ")
    if not np.array_equal(taken(values, got._array, dim), taken(values, numpy_of(want), dim), values.dtype.kind == "f"):
        raise Difference("the places hold other values than torch's")


def taken(values: Array, places: Array, dim: int) -> Array:
    """The values at places along a dim, which the places may lack."""
    if places.ndim < values.ndim:
        places = np.expand_dims(places, dim)
    return np.take_along_axis(values, places, dim)
