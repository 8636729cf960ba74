"""Requests beside each other: order within a session, isolation between sessions, a live /healthz, a clean stop."""

import http.client
import json
import select
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from .conftest import Server, Session, open_session, step

HEALTH_SECONDS = 0.25
MACHINE_SECONDS = 0.05  # if a server with nothing to do is as late, the machine is busy with something else
SLOW = [step("randn", size=[2000, 2000], out="a"), *[step("matmul", "a", "a", out="b")] * 5]


class Connection:
    """One open connection, on which a request can be sent without waiting for its answer."""

    def __init__(self, server: Server):
        self.http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self.healthy()

    def healthy(self) -> float:
        """The seconds that GET /healthz takes on this connection."""
        start = time.perf_counter()
        self.http.request("GET", "/healthz")
        response = self.http.getresponse()
        response.read()
        assert response.status == 200
        return time.perf_counter() - start

    def send(self, path: str, body):
        self.http.request("POST", path, json.dumps(body), {"content-type": "application/json"})

    def answered(self) -> bool:
        """Whether an answer to what was sent has begun to arrive."""
        return bool(select.select([self.http.sock], [], [], 0)[0])

    def receive(self) -> tuple[int, str, dict]:
        response = self.http.getresponse()
        return response.status, response.headers["etag"], json.loads(response.read())

    def close(self):
        self.http.close()


@pytest.fixture
def connect(server):
    made = []

    def connect() -> Connection:
        made.append(Connection(server))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def test_requests_of_one_session_apply_in_the_order_they_arrive(session, connect):
    """The first is slow; the others come on connections of their own while it runs."""
    session.tensor("x", 0, dtype="int64")
    version = session.version()
    probe, senders = connect(), [connect() for _ in range(8)]
    for number, sender in enumerate(senders):
        before = SLOW if number == 0 else []
        steps = [*before, step("mul_", "x", 2), step("add_", "x", number)]
        sender.send(f"{session.path}/run", {"steps": steps})
        probe.healthy()  # the server has read what was sent before this
    expected = 0
    for number, sender in enumerate(senders):
        expected = 2 * expected + number
        status, etag, answer = sender.receive()
        assert (status, answer["version"], etag) == (200, version + number + 1, f'"{version + number + 1}"')
        assert answer["tensors"]["x"]["data"] == expected


def test_requests_from_many_threads_apply_one_at_a_time(session):
    session.tensor("x", 0)
    version = session.version()

    def add_ones(_) -> list[tuple[int, int]]:
        answers = [session.send("POST", "ops/add_", {"args": ["x", 1]}) for _ in range(20)]
        return [(int(a.headers["etag"].strip('"')), a.json()["result"]["data"]) for a in answers]

    with ThreadPoolExecutor(8) as pool:
        seen = sorted(pair for pairs in pool.map(add_ones, range(8)) for pair in pairs)
    assert seen == [(version + n, n) for n in range(1, 161)]


def test_names_made_by_many_threads_are_all_different(session):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: session.op("add", 1, 1)["name"], range(80)))
    assert sorted(names) == sorted(f"t{n}" for n in range(80))


def latencies_during(work: Future, *connections: Connection) -> list[list[float]]:
    """How long /healthz took on each connection in turn, over and over, while the work was in flight."""
    seen = []
    while not work.done():
        seen.append([each.healthy() for each in connections])
    return seen


@pytest.fixture(scope="module")
def idle():
    """A server that has nothing to do: how late it answers is the machine's doing."""
    server = Server()
    yield server
    server.close()


BUSY = {
    "products of 2000 by 2000": SLOW,
    "10,000 steps": [step("mul", "x", 1.0, out="x")] * 10_000,
    "10,000 steps and their backward": [*[step("mul", "x", 1.0, out="x")] * 10_000, step("backward", tensors="x")],
}


@pytest.mark.parametrize("work", BUSY)
def test_healthz_answers_at_once_beside(session, connect, idle, work):
    session.run(step("tensor", data=1.0, requires_grad=True, out="leaf"), step("contiguous", "leaf", out="x"))
    connection, control = connect(), Connection(idle)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(session.run, *BUSY[work], **{"return": []})
        latencies = latencies_during(running, connection, control)
        assert running.result()["tensors"] == {}
    control.close()
    busy, machine = zip(*latencies, strict=True)
    late = sum(each >= HEALTH_SECONDS for each in busy)
    assert len(busy) >= 3
    assert late <= (0 if max(machine) < MACHINE_SECONDS else max(1, len(busy) // 20))


def program(session: Session) -> list:
    """A program whose every answer depends on the session's names, graph, counter and random numbers."""
    session.op("randn", size=[3], requires_grad=True, out="x")
    seen = [session.data("x")]
    for _ in range(10):
        made = session.op("mul", "x", "x")
        session.op("sum", made["name"], out="s")
        seen += [made["name"], session.backward("s")["x"]["data"], session.op("randn", size=[2], out=None)["data"]]
    return [*seen, session.version(), session.names()]


def test_sessions_beside_each_other_do_not_disturb_each_other(client):
    with open_session(client, seed=5) as alone:
        expected = program(alone)
    with ThreadPoolExecutor(6) as pool:
        sessions = [client.post("/v1/sessions", json={"seed": 5}).json()["id"] for _ in range(6)]
        results = list(pool.map(lambda id: program(Session(client, id)), sessions))
    for id in sessions:
        client.delete(f"/v1/sessions/{id}")
    assert results == [expected] * 6


def test_one_session_does_not_see_anothers_names(client):
    with open_session(client) as one, open_session(client) as other:
        one.tensor("x", 1.0)
        assert other.names() == []
        other.tensor("x", 2.0)
        assert one.data("x") == 1.0


@pytest.fixture
def own_server():
    server = Server()
    yield server
    server.close()


def test_sigterm_lets_a_request_in_flight_finish_and_exits_0(own_server):
    connection, probe = Connection(own_server), Connection(own_server)
    with own_server.client() as client:
        session = Session(client, client.post("/v1/sessions", json={}).json()["id"])
    connection.send(f"{session.path}/run", {"steps": [*SLOW, step("full", [2], 7.0, out="r")]})
    probe.healthy()  # the server has read the request
    assert not connection.answered()
    own_server.process.send_signal(signal.SIGTERM)
    status, _, answer = connection.receive()
    assert (status, answer["tensors"]["r"]["data"]) == (200, [7.0, 7.0])
    assert own_server.process.wait(30) == 0
    connection.close()
    probe.close()


def test_while_a_request_in_flight_finishes_others_learn_that_the_server_stops(own_server):
    """On new connections too: a balancer that asks `/readyz` sees 503, not a closed port."""
    connection = Connection(own_server)
    with own_server.client() as client:
        session = Session(client, client.post("/v1/sessions", json={}).json()["id"])
        connection.send(f"{session.path}/run", {"steps": [*SLOW, *SLOW]})
        client.get("/healthz")
        assert client.get("/readyz").status_code == 200
        own_server.process.send_signal(signal.SIGTERM)
        own_server.wait_for(lambda: client.get("/readyz").status_code == 503)
    assert not connection.answered()
    with own_server.client() as client:
        assert client.get("/healthz").status_code == 200
        for method, path in [("GET", "/readyz"), ("POST", "/v1/sessions"), ("GET", session.path)]:
            refused = client.request(method, path)
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert int(refused.headers["retry-after"]) >= 1
    assert not connection.answered()
    assert connection.receive()[0] == 200
    assert own_server.process.wait(30) == 0
    connection.close()


def test_sigterm_stops_an_idle_server_with_0(own_server):
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(30) == 0
