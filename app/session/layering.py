"""Where the boxes of a picture stand: in layers, arrows leading down, few of them crossing.

The method of Sugiyama, Tagawa and Toda. Each box stands below all that lead to it; an arrow that passes layers bends
once in each; a layer is ordered by where its neighbours stand, and then moved as near to them as room allows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

GAP = 28.0  # between boxes that stand beside each other
BEND_GAP = 14.0  # beside an arrow that passes
LAYER_GAP = 40.0
SWEEPS = 8  # times that all layers are looked at

Arrow = tuple[int, int]
Point = tuple[float, float]


@dataclass(slots=True)
class Layout:
    """The middle of each box, and the points of each arrow from the box above to the box below."""

    places: list[Point]
    lines: list[list[Point]]
    width: float
    height: float


@dataclass(slots=True)
class _Layered:
    """Boxes and, after them, bends, by number."""

    sizes: list[tuple[float, float]]
    layers: list[list[int]]
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)
    x: list[float] = field(default_factory=list)


def count_bends(boxes: int, arrows: Sequence[Arrow]) -> int:
    """How many layers the arrows pass, all together."""
    level = _levels(boxes, arrows)
    return sum(level[end] - level[start] - 1 for start, end in arrows)


def layout(sizes: Sequence[tuple[float, float]], arrows: Sequence[Arrow]) -> Layout:
    """Places for boxes of these widths and heights; every arrow leads to a box with a higher number."""
    level = _levels(len(sizes), arrows)
    found = _Layered(list(sizes), [[] for _ in range(max(level, default=-1) + 1)])
    for box, at in enumerate(level):
        found.layers[at].append(box)
    chains = [_bent(found, arrow, level) for arrow in arrows]
    _connect(found, chains)
    for sweep in range(SWEEPS):
        _order(found, downwards=sweep % 2 == 0)
    _set_side_by_side(found)
    for sweep in range(SWEEPS):
        _straighten(found, downwards=sweep % 2 == 0)
    return _placed(found, chains, len(sizes))


def _levels(boxes: int, arrows: Sequence[Arrow]) -> list[int]:
    """The layer of each box: below all that lead to it; one to which nothing leads is right above what it leads to."""
    level = [0] * boxes
    lowest = [boxes] * boxes
    reached = {end for _, end in arrows}
    for start, end in sorted(arrows):
        level[end] = max(level[end], level[start] + 1)
    if reached:
        level = [each + 1 for each in level]  # room above
    for start, end in arrows:
        lowest[start] = min(lowest[start], level[end])
    level = [at if box in reached or lowest[box] == boxes else lowest[box] - 1 for box, at in enumerate(level)]
    top = min(level, default=0)
    return [each - top for each in level]


def _bent(found: _Layered, arrow: Arrow, level: Sequence[int]) -> list[int]:
    """The boxes and bends that an arrow joins, the bends new."""
    start, end = arrow
    chain = [start]
    for at in range(level[start] + 1, level[end]):
        chain.append(len(found.sizes))
        found.layers[at].append(len(found.sizes))
        found.sizes.append((0.0, 0.0))
    return [*chain, end]


def _connect(found: _Layered, chains: Iterable[Sequence[int]]) -> None:
    found.above = [[] for _ in found.sizes]
    found.below = [[] for _ in found.sizes]
    for chain in chains:
        for upper, lower in itertools.pairwise(chain):
            found.below[upper].append(lower)
            found.above[lower].append(upper)


def _order(found: _Layered, downwards: bool) -> None:
    """Order each layer by the middle of its neighbours in the one before."""
    place = [0.0] * len(found.sizes)
    near = found.above if downwards else found.below
    for layer in found.layers if downwards else reversed(found.layers):
        for at, each in enumerate(layer):
            place[each] = at + 0.5 - len(layer) / 2
        layer.sort(key=lambda each: _mean([place[other] for other in near[each]], place[each]))
        for at, each in enumerate(layer):
            place[each] = at + 0.5 - len(layer) / 2


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _distance(found: _Layered, left: int, right: int) -> float:
    """How far apart the middles of neighbours must be."""
    widths = found.sizes[left][0], found.sizes[right][0]
    return sum(widths) / 2 + (GAP if all(widths) else BEND_GAP)


def _set_side_by_side(found: _Layered) -> None:
    found.x = [0.0] * len(found.sizes)
    for layer in found.layers:
        for left, right in itertools.pairwise(layer):
            found.x[right] = found.x[left] + _distance(found, left, right)
        middle = (found.x[layer[0]] + found.x[layer[-1]]) / 2
        for each in layer:
            found.x[each] -= middle


def _straighten(found: _Layered, downwards: bool) -> None:
    """Move each layer to where its neighbours are, as far as its boxes leave each other room."""
    near = found.above if downwards else found.below
    for layer in found.layers if downwards else reversed(found.layers):
        offset, offsets = 0.0, [0.0]
        for left, right in itertools.pairwise(layer):
            offset += _distance(found, left, right)
            offsets.append(offset)
        wanted = [_mean([found.x[other] for other in near[each]], found.x[each]) for each in layer]
        moved = _rising([want - offset for want, offset in zip(wanted, offsets, strict=True)])
        for each, at, offset in zip(layer, moved, offsets, strict=True):
            found.x[each] = at + offset


def _rising(values: Sequence[float]) -> list[float]:
    """The nearest numbers to these, by squares, of which none is less than the one before: pools of neighbours."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _placed(found: _Layered, chains: Sequence[Sequence[int]], boxes: int) -> Layout:
    """The layout, moved so that its corner is at 0."""
    heights = [max(found.sizes[each][1] for each in layer) for layer in found.layers]
    y, top = [0.0] * len(found.sizes), 0.0
    for layer, height in zip(found.layers, heights, strict=True):
        for each in layer:
            y[each] = top + height / 2
        top += height + LAYER_GAP
    left = min((x - size[0] / 2 for x, size in zip(found.x, found.sizes, strict=True)), default=0.0)
    right = max((x + size[0] / 2 for x, size in zip(found.x, found.sizes, strict=True)), default=0.0)
    places = [(x - left, at) for x, at in zip(found.x, y, strict=True)]
    lines = [_line(chain, places, found.sizes) for chain in chains]
    return Layout(places[:boxes], lines, right - left, max(0.0, top - LAYER_GAP))


def _line(chain: Sequence[int], places: Sequence[Point], sizes: Sequence[tuple[float, float]]) -> list[Point]:
    """From the lower side of the first box, through the bends, to the upper side of the last."""
    start, end = chain[0], chain[-1]
    first = (places[start][0], places[start][1] + sizes[start][1] / 2)
    last = (places[end][0], places[end][1] - sizes[end][1] / 2)
    return [first, *[places[each] for each in chain[1:-1]], last]
