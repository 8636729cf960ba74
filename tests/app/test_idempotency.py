"""Answers kept for `Idempotency-Key`: who waits, who is told `busy`, what is forgotten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from app.calls import Answer, Call
from app.hosts.idempotency import Replies
from app.limits import Limits
from app.problems import Problem

pytestmark = pytest.mark.anyio
REFUSED = Problem("unknown_tensor", "no tensor")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Calls:
    """Calls with a key, counted; each waits for `go` and then gives, or raises, the next of `outcomes`."""

    def __init__(self, limits: Limits | None = None, outcomes: list[Answer | Exception] | None = None) -> None:
        self.replies = Replies(limits or Limits())
        self.outcomes: list[Answer | Exception] = outcomes or []
        self.made = 0
        self.go = asyncio.Event()
        self.go.set()

    async def run(self) -> Answer | Problem:
        self.made += 1
        number = self.made
        await self.go.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else Answer(200, f"{number}".encode())
        if isinstance(outcome, Problem) or not isinstance(outcome, Exception):
            return outcome
        raise outcome

    def send(self, key: str, body: bytes = b"", seconds: float = 60.0) -> Coroutine[Any, Any, Answer | Problem]:
        return self.replies.once(key, Call("run", body=body), time.monotonic() + seconds, self.run)


async def body_of(sent: Coroutine[Any, Any, Answer | Problem]) -> bytes:
    answer = await sent
    assert isinstance(answer, Answer)
    return answer.body


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # it becomes true in another task
            await asyncio.sleep(0)


async def test_a_repeat_gets_the_kept_answer() -> None:
    calls = Calls()
    first = await calls.send("k")
    assert await calls.send("k") is first
    assert calls.made == 1


async def test_a_repeat_waits_for_the_first() -> None:
    calls = Calls()
    calls.go.clear()
    tasks = [asyncio.create_task(calls.send("k")) for _ in range(3)]
    await until(lambda: calls.made == 1)
    calls.go.set()
    answers = await asyncio.gather(*tasks)
    assert all(answer is answers[0] for answer in answers)
    assert calls.made == 1


async def test_a_repeat_past_its_deadline_is_busy_and_the_first_goes_on() -> None:
    calls = Calls()
    calls.go.clear()
    first = asyncio.create_task(calls.send("k"))
    await until(lambda: calls.made == 1)
    with pytest.raises(Problem) as refused:
        await calls.send("k", seconds=0.01)
    assert (refused.value.code, refused.value.status) == ("busy", 409)
    calls.go.set()
    assert await body_of(first) == b"1"


@pytest.mark.parametrize("failure", [REFUSED, Problem("deadline", "too late"), ZeroDivisionError()])
async def test_after_a_failure_one_of_those_who_wait_tries_for_itself(failure: Exception) -> None:
    calls = Calls(outcomes=[failure])
    calls.go.clear()
    tasks = [asyncio.create_task(calls.send("k")) for _ in range(3)]
    await until(lambda: calls.made == 1)
    calls.go.set()
    first, *others = await asyncio.gather(*tasks, return_exceptions=True)
    assert first is failure
    assert others[0] is others[1]
    assert isinstance(others[0], Answer)
    assert calls.made == 2


async def test_who_leaves_does_not_stop_the_call_and_its_answer_is_kept() -> None:
    calls = Calls()
    calls.go.clear()
    leaving = asyncio.create_task(calls.send("k"))
    await until(lambda: calls.made == 1)
    leaving.cancel()
    await asyncio.wait([leaving])
    calls.go.set()
    assert await body_of(calls.send("k")) == b"1"
    assert calls.made == 1


@pytest.mark.parametrize("size", [10, 2**20 + 1])
async def test_another_body_under_the_same_key_is_refused_also_while_the_first_runs(size: int) -> None:
    calls = Calls()
    calls.go.clear()
    first = asyncio.create_task(calls.send("k", b"a" * size))
    await until(lambda: calls.made == 1)
    with pytest.raises(Problem) as refused:
        await calls.send("k", b"b" * size)
    assert (refused.value.code, refused.value.status) == ("idempotency_mismatch", 422)
    calls.go.set()
    assert await body_of(first) == b"1"


async def test_those_who_wait_are_bounded() -> None:
    calls = Calls(Limits(pending_calls=1))
    calls.go.clear()
    tasks = [asyncio.create_task(calls.send("k")) for _ in range(2)]
    await until(lambda: calls.made == 1)
    await asyncio.sleep(0.01)
    with pytest.raises(Problem) as refused:
        await calls.send("k")
    assert refused.value.code == "rate_limited"
    calls.go.set()
    await asyncio.gather(*tasks)


async def test_the_oldest_answer_is_forgotten_first() -> None:
    calls = Calls(Limits(idempotency_keys=2))
    for key in "abc":
        await calls.send(key)
    assert [await body_of(calls.send(key)) for key in "cb"] == [b"3", b"2"]
    assert await body_of(calls.send("a")) == b"4"
    assert await body_of(calls.send("b")) == b"5"


async def test_bytes_are_bounded_but_for_the_latest_answer() -> None:
    calls = Calls(Limits(idempotency_bytes=10), [Answer(200, b"x" * size) for size in (6, 4, 5, 50)])
    for key in "abcd":
        await calls.send(key)
    assert calls.made == 4
    assert await body_of(calls.send("d")) == b"x" * 50
    assert calls.made == 4
    for key in "abc":
        await calls.send(key)
    assert calls.made == 7


async def test_an_answer_in_use_is_not_forgotten_while_it_is_made() -> None:
    calls = Calls(Limits(idempotency_keys=1))
    calls.go.clear()
    slow = asyncio.create_task(calls.send("slow"))
    await until(lambda: calls.made == 1)
    calls.go.set()
    await asyncio.gather(slow, calls.send("quick"))
    assert calls.made == 2
