"""Every recorded item holds in engine, save those that pending.txt lists; in torch every one holds."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from .runner import ITEMS, Item, holds, load, load_pending, parse, render, report, run

ALL = load()
PENDING = load_pending()


def case(item: Item, *, may_be_pending: bool) -> object:
    """A parameter set named as the item; strictly expected to fail while the item is pending."""
    reason = PENDING.get(item.id) if may_be_pending else None
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(item, id=item.id, marks=marks)


def check(item: Item, module: str) -> None:
    outcome = run(item.code, module)
    if not holds(item, outcome):
        pytest.fail(report(item, outcome), pytrace=False)


@pytest.mark.parametrize("item", [case(item, may_be_pending=True) for item in ALL])
def test_item_holds_in_engine(item: Item) -> None:
    check(item, "engine")


@pytest.mark.torch
@pytest.mark.parametrize("item", [case(item, may_be_pending=False) for item in ALL])
def test_item_holds_in_torch(item: Item) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.__version__.startswith("2.13."):
        pytest.skip(f"the answers are those of torch 2.13, this is {torch.__version__}")
    check(item, "torch")


def test_items_have_numbers_of_their_own_and_answers() -> None:
    numbers = Counter(item.number for item in ALL)
    assert [number for number, times in numbers.items() if times > 1 or not number] == []
    assert [item.id for item in ALL if not item.expected] == []


def test_titles_are_told_apart_within_a_section() -> None:
    titles = Counter((item.section, item.title) for item in ALL)
    assert [title for title, times in titles.items() if times > 1] == []


@pytest.mark.parametrize("path", sorted(ITEMS.glob("*.txt")), ids=lambda path: path.stem)
def test_item_files_are_as_recording_writes_them(path) -> None:
    text = path.read_text("utf-8")
    intro, items = parse(text)
    assert render(intro, items) == text
    assert {item.section for item in items} == {path.stem[0].upper()}


def test_pending_names_items_and_gives_reasons() -> None:
    assert set(PENDING) <= {item.id for item in ALL}
    assert all(re.search(r"\w", reason) for reason in PENDING.values())
