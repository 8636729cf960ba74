"""The line search of L-BFGS: a step that satisfies the strong Wolfe conditions (Nocedal and Wright, chapter 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Number = Any  # a Python float, or a NumPy scalar of the parameters' dtype
Evaluate = Callable[[Number], tuple[float, Any, Number]]

DECREASE, CURVATURE = 1e-4, 0.9  # the constants of the two conditions
MARGIN = 0.1  # of a bracket: a trial nearer to its ends than this makes little progress


@dataclass(slots=True)
class Point:
    """A step length with the loss, the flat gradient and the derivative along the direction there."""

    step: Number
    loss: float
    gradient: Any
    slope: Number


def strong_wolfe(
    evaluate: Evaluate, start: Point, step: Number, *, longest: Number, tolerance: float, most: int
) -> tuple[Point, int]:
    """The best point found, and how many evaluations it took: at most one more than `most`.

    `start` is the point at step 0 and `longest` the largest part of the direction; where that part of a bracket is
    below `tolerance`, it is not divided further.
    """
    bracket, tried = _bracketed(evaluate, start, step, most)
    if len(bracket) == 1:
        return bracket[0], tried + 1
    low = _lower(bracket)
    stuck = False
    while tried < most and not abs(bracket[1].step - bracket[0].step) * longest < tolerance:
        step = cubic_minimum(bracket[0], bracket[1])
        step, stuck = _moved_inside(step, [each.step for each in bracket], stuck)
        point = Point(step, *evaluate(step))
        tried += 1
        if _too_high(point, start) or point.loss >= bracket[low].loss:
            bracket[1 - low] = point
            low = _lower(bracket)
            continue
        if abs(point.slope) <= -CURVATURE * start.slope:
            return point, tried + 1
        if point.slope * (bracket[1 - low].step - bracket[low].step) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = point
    return bracket[low], tried + 1


def _bracketed(evaluate: Evaluate, start: Point, step: Number, most: int) -> tuple[list[Point], int]:
    """Two points around one that satisfies the conditions, or that one alone; and how many steps were lengthened."""
    before, point = start, Point(step, *evaluate(step))
    tried = 0
    while tried < most:
        if _too_high(point, start) or (tried > 1 and point.loss >= before.loss):
            return [before, point], tried
        if abs(point.slope) <= -CURVATURE * start.slope:
            return [point], tried
        if point.slope >= 0:
            return [before, point], tried
        shortest = point.step + 0.01 * (point.step - before.step)
        step = cubic_minimum(before, point, (shortest, point.step * 10))
        before, point = point, Point(step, *evaluate(step))
        tried += 1
    return [start, point], tried


def _too_high(point: Point, start: Point) -> bool:
    """Whether the loss fell by less than the first condition asks for."""
    return bool(point.loss > start.loss + DECREASE * point.step * start.slope)


def _lower(bracket: list[Point]) -> int:
    return 0 if bracket[0].loss <= bracket[1].loss else 1


def cubic_minimum(a: Point, b: Point, bounds: tuple[Number, Number] | None = None) -> Number:
    """Where the cubic through both points, with their slopes, is least, within bounds (else between the points)."""
    if a.step > b.step:
        a, b = b, a
    low, high = bounds or (a.step, b.step)
    width = b.step - a.step
    secant = 3 * (b.loss - a.loss) / width if width else math.nan
    mean = a.slope + b.slope - secant
    square = mean * mean - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    root = np.sqrt(square)
    least = b.step - width * ((b.slope + root - mean) / (b.slope - a.slope + 2 * root))
    return min(max(least, low), high)


def _moved_inside(step: Number, ends: list[Number], stuck: bool) -> tuple[Number, bool]:
    """A trial away from the ends of the bracket, and whether it makes little progress."""
    low, high = min(ends), max(ends)
    margin = MARGIN * (high - low)
    if not min(high - step, step - low) < margin:
        return step, False
    if stuck or step >= high or step <= low:
        return (high - margin if abs(step - high) < abs(step - low) else low + margin), False
    return step, True
