"""Expressions: from checked syntax to closures `code(run, env)`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from app.exec import attributes, subscripts
from app.exec.budget import Run, placed
from app.exec.builtins import BUILTINS
from app.exec.functions import FunctionValue
from app.exec.operators import BINARY, COMPARE, UNARY
from app.exec.scopes import Code, Env, Scope, distance
from app.exec.sequences import iterate, truth
from app.exec.source import bad_code
from app.exec.values import MISSING, Builtin, ClassValue, Kind, Mode, type_name, wrong_type
from engine import errors
from engine.autograd.function import LEGACY

MAX_INT = 2**63 - 1
KNOWN = "the names bound in this session, torch, F, math, print, range, len and the other functions of docs/exec.md"


def expression(node: ast.expr, scope: Scope | None) -> Code:
    """The code of an expression in a scope."""
    code: Code = EXPRESSIONS[type(node)](node, scope)
    return code


def _constant(node: ast.Constant, scope: Scope | None) -> Code:
    value = node.value
    if type(value) is int and value > MAX_INT:
        raise bad_code("integers have 64 bits; use a float", node)
    return lambda run, env: value


# -- names ----------------------------------------------------------------------------------------------------------


def name_error(node: Any, name: str) -> Exception:
    """A name that stands for nothing, with its place."""
    error = errors.coded(NameError, "bad_code", f"name '{name}' is not defined; there are {KNOWN}")
    return placed(error, node.lineno, node.col_offset + 1)


def _name(node: ast.Name, scope: Scope | None) -> Code:
    name = node.id
    steps = distance(scope, name)
    if steps is None:
        return _global(node)
    if steps == 0:

        def local(run: Run, env: Env) -> Any:
            try:
                return env.names[name]
            except KeyError:
                raise name_error(node, name) from None

        return local

    def enclosing(run: Run, env: Env) -> Any:
        found: Any = env
        for _ in range(steps):
            found = found.outer
        try:
            return found.names[name]
        except KeyError:
            raise name_error(node, name) from None

    return enclosing


def _global(node: ast.Name) -> Code:
    name = node.id

    def load(run: Run, env: Env) -> Any:
        try:
            return run.variables.load(name)
        except KeyError:
            found = BUILTINS.get(name, MISSING)
            if found is MISSING:
                raise name_error(node, name) from None
            return found

    return load


# -- operators ------------------------------------------------------------------------------------------------------


def _binary(node: ast.BinOp, scope: Scope | None) -> Code:
    left, right, operate = expression(node.left, scope), expression(node.right, scope), BINARY[type(node.op)]
    return lambda run, env: operate(run, left(run, env), right(run, env))


def _unary(node: ast.UnaryOp, scope: Scope | None) -> Code:
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value: Any = node.operand.value
        if type(value) is int and value == MAX_INT + 1:  # the one integer that is there only with its sign
            return lambda run, env: -value
    operand, operate = expression(node.operand, scope), UNARY[type(node.op)]
    return lambda run, env: operate(run, operand(run, env))


def _logical(node: ast.BoolOp, scope: Scope | None) -> Code:
    *first, last = [expression(each, scope) for each in node.values]
    stop = isinstance(node.op, ast.Or)

    def code(run: Run, env: Env) -> Any:
        for each in first:
            value = each(run, env)
            if truth(value) is stop:
                return value
        return last(run, env)

    return code


def _compare(node: ast.Compare, scope: Scope | None) -> Code:
    start = expression(node.left, scope)
    links = [(COMPARE[type(op)], expression(each, scope)) for op, each in zip(node.ops, node.comparators, strict=True)]
    if len(links) == 1:
        operate, other = links[0]
        return lambda run, env: operate(run, start(run, env), other(run, env))

    def code(run: Run, env: Env) -> Any:
        left = start(run, env)
        result: Any = True
        for compare, other in links:
            right = other(run, env)
            result = compare(run, left, right)
            if not truth(result):
                return result
            left = right
        return result

    return code


def _conditional(node: ast.IfExp, scope: Scope | None) -> Code:
    test, body, other = (expression(each, scope) for each in (node.test, node.body, node.orelse))
    return lambda run, env: body(run, env) if truth(test(run, env)) else other(run, env)


# -- several at once ------------------------------------------------------------------------------------


def sequence_of(nodes: list[ast.expr], scope: Scope | None) -> Code:
    """A new list of the values, `*` spread out."""
    codes = [
        (expression(each.value if isinstance(each, ast.Starred) else each, scope), isinstance(each, ast.Starred))
        for each in nodes
    ]
    if not any(starred for _, starred in codes):
        plain = [code for code, _ in codes]
        return lambda run, env: [code(run, env) for code in plain]

    def code(run: Run, env: Env) -> list[Any]:
        values: list[Any] = []
        for each, starred in codes:
            if starred:
                for value in iterate(run, each(run, env)):
                    run.spend(1)
                    run.grow(1)
                    values.append(value)
            else:
                values.append(each(run, env))
        return values

    return code


# -- targets --------------------------------------------------------------------------------------------------------

Assign = Callable[[Run, Any, Any], None]


def target(node: ast.expr, scope: Scope | None) -> Assign:
    """What binds a value to a target: a name, attribute, item, or a tuple of them."""
    if isinstance(node, ast.Name):
        return _bind_name(node.id, scope)
    if isinstance(node, ast.Attribute):
        owner, attr = expression(node.value, scope), node.attr
        return lambda run, env, value: attributes.write(run, owner(run, env), attr, value)
    if isinstance(node, ast.Subscript):
        owner, key = expression(node.value, scope), expression(node.slice, scope)
        return lambda run, env, value: subscripts.put(run, owner(run, env), key(run, env), value)
    if isinstance(node, (ast.Tuple, ast.List)):
        return _bind_several([target(each, scope) for each in node.elts])
    raise bad_code("this cannot be assigned to; a name, attribute, item or a tuple of them can", node)


def _bind_name(name: str, scope: Scope | None) -> Assign:
    steps = distance(scope, name)
    if steps is None:
        return lambda run, env, value: run.variables.store(name, value)

    def bind(run: Run, env: Any, value: Any) -> None:
        for _ in range(steps):  # none, unless the name is `nonlocal`
            env = env.outer
        env.names[name] = value

    return bind


def _bind_several(targets: list[Assign]) -> Assign:
    wanted = len(targets)

    def bind(run: Run, env: Env, value: Any) -> None:
        values: list[Any] = []
        for each in iterate(run, value):
            values.append(each)
            if len(values) > wanted:
                raise errors.bad_value(f"too many values to unpack (expected {wanted})")
        if len(values) < wanted:
            raise errors.bad_value(f"not enough values to unpack (expected {wanted}, got {len(values)})")
        for assign, each in zip(targets, values, strict=True):
            assign(run, env, each)

    return bind


# -- calls, attributes, items ---------------------------------------------------------------------------------------


def call(run: Run, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call a value.

    Raises TypeError if it is none that can be called, and what the call raises.
    """
    kind = type(callee)
    if kind is Builtin:
        result = callee.call(run, args, kwargs)
        run.note(result)
        return result
    if kind is FunctionValue:
        line = run.line
        result = callee.invoke(run, args, kwargs)
        run.line = line
        return result
    if kind is Kind and callee.construct is not None:
        return callee.construct(run, args, kwargs)
    if kind is Mode and callee.decorates and len(args) == 1 and isinstance(args[0], FunctionValue) and not kwargs:
        return args[0].within(callee)
    if kind is ClassValue:
        raise errors.bad_argument(LEGACY)
    raise wrong_type(f"'{type_name(callee)}' object is not callable")


def _call(node: ast.Call, scope: Scope | None) -> Code:
    function, values = expression(node.func, scope), sequence_of(node.args, scope)
    named = [(each.arg, expression(each.value, scope)) for each in node.keywords if each.arg is not None]
    if not named:
        return lambda run, env: call(run, function(run, env), values(run, env), {})

    def code(run: Run, env: Env) -> Any:
        callee, args = function(run, env), values(run, env)
        return call(run, callee, args, {key: value(run, env) for key, value in named})

    return code


def _attribute(node: ast.Attribute, scope: Scope | None) -> Code:
    owner, name = expression(node.value, scope), node.attr
    column = (node.end_col_offset or 0) - len(name) + 1

    def code(run: Run, env: Env) -> Any:
        value = owner(run, env)
        try:
            return attributes.read(run, value, name)
        except AttributeError as error:
            if not hasattr(error, "line"):
                placed(error, node.end_lineno or node.lineno, column)
            raise

    return code


def _subscript(node: ast.Subscript, scope: Scope | None) -> Code:
    owner, key = expression(node.value, scope), expression(node.slice, scope)
    return lambda run, env: subscripts.get(run, owner(run, env), key(run, env))


def _slice(node: ast.Slice, scope: Scope | None) -> Code:
    parts = [None if each is None else expression(each, scope) for each in (node.lower, node.upper, node.step)]
    return lambda run, env: subscripts.slice_of(None if each is None else each(run, env) for each in parts)


def _starred(node: ast.Starred, scope: Scope | None) -> Code:
    raise bad_code("`*` stands here only in calls, lists and tuples", node)


# What translates each kind of expression; `displays` and `definitions` add theirs.
EXPRESSIONS: dict[type[ast.expr], Any] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _logical,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Starred: _starred,
}
