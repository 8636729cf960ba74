"""Functions as programs of their own, without a session.

    program = parse_function("def f(x, p=2):\\n    return (x ** p).sum()")
    program.name, program.signature.positional   # "f", ["x", "p"]
    program.function                             # the checked ast.FunctionDef, for who compiles it
    call(program, [tensor], {"p": 3}, Allowance())   # the value it returns

The text holds one or more `def` and nothing else (a docstring, `import torch`, `import math` and `import
torch.nn.functional as F` may stand above). The last is the function; those above it can be called by it. Free names
that are none of these, builtins, `torch`, `F`, `math` or `functions` are refused when the text is parsed, so a program
can reach no session. `functions.NAME` looks NAME up in what the caller gives to `call`.

A program holds no state: it may be called from several threads. Tensors of the engine go in and come out; ops ask the
guard of the current context (`engine.modes.state.ctx`), which bounds memory and time; steps, lists and recursion are
bounded by the allowance. What a call raises has an attribute `code`, and `line`, the line it happened in.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.exec.budget import Allowance, NoVariables, Run, placed, running
from app.exec.builtins import BUILTINS
from app.exec.functions import FunctionValue, Signature
from app.exec.scopes import Scope, assigned_names, parameter_names
from app.exec.source import bad_code, parse
from app.exec.translation import function as function_of
from app.exec.translation import signature_of
from app.exec.values import MISSING, Builtin, Namespace

FUNCTIONS = "functions"


@dataclass(frozen=True, slots=True)
class Program:
    """A parsed function.

    tree: the checked module; function: the definition that is called; definitions: all of them by name, in order;
    uses: the saved functions it names, as `functions.NAME`.
    """

    source: str
    tree: ast.Module
    function: ast.FunctionDef
    definitions: dict[str, ast.FunctionDef]
    signature: Signature
    uses: frozenset[str]
    _makers: dict[str, Any]

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name


def parse_function(source: str) -> Program:
    """The program of a text.

    Raises Problem: `bad_code` with line and column, `too_large` for more than 64 kB.
    """
    tree = parse(source)
    definitions: dict[str, ast.FunctionDef] = {}
    for at, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef):
            if node.decorator_list:
                raise bad_code("decorators are not offered in saved functions", node.decorator_list[0])
            definitions[node.name] = node
        elif not _may_stand_above(node, at):
            raise bad_code("a saved function is one or more `def`, and nothing beside them", node)
    if not definitions:
        raise bad_code("there is no `def` in the source", line=1, column=1)
    function = tree.body[-1]
    if not isinstance(function, ast.FunctionDef):
        raise bad_code("the last statement must be a `def`", function)
    for node in definitions.values():
        _check_free_names(node, definitions)
    makers = {name: function_of(node, None) for name, node in definitions.items()}
    return Program(source, tree, function, definitions, signature_of(function.args), _uses(tree), makers)


def call(
    program: Program,
    args: list[Any],
    kwargs: dict[str, Any] | None = None,
    allowance: Allowance | None = None,
    functions: Mapping[str, Any] | None = None,
) -> Any:
    """Call the function with tensors and other values of the language.

    `functions` are what `functions.NAME` stands for: Python callables of tensors. Raises what the program raises, with
    attributes `code` and `line`.
    """
    table = {name: _saved(name, each) for name, each in (functions or {}).items()}
    names: dict[str, Any] = {FUNCTIONS: Namespace(FUNCTIONS, lambda name: table.get(name, MISSING))}
    variables = NoVariables(names)
    run = Run(variables, allowance or Allowance())
    with running(run):
        names |= {name: make(run, None) for name, make in program._makers.items()}
        function: FunctionValue = names[program.name]
        try:
            return function.invoke(run, args, dict(kwargs or {}))
        except Exception as error:
            if not hasattr(error, "line"):
                placed(error, run.line)
            raise


def _saved(name: str, function: Any) -> Builtin:
    return Builtin(name, lambda run, args, kwargs: function(*args, **kwargs))


def _may_stand_above(node: ast.stmt, at: int) -> bool:
    if isinstance(node, ast.Expr):
        return at == 0 and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    if isinstance(node, ast.Import):
        known = {"torch": "torch", "math": "math", "torch.nn.functional": "F"}
        return all(each.name in known and (each.asname or each.name) == known[each.name] for each in node.names)
    return False


def _uses(tree: ast.Module) -> frozenset[str]:
    return frozenset(
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == FUNCTIONS
    )


def _check_free_names(function: ast.FunctionDef, definitions: dict[str, ast.FunctionDef]) -> None:
    """Refuse names that a program cannot reach, without recursion."""
    known = {*definitions, *BUILTINS, FUNCTIONS}
    stack: list[tuple[ast.AST, Scope | None]] = [(function, None)]
    while stack:
        node, scope = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            stack.extend((each, scope) for each in (*node.args.defaults, *(d for d in node.args.kw_defaults if d)))
            own = set(parameter_names(node.args))
            body = node.body if isinstance(node, ast.FunctionDef) else [node.body]
            if isinstance(node, ast.FunctionDef):
                own |= assigned_names(node.body)
            stack.extend((each, Scope(own, scope)) for each in body)
            continue
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.DictComp)):
            own = {
                each.id
                for generator in node.generators
                for each in ast.walk(generator.target)
                if isinstance(each, ast.Name)
            }
            scope = Scope(own, scope)
        if isinstance(node, (ast.ClassDef, ast.Import, ast.ImportFrom)):
            raise bad_code("classes and imports are not offered inside saved functions", node)
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            raise bad_code("`global` and `nonlocal` are not offered in saved functions", node)
        if isinstance(node, ast.Name) and not _is_known(node.id, scope, known):
            allowed = "its own parameters and variables, the other functions of the source, torch, F, math, functions"
            raise bad_code(f"name '{node.id}' is not defined; a saved function reaches {allowed} and builtins", node)
        stack.extend((child, scope) for child in ast.iter_child_nodes(node))


def _is_known(name: str, scope: Scope | None, known: set[str]) -> bool:
    while scope is not None:
        if name in scope.names:
            return True
        scope = scope.outer
    return name in known
