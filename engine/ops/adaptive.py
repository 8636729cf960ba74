"""Pooling to a size: windows as large as the result's size asks for, their averages and maxima."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Index, Truth
from engine.op import Op, op
from engine.ops.creation import zeros_like
from engine.ops.maxima import PAIR, plane_scatter
from engine.ops.pooling import check_line, one_int
from engine.ops.reduction import mean_dim
from engine.ops.taps import check_float, map_forth, mapped, mapped_bytes, taps_of
from engine.ops.views import squeeze_dim, unsqueeze
from engine.rules import FUNCTIONAL, INT64, Shape
from engine.tensor import check_dim

HALF = dtypes.HALF_TYPES
ADAPTIVE = ("adaptive", None, False)


def target_size(size: Any, shape: Shape, count: int) -> Any:
    """An output size with an entry for each pooled dim; None stands for the input's.

    Raises ValueError for more entries than the input has dims, TypeError for what has no entries.
    """
    if isinstance(size, int):
        return size if isinstance(size, bool) or not -(2**63) <= size < 2**63 else (size,) * count
    with errors.of_python():
        length = len(size)
    if len(shape) <= length:
        raise errors.bad_value(f"Input dimension should be at least {length + 1}")
    return [n if each is None else each for each, n in zip(size, shape[len(shape) - length :], strict=True)]


def check_filled(name: str, shape: Shape, count: int, what: str = "input") -> None:
    """Raise RuntimeError for an empty dim among the last ones."""
    for dim in range(len(shape) - count, len(shape)):
        if shape[dim] == 0:
            raise errors.shape_mismatch(
                f"{name}(): Expected {what} to have non-zero size for non-batch dimensions, but {what} has sizes "
                f"{list(shape)} with dimension {dim} being empty"
            )


def average_rule(count: int) -> Any:
    """The rule of adaptive averages."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        array, size = values
        if len(size) != count:
            raise errors.bad_argument(f"{op.name}: output_size must be {count}")
        if min(size) < 0:
            text = ", ".join(map(str, size[:2])) + "".join(f",{each}" for each in size[2:])  # torch's slip
            raise errors.bad_argument(
                f"{op.name}: elements of output_size must be greater than or equal to 0 but received {{{text}}}"
            )
        if array.ndim not in (count + 1, count + 2):
            raise errors.shape_mismatch(
                f"{op.name}(): Expected {count + 1}D or {count + 2}D tensor, but got {list(array.shape)}"
            )
        check_filled(op.name, array.shape, count)
        if array.size or count == 3:
            check_float(array, op.name if count == 2 else f"{op.name}_cpu")
        shape = (*array.shape[:-count], *size)
        return Estimate(
            values, [(shape, array.dtype)], None, mapped_bytes(array.shape, shape, array.dtype), 2 * array.size
        )

    return rule


@op(average_rule(2), name="adaptive_avg_pool2d", hidden=True, node="AdaptiveAvgPool2DBackward0")
def average2d(input: Array, output_size: Dims) -> Any:
    """The means of as many windows as asked for over the last two dims."""
    return mapped(input, (*input.shape[:-2], *output_size), (ADAPTIVE,) * 2, False)


@op(average_rule(3), name="adaptive_avg_pool3d", hidden=True, node="AdaptiveAvgPool3DBackward0")
def average3d(input: Array, output_size: Dims) -> Any:
    """The means of as many windows as asked for over the last three dims."""
    return mapped(input, (*input.shape[:-3], *output_size), (ADAPTIVE,) * 3, False)


def average_back_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the gradient of adaptive averages."""
    grad, input = values[0], values[1]
    extra = mapped_bytes(grad.shape, input.shape, grad.dtype)
    return Estimate(values, [(input.shape, grad.dtype)], None, extra, 2 * input.size)


@op(average_back_rule, hidden=True, node="AdaptiveAvgPool2DBackwardBackward0")
def average_to_back(grad: Array, input: Array, count: int) -> Any:
    """The gradient of adaptive averages: each result's share added to its window."""
    return mapped(grad, input.shape, (ADAPTIVE,) * count, True)


def not_empty(name: str, g: Any) -> Any:
    """A gradient.

    Raises RuntimeError for one with an empty dim behind the batch, as torch does.
    """
    check_filled(f"{name}_backward", tuple(g.shape), len(g.shape) - 1, "grad_output")
    return g


average2d.vjp(input=lambda g, input: average_to_back(not_empty("adaptive_avg_pool2d", g), input, 2))
average3d.vjp(input=lambda g, input: average_to_back(not_empty("adaptive_avg_pool3d", g), input, 3))
average_to_back.vjp(
    grad=lambda g, grad_shape, count: map_forth(g, grad_shape, (ADAPTIVE,) * count),
    input=lambda g, input: zeros_like(input),  # as in torch: not None
)


def averaged_to(made: Any, count: int, input: Any, output_size: Any) -> Any:
    """An adaptive average; to a single window it is a mean."""
    size = target_size(output_size, tuple(input.shape), count)
    if not isinstance(size, int) and list(size) == [1] * count:
        for at in range(-1, -count - 1, -1):
            check_dim(at, len(input.shape))
        return mean_dim(input, tuple(range(-count, 0)), True)
    return made(input, size)


@op(composed, namespace=FUNCTIONAL, composite=True)
def adaptive_avg_pool2d(input: Array, output_size: Index) -> Any:
    """The means of as many windows as asked for over the last two dims."""
    return averaged_to(average2d, 2, input, output_size)


@op(composed, namespace=FUNCTIONAL, composite=True)
def adaptive_avg_pool3d(input: Array, output_size: Index) -> Any:
    """The means of as many windows as asked for over the last three dims."""
    return averaged_to(average3d, 3, input, output_size)


@op(composed, namespace=FUNCTIONAL, composite=True)
def adaptive_avg_pool1d(input: Array, output_size: Dims) -> Any:
    """The means of as many windows as asked for over the last dim."""
    check_line("adaptive_avg_pool1d", input)
    at = len(input.shape) - 1
    size = one_int("adaptive_avg_pool1d", "output_size", output_size)
    return squeeze_dim(averaged_to(average2d, 2, unsqueeze(input, at), (1, size)), at)


# -- maxima ---------------------------------------------------------------------------------------------------------


def maximum_rule(count: int) -> Any:
    """The rule of adaptive maxima."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        array, size = values
        if array.ndim not in (count + 1, count + 2):
            raise errors.shape_mismatch(
                f"{op.name}(): Expected {count + 1}D or {count + 2}D tensor, but got: {list(array.shape)}"
            )
        check_filled(op.name, array.shape, array.ndim - 1)
        if len(size) != count:
            raise errors.bad_argument(f"{op.name}(): internal error: output_size.size() must be {count}")
        shape = (*array.shape[:-count], *size)
        if min(size) < 0:
            wrong = next(each for each in size if each < 0)
            raise errors.shape_mismatch(f"Trying to create tensor with negative dimension {wrong}: {list(shape)}")
        check_float(array, op.name if count == 2 else f"{op.name}_cpu")
        extra = 32 * (math.prod(shape) + sum(array.shape)) + 2 * array.size * max(array.dtype.itemsize, 4)
        return Estimate(values, [(shape, array.dtype), (shape, INT64)], None, extra, 3 * array.size)

    return rule


def largest_of(input: Any, size: Shape) -> Any:
    """The largest element of each window and its place in the plane of pooled dims."""
    count = len(size)
    sizes = input.shape[-count:]
    taps = [taps_of(ADAPTIVE, n, out) for n, out in zip(sizes, size, strict=True)]
    if math.prod(size) < math.prod(len(each[0]) for each in taps):
        return largest_by_window(input, size, taps)
    x = widened(input).reshape(*input.shape[:-count], math.prod(sizes))
    best = xp.full((*input.shape[:-count], *size), -math.inf, x.dtype)
    index = xp.zeros(best.shape, xp.int64)
    for number, steps in enumerate(itertools.product(*(range(len(each[0])) for each in taps))):
        places, inside = np.zeros(size, np.int64), np.ones(size, np.bool_)
        for dim, (step, (where, weight)) in enumerate(zip(steps, taps, strict=True)):
            shape = (-1,) + (1,) * (count - dim - 1)
            places += (where[step] * math.prod(sizes[dim + 1 :])).reshape(shape)
            inside &= (weight[step] > 0).reshape(shape)
        spots = xp.asarray(places)
        view = xp.take(x, spots, axis=-1)
        better = (view > best) | (view != view) if number else xp.ones(best.shape, xp.bool_)
        better &= xp.asarray(inside)
        xp.copyto(best, view, where=better)
        xp.copyto(index, spots, where=better)
    return best.astype(input.dtype, copy=False), index


def largest_by_window(input: Any, size: Shape, taps: list[Any]) -> Any:
    """`largest_of`, window by window: quicker where there are fewer of them than of places in one."""
    lead, sizes = input.shape[: -len(size)], input.shape[-len(size) :]
    best, index = xp.empty((*lead, *size), input.dtype), xp.empty((*lead, *size), xp.int64)
    for at in np.ndindex(*size):
        spans = []
        for nr, (where, weight) in zip(at, taps, strict=True):
            start = int(where[0][nr])
            spans.append((start, start + int((weight[:, nr] > 0).sum())))
        part = input[(..., *(slice(*span) for span in spans))]
        widths = part.shape[len(lead) :]
        part = part.reshape(*lead, math.prod(widths))
        wide = widened(part)
        lost = wide != wide
        last = part.shape[-1] - 1 - xp.argmax(lost[..., ::-1], -1)  # torch keeps the last NaN, but the first maximum
        place = xp.where(lost.any(-1), last, xp.argmax(wide, -1))
        best[(..., *at)] = xp.take_along_axis(part, place[..., None], -1)[..., 0]
        spots = xp.zeros_like(place)
        for inside, (start, _), length in zip(xp.unravel_index(place, widths), spans, sizes, strict=True):
            spots = spots * length + inside + start
        index[(..., *at)] = spots
    return best, index


@op(
    maximum_rule(2),
    name="adaptive_max_pool2d",
    hidden=True,
    node="AdaptiveMaxPool2DBackward0",
    outputs=PAIR,
    differentiable=("out",),
)
def maximum2d(input: Array, output_size: Dims) -> Any:
    """The maxima of as many windows as asked for over the last two dims, and where they lie."""
    return largest_of(input, output_size)


@op(
    maximum_rule(3),
    name="adaptive_max_pool3d",
    hidden=True,
    node="AdaptiveMaxPool3DBackward0",
    outputs=PAIR,
    differentiable=("out",),
)
def maximum3d(input: Array, output_size: Dims) -> Any:
    """The maxima of as many windows as asked for over the last three dims, and where they lie."""
    return largest_of(input, output_size)


maximum2d.vjp(input=lambda g, input, indices: plane_scatter(not_empty("adaptive_max_pool2d", g[0]), input, indices, 2))
maximum3d.vjp(input=lambda g, input, indices: plane_scatter(not_empty("adaptive_max_pool3d", g[0]), input, indices, 3))


@op(composed, namespace=FUNCTIONAL, composite=True)
def adaptive_max_pool2d(input: Array, output_size: Index, return_indices: Truth = False) -> Any:
    """The maxima of as many windows as asked for over the last two dims; also their places if asked for."""
    made = maximum2d(input, target_size(output_size, tuple(input.shape), 2))
    return tuple(made) if return_indices else made[0]


@op(composed, namespace=FUNCTIONAL, composite=True)
def adaptive_max_pool3d(input: Array, output_size: Index, return_indices: Truth = False) -> Any:
    """The maxima of as many windows as asked for over the last three dims; also their places if asked for."""
    made = maximum3d(input, target_size(output_size, tuple(input.shape), 3))
    return tuple(made) if return_indices else made[0]


@op(composed, namespace=FUNCTIONAL, composite=True)
def adaptive_max_pool1d(input: Array, output_size: Dims, return_indices: Truth = False) -> Any:
    """The maxima of as many windows as asked for over the last dim; also their places if asked for."""
    check_line("adaptive_max_pool1d", input)
    at = len(input.shape) - 1
    size = one_int("adaptive_max_pool1d", "output_size", output_size)
    check_filled("adaptive_max_pool1d", tuple(input.shape), 2 if at == 2 else 1)
    made = maximum2d(unsqueeze(input, at), (1, size))
    return tuple(squeeze_dim(each, at) for each in made) if return_indices else squeeze_dim(made[0], at)
