"""What the methods of a session share: a call's body as JSON, and what they reply."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from app import codec
from app.calls import Call
from app.problems import Problem
from app.session.objects import Writer
from app.session.state import State
from engine.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Text:
    """A reply that is not JSON."""

    content: str
    media_type: str


Reply = tuple[int, Any]  # status, and what goes out as JSON, a `Text`, or None


def parsed(state: State, call: Call) -> Any:
    """The value of a call's JSON."""
    start = time.perf_counter()
    value = codec.loads(call.body, state.limits.json_depth)
    state.decode_s = time.perf_counter() - start
    return value


def fields_of(state: State, call: Call) -> dict[str, Any]:
    """The body where a step checks its fields: a literal, or the step's arguments."""
    body = parsed(state, call)
    if type(body) is not dict:
        raise Problem("bad_argument", f"the body must be a JSON object, not {type(body).__name__}")
    return dict(body)


def object_of(writer: Writer, name: str | None, tensor: Tensor | None, data: bool | None) -> dict[str, Any] | None:
    """The object of a result, null where there is none."""
    return None if tensor is None else writer.tensor(tensor, name, data)
