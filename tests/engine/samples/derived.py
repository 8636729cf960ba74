"""Samples that follow from others: in-place forms, and the further names of an op."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from engine.op import registry
from tests.engine.samples.base import In, Sample, expected, is_inexact

# The calls of an op that its in-place form is tried with, where they fit.
TRIED = (
    "0d", "1d", "2d-transposed", "3d", "empty", "row", "transposed", "float32", "complex128", "int64", "bool", "number",
    "mixed-floats", "float-with-int", "complex-with-real", "alpha", "trunc", "floor", "to-3", "to-0.5", "to-0",
    "to-tensor", "odd-values",
)  # fmt: skip
NOT_IN_PLACE = {("abs_", "c")}  # torch refuses: a complex tensor cannot hold what abs gives


def category(dtype: np.dtype[Any]) -> int:
    """bool, integers, floats, complex numbers: what may be written into what."""
    return {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}[dtype.kind]


def in_place(op: str, samples: Iterable[Sample]) -> list[Sample]:
    """`op_` on the samples of `op` whose result fits into the first operand: those tried always, and four at least."""
    fitting = [each for each in samples if _fits(op, each)]
    tried = [each for each in fitting if each.name in TRIED]
    others = [each for each in fitting if each.name not in TRIED]
    return [_in_place(op, each) for each in [*tried, *others[: max(4 - len(tried), 0)]]]


def _fits(op: str, sample: Sample) -> bool:
    first = sample.args[0] if sample.args else None
    if sample.call is not None or not isinstance(first, In) or (op, first.array.dtype.kind) in NOT_IN_PLACE:
        return False
    results = expected(sample)
    result = results[0]
    fits = result.shape == first.array.shape and category(result.dtype) <= category(first.array.dtype)
    if op == "float_power_":
        fits = fits and result.dtype == first.array.dtype
    return len(results) == 1 and fits


def _in_place(op: str, sample: Sample) -> Sample:
    dtype = sample.args[0].array.dtype
    changed: dict[str, Any] = {"op": op, "dtype": dtype.name}
    if sample.differentiable is False and is_inexact(dtype):
        # What was overwritten with a truth value has a zero gradient; torch forgets this for logical_*_.
        changed |= {"differentiable": True, "smooth": not op.startswith("logical")}
    return replace(sample, **changed)


def renamed(op: str, samples: Iterable[Sample]) -> list[Sample]:
    """A few samples under another name of their op."""
    return [replace(each, op=op) for each in samples if each.call is None][:2]


def derived(samples: list[Sample]) -> list[Sample]:
    """Samples for the names of the registry that have none of their own."""
    by_op: dict[str, list[Sample]] = {}
    for each in samples:
        by_op.setdefault(each.op, []).append(each)
    made: dict[str, list[Sample]] = {}
    for name in registry:
        if name not in by_op and name.endswith("_") and name[:-1] in by_op:
            made[name] = in_place(name, by_op[name[:-1]])
    by_function = {
        id(registry[name].ops): (name, group) for name, group in {**by_op, **made}.items() if name in registry
    }
    for name, function in registry.items():
        if name not in by_op and name not in made and id(function.ops) in by_function:
            made[name] = renamed(name, by_function[id(function.ops)][1])
    return [each for group in made.values() for each in group]
