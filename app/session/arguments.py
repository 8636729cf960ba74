"""Arguments of a step: which parameter each is for, and which overload of an op takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app import codec
from app.problems import Problem
from app.session.conversion import convert
from app.session.literals import make_tensor
from app.session.names import SHOWN
from app.session.parameters import Extra, Parameter, parameters_of, wire_name
from app.session.scope import Mismatch, Scope
from engine.arguments import refuse
from engine.kinds import REQUIRED, Kind
from engine.old_orders import in_new_order
from engine.op import Function, Op

_SPREAD = (Kind.TENSORS, Extra.SHAPES)  # PyTorch takes these one by one where they come last


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
    if (again := _in_new_order(function, args, fields, scope)) is not None:
        return choose_op(function, *again, scope)
    raise _refusal(function, args, fields, scope, refusals[len(refusals) // 2 :])


def _in_new_order(
    function: Function, args: list[Any], fields: Mapping[str, Any], scope: Scope
) -> tuple[list[Any], dict[str, Any]] | None:
    """A call in an order of arguments that PyTorch has kept, as it is given today; None for any other."""
    seen = [_seen(each, scope) if (number := codec.number(each)) is None else number for each in args]
    again = in_new_order(function.name, function.ops[0], seen, dict(fields), 0)
    if again is None:
        return None

    def sent(value: Any) -> Any:
        return next(given for given, each in zip(args, seen, strict=True) if each is value)

    return [sent(each) for each in again[0]], {name: sent(each) for name, each in again[1].items()}


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
    return name if at is None else wire_name(op.params[at])


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
