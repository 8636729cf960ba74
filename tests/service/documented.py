"""The examples of a page of docs/: requests in blocks of `http`, what is answered in blocks of `json`."""

import json
import re

import pytest

from .conftest import ROOT

BLOCK = re.compile(r"^```(http|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEAR = 1e-4  # float32, and where an iteration ends


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def examples(text: str) -> list[tuple]:
    """Each request of a page as method, path and body, with what the page says of its answer or None."""
    found = []
    for kind, block in BLOCK.findall(text):
        if kind == "json":
            found[-1] = (*found[-1][:3], json.loads(block))
        else:
            line, _, body = block.partition("\n")
            found.append((*line.split(), json.loads(body) if body else None, None))
    return found


def assert_shows(answer, said, where: str):
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
