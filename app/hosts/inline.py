"""The inline host: sessions in this process, computing in a bounded pool of threads outside the event loop.

The calls of one session run one at a time in order of arrival; those of different sessions beside each other. A call
that has begun runs to its end whoever still listens: the session itself keeps to the deadline, between two ops and
before it commits, so an answer always tells what happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from app import codec, fields
from app.calls import Answer, Call, server_timing
from app.hosts.functions import FunctionHost
from app.hosts.idempotency import Replies
from app.hosts.preconditions import check_version
from app.hosts.slot import Slot, unknown_session
from app.problems import Problem, problem_of, without_frames
from app.session.bodies import check_query
from app.session.session import Session
from app.settings import Settings

SWEEP_S = 0.5
SWEPT = 1_000  # sessions looked at in one turn of the event loop
AFTER_HEAVY = 15  # calls of a session that go to a thread at once, after one that had to
SESSION_FIELDS = frozenset({"id", "device", "dtype", "seed", "ttl_s"})

Place = tuple[str, str]  # a tenant and the id of a session of its own


@dataclass(slots=True)
class Totals:
    """What all sessions of a host hold, and the steps they have run since it started, by name."""

    sessions: int = 0
    bytes: int = 0
    nodes: int = 0
    ops: Counter[str] = field(default_factory=Counter)


class InlineHost:
    """Makes, finds and frees sessions, and gives each call its turn."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self.functions = FunctionHost(settings)
        self._settings = settings
        self._limits = settings.limits
        self._now = now
        self._slots: dict[Place, Slot] = {}
        self._alive_of: Counter[str] = Counter()  # sessions by tenant
        self._made = 0
        self._created: dict[str, Replies] = {}  # by tenant
        self._ops: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="engine")
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to serve."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Free everything. Calls that still run, run to their end."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        self._slots.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.functions.stop()

    async def create(self, tenant: str, body: bytes, key: str | None = None) -> Answer | Problem:
        """A new session from the JSON of `POST /v1/sessions`; `key` is its `Idempotency-Key`."""
        if key is None:
            return await self._create(tenant, body)
        call = Call("session.create", body=body)
        replies = self._created.setdefault(tenant, Replies(self._limits))
        return await replies.once(key, call, self._deadline(), lambda: self._create(tenant, body))

    async def _create(self, tenant: str, body: bytes) -> Answer:
        given = _session_fields(body, self._limits.json_depth)
        id = fields.session_id(given["id"]) if "id" in given else secrets.token_urlsafe(16)
        session = Session(
            id,
            limits=self._limits,
            device=fields.device(given.get("device", "cpu")),
            dtype=fields.dtype(given.get("dtype", "float32")),
            seed=fields.seed(given["seed"]) if "seed" in given else None,
            ttl_s=fields.ttl_s(given.get("ttl_s", self._settings.ttl_s), self._limits),
            functions=self.functions.library(tenant),
            now=self._now,
        )
        if self._alive((tenant, id)):
            raise Problem("name_taken", f"there is a session {id} already")
        self._check_room(tenant)
        self._made += 1
        self._slots[tenant, id] = Slot(session, self._made, self._limits)
        self._alive_of[tenant] += 1
        state = session.describe()
        headers = {"Location": f"/v1/sessions/{id}", "ETag": f'"{state["version"]}"'}
        return Answer(201, orjson.dumps(state), headers)

    def _check_room(self, tenant: str) -> None:
        limits = self._limits
        if len(self._slots) >= limits.sessions:
            raise Problem("unavailable", f"the server has all the {limits.sessions} sessions that it may have")
        if self._alive_of[tenant] >= limits.tenant_sessions:
            raise Problem("quota_exceeded", f"this key has all the {limits.tenant_sessions} sessions that it may have")

    async def list(self, tenant: str, query: dict[str, str]) -> Answer:
        """One page of a tenant's sessions, in the order they were made."""
        check_query("session.list", query)
        size = fields.page_size(query.get("limit"), self._limits)
        after = _cursor(query.get("cursor", "0"))
        own = [(place, slot) for place, slot in self._slots.items() if place[0] == tenant and slot.number > after]
        later = (slot for place, slot in own if self._alive(place))
        page = list(islice(later, size + 1))
        shown = [slot.session.describe() for slot in page[:size] if slot.session is not None]
        following = str(page[size - 1].number) if len(page) > size else None
        return Answer(200, orjson.dumps({"sessions": shown, "next": following}))

    async def delete(self, tenant: str, id: str, if_match: str | None = None) -> Answer:
        """Free a session at once; what waits for it is refused, what runs in it ends first."""
        slot = self._find((tenant, id))
        if if_match is not None:
            await slot.enter(self._deadline())
            slot.leave()  # nobody comes between this and the next line that waits
            if slot.session is not None:
                check_version(if_match, slot.session.version)
        await self._close((tenant, id), slot)
        return Answer(204, b"")

    async def call(
        self, tenant: str, id: str, call: Call, if_match: str | None = None, key: str | None = None
    ) -> Answer | Problem:
        """Hand a call to its session when its turn comes; `key` is its `Idempotency-Key`, looked at before `if_match`.

        What the session refuses is returned, not raised: a traceback would keep this frame and its body alive. Raises
        Problem if the session is not there or the turn does not come.
        """
        slot = self._find((tenant, id))
        deadline = call.deadline = self._deadline()
        if key is None:
            return await self._take_turn(slot, call, deadline, if_match)
        return await slot.replies.once(key, call, deadline, lambda: self._take_turn(slot, call, deadline, if_match))

    async def _take_turn(self, slot: Slot, call: Call, deadline: float, if_match: str | None) -> Answer | Problem:
        arrived = time.perf_counter()
        await slot.enter(deadline)
        here = self._answer_here(slot, call, if_match, arrived)
        if here is not None:
            return here
        loop = asyncio.get_running_loop()
        computing = loop.run_in_executor(self._pool, _handle, slot, call, if_match, arrived)
        computing.add_done_callback(lambda done: self._end_turn(slot, done))
        # Shielded: who stops waiting must not open the session to the next while this one still runs.
        return await asyncio.shield(computing)

    def _answer_here(self, slot: Slot, call: Call, if_match: str | None, arrived: float) -> Answer | Problem | None:
        """The outcome of a light call, and its turn is over; None if it has to be made in a thread."""
        session = slot.session
        if session is None or not session.is_light(call):
            return None
        if slot.calls_in_threads:
            slot.calls_in_threads -= 1
            return None
        outcome = _attempt(session, call, if_match, arrived)
        if outcome is None:
            slot.calls_in_threads = AFTER_HEAVY
            return None
        slot.leave()
        if isinstance(outcome, Answer):
            self._count(outcome.ops)
        return outcome

    def _end_turn(self, slot: Slot, computing: asyncio.Future[Answer | Problem]) -> None:
        slot.leave()
        if not computing.cancelled() and computing.exception() is None:
            outcome = computing.result()
            if isinstance(outcome, Answer):
                self._count(outcome.ops)

    def _count(self, ops: dict[str, int]) -> None:
        """Add steps that were applied."""
        for name, count in ops.items():
            self._ops[name] += count

    def totals(self) -> Totals:
        """What `GET /metrics` tells of the sessions."""
        found = Totals(ops=self._ops + self.functions.ops)
        for slot in list(self._slots.values()):
            if slot.session is not None:
                budget = slot.session.budget
                found.sessions += 1
                found.bytes += budget.used
                found.nodes += budget.nodes
        return found

    def _deadline(self) -> float:
        return time.monotonic() + self._settings.request_timeout_s

    def _alive(self, place: Place) -> bool:
        """Whether there is such a session; one that has expired is freed here, if the sweeper has not been by."""
        slot = self._slots.get(place)
        if slot is None or slot.session is None:
            return False
        if slot.busy or slot.session.expires_at > self._now():
            return True
        self._close(place, slot)
        return False

    def _find(self, place: Place) -> Slot:
        if not self._alive(place):
            raise unknown_session()
        return self._slots[place]

    def _close(self, place: Place, slot: Slot) -> asyncio.Future[None]:
        """Take the session out at once and let its memory go, in a thread: a large graph takes its time."""
        del self._slots[place]
        self._alive_of[place[0]] -= 1
        slot.closed = True
        return asyncio.get_running_loop().run_in_executor(None, _drop, slot)

    async def _sweep(self) -> None:
        due: list[Place] = []
        while True:
            await asyncio.sleep(SWEEP_S)
            due = due or list(self._slots)
            for place in due[:SWEPT]:
                self._alive(place)
            del due[:SWEPT]


def _drop(slot: Slot) -> None:
    slot.session = None


def _handle(slot: Slot, call: Call, if_match: str | None, arrived: float) -> Answer | Problem:
    """Run one call in a thread."""
    session = slot.session
    if session is None:  # deleted since the turn was given
        return unknown_session()
    began = time.perf_counter()
    session.touch()
    try:
        if if_match is not None:
            check_version(if_match, session.version)
        answer = session.handle(call)
        session.recount()
        return _timed(answer, began - arrived)
    except Exception as error:  # noqa: BLE001  # a defect too has to become an answer
        return _refusal(error, session, began - arrived, began)
    finally:
        session.touch()


def _attempt(session: Session, call: Call, if_match: str | None, arrived: float) -> Answer | Problem | None:
    """Run one call in the event loop; None, and nothing has changed, if it takes too long for that."""
    began = time.perf_counter()
    session.touch()
    try:
        if if_match is not None:
            check_version(if_match, session.version)
        answer = session.attempt(call)
        return None if answer is None else _timed(answer, began - arrived)
    except Exception as error:  # noqa: BLE001  # a defect too has to become an answer
        return _refusal(error, session, began - arrived, began)


def _timed(answer: Answer, queued: float) -> Answer:
    """The answer, its `Server-Timing` with the time it waited for its turn."""
    inner = answer.headers.get("Server-Timing")
    answer.headers["Server-Timing"] = f"queue;dur={queued * 1000:.3f}" + (f", {inner}" if inner else "")
    return answer


def _refusal(error: Exception, session: Session, queued: float, began: float) -> Problem:
    """What was raised, as a problem that keeps nothing of the session alive."""
    problem = problem_of(error)
    timing = server_timing({"queue": queued, "run": time.perf_counter() - began})
    problem.headers |= {"ETag": f'"{session.version}"', "Server-Timing": timing}
    if problem.code != "internal":
        without_frames(problem)
        without_frames(error)  # code may have kept it
    return problem


def _cursor(text: str) -> int:
    if not fields.DIGITS.match(text):
        raise fields.wrong("cursor", "must be the `next` of the page before")
    return int(text)


def _session_fields(body: bytes, depth: int) -> dict[str, Any]:
    """The JSON of `POST /v1/sessions`, null fields left out; an empty body stands for no fields."""
    given = codec.loads(body or b"{}", depth)
    if not isinstance(given, dict):
        raise Problem("bad_argument", "the body must be a JSON object")
    if unknown := sorted(given.keys() - SESSION_FIELDS):
        errors = [{"field": name[:100], "message": "unknown field"} for name in unknown]
        raise Problem("bad_argument", f"unknown field {unknown[0][:100]}", errors=errors)
    return {name: value for name, value in given.items() if value is not None}
