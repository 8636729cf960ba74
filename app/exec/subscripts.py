"""`x[...]`: of tensors, lists, texts and dicts."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from app.exec.budget import Run
from app.exec.sequences import listed, walk
from app.exec.values import KEYS, PLAIN, coded, type_name, wrong_type
from engine import errors, indexing
from engine.tensor import Size, Tensor

SEQUENCES = (list, tuple, str, range)
INDEX_ERRORS = (TypeError, ValueError, IndexError, OverflowError)


def slice_of(parts: Iterable[Any]) -> slice:
    """A slice of numbers, tensors, texts or None.

    Raises TypeError for anything else: Python compares and frees what a slice holds at once, however large or deep.
    """
    made = list(parts)
    if not all(type(each) in PLAIN or type(each) is Tensor for each in made):
        raise wrong_type("slice indices must be integers or None or have an __index__ method")
    return slice(*made)


def get(run: Run, value: Any, key: Any) -> Any:
    """`value[key]`.

    Raises IndexError, KeyError or TypeError as Python and torch do.
    """
    if type(value) is Tensor:
        result = indexing.getitem(value, _tensor_key(run, key))
        run.note(result)
        return result
    if isinstance(value, SEQUENCES):
        place = _place(value, key)
        if type(place) is slice:
            run.grow(len(range(*place.indices(len(value)))))
        try:
            found: Any = value[place]
        except INDEX_ERRORS as error:
            raise coded(error) from None
        return Size(found) if type(value) is Size and type(place) is slice else found
    if type(value) is dict:
        if type(key) not in KEYS or key not in value:
            raise errors.coded(KeyError, "bad_argument", repr(key) if type(key) in KEYS else type_name(key))
        return value[key]
    raise wrong_type(f"'{type_name(value)}' object is not subscriptable")


def put(run: Run, value: Any, key: Any, item: Any) -> None:
    """`value[key] = item`."""
    if type(value) is Tensor:
        if isinstance(item, (list, tuple)):
            raise wrong_type(f"can't assign a {type_name(item)} to a torch.{value.dtype.type_name}Tensor")
        indexing.setitem(value, _tensor_key(run, key), item)
    elif type(value) is list:
        place = _place(value, key)
        if type(place) is slice:
            item = listed(run, item)
        run.variables.changes(value)
        try:
            value[place] = item
        except INDEX_ERRORS as error:
            raise coded(error) from None
    elif type(value) is dict:
        if type(key) not in KEYS:
            raise wrong_type(f"keys are texts and real numbers, not {type_name(key)}")
        run.grow(2)
        run.variables.changes(value)
        value[key] = item
    else:
        raise wrong_type(f"'{type_name(value)}' object does not support item assignment")


def remove(run: Run, value: Any, key: Any) -> None:
    """`del value[key]`."""
    if type(value) is list:
        place = _place(value, key)
        run.variables.changes(value)
        try:
            del value[place]
        except INDEX_ERRORS as error:
            raise coded(error) from None
    elif type(value) is dict:
        get(run, value, key)
        run.variables.changes(value)
        del value[key]
    elif type(value) is Tensor:
        raise wrong_type("Tensor does not support deleting items")
    else:
        raise wrong_type(f"'{type_name(value)}' object doesn't support item deletion")


def _place(value: Any, key: Any) -> Any:
    """An index or slice with integers in the place of tensors."""
    if type(key) is slice:
        parts = (key.start, key.stop, key.step)
        return slice(*(None if each is None else _integer(value, each, True) for each in parts))
    return _integer(value, key, False)


def _integer(value: Any, key: Any, in_slice: bool) -> int:
    if type(key) in (int, bool):
        return int(key)
    if type(key) is Tensor:
        return operator.index(key)
    if in_slice:
        raise wrong_type("slice indices must be integers or None or have an __index__ method")
    what = "string" if isinstance(value, str) else type_name(value) if not isinstance(value, Size) else "tuple"
    raise wrong_type(f"{what} indices must be integers or slices, not {type_name(key)}")


def _tensor_key(run: Run, key: Any) -> Any:
    """The key, its lists counted before the engine reads them."""
    for each in key if isinstance(key, tuple) else (key,):
        if isinstance(each, (list, tuple, range)):
            walk(run, each)
            if isinstance(each, range):
                run.grow(len(each))
    return key
