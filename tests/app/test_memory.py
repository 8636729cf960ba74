"""A deleted session is gone at once, by reference counting: nobody waits for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Iterator

import pytest

from app.calls import Call
from app.hosts.inline import InlineHost
from app.problems import Problem
from app.settings import Settings

STEPS = [
    {"op": "ones", "size": [2, 2], "requires_grad": True, "out": "x"},
    {"op": "mul", "args": ["x", "x"], "out": "y"},
    {"op": "select", "args": ["y", 0, 0], "out": "view"},
    {"op": "mul_", "args": ["view", 2]},
    {"op": "sum", "input": "y", "out": "s"},
    {"op": "backward", "tensors": "s", "retain_graph": True},
]
REFUSED = [
    Call("op", "matmul", body=b'{"args": ["x", [[1.0], [1.0], [1.0]]]}'),
    Call("op", "nonsense", body=b"{}"),
    Call("run", body=json.dumps({"steps": [*STEPS, {"op": "mul_", "args": ["x", 2]}]}).encode()),
    Call("backward", body=b'{"tensors": "nobody"}'),
    Call("tensor.get", "nobody"),
]


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def used_and_deleted(calls: list[Call]) -> weakref.ref[object]:
    """A session that was used, called with `calls`, and deleted."""
    host = InlineHost(Settings())
    await host.start()
    await host.create("default", b'{"id": "s"}')
    session = weakref.ref(host._slots["default", "s"].session)
    await host.call("default", "s", Call("run", body=json.dumps({"steps": STEPS}).encode()))
    for call in calls:
        assert isinstance(await host.call("default", "s", call), Problem)
    await host.delete("default", "s")
    await host.stop()
    return session


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(
    "calls", [[], *([call] for call in REFUSED)], ids=lambda calls: "-".join(c.method for c in calls)
)
def test_a_deleted_session_is_gone_at_once(calls: list[Call]) -> None:
    session = asyncio.run(used_and_deleted(calls))
    assert session() is None


async def kept_raised_and_deleted() -> weakref.ref[object]:
    """A session whose code kept an exception, raised it in a call of its own, and was deleted."""
    host = InlineHost(Settings())
    await host.start()
    await host.create("default", b'{"id": "s"}')
    session = weakref.ref(host._slots["default", "s"].session)
    await host.call("default", "s", Call("exec", body=b'{"code": "kept = ValueError()"}'))
    for call in (Call("exec", body=b'{"code": "raise kept"}'), Call("run", body=b'{"steps": [RAISING]}')):
        call.body = call.body.replace(b"RAISING", b'{"op": "exec", "code": "raise kept"}')
        refused = await host.call("default", "s", call)
        assert isinstance(refused, Problem)
        assert refused.code == "raised"
    await host.delete("default", "s")
    await host.stop()
    return session


@pytest.mark.usefixtures("without_collector")
def test_an_exception_that_code_keeps_holds_nothing_of_the_calls_that_raised_it() -> None:
    session = asyncio.run(kept_raised_and_deleted())
    assert session() is None
