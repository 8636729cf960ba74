"""Arguments of a step: from JSON to what an op takes.

The parameter's kind decides what a value means: a string is a tensor's name only where PyTorch takes a tensor, else a
dtype, a device or a text. Python numbers go to ops as they are, with PyTorch's weak promotion.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app import codec
from app.problems import MAX_ERRORS, Problem
from app.session.indexing import index_of
from app.session.literals import make_tensor, parse_shape
from app.session.names import SHOWN, Names
from app.session.optimizers import Optimizers
from engine import dtypes
from engine.arguments import refuse
from engine.devices import Device
from engine.kinds import REQUIRED, Kind
from engine.op import Function, Op, Param
from engine.tensor import Tensor

_PREFIX = "torch."
_INDICES = frozenset(("index", "indices"))  # other parameters of kind INDEX are sizes and factors an op reads itself


class Extra(enum.Enum):
    """Kinds of parameters that only the service's own steps have; the value is the type's name in messages."""

    ROOTS = "tensor or list of tensors"
    RAW = "tensor or literal"
    SETTING = "number, list of numbers or tensor"
    SHAPE = "list of ints"
    SHAPES = "list of shapes"
    NAME = "name"
    NAMES = "list of names"
    TEXT = "str"
    PAIR = "pair of floats"
    PARAMS = "list of names and parameter groups"
    OPTIONS = "object of options"
    STEPS = "list of steps"
    PLACES = "list of tensors or null"


_SPREAD = (Kind.TENSORS, Extra.SHAPES)  # PyTorch takes these one by one where they come last


class Mismatch(Exception):
    """Arguments that parameters do not take; `problem` says it better, where there is one: an unknown name, say.

    `wrong` has the fields that are not right, each with what is wrong about it.
    """

    def __init__(self, text: str, problem: Problem | None = None, wrong: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.problem = problem
        self.wrong = dict(wrong or {})

    def as_problem(self) -> Problem:
        """The same as an answer."""
        if self.problem is not None:
            return self.problem
        errors = [{"field": name[:SHOWN], "message": self.wrong[name]} for name in list(self.wrong)[:MAX_ERRORS]]
        return Problem("bad_argument", str(self), errors=errors or None)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a step, as the wire has it."""

    name: str
    kind: Kind | Extra
    default: Any = REQUIRED
    optional: bool = False
    keyword_only: bool = False


def _no_steps(body: Any) -> list[Tensor | None]:
    raise Problem("bad_argument", "no steps can stand here")


@dataclass(slots=True)
class Scope:
    """What the arguments of one step may name, and what they have named so far."""

    names: Names
    addressed: dict[int, str] = field(default_factory=dict)  # by id of the tensor; the names keep the tensors alive
    literals: dict[int, Tensor] = field(default_factory=dict)  # by id of the JSON: overloads are tried in turn
    optimizers: Optimizers | None = None  # of a session; a saved function has none
    code: Any = None  # what runs code in a session (`app.session.frames.Code`)
    run: Callable[[Any], list[Tensor | None]] = _no_steps  # a step within the step

    def named(self, text: str) -> Tensor:
        """The tensor of `x` or `x.grad`.

        Raises Problem `unknown_tensor` or `no_grad`.
        """
        tensor = self.names.resolve(text)
        self.addressed.setdefault(id(tensor), text)
        return tensor

    def constant(self, value: Any) -> Tensor:
        """The tensor of a list or literal."""
        made = self.literals.get(id(value))
        if made is None:
            made = self.literals[id(value)] = make_tensor(value)
        return made


@functools.cache
def parameters_of(op: Op) -> tuple[Parameter, ...]:
    """The parameters of an op on the wire: generators are not offered, and what torch calls `self` is `input`."""
    return tuple(
        Parameter(_wire_name(each), _kind(each), each.default, each.optional, each.keyword_only)
        for each in op.params
        if each.kind is not Kind.GENERATOR
    )


def _wire_name(param: Param) -> str:
    return "input" if param.name == "self" else param.name


def _kind(param: Param) -> Kind | Extra:
    if param.kind is Kind.TENSORS and param.name in _INDICES:
        return Extra.PLACES
    return Extra.SETTING if param.kind is Kind.INDEX and param.name not in _INDICES else param.kind


# -- one value ------------------------------------------------------------------------------------------------------


def convert(kind: Kind | Extra, value: Any, scope: Scope, weak: bool) -> Any:
    """The value as its kind of parameter takes it; with `weak` a number may stand for a tensor.

    Raises Mismatch, or Problem where the value is of the right kind but wrong.
    """
    return _CONVERT[kind](value, scope, weak)


def converter_of(kind: Kind | Extra) -> Callable[[Any, Scope, bool], Any]:
    """`convert` for one kind."""
    return _CONVERT[kind]


def _tensor(value: Any, scope: Scope, weak: bool) -> Any:
    number = codec.number(value)
    if number is not None:
        if weak:
            return number
    elif type(value) is str:
        try:
            return scope.named(value)
        except Problem as problem:
            raise Mismatch(problem.detail, problem) from None
    elif type(value) in (list, dict):
        try:
            return scope.constant(value)
        except Problem as problem:
            raise Mismatch(problem.detail, problem) from None
    raise Mismatch("")


def _operand(value: Any, scope: Scope, weak: bool) -> Any:
    return _tensor(value, scope, True)


def _solid(value: Any, scope: Scope, weak: bool) -> Tensor:
    """A tensor in any case: a number is one of no dimensions."""
    made: Tensor = _tensor(value, scope, False) if codec.number(value) is None else make_tensor(value)
    return made


def _tensors(value: Any, scope: Scope, weak: bool) -> list[Tensor]:
    if type(value) is not list:
        raise Mismatch("")
    return [_solid(each, scope, weak) for each in value]


def _places(value: Any, scope: Scope, weak: bool) -> list[Tensor | None]:
    if type(value) is not list:
        raise Mismatch("")
    return [None if each is None else _solid(each, scope, weak) for each in value]


def _roots(value: Any, scope: Scope, weak: bool) -> list[Tensor]:
    return [_solid(each, scope, weak) for each in (value if type(value) is list else [value])]


def _number(value: Any, scope: Scope, weak: bool) -> complex:
    number = codec.number(value)
    if number is None:
        raise Mismatch("")
    return number


def _float(value: Any, scope: Scope, weak: bool) -> float:
    number = codec.number(value)
    if type(number) not in (int, float):
        raise Mismatch("")
    return float(number)  # type: ignore[arg-type]  # checked in the line before


def _exactly(*types: type) -> Callable[[Any, Scope, bool], Any]:
    def same(value: Any, scope: Scope, weak: bool) -> Any:
        if type(value) not in types:
            raise Mismatch("")
        return value

    return same


def _text(value: Any, scope: Scope, weak: bool) -> str:
    if type(value) is not str:
        raise Mismatch("")
    return value.removeprefix(_PREFIX)


def _ints(value: Any, scope: Scope, weak: bool) -> tuple[int, ...]:
    values = value if type(value) is list else [value]
    if any(type(each) is not int for each in values):
        raise Mismatch("")
    return tuple(values)


def _dtype(value: Any, scope: Scope, weak: bool) -> dtypes.DType:
    known = dtypes.parse(value) if type(value) is str else None
    if known is None:
        raise Mismatch("")
    return known


def _device(value: Any, scope: Scope, weak: bool) -> Device:
    if type(value) is not str:
        raise Mismatch("")
    try:
        return Device(value)
    except RuntimeError as error:
        raise Mismatch(str(error)) from None


def _index(value: Any, scope: Scope, weak: bool) -> tuple[Any, ...]:
    return index_of(value, scope.named)


def _setting(value: Any, scope: Scope, weak: bool) -> Any:
    if type(value) is list:
        return [None if each is None else _number(each, scope, weak) for each in value]
    if value is None:
        return None
    number = codec.number(value)
    if number is not None:
        return number
    if type(value) is not str:
        raise Mismatch("")
    return scope.named(value)


def _names(value: Any, scope: Scope, weak: bool) -> list[str]:
    if type(value) is not list or any(type(each) is not str for each in value):
        raise Mismatch("")
    return value


def _params(value: Any, scope: Scope, weak: bool) -> list[Any]:
    values = [value] if type(value) is str else value
    if type(values) is not list or any(type(each) not in (str, dict) for each in values):
        raise Mismatch("")
    return values


def _pair(value: Any, scope: Scope, weak: bool) -> tuple[float, ...]:
    if type(value) is not list or len(value) != 2:
        raise Mismatch("")
    return tuple(_float(each, scope, weak) for each in value)


def _shape(value: Any, scope: Scope, weak: bool) -> tuple[int, ...]:
    return parse_shape(value)


def _shapes(value: Any, scope: Scope, weak: bool) -> list[tuple[int, ...]]:
    if type(value) is not list:
        raise Mismatch("")
    return [_ints(each, scope, weak) for each in value]


def _as_it_is(value: Any, scope: Scope, weak: bool) -> Any:
    return value


_CONVERT: dict[Kind | Extra, Callable[[Any, Scope, bool], Any]] = {
    Kind.TENSOR: _tensor,
    Kind.OPERAND: _operand,
    Kind.TENSORS: _tensors,
    Kind.NUMBER: _number,
    Kind.INT: _exactly(int),
    Kind.FLOAT: _float,
    Kind.BOOL: _exactly(bool),
    Kind.STR: _text,
    Kind.DIMS: _ints,
    Kind.SIZE: _ints,
    Kind.DTYPE: _dtype,
    Kind.DEVICE: _device,
    Kind.INDEX: _index,
    Kind.DATA: _as_it_is,
    Extra.ROOTS: _roots,
    Extra.RAW: _as_it_is,
    Extra.SETTING: _setting,
    Extra.SHAPE: _shape,
    Extra.SHAPES: _shapes,
    Extra.NAME: _exactly(str),
    Extra.NAMES: _names,
    Extra.TEXT: _exactly(str),
    Extra.PAIR: _pair,
    Extra.PARAMS: _params,
    Extra.OPTIONS: _exactly(dict),
    Extra.STEPS: _exactly(list),
    Extra.PLACES: _places,
}


# -- all of a step --------------------------------------------------------------------------------------------------


def bind(
    name: str, parameters: Sequence[Parameter], args: list[Any], fields: Mapping[str, Any], scope: Scope, weak: bool
) -> list[Any]:
    """The arguments in the order of the parameters, converted.

    Raises Mismatch with torch's text.
    """
    args = _gathered(parameters, args)
    most = sum(not each.keyword_only for each in parameters)
    if len(args) > most:
        takes = f"{most} positional argument{'s' * (most != 1)}"
        raise Mismatch(f"{name}() takes {takes} but {len(args)} were given")
    names = [each.name for each in parameters]
    if unknown := fields.keys() - set(names):
        text = f"{name}() got an unexpected keyword argument '{min(unknown)[:SHOWN]}'"
        raise Mismatch(text, wrong=dict.fromkeys(sorted(unknown), f"unknown field; there are {', '.join(names)}"))
    values = []
    for at, parameter in enumerate(parameters):
        if at < len(args):
            if parameter.name in fields:
                text = f"{name}() got multiple values for argument '{parameter.name}'"
                raise Mismatch(text, wrong={parameter.name: "given by position too"})
            value = args[at]
        elif parameter.name in fields:
            value = fields[parameter.name]
        elif parameter.default is REQUIRED:
            text = f'{name}() missing 1 required positional arguments: "{parameter.name}"'
            rest = [each.name for each in parameters[at:] if each.default is REQUIRED and each.name not in fields]
            raise Mismatch(text, wrong=dict.fromkeys(rest, "missing"))
        else:
            values.append(parameter.default)
            continue
        values.append(_converted(name, parameter, at, value, scope, weak))
    return values


def _converted(name: str, parameter: Parameter, at: int, value: Any, scope: Scope, weak: bool) -> Any:
    if value is None and parameter.optional:
        return None
    try:
        return convert(parameter.kind, value, scope, weak)
    except Mismatch as mismatch:
        if str(mismatch):
            mismatch.wrong = {parameter.name: str(mismatch)}
            raise
        place = "" if parameter.keyword_only else f" (position {at + 1})"
        wanted = f"must be {parameter.kind.value.strip()}, not {type(value).__name__}"
        text = f"{name}(): argument '{parameter.name}'{place} {wanted}"
        raise Mismatch(text, wrong={parameter.name: wanted}) from None


def _gathered(parameters: Sequence[Parameter], args: list[Any]) -> list[Any]:
    """`x.view(2, 3)` means `x.view((2, 3))`, and `einsum(e, a, b)` means `einsum(e, [a, b])`."""
    positional = [each for each in parameters if not each.keyword_only]
    for at, parameter in enumerate(positional[: len(args)]):
        if parameter.kind is Kind.SIZE and all(type(each) is int for each in args[at:]):
            return [*args[:at], args[at:]]
        last = at + 1 == len(positional)
        if parameter.kind in _SPREAD and last and (len(args) > at + 1 or type(args[at]) is not list):
            return [*args[:at], args[at:]]
    return args


def bind_op(function: Function, args: list[Any], fields: Mapping[str, Any], scope: Scope) -> tuple[Op, list[Any]]:
    """The first overload that takes the arguments, and they in the order of its parameters.

    Numbers stand for tensors only where no overload takes them as numbers. Raises Problem `bad_argument`, or
    `unknown_tensor` where a name is the reason.
    """
    op, values, weak = choose_op(function, args, fields, scope)
    return op, _settled(op, values) if weak else values


def choose_op(
    function: Function, args: list[Any], fields: Mapping[str, Any], scope: Scope
) -> tuple[Op, list[Any], bool]:
    """`bind_op` without a look at shapes: whether numbers stand in places of tensors is told beside.

    Raises Problem.
    """
    refusals: list[Mismatch] = []
    for weak in (False, True):
        for op in function.ops:
            try:
                values = bind(op.said, parameters_of(op), args, _by_own_names(op, fields), scope, weak)
            except Mismatch as mismatch:
                refusals.append(mismatch)
                continue
            if len(values) < len(op.params):
                values = _with_generator(op, values)
            if op.leaf:
                values = floating(op, values)
            return op, values, weak
    raise _refusal(function, args, fields, scope, refusals[len(refusals) // 2 :])


def _by_own_names(op: Op, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields under the names of the op's parameters, which go by others too: A by `input`, dim by `axis`.

    A field whose parameter is given under its own name as well stays as it is, and is refused with the unknown ones.
    """
    renamed: dict[str, Any] = {}
    for name, value in fields.items():
        own = _own_name(op, name)
        renamed[name if own in fields or own in renamed else own] = value
    return renamed


def _own_name(op: Op, name: str) -> str:
    at = op.keywords.get(name)
    return name if at is None else _wire_name(op.params[at])


def _with_generator(op: Op, values: list[Any]) -> list[Any]:
    given = iter(values)
    return [None if each.kind is Kind.GENERATOR else next(given) for each in op.params]


def floating(op: Op, values: list[Any]) -> list[Any]:
    """A factory's numbers as floats where its result requires grad and has no dtype: JavaScript writes 1.0 as 1."""
    if values[op.index["dtype"]] is not None or not values[op.index["requires_grad"]]:
        return values
    whole = [each.kind is Kind.NUMBER and type(value) is int for each, value in zip(op.params, values, strict=True)]
    return [float(value) if is_whole else value for value, is_whole in zip(values, whole, strict=True)]


def _settled(op: Op, values: list[Any]) -> list[Any]:
    """Numbers in the places of tensors: kept where the op's rule takes them, else 0-d tensors."""
    raw = [getattr(each, "_array", each) for each in values]
    try:
        if not op.composite:
            op.rule(op, [[each._array for each in value] if type(value) is list else value for value in raw])
            return values
    except Exception as error:
        if hasattr(error, "code"):
            raise
    return [
        make_tensor(value) if at in op.tensor_at and isinstance(value, (bool, int, float, complex)) else value
        for at, value in enumerate(values)
    ]


def _refusal(
    function: Function, args: list[Any], fields: Mapping[str, Any], scope: Scope, refusals: list[Mismatch]
) -> Problem:
    for mismatch in refusals:
        if mismatch.problem is not None:
            return mismatch.problem
    if len(function.ops) == 1:
        return refusals[0].as_problem()
    names = list(dict.fromkeys(each.name for op in function.ops for each in parameters_of(op)))
    if unknown := [name for name in fields if name not in {*names}.union(*(op.keywords for op in function.ops))]:
        message = f"unknown field; there are {', '.join(names)}"
        return Mismatch(str(refusals[0]), wrong=dict.fromkeys(unknown, message)).as_problem()
    seen = {name: _seen(value, scope) for name, value in fields.items()}
    return Problem(
        "bad_argument", str(refuse(function.name, function.ops, [_seen(each, scope) for each in args], seen))
    )


def _seen(value: Any, scope: Scope) -> Any:
    """A name as the tensor it stands for, so that the refusal says `Tensor` and not `str`."""
    named = scope.names.get(value) if type(value) is str else None
    return value if named is None else named
