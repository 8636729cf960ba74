"""The operators of code on values. What could grow without bound is looked at before it is computed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from app.exec import texts
from app.exec.budget import Run
from app.exec.sequences import contains, equal, truth
from app.exec.values import NUMBERS, checked_int, coded, type_name, wrong_type
from engine import errors
from engine.tensor import Tensor

Operate = Callable[[Run, Any, Any], Any]
PYTHON_ERRORS = (TypeError, ValueError, ArithmeticError)
OPERANDS = NUMBERS | {Tensor}
SEQUENCES = (str, list, tuple)


def _unsupported(symbol: str, a: Any, b: Any) -> Exception:
    return wrong_type(f"unsupported operand type(s) for {symbol}: '{type_name(a)}' and '{type_name(b)}'")


def _of_numbers(symbol: str, compute: Callable[[Any, Any], Any], sequences: Operate | None = None) -> Operate:
    """An operator of tensors and numbers; `sequences` is what it does with texts and lists."""

    def operate(run: Run, a: Any, b: Any) -> Any:
        if type(a) in OPERANDS and type(b) in OPERANDS:
            try:
                result = compute(a, b)
            except PYTHON_ERRORS as error:
                if isinstance(error, TypeError) and not hasattr(error, "code"):
                    raise _unsupported(symbol, a, b) from None
                raise coded(error) from None
            if type(result) is int:
                return checked_int(result)
            run.note(result)
            return result
        if sequences is not None:
            return sequences(run, a, b)
        raise _unsupported(symbol, a, b)

    return operate


def _power(a: Any, b: Any) -> Any:
    whole = type(a) in (int, bool) and type(b) in (int, bool) and b > 0
    if whole and (int(a).bit_length() - 1) * int(b) > 64:
        raise errors.coded(OverflowError, "bad_argument", "integers have 64 bits; use a float")
    return a**b


def _shift_left(a: Any, b: Any) -> Any:
    if type(a) in (int, bool) and type(b) in (int, bool) and b > 64:
        if a == 0:
            return 0
        raise errors.coded(OverflowError, "bad_argument", "integers have 64 bits")
    return a << b


def _concatenate(run: Run, a: Any, b: Any) -> Any:
    for kind in SEQUENCES:
        if isinstance(a, kind) and isinstance(b, kind):
            run.grow(len(a) + len(b))
            return operator.add(a, b)
    if isinstance(a, SEQUENCES):
        what = {str: "str", list: "list"}.get(type(a), "tuple")
        raise wrong_type(f'can only concatenate {what} (not "{type_name(b)}") to {what}')
    raise _unsupported("+", a, b)


def _repeat(run: Run, a: Any, b: Any) -> Any:
    sequence, count = (a, b) if isinstance(a, SEQUENCES) else (b, a)
    if isinstance(sequence, SEQUENCES) and type(count) in (int, bool):
        run.grow(len(sequence) * max(int(count), 0))
        return sequence * int(count)
    if isinstance(sequence, SEQUENCES):
        raise wrong_type(f"can't multiply sequence by non-int of type '{type_name(count)}'")
    raise _unsupported("*", a, b)


def _remainder(run: Run, a: Any, b: Any) -> Any:
    if isinstance(a, str):
        return texts.percent(run, a, b)
    raise _unsupported("%", a, b)


BINARY: dict[type[ast.operator], Operate] = {
    ast.Add: _of_numbers("+", operator.add, _concatenate),
    ast.Sub: _of_numbers("-", operator.sub),
    ast.Mult: _of_numbers("*", operator.mul, _repeat),
    ast.Div: _of_numbers("/", operator.truediv),
    ast.FloorDiv: _of_numbers("//", operator.floordiv),
    ast.Mod: _of_numbers("%", operator.mod, _remainder),
    ast.Pow: _of_numbers("** or pow()", _power),
    ast.MatMult: _of_numbers("@", operator.matmul),
    ast.BitAnd: _of_numbers("&", operator.and_),
    ast.BitOr: _of_numbers("|", operator.or_),
    ast.BitXor: _of_numbers("^", operator.xor),
    ast.LShift: _of_numbers("<<", _shift_left),
    ast.RShift: _of_numbers(">>", operator.rshift),
}


def _extend(run: Run, a: Any, b: Any) -> Any:
    if type(a) is list:
        if not isinstance(b, (list, tuple, range)):
            raise wrong_type(f"'{type_name(b)}' object is not iterable")
        run.grow(len(b))
        run.variables.changes(a)
        a += b
        return a
    return _concatenate(run, a, b)


def _power_into(a: Any, b: Any) -> Any:
    if type(a) is not Tensor:
        return _power(a, b)
    a **= b
    return a


def _shift_into(a: Any, b: Any) -> Any:
    if type(a) is not Tensor:
        return _shift_left(a, b)
    a <<= b
    return a


# `x += y` changes a tensor or a list in place; for all else it is `x = x + y`.
INPLACE: dict[type[ast.operator], Operate] = {
    **BINARY,
    ast.Add: _of_numbers("+=", operator.iadd, _extend),
    ast.Sub: _of_numbers("-=", operator.isub),
    ast.Mult: _of_numbers("*=", operator.imul, _repeat),
    ast.Div: _of_numbers("/=", operator.itruediv),
    ast.FloorDiv: _of_numbers("//=", operator.ifloordiv),
    ast.Mod: _of_numbers("%=", operator.imod, _remainder),
    ast.Pow: _of_numbers("**=", _power_into),
    ast.BitAnd: _of_numbers("&=", operator.iand),
    ast.BitOr: _of_numbers("|=", operator.ior),
    ast.BitXor: _of_numbers("^=", operator.ixor),
    ast.LShift: _of_numbers("<<=", _shift_into),
    ast.RShift: _of_numbers(">>=", operator.irshift),
}


def _of_one(symbol: str, compute: Callable[[Any], Any]) -> Callable[[Run, Any], Any]:
    def operate(run: Run, a: Any) -> Any:
        if type(a) not in OPERANDS:
            raise wrong_type(f"bad operand type for unary {symbol}: '{type_name(a)}'")
        try:
            result = compute(a)
        except PYTHON_ERRORS as error:
            if isinstance(error, TypeError) and not hasattr(error, "code"):
                raise wrong_type(f"bad operand type for unary {symbol}: '{type_name(a)}'") from None
            raise coded(error) from None
        if type(result) is int:
            return checked_int(result)
        run.note(result)
        return result

    return operate


UNARY: dict[type[ast.unaryop], Callable[[Run, Any], Any]] = {
    ast.USub: _of_one("-", operator.neg),
    ast.UAdd: _of_one("+", operator.pos),
    ast.Invert: _of_one("~", lambda a: ~int(a) if type(a) is bool else ~a),
    ast.Not: lambda run, a: not truth(a),
}


def ordered(symbol: str, compute: Callable[[Any, Any], Any]) -> Operate:
    """One of `<`, `<=`, `>`, `>=`: of numbers and tensors, texts, and flat lists of numbers or texts."""

    def operate(run: Run, a: Any, b: Any) -> Any:
        if type(a) in OPERANDS and type(b) in OPERANDS:
            try:
                result = compute(a, b)
            except PYTHON_ERRORS as error:
                if hasattr(error, "code"):
                    raise
                raise _not_ordered(symbol, a, b) from None
            run.note(result)
            return result
        if type(a) is str and type(b) is str:
            return compute(a, b)
        for kind in (list, tuple):
            if isinstance(a, kind) and isinstance(b, kind):
                return _ordered_lists(run, operate, compute, a, b)
        raise _not_ordered(symbol, a, b)

    return operate


def _not_ordered(symbol: str, a: Any, b: Any) -> Exception:
    return wrong_type(f"'{symbol}' not supported between instances of '{type_name(a)}' and '{type_name(b)}'")


def _ordered_lists(run: Run, operate: Operate, compute: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """The first entries that differ decide; else the lengths."""
    for one, other in zip(a, b, strict=False):
        run.spend(1)
        if isinstance(one, (list, tuple)) or isinstance(other, (list, tuple)):
            raise wrong_type("lists of lists have no order here")
        if not truth(equal(run, one, other)):
            return operate(run, one, other)
    return compute(len(a), len(b))


def _equal(run: Run, a: Any, b: Any) -> Any:
    return equal(run, a, b)


def _unequal(run: Run, a: Any, b: Any) -> Any:
    if type(a) in OPERANDS and type(b) in OPERANDS:
        made = a != b
        run.note(made)
        return made
    return not equal(run, a, b)


COMPARE: dict[type[ast.cmpop], Operate] = {
    ast.Eq: _equal,
    ast.NotEq: _unequal,
    ast.Lt: ordered("<", operator.lt),
    ast.LtE: ordered("<=", operator.le),
    ast.Gt: ordered(">", operator.gt),
    ast.GtE: ordered(">=", operator.ge),
    ast.Is: lambda run, a, b: a is b,
    ast.IsNot: lambda run, a, b: a is not b,
    ast.In: lambda run, a, b: contains(run, b, a),
    ast.NotIn: lambda run, a, b: not contains(run, b, a),
}
