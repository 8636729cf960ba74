"""`torch.masked`: the ops of that namespace."""

from __future__ import annotations

from typing import Any

from engine.namespaces import function_named


def __getattr__(name: str) -> Any:
    return function_named(f"masked.{name}", __name__)
