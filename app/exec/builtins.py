"""Python's builtins, as far as the language has them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from app.exec import attributes
from app.exec.budget import Run
from app.exec.functions import FunctionValue
from app.exec.math_names import MATH
from app.exec.operators import BINARY, PYTHON_ERRORS, ordered
from app.exec.sequences import iterate, length, listed, truth
from app.exec.signatures import Any_, Int, MaybeInt, Text, builtin
from app.exec.subscripts import slice_of
from app.exec.texts import shown, text_of
from app.exec.torch_names import TORCH, F
from app.exec.values import (
    NUMBERS,
    Builtin,
    ClassValue,
    Kind,
    Stream,
    checked_int,
    coded,
    type_name,
    wrong_type,
)
from engine import errors
from engine.devices import Device
from engine.dtypes import DType
from engine.generator import Generator
from engine.graph import Node
from engine.tensor import Size, Tensor

LESS, MORE = ordered("<", lambda a, b: a < b), ordered(">", lambda a, b: a > b)


# -- printing ---------------------------------------------------------------------------------------------------------


def _print(run: Run, args: list[Any], kwargs: dict[str, Any]) -> None:
    kwargs = {key: value for key, value in kwargs.items() if key != "flush"}
    for key, value in kwargs.items():
        if key not in ("sep", "end") or not (value is None or isinstance(value, str)):
            raise wrong_type(f"print() takes texts as sep and end, and no other keywords: not '{key}'")
    sep, end = kwargs.get("sep"), kwargs.get("end")
    for at, each in enumerate(args):
        if at:
            run.write(" " if sep is None else sep)
        run.write(text_of(run, each))
    run.write("\n" if end is None else end)


def _repr(run: Run, value: Any_) -> str:
    return shown(run, value)


# -- numbers ----------------------------------------------------------------------------------------------------------


def _number(name: str, convert: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if kwargs or len(args) > 1:
            raise wrong_type(f"{name}() takes at most 1 argument ({len(args) + len(kwargs)} given)")
        if not args:
            return convert(0)
        value = args[0]
        if type(value) not in NUMBERS and not isinstance(value, (Tensor, str)):
            raise wrong_type(f"{name}() argument must be a string or a real number, not '{type_name(value)}'")
        if isinstance(value, str) and len(value) > 64:
            raise errors.bad_value(f"could not convert a text of {len(value)} characters to {name}")
        try:
            made = convert(value)
        except PYTHON_ERRORS as error:
            raise coded(error) from None
        return checked_int(made) if type(made) is int else made

    return call


def _bool(run: Run, args: list[Any], kwargs: dict[str, Any]) -> bool:
    if kwargs or len(args) > 1:
        raise wrong_type("bool() takes at most 1 argument")
    return truth(args[0]) if args else False


def _abs(run: Run, value: Any_) -> Any:
    if type(value) not in NUMBERS and type(value) is not Tensor:
        raise wrong_type(f"bad operand type for abs(): '{type_name(value)}'")
    made = abs(value)
    return checked_int(made) if type(made) is int else made


def _round(run: Run, value: Any_, ndigits: MaybeInt = None) -> Any:
    if type(value) not in (bool, int, float):
        raise wrong_type(f"type {type_name(value)} doesn't define __round__ method")
    if ndigits is not None and abs(ndigits) > 400:
        raise errors.bad_value("round() takes at most 400 digits")
    try:
        made = round(value, ndigits)
    except PYTHON_ERRORS as error:
        raise coded(error) from None
    return checked_int(made) if type(made) is int else made


def _pow(run: Run, base: Any_, exp: Any_) -> Any:
    return BINARY[ast.Pow](run, base, exp)


def _divmod(run: Run, a: Any_, b: Any_) -> Any:
    return BINARY[ast.FloorDiv](run, a, b), BINARY[ast.Mod](run, a, b)


def _sum(run: Run, iterable: Any_, start: Any_ = 0) -> Any:
    total = start
    if isinstance(total, str):
        raise wrong_type("sum() can't sum strings [use ''.join(seq) instead]")
    for each in iterate(run, iterable):
        run.spend(1)
        total = BINARY[ast.Add](run, total, each)
    return total


def _extreme(name: str, compare: Any) -> Callable[..., Any]:
    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        unknown = [key for key in kwargs if key not in ("key", "default")]
        if unknown or not args or ("default" in kwargs and len(args) > 1):
            raise wrong_type(f"{name}() takes values or one sequence of them, and key and default")
        key, best, best_key = kwargs.get("key"), None, None
        found = False
        for each in iterate(run, args[0]) if len(args) == 1 else args:
            run.spend(1)
            place = each if key is None else _called(run, key, each)
            if not found or truth(compare(run, place, best_key)):
                best, best_key, found = each, place, True
        if found:
            return best
        if "default" in kwargs:
            return kwargs["default"]
        raise errors.bad_value(f"{name}() iterable argument is empty")

    return call


def _called(run: Run, function: Any, value: Any) -> Any:
    if isinstance(function, FunctionValue):
        return function.invoke(run, [value], {})
    if isinstance(function, Builtin):
        return function.call(run, [value], {})
    if isinstance(function, Kind) and function.construct is not None:
        return function.construct(run, [value], {})
    raise wrong_type(f"'{type_name(function)}' object is not callable")


# -- sequences --------------------------------------------------------------------------------------------------------


def _range(run: Run, args: list[Any], kwargs: dict[str, Any]) -> range:
    if kwargs or not 1 <= len(args) <= 3:
        raise wrong_type(f"range expected 1 to 3 arguments, got {len(args) + len(kwargs)}")
    numbers = [_index(each) for each in args]
    try:
        made = range(*numbers)
        len(made)
    except (ValueError, OverflowError) as error:
        raise coded(error) from None
    return made


def _index(value: Any) -> int:
    if type(value) in (int, bool):
        return int(value)
    if type(value) is Tensor:
        return value.__index__()
    raise wrong_type(f"'{type_name(value)}' object cannot be interpreted as an integer")


def _list(run: Run, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    if kwargs or len(args) > 1:
        raise wrong_type("list expected at most 1 argument")
    return listed(run, args[0]) if args else []


def _tuple(run: Run, args: list[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(_list(run, args, kwargs))


def _str(run: Run, args: list[Any], kwargs: dict[str, Any]) -> str:
    if kwargs or len(args) > 1:
        raise wrong_type("str() takes at most 1 argument")
    return text_of(run, args[0]) if args else ""


def _slice(run: Run, args: list[Any], kwargs: dict[str, Any]) -> slice:
    if kwargs or not 1 <= len(args) <= 3:
        raise wrong_type("slice expected 1 to 3 arguments")
    return slice_of(args)


def _dict(run: Run, args: list[Any], kwargs: dict[str, Any]) -> dict[Any, Any]:
    if args:
        raise wrong_type("dict() takes keywords here; write {key: value} for other entries")
    run.grow(2 * len(kwargs) + 1)
    return dict(kwargs)


def _len(run: Run, value: Any_) -> int:
    return length(value)


def _enumerate(run: Run, iterable: Any_, start: Int = 0) -> Stream:
    return Stream("enumerate", enumerate(iterate(run, iterable), start), [iterable])


def _zip(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Stream:
    strict = kwargs.pop("strict", False)
    if kwargs or type(strict) is not bool:
        raise wrong_type("zip() takes sequences, and strict")
    return Stream("zip", _zipped([iterate(run, each) for each in args], strict), args)


def _zipped(sources: list[Iterator[Any]], strict: bool) -> Iterator[Any]:
    try:
        yield from zip(*sources, strict=strict)
    except ValueError as error:
        raise coded(error) from None


def _map(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Stream:
    if kwargs or len(args) < 2:
        raise wrong_type("map() takes a function and sequences")
    function, *sources = args
    if not isinstance(function, (FunctionValue, Builtin)):
        raise wrong_type(f"'{type_name(function)}' object is not callable")
    call = function.invoke if isinstance(function, FunctionValue) else function.call
    rows = zip(*(iterate(run, each) for each in sources), strict=False)
    return Stream("map", (call(run, list(row), {}) for row in rows), args)


def _reversed(run: Run, sequence: Any_) -> Stream:
    values = listed(run, sequence)[::-1]
    return Stream("reversed", iter(values), [values])


def _sorted(run: Run, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """Merge sort, so that each comparison is counted."""
    unknown = [key for key in kwargs if key not in ("key", "reverse")]
    if unknown or len(args) != 1:
        raise wrong_type("sorted() takes one sequence, key and reverse")
    key, reverse = kwargs.get("key"), truth(kwargs.get("reverse", False))
    values = listed(run, args[0])
    run.spend(len(values))
    pairs = [(each if key is None else _called(run, key, each), each) for each in values]
    if not all(type(place) in NUMBERS or isinstance(place, (str, Tensor)) for place, _ in pairs):
        raise wrong_type("sorted() orders numbers, texts and tensors of one element")
    width = 1
    while width < len(pairs):
        merged: list[Any] = []
        for at in range(0, len(pairs), 2 * width):
            merged += _merged(run, pairs[at : at + width], pairs[at + width : at + 2 * width], reverse)
        pairs, width = merged, 2 * width
    return [each for _, each in pairs]


def _merged(run: Run, left: list[Any], right: list[Any], reverse: bool) -> list[Any]:
    made, a, b = [], 0, 0
    while a < len(left) and b < len(right):
        run.spend(1)
        one, other = (left[a][0], right[b][0]) if reverse else (right[b][0], left[a][0])
        if truth(LESS(run, one, other)):
            made.append(right[b])
            b += 1
        else:
            made.append(left[a])
            a += 1
    return made + left[a:] + right[b:]


def _any_of(run: Run, iterable: Any_) -> bool:
    return any(truth(_step(run, each)) for each in iterate(run, iterable))


def _all_of(run: Run, iterable: Any_) -> bool:
    return all(truth(_step(run, each)) for each in iterate(run, iterable))


def _step(run: Run, value: Any) -> Any:
    run.spend(1)
    return value


# -- types ------------------------------------------------------------------------------------------------------------

KINDS: dict[str, Kind] = {
    "bool": Kind("bool", (bool,), _bool),
    "int": Kind("int", (int,), _number("int", int)),
    "float": Kind("float", (float,), _number("float", float)),
    "complex": Kind("complex", (complex,), _number("complex", complex)),
    "str": Kind("str", (str,), _str),
    "list": Kind("list", (list,), _list),
    "tuple": Kind("tuple", (tuple,), _tuple),
    "dict": Kind("dict", (dict,), _dict),
    "range": Kind("range", (range,), _range),
    "slice": Kind("slice", (slice,), _slice),
}
_ERRORS = (
    *(Exception, ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, LookupError, NameError),
    *(NotImplementedError, OverflowError, RuntimeError, TypeError, ValueError, ZeroDivisionError),
)


def _raising(kind: type[Exception]) -> Callable[..., Any]:
    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Exception:
        if kwargs or len(args) > 1:
            raise wrong_type(f"{kind.__name__}() takes one text here")
        return errors.coded(kind, "raised", text_of(run, args[0]) if args else "")

    return call


EXCEPTIONS = {each.__name__: Kind(each.__name__, (each,), _raising(each)) for each in _ERRORS}
_SHOWN = {Tensor: "torch.Tensor", Size: "torch.Size", DType: "torch.dtype", Device: "torch.device"}


def kind_of(value: Any) -> Kind:
    """`type(value)`."""
    for known in (*KINDS.values(), *EXCEPTIONS.values()):
        if type(value) in known.types:
            return known
    if isinstance(value, Node):
        return Kind(type(value).__name__)
    if value is None:
        return Kind("NoneType")
    name = type_name(value)
    shown_name = _SHOWN.get(type(value), name)
    types = (type(value),) if type(value) in (*_SHOWN, Generator) else ()
    return Kind(name.rpartition(".")[2], types, shown=shown_name)


def _type(run: Run, value: Any_) -> Kind:
    return kind_of(value)


def _isinstance(run: Run, value: Any_, kinds: Any_) -> bool:
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    for each in wanted:
        if not isinstance(each, (Kind, ClassValue)):
            raise wrong_type("isinstance() arg 2 must be a type or a tuple of types")
    return any(isinstance(each, Kind) and isinstance(value, each.types) for each in wanted)


def _hasattr(run: Run, value: Any_, name: Text) -> bool:
    try:
        attributes.read(run, value, name)
    except AttributeError:
        return False
    return True


def _callable(run: Run, value: Any_) -> bool:
    if isinstance(value, Kind):
        return value.construct is not None
    return isinstance(value, (FunctionValue, Builtin))


def _staticmethod(run: Run, function: Any_) -> Any:
    if not isinstance(function, (FunctionValue, Builtin)):
        raise wrong_type("staticmethod() takes a function")
    return function


def _direct(name: str, call: Any) -> Builtin:
    return Builtin(name, call)


FUNCTIONS: dict[str, Builtin] = {
    "abs": builtin("abs", _abs),
    "all": builtin("all", _all_of),
    "any": builtin("any", _any_of),
    "callable": builtin("callable", _callable),
    "divmod": builtin("divmod", _divmod),
    "enumerate": builtin("enumerate", _enumerate),
    "hasattr": builtin("hasattr", _hasattr),
    "isinstance": builtin("isinstance", _isinstance),
    "len": builtin("len", _len),
    "map": _direct("map", _map),
    "max": _direct("max", _extreme("max", MORE)),
    "min": _direct("min", _extreme("min", LESS)),
    "pow": builtin("pow", _pow),
    "print": _direct("print", _print),
    "repr": builtin("repr", _repr),
    "reversed": builtin("reversed", _reversed),
    "round": builtin("round", _round),
    "sorted": _direct("sorted", _sorted),
    "staticmethod": builtin("staticmethod", _staticmethod),
    "sum": builtin("sum", _sum),
    "type": builtin("type", _type),
    "zip": _direct("zip", _zip),
}


BUILTINS: dict[str, Any] = {
    **KINDS,
    **EXCEPTIONS,
    **FUNCTIONS,
    "torch": TORCH,
    "F": F,
    "math": MATH,
    "Ellipsis": Ellipsis,
    "__name__": "__main__",
}
