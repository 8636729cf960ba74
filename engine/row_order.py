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
            if flags is not None and not flags.c_contiguous:
                estimate.temporaries = max(estimate.temporaries, estimate.output_bytes)
                break
        return estimate

    return with_copies
