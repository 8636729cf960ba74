"""Recorded behaviours of torch, said in requests: the items that `over_http.txt` lists, section by section.

`remote` stands in for torch and makes a request of every call; the answers are compared as in
`tests/semantics`, save that the wire tells no exception types. `not_over_http.txt` says why the other items are not
listed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.semantics.runner import RAISES, Item, Outcome, load, report, run, same_text

from .conftest import open_session
from .remote import Refused, Torch

TABLE = Path(__file__).with_name("over_http.txt")
REASONS = Path(__file__).with_name("not_over_http.txt")
REVIEWED = 2206  # the last item that the two were written for
ITEMS = {item.id: item for item in load()}


def read_table() -> dict[str, list[Item]]:
    """The items by section: `A 1 2 3` a line."""
    sections: dict[str, list[Item]] = {}
    for line in TABLE.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            section, *numbers = line.split()
            sections.setdefault(section, []).extend(ITEMS[f"{section}-{number}"] for number in numbers)
    return sections


SAYABLE = read_table()


@pytest.fixture(scope="module")
def catalogue(client: httpx.Client) -> set[str]:
    return {each["name"] for each in client.get("/v1/ops").json()["ops"]}


def holds(item: Item, outcome: Outcome) -> bool:
    """Whether the server's answer is the recorded one."""
    raises = RAISES.fullmatch(item.expected)
    if raises is None or outcome.error is None:
        return raises is None and outcome.error is None and same_text(item.expected, outcome.text)
    return isinstance(outcome.error, Refused) and same_text(raises["text"], outcome.text)


@pytest.mark.parametrize("section", SAYABLE)
def test_items_hold_over_http(client: httpx.Client, catalogue: set[str], section: str) -> None:
    failures = []
    for item in SAYABLE[section]:
        with open_session(client, seed=0) as session:
            module: Any = Torch(session, catalogue, item.code)
            outcome = run(item.code, module)
            module.close()
        if not holds(item, outcome):
            failures.append(report(item, outcome))
    if failures:
        pytest.fail("\n\n".join(failures), pytrace=False)


def test_every_item_is_listed_or_has_a_reason() -> None:
    listed = [item.id for items in SAYABLE.values() for item in items]
    assert len(listed) == len(set(listed)) >= 1070
    text = REASONS.read_text("utf-8")
    pieces = re.findall(r"^`(.+)`  \S", text, re.MULTILINE)
    singles = [each for line in re.findall(r"^((?:[A-Z]-\d+ )+) \S", text, re.MULTILINE) for each in line.split()]
    assert len(singles) == len(set(singles))
    assert set(singles) <= ITEMS.keys() - set(listed)
    unexplained = [
        item.id
        for item in ITEMS.values()
        if item.id not in (*listed, *singles) and not any(piece in item.code for piece in pieces)
    ]
    assert [each for each in unexplained if (ITEMS[each].number or 0) <= REVIEWED] == []
