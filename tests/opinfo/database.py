"""torch's entries by op: OpInfo records, several where an op has variants."""

from __future__ import annotations

import functools
import sys
import unittest
import warnings
from types import ModuleType
from typing import Any


def _stand_in() -> None:
    """torch's test helpers import `expecttest`, of which the database needs nothing but a base class."""
    try:
        import expecttest  # noqa: F401
    except ImportError:
        module = ModuleType("expecttest")
        module.TestCase = unittest.TestCase  # type: ignore[attr-defined]
        sys.modules["expecttest"] = module


@functools.cache
def infos() -> dict[str, list[Any]]:
    """The records of every op, in torch's order."""
    _stand_in()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, list[Any]] = {}
    for each in op_db:
        found.setdefault(each.name, []).append(each)
    return found
