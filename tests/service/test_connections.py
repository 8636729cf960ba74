"""One connection on the wire: several requests in one piece, an announced body, an end, clients that leave at once."""

import json
import re
import select
import socket
import struct
import time

import httpx
import pytest

from tests.service.conftest import Server

LEFT = struct.pack("ii", 1, 0)  # a close that does not wait: the server sees a reset
ALIVE = b'{"status":"ok"}'


def connect(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def request(server, method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *headers, "", "")).encode()


def read_until(connection: socket.socket, count: int, what: bytes) -> bytes:
    read = b""
    while read.count(what) < count:
        piece = connection.recv(65536)
        assert piece, read
        read += piece
    return read


def test_requests_sent_in_one_piece_are_answered_in_order(server):
    with connect(server) as connection:
        paths = ("/healthz", "/nowhere", "/readyz") * 3
        connection.sendall(b"".join(request(server, "GET", path) for path in paths))
        read = read_until(connection, 3, b'{"status":"ready"}')
    assert re.findall(rb"HTTP/1\.1 (\d+)", read) == [b"200", b"404", b"200"] * 3


def test_a_client_that_waits_to_send_its_body_is_told_to_go_on(server, client):
    body = b'{"data": [1.5]}'
    with connect(server) as connection:
        made = client.post("/v1/sessions").json()["id"]
        about = ("Expect: 100-continue", "Content-Type: application/json", f"Content-Length: {len(body)}")
        connection.sendall(request(server, "POST", f"/v1/sessions/{made}/tensors", *about))
        assert read_until(connection, 1, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read_until(connection, 1, b"[1.5]").startswith(b"HTTP/1.1 201 ")


def test_a_connection_is_closed_after_the_whole_answer(server):
    with connect(server) as connection:
        connection.sendall(request(server, "GET", "/openapi.json", "Connection: close"))
        read = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = read.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    assert len(body) == int(length.partition(b":")[2])


def test_clients_that_leave_at_once_leave_no_trace(server):
    before = server.stderr.read_text()
    for _ in range(100):
        connection = connect(server)
        connection.sendall(request(server, "GET", "/openapi.json"))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LEFT)
        connection.close()
    assert httpx.get(f"{server.url}/healthz", trust_env=False).content == ALIVE
    assert "Traceback" not in server.stderr.read_text()[len(before) :]


def test_a_client_that_has_said_all_it_will_say_is_answered(server):
    """As `printf ... | nc -N` does: its end of the connection is closed, the other is read."""
    for paths in [("/healthz",), ("/healthz", "/healthz")] * 20:
        with connect(server) as connection:
            connection.sendall(b"".join(request(server, "GET", path) for path in paths))
            connection.shutdown(socket.SHUT_WR)
            read = b"".join(iter(lambda: connection.recv(65536), b""))
        assert read.count(b"HTTP/1.1 200 ") == read.count(ALIVE) == len(paths)


def test_a_client_that_ends_within_its_body_gets_no_answer(server):
    with connect(server) as connection:
        connection.sendall(request(server, "POST", "/v1/sessions", "Content-Length: 100") + b"{")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(65536) == b""


PATIENCE = 0.5


@pytest.fixture(scope="module")
def impatient():
    """A server that waits half a second for what a request consists of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRAD_BODY_TIMEOUT_S", str(PATIENCE))
        running = Server()
    yield running
    running.close()


def test_headers_that_do_not_end_are_refused_in_time(impatient):
    started = time.monotonic()
    with connect(impatient) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        read = b"".join(iter(lambda: connection.recv(65536), b""))
    assert time.monotonic() - started >= PATIENCE
    head, _, body = read.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["code"] == "request_timeout"


def test_a_connection_on_which_nothing_comes_is_closed(impatient):
    with connect(impatient) as connection:
        assert connection.recv(65536) == b""


def test_the_time_for_headers_begins_with_each_request(impatient):
    """Slow headers behind a request that is served do not take its answer away, and a pause between two is allowed."""
    with connect(impatient) as connection:
        for _ in range(3):
            connection.sendall(request(impatient, "GET", "/healthz"))
            read_until(connection, 1, ALIVE)
            assert select.select([connection], [], [], 1.5 * PATIENCE)[0] == []
        body = json.dumps(
            {"code": "x = torch.randn(400, 400)\nfor i in range(150):\n    y = torch.linalg.inv(x)"}
        ).encode()
        made = httpx.post(f"{impatient.url}/v1/sessions", trust_env=False).json()["id"]
        headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        connection.sendall(request(impatient, "POST", f"/v1/sessions/{made}/exec", *headers) + body + b"GET /slow HT")
        read = b"".join(iter(lambda: connection.recv(65536), b""))
    assert re.findall(rb"HTTP/1\.1 (\d+)", read) == [b"200", b"408"]
