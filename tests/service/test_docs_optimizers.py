"""docs/optimizers.md: its examples run from top to bottom and answer what the page says."""

import json
import re

import pytest

from .conftest import ROOT

PAGE = (ROOT / "docs" / "optimizers.md").read_text("utf-8")
BLOCK = re.compile(r"^```(http|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEAR = 1e-4  # float32, and where an iteration ends


def examples():
    """Each request of the page as method, path and body, with what the page says of its answer or None."""
    found = []
    for kind, text in BLOCK.findall(PAGE):
        if kind == "json":
            found[-1] = (*found[-1][:3], json.loads(text))
        else:
            line, _, body = text.partition("\n")
            found.append((*line.split(), json.loads(body) if body else None, None))
    return found


def assert_shows(answer, said, where):
    """Everything that the page says is in the answer; numbers are near, lists as long."""
    if isinstance(said, dict):
        for key, value in said.items():
            assert key in answer, f"{where}.{key}"
            assert_shows(answer[key], value, f"{where}.{key}")
    elif isinstance(said, list):
        assert len(answer) == len(said), where
        for number, (one, other) in enumerate(zip(answer, said, strict=True)):
            assert_shows(one, other, f"{where}[{number}]")
    elif isinstance(said, float):
        assert answer == pytest.approx(said, rel=NEAR, abs=NEAR), where
    else:
        assert answer == said, where


def test_the_page_s_examples_run_and_answer_as_it_says(session):
    assert len(examples()) > 10
    for method, path, body, said in examples():
        prefix = "/v1/sessions/demo/"
        assert path.startswith(prefix)
        response = session.send(method, path.removeprefix(prefix), body)
        assert response.is_success, f"{method} {path}: {response.text}"
        if said is not None:
            assert_shows(response.json(), said, f"{method} {path}")


def test_the_page_names_every_type_and_every_step(client):
    steps = [each["name"] for each in client.get("/v1/ops").json()["ops"] if each["name"].startswith("optim.")]
    assert len(steps) > 10
    for name in steps:
        assert f"`{name}`" in PAGE or f"`{name.removeprefix('optim.')}`" in PAGE, name
