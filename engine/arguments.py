"""Python's arguments against an op's parameters, refused in torch's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import errors
from engine.kinds import REQUIRED, Mismatch


def bind(op: Any, args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> list[Any]:
    """The arguments in the order of the op's parameters, each in its kind's form.

    `method` is 1 for a call as a method, where messages do not count the tensor itself. Raises TypeError.
    """
    count = len(args)
    if count and op.size_at is not None and type(args[-1]) is int:
        args = _gather_sizes(op.size_at, args)
        count = len(args)
    if count > op.positional:
        raise _too_many(op, count, method)
    values = list(op.defaults)
    for at in range(count):
        values[at] = _accepted(op, at, args[at], f" (position {at + 1 - method})")
    for name, value in kwargs.items():
        place = op.index.get(name)
        if place is None or place < count:
            raise _bad_keyword(op, name, values, kwargs)
        values[place] = _accepted(op, place, value, "")
    for at in op.required:
        if values[at] is REQUIRED:
            raise _missing(op, values)
    return values


def _accepted(op: Any, at: int, value: Any, position: str) -> Any:
    param = op.params[at]
    if value is None and param.optional:
        return None
    try:
        return param.accept(value)
    except Mismatch as mismatch:
        detail = str(mismatch)
        if detail.startswith("expected"):
            raise errors.bad_type(detail) from None
        detail = detail or f", not {type(value).__name__}"
        raise errors.bad_type(
            f"{op.name}(): argument '{param.name}'{position} must be {param.type_name}{detail}"
        ) from None


def _missing(op: Any, values: list[Any]) -> TypeError:
    missing = [op.params[at].name for at in op.required if values[at] is REQUIRED]
    names = ", ".join(f'"{name}"' for name in missing)
    return errors.bad_type(f"{op.name}() missing {len(missing)} required positional arguments: {names}")


def _bad_keyword(op: Any, name: str, values: list[Any], kwargs: dict[str, Any]) -> TypeError:
    for at in op.required:
        if values[at] is REQUIRED and op.params[at].name not in kwargs:
            return _missing(op, values)  # torch tells of what is missing first
    if name in op.index:
        return errors.bad_type(f"{op.name}() got multiple values for argument '{name}'")
    return errors.bad_type(f"{op.name}() got an unexpected keyword argument '{name}'")


def _too_many(op: Any, count: int, method: int) -> TypeError:
    least = sum(at < op.positional for at in op.required) - method
    most = op.positional - method
    takes = f"{most} positional argument{'' if most == 1 else 's'}"
    if least != most:
        takes = f"from {least} to {most} positional arguments"
    return errors.bad_type(f"{op.name}() takes {takes} but {count - method} were given")


def _gather_sizes(at: int, args: Sequence[Any]) -> Sequence[Any]:
    """`x.view(2, 3)` means `x.view((2, 3))`: only the op's first SIZE parameter takes ints one by one."""
    sizes = args[at:]
    for each in sizes:
        if type(each) is not int:
            return args
    return (*args[:at], tuple(sizes)) if sizes else args


def refuse(name: str, ops: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> TypeError:
    """torch's text for arguments that no overload takes."""
    if all(len(args) > op.positional for op in ops):
        return _too_many(max(ops, key=lambda op: op.positional), len(args), method)
    got = [type(each).__name__ for each in args[method:]] + [f"{key}={type(v).__name__}" for key, v in kwargs.items()]
    expected = "".join(f"\n * {op.signature(method)}" for op in ops)
    return errors.bad_type(
        f"{name.rpartition('.')[2]}() received an invalid combination of arguments - got ({', '.join(got)}), "
        f"but expected one of:{expected}\n"
    )
