"""The larger and the smaller of two operands."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array
from engine.op import Op, is_number, op
from engine.ops.arithmetic import div_number
from engine.ops.compare import eq, lt
from engine.ops.selection import masked_fill, where
from engine.rules import (
    elementwise,
    weak,
)


@weak
def extremum(op: Op, values: list[Any]) -> Estimate:
    """The rule of maximum and minimum: no complex numbers."""
    if [1 for each in values if not is_number(each) and each.dtype.kind == "c"]:
        raise errors.dtype_mismatch(f"{op.name} not implemented for complex tensors.")
    return elementwise()(op, values)


@op(extremum)
def maximum(input: Array, other: Array) -> Any:
    """The larger of each pair; NaN if either is."""
    return xp.maximum(input, other)


maximum.vjp(
    input=lambda g, input, other: shared(g, lt(input, other), eq(input, other)),
    other=lambda g, input, other: shared(g, lt(other, input), eq(input, other)),
)


def shared(g: Any, loses: Any, tie: Any) -> Any:
    """The gradient one side of an extremum gets: none where it loses, half at a tie (NaN is neither)."""
    return masked_fill(where(tie, div_number(g, 2), g), loses, 0)


@op(extremum)
def minimum(input: Array, other: Array) -> Any:
    """The smaller of each pair; NaN if either is."""
    return xp.minimum(input, other)


minimum.vjp(
    input=lambda g, input, other: shared(g, lt(other, input), eq(input, other)),
    other=lambda g, input, other: shared(g, lt(input, other), eq(input, other)),
)
