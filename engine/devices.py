"""Devices by torch's names: `cpu`, `cuda`, `cuda:1`."""

from __future__ import annotations

import re
from typing import Any

from engine import errors

_PATTERN = re.compile(r"(cpu|cuda|meta)(?::(\d{1,3}))?\Z")


class Device:
    """A `torch.device`: a type and, for `cuda`, an index or None for the current one."""

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, Device):
            type, index = type.type, type.index
        match = _PATTERN.match(type) if isinstance(type, str) else None
        if match is None or match[1] == "meta":
            raise errors.bad_argument(f"Expected one of cpu, cuda device type at start of device string: {type!s:.64}")
        self.type = match[1]
        self.index = index if match[2] is None else int(match[2])

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = Device("cpu")
