"""`Idempotency-Key`: a call that is sent again has its effect once and gets the same answer again.

Answers of successful calls are kept in memory, in numbers and bytes that are bounded; the oldest are dropped first. The
call itself runs in a task of its own, so that its answer is kept also when the client that sent it has left.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

from app.calls import Answer, Call
from app.limits import Limits
from app.problems import Problem

KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
MANY_BYTES = 2**20  # above it a body is hashed outside of the event loop

Outcome = Answer | Problem
Run = Callable[[], Coroutine[Any, Any, Outcome]]


class Entry:
    """A key in use: what it stands for, the answer once there is one, and who waits for that."""

    __slots__ = ("answer", "done", "fingerprint")

    def __init__(self, fingerprint: bytes) -> None:
        self.fingerprint = fingerprint
        self.answer: Answer | None = None
        self.done = asyncio.Event()


class Replies:
    """The keys of one session, or of one tenant's creation of sessions."""

    __slots__ = ("_bytes", "_entries", "_kept", "_limits", "_waiting")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries: dict[str, Entry] = {}  # the oldest first
        self._kept = self._bytes = 0  # answers, and what they take
        self._waiting = 0

    async def once(self, key: str, call: Call, deadline: float, run: Run) -> Outcome:
        """The kept answer to `key`, or that of `run`.

        Raises Problem `idempotency_mismatch` where the key stands for another call, `busy` where the first call with it
        still runs at `deadline`, and what `run` raises.
        """
        if not KEY.match(key):
            raise Problem("bad_argument", "Idempotency-Key must be 1 to 255 visible ASCII characters")
        fingerprint = await _fingerprint(call)
        while (entry := self._entries.get(key)) is not None:
            if entry.fingerprint != fingerprint:
                raise Problem("idempotency_mismatch", "this Idempotency-Key was used for another request")
            if entry.answer is not None:
                return entry.answer
            await self._wait(entry, deadline)
        entry = self._entries[key] = Entry(fingerprint)
        task = asyncio.create_task(run())
        task.add_done_callback(lambda done: self._settle(key, entry, done))
        return await asyncio.shield(task)

    async def _wait(self, entry: Entry, deadline: float) -> None:
        if self._waiting >= self._limits.pending_calls:
            raise Problem("rate_limited", f"{self._waiting} repeated requests already wait for their first")
        self._waiting += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await entry.done.wait()
        except TimeoutError:
            raise Problem("busy", "the first request with this Idempotency-Key still runs") from None
        finally:
            self._waiting -= 1

    def _settle(self, key: str, entry: Entry, task: asyncio.Task[Outcome]) -> None:
        """Keep a successful answer; after any other the key is free, and one of those who wait tries for itself."""
        outcome = None if task.cancelled() or task.exception() is not None else task.result()
        if isinstance(outcome, Answer):
            entry.answer = outcome
            self._kept += 1
            self._bytes += len(outcome.body)
            self._drop_others(entry)
        else:
            del self._entries[key]
        entry.done.set()

    def _drop_others(self, latest: Entry) -> None:
        """Drop the oldest answers until the others are within the limits; the latest is the likeliest to be asked."""
        if self._is_within_limits():
            return
        for key, entry in list(self._entries.items()):
            if entry.answer is not None and entry is not latest:
                del self._entries[key]
                self._kept -= 1
                self._bytes -= len(entry.answer.body)
                if self._is_within_limits():
                    return

    def _is_within_limits(self) -> bool:
        limits = self._limits
        return self._kept <= limits.idempotency_keys and self._bytes <= limits.idempotency_bytes


async def _fingerprint(call: Call) -> bytes:
    """What two calls share only if they are the same."""
    about = repr((call.method, call.name, sorted(call.query.items()), call.content_type)).encode()
    if len(call.body) < MANY_BYTES:
        return _digest(about, call.body)
    return await asyncio.to_thread(_digest, about, call.body)


def _digest(*parts: bytes) -> bytes:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()
