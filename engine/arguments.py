"""Python's arguments against an op's parameters, refused in torch's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import dtypes, errors
from engine.first_uses import use_in_python
from engine.keyword_order import in_table_order
from engine.kinds import REQUIRED, Kind, Mismatch
from engine.overloads import BY_FORM, DEPRECATED, FIRST_SAYS, INPUT_FIRST, OF_FUNCTION, OVERLOADS, PARSED
from engine.python_functions import COUNTED, WITH_OVERLOADS, called, dispatched, in_python, missing

# Keywords of torch's factories that leave no choice here.
ONE_CHOICE: dict[str, tuple[Any, ...]] = {"layout": (None, "torch.strided", "strided"), "pin_memory": (None, False)}


def bind(op: Any, args: Sequence[Any], kwargs: dict[str, Any], method: int = 0, quiet: bool = False) -> Any:
    """The arguments in the order of the op's parameters, each in its kind's form, as a list.

    `method` is 1 for a call as a method, where messages do not count the tensor itself. Raises TypeError; `quiet`
    gives None instead, without a text: other overloads may fit.
    """
    count = len(args)
    if op.size_at is not None and count > op.size_at and type(args[op.size_at]) is not tuple:
        args = _gather_sizes(op, args, method)
        count = len(args)
    if count > op.positional:
        if quiet:
            return None
        raise _too_many(op, args, method, kwargs)
    values = list(op.defaults)
    params = op.params
    for at, value in enumerate(args):
        param = params[at]
        try:
            values[at] = None if value is None and param.optional else param.accept(value)
        except Mismatch as mismatch:
            if quiet:
                return None
            raise _refused(op, at, value, mismatch, method, count, kwargs, f" (position {at + 1 - method})") from None
    for name, value in kwargs.items():
        place = op.keywords.get(name)
        if place is None and op.leaf and name in ONE_CHOICE and value in ONE_CHOICE[name]:
            continue
        if place is None or place < count or (name not in op.index and params[place].name in kwargs):
            if quiet:
                return None
            raise _bad_keyword(op, name, values, kwargs, method)
        param = params[place]
        try:
            values[place] = None if value is None and param.optional else param.accept(value)
        except Mismatch as mismatch:
            if quiet:
                return None
            raise _refused(op, place, value, mismatch, method, count, kwargs) from None
    for at in op.required:
        if values[at] is REQUIRED:
            if quiet:
                return None
            raise _missing(op, values, method)
    return values


def _refused(
    op: Any,
    at: int,
    value: Any,
    mismatch: Mismatch,
    method: int,
    count: int,
    kwargs: dict[str, Any],
    position: str = "",
) -> Exception:
    """torch's text for a value that its parameter does not take; `position` where it was not given by name."""
    param = op.params[at]
    if method and not at and not in_python(op.wire_name, method):
        return _wrong_receiver(op.name, value)
    if in_python(op.wire_name, method):
        wrong = _no_such_call(op, count, kwargs, method)
        if wrong is not None:
            return wrong
    use_in_python(op.wire_name, param.name, value, kwargs)
    if param.name == "reduction" and param.kind is Kind.STR:  # torch looks it up in a table
        return errors.bad_value(f"{value} is not a valid value for reduction")
    detail = str(mismatch)
    if detail.startswith("expected"):
        return errors.bad_type(detail.replace("in argument 0", f"in argument {at - method}"))
    said, name = op.said, _said(op, at)
    along = "_dim" * (op.wire_name == "unique" and kwargs.get("dim") is not None)
    passed = called(op.wire_name + along, said, name, at + 1, method)
    if passed is not None:
        said, name, place = passed
        said += "_" * (kwargs.get("inplace") is True)
        said += "_with_indices" * (
            said.startswith("max_pool") and said[-1] == "d" and kwargs.get("return_indices") is True
        )
        position = f" (position {place})" if place else ""
    if detail.startswith("failed"):
        return errors.bad_type(f"{said}(): argument '{name}' {detail}")
    detail = (detail if position else "") or f", not {kind_of(value)}"
    return errors.bad_type(f"{said}(): argument '{name}'{position} must be {param.type_name}{detail}")


def _wrong_receiver(name: str, value: Any) -> TypeError:
    """What Python says of a method that is called, by way of its class, on something else than a tensor."""
    kind = type(value).__name__
    return errors.bad_type(f"descriptor '{name}' for 'torch._C.TensorBase' objects doesn't apply to a '{kind}' object")


def kind_of(value: Any) -> str:
    """A value's type as torch's messages name it."""
    if isinstance(value, dtypes.DType):
        return "torch.dtype"
    name = type(value).__name__
    return f"torch.{name}" if name == "memory_format" else name


def _said(op: Any, at: int) -> str:
    """A parameter's name in messages."""
    if at == 0 and op.wire_name in INPUT_FIRST:
        return "input"
    name = str(op.params[at].name)
    return PARSED.get(op.wire_name, {}).get(name, name)


def _missing(op: Any, values: Sequence[Any], method: int) -> TypeError:
    if in_python(op.wire_name, method):
        absent = [op.params[at].name for at in op.required if values[at] is REQUIRED]
        return errors.bad_type(missing(_whole(op, method, values, {}), absent))
    first = next(at for at in op.required if values[at] is REQUIRED)
    absent = [_said(op, at) for at in op.required if at >= first]  # torch counts those after it as missing too
    names = ", ".join(f'"{name}"' for name in absent)
    noun = "arguments" if len(absent) == 1 else "argument"  # torch's slip
    return errors.bad_type(f"{op.said}() missing {len(absent)} required positional {noun}: {names}")


def _bad_keyword(op: Any, name: str, values: Sequence[Any], kwargs: dict[str, Any], method: int) -> TypeError:
    if method and len(op.params) == 1:
        return errors.bad_type(f"TensorBase.{op.said}() takes no keyword arguments")
    for at in () if in_python(op.wire_name, method) else op.required:
        if values[at] is REQUIRED and op.params[at].name not in kwargs:
            return _missing(op, values, method)  # torch tells of what is missing first
    whole, place = _whole(op, method, values, kwargs), op.keywords.get(name)
    if place is not None and place >= method and (op.index.get(name) is None or _said(op, place) == name):
        return errors.bad_type(f"{whole}() got multiple values for argument '{name}'")
    return errors.bad_type(f"{whole}() got an unexpected keyword argument '{name}'")


def _whole(op: Any, method: int, values: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """A function's name as Python says it where it refuses a call itself: a method's with its class."""
    if method:
        return f"Tensor.{op.said}" if in_python(op.wire_name, method) else str(op.said)
    given = {**{name: values[at] for name, at in op.index.items() if at < len(values)}, **kwargs}
    return dispatched(op.wire_name, str(op.said), {name for name, value in given.items() if value is True})


def _no_such_call(op: Any, count: int, kwargs: dict[str, Any], method: int) -> TypeError | None:
    """What Python says of a call that a function's parameters do not fit, whatever the values; None if they do."""
    for name in kwargs:
        place = op.keywords.get(name)
        if place is None or place < count:
            return _bad_keyword(op, name, [], kwargs, method)
    given = {*range(count), *(op.keywords[name] for name in kwargs)}
    absent = [op.params[at].name for at in op.required if at not in given]
    return errors.bad_type(missing(_whole(op, method, [], kwargs), absent)) if absent else None


def _too_many(op: Any, args: Sequence[Any], method: int, kwargs: dict[str, Any]) -> TypeError:
    count = len(args)
    if method and len(op.params) == 1:
        no = "keyword arguments" if kwargs else f"arguments ({count - method} given)"
        return errors.bad_type(f"TensorBase.{op.said}() takes no {no}")
    python = in_python(op.wire_name, method)
    spared = 0 if python else method  # Python counts the tensor itself
    given = f"{count - spared} {'was' if count - spared == 1 else 'were'} given"
    if python:
        for name in kwargs:
            if op.keywords.get(name, 0) < op.positional:
                return _bad_keyword(op, name, args, kwargs, method)
        if kwargs:
            given = (
                f"{count} positional arguments (and {len(kwargs)} keyword-only argument{'s' * (len(kwargs) > 1)}) "
                "were given"
            )
    least = sum(not python or at < op.positional for at in op.required) - spared  # the parser counts all
    most = op.positional - spared
    least, most = COUNTED.get((op.wire_name, method), (least, most))
    takes = f"{most} positional argument{'' if most == 1 else 's'}"
    if least != most:
        takes = f"from {least} to {most} positional arguments"
        given = given.replace(" was ", " were ") if not python else given
    return errors.bad_type(f"{_whole(op, method, args, kwargs)}() takes {takes} but {given}")


def _gather_sizes(op: Any, args: Sequence[Any], method: int) -> Sequence[Any]:
    """`x.view(2, 3)` means `x.view((2, 3))`: a method's only parameter, or a function's, takes ints one by one."""
    at = op.size_at
    if at != method or at + 1 != op.positional or not (type(args[at]) is int or _counts(args[at])):
        return args
    return (*args[:at], tuple(args[at:])) if at else (tuple(args),)


def _counts(value: Any) -> bool:
    """Whether it is an int, be it NumPy's or a tensor's."""
    if hasattr(value, "_array"):
        return value._array.shape == () and value._array.dtype.kind in "iu"
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _handed_on(op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> TypeError:
    """The text for a function in Python that gives all its arguments to one with overloads."""
    got = [args[at] if at < len(args) else kwargs.get(each.name, each.default) for at, each in enumerate(op.params)]
    kinds = [
        "int" if each.name == "reduction" else kind_of(value)
        for each, value in zip(op.params, got, strict=True)
        if each.name not in WITH_OVERLOADS[op.wire_name]
    ]
    return errors.bad_type(f"{op.said}() received an invalid combination of arguments - got ({', '.join(kinds)})")


def refuse(name: str, ops: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> TypeError:
    """torch's text for arguments that no overload takes: about the only one that takes so many, else about them all."""
    if method and not hasattr(args[0], "_array") and not in_python(name, method):
        return _wrong_receiver(ops[0].name, args[0])
    told = []
    for op in ops:
        try:
            bind(op, args, kwargs, method)
        except TypeError as error:
            told.append(error)
            if "failed to unpack" in str(error):  # torch takes the first element for the whole
                return error
    shown = f"Tensor.{name}" if method else name
    if (method and name in OF_FUNCTION and shown not in OVERLOADS) or in_python(name, method) or name in BY_FORM:
        unknown = [each for each in told if "unexpected keyword" in str(each)]
        unknown += [each for each in told if "() missing" in str(each)]
        place = method if name in BY_FORM else 0 if name in FIRST_SAYS else -1
        first = unknown[0] if unknown else told[place]
        handed = name in WITH_OVERLOADS and " must be " in str(first)
        if handed and (name != "split" or isinstance([*args, *kwargs.values()][1], int)):
            return _handed_on(ops[0], args, kwargs)
        return first
    count = len(args) + len(kwargs)
    own = [(len(op.required), len(op.params) + 1 - method) for op in ops]  # 1 for `out`
    fitting = [op for op, (least, most) in zip(ops, own, strict=True) if least <= count <= most]
    ranges: Sequence[tuple[int, int]] = OVERLOADS.get(shown, OVERLOADS.get(name, own))
    fits = [least <= count <= most for least, most in ranges]
    if fitting and sum(fits) == 1:
        only = ops[fits.index(True)] if len(fits) == len(ops) else fitting[0]
        try:
            bind(only, args, kwargs, method)
        except TypeError as error:
            return error
    if kwargs and not DEPRECATED.isdisjoint((name, shown)):
        names = ", ".join(in_table_order(kwargs))
        text = f"{ops[0].said}() received an invalid combination of arguments - got unrecognized keyword arguments: "
        return errors.bad_type(text + names)
    expected = "".join(f"\n * {op.signature(method)}" for op in ops)
    return errors.bad_type(f"{received(ops[0].said, args[method:], kwargs)}, but expected one of:{expected}\n")


def received(said: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """What no overload takes, as torch's sentence begins; of a method, `args` are without the tensor itself."""
    got = [kind_of(each) for each in args]
    got += [f"{key}={kind_of(kwargs[key])}" for key in in_table_order(kwargs)]
    if len(got) == len(kwargs) > 0:
        got.append("")  # torch's slip
    return f"{said}() received an invalid combination of arguments - got ({', '.join(got)})"
