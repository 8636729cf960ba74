"""The tables of the documentation say what the sources say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.problems import KINDS
from app.settings import declared
from docs import generate

DOCS = Path(generate.__file__).parent


@pytest.mark.parametrize(("page", "table"), generate.TABLES.items())
def test_generated_tables_are_up_to_date(page: str, table: Callable[[], str]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text.count(generate.BEGIN) == text.count(generate.END) == 1
    assert text == generate.with_table(text, table()), "run: python -m docs.generate"


def test_every_setting_is_documented() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert [s.name for s in declared() if f"{s.flag and f'`{s.flag}`'} | `{s.variable}`" not in text] == []


def test_every_problem_code_is_documented() -> None:
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    assert [code for code, kind in KINDS.items() if f"| `{code}` | {kind.status} |" not in text] == []
