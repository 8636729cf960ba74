"""Whether results of the two libraries are equal: structure, dtypes, shapes, values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import engine
from tests.opinfo.translation import Array, numpy_of

TOLERANCE = {"float64": 1e-8, "complex128": 1e-8, "float32": 5e-4, "complex64": 5e-4, "float16": 1e-2, "bfloat16": 5e-2}


class Difference(AssertionError):
    """A first difference, told in one line."""


def flat(value: Any) -> Iterator[Any]:
    """The tensors and other values in a result, in order."""
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size | engine.Size):
        for each in value:
            yield from flat(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from flat(each)
    else:
        yield value


def compare(ours: Any, theirs: Any, what: str, values: bool = True) -> None:
    """Raises Difference where two results differ; `values=False` looks at forms only."""
    got, want = list(flat(ours)), list(flat(theirs))
    if len(got) != len(want):
        raise Difference(f"{what}: {len(got)} results, torch {len(want)}")
    for nr, (one, other) in enumerate(zip(got, want, strict=True)):
        name = what if len(want) == 1 else f"{what} {nr}"
        if isinstance(other, torch.Tensor | engine.Tensor):
            compare_tensors(one, other, name, values)
        elif not same(one, other, values):
            raise Difference(f"{name}: {one!r}, torch {other!r}")


def same(ours: Any, theirs: Any, values: bool) -> bool:
    """Whether two values that are no tensors agree."""
    if isinstance(theirs, torch.dtype | torch.Size | torch.device):
        return repr(theirs).endswith(repr(ours)) or tuple(theirs) == tuple(ours)
    if type(ours) is not type(theirs):
        return False
    if not values or ours == theirs or ours != ours:
        return True
    return isinstance(theirs, float | complex) and abs(ours - theirs) <= 1e-8 * max(1.0, abs(theirs))


def compare_tensors(ours: Any, theirs: Any, what: str, values: bool = True) -> None:
    """Raises Difference where dtype, shape or values differ from torch's, or from other ones of the engine."""
    if not isinstance(ours, engine.Tensor):
        raise Difference(f"{what}: {type(ours).__name__} {str(ours)[:60]}, torch a tensor")
    dtype = str(theirs.dtype).removeprefix("torch.")
    if str(ours.dtype).removeprefix("torch.") != dtype:
        raise Difference(f"{what}: dtype {str(ours.dtype).removeprefix('torch.')}, torch {dtype}")
    if tuple(ours.shape) != tuple(theirs.shape):
        raise Difference(f"{what}: shape {tuple(ours.shape)}, torch {tuple(theirs.shape)}")
    if values:
        compare_arrays(array_of(ours), array_of(theirs), dtype, what)


def array_of(tensor: Any) -> Array:
    """The values of a tensor of either library."""
    return np.asarray(tensor.detach()._array) if isinstance(tensor, engine.Tensor) else numpy_of(tensor)


def compare_arrays(got: Array, want: Array, dtype: str, what: str) -> None:
    """Raises Difference where values differ by more than the dtype's tolerance of the largest one."""
    if not want.size:
        return
    if dtype not in TOLERANCE:
        wrong = got != want
    else:
        wide = np.complex128 if want.dtype.kind == "c" else np.float64
        got, want = got.astype(wide), want.astype(wide)
        wrong = ~close(got, want, TOLERANCE[dtype])
    if wrong.any():
        at = tuple(int(each) for each in np.argwhere(wrong)[0])
        raise Difference(f"{what}: {got[at]!s} at {list(at)}, torch {want[at]!s} ({int(wrong.sum())} of {want.size})")


def close(got: Array, want: Array, tolerance: float) -> Any:
    """Element by element; infinities and NaN must be the same in real numbers."""
    if want.dtype.kind == "c":
        with np.errstate(all="ignore"):
            near = np.abs(got - want) <= tolerance * np.maximum(np.abs(want), 1)  # parts may cancel
        parts = close(got.real, want.real, tolerance) & close(got.imag, want.imag, tolerance)
        return near | parts | ~(np.isfinite(got) | np.isfinite(want))  # which part of it is left open
    finite = np.isfinite(want)
    scale = float(np.abs(want[finite]).max(initial=0.0))
    room = tolerance * np.maximum(np.abs(want), min(max(scale, 1.0), 1e3 if math.isfinite(scale) else 1.0))
    with np.errstate(all="ignore"):
        near = np.abs(got - want) <= room
    return np.where(finite, near, (got == want) | (np.isnan(got) & np.isnan(want)))
