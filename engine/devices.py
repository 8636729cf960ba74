"""Devices by torch's names: `cpu`, `cuda`, `cuda:1`."""

from __future__ import annotations

import re
from typing import Any

from engine import errors

_PATTERN = re.compile(r"(cpu|cuda)(?::(\d{1,3}))?\Z")
# What torch's text lists.
_KNOWN = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
    "privateuseone"
)


class Device:
    """A `torch.device`: a type and, for `cuda`, an index or None for the current one."""

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, Device):
            type, index = type.type, type.index
        if isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        match = _PATTERN.match(type) if isinstance(type, str) else None
        if match is None:
            raise errors.bad_argument(_refusal(str(type)[:64]))
        if index is not None and (index < 0 or match[2] is not None):
            wrong = "Device index must not be negative"
            if match[2] is not None:
                wrong = f"type (string) must not include an index because index was passed explicitly: {type}"
            raise errors.bad_argument(wrong)
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


def _refusal(text: str) -> str:
    """What is wrong with a device string; of torch's types there are but two here."""
    kind = text.partition(":")[0]
    if kind in ("cpu", "cuda"):
        return f"Invalid device string: '{text}'"
    known = "cpu, cuda" if kind in _KNOWN.split(", ") else _KNOWN
    return f"Expected one of {known} device type at start of device string: {kind}" if text else EMPTY


EMPTY = "Device string must not be empty"
CPU = Device("cpu")
