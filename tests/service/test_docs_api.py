"""docs/api.md: its requests are answered as the page says, from top to bottom, and it leaves no call out."""

import json
import re

import pytest

from .conftest import problem
from .documented import BLOCK, assert_shows, page

PAGE = page("api.md")
HEADER = re.compile(r"^([A-Z][\w-]*): (.*)$")
# They have pages of their own.
ELSEWHERE = re.compile(r"^/v1/functions|/exec$|/optimizers")


def requests(text: str) -> list[tuple]:
    """Each request as method, path, headers and body, with what the page says of its answer or None."""
    found = []
    for kind, block in BLOCK.findall(text):
        if kind == "json":
            found[-1] = (*found[-1][:4], json.loads(block))
            continue
        first, *lines = block.splitlines()
        headers = {}
        while lines and (header := HEADER.match(lines[0])):
            headers[header[1]] = header[2]
            lines.pop(0)
        found.append((*first.split(), headers, json.loads("\n".join(lines)) if lines else None, None))
    return found


@pytest.fixture
def no_demo(client):
    client.delete("/v1/sessions/demo")
    yield
    client.delete("/v1/sessions/demo")


@pytest.mark.usefixtures("no_demo")
def test_every_request_is_answered_as_the_page_says(client):
    assert len(requests(PAGE)) > 40
    for method, path, headers, body, said in requests(PAGE):
        response = client.request(method, path, json=body, headers=headers)
        where = f"{method} {path} {body}"
        if said is not None and "code" in said:
            problem(response, said["status"], said["code"])
        else:
            assert response.is_success, f"{where}: {response.text}"
        if said is not None:
            assert_shows(response.json(), said, where)


def test_every_call_is_there(client):
    missing = []
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        if ELSEWHERE.search(path) or ("/ops/" in path and "{op}" not in path):
            continue
        last = path.removeprefix("/v1/sessions/{session}").removeprefix("/v1/sessions") or "/v1/sessions"
        pattern = re.escape(last).replace(r"\{tensor\}", r"\w+").replace(r"\{op\}", r"\w+")
        if not re.search(pattern, PAGE):
            missing.append(path)
        missing += [f"{method} {path}" for method in operations if method.upper() not in PAGE]
    assert missing == []
