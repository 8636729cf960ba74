"""The real server in its own process on a real socket, and what the tests say to it.

Rules of this folder: nothing of the server is imported; a test knows only the wire contract. Every JSON
answer is parsed strictly (a bare NaN fails the test) and a 500 fails whichever test provoked it.
"""

import contextlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
POLL_SECONDS = 0.02
PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "code"}


class Server:
    """One `python -m app` process, its output in files so that a full pipe can never block it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.stdout, self.stderr = (Path(self.folder.name, name) for name in ("stdout", "stderr"))
        command = [sys.executable, "-m", "app", "--host", "127.0.0.1", "--port", "0"]
        with self.stdout.open("w") as stdout, self.stderr.open("w") as stderr:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=stderr)
        try:
            self.url = self.wait_for(self.announced_url)
            self.wait_for(self.is_ready)
        except BaseException:
            self.close()
            raise

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def announced_url(self):
        line = r"Autograd Server listening on (http://127\.0\.0\.1:\d+)\s"
        found = re.search(line, self.stdout.read_text(errors="replace"))
        return found and found[1]

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200
        return False

    def wait_for(self, condition):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.fail(f"exited with {self.process.returncode}")
            if result := condition():
                return result
            time.sleep(POLL_SECONDS)
        self.fail(f"was not ready in {START_SECONDS} s")

    def fail(self, what: str):
        pytest.fail(f"the server {what}:\n{self.stderr.read_text(errors='replace')}", pytrace=False)

    def client(self, **options) -> httpx.Client:
        hooks = {"response": [check_response]}
        return httpx.Client(base_url=self.url, timeout=120, event_hooks=hooks, trust_env=False, **options)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def refuse_constant(name):
    raise AssertionError(f"{name} is not JSON")


def check_response(response: httpx.Response):
    response.read()
    assert response.status_code != 500, response.text
    if "json" in response.headers.get("content-type", ""):
        json.loads(response.content, parse_constant=refuse_constant)


class Session:
    """One session: its calls expect success and return the decoded answer; `send` returns the response."""

    def __init__(self, client: httpx.Client, id: str):
        self.client, self.id, self.path = client, id, f"/v1/sessions/{id}"

    def send(self, method: str, path: str = "", body=None, **options) -> httpx.Response:
        return self.client.request(method, f"{self.path}/{path}".rstrip("/"), json=body, **options)

    def call(self, method: str, path: str = "", body=None, **options):
        response = self.send(method, path, body, **options)
        assert response.is_success, f"{method} {path} {body}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def tensor(self, name: str | None, data, **fields) -> dict:
        named = {} if name is None else {"name": name}
        return self.call("POST", "tensors", {**named, "data": data, **fields})

    def answer(self, op: str, *args, **fields) -> dict:
        return self.call("POST", f"ops/{op}", {**({"args": list(args)} if args else {}), **fields})

    def op(self, op: str, *args, **fields):
        """The result of one step: a tensor object, a list of them, or None."""
        answer = self.answer(op, *args, **fields)
        return answer["results"] if "results" in answer else answer["result"]

    def value(self, op: str, *args, **fields):
        """The result of one step whose answer is not a tensor."""
        answer = self.answer(op, *args, **fields)
        assert answer["result"] is None
        return answer["value"]

    def run(self, *steps: dict, **fields) -> dict:
        return self.call("POST", "run", {"steps": list(steps), **fields})

    def backward(self, tensors, **fields) -> dict:
        return self.call("POST", "backward", {"tensors": tensors, **fields})["grads"]

    def get(self, name: str) -> dict:
        return self.call("GET", f"tensors/{name}")

    def data(self, name: str):
        return self.get(name)["data"]

    def grad(self, name: str):
        """The values of a tensor's gradient, or None."""
        grad = self.get(name)["grad"]
        return grad and grad["data"]

    def names(self) -> list[str]:
        return sorted(t["name"] for t in pages(self.client, f"{self.path}/tensors", "tensors"))

    def version(self) -> int:
        return self.call("GET")["version"]


def step(op: str, *args, **fields) -> dict:
    """A step as JSON: `step("add", "x", 2, out="y")`."""
    return {"op": op, **({"args": list(args)} if args else {}), **fields}


def leaf(name: str, data, **fields) -> dict:
    """The step that makes a leaf."""
    return step("tensor", data=data, requires_grad=True, out=name, **fields)


def pages(client: httpx.Client, path: str, key: str, limit: int = 7) -> list[dict]:
    found, cursor = [], None
    while True:
        answer = client.get(path, params={"limit": limit, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found += answer.json()[key]
        if (cursor := answer.json()["next"]) is None:
            return found


def snapshot(session: Session) -> dict:
    """Everything a client can see of a session: its object, and every tensor with values and gradient."""
    state = session.call("GET")
    state.pop("expires_at", None)
    listed = pages(session.client, f"{session.path}/tensors", "tensors")
    return {
        "session": state,
        "listed": listed,
        "tensors": {t["name"]: session.get(t["name"]) for t in listed},
    }


@contextlib.contextmanager
def unchanged(session: Session):
    """What happens inside leaves the session exactly as it was, and the server well."""
    before = snapshot(session)
    yield
    assert snapshot(session) == before
    assert session.client.get("/healthz").status_code == 200


def problem(response: httpx.Response, status, code=None, detail: str | None = None) -> dict:
    """The response is an RFC 9457 problem; tuples of `status` and `code` where the contract leaves a choice."""
    statuses, codes = (v if isinstance(v, tuple) else (v,) for v in (status, code))
    assert response.status_code in statuses, f"{response.status_code} {response.text[:500]}"
    assert response.headers["content-type"].split(";")[0] == "application/problem+json"
    body = response.json()
    assert body.keys() >= PROBLEM_FIELDS
    assert body["status"] == response.status_code
    assert re.fullmatch(r"[a-z][a-z0-9_]*", body["code"])
    assert code is None or body["code"] in codes, body
    assert detail is None or detail in body["detail"], body["detail"]
    assert not any(leak in response.text for leak in ("Traceback", 'File \\"', ".py", str(ROOT)))
    return body


def flatten(data) -> list:
    """The numbers of a nested list, row-major."""
    return [v for row in data for v in flatten(row)] if isinstance(data, list) else [data]


def float32(value):
    """The float32 nearest to a number, which is what any decimal form of a float32 must read back as."""
    if isinstance(value, list):
        return [float32(v) for v in value]
    return struct.unpack("<f", struct.pack("<f", value))[0]


@contextlib.contextmanager
def open_session(client: httpx.Client, **fields):
    response = client.post("/v1/sessions", json=fields)
    assert response.status_code == 201, response.text
    session = Session(client, response.json()["id"])
    try:
        yield session
    finally:
        assert client.delete(session.path).status_code in (204, 404)


@pytest.fixture(scope="session")
def server():
    running = Server()
    yield running
    running.close()


@pytest.fixture(scope="session")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def session(client):
    with open_session(client, seed=0) as session:
        yield session


@pytest.fixture(scope="session")
def subprocess_env():
    """The environment for example programs: no proxy between them and 127.0.0.1."""
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
