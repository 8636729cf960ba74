"""The command: what it prints, what it refuses, how it ends. Over real processes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "app"]
SECONDS = 60

Process = subprocess.Popen[str]


@pytest.fixture
def process() -> Iterator[Process]:
    """A server on a free port, its first line of output not yet read."""
    started = subprocess.Popen(
        [*COMMAND, "--port", "0", "--log-level", "warning"],
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


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)


def test_it_listens_when_it_says_so_and_says_where_to_go(process: Process) -> None:
    url = address(process)
    assert get(f"{url}/readyz")
    assert process.stdout is not None
    assert f"{url}/docs" in process.stdout.readline()
    assert f"curl -X POST {url}/v1/sessions" in process.stdout.readline()
    assert b"/v1/sessions/{session}/run" in get(f"{url}/docs")


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
