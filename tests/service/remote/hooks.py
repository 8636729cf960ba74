"""Hooks: functions of the snippet's own, sent as text to `exec`, so that they run in later requests.

Lists that they write to are lists of the session; after every backward the snippet's own show what is in them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import CodeType
from typing import TYPE_CHECKING, Any

from .speech import NotSayable, spoken
from .tensors import RemoteTensor

if TYPE_CHECKING:
    from .module import Torch

MODULE_NAMES = {"T": "T = torch.tensor", "f64": "f64 = torch.float64"}  # what snippets are given


class Shown:
    """A value of the session by its text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class Handle:
    """What a hook is removed by."""

    def __init__(self, hooks: Hooks, name: str) -> None:
        self._hooks, self.name = hooks, name

    def remove(self) -> None:
        self._hooks.execute(f"{self.name}.remove()")

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


class Hooks:
    """The hooks of a snippet, whose source is needed for the text of its functions."""

    def __init__(self, torch: Torch, source: str) -> None:
        self._torch, self._tree = torch, ast.parse(source)
        self._said: dict[str, Any] = {}  # what names of the snippet stand for in the session
        self._lists: dict[str, list[Any]] = {}
        self._count = 0

    def execute(self, code: str) -> Any:
        """Run text in the session."""
        return self._torch.post("exec", {"code": code})["result"]

    def register(self, place: str, function: Any) -> Handle:
        """`place(function)`, where the place is text that ends in the name of a method."""
        if self._torch.noted is not None:
            raise NotSayable("a hook within a function")
        name = f"handle{self._count}"
        self._count += 1
        self.execute(f"{name} = {place}({self._text(function)})")
        return Handle(self, name)

    def refresh(self) -> None:
        """Show in the snippet's lists what hooks have written."""
        for name, mirror in self._lists.items():
            mirror[:] = [Shown(text) for text in self.execute(f"[repr(each) for each in {name}]")]

    def _text(self, function: Any) -> str:
        """The text that stands for a function: its name once it is defined."""
        if not callable(function) or not hasattr(function, "__code__") or function.__closure__:
            raise NotSayable("a hook of this kind")
        node = self._node_of(function)
        for name in sorted({each.id for each in ast.walk(node) if isinstance(each, ast.Name)}):
            if name in function.__globals__:
                self._bind(name, function.__globals__[name])
        if isinstance(node, ast.Lambda):
            return ast.unparse(node)
        self.execute(ast.unparse(node))
        return node.name

    def _node_of(self, function: Callable[..., Any]) -> ast.Lambda | ast.FunctionDef:
        code = function.__code__
        spans = set(code.co_positions())
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef) and (node.name, node.lineno) == (code.co_name, code.co_firstlineno):
                return node
            if isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
                body = node.body
                if (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in spans:
                    return node
        for node in ast.walk(self._tree):  # a constant has no place in Python 3.12; any that does the same will do
            if isinstance(node, ast.Lambda) and _shape_of(_code_of(node)) == _shape_of(code):
                return node
        raise NotSayable("a function without a source")

    def _bind(self, name: str, value: Any) -> None:
        """Let a name of the snippet stand for the same in the session."""
        if name in ("torch", "h") or self._said.get(name) is value:  # a handle is bound when there is one
            return
        self._said[name] = value
        if name in MODULE_NAMES:
            self.execute(MODULE_NAMES[name])
        elif isinstance(value, RemoteTensor):
            self.execute(f"{name} = {spoken(value)}")
        elif isinstance(value, list) and not value:
            self.execute(f"{name} = []")
            self._lists[name] = value
        elif isinstance(value, (int, float)):
            self.execute(f"{name} = {value!r}")
        else:
            raise NotSayable(f"a hook that uses a {type(value).__name__}")


def _code_of(node: ast.Lambda) -> CodeType:
    compiled = compile(ast.Expression(node), "<snippet>", "eval")
    return next(each for each in compiled.co_consts if isinstance(each, CodeType))


def _shape_of(code: CodeType) -> tuple[Any, ...]:
    return code.co_code, code.co_consts, code.co_names, code.co_varnames
