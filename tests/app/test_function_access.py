"""Whose functions are whose, and how many: tenants and quotas, over a real socket."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
ALICE, BOB = "alices-key-0000000000", "bobs-key-111111111111"
FLAGS = ["--port", "0", "--tenant-functions", "3", "--function-bytes", "1000"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with two tenants, each with room for three functions of together 1000 bytes."""
    environment = os.environ | {"AUTOGRAD_KEYS": f"alice:{ALICE},bob:{BOB}"}
    command = [sys.executable, "-m", "app", *FLAGS]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+:\d+", process.stdout.readline())
            assert found
            yield found[0]
        finally:
            process.terminate()


def client_of(url: str, key: str) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, timeout=60, trust_env=False, headers=headers) as client:
        yield client
        for each in client.get("/v1/functions").json()["functions"]:
            assert client.delete(f"/v1/functions/{each['name']}").status_code == 204


@pytest.fixture
def alice(url: str) -> Iterator[httpx.Client]:
    yield from client_of(url, ALICE)


@pytest.fixture
def bob(url: str) -> Iterator[httpx.Client]:
    yield from client_of(url, BOB)


def times(factor: float, comment: str = "") -> dict[str, Any]:
    return {"source": f"def f(x):\n    return x * {factor}  # {comment}"}


def expect(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


def test_tenants_have_functions_of_their_own(alice: httpx.Client, bob: httpx.Client) -> None:
    assert alice.put("/v1/functions/f", json=times(2)).status_code == 201
    expect(bob.get("/v1/functions/f"), 404, "unknown_function")
    expect(bob.delete("/v1/functions/f"), 404, "unknown_function")
    expect(bob.post("/v1/functions/f/call", json={"args": [1.0]}), 404, "unknown_function")
    assert bob.get("/v1/functions").json() == {"functions": [], "next": None}
    assert bob.put("/v1/functions/f", json=times(3)).status_code == 201
    for client, value in ((alice, 2.0), (bob, 3.0)):
        answer = client.post("/v1/functions/f/call", json={"args": [1.0]}).json()
        assert answer["outputs"][0]["data"] == value
        session = client.post("/v1/sessions").headers["location"]
        answer = client.post(f"{session}/ops/functions.f", json={"args": [1.0]}).json()
        assert answer["result"]["data"] == value
        assert client.delete(session).status_code == 204


def test_a_tenant_has_so_many_functions(alice: httpx.Client, bob: httpx.Client) -> None:
    for name in ("a", "b", "c"):
        assert alice.put(f"/v1/functions/{name}", json=times(1)).status_code == 201
    refused = alice.put("/v1/functions/d", json=times(1))
    expect(refused, 429, "quota_exceeded")
    assert int(refused.headers["retry-after"]) > 0
    expect(alice.get("/v1/functions/d"), 404, "unknown_function")
    assert alice.put("/v1/functions/c", json=times(2)).status_code == 200
    assert bob.put("/v1/functions/d", json=times(1)).status_code == 201
    assert alice.delete("/v1/functions/a").status_code == 204
    assert alice.put("/v1/functions/d", json=times(1)).status_code == 201


def test_the_bytes_of_functions_are_counted_with_those_that_only_others_call(alice: httpx.Client) -> None:
    long = "x" * 600
    assert alice.put("/v1/functions/inner", json=times(2, long)).status_code == 201
    expect(alice.put("/v1/functions/other", json=times(2, long)), 429, "quota_exceeded")
    outer = {"source": "def outer(x):\n    return functions.inner(x)"}
    assert alice.put("/v1/functions/outer", json=outer).status_code == 201
    expect(alice.put("/v1/functions/inner", json=times(3, long)), 429, "quota_exceeded")  # outer keeps the old one
    assert alice.post("/v1/functions/outer/call", json={"args": [1.0]}).json()["outputs"][0]["data"] == 2.0
    assert alice.delete("/v1/functions/outer").status_code == 204
    assert alice.put("/v1/functions/inner", json=times(3, long)).status_code == 200


def test_info_tells_the_limits(alice: httpx.Client) -> None:
    info = alice.get("/v1/info").json()
    assert (info["limits"]["tenant_functions"], info["limits"]["function_bytes"]) == (3, 1000)
    assert "functions" in info["features"]
