"""Texts that a client sends are read in a time that grows with their length alone, whatever stands in them.

Patterns that can divide a text in several ways try all of them before they give up, and hold Python's interpreter lock
meanwhile. The texts below took minutes, or longer than anybody waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from app import codec
from app.calls import Call
from app.hosts.preconditions import check_version
from app.limits import Limits
from app.problems import Problem
from app.session.session import Session

LONG = 200_000
SECONDS = 2.0  # each takes some milliseconds


def exec_percent() -> Any:
    code = f"'%{'0' * 60_000}!' % 1"
    return Session("test", limits=Limits()).handle(Call("exec", body=codec.dumps({"code": code})))


def op_getitem() -> Any:
    body = codec.dumps({"input": [1.0], "index": [" " * LONG + "x:"]})
    return Session("test", limits=Limits()).handle(Call("op", "getitem", body=body))


READ: dict[str, Callable[[], Any]] = {
    "a header of many commas": lambda: check_version(",  " * 40 + "x", 1),
    "a text that does not end": lambda: codec.loads(b"[1e400, 99999999999999999999," + b'"\\' * LONG, 100),
    "an index of spaces": op_getitem,
    "a format of zeros": exec_percent,
}


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_a_text_that_fits_no_pattern_is_refused_at_once(read: Callable[[], Any]) -> None:
    started = time.process_time()
    with pytest.raises((Problem, ValueError)):
        read()
    assert time.process_time() - started < SECONDS
