"""Statements: from checked syntax to closures. A closure gives None, or says how its block ends."""

from __future__ import annotations

import ast
from contextlib import ExitStack
from typing import Any

from app.exec import attributes, imports, subscripts
from app.exec.budget import Run
from app.exec.expressions import expression, name_error, target
from app.exec.operators import INPLACE
from app.exec.scopes import Code, Env, Scope, distance, unbind
from app.exec.sequences import iterate, truth
from app.exec.source import bad_code
from app.exec.values import PLAIN, Mode, type_name, wrong_type
from engine import errors
from engine.hooks import RemovableHandle


class Ending:
    """How a block ends before its last statement."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value


BREAK, CONTINUE, NOTHING = Ending(), Ending(), Ending()


def block(body: list[ast.stmt], scope: Scope | None) -> Code:
    """The code of statements in a row."""
    steps = [(_cost(each), each.lineno, STATEMENTS[type(each)](each, scope)) for each in body]
    if scope is None and not steps:
        return lambda run, env: None

    def code(run: Run, env: Env | None) -> Ending | None:
        for cost, line, step in steps:
            run.line = line
            run.spend(cost)
            ending: Ending | None = step(run, env)
            if ending is not None:
                return ending
        return None

    return code


def _cost(node: ast.stmt) -> int:
    """The nodes that run once when the statement does: blocks inside count on their own."""
    stack: list[ast.AST] = [node]
    count = 0
    while stack:
        each = stack.pop()
        count += 1
        if not isinstance(each, (ast.FunctionDef, ast.Lambda)):
            stack.extend(child for child in ast.iter_child_nodes(each) if not isinstance(child, ast.stmt))
    return count


# -- plain statements -----------------------------------------------------------------------------------------------


def _expr(node: ast.Expr, scope: Scope | None) -> Code:
    value = expression(node.value, scope)

    def code(run: Run, env: Any) -> None:
        value(run, env)

    return code


def _assign(node: ast.Assign, scope: Scope | None) -> Code:
    value, targets = expression(node.value, scope), [target(each, scope) for each in node.targets]
    if len(targets) == 1:
        only = targets[0]
        return lambda run, env: only(run, env, value(run, env))

    def code(run: Run, env: Any) -> None:
        item = value(run, env)
        for assign in targets:
            assign(run, env, item)

    return code


def _annotated(node: ast.AnnAssign, scope: Scope | None) -> Code:
    if node.value is None:
        return _pass(node, scope)
    value, assign = expression(node.value, scope), target(node.target, scope)
    return lambda run, env: assign(run, env, value(run, env))


def _augmented(node: ast.AugAssign, scope: Scope | None) -> Code:
    operate, value = INPLACE[type(node.op)], expression(node.value, scope)
    place = node.target
    if isinstance(place, ast.Name):
        before = expression(ast.copy_location(ast.Name(place.id, ast.Load()), place), scope)
        assign = target(place, scope)
        return lambda run, env: assign(run, env, operate(run, before(run, env), value(run, env)))
    owner = expression(place.value, scope)
    if isinstance(place, ast.Attribute):
        name = place.attr

        def attribute(run: Run, env: Any) -> None:
            held = owner(run, env)
            attributes.write(run, held, name, operate(run, attributes.read(run, held, name), value(run, env)))

        return attribute
    key = expression(place.slice, scope)

    def item(run: Run, env: Any) -> None:
        held, at = owner(run, env), key(run, env)
        subscripts.put(run, held, at, operate(run, subscripts.get(run, held, at), value(run, env)))

    return item


def _delete(node: ast.Delete, scope: Scope | None) -> Code:
    steps = [_delete_one(each, scope) for each in node.targets]

    def code(run: Run, env: Any) -> None:
        for step in steps:
            step(run, env)

    return code


def _delete_one(node: ast.expr, scope: Scope | None) -> Code:
    if isinstance(node, ast.Name):
        name = node.id
        steps = distance(scope, name)

        def delete(run: Run, env: Any) -> None:
            try:
                unbind(run, env, name, steps)
            except KeyError:
                raise name_error(node, name) from None

        return delete
    if isinstance(node, ast.Attribute):
        owner, attr = expression(node.value, scope), node.attr
        return lambda run, env: attributes.erase(run, owner(run, env), attr)
    if isinstance(node, ast.Subscript):
        owner, key = expression(node.value, scope), expression(node.slice, scope)
        return lambda run, env: subscripts.remove(run, owner(run, env), key(run, env))
    raise bad_code("this cannot be deleted; a name, attribute or item can", node)


def _pass(node: ast.stmt, scope: Scope | None) -> Code:
    return lambda run, env: None


def _nonlocal(node: ast.Nonlocal, scope: Scope | None) -> Code:
    for name in node.names:
        if distance(scope, name) is None:
            raise bad_code(f"invalid syntax: no binding for nonlocal '{name}' found", node)
    return _pass(node, scope)


def _import(node: ast.Import | ast.ImportFrom, scope: Scope | None) -> Code:
    bindings = [
        (target(ast.copy_location(ast.Name(name, ast.Store()), node), scope), value)
        for name, value in imports.bindings(node)
    ]

    def code(run: Run, env: Any) -> None:
        for assign, value in bindings:
            assign(run, env, value)

    return code


# -- control --------------------------------------------------------------------------------------------------------


def _if(node: ast.If, scope: Scope | None) -> Code:
    test, body, other = expression(node.test, scope), block(node.body, scope), block(node.orelse, scope)
    return lambda run, env: body(run, env) if truth(test(run, env)) else other(run, env)


def _while(node: ast.While, scope: Scope | None) -> Code:
    test, body, other = expression(node.test, scope), block(node.body, scope), block(node.orelse, scope)
    cost, line = _cost(node), node.lineno

    def code(run: Run, env: Any) -> Ending | None:
        while truth(test(run, env)):
            ending: Ending | None = body(run, env)
            if ending is BREAK:
                return None
            if ending is not None and ending is not CONTINUE:
                return ending
            run.line = line
            run.spend(cost)
        return other(run, env)  # type: ignore[no-any-return]  # an ending

    return code


def _for(node: ast.For, scope: Scope | None) -> Code:
    source, assign = expression(node.iter, scope), target(node.target, scope)
    body, other = block(node.body, scope), block(node.orelse, scope)

    def code(run: Run, env: Any) -> Ending | None:
        for value in iterate(run, source(run, env)):
            run.spend(1)
            assign(run, env, value)
            ending: Ending | None = body(run, env)
            if ending is BREAK:
                return None
            if ending is not None and ending is not CONTINUE:
                return ending
        return other(run, env)  # type: ignore[no-any-return]  # an ending

    return code


def _break(node: ast.Break, scope: Scope | None) -> Code:
    return lambda run, env: BREAK


def _continue(node: ast.Continue, scope: Scope | None) -> Code:
    return lambda run, env: CONTINUE


def _with(node: ast.With, scope: Scope | None) -> Code:
    items = [
        (
            expression(each.context_expr, scope),
            None if each.optional_vars is None else target(each.optional_vars, scope),
        )
        for each in node.items
    ]
    body = block(node.body, scope)

    def code(run: Run, env: Any) -> Any:
        with ExitStack() as stack:
            for make, assign in items:
                given = _entered(run, stack, make(run, env))
                if assign is not None:
                    assign(run, env, given)
            return body(run, env)

    return code


def _entered(run: Run, stack: ExitStack, value: Any) -> Any:
    """Enter a context; what torch's gives, which mostly is None."""
    if isinstance(value, RemovableHandle):
        return stack.enter_context(value)
    if not isinstance(value, Mode):
        raise wrong_type(f"'{type_name(value)}' object does not support the context manager protocol")
    try:
        given = stack.enter_context(value.manager)
    except (AttributeError, TypeError) as error:
        if hasattr(error, "code"):
            raise
        raise errors.bad_argument(f"{value.name} can be entered once only") from None
    return given if type(given) in PLAIN else 0 if value.name == "dual_level" else None


# -- ends ----------------------------------------------------------------------------------------------------


def _return(node: ast.Return, scope: Scope | None) -> Code:
    if node.value is None:
        return lambda run, env: NOTHING
    value = expression(node.value, scope)
    return lambda run, env: Ending(value(run, env))


# What translates each kind of statement; `raising` and `definitions` add theirs.
STATEMENTS: dict[type[ast.stmt], Any] = {
    ast.Expr: _expr,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.Pass: _pass,
    ast.Global: _pass,
    ast.Nonlocal: _nonlocal,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.If: _if,
    ast.While: _while,
    ast.For: _for,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.With: _with,
    ast.Return: _return,
}
