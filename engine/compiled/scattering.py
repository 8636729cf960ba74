"""Gradients of slices: zeros with a part filled, and the sum of such with what has arrived before, without the zeros.

The sum of a number with zero is the number, but for -0.0, which becomes 0.0; so zero is added to what lies beside the
part, and every bit is as if the zeros had been made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import arrays


@dataclass(frozen=True, slots=True)
class Part:
    """A range of one dim of a shape, from `start` to `end` in steps; the one index `start` where `end` is None."""

    shape: tuple[int, ...]
    dim: int
    start: int
    end: int | None
    step: int | None

    @property
    def key(self) -> tuple[Any, ...]:
        """The part as an index."""
        entry = self.start if self.end is None else slice(self.start, self.end, self.step)
        return (*(slice(None),) * self.dim, entry)

    @property
    def beside(self) -> list[tuple[Any, ...]] | None:
        """The ranges beside the part as indices, or None where they are not one before and one after."""
        end = self.start + 1 if self.end is None else max(self.end, self.start)
        if self.step not in (None, 1):
            return None
        ranges = [slice(0, self.start), slice(end, self.shape[self.dim])]
        return [(*(slice(None),) * self.dim, each) for each in ranges if each.start < each.stop]

    def elements_beside(self) -> tuple[list[int], list[tuple[Any, ...]]]:
        """What lies beside: single elements, which are ten times as quick to set one by one, and other ranges."""
        beside = self.beside or []
        short = [each for each in beside if len(self.shape) == 1 and each[0].stop - each[0].start == 1]
        return [each[0].start for each in short], [each for each in beside if each not in short]


@functools.lru_cache(1024)
def scatter(part: Part) -> Callable[[Any], Any]:
    """A function that gives zeros with the part filled."""
    shape, key = part.shape, part.key
    elements, ranges = part.elements_beside()
    new = np.zeros if ranges or part.beside is None else np.empty

    def filled(source: Any) -> Any:
        out = new(shape, source.dtype)
        out[key] = source
        for place in elements:
            out[place] = 0
        return out

    filled.part = part  # type: ignore[attr-defined]  # functions take attributes
    return filled


def part_of(function: Any) -> Part | None:
    """The part that a function of `scatter` fills, if it is one whose sums can be made without the zeros."""
    part: Part | None = getattr(function, "part", None)
    return part if part is not None and part.beside is not None else None


@functools.lru_cache(1024)
def add_part(part: Part) -> Callable[..., Any]:
    """A function `(before, source, out=None)` that gives `before` plus zeros with the part filled by `source`.

    `out` may only be `before` itself.
    """
    key = part.key
    elements, ranges = part.elements_beside()

    def added(before: Any, source: Any, out: Any = None) -> Any:
        if out is None:
            out = before.copy("K")
        view = out[key]
        if view.__class__ is np.ndarray:
            np.add(view, source, view)
        else:  # one element
            out[key] = view + source
        for place in elements:
            out[place] += 0.0
        for each in ranges:
            rest = out[each]
            np.add(rest, arrays.scalar(0, rest.dtype), rest)
        return out

    return added
