"""Telemetry: logs on stderr, one JSON object a line.

Every request has a line, so that one does not go through `logging`, which costs as much as a small request's work:
it is made by hand, and written with all others of the same few milliseconds (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson

FLUSH_S = 0.02

requests = logging.getLogger("app.requests")
_waiting: list[str] = []  # lines to be written


class JsonFormatter(logging.Formatter):
    """A record as one line of ASCII, so that nothing a client sent can forge another line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _ascii(line)


def _ascii(line: dict[str, Any]) -> str:
    try:
        quick = orjson.dumps(line)
    except TypeError:  # a lone surrogate
        return json.dumps(line)
    return quick.decode("ascii") if quick.isascii() else json.dumps(line)


def _rfc3339(seconds: float) -> str:
    return f"{_to_the_second(int(seconds))}.{int(seconds * 1000) % 1000:03d}+00:00"


@functools.lru_cache(maxsize=2)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def configure(level: str) -> None:
    """Send every log of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its lines about starting and stopping say less than ours.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.root.level))
    logging.getLogger("asyncio").setLevel(max(logging.WARNING, logging.root.level))


def log_request(request_id: str, method: str, route: str, status: int, seconds: float) -> None:
    """One line for a request that was answered. The route is a template: what is in the URL may be a secret."""
    if requests.isEnabledFor(logging.INFO):
        line = {
            "time": _rfc3339(time.time()),
            "level": "info",
            "logger": "app.requests",
            "message": "request",
            "id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        if not _waiting:
            asyncio.get_running_loop().call_later(FLUSH_S, flush)
        _waiting.append(_ascii(line) + "\n")


def flush() -> None:
    """Write the lines that wait."""
    lines = "".join(_waiting)
    _waiting.clear()
    with contextlib.suppress(OSError):  # a full disk or a reader that has gone is no reason to stop
        sys.stderr.write(lines)
