"""What the methods of a session share: a call's body as JSON, and what they reply."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import codec, codec_binary
from app.calls import NPY, Call
from app.problems import Problem
from app.session.objects import Writer
from app.session.state import State
from engine import arrays
from engine.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Text:
    """A reply that is not JSON."""

    content: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Bytes:
    """A reply of values as they are, and what its headers tell of them."""

    content: bytes
    media_type: str
    headers: Mapping[str, str]


Reply = tuple[int, Any]  # status, and what goes out as JSON, a `Text`, `Bytes`, or None


def parsed(state: State, call: Call) -> Any:
    """The value of a call's JSON."""
    start = time.perf_counter()
    value = codec.loads(call.body, state.limits.json_depth)
    state.decode_s = time.perf_counter() - start
    return value


def fields_of(state: State, call: Call) -> dict[str, Any]:
    """The body where a step checks its fields: a literal, or the step's arguments."""
    if call.content_type == NPY:
        return file_of(state, call)
    body = parsed(state, call)
    if type(body) is not dict:
        raise Problem("bad_argument", f"the body must be a JSON object, not {type(body).__name__}")
    return dict(body)


def file_of(state: State, call: Call) -> dict[str, Any]:
    """The array in a body as a literal."""
    start = time.perf_counter()
    array = codec_binary.read(call.body)
    state.decode_s = time.perf_counter() - start
    return {"data": array}


def values_of(state: State, tensor: Tensor, media_type: str) -> Reply:
    """The values of a tensor as a file or as raw bytes, of at most as many bytes as a body may have."""
    size, limit = tensor.numel() * tensor.itemsize, state.limits.body_bytes
    if size > limit:
        raise Problem("too_large", f"the values have {size} bytes, over the limit of {limit} for one body")
    array = arrays.to_host(tensor._array)
    content = codec_binary.write(array) if media_type == NPY else codec_binary.raw(array)
    shape = ",".join(map(str, tensor.shape))
    return 200, Bytes(content, media_type, {"X-Tensor-Shape": f"[{shape}]", "X-Tensor-Dtype": tensor.dtype.name})


def object_of(writer: Writer, name: str | None, tensor: Tensor | None, data: bool | None) -> dict[str, Any] | None:
    """The object of a result, null where there is none."""
    return None if tensor is None else writer.tensor(tensor, name, data)
