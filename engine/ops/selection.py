"""Choosing between values by a mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Operand
from engine.modes import warn_once
from engine.op import Op, is_number, op
from engine.ops.creation import zeros_like
from engine.rules import broadcast, cast_bytes, check_number, default_dtype, shape_of, stored, weak

NUMBERS = (int, float, complex)


@weak
def where_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of where: a bool condition, and two operands that promote."""
    condition = values[0]
    if is_number(condition) or condition.dtype not in (bool, xp.uint8):
        name = type(condition).__name__ if is_number(condition) else dtypes.of(condition).type_name
        raise errors.dtype_mismatch(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {name}"
        )
    if condition.dtype != bool:
        warn_once(
            "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future "
            "version of PyTorch. Use a boolean condition instead.",
            level=5,
        )
    pair = values[1:]
    compute = dtypes.result_type(pair, default_dtype()).numpy
    for each in pair:
        if each.__class__ in NUMBERS and compute not in dtypes.HALF_TYPES:
            check_number(each, compute)
    shape = broadcast(*[shape_of(each) for each in values])
    return Estimate(values, [(shape, compute)], compute, cast_bytes(pair, compute), condition.size)


@op(where_rule, cast=("input", "other"))
def where(condition: Array, input: Operand, other: Operand) -> Any:
    """`input` where the condition holds, else `other`."""
    return xp.where(condition, input, other)


where.vjp(
    input=lambda g, condition: where(condition, g, zeros_like(g)),
    other=lambda g, condition: where(condition, zeros_like(g), g),
)


def stored_value(value: Any, dtype: Any) -> Any:
    """A number, or a 0-d tensor, as what an element of this dtype can be.

    Raises RuntimeError for a value, if it is known on the host, that the dtype cannot hold.
    """
    if is_number(value):
        return stored(value, dtype)
    if isinstance(value, np.ndarray):
        stored(value.item(), dtype)
    return value


def masked_fill_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of masked_fill: a bool mask that broadcasts, a value that fits the dtype."""
    input, mask, value = values
    if mask.dtype != bool:
        raise errors.dtype_mismatch(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {dtypes.BY_NUMPY[mask.dtype].cpp_name}"
        )
    if not is_number(value) and value.ndim:
        raise errors.shape_mismatch(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    value = stored_value(value, input.dtype)
    shapes = (input.shape, mask.shape)
    shape = broadcast(*shapes) if op.inplace_only else broadcast(*shapes[::-1])
    return Estimate([input, mask, value], [(shape, input.dtype)], input.dtype, mask.size, math.prod(shape))


@op(
    masked_fill_rule,
    inplace=True,
    cast=("value",),
    node="MaskedFillBackward1",
    number_node="MaskedFillBackward0",
    rows=True,
)
def masked_fill(input: Array, mask: Array, value: Operand) -> Any:
    """The input with `value` where the mask holds."""
    return xp.where(mask, value, input) if value else arrays.keep(~mask, input)


masked_fill.vjp(input=lambda g, mask: masked_fill(g, mask, 0), value=lambda g, mask: where(mask, g, zeros_like(g)))
