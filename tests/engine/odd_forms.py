"""Inputs in forms that the samples do not have: other dtypes, layouts, expanded, long in one dim alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

import engine as torch
from engine.infer import Estimate
from engine.op import Op
from tests.engine.estimating import COUNTS, LARGEST, estimate_of, peak_of
from tests.engine.samples.base import Sample

Array = np.ndarray[Any, Any]
FLOPS = 10**9  # more take long


def cast(dtype: Any) -> Callable[[Array], Array]:
    """Floats in another dtype; complex numbers stay, unless it is complex too."""
    kept = "f" if np.dtype(dtype).kind != "c" else "fc"
    return lambda array: array.astype(dtype) if array.dtype.kind in kept else array


def columns_first(array: Array) -> Array:
    """In column-major order."""
    return np.asfortranarray(array)


def gapped(array: Array) -> Array:
    """Every other element of a larger array."""
    if not array.ndim:
        return array
    view = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)[..., ::2]
    view[...] = array
    return view


def expanded(dim: int) -> Callable[[Array], Array]:
    """The first entry of a dim, repeated."""

    def repeat(array: Array) -> Array:
        if not array.ndim or array.shape[dim] < 2:
            return array
        return np.broadcast_to(array.take([0], dim), array.shape)

    return repeat


def both(first: Callable[[Array], Array], then: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """One form after the other."""
    return lambda array: then(first(array))


FORMS = (
    cast(np.float16),
    columns_first,
    cast(np.float32),
    expanded(0),
    cast(ml_dtypes.bfloat16),
    gapped,
    cast(np.complex64),
    expanded(-1),
    both(cast(np.float16), columns_first),
)


def tiled(sample: Sample, share: float, elements: int, nr: int) -> list[Array]:
    """The inputs with some dims repeated: all of them, or (every other `nr`) those of one size alone."""
    arrays = [each.array for each in sample.inputs]
    sizes = sorted({size for each in arrays for size in each.shape if size > 1})
    grown = sizes if nr % 2 else [sizes[nr // 2 % len(sizes)]]
    wide = [(each.size, sum(size in grown for size in each.shape)) for each in arrays]
    times = min(math.ceil((elements / size) ** (1 / dims)) for size, dims in wide if dims)
    times = max(1, int(times * share))
    return [np.ascontiguousarray(np.tile(each, [times if n in grown else 1 for n in each.shape])) for each in arrays]


def tensor(array: Array) -> Any:
    """A tensor of the array's layout."""
    if array.flags.writeable:
        return torch.from_numpy(array)
    once = array[tuple(slice(0, 1 if step == 0 else None) for step in array.strides)]
    return torch.from_numpy(np.array(once)).expand(*array.shape)


def formed(sample: Sample, nr: int, elements: int) -> tuple[Op, list[Any], Estimate]:
    """The call on inputs of about so many elements in the form of this number; fewer where it would be too much."""
    share = 1.0
    while True:
        inputs = [tensor(FORMS[nr % len(FORMS)](each)) for each in tiled(sample, share, elements, nr)]
        op, values, estimate = estimate_of(sample, inputs)
        if max(estimate.output_bytes, estimate.temporaries / 4) <= LARGEST and estimate.flops <= FLOPS:
            return op, values, estimate
        if share < 1e-3:
            raise ValueError("too large in any size")
        share *= 0.6


def measured_odd(sample: Sample, nr: int, elements: int) -> tuple[Estimate, int] | None:
    """As `estimating.measured`, for the form of this number; None where the op does not take it."""
    try:
        op, values, estimate = formed(sample, nr, elements)
        if op.composite or sample.op in COUNTS:
            return None
        with torch.no_grad():
            op.door(op, values)  # what is made once is made now
            op, values, estimate = formed(sample, nr, elements)
            peak = peak_of(lambda: op.door(op, values))
    except (RuntimeError, IndexError, ValueError, TypeError, AssertionError, NotImplementedError):
        return None
    return estimate, peak - (0 if estimate.shared else estimate.output_bytes)
