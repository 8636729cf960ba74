"""`torch.linalg`: the ops of that namespace."""

from __future__ import annotations

from typing import Any

from engine.errors import LinAlgError as LinAlgError
from engine.namespaces import function_named


def __getattr__(name: str) -> Any:
    return function_named(f"linalg.{name}", __name__)
