"""The host of saved functions: a library for each tenant, and threads of their own in which they are called.

Calls leave nothing behind, so any number run beside each other; sessions have other threads, which no function can
hold up. How many of a tenant may wait is bounded.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from app.calls import Answer, Call
from app.functions.definition import Definition
from app.functions.handling import handle
from app.functions.library import Library
from app.hosts.idempotency import Replies
from app.hosts.preconditions import check_version
from app.problems import Problem, problem_of, without_frames
from app.settings import Settings


class FunctionHost:
    """Keeps the libraries of all tenants. All but the libraries belongs to the event loop's thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._libraries: dict[str, Library] = {}
        self._replies: dict[str, Replies] = {}
        self._pending: Counter[str] = Counter()  # calls by tenant
        self._pool = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="functions")
        self.ops: Counter[str] = Counter()

    def library(self, tenant: str) -> Library:
        """The library of a tenant."""
        return self._libraries.setdefault(tenant, Library(self._limits))

    async def call(
        self, tenant: str, call: Call, if_match: str | None = None, key: str | None = None
    ) -> Answer | Problem:
        """Do what a call asks of a tenant's library; `key` is its `Idempotency-Key`.

        What is refused is returned, not raised: a traceback would keep its tensors alive. Raises Problem if too many
        calls wait.
        """
        call.deadline = time.monotonic() + self._settings.request_timeout_s
        if key is None:
            return await self._run(tenant, call, if_match)
        replies = self._replies.setdefault(tenant, Replies(self._limits))
        return await replies.once(key, call, call.deadline, lambda: self._run(tenant, call, if_match))

    async def _run(self, tenant: str, call: Call, if_match: str | None) -> Answer | Problem:
        most = self._limits.pending_calls + self._settings.worker_threads
        if self._pending[tenant] >= most:
            raise Problem("rate_limited", f"{self._limits.pending_calls} requests of this key already wait")
        self._pending[tenant] += 1
        loop = asyncio.get_running_loop()
        computing = loop.run_in_executor(self._pool, _answer, self.library(tenant), call, self._settings, if_match)
        computing.add_done_callback(lambda done: self._end(tenant, done))
        return await asyncio.shield(computing)  # it ends by itself, whoever still listens

    def _end(self, tenant: str, computing: asyncio.Future[Answer | Problem]) -> None:
        self._pending[tenant] -= 1
        if not self._pending[tenant]:
            del self._pending[tenant]
        if not computing.cancelled() and computing.exception() is None:
            self.ops.update(getattr(computing.result(), "ops", ()))

    def stop(self) -> None:
        """Take no more calls; those that run, run to their end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _answer(library: Library, call: Call, settings: Settings, if_match: str | None) -> Answer | Problem:
    def allow(current: Definition | None) -> None:
        if if_match is None:
            return
        if current is None:
            raise Problem("precondition_failed", "there is no such function")
        check_version(if_match, current.hash, "function")

    try:
        return handle(library, call, settings.limits, allow)
    except Exception as error:  # noqa: BLE001  # a defect too has to become an answer
        problem = problem_of(error)
        if problem.code != "internal":
            without_frames(problem)
        return problem
