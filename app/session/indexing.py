"""Indices as JSON has them: `[0, "1:3", "...", null, [0, 2], "mask"]` is `x[0, 1:3, ..., None, [0, 2], mask]`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from app.codec import INT64
from app.problems import Problem
from app.session.bodies import wrong
from app.session.literals import make_tensor
from engine import dtypes
from engine.tensor import Tensor

_BOUND = r"\s*+(?:(-?\d{1,19})\s*+)?+"
_SLICE = re.compile(rf"{_BOUND}:{_BOUND}(?::{_BOUND})?+\Z")


def index_of(value: Any, named: Callable[[str], Tensor]) -> tuple[Any, ...]:
    """The index as Python has it; `named` gives the tensor of a name.

    Raises Problem for what cannot be an index.
    """
    if type(value) is not list:
        raise wrong("index", f"must be a list, not {type(value).__name__}")
    if value.count("...") > 1:
        raise Problem("bad_argument", "an index can only have a single ellipsis ('...')")
    return tuple(_entry(each, named) for each in value)


def _entry(value: Any, named: Callable[[str], Tensor]) -> Any:
    if value is None or type(value) in (int, bool):  # a bool is a mask of no dimensions
        return value
    if type(value) is str:
        if value == "...":
            return Ellipsis
        return _slice(value) if ":" in value else named(value)
    if type(value) in (list, dict):
        return _positions(value)
    raise Problem(
        "bad_argument",
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(value).__name__})",
    )


def _slice(text: str) -> slice:
    match = _SLICE.match(text)
    bounds = [None if each is None else int(each) for each in match.groups()] if match else []
    if not bounds or any(each is not None and each not in INT64 for each in bounds):
        raise wrong("index", "has a text that is neither a slice such as 1:3 or ::2 nor a tensor's name")
    return slice(*bounds)


def _positions(value: Any) -> Tensor:
    """A list or literal of integers, or of bools; an empty list is one of integers."""
    made = make_tensor(value)
    if made.numel() == 0 and type(value) is list:
        return make_tensor(value, dtypes.int64)
    if made.dtype.differentiable:
        raise Problem("bad_argument", "tensors used as indices must be long, int, byte or bool tensors")
    return made
