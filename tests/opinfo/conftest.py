"""The comparison of the whole catalogue takes many minutes: it runs only where it is asked for."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "opinfo" in config.option.markexpr:
        return
    for item in items:
        if item.get_closest_marker("opinfo"):
            item.add_marker(pytest.mark.skip(reason="many minutes: run with -m opinfo, or python -m tests.opinfo"))
