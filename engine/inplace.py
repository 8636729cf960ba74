"""What every in-place op shares: whether its result may be written into its first operand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from engine import dtypes, errors


def written(rule: Callable[..., Any], checks_cast: bool) -> Callable[..., Any]:
    """The rule of the in-place form of an op with this rule.

    It refuses, as torch does, a result of another shape or of a dtype of a higher category than the operand's; its
    estimate has the operand's own shape and dtype as output, and what the kernel computes first as a temporary, unless
    the rule says (`shared`) that it counted that, or that there is no such thing.
    """

    def in_place(op: Any, values: list[Any]) -> Any:
        estimate = rule(op, values)
        array = values[0]
        shape, dtype = estimate.outputs[0]
        if shape != array.shape:
            check_shape(shape, array.shape)
        if checks_cast and dtype is not array.dtype:
            check_cast(dtypes.BY_NUMPY[dtype], dtypes.BY_NUMPY[array.dtype])
        if not estimate.shared:
            estimate.temporaries += math.prod(shape) * dtype.itemsize
        estimate.outputs = [(shape, array.dtype)]
        estimate.shared = True
        return estimate

    return in_place


def check_shape(shape: tuple[int, ...], into: tuple[int, ...]) -> None:
    """Refuse a result of another shape than what it is to be written into.

    Raises RuntimeError.
    """
    if shape != into:
        raise errors.shape_mismatch(f"output with shape {list(into)} doesn't match the broadcast shape {list(shape)}")


def check_cast(source: dtypes.DType, target: dtypes.DType) -> None:
    """Refuse a result of a higher category than what it is to be written into.

    Raises RuntimeError.
    """
    if source.category > target.category:
        raise errors.dtype_mismatch(
            f"result type {source.type_name} can't be cast to the desired output type {target.type_name}"
        )
