"""`GET /metrics` and the log: counted by route, with nothing of a client's in them."""

import json
import re

import pytest

from .conftest import Server, Session, open_session, step

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:\w+="[^"\\\n]*",?)*)\})? ([-+.e\d]+|NaN|\+Inf)')


def samples(client) -> dict[tuple, float]:
    """Every sample by its name and labels; fails for a line that is not in Prometheus' text format."""
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    found = {}
    for line in response.text.splitlines():
        if line.startswith("#"):
            assert re.match(r"# (HELP|TYPE) [a-z_]+ ", line)
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        key = (name, *sorted(re.findall(r'(\w+)="([^"]*)"', labels or "")))
        assert key not in found
        found[key] = float(value)
    return found


def requests(found: dict, method: str, route: str, status: int) -> float:
    key = ("autograd_requests_total", ("method", method), ("route", route), ("status", str(status)))
    return found.get(key, 0.0)


def ops(found: dict, op: str) -> float:
    return found.get(("autograd_ops_total", ("op", op)), 0.0)


RARE_METHODS = ("PROPFIND", "MKCOL", "LOCK", "SEARCH")
RUN = "/v1/sessions/{session}/run"


def test_requests_are_counted_by_method_route_and_status(client):
    before = samples(client)
    with open_session(client) as session:
        session.run(step("ones", size=[2]))
        session.send("POST", "run", {"steps": [step("nonsense")]})
        session.send("GET", "tensors/nobody")
    after = samples(client)
    for method, route, status, more in [
        ("POST", "/v1/sessions", 201, 1),
        ("POST", RUN, 200, 1),
        ("POST", RUN, 422, 1),
        ("GET", "/v1/sessions/{session}/tensors/{tensor}", 404, 1),
        ("DELETE", "/v1/sessions/{session}", 204, 1),
    ]:
        assert requests(after, method, route, status) - requests(before, method, route, status) == more
    times = [("autograd_request_seconds_count", ("method", "POST"), ("route", RUN))] * 2
    assert after[times[0]] - before.get(times[1], 0.0) == 2


def test_paths_and_methods_that_are_not_there_are_one_route_and_one_method(client):
    before = samples(client)
    for at in range(20):
        client.get(f"/nowhere/{at}")
    for method in RARE_METHODS:
        assert client.request(method, "/healthz").status_code == 405
    after = samples(client)
    assert requests(after, "GET", "unmatched", 404) - requests(before, "GET", "unmatched", 404) == 20
    assert requests(after, "other", "/healthz", 405) - requests(before, "other", "/healthz", 405) == 4
    assert len(after) - len(before) < 60


def test_steps_that_were_applied_are_counted_by_op(client):
    before = samples(client)
    with open_session(client) as session:
        session.run(step("ones", size=[2], requires_grad=True, out="x"), *[step("exp", "x", out="y")] * 3)
        session.op("sum", "y", out="s")
        session.backward("s")
        session.send("POST", "run", {"steps": [step("exp", "x"), step("exp", "nobody")]})
        session.send("POST", "ops/nonsense", {})
    after = samples(client)
    made = {op: ops(after, op) - ops(before, op) for op in ("ones", "exp", "sum", "backward", "nonsense")}
    assert made == {"ones": 1, "exp": 3, "sum": 1, "backward": 1, "nonsense": 0}


def test_a_repeated_call_counts_as_a_request_but_not_as_steps(client):
    with open_session(client) as session:
        before = samples(client)
        for _ in range(3):
            session.call("POST", "ops/tanh", {"input": [1.0]}, headers={"idempotency-key": "once"})
        after = samples(client)
    route = "/v1/sessions/{session}/ops/{op}"
    assert requests(after, "POST", route, 200) - requests(before, "POST", route, 200) == 3
    assert ops(after, "tanh") - ops(before, "tanh") == 1


def test_sessions_bytes_and_nodes_are_what_is_there_now(client):
    def now():
        found = samples(client)
        return [found[(f"autograd_{name}",)] for name in ("sessions", "session_bytes", "graph_nodes")]

    before = now()
    with open_session(client) as session:
        session.run(step("ones", size=[1000], requires_grad=True, out="x"), step("exp", "x", out="y"))
        session.call("GET")
        sessions, held, nodes = [after - first for after, first in zip(now(), before, strict=True)]
        assert (sessions, nodes) == (1, 2)
        assert held >= 8000
    assert now() == before


def test_the_request_that_asks_is_in_flight(client):
    assert samples(client)[("autograd_requests_in_flight",)] >= 1


@pytest.fixture
def own_server():
    server = Server()
    yield server
    server.close()


def test_the_log_has_one_line_of_json_a_request_and_no_secrets(own_server):
    with own_server.client() as client:
        made = client.post("/v1/sessions", json={"id": "secret-session"}, headers={"x-request-id": "log-1"})
        session = Session(client, made.json()["id"])
        headers = {"x-request-id": "log-2", "idempotency-key": "secret-key", "authorization": "Bearer secret-token"}
        session.call("POST", "tensors?data=true", {"name": "secret_name", "data": [123456.5]}, headers=headers)
        session.send("GET", "tensors/nobody", headers={"x-request-id": "log-3"})
        source = "def f(x):\n    return F.mse_loss(x, torch.ones(2))"  # of which PyTorch warns
        client.put("/v1/functions/warned", json={"source": source})
        assert client.post("/v1/functions/warned/call", json={"args": [[1.0]]}).status_code == 200
        client.get("/nowhere/secret", headers={"x-request-id": "log-4"})
    text = own_server.wait_for(lambda: "log-4" in (read := own_server.stderr.read_text()) and read)
    lines = [json.loads(line) for line in text.splitlines()]
    logged = {line["id"]: line for line in lines if line.get("id", "").startswith("log-")}
    assert {id: (line["method"], line["route"], line["status"]) for id, line in logged.items()} == {
        "log-1": ("POST", "/v1/sessions", 201),
        "log-2": ("POST", "/v1/sessions/{session}/tensors", 201),
        "log-3": ("GET", "/v1/sessions/{session}/tensors/{tensor}", 404),
        "log-4": ("GET", "unmatched", 404),
    }
    assert all(line["ms"] >= 0 and line["level"] == "info" for line in logged.values())
    assert "secret" not in text
    assert "123456.5" not in text
