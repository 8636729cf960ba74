"""Many clients, many sessions, and clients that do not wait for their answers."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Session, open_session, pages, step

SECONDS = 60


def hammer(session: Session, name: str, rounds: int) -> tuple[int, list[int]]:
    """A client's own leaf, and one that all share, in the same session; how often it won, and the versions it saw."""
    versions = []
    session.tensor(name, [1.0, 2.0], requires_grad=True)
    for at in range(rounds):
        steps = [
            step("mul", name, name, out=f"{name}_square"),
            step("sum", f"{name}_square", out=f"{name}_sum"),
            step("backward", tensors=f"{name}_sum"),
            step("add_", "shared", 1),
        ]
        versions.append(session.run(*steps, **{"return": [f"{name}.grad"]})["version"])
        if at % 3 == 0:
            refused = [*steps[:3], step("add_", "shared", 1000), step("nonsense")]
            assert session.send("POST", "run", {"steps": refused}).status_code == 422
    return rounds, versions


def test_two_clients_on_one_session_lose_nothing_of_each_others_work(server, session):
    session.tensor("shared", 0, dtype="int64")
    before = session.version()
    with server.client() as one, server.client() as other, ThreadPoolExecutor(2) as pool:
        clients = [Session(one, session.id), Session(other, session.id)]
        done = list(pool.map(hammer, clients, ["a", "b"], [30, 30]))
    rounds = sum(count for count, _ in done)
    assert session.data("shared") == rounds
    for name in "ab":
        assert session.grad(name) == [2.0 * 30, 4.0 * 30]
    versions = sorted(version for _, seen in done for version in seen)
    assert len(set(versions)) == rounds
    assert session.version() == before + rounds + 2  # and the two leaves


@pytest.mark.timeout(180)
def test_500_sessions_at_once_each_with_their_own_graph(client):
    def work(number: int) -> tuple[str, float]:
        id = f"many-{number}"
        assert client.post("/v1/sessions", json={"id": id}).status_code == 201
        session = Session(client, id)
        session.run(
            step("tensor", data=float(number), requires_grad=True, out="x"),
            step("mul", "x", "x", out="y"),
            step("backward", tensors="y", retain_graph=True),
        )
        return id, number

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(work, range(500)))
        listed = {each["id"] for each in pages(client, "/v1/sessions", "sessions", 100)}
        assert {id for id, _ in made} <= listed
        gradients = list(pool.map(lambda each: Session(client, each[0]).grad("x"), made))
        assert gradients == [2.0 * number for _, number in made]
        statuses = list(pool.map(lambda each: client.delete(f"/v1/sessions/{each[0]}").status_code, made))
    assert set(statuses) == {204}


def encoded(body) -> bytes:
    return json.dumps(body).encode()


def request_text(session: Session, path: str, body, **headers: str) -> bytes:
    content = encoded(body)
    lines = [f"POST {session.path}/{path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(content)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


def wait_until(condition) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


SLOW = [step("randn", size=[900, 900], out="a"), *[step("matmul", "a", "a", out="b")] * 6]


def test_a_call_whose_client_leaves_is_done_once_and_the_session_goes_on(server, session):
    """The answer of a call that was sent is kept under its key for the client's return."""
    session.tensor("n", 0)
    version = session.version()
    body, key = {"steps": [*SLOW, step("add_", "n", 1)], "return": ["n"]}, {"Idempotency-Key": "left"}
    with socket.create_connection(("127.0.0.1", server.port)) as gone:
        gone.sendall(request_text(session, "run", body, **key))
        wait_until(lambda: server_has_read(server))
    kind = {"content-type": "application/json"}
    again = session.client.post(f"{session.path}/run", content=encoded(body), headers={**key, **kind})
    assert again.json()["tensors"]["n"]["data"] == 1
    assert (session.version(), session.data("n")) == (version + 1, 1)


def server_has_read(server) -> bool:
    """Whether a request other than this one is in flight."""
    with server.client() as client:
        return "autograd_requests_in_flight 2.0" in client.get("/metrics").text


def test_clients_that_leave_in_the_middle_of_an_answer_harm_nobody(server, session):
    """The answer is far larger than what a socket buffers, and nobody reads it."""
    session.run(step("ones", size=[1_000_000], out="big"), **{"return": []})
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port)) as gone:
            gone.sendall(f"GET {session.path}/tensors/big HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert gone.recv(1000).startswith(b"HTTP/1.1 200")
    assert session.data("big")[:2] == [1.0, 1.0]
    with open_session(session.client) as other:
        assert other.op("add", 1, 1)["data"] == 2


def test_half_a_request_harms_nobody(server, session):
    session.tensor("n", 0)
    version = session.version()
    text = request_text(session, "run", {"steps": [step("add_", "n", 1)] * 100})
    for end in (1, 40, len(text) // 2, len(text) - 1):
        with socket.create_connection(("127.0.0.1", server.port)) as gone:
            gone.sendall(text[:end])
    assert (session.version(), session.data("n")) == (version, 0)
