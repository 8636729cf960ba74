"""Bodies: JSON objects with known fields, checked strictly. Texts of the client are repeated cut short, if at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from app.calls import NPY
from app.problems import MAX_ERRORS, Problem
from app.session.names import SHOWN

DATA = frozenset({"data"})  # the parameters of a query string: of most calls, and of the others by their method
QUERIES = {
    "session.create": frozenset(),
    "session.delete": frozenset(),
    "session.list": frozenset({"limit", "cursor"}),
    "tensor.list": frozenset({"limit", "cursor", "names", "data"}),
    "graph.get": frozenset({"tensor", "format"}),
    "function.list": frozenset({"limit", "cursor"}),
    "function.put": frozenset(),
    "function.get": frozenset(),
    "function.delete": frozenset(),
    "optimizer.list": frozenset({"limit", "cursor"}),
}
# What stands in a JSON body otherwise.
BESIDE_FILES = {"tensor.create": frozenset({"name", "requires_grad"}), "tensor.put": frozenset({"requires_grad"})}


def body_of(value: Any, allowed: Collection[str], required: Collection[str] = (), what: str = "body") -> dict[str, Any]:
    """The value, if it is an object with no other fields than the allowed ones and all that are required.

    Raises Problem `bad_argument` with an entry in `errors` for each field that is wrong.
    """
    if type(value) is not dict:
        raise Problem("bad_argument", f"the {what} must be a JSON object, not {type(value).__name__}")
    unknown = [name for name in value if name not in allowed]
    missing = [name for name in required if name not in value]
    if unknown or missing:
        raise refused(unknown, missing, f"the {what}")
    return value


def refused(unknown: list[str], missing: list[str], where: str) -> Problem:
    """The Problem of unknown and missing fields."""
    errors = [{"field": name[:SHOWN], "message": "unknown field"} for name in unknown[:MAX_ERRORS]]
    errors += [{"field": name, "message": "missing"} for name in missing]
    kind, name = ("unexpected", unknown[0][:SHOWN]) if unknown else ("no", missing[0])
    return Problem("bad_argument", f"{where} has {kind} field '{name}'", errors=errors)


def wrong(field: str, message: str) -> Problem:
    """The Problem of one field with a value it cannot have."""
    return Problem("bad_argument", f"{field} {message}", errors=[{"field": field, "message": message}])


def flag(body: Mapping[str, Any], field: str, default: bool = False) -> bool:
    """A field that is true or false.

    Raises Problem `bad_argument` for anything else, null included.
    """
    value = body.get(field, default)
    if type(value) is not bool:
        raise wrong(field, f"must be true or false, not {type(value).__name__}")
    return value


def texts(body: Mapping[str, Any], field: str) -> list[str] | None:
    """A field that is a list of texts, or None if it is not there.

    Raises Problem `bad_argument`.
    """
    value = body.get(field)
    if field not in body:
        return None
    if type(value) is not list or any(type(each) is not str for each in value):
        raise wrong(field, "must be a list of names")
    return value


def check_query(method: str, query: Mapping[str, str], content_type: str | None = None) -> None:
    """Whether a call's query string has none but the parameters it may have: a misspelt one would go unnoticed.

    Raises Problem `bad_argument`.
    """
    allowed = QUERIES.get(method, DATA)
    if content_type == NPY:
        allowed |= BESIDE_FILES.get(method, frozenset())
    if unknown := query.keys() - allowed:
        raise wrong(min(unknown)[:SHOWN], "is no parameter of this call's query string")


def asked_for_data(query: Mapping[str, str]) -> bool | None:
    """The parameter `data` of a query string, or None if it is not there.

    Raises Problem `bad_argument` unless it is `true` or `false`.
    """
    return query_flag(query, "data")


def query_flag(query: Mapping[str, str], name: str) -> bool | None:
    """A parameter of a query string that is true or false, or None if it is not there. Raises as `asked_for_data`."""
    text = query.get(name)
    if text not in (None, "true", "false"):
        raise wrong(name, "must be true or false")
    return None if text is None else text == "true"
