"""The examples of docs/exec.md give what stands below them."""

from __future__ import annotations

import json
import re

from tests.service.conftest import ROOT

BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def examples() -> list[tuple[str, str, str]]:
    """Each program with the kind and the text of the block after it."""
    blocks = BLOCK.findall((ROOT / "docs" / "exec.md").read_text("utf-8"))
    found = []
    for (kind, text), (next_kind, wanted) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "http":
            text = json.loads(text.partition("\n")[2])["code"]
        if kind in ("http", "python"):
            found.append((text, next_kind, wanted))
    return found


def test_the_examples_of_the_page_print_what_it_says(session) -> None:
    assert len(examples()) > 6
    for code, kind, wanted in examples():
        response = session.send("POST", "exec", {"code": code})
        answer = response.json()
        if kind == "text":
            assert response.status_code == 200, answer
            assert answer["stdout"] == wanted
        elif response.status_code == 200:
            shown = json.loads(wanted)
            assert answer["tensors"].keys() == shown["tensors"].keys()
            assert {**answer, "tensors": {}} == {**shown, "tensors": {}}
        else:
            assert json.loads(wanted).items() <= answer.items()


def test_a_function_of_the_page_is_an_op(session) -> None:
    for code, _, _ in examples()[:2]:
        session.call("POST", "exec", {"code": code})
    made = session.op("loss_of", [1.0, 1.0], scale=2, out="z")
    assert made["name"] == "z"
    assert made["shape"] == []
