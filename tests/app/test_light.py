"""Light calls: what is answered in the event loop, and what turns out to be too much for it and is made again."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.calls import Answer, Call
from app.hosts.inline import AFTER_HEAVY, InlineHost
from app.limits import Limits
from app.session import light, methods
from app.session.session import Session
from app.settings import Settings

BIG = 200_000  # elements
BEFORE = [
    {"op": "ones", "size": [3], "requires_grad": True, "out": "x"},
    {"op": "arange", "end": BIG, "dtype": "float32", "out": "big"},
    {"op": "getitem", "input": "big", "index": ["0:2"], "out": "view"},
    {"op": "eye", "n": 60, "out": "m"},
]


@pytest.fixture
def session() -> Session:
    made = Session("a", limits=Limits(), seed=7)
    made.handle(run(*BEFORE))
    return made


def run(*steps: dict[str, Any], **fields: Any) -> Call:
    return Call("run", body=json.dumps({"steps": steps, **fields}).encode())


def op(name: str, **fields: Any) -> Call:
    return Call("op", name, body=json.dumps(fields).encode())


def seen(session: Session) -> Any:
    """All that a client can see, and the random numbers that come next."""
    tensors = [session.handle(Call("tensor.get", name)).body for name in session.names]
    position = session.ctx.generator.position()
    return session.version, tensors, list(session.names), str(position)


LIGHT = [
    op("mul", input="x", other=2),
    run({"op": "rand", "size": [4]}, {"op": "sum", "input": "x", "out": "s"}, {"op": "backward", "tensors": "s"}),
    Call("tensor.create", body=b'{"data": [1, 2], "name": "y"}'),
    Call("tensor.get", "x"),
]  # fmt: skip


@pytest.mark.parametrize("call", LIGHT, ids=lambda call: call.method)
def test_a_light_call_is_what_it_is_in_a_thread(session: Session, call: Call) -> None:
    other = Session("a", limits=Limits(), seed=7)
    other.handle(run(*BEFORE))
    assert session.is_light(call)
    answer = session.attempt(call)
    assert answer is not None
    assert answer.body == other.handle(call).body
    assert seen(session) == seen(other)


HEAVY = {
    "a large operand": op("sum", input="big"),
    "a large result": op("zeros", size=[BIG]),
    "a large result of broadcasting": run(
        {"op": "ones", "size": [500, 1], "out": "c"}, {"op": "mul", "args": ["c", [[1.0] * 500]], "out": "p"}
    ),
    "a view whose whole storage would be copied": op("mul_", input="view", other=2),
    "a factorization": op("linalg.svd", A="m"),
    "values of a large tensor": run({"op": "add", "args": ["x", 1]}, **{"return": ["big"]}),
    "a large tensor to read": Call("tensor.get", "big"),
    "after changes": run(
        {"op": "rand", "size": [4], "out": "r"},
        {"op": "sum", "input": "x", "out": "s"},
        {"op": "backward", "tensors": "s"},
        {"op": "del", "names": ["m"]},
        {"op": "neg", "input": "big", "out": "x"},
    ),
}


@pytest.mark.parametrize("call", HEAVY.values(), ids=HEAVY)
def test_a_heavy_call_is_given_up_and_changes_nothing(session: Session, call: Call) -> None:
    before = seen(session)
    assert session.attempt(call) is None
    assert seen(session) == before
    assert session.handle(call).status == 200


def test_a_call_that_takes_long_is_given_up(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light, "SECONDS", 0.0)
    before = seen(session)
    assert session.attempt(run(*[{"op": "add", "args": ["x", 1], "out": "x"}] * 50)) is None
    assert seen(session) == before


@pytest.mark.parametrize(
    "call",
    [run(*[{"op": "neg", "args": ["x"]}] * 5000), Call("session.get"), Call("op", "neg", {"data": "true"}, b"{}")],
    ids=["a large body", "a measurement", "values asked for"],
)
def test_what_is_not_tried(session: Session, call: Call) -> None:
    assert not session.is_light(call)


def test_a_large_graph_goes_to_threads_until_it_is_gone(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light, "NODES", 100)
    call = op("mul", input="x", other=2, out="y")
    for _ in range(101):
        session.handle(call)
    assert not session.is_light(call)
    session.recount()  # each result has taken the place of the one before
    assert session.is_light(call)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The thread of each step."""
    found: list[threading.Thread] = []
    original = methods.run_step

    def noted(*args: Any) -> Any:
        found.append(threading.current_thread())
        return original(*args)

    monkeypatch.setattr(methods, "run_step", noted)
    return found


def hosted(calls: Callable[[InlineHost], Any]) -> None:
    async def serve() -> None:
        host = InlineHost(Settings())
        await host.start()
        await host.create("t", b'{"id": "a"}')
        await calls(host)
        await host.stop()

    asyncio.run(serve())


def test_after_a_heavy_call_some_more_go_to_threads(threads: list[threading.Thread]) -> None:
    async def calls(host: InlineHost) -> None:
        for name, fields in [("ones", {"size": [2]}), ("ones", {"size": [BIG]}), *[("ones", {"size": [2]})] * 20]:
            answer = await host.call("t", "a", op(name, **fields))
            assert isinstance(answer, Answer)
            assert answer.status == 200
        assert host.totals().ops["ones"] == 22

    hosted(calls)
    here = [each is threading.main_thread() for each in threads]
    assert here == [True, True, False, *[False] * AFTER_HEAVY, *[True] * (20 - AFTER_HEAVY)]


def test_a_refusal_in_the_loop_ends_the_turn(threads: list[threading.Thread]) -> None:
    async def calls(host: InlineHost) -> None:
        for _ in range(2):
            refused = await host.call("t", "a", op("neg", input="nobody"))
            assert not isinstance(refused, Answer)
            assert (refused.status, refused.code) == (422, "unknown_tensor")
            assert refused.headers["ETag"] == '"0"'

    hosted(calls)
    assert {each is threading.main_thread() for each in threads} == {True}
