"""Definitions: functions, lambdas and classes, from checked syntax to closures that make them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from app.exec.budget import CLASS_CELLS, Run, placed
from app.exec.expressions import EXPRESSIONS, call, expression, target
from app.exec.functions import FunctionValue, Signature
from app.exec.scopes import Code, Env, Scope, assigned_names, declared_names, own_size, parameter_names
from app.exec.signatures import Callback
from app.exec.source import bad_code
from app.exec.statements import STATEMENTS, block
from app.exec.values import Builtin, ClassValue, type_name, wrong_type
from engine.autograd import Function

FUNCTION_MEMBERS = ("forward", "setup_context", "backward", "vjp", "jvp", "vmap")
VMAP_RULE = "generate_vmap_rule"


def signature_of(arguments: ast.arguments) -> Signature:
    """The parameters of a function."""
    positional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    vararg = arguments.vararg.arg if arguments.vararg is not None else None
    return Signature(positional, vararg, [each.arg for each in arguments.kwonlyargs])


def defaults_of(arguments: ast.arguments, scope: Scope | None) -> list[tuple[str, Code]]:
    """The defaults, to be computed where the function is defined."""
    positional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    late = positional[len(positional) - len(arguments.defaults) :]
    pairs = list(zip(late, arguments.defaults, strict=True))
    pairs += [
        (each.arg, value)
        for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if value is not None
    ]
    return [(name, expression(value, scope)) for name, value in pairs]


def _lambda(node: ast.Lambda, scope: Scope | None) -> Code:
    own = Scope(set(parameter_names(node.args)), scope)
    signature, defaults = signature_of(node.args), defaults_of(node.args, scope)
    body = expression(node.body, own)
    cost = own_size(node.body)
    height: int = node.height  # type: ignore[attr-defined]  # set by `source.parse`
    size: int = node.size  # type: ignore[attr-defined]  # as above

    def charged(run: Run, env: Env) -> Any:
        run.spend(cost)
        return body(run, env)

    def code(run: Run, env: Env | None) -> FunctionValue:
        run.grow(8)
        values = {name: default(run, env) for name, default in defaults}
        return FunctionValue("<lambda>", signature, values, charged, height, size, env, run.variables)

    return code


def function(node: ast.FunctionDef, scope: Scope | None) -> Callable[[Run, Any], FunctionValue]:
    """What makes a function's value when its definition is reached."""
    names = {*parameter_names(node.args), *assigned_names(node.body)}
    own = Scope(names, scope, declared_names(node.body, ast.Global))
    signature, defaults = signature_of(node.args), defaults_of(node.args, scope)
    statements = block(node.body, own)
    height: int = node.height  # type: ignore[attr-defined]  # set by `source.parse`
    size: int = node.size  # type: ignore[attr-defined]  # as above

    def body(run: Run, env: Env) -> Any:
        ending = statements(run, env)
        return None if ending is None else ending.value

    def make(run: Run, env: Env | None) -> FunctionValue:
        run.grow(16)
        values = {name: default(run, env) for name, default in defaults}
        return FunctionValue(node.name, signature, values, body, height, size, env, run.variables)

    return make


def _definition(node: ast.FunctionDef, scope: Scope | None) -> Code:
    make = function(node, scope)
    decorators = [expression(each, scope) for each in reversed(node.decorator_list)]
    bind = target(ast.copy_location(ast.Name(node.name, ast.Store()), node), scope)

    def code(run: Run, env: Any) -> None:
        value: Any = make(run, env)
        for decorator in decorators:
            value = call(run, decorator(run, env), [value], {})
        bind(run, env, value)

    return code


def _class(node: ast.ClassDef, scope: Scope | None) -> Code:
    if len(node.bases) != 1 or node.keywords or node.decorator_list:
        raise bad_code("classes derive from torch.autograd.Function here, and from nothing else", node)
    base = expression(node.bases[0], scope)
    members = [_class_member(each, scope) for each in node.body]
    bind = target(ast.copy_location(ast.Name(node.name, ast.Store()), node), scope)

    def code(run: Run, env: Any) -> None:
        parent = base(run, env)
        if not isinstance(parent, ClassValue):
            error = wrong_type("classes derive from torch.autograd.Function here, and from nothing else")
            raise placed(error, node.lineno, node.col_offset + 1)
        run.grow(CLASS_CELLS)
        held = dict(parent.members)
        for member in members:
            member(run, env, held)
        bind(run, env, class_of(node.name, parent, held))

    return code


def _class_member(node: ast.stmt, scope: Scope | None) -> Callable[[Run, Any, dict[str, Any]], None]:
    if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return lambda run, env, held: None
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        name, value = node.targets[0].id, expression(node.value, scope)

        def assign(run: Run, env: Any, held: dict[str, Any]) -> None:
            held[name] = value(run, env)

        return assign
    if not isinstance(node, ast.FunctionDef):
        raise bad_code("in a class there are static methods, constants and a docstring", node)
    make = function(node, scope)
    decorators = [expression(each, scope) for each in reversed(node.decorator_list)]

    def define(run: Run, env: Any, held: dict[str, Any]) -> None:
        made: Any = make(run, env)
        for decorator in decorators:
            made = call(run, decorator(run, env), [made], {})
        held[node.name] = made

    return define


def class_of(name: str, parent: ClassValue, members: dict[str, Any]) -> ClassValue:
    """A Function of the engine whose methods are functions of the language."""
    for each in members.values():
        if isinstance(each, FunctionValue) and not each.owner:
            each.owner = f"{name}."
    methods = {key: members[key] for key in FUNCTION_MEMBERS if key in members}
    for key, each in methods.items():
        if not isinstance(each, (FunctionValue, Builtin)):
            raise wrong_type(f"{name}.{key} must be a function, not {type_name(each)}")
    static: dict[str, Any] = {
        key: staticmethod(each if isinstance(each, FunctionValue) else Callback(each)) for key, each in methods.items()
    }
    if type(members.get(VMAP_RULE)) is bool:
        static[VMAP_RULE] = members[VMAP_RULE]
    made = type(name, (Function,), static)
    return ClassValue(name, made, members)


EXPRESSIONS[ast.Lambda] = _lambda
STATEMENTS |= {ast.FunctionDef: _definition, ast.ClassDef: _class}
