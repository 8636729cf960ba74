"""Iteration, equality and truth of values. Nested lists are walked here, step by step, never by Python itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.exec.budget import Run
from app.exec.values import KEYS, MAX_NESTING, NUMBERS, Stream, type_name, wrong_type
from engine import errors
from engine.tensor import Size, Tensor

LISTS = (list, tuple)


def iterate(run: Run, value: Any) -> Iterator[Any]:
    """The entries of a value, one by one.

    Raises TypeError if it has none.
    """
    kind = type(value)
    if kind is Tensor:
        if value.dim():
            run.grow(value.shape[0])
        rows = list(value)
        run.note(rows)
        return iter(rows)
    if kind is Stream:
        items: Iterator[Any] = value.items
        return items
    if isinstance(value, (list, tuple, range, str, dict)):
        return iter(value)
    raise wrong_type(f"'{type_name(value)}' object is not iterable")


def listed(run: Run, value: Any) -> list[Any]:
    """The entries of a value as a new list, counted."""
    if isinstance(value, (list, tuple, range, str, dict)):
        run.grow(len(value))
        return list(value)
    found = []
    for each in iterate(run, value):
        run.spend(1)
        run.grow(1)
        found.append(each)
    return found


def length(value: Any) -> int:
    """`len(value)`.

    Raises TypeError if it has none.
    """
    if isinstance(value, (list, tuple, range, str, dict, Tensor)):
        try:
            return len(value)
        except OverflowError:
            raise errors.coded(OverflowError, "bad_argument", "integers have 64 bits") from None
    raise wrong_type(f"object of type '{type_name(value)}' has no len()")


def truth(value: Any) -> bool:
    """Whether a value counts as true.

    Raises RuntimeError for a tensor of several elements.
    """
    if value is None or type(value) in NUMBERS or isinstance(value, (Tensor, list, tuple, range, str, dict)):
        return bool(value)
    return True


def walk(run: Run, value: Any, depth: int = 0) -> None:
    """Count the entries of nested lists before something reads all of them.

    Raises Exhausted, or ValueError where they nest too deeply.
    """
    if depth > MAX_NESTING:
        raise errors.bad_value(f"lists are nested too deeply, over {MAX_NESTING} levels")
    run.spend(len(value) + 1)
    for each in value.values() if type(value) is dict else value:
        if isinstance(each, (list, tuple, dict)) and type(each) is not Size:
            walk(run, each, depth + 1)


def equal(run: Run, a: Any, b: Any, depth: int = 0) -> Any:
    """`a == b`: a tensor where one is a tensor, else whether they are equal."""
    if type(a) is Tensor or type(b) is Tensor:
        comparable = (Tensor, bool, int, float, complex)
        if isinstance(a, comparable) and isinstance(b, comparable):
            made = a == b
            run.note(made)
            return made
        return False
    for kind in LISTS:
        if isinstance(a, kind) and isinstance(b, kind):
            return _equal_lists(run, a, b, depth)
    if type(a) is dict and type(b) is dict:
        run.spend(len(a))
        return a.keys() == b.keys() and _equal_lists(run, list(a.values()), [b[key] for key in a], depth)
    if type(a) is dict or type(b) is dict or isinstance(a, LISTS) or isinstance(b, LISTS):
        return False
    return bool(a == b)


def _equal_lists(run: Run, a: Any, b: Any, depth: int) -> bool:
    if depth > MAX_NESTING:
        raise errors.bad_value(f"lists are nested too deeply, over {MAX_NESTING} levels")
    if len(a) != len(b):
        return False
    for one, other in zip(a, b, strict=True):
        run.spend(1)
        if one is not other and not truth(equal(run, one, other, depth + 1)):
            return False
    return True


def contains(run: Run, container: Any, value: Any) -> bool:
    """`value in container`."""
    if isinstance(container, str):
        if not isinstance(value, str):
            raise wrong_type(f"'in <string>' requires string as left operand, not {type_name(value)}")
        run.spend(len(container) // 16 + 1)
        return value in container
    if type(container) is Tensor:
        if type(value) not in NUMBERS and type(value) is not Tensor:
            text = (
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a <class '{type_name(value)}'>."
            )
            raise errors.bad_argument(text)
        return truth(equal(run, container, value).any())
    if isinstance(container, range) and type(value) in (int, bool):
        return value in container
    if type(container) is dict:
        return type(value) in KEYS and value in container
    for each in iterate(run, container):
        run.spend(1)
        if each is value or truth(equal(run, each, value)):
            return True
    return False
