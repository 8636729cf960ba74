"""A graph as a picture: boxes with text, and arrows from those above to those below, as SVG."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.problems import Problem
from app.session.layering import Point, count_bends, layout

MOST_BOXES = 2_000
MOST_BENDS = 20_000  # an arrow has one in each layer that it passes
FONT = 12.0
LINE = 16.0
CHARACTER = 7.3  # how wide a character of the font is
PADDING = 10.0
MARGIN = 12.0
SIDE_BY_SIDE = 14.0  # between arrows that join the same boxes
COLOURS = {"name": "#dcfce7", "node": "#f3f4f6", "leaf": "#dbeafe"}
HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its lines of text, and its kind, a key of `COLOURS`."""

    lines: Sequence[str]
    kind: str

    @property
    def size(self) -> tuple[float, float]:
        """Its width and height."""
        return CHARACTER * max(map(len, self.lines)) + 2 * PADDING, LINE * len(self.lines) + PADDING


def svg_of(boxes: Sequence[Box], arrows: Sequence[tuple[int, int, str]]) -> str:
    """The picture; an arrow leads from a box to one with a higher number, and has a text at its head.

    Raises Problem `too_large`.
    """
    ends = [(start, end) for start, end, _ in arrows]
    if len(boxes) > MOST_BOXES or count_bends(len(boxes), ends) > MOST_BENDS:
        raise Problem("too_large", "the graph is too large for a picture; format=dot is the same for Graphviz")
    found = layout([box.size for box in boxes], ends)
    width, height = found.width + 2 * MARGIN, found.height + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="{-MARGIN:g} {-MARGIN:g} {width:.1f} {height:.1f}"'
        f' font-family="monospace" font-size="{FONT:g}" text-anchor="middle">',
        HEAD,
    ]
    beside, seen = Counter(ends), Counter[tuple[int, int]]()
    for arrow, points in zip(arrows, found.lines, strict=True):
        pair = arrow[:2]
        lines += _arrow(points, arrow[2], SIDE_BY_SIDE * (seen[pair] - (beside[pair] - 1) / 2))
        seen[pair] += 1
    lines += [_box(box, place) for box, place in zip(boxes, found.places, strict=True)]
    return "\n".join([*lines, "</svg>", ""])


def _arrow(points: Sequence[Point], text: str, aside: float) -> list[str]:
    """A curve that leaves and arrives upright, `aside` of the others that join the same boxes."""
    (x, y), (end_x, end_y) = points[0], points[-1]
    path = f"M{x:.1f} {y:.1f}"
    for next_x, next_y in points[1:]:
        half = (y + next_y) / 2
        path += f"C{x + aside:.1f} {half:.1f} {next_x + aside:.1f} {half:.1f} {next_x:.1f} {next_y:.1f}"
        x, y = next_x, next_y
    drawn = [f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#head)"/>']
    if text:
        at = f'x="{end_x + aside + PADDING:.1f}" y="{end_y - PADDING:.1f}"'
        drawn.append(f'<text {at} fill="#555">{html.escape(text)}</text>')
    return drawn


def _box(box: Box, place: Point) -> str:
    (width, height), (x, y) = box.size, place
    corner = height / 2 if box.kind == "name" else 3
    drawn = (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' rx="{corner:g}" fill="{COLOURS[box.kind]}" stroke="#555"/>'
    )
    first = y - LINE * (len(box.lines) - 1) / 2 + FONT / 3
    texts = [
        f'<tspan x="{x:.1f}" y="{first + LINE * at:.1f}">{html.escape(line)}</tspan>'
        for at, line in enumerate(box.lines)
    ]
    return f"<g>{drawn}<text>{''.join(texts)}</text></g>"
