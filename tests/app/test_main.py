"""The command: what it prints, what it refuses, how it ends. Over real processes."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "app"]
SECONDS = 60

Process = subprocess.Popen[str]


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    """A server on a free port, its first line of output not yet read; parametrized with more flags."""
    started = subprocess.Popen(
        [*COMMAND, "--port", "0", "--log-level", "warning", *getattr(request, "param", [])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield started
    started.kill()
    started.communicate(timeout=SECONDS)


def address(process: Process) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Autograd Server listening on (http://127\.0\.0\.1:[1-9]\d*)\n", line)
    assert found, line
    return found[1]


def get(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=SECONDS) as response:
        body: bytes = response.read()
        return body


def post(url: str, body: object) -> tuple[int, bytes]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=SECONDS) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)


def test_it_listens_when_it_says_so_and_says_where_to_go(process: Process) -> None:
    url = address(process)
    assert get(f"{url}/readyz")
    assert process.stdout is not None
    assert f"{url}/docs" in process.stdout.readline()
    assert f"curl -X POST {url}/v1/sessions" in process.stdout.readline()
    assert b"swagger-ui" in get(f"{url}/docs")


@pytest.mark.parametrize("process", [["--header-bytes", "1000"]], indirect=True)
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""], ids=["complete", "without an end"])
def test_headers_over_the_limit_are_refused(process: Process, end: bytes) -> None:
    port = int(address(process).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1000 + end)
        with connection.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["code"] == "headers_too_large"


@pytest.mark.parametrize("process", [["--request-timeout-s", "0.3"]], indirect=True)
def test_a_run_past_the_time_limit_is_stopped_and_leaves_nothing(process: Process) -> None:
    url = address(process)
    assert post(f"{url}/v1/sessions", {"id": "s"})[0] == 201
    before = json.loads(get(f"{url}/v1/sessions/s"))
    step = {"op": "add", "args": [1, 1], "out": "x"}
    status, answer = post(f"{url}/v1/sessions/s/run", {"steps": [step] * 100_000})
    assert (status, json.loads(answer)["code"]) == (504, "deadline")
    after = json.loads(get(f"{url}/v1/sessions/s"))
    assert {**after, "expires_at": ""} == {**before, "expires_at": ""}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_without_a_traceback(process: Process, number: signal.Signals) -> None:
    address(process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (0, "")


def test_an_address_that_others_can_reach_is_refused_with_the_way_out() -> None:
    done = run("--host", "0.0.0.0", "--port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--insecure" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--port", "abc"], ["--nonsense", "1"], ["stray"]])
def test_a_wrong_command_line_is_refused_in_a_sentence(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_refused_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr
