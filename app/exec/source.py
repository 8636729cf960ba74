"""From text to a checked tree: Python's parser, then a list of what the language has.

What is refused is refused before anything runs, with its line and column and what there is instead.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from app.problems import Problem

MAX_BYTES = 64 * 1024
MAX_DEPTH = 120
INT_BITS = 63
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
RESERVED = ("NaN", "Infinity")  # texts of the wire's JSON

ALLOWED: frozenset[type[ast.AST]] = frozenset(
    {
        *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.Pass, ast.Assert),
        *(ast.If, ast.While, ast.For, ast.Break, ast.Continue, ast.With, ast.withitem),
        *(ast.Try, ast.ExceptHandler, ast.Raise, ast.Global, ast.Nonlocal),
        *(ast.FunctionDef, ast.Return, ast.ClassDef, ast.Lambda, ast.arguments, ast.arg, ast.keyword),
        *(ast.Import, ast.ImportFrom, ast.alias),
        *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.Call, ast.IfExp),
        *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.List, ast.Tuple, ast.Dict),
        *(ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.comprehension, ast.JoinedStr, ast.FormattedValue),
        *(ast.Load, ast.Store, ast.Del, ast.And, ast.Or, ast.Not, ast.Invert, ast.UAdd, ast.USub),
        *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult),
        *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift),
        *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.In, ast.NotIn),
    }
)
INSTEAD: dict[str, str] = {
    "AsyncFor": "`for`",
    "AsyncFunctionDef": "`def`",
    "AsyncWith": "`with`",
    "Await": "ordinary calls",
    "Match": "`if` and `elif`",
    "NamedExpr": "an assignment of its own",
    "Set": "a list or tuple",
    "SetComp": "a list comprehension",
    "Yield": "a list that is returned",
    "YieldFrom": "a list that is returned",
}
_SPELLED = {
    "AsyncFor": "`async for`",
    "AsyncFunctionDef": "`async def`",
    "AsyncWith": "`async with`",
    "NamedExpr": "`:=`",
    "Set": "a set",
    "SetComp": "a set",
    "TryStar": "`except*`",
    "YieldFrom": "`yield from`",
}
LANGUAGE = (
    "assignments, expressions, if, while, for, with, def, lambda, try, assert, del, print, "
    "and classes derived from torch.autograd.Function"
)


def bad_code(text: str, node: Any = None, line: int | None = None, column: int | None = None) -> Problem:
    """The refusal of a piece of code, at the place of a node."""
    if node is not None:
        line, column = node.lineno, node.col_offset + 1
    place: dict[str, Any] = {} if line is None else {"line": line, "column": column}
    return Problem("bad_code", text, **place)


def parse(source: str) -> ast.Module:
    """The checked tree of a text.

    Every function in it has the attributes `height`, how deep its nodes nest, and `size`, how many they are.

    Raises Problem: `too_large` for more than 64 kB, `bad_code` for what the language has not.
    """
    if len(source) > MAX_BYTES or len(source.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise Problem("too_large", f"the code has more than {MAX_BYTES} bytes")
    tree = _parsed(source)
    _check(tree)
    return tree


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        text = f"invalid syntax: {error.msg}".removesuffix(": invalid syntax")
        raise bad_code(text, line=error.lineno or 1, column=error.offset or 1) from None
    except (RecursionError, MemoryError):
        raise bad_code(f"the code is nested too deeply, over {MAX_DEPTH} levels", line=1, column=1) from None
    except (ValueError, UnicodeError) as error:  # null characters, lone surrogates
        raise bad_code(f"invalid syntax: {error}", line=1, column=1) from None


def _check(tree: ast.Module) -> None:
    """Look at every node, without recursion: its kind, its names, its depth, and where it stands."""
    root: Any = tree
    stack: list[tuple[ast.AST, ast.AST, int, Any, bool]] = [(tree, tree, 0, root, False)]
    root.height = root.start = root.size = 0
    functions: list[tuple[Any, Any]] = []  # each with the one around it
    while stack:
        node, placed, depth, function, in_loop = stack.pop()
        if hasattr(node, "lineno"):
            placed = node
        if type(node) not in ALLOWED:
            raise _unknown(node, placed)
        if depth > MAX_DEPTH:
            raise bad_code(f"the code is nested too deeply, over {MAX_DEPTH} levels", placed)
        _check_node(node, placed)
        _check_place(node, function, in_loop)
        function.height = max(function.height, depth - function.start)
        function.size += 1
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            inner: Any = node
            inner.height, inner.start, inner.size = 0, depth, 0
            functions.append((inner, function))
            function, in_loop = inner, False
        in_loop = in_loop or isinstance(node, (ast.For, ast.While))
        stack.extend((child, placed, depth + 1, function, in_loop) for child in ast.iter_child_nodes(node))
    for inner, outer in reversed(functions):
        outer.size += inner.size


def _check_place(node: ast.AST, function: ast.AST, in_loop: bool) -> None:
    """What Python's parser leaves to its compiler."""
    if isinstance(node, ast.Return) and not isinstance(function, ast.FunctionDef):
        raise bad_code("invalid syntax: 'return' outside function", node)
    if isinstance(node, (ast.Break, ast.Continue)) and not in_loop:
        word = type(node).__name__.lower()
        raise bad_code(f"invalid syntax: '{word}' outside loop", node)


def _unknown(node: ast.AST, placed: ast.AST) -> Problem:
    kind = type(node).__name__
    instead = INSTEAD.get(kind)
    advice = f"use {instead} instead" if instead else f"there are {LANGUAGE}"
    return bad_code(f"{_spelled(kind)} is not in the language of exec; {advice}", placed)


def _spelled(kind: str) -> str:
    return _SPELLED.get(kind, f"`{kind.lower()}`")


def _check_node(node: ast.AST, placed: ast.AST) -> None:
    for name in _names_in(node):
        if not NAME.match(name):
            raise bad_code(f"'{name[:64]}' is not a name: ASCII letters, digits and _, at most 128", placed)
    check = _CHECKS.get(type(node))
    if check is not None:
        check(node)


def _names_in(node: Any) -> tuple[str, ...]:
    """The identifiers a node itself holds, as the parser has normalised them."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    if isinstance(node, (ast.arg, ast.keyword)):
        return (node.arg,) if node.arg else ()
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return (node.name,)
    if isinstance(node, ast.alias):
        return tuple(part for part in (*node.name.split("."), node.asname) if part and part != "*")
    if isinstance(node, ast.ExceptHandler):
        return (node.name,) if node.name else ()
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return tuple(node.names)
    return ()


def _constant(node: ast.Constant) -> None:
    if type(node.value) is bytes:
        raise bad_code("bytes are not in the language of exec; use a text", node)
    if type(node.value) is int and node.value > 1 << INT_BITS:
        raise bad_code("integers have 64 bits; use a float", node)


def _name(node: ast.Name) -> None:
    if node.id in RESERVED and not isinstance(node.ctx, ast.Load):
        raise bad_code(f"'{node.id}' cannot be a name", node)


def _arguments(node: ast.arguments) -> None:
    if node.kwarg is not None:
        raise bad_code("`**` in parameters is not in the language of exec; name each keyword", node.kwarg)
    seen = set()
    for each in (*node.posonlyargs, *node.args, *([node.vararg] if node.vararg else []), *node.kwonlyargs):
        if each.arg in seen:
            raise bad_code(f"invalid syntax: duplicate argument '{each.arg}' in function definition", each)
        seen.add(each.arg)


def _keyword(node: ast.keyword) -> None:
    if node.arg is None:
        raise bad_code("`**` in calls is not in the language of exec; name each keyword", node)


def _call(node: ast.Call) -> None:
    seen = set()
    for each in node.keywords:
        if each.arg in seen:
            raise bad_code(f"invalid syntax: keyword argument repeated: {each.arg}", each)
        seen.add(each.arg)


def _dict(node: ast.Dict) -> None:
    if None in node.keys:
        raise bad_code("`**` in dicts is not in the language of exec; write each entry", node)


def _comprehension(node: ast.comprehension) -> None:
    if node.is_async:
        raise bad_code("`async` is not in the language of exec; use `for`", node.target)


def _targets(node: Any) -> None:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        for each in ast.walk(target):
            if isinstance(each, ast.Starred):
                raise bad_code("`*` in assignments is not in the language of exec; use an index", each)


_CHECKS: dict[type[ast.AST], Any] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.arguments: _arguments,
    ast.keyword: _keyword,
    ast.Call: _call,
    ast.Dict: _dict,
    ast.comprehension: _comprehension,
    ast.Assign: _targets,
    ast.For: _targets,
}
