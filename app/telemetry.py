"""Telemetry: logs on stderr, one JSON object a line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

requests = logging.getLogger("app.requests")


class JsonFormatter(logging.Formatter):
    """A record as one line of ASCII, so that nothing a client sent can forge another line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


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
        fields = {"id": request_id, "method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2)}
        requests.info("request", extra={"fields": fields})
