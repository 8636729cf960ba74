"""The HTTP parser's face to the network, with a limit on headers, which uvicorn's has not."""

from __future__ import annotations

import asyncio
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
    """Refuses a request whose line and headers pass `limit` bytes, also one that never ends."""

    limit: int
    _unfinished = 0  # bytes of headers that have come while they are not complete
    _in_headers = False
    _too_large = False

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]  # it does what one does

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        super().data_received(data)
        if self._in_headers and not self._too_large:
            self._unfinished += len(data)
            if self._unfinished > self.limit:
                self._too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_headers = True
        self._unfinished = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A request's headers are there."""
        self._in_headers = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.limit:
            self._too_large = True
            raise HeadersTooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not accept, and hang up."""
        if not self._too_large:
            super().send_400_response(msg)
            return
        content = Problem("headers_too_large", f"the headers are over the limit of {self.limit} bytes").render("/")
        head = f"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: {MEDIA_TYPE}\r\n"
        head += f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode("ascii") + content)
        self.transport.close()


def bounded(limit: int) -> type[BoundedProtocol]:
    """The protocol with this limit."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limit": limit})
