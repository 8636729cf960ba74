"""What travels between a host and a session: one call in, one answer out.

Only bytes and short texts, so that the two may live in different processes: a body is decoded where the session is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json"
DOT = "text/vnd.graphviz"
SVG = "image/svg+xml"
NPY = "application/x-npy"
RAW = "application/octet-stream"


@dataclass(slots=True)
class Call:
    """One request to a session, without HTTP.

    Attributes:
        method: what to do: `session.get`, `tensor.put`, `op`, `run`, … (the tables in `app.session.methods`).
        name: the tensor or op named by the URL, where there is one.
        query: the parameters of the query string.
        body: the body as it came, decompressed; empty where there is none.
        content_type: its media type, parameters included, or None.
        accept: the media type of the answer, of those that the call may have.
        deadline: when the call must have ended, on the clock of `time.monotonic()`.
    """

    method: str
    name: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str | None = None
    accept: str = JSON
    deadline: float | None = None


@dataclass(slots=True)
class Answer:
    """What a session answers to a `Call`: a status, a body and headers (`ETag` among them).

    `ops` counts the steps it took, by name, for the metrics.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON
    ops: dict[str, int] = field(default_factory=dict)


def server_timing(phases: Mapping[str, float]) -> str:
    """The value of the header `Server-Timing`: what took how many milliseconds."""
    return ", ".join([f"{name};dur={seconds * 1000:.3f}" for name, seconds in phases.items()])
