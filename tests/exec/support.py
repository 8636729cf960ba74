"""A session in this process, and code run in it the way a request does."""

from __future__ import annotations

import json
import time
from typing import Any

from app.calls import Call
from app.limits import Limits
from app.session.session import Session


def new_session(**limits: int) -> Session:
    return Session("test", limits=Limits(**limits), seed=0)


def execute(session: Session, code: str, seconds: float = 60.0) -> dict[str, Any]:
    """The answer to `exec`; raises what the session raises."""
    body = json.dumps({"code": code}).encode()
    call = Call("exec", body=body, content_type="application/json", deadline=time.monotonic() + seconds)
    answer: dict[str, Any] = json.loads(session.handle(call).body)
    return answer
