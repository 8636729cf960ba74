"""Norms of windows that slide along the last dims."""

from __future__ import annotations

import math
from typing import Any

from engine import errors
from engine.infer import composed
from engine.kinds import Array, Dims, Number
from engine.op import op
from engine.ops.arithmetic import mul, neg
from engine.ops.maxima import max_pool1d, max_pool2d, max_pool3d
from engine.ops.pooling import avg_pool1d, avg_pool2d, avg_pool3d
from engine.ops.powers import pow_number
from engine.ops.unary import abs, relu, sign
from engine.rules import FUNCTIONAL


def norms(count: int, input: Any, norm_type: Any, kernel: Any, stride: Any, ceil: bool) -> Any:
    """The p-norms of windows over the last `count` dims: roots of sums of powers, or the largest and least size."""
    if count > 1 and len(kernel) not in (1, count):
        few = f", got {len(kernel)}" if len(kernel) < count else ""
        word = "not enough" if few else "too many"
        raise errors.bad_value(f"{word} values to unpack (expected {count}{few})")
    if norm_type in (math.inf, -math.inf):
        sizes = abs(input) if norm_type > 0 else neg(abs(input))
        largest = (max_pool1d, max_pool2d, max_pool3d)[count - 1](sizes, kernel, stride, (0,), (1,), ceil)
        return largest if norm_type > 0 else neg(largest)
    powers = pow_number(input, norm_type)
    if count == 1:
        means = avg_pool1d(powers, kernel, stride, (0,), ceil, True)
    else:
        means = (avg_pool2d if count == 2 else avg_pool3d)(powers, kernel, stride, (0,), ceil, True, None)
    if norm_type == 0:
        text = "complex" if isinstance(norm_type, complex) else "float"
        raise errors.coded(ZeroDivisionError, "bad_argument", f"{text} division by zero")
    each = math.prod(kernel) if len(kernel) > 1 else int(kernel[0]) ** count
    return pow_number(mul(mul(sign(means), relu(abs(means))), each), 1.0 / norm_type)


@op(composed, namespace=FUNCTIONAL, composite=True)
def lp_pool1d(
    input: Array, norm_type: Number, kernel_size: Dims, stride: Dims | None = None, ceil_mode: bool = False
) -> Any:
    """The p-norms of windows over the last dim."""
    return norms(1, input, norm_type, kernel_size, stride, ceil_mode)


@op(composed, namespace=FUNCTIONAL, composite=True)
def lp_pool2d(
    input: Array, norm_type: Number, kernel_size: Dims, stride: Dims | None = None, ceil_mode: bool = False
) -> Any:
    """The p-norms of windows over the last two dims."""
    return norms(2, input, norm_type, kernel_size, stride, ceil_mode)


@op(composed, namespace=FUNCTIONAL, composite=True)
def lp_pool3d(
    input: Array, norm_type: Number, kernel_size: Dims, stride: Dims | None = None, ceil_mode: bool = False
) -> Any:
    """The p-norms of windows over the last three dims."""
    return norms(3, input, norm_type, kernel_size, stride, ceil_mode)
