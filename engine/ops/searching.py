"""Finding values in sorted sequences and in sets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Operand
from engine.op import Op, is_number, op
from engine.rules import BOOL, INT64, default_dtype, moved_bytes, shape_of, weak

INT32 = np.dtype(np.int32)
BFLOAT16 = dtypes.bfloat16.numpy
BLOCK = 8192  # values that are compared at once


@weak
def bucketize_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of bucketize: one row of boundaries."""
    value, boundaries, out_int32, _ = values
    if boundaries.ndim != 1:
        raise errors.shape_mismatch(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return places_of(values, value, boundaries, out_int32)


def places_of(values: list[Any], value: Any, boundaries: Any, out_int32: bool) -> Estimate:
    """The estimate of places of values in a sequence: int64 unless int32 is asked for."""
    shape = shape_of(value)
    count = 1 if is_number(value) else value.size
    common = dtypes.result_type([value, boundaries], default_dtype())
    if common.category in (dtypes.BOOL, dtypes.COMPLEX) and count:
        raise errors.not_implemented_for("searchsorted_out_cpu", common.type_name)
    if out_int32 and boundaries.ndim and boundaries.shape[-1] >= 2**31 - 1:
        raise errors.bad_argument("torch.searchsorted(): the size of input sequence exceeds the range of int32")
    half = any(getattr(each, "dtype", None) == BFLOAT16 for each in (value, boundaries))
    wide = 8 if half or common.category == dtypes.INTEGRAL else max(common.itemsize, 4)
    row = boundaries.size if boundaries.ndim == 1 else boundaries.shape[-1]
    once = count if boundaries.ndim == 1 else shape[-1]
    held = wide * (once + row) + 4 * count * bool(out_int32)
    held += sum(moved_bytes(each, None) for each in (value, boundaries) if not is_number(each))
    return Estimate(values, [(shape, INT32 if out_int32 else INT64)], None, held, 20 * count)


@op(bucketize_rule, rows=True)
def bucketize(input: Operand, boundaries: Array, *, out_int32: bool = False, right: bool = False) -> Any:
    """The number of the bucket of each element; boundaries belong to the lower one unless `right`."""
    return search(boundaries, input, "right" if right else "left")


def search(sequence: Any, values: Any, side: str) -> Any:
    """searchsorted of one sequence, in the wider of both dtypes (NumPy cannot search bfloat16)."""
    types = sequence.dtype, values.dtype
    wide = xp.float64 if "V" in (types[0].kind, types[1].kind) else xp.result_type(*types)
    sequence, values = sequence.astype(wide), values.astype(wide)
    if xp.dtype(wide).kind == "f" and sequence.size and xp.isnan(sequence).any():
        return bisected(sequence, values, side)
    return xp.asarray(xp.searchsorted(sequence, values, side), dtype=xp.int64)


def bisected(sequence: Any, values: Any, side: str) -> Any:
    """The same by comparisons alone, as torch's: they find what is NaN below all else."""
    out = xp.empty(values.shape, xp.int64)
    flat, places = values.reshape(-1), out.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        part = slice(start, start + BLOCK)
        places[part] = bisected_part(sequence, flat[part], side)
    return out


def bisected_part(sequence: Any, values: Any, side: str) -> Any:
    """The same for a few values at a time, for it takes several arrays of their size."""
    low = xp.zeros(values.shape, xp.int64)
    high = low + sequence.size
    while (low < high).any():
        middle = (low + high) // 2
        entry = sequence[xp.minimum(middle, sequence.size - 1)]
        after = ~(entry > values) if side == "right" else ~(entry >= values)
        after &= low < high
        low, high = xp.where(after, middle + 1, low), xp.where(after | (low >= high), high, middle)
    return low


@weak
def searchsorted_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of searchsorted: one sequence, or one for each row of values."""
    sequence, value, out_int32, right, side, sorter = values
    shape = shape_of(value)
    if is_number(value) or not value.ndim:
        if sequence.ndim != 1:
            raise errors.shape_mismatch(
                "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we "
                f"got boundaries tensor dim({sequence.ndim}) and input value's dim(0) numel(1)"
            )
    elif not sequence.ndim:
        raise errors.shape_mismatch(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    elif sequence.ndim != 1 and (sequence.ndim != value.ndim or sequence.shape[:-1] != shape[:-1]):
        raise errors.shape_mismatch(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input "
            f"value tensor {list(shape)}"
        )
    if side not in (None, "left", "right"):
        raise errors.bad_argument(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side!s:.64}")
    if right and side == "left":
        raise errors.bad_argument(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    if sorter is not None:
        check_sorter(sequence, sorter)
    estimate = places_of(values, value, sequence, out_int32)
    if sequence.ndim > 1:
        estimate.temporaries += 8 * shape[-1]  # the places of one row
    if sorter is not None:
        estimate.temporaries += int(sequence.size * sequence.dtype.itemsize)
    estimate.values = [sequence, value, out_int32, right or side == "right", None, sorter]
    return estimate


def check_sorter(sequence: Any, sorter: Any) -> None:
    """Raise RuntimeError unless a sorter has the sequence's shape and holds int64 places of it."""
    if sorter.shape != sequence.shape:
        raise errors.shape_mismatch(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(sequence.shape)}and got sorter tensor {list(sorter.shape)}"
        )
    if sorter.dtype != INT64:
        raise errors.dtype_mismatch(
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
            f"{dtypes.BY_NUMPY[sorter.dtype].type_name}"
        )
    if isinstance(sorter, np.ndarray) and sorter.size and (sorter.min() < 0 or sorter.max() >= sequence.shape[-1]):
        raise errors.bad_argument("torch.searchsorted(): sorter index out of range")


@op(searchsorted_rule, method=False, rows=True)
def searchsorted(
    sorted_sequence: Array,
    input: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Array | None = None,
) -> Any:
    """The places where values would stand in sorted sequences: before equal ones, or after them if `right`."""
    if sorter is not None:
        sorted_sequence = xp.take_along_axis(sorted_sequence, sorter, -1)
    which = "right" if right else "left"
    if sorted_sequence.ndim == 1:
        return search(sorted_sequence, input, which)
    rows = sorted_sequence.reshape(math.prod(sorted_sequence.shape[:-1]), sorted_sequence.shape[-1])
    out = xp.zeros((rows.shape[0], input.shape[-1]), xp.int64)
    for at in range(rows.shape[0] if input.size else 0):
        out[at] = search(rows[at], input.reshape(out.shape)[at], which)
    return out.reshape(input.shape)


@weak
def isin_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of isin: bools of the elements' shape."""
    elements, tests = values[:2]
    if is_number(elements) and is_number(tests):
        kinds = ", ".join(type(each).__name__ for each in (elements, tests))
        raise errors.bad_type(f"isin() received an invalid combination of arguments - got ({kinds})")
    for each in (elements, tests):
        if not is_number(each) and each.dtype.kind in "bc":
            name = dtypes.BY_NUMPY[each.dtype].type_name
            raise errors.dtype_mismatch(f"Unsupported input type encountered for isin(): {name}")
    numbers = [each for each in (elements, tests) if is_number(each)]
    if any(isinstance(each, bool) for each in numbers):
        raise errors.dtype_mismatch("Unsupported input type encountered for isin(): Bool")
    if any(isinstance(each, complex) for each in numbers):
        raise errors.dtype_mismatch("Unsupported input type encountered for isin(): ComplexDouble")
    compute = dtypes.result_type([elements, tests], default_dtype()).numpy if numbers else None
    count = 1 if is_number(elements) else elements.size
    other = 1 if is_number(tests) else tests.size
    return Estimate(values, [(shape_of(elements), BOOL)], compute, 48 * (count + other), 20 * (count + other))


@op(isin_rule, method=False, rows=True)
def isin(elements: Operand, test_elements: Operand, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element is among the others."""
    elements, tests = xp.asarray(elements), xp.asarray(test_elements).reshape(-1)
    if elements.dtype.kind == "V" or tests.dtype.kind == "V":
        elements, tests = elements.astype(xp.float32), tests.astype(xp.float32)
    return xp.isin(elements, tests, invert=invert)
