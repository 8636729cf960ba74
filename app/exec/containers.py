"""The methods of lists, tuples, shapes, dicts and texts. What changes a list tells the variables first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.exec import texts
from app.exec.budget import Run
from app.exec.sequences import equal, listed, truth
from app.exec.signatures import Any_, Int, MaybeText, Read, Text, bare, method
from app.exec.values import KEYS, Builtin, coded, type_name, wrong_type
from engine import errors


def _append(run: Run, self: Any_, item: Any_) -> None:
    run.grow(1)
    run.variables.changes(self)
    self.append(item)


def _extend(run: Run, self: Any_, items: Any_) -> None:
    more = listed(run, items)
    run.variables.changes(self)
    self.extend(more)


def _insert(run: Run, self: Any_, index: Int, item: Any_) -> None:
    run.grow(1)
    run.spend(len(self) // 64)
    run.variables.changes(self)
    self.insert(index, item)


def _pop(run: Run, self: Any_, index: Int = -1) -> Any:
    run.variables.changes(self)
    try:
        return self.pop(index)
    except IndexError as error:
        raise coded(error) from None


def _clear(run: Run, self: Any_) -> None:
    run.variables.changes(self)
    self.clear()


def _reverse(run: Run, self: Any_) -> None:
    run.variables.changes(self)
    self.reverse()


def _copy(run: Run, self: Any_) -> Any:
    run.grow(len(self))
    return self.copy()


def _index(run: Run, self: Any_, value: Any_) -> int:
    for at, each in enumerate(self):
        run.spend(1)
        if each is value or truth(equal(run, each, value)):
            return at
    raise errors.bad_value(f"{texts.shown(run, value)} is not in {type_name(self)}")


def _count(run: Run, self: Any_, value: Any_) -> int:
    run.spend(len(self))
    return sum(1 for each in self if each is value or truth(equal(run, each, value)))


TUPLE: dict[str, Read] = {"index": method("index", _index), "count": method("count", _count)}
LIST: dict[str, Read] = {
    **TUPLE,
    "append": method("append", _append),
    "clear": method("clear", _clear),
    "copy": method("copy", _copy),
    "extend": method("extend", _extend),
    "insert": method("insert", _insert),
    "pop": method("pop", _pop),
    "reverse": method("reverse", _reverse),
}
SIZE: dict[str, Read] = {**TUPLE, "numel": method("numel", bare(lambda size: size.numel()))}


def _get(run: Run, self: Any_, key: Any_, default: Any_ = None) -> Any:
    return self.get(key, default) if type(key) in KEYS else default


def _entries(read: Callable[[Any], list[Any]]) -> Callable[..., Any]:
    """`items`, `keys` and `values` give lists here."""

    def call(run: Run, self: Any_) -> list[Any]:
        run.grow(2 * len(self))
        return read(self)

    return call


DICT: dict[str, Read] = {
    "copy": method("copy", _copy),
    "get": method("get", _get),
    "items": method("items", _entries(lambda entries: list(entries.items()))),
    "keys": method("keys", _entries(list)),
    "values": method("values", _entries(lambda entries: list(entries.values()))),
}


def _join(run: Run, self: Text, items: Any_) -> str:
    parts = listed(run, items)
    for at, each in enumerate(parts):
        if not isinstance(each, str):
            raise wrong_type(f"sequence item {at}: expected str instance, {type_name(each)} found")
    run.grow(sum(map(len, parts)) + len(self) * len(parts))
    return self.join(parts)  # type: ignore[no-any-return]  # a text


def _format(run: Run, args: list[Any], kwargs: dict[str, Any]) -> str:
    return texts.fill(run, args[0], args[1:], kwargs)


def _padded(name: str, pad: Callable[[str, int], str]) -> Read:
    def call(run: Run, self: Text, width: Int) -> str:
        run.grow(max(width, len(self)))
        return pad(self, width)

    return method(name, call)


def _same_length(name: str, change: Callable[[str], str]) -> Read:
    def call(run: Run, self: Text) -> str:
        run.grow(3 * len(self))
        return change(self)

    return method(name, call)


def _starts(run: Run, self: Text, prefix: Text) -> bool:
    return self.startswith(prefix)  # type: ignore[no-any-return]  # a text


def _ends(run: Run, self: Text, suffix: Text) -> bool:
    return self.endswith(suffix)  # type: ignore[no-any-return]  # a text


def _split(run: Run, self: Text, sep: MaybeText = None) -> list[str]:
    run.grow(len(self))
    try:
        return self.split(sep)  # type: ignore[no-any-return]  # a text
    except ValueError as error:
        raise coded(error) from None


TEXT: dict[str, Read] = {
    "split": method("split", _split),
    "center": _padded("center", str.center),
    "endswith": method("endswith", _ends),
    "format": lambda run, x: Builtin("format", lambda run, args, kwargs: _format(run, [x, *args], kwargs), (x,)),
    "join": method("join", _join),
    "ljust": _padded("ljust", str.ljust),
    "lower": _same_length("lower", str.lower),
    "rjust": _padded("rjust", str.rjust),
    "startswith": method("startswith", _starts),
    "strip": _same_length("strip", str.strip),
    "upper": _same_length("upper", str.upper),
}
