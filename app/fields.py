"""Fields of a session as a client gives them, checked strictly: `true` is no number here and `"1"` none either."""

from __future__ import annotations

import math
import re
from typing import Any

from app.limits import Limits
from app.problems import Problem
from engine import arrays, devices, dtypes

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
DIGITS = re.compile(r"[0-9]{1,18}\Z")
SEEDS = range(-(2**63), 2**64)


def wrong(field: str, message: str) -> Problem:
    """A field with a value it cannot have."""
    return Problem("bad_argument", f"{field} {message}", errors=[{"field": field, "message": message}])


def session_id(value: Any) -> str:
    """The id a client chose."""
    if not isinstance(value, str) or not SESSION_ID.match(value):
        raise wrong("id", "must be 1 to 64 of the characters A-Z, a-z, 0-9, _ and -")
    return value


def device(value: Any) -> str:
    """A device that this machine has, with its index (`cuda` is the current one)."""
    if not isinstance(value, str):
        raise wrong("device", "must be a text such as cpu or cuda:0")
    return str(arrays.resolve(devices.Device(value)))


def dtype(value: Any) -> str:
    """A default dtype: one of the floating point ones, with or without `torch.` before it."""
    known = dtypes.parse(value) if isinstance(value, str) else None
    if known is None or not known.is_floating_point:
        raise wrong("dtype", "must be one of float32, float64, float16, bfloat16")
    return known.name


def seed(value: Any) -> int:
    """A seed as `torch.manual_seed` takes it."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in SEEDS:
        raise wrong("seed", "must be an integer of 64 bits")
    return value


def page_size(text: str | None, limits: Limits) -> int:
    """How many entries a page of a list may have: the parameter `limit` of a query string, or as many as allowed."""
    if text is None:
        return limits.page
    if not DIGITS.match(text) or int(text) < 1:
        raise wrong("limit", "must be a whole number above 0")
    return min(int(text), limits.page)


def ttl_s(value: Any, limits: Limits) -> float:
    """The seconds after which an idle session is freed."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 < value <= limits.max_ttl_s:
        raise wrong("ttl_s", f"must be a number of seconds above 0 and at most {limits.max_ttl_s}")
    return float(value)
