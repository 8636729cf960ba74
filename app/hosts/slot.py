"""A slot: one session and the queue of those who wait for their turn with it."""

from __future__ import annotations

import asyncio
import time

from app.hosts.idempotency import Replies
from app.limits import Limits
from app.problems import Problem
from app.session.session import Session


def unknown_session() -> Problem:
    """The refusal of a session that is not, or no longer, there."""
    return Problem("unknown_session", "there is no such session: it was never made, was deleted or has expired")


class Slot:
    """Turns are given in order of arrival. Everything here but `session` belongs to the event loop's thread."""

    __slots__ = ("_lock", "_pending", "_waiting", "calls_in_threads", "closed", "number", "replies", "session")

    def __init__(self, session: Session, number: int, limits: Limits) -> None:
        self.session: Session | None = session  # None once it has been let go
        self.closed = False  # True from the moment of its deletion
        self.number = number
        self.calls_in_threads = (
            0  # that are still to be made there at once, after one that was not as light as it looked
        )
        self.replies = Replies(limits)
        self._pending = limits.pending_calls
        self._waiting = 0
        self._lock = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether somebody has the turn or waits for it."""
        return self._lock.locked() or self._waiting > 0

    async def enter(self, deadline: float) -> None:
        """Wait for the turn until `deadline`, on the clock of `time.monotonic()`.

        Raises `rate_limited` if too many wait already, `deadline` if the turn does not come in time, and
        `unknown_session` if the session was deleted meanwhile.
        """
        if not self.busy:
            await self._lock.acquire()  # free and nobody before us: does not wait
            return
        if self._waiting >= self._pending:
            raise Problem("rate_limited", f"{self._waiting} requests already wait for this session")
        self._waiting += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._lock.acquire()
        except TimeoutError:
            raise Problem("deadline", "the time limit of this request passed while others had the session") from None
        finally:
            self._waiting -= 1
        if self.closed:
            self.leave()
            raise unknown_session()

    def leave(self) -> None:
        """Give the turn to the next."""
        self._lock.release()
