"""Standardised rows, a block at a time: what `normalization` does where its dims are an array's last ones, on NumPy.

Few passes over memory: sums are products with vectors, and what belongs to a row is worked out before it is spread.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.arrays import widened
from engine.rowwise import dots, for_blocks, in_rows, long_rows, ones, totals
from engine.rules import Shape

FEW = 256  # elements that are not worth it
SHORT = 32  # rows for which NumPy's loops are too short


def last(dims: Shape, *arrays: Any) -> bool:
    """Whether the dims are the last ones of arrays of one shape that lie in rows."""
    first = arrays[0]
    return bool(dims) and dims[0] == first.ndim - len(dims) and in_rows(first.ndim - 1, arrays, FEW)


def rows_of(x: Any, dims: Shape) -> Any:
    """The array as a matrix whose rows are the dims, its last ones."""
    return x.reshape(-1, math.prod(x.shape[at] for at in dims))


def flat(values: Any) -> Any:
    """Values as one row, half types as float32; None as it is."""
    return None if values is None else widened(values).reshape(-1)


def standard_rows(input: Any, dims: Shape, eps: float, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """Rows less their mean, over their deviation, times weight, plus bias; the means, and 1 over the deviations."""
    x = rows_of(input, dims)
    scale, shift = flat(weight), flat(bias)
    made = np.empty(input.shape, input.dtype)
    target = rows_of(made, dims)
    wide = np.float32 if widened(x[:0]).dtype != x.dtype else x.dtype
    stats = np.empty((2, len(x), 1), wide)
    count, small = stats.dtype.type(x.shape[1]), stats.dtype.type(eps)

    def work(part: slice) -> None:
        block = widened(x[part])
        out = target[part] if block.dtype == made.dtype else np.empty(block.shape, block.dtype)
        mean, rstd = stats[:, part]
        np.divide(totals(block, 1), count, out=mean)
        np.subtract(block, mean, out=out)
        np.divide(dots(out, out, 1), count, out=rstd)
        rstd += small
        np.divide(1, np.sqrt(rstd, out=rstd), out=rstd)
        out *= rstd
        if scale is not None:
            out *= scale
        if shift is not None:
            out += shift
        if block.dtype != made.dtype:
            target[part] = out

    for_blocks(work, x)
    kept = (*input.shape[: input.ndim - len(dims)], *(1,) * len(dims))
    return made, stats[0].reshape(kept), stats[1].reshape(kept)


def pull_back_rows(
    grad: Any, input: Any, dims: Shape, mean: Any, rstd: Any, weight: Any, wanted: tuple[bool, bool, bool]
) -> list[Any]:
    """The gradients of `standard_rows` to input, weight and bias, of those that are wanted.

    With x^ the standardised input and w the weight: rstd (g w - mean(g w) - x^ mean(g w x^)), g x^ and g, the last two
    summed over the rows.
    """
    g, x = rows_of(grad, dims), rows_of(input, dims)
    means, scales = widened(mean).reshape(-1, 1), widened(rstd).reshape(-1, 1)
    factor = flat(weight)
    made = np.empty(grad.shape, grad.dtype) if wanted[0] else None
    target = None if made is None else rows_of(made, dims)
    sums = np.zeros((2, x.shape[1]), scales.dtype)
    count = scales.dtype.type(x.shape[1])

    def work(part: slice) -> None:
        block, scale = widened(g[part]), scales[part]
        if wanted[2]:
            sums[1] += ones(len(block), block.dtype) @ block
        if not (wanted[0] or wanted[1]):
            return
        rest = widened(x[part]) - means[part]
        product = block * rest
        if wanted[1]:
            sums[0] += scale[:, 0] @ product
        if target is None:
            return
        slope = totals(product, 1) if factor is None else (product @ factor)[:, None]
        level = totals(block, 1) if factor is None else (block @ factor)[:, None]
        rest *= slope * (scale * scale / count)
        rest += level / count
        out = product if factor is None else np.multiply(block, factor, out=product)
        np.subtract(block if factor is None else out, rest, out=out)
        np.multiply(out, scale, out=target[part] if out.dtype == target.dtype else out)
        if out.dtype != target.dtype:
            target[part] = out

    for_blocks(work, x)
    shape = tuple(input.shape[at] for at in dims)
    return [made, *(each.reshape(shape) if want else None for each, want in zip(sums, wanted[1:], strict=True))]


# -- groups of channels -----------------------------------------------------------------------------------------------


def planes(*arrays: Any) -> bool:
    """Whether arrays of one shape, (N, C, ...), lie in rows of one channel each, long enough for NumPy's loops."""
    first = arrays[0]
    return math.prod(first.shape[2:]) >= SHORT and in_rows(first.ndim - 1, arrays, FEW)


def spread(values: Any, each: int = 1) -> Any:
    """One value for each channel or, `each` times, for each group: as a column."""
    return np.repeat(values.reshape(-1), each)[:, None]


def standard_groups(input: Any, groups: int, eps: float, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """Groups of channels, standardised, times weight, plus bias; the means, and 1 over the deviations."""
    n, channels = input.shape[:2]
    each = channels // groups
    x = widened(input).reshape(n * channels, -1)
    parts, count, small = (n, groups, each), x.dtype.type(each * x.shape[1]), x.dtype.type(eps)
    with long_rows(x.shape[1]):
        mean = totals(x, 1).reshape(parts).sum(axis=2) / count
        out = np.subtract(x, spread(mean, each))
        variance = dots(out, out, 1).reshape(parts).sum(axis=2) / count
        rstd = 1 / np.sqrt(variance + small)
        out *= spread(rstd, each) if weight is None else spread(rstd[..., None] * flat(weight).reshape(groups, each))
        if bias is not None:
            out += spread(np.broadcast_to(flat(bias), (n, channels)))
    return out.reshape(input.shape).astype(input.dtype, copy=False), mean, rstd


def pull_back_groups(
    grad: Any, input: Any, groups: int, mean: Any, rstd: Any, weight: Any, wanted: tuple[bool, bool, bool]
) -> list[Any]:
    """The gradients of `standard_groups` to input, weight and bias, of those that are wanted."""
    n, channels = input.shape[:2]
    each, parts = channels // groups, (n, groups, channels // groups)
    g, x = (widened(array).reshape(n * channels, -1) for array in (grad, input))
    count, scale = g.dtype.type(each * g.shape[1]), widened(rstd).reshape(n, groups, 1)
    factor = g.dtype.type(1) if weight is None else flat(weight).reshape(groups, each)
    with long_rows(g.shape[1]):
        rest = np.subtract(x, spread(widened(mean), each))
        slopes, levels = dots(g, rest, 1).reshape(parts), totals(g, 1).reshape(parts)
        out = None
        if wanted[0]:
            slope = (slopes * factor).sum(axis=2, keepdims=True) * (scale * scale * scale / count)
            level = (levels * factor).sum(axis=2, keepdims=True) * (scale / count)
            rest *= spread(slope, each)
            rest += spread(level, each)
            out = g * spread(np.broadcast_to(scale * factor, parts))
            out -= rest
            out = out.reshape(grad.shape).astype(grad.dtype, copy=False)
    sums = ((slopes * scale).sum(axis=0).reshape(-1), levels.sum(axis=0).reshape(-1))
    return [out, *(each if want else None for each, want in zip(sums, wanted[1:], strict=True))]
