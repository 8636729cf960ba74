"""Exceptions of code: `try`, `raise` and `assert`, from checked syntax to closures."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

from app.exec.budget import Run
from app.exec.expressions import expression, target
from app.exec.scopes import Code, Scope, distance, unbind
from app.exec.sequences import truth
from app.exec.source import bad_code
from app.exec.statements import STATEMENTS, block
from app.exec.texts import text_of
from app.exec.values import UNCATCHABLE, Kind, wrong_type
from app.problems import without_frames
from engine import errors


def _try(node: ast.Try, scope: Scope | None) -> Code:
    body, other, final = (block(each, scope) for each in (node.body, node.orelse, node.finalbody))
    handlers = [
        (
            None if each.type is None else expression(each.type, scope),
            None if each.name is None else target(ast.copy_location(ast.Name(each.name, ast.Store()), each), scope),
            block(each.body, scope),
        )
        for each in node.handlers
    ]
    forget = {
        bind: _forgetting(each.name, scope)
        for (_, bind, _), each in zip(handlers, node.handlers, strict=True)
        if each.name is not None
    }

    def attempt(run: Run, env: Any) -> Any:
        depth = run.depth
        try:
            ending = body(run, env)
        except Exception as error:
            run.depth = depth
            handler = None if not _catchable(error) else _handler(run, env, handlers, error)
            if handler is None:
                raise
            bind, handle = handler
            if bind is None:
                return handle(run, env)
            without_frames(error)
            bind(run, env, error)
            ending = handle(run, env)
            forget[bind](run, env)
            return ending
        return ending if ending is not None else other(run, env)

    def code(run: Run, env: Any) -> Any:
        try:
            ending = attempt(run, env)
        except Exception as error:
            if _catchable(error):
                last = final(run, env)
                if last is not None:
                    return last
            raise
        last = final(run, env)
        return ending if last is None else last

    return code


def _forgetting(name: str, scope: Scope | None) -> Code:
    """Take the name of a caught error away, as Python does, if it is there still."""
    steps = distance(scope, name)

    def forget(run: Run, env: Any) -> None:
        with contextlib.suppress(KeyError):
            unbind(run, env, name, steps)

    return forget


def _catchable(error: Exception) -> bool:
    """Whether code may go on after an error: not after its budget is used up, nor after a defect."""
    return getattr(error, "code", "internal") not in (*UNCATCHABLE, "internal")


def _handler(run: Run, env: Any, handlers: list[Any], error: Exception) -> Any:
    for kinds, bind, handle in handlers:
        if kinds is None:
            return bind, handle
        wanted = kinds(run, env)
        for kind in wanted if isinstance(wanted, tuple) else (wanted,):
            if not (isinstance(kind, Kind) and any(issubclass(each, Exception) for each in kind.types)):
                raise wrong_type("catching classes that do not inherit from BaseException is not allowed")
            if isinstance(error, kind.types):
                return bind, handle
    return None


def _raise(node: ast.Raise, scope: Scope | None) -> Code:
    if node.exc is None:
        raise bad_code("`raise` goes with an exception here", node)
    value = expression(node.exc, scope)

    def code(run: Run, env: Any) -> None:
        error = value(run, env)
        if isinstance(error, Kind) and error.construct is not None:
            error = error.construct(run, [], {})
        if not isinstance(error, Exception):
            raise wrong_type("exceptions must derive from BaseException")
        raise error

    return code


def _assert(node: ast.Assert, scope: Scope | None) -> Code:
    test = expression(node.test, scope)
    message = None if node.msg is None else expression(node.msg, scope)

    def code(run: Run, env: Any) -> None:
        if not truth(test(run, env)):
            text = "" if message is None else text_of(run, message(run, env))
            raise errors.coded(AssertionError, "assertion_failed", text)

    return code


STATEMENTS |= {ast.Try: _try, ast.Raise: _raise, ast.Assert: _assert}
