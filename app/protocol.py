"""The HTTP parser's face to the network, with limits on headers, which uvicorn's has not: their size and their time."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.problems import MEDIA_TYPE, Problem


class HeadersTooLarge(Exception):
    """Stops the parser."""


class Gathering:
    """A transport that sends in one piece what is written in one turn of the event loop: headers with their body."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send soon."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Hang up, after what was written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():  # who has left gets nothing
            self._transport.writelines(parts)


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request whose line and headers pass `limit` bytes or `patience` seconds, also one that never ends."""

    limit: int
    patience: float
    _unfinished = 0  # bytes of headers that have come while they are not complete
    _in_headers = False
    _problem: Problem | None = None  # why the parser was stopped, where it is not its own refusal
    _waiting: asyncio.TimerHandle | None = None  # while headers are awaited; most come complete and need no clock

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]  # it does what one does
        self._waiting = self.loop.call_later(self.patience, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left, or was left."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        super().data_received(data)
        if self._in_headers and self._problem is None:
            self._unfinished += len(data)
            if self._unfinished > self.limit:
                self._refuse(_too_large(self.limit))
            elif self._waiting is None:
                self._waiting = self.loop.call_later(self.patience, self._give_up)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio takes a bool
        """The client sends no more; whether it is answered: what it asked for whole is, and then it is hung up."""
        if self.cycle is None or (self.cycle.more_body and not self.cycle.response_complete):
            return False
        if self.cycle.response_complete:
            self.transport.close()  # what was written in this turn of the loop goes out first
        self.cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_headers = True
        self._unfinished = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A request's headers are there."""
        self._in_headers = False
        self._stop_waiting()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.limit:
            self._problem = _too_large(self.limit)
            raise HeadersTooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not accept, and hang up."""
        if self._problem is None:
            super().send_400_response(msg)
        else:
            self._refuse(self._problem)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        """The time for headers is over; one who is still to be answered is waited for."""
        self._waiting = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._waiting = self.loop.call_later(self.patience, self._give_up)
        elif self._in_headers:
            self._refuse(Problem("request_timeout", f"the headers did not arrive within {self.patience:g} s"))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        self._problem = problem
        content = problem.render("/")
        head = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        head += f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode("ascii") + content)
        self.transport.close()


def _too_large(limit: int) -> Problem:
    return Problem("headers_too_large", f"the headers are over the limit of {limit} bytes")


def bounded(limit: int, patience: float) -> type[BoundedProtocol]:
    """The protocol with these limits: bytes of headers, and seconds in which they must arrive."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limit": limit, "patience": patience})
