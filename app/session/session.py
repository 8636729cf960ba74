"""A session: one client's names, graph and modes, behind a single door."""

from __future__ import annotations

from app import codec
from app.calls import Answer, Call
from app.session.methods import MUTATING, READING, Method
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
            reading = READING.get(call.method)
            if reading is not None:
                return self._answer(reading, call)
            with Transaction(self):
                self.version += 1
                answer = self._answer(MUTATING[call.method], call)
                self.budget.tick()
                return answer

    def _answer(self, method: Method, call: Call) -> Answer:
        status, body = method(self, call)
        return Answer(status, b"" if body is None else codec.dumps(body), {"ETag": f'"{self.version}"'})
