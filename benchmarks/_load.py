"""A light HTTP client: the same request over and over on some kept-alive connections, from processes of its own.

It costs some 10 us a request, so that a server in Python on another core is what is measured. Whole answers are read,
and any that is not a success stops the benchmark.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection

HOST = "127.0.0.1"
PIECE = 2**18
TIMEOUT_S = 60


def request_bytes(method: str, path: str, port: int, body: bytes = b"") -> bytes:
    """A request as it stands on the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode("ascii") + b"\r\n" + body


class Exchange:
    """One connection, its request and the answer that is being read."""

    def __init__(self, port: int, request: bytes) -> None:
        self.request = request
        self.socket = socket.create_connection((HOST, port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = memoryview(bytearray(PIECE))
        self._parts: list[bytes] = []
        self._missing = 0

    def ask(self) -> None:
        """Send the request."""
        self._parts, self._missing = [], -1
        self.socket.sendall(self.request)

    def read(self) -> bool:
        """Read what is there; whether the answer is complete."""
        count = self.socket.recv_into(self._buffer)
        if not count:
            raise SystemExit("the server hung up")
        piece = bytes(self._buffer[:count])
        self._parts.append(piece)
        if self._missing < 0:
            self._read_head()
        else:
            self._missing -= count
        return self._missing == 0

    def _read_head(self) -> None:
        """Find out from the headers, once they are there, how much is missing."""
        text = b"".join(self._parts)
        end = text.find(b"\r\n\r\n")
        if end < 0:
            return
        head = text[:end].lower()
        if not head.startswith(b"http/1.1 2"):
            raise SystemExit(f"not a success: {text[:500]!r}")
        at = head.index(b"content-length:") + len(b"content-length:")
        self._missing = int(head[at:].partition(b"\r")[0]) - (len(text) - end - 4)

    @property
    def body(self) -> bytes:
        """The body of the answer."""
        return b"".join(self._parts).partition(b"\r\n\r\n")[2]


def fetch(method: str, path: str, port: int, body: bytes = b"") -> bytes:
    """The body of one answer."""
    exchange = Exchange(port, request_bytes(method, path, port, body))
    with exchange.socket:
        exchange.ask()
        while not exchange.read():
            pass
        return exchange.body


def repeat(port: int, requests: Sequence[bytes], seconds: float) -> int:
    """Send each request on a connection of its own, over and over; how many answers have come in that time."""
    count = 0
    with selectors.DefaultSelector() as selector:
        for request in requests:
            exchange = Exchange(port, request)
            selector.register(exchange.socket, selectors.EVENT_READ, exchange)
            exchange.ask()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for key, _ in selector.select(TIMEOUT_S):
                if key.data.read():
                    count += 1
                    key.data.ask()
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return count


class Clients:
    """Processes that wait for work; each has its share of the connections."""

    def __init__(self, processes: int) -> None:
        context = get_context("spawn")
        self._pipes = []
        self._processes = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def rate(self, port: int, requests: Sequence[bytes], seconds: float) -> float:
        """Answers a second, with a connection for each request."""
        shares = [requests[at :: len(self._pipes)] for at in range(len(self._pipes))]
        busy = [(pipe, share) for pipe, share in zip(self._pipes, shares, strict=True) if share]
        for pipe, share in busy:
            pipe.send((port, share, seconds))
        answered = [pipe.recv() for pipe, _ in busy]
        if None in answered:
            raise SystemExit("a client failed; what it said stands above")
        return sum(answered) / seconds

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join()


def _work(pipe: Connection) -> None:
    while (task := pipe.recv()) is not None:
        answered = None
        try:
            answered = repeat(*task)
        finally:
            pipe.send(answered)
