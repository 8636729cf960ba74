"""Python's arguments against an op's parameters, refused in torch's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import dtypes, errors
from engine.kinds import REQUIRED, Mismatch
from engine.overloads import INPUT_FIRST, OVERLOADS

# Keywords of torch's factories that leave no choice here.
ONE_CHOICE: dict[str, tuple[Any, ...]] = {"layout": (None, "torch.strided", "strided"), "pin_memory": (None, False)}


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
    params = op.params
    for at, value in enumerate(args):
        param = params[at]
        try:
            values[at] = None if value is None and param.optional else param.accept(value)
        except Mismatch as mismatch:
            raise _refused(op, at, value, f" (position {at + 1 - method})", mismatch) from None
    for name, value in kwargs.items():
        place = op.keywords.get(name)
        if place is None and op.leaf and name in ONE_CHOICE and value in ONE_CHOICE[name]:
            continue
        if place is None or place < count or (name not in op.index and params[place].name in kwargs):
            raise _bad_keyword(op, name, values, kwargs)
        param = params[place]
        try:
            values[place] = None if value is None and param.optional else param.accept(value)
        except Mismatch as mismatch:
            raise _refused(op, place, value, "", mismatch) from None
    for at in op.required:
        if values[at] is REQUIRED:
            raise _missing(op, values)
    return values


def _refused(op: Any, at: int, value: Any, position: str, mismatch: Mismatch) -> Exception:
    """torch's text for a value that its parameter does not take."""
    param = op.params[at]
    if param.name == "reduction":  # torch looks it up in a table
        return errors.bad_value(f"{value} is not a valid value for reduction")
    detail = str(mismatch)
    if detail.startswith("expected"):
        return errors.bad_type(detail)
    if detail.startswith("failed"):
        return errors.bad_type(f"{op.said}(): argument '{_said(op, at)}' {detail}")
    detail = detail or f", not {kind_of(value)}"
    return errors.bad_type(f"{op.said}(): argument '{_said(op, at)}'{position} must be {param.type_name}{detail}")


def kind_of(value: Any) -> str:
    """A value's type as torch's messages name it."""
    return "torch.dtype" if isinstance(value, dtypes.DType) else type(value).__name__


def _said(op: Any, at: int) -> str:
    """A parameter's name in messages."""
    return "input" if at == 0 and op.wire_name in INPUT_FIRST else str(op.params[at].name)


def _missing(op: Any, values: list[Any]) -> TypeError:
    first = next(at for at in op.required if values[at] is REQUIRED)
    missing = [_said(op, at) for at in op.required if at >= first]  # torch counts those after it as missing too
    names = ", ".join(f'"{name}"' for name in missing)
    noun = "arguments" if len(missing) == 1 else "argument"  # torch's slip
    return errors.bad_type(f"{op.said}() missing {len(missing)} required positional {noun}: {names}")


def _bad_keyword(op: Any, name: str, values: list[Any], kwargs: dict[str, Any]) -> TypeError:
    for at in op.required:
        if values[at] is REQUIRED and op.params[at].name not in kwargs:
            return _missing(op, values)  # torch tells of what is missing first
    if name in op.keywords:
        return errors.bad_type(f"{op.said}() got multiple values for argument '{name}'")
    return errors.bad_type(f"{op.said}() got an unexpected keyword argument '{name}'")


def _too_many(op: Any, count: int, method: int) -> TypeError:
    least = sum(at < op.positional for at in op.required) - method
    most = op.positional - method
    takes = f"{most} positional argument{'' if most == 1 else 's'}"
    if least != most:
        takes = f"from {least} to {most} positional arguments"
    return errors.bad_type(f"{op.said}() takes {takes} but {count - method} were given")


def _gather_sizes(at: int, args: Sequence[Any]) -> Sequence[Any]:
    """`x.view(2, 3)` means `x.view((2, 3))`: only the op's first SIZE parameter takes ints one by one."""
    sizes = args[at:]
    for each in sizes:
        if type(each) is not int:
            return args
    return (*args[:at], tuple(sizes)) if sizes else args


def refuse(name: str, ops: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> TypeError:
    """torch's text for arguments that no overload takes: about the only one that takes so many, else about them all."""
    count = len(args) + len(kwargs)
    own = [(len(op.required), len(op.params) + 1 - method) for op in ops]  # 1 for `out`
    fitting = [op for op, (least, most) in zip(ops, own, strict=True) if least <= count <= most]
    ranges = OVERLOADS.get(name, own)
    if fitting and sum(least <= count <= most for least, most in ranges) == 1:
        try:
            bind(fitting[0], args, kwargs, method)
        except TypeError as error:
            return error
    got = [kind_of(each) for each in args[method:]] + [f"{key}={kind_of(value)}" for key, value in kwargs.items()]
    expected = "".join(f"\n * {op.signature(method)}" for op in ops)
    return errors.bad_type(
        f"{ops[0].said}() received an invalid combination of arguments - got ({', '.join(got)}), "
        f"but expected one of:{expected}\n"
    )
