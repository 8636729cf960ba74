"""Results that are row-major whatever their operands' layout, which NumPy follows: those are copied."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def in_rows(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of an op with such results: where an operand is not row-major, they are held twice for a moment."""

    @functools.wraps(rule)
    def with_copies(op: Any, values: list[Any]) -> Any:
        estimate = rule(op, values)
        for at in op.tensor_at:
            flags = getattr(values[at], "flags", None)
            if flags is not None and not (flags.c_contiguous or in_order(values[at])):
                estimate.temporaries = max(estimate.temporaries, estimate.output_bytes)
                break
        return estimate

    return with_copies


def in_order(array: Any) -> bool:
    """Whether the dims of an array (or of a shape) lie in memory in their order, gaps and repetitions aside."""
    before = 0
    for size, step in zip(reversed(array.shape), reversed(array.strides), strict=True):
        if size > 1 and step:
            if step < before:
                return False
            before = step
    return True
