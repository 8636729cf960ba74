"""Arguments and answers: Python values as JSON, and JSON as Python values again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

DTYPES = (
    "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 bool complex64 complex128".split()  # noqa: SIM905
)
ALIASES = {
    "half": "float16", "float": "float32", "double": "float64", "short": "int16", "int": "int32", "long": "int64",
    "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip


class NotSayable(Exception):
    """A call that has no step."""


class Refused(NotImplementedError, IndexError, TypeError, ValueError):  # the wire tells no types
    """A problem the server answered with; the text is its detail."""


class Dtype:
    """A dtype by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dtype) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


DTYPE_OF = {name: Dtype(name) for name in DTYPES}
DTYPE_OF |= {alias: DTYPE_OF[name] for alias, name in ALIASES.items()}


def spoken(value: Any) -> Any:
    """An argument as JSON; a tensor as whatever it says of itself, which is its name."""
    if isinstance(value, Dtype):
        return value.name
    if isinstance(value, complex):
        return {"complex": [spoken(value.real), spoken(value.imag)]}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [spoken(each) for each in value]
    if isinstance(value, dict) and set(value) == {"at"}:
        return value["at"]
    if hasattr(type(value), "spoken_name"):
        return value.spoken_name()
    raise NotSayable(f"an argument of type {type(value).__name__}")


def spoken_index(index: Any) -> Any:
    """An index as the wire writes it."""
    entries = index if isinstance(index, tuple) else (index,)
    return {"at": [_entry(each) for each in entries]}


def _entry(index: Any) -> Any:
    if isinstance(index, slice):
        ends = (index.start, index.stop, index.step)
        if not all(each is None or type(each) is int for each in ends):
            raise NotSayable("a slice of this kind")
        start, stop, step = ("" if each is None else str(each) for each in ends)
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    if index is Ellipsis:
        return "..."
    if isinstance(index, (str, complex)):
        raise NotSayable("an index of this kind")
    return spoken(index)


def literal(data: Any) -> tuple[Any, str | None]:
    """Data as JSON, and the dtype it has to be sent with where JSON alone does not say it."""
    flat = list(_numbers(data))
    if any(isinstance(each, complex) for each in flat):
        return _paired(data), "complex64"
    return spoken(data), "int64" if flat and all(type(each) is int for each in flat) else None


def _numbers(data: Any) -> Iterator[Any]:
    if isinstance(data, (list, tuple)):
        for each in data:
            yield from _numbers(each)
    elif isinstance(data, (bool, int, float, complex)):
        yield data
    else:
        raise NotSayable(f"data of type {type(data).__name__}")


def _paired(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_paired(each) for each in data]
    return [spoken(complex(data).real), spoken(complex(data).imag)]


def value_of(value: Any) -> Any:
    """A value that is no tensor: sizes as a tuple, numbers that JSON does not have."""
    if isinstance(value, list):
        return tuple(value_of(each) for each in value)
    if isinstance(value, str) and value.removeprefix("-") in ("NaN", "Infinity"):
        return float(value)
    return value


def decoded(told: dict[str, Any]) -> Any:
    """The values of a tensor object as Python numbers."""
    return _values(told["data"], len(told["shape"]), told["dtype"].startswith("complex"))


def _values(data: Any, depth: int, pairs: bool) -> Any:
    if depth:
        return [_values(each, depth - 1, pairs) for each in data]
    if pairs:
        return complex(float(data[0]), float(data[1]))
    return float(data) if isinstance(data, str) else data
