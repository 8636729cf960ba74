"""Scopes: which names of a function are its own, as Python decides it, before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from typing import Any

from app.exec.budget import Run


class Env:
    """The names of one call of a function, and those of the function around it."""

    __slots__ = ("names", "outer")

    def __init__(self, names: dict[str, Any], outer: Env | None) -> None:
        self.names = names
        self.outer = outer


Code = Callable[[Run, Any], Any]  # a piece of translated code; the second argument is an Env, None at the top


class Scope:
    """A function, lambda or comprehension at translation time; `None` stands for the top."""

    __slots__ = ("names", "outer", "shared")

    def __init__(self, names: set[str], outer: Scope | None, shared: Collection[str] = ()) -> None:
        self.names = names
        self.outer = outer
        self.shared = shared  # names that `global` says are those of the top


def distance(scope: Scope | None, name: str) -> int | None:
    """How many functions out a name lives; None for a global one."""
    steps = 0
    while scope is not None:
        if name in scope.shared:
            return None
        if name in scope.names:
            return steps
        scope = scope.outer
        steps += 1
    return None


def unbind(run: Run, env: Any, name: str, steps: int | None) -> None:
    """Take away a name that lives so many functions out, as `distance` says.

    Raises KeyError if it is not there.
    """
    if steps is None:
        run.variables.delete(name)
        return
    for _ in range(steps):
        env = env.outer
    del env.names[name]


def parameter_names(arguments: ast.arguments) -> list[str]:
    """All parameters of a function."""
    named = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return [*named, arguments.vararg.arg] if arguments.vararg is not None else named


def assigned_names(body: list[ast.stmt]) -> set[str]:
    """The names that statements bind, not looking into functions, classes and comprehensions."""
    found = {name for node in _own_nodes(body) for name in _bound_by(node)}
    return found - declared_names(body, ast.Global) - declared_names(body, ast.Nonlocal)


def declared_names(body: list[ast.stmt], kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    """The names that `global` or `nonlocal` lists among the statements."""
    return {name for node in _own_nodes(body) if isinstance(node, kind) for name in node.names}


INNER = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.DictComp)


def _own_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, INNER):
            stack.extend(ast.iter_child_nodes(node))


def own_size(node: ast.AST) -> int:
    """How many nodes run when this one does, without functions and comprehensions inside: those count on their own."""
    stack = [node]
    count = 0
    while stack:
        each = stack.pop()
        count += 1
        if each is node or not isinstance(each, INNER):
            stack.extend(ast.iter_child_nodes(each))
    return count


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (each.asname or each.name.partition(".")[0] for each in node.names)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
