"""A session: one client's names, graph and modes, behind a single door."""

from __future__ import annotations

import time
from collections.abc import Mapping

from app import codec
from app.calls import JSON, Answer, Call
from app.session import light
from app.session.bodies import check_query
from app.session.methods import MUTATING, READING, Method
from app.session.replies import Bytes, Text
from app.session.state import State
from app.session.transaction import Transaction
from engine import arrays
from engine.modes import activate

NO_HEADERS: Mapping[str, str] = {}


class Session(State):
    """`handle` is all there is to it; who holds a session lets one call in at a time."""

    _counted = 0  # graph nodes, when they were last counted

    def is_light(self, call: Call) -> bool:
        """Whether a call looks small enough for `attempt`."""
        return (
            call.method in light.METHODS
            and len(call.body) <= light.BODY_BYTES
            and not call.query
            and self.budget.nodes <= light.NODES
            and len(self.names) <= light.NAMES
            and not arrays.gpu_loaded()
        )

    def attempt(self, call: Call) -> Answer | None:
        """`handle` in the event loop: None, and nothing has changed, if the call takes longer than it looked."""
        try:
            self.budget.begin_light()
            return self.handle(call)
        except light.Heavy:
            return None
        finally:
            self.budget.end_light()

    def recount(self) -> None:
        """Measure what the session holds if nodes have been counted that may be gone: `is_light` asks for them."""
        if self.budget.nodes > max(light.NODES, 2 * self._counted):
            self.budget.measure()
            self._counted = self.budget.nodes

    def handle(self, call: Call) -> Answer:
        """Do what a call asks for, all of it or nothing.

        Raises Problem, or an exception of the engine with a `code`; the session is then as it was before.
        """
        with activate(self.ctx):
            self.budget.deadline = call.deadline
            self.decode_s = 0.0
            self.ops.clear()
            if call.query:
                check_query(call.method, call.query, call.content_type)
            reading = READING.get(call.method)
            if reading is not None:
                return self._answer(reading, call)
            with Transaction(self):
                self.version += 1
                answer = self._answer(MUTATING[call.method], call)
                self.budget.tick()
                return answer

    def _answer(self, method: Method, call: Call) -> Answer:
        started = time.perf_counter()
        status, reply = method(self, call)
        done = time.perf_counter()
        media_type, further = JSON, NO_HEADERS
        if isinstance(reply, Text):
            body, media_type = reply.content.encode(), reply.media_type
        elif isinstance(reply, Bytes):
            body, media_type, further = reply.content, reply.media_type, reply.headers
        else:
            body = b"" if reply is None else codec.dumps(reply)
        encoded = time.perf_counter()
        decode, run, encode = self.decode_s * 1000, (done - started - self.decode_s) * 1000, (encoded - done) * 1000
        timing = f"decode;dur={decode:.3f}, run;dur={run:.3f}, encode;dur={encode:.3f}"
        headers = {"ETag": f'"{self.version}"', "Server-Timing": timing, **further}
        return Answer(status, body, headers, media_type, dict(self.ops))
