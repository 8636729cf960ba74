"""What several files of tests set up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import engine as torch


@pytest.fixture
def warnings_anew() -> Iterator[None]:
    """What is said once is said again."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)
