"""A session: one client's names, graph and modes, behind a single door."""

from __future__ import annotations

import time

from app import codec
from app.calls import JSON, Answer, Call, server_timing
from app.session.bodies import check_query
from app.session.methods import MUTATING, READING, Method
from app.session.replies import Text
from app.session.state import State
from app.session.transaction import Transaction
from engine.modes import activate


class Session(State):
    """`handle` is all there is to it; who holds a session lets one call in at a time."""

    def handle(self, call: Call) -> Answer:
        """Do what a call asks for, all of it or nothing.

        Raises Problem, or an exception of the engine with a `code`; the session is then as it was before.
        """
        with activate(self.ctx):
            self.budget.deadline = call.deadline
            self.decode_s = 0.0
            self.ops.clear()
            if call.query:
                check_query(call.method, call.query)
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
        media_type = JSON
        if isinstance(reply, Text):
            body, media_type = reply.content.encode(), reply.media_type
        else:
            body = b"" if reply is None else codec.dumps(reply)
        encoded = time.perf_counter()
        phases = {"decode": self.decode_s, "run": done - started - self.decode_s, "encode": encoded - done}
        headers = {"ETag": f'"{self.version}"', "Server-Timing": server_timing(phases)}
        return Answer(status, body, headers, media_type, dict(self.ops))
