"""Linear maps along single dims, as taps: each output is a weighted sum of a few inputs of its line.

Adaptive averages and interpolation are products of such maps, one for each spatial dim. A map's adjoint is again a map
of taps, so gradients of any order run through the same kernel.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate
from engine.kinds import Array, Index, Size
from engine.op import Op, op

HALF = dtypes.HALF_TYPES
KEPT = 4096  # the places of a map, in and out, that is kept
FEW = 8  # up to so many taps are added one by one; more are quicker as a matrix
Taps = tuple[Any, Any]
Setting = tuple[str, float | None, bool]  # what kind of map, the scale asked for, whether corners are aligned


def kept_if_small(make: Callable[[Setting, int, int], Taps]) -> Callable[[Setting, int, int], Taps]:
    """A function of maps that keeps the small ones it made last: large ones would take memory that nobody counts."""
    kept = functools.lru_cache(maxsize=256)(make)

    @functools.wraps(make)
    def taps(setting: Setting, size: int, out: int) -> Taps:
        return (kept if size + out <= KEPT else make)(setting, size, out)

    return taps


@kept_if_small
def taps_of(setting: Setting, size: int, out: int) -> Taps:
    """The indices and weights, each (taps, out), of one dim's map from `size` to `out` elements."""
    kind, scale, align = setting
    if kind == "adaptive":
        return spans(np.arange(out) * size // out, -((np.arange(1, out + 1) * -size) // out))
    if kind.startswith("nearest"):
        step = size / out if scale is None else 1 / scale
        shift = 0.5 if kind == "nearest-exact" else 0.0
        # torch computes these places in single precision
        places = np.floor((np.arange(out) + shift).astype(np.float32) * np.float32(step)).astype(np.int64)
        return np.minimum(places, size - 1)[None], np.ones((1, out))
    if kind.endswith("antialias"):
        return smoothing(kind, size, out, ratio(scale, align, size, out), align)
    places = source_places(ratio(scale, align, size, out), align, out, kind == "cubic")
    start = np.floor(places)
    rest = places - start
    if kind == "linear":
        offsets: tuple[int, ...] = (0, 1)
        weights = np.stack([1 - rest, rest])
    else:
        offsets = (-1, 0, 1, 2)
        weights = cubic_weights(rest)
    index = np.stack([np.clip(start.astype(np.int64) + each, 0, size - 1) for each in offsets])
    return index, weights


def spans(starts: Any, ends: Any) -> Taps:
    """The means over the places from each start to before its end."""
    lengths = ends - starts
    steps = np.arange(int(lengths.max(initial=0)))[:, None]
    inside = steps < lengths
    return np.where(inside, starts + steps, starts), np.where(inside, 1.0 / np.maximum(lengths, 1), 0.0)


def ratio(scale: float | None, align: bool, size: int, out: int) -> float:
    """How far apart in the input two neighbouring outputs lie."""
    if align:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1 / scale if scale else size / out if out else 0.0


def source_places(step: float, align: bool, out: int, cubic: bool) -> Any:
    """Where each output lies among the inputs."""
    if align:
        return np.arange(out) * step
    places = (np.arange(out) + 0.5) * step - 0.5
    return places if cubic else np.maximum(places, 0.0)


def cubic_weights(t: Any, a: float = -0.75) -> Any:
    """Keys' weights of the four neighbours of a place `t` past the second."""

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return np.stack([far(t + 1), near(t), near(1 - t), far(2 - t)])


def smoothing(kind: str, size: int, out: int, step: float, align: bool) -> Taps:
    """The taps of a filter that widens with the step, so that shrinking blurs before it picks."""
    width = {"linear": 1.0, "cubic": 2.0, "lanczos": 3.0}[kind.removesuffix("-antialias")]
    reach = max(step, 1.0)
    centers = step * (np.arange(out) + 0.5)
    starts = np.maximum((centers - width * reach + 0.5).astype(np.int64), 0)
    ends = np.minimum((centers + width * reach + 0.5).astype(np.int64), size)
    steps = np.arange(int((ends - starts).max(initial=0)))[:, None]
    distance = np.abs((starts + steps - centers + 0.5) / reach)
    if width == 1.0:
        weights = np.maximum(1 - distance, 0.0)
    elif width == 3.0:
        weights = np.where(distance < width, np.sinc(distance) * np.sinc(distance / width), 0.0)
    else:
        a = -0.5
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        weights = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    inside = steps < ends - starts
    weights = np.where(inside, weights, 0.0)
    total = weights.sum(0)
    return np.where(inside, starts + steps, starts), weights / np.where(total == 0, 1.0, total)


@kept_if_small
def turned(setting: Setting, size: int, out: int) -> Taps:
    """The taps of the adjoint map, from `out` to `size` elements."""
    index, weight = taps_of(setting, size, out)
    used = weight.ravel() != 0
    targets = index.ravel()[used]
    sources = np.broadcast_to(np.arange(out), index.shape).ravel()[used]
    order = np.argsort(targets, kind="stable")
    targets, sources, weights = targets[order], sources[order], weight.ravel()[used][order]
    counts = np.bincount(targets, minlength=size)
    rank = np.arange(len(targets)) - np.repeat(np.cumsum(counts) - counts, counts)
    depth = int(counts.max(initial=0))
    back, shares = np.zeros((depth, size), np.int64), np.zeros((depth, size))
    back[rank, targets], shares[rank, targets] = sources, weights
    return back, shares


def along(x: Any, dim: int, taps: Taps) -> Any:
    """One dim's map."""
    index, weight = taps
    count, out = index.shape
    if not x.size:
        return xp.zeros((*x.shape[:dim], out, *x.shape[dim + 1 :]), x.dtype)
    if count > FEW:
        matrix = np.zeros((x.shape[dim], out))
        np.add.at(matrix, (index, np.arange(out)), weight)
        return (x.swapaxes(dim, -1) @ xp.asarray(matrix.astype(x.dtype))).swapaxes(dim, -1)
    total = None
    for places, shares in zip(index, weight, strict=True):
        taken = xp.take(x, xp.asarray(places), axis=dim)
        if (shares != 1).any():
            taken *= xp.asarray(shares.astype(x.dtype)).reshape(-1, *(1,) * (x.ndim - dim - 1))
        total = taken if total is None else xp.add(total, taken, out=total)
    return xp.zeros((*x.shape[:dim], out, *x.shape[dim + 1 :]), x.dtype) if total is None else total


def mapped(input: Any, sizes: Any, settings: tuple[Setting, ...], back: bool) -> Any:
    """The maps of the last dims, one after the other; with `back` their adjoints."""
    x = widened(input)
    if input.dtype.kind in "iu" and [1 for each in settings if not each[0].startswith("nearest")]:
        x = input.astype(xp.float32)
    front = input.ndim - len(settings)
    for dim, setting in enumerate(settings, front):
        size, out = (sizes[dim], x.shape[dim]) if back else (x.shape[dim], sizes[dim])
        x = along(x, dim, turned(setting, size, out) if back else taps_of(setting, size, out))
    if input.dtype.kind in "iu" and x.dtype.kind == "f":
        x = xp.clip(xp.floor(x + 0.5), 0, 255)
    if x is input:
        return +x
    return xp.ascontiguousarray(x).astype(input.dtype, copy=False)


def mapped_bytes(shape: Any, sizes: Any, dtype: Any) -> Any:
    """The bytes held beside operand and result: every step of the way, and one tap's share of it."""
    most = math.prod(max(a, b) for a, b in zip(shape, sizes, strict=True))
    wide = 16 if dtype in HALF or dtype.kind in "iu" else 2 * dtype.itemsize
    return most * wide + 16 * sum_of(shape, sizes)


def sum_of(shape: Any, sizes: Any) -> Any:
    """The entries of the matrices that maps of many taps are made of."""
    return sum(FEW * (a + b) + (a * b if a > FEW * b or b > FEW * a else 0) for a, b in zip(shape, sizes, strict=True))


def mapped_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of hidden maps: the result has the sizes they are told."""
    array, sizes = values[0], tuple(values[1])
    extra = mapped_bytes(array.shape, sizes, array.dtype)
    return Estimate(values, [(sizes, array.dtype)], None, extra, 8 * max(math.prod(sizes), array.size))


@op(mapped_rule, hidden=True, node="TapsBackward0")
def map_forth(input: Array, sizes: Size, settings: Index) -> Any:
    """The maps of the last dims."""
    return mapped(input, sizes, settings, False)


@op(mapped_rule, hidden=True, node="TapsBackward0")
def map_back(grad: Array, sizes: Size, settings: Index) -> Any:
    """The adjoint of `map_forth`: from its result's shape to its input's."""
    return mapped(grad, sizes, settings, True)


map_forth.vjp(input=lambda g, input_shape, settings: map_back(g, input_shape, settings))
map_back.vjp(grad=lambda g, grad_shape, settings: map_forth(g, grad_shape, settings))


def check_float(array: Any, kernel: str) -> None:
    """Raise NotImplementedError for a dtype that is not a real floating one."""
    dtype = dtypes.BY_NUMPY[array.dtype]
    if not dtype.is_floating_point:
        raise errors.not_implemented_for(kernel, dtype.type_name)
