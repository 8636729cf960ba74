"""Displays: lists, tuples, dicts, comprehensions and f-strings, from checked syntax to closures."""

from __future__ import annotations

import ast
from typing import Any

from app.exec import texts
from app.exec.budget import Run
from app.exec.expressions import EXPRESSIONS, expression, sequence_of, target
from app.exec.scopes import Code, Env, Scope, own_size
from app.exec.sequences import iterate, truth
from app.exec.values import KEYS, type_name, wrong_type


def _list(node: ast.List, scope: Scope | None) -> Code:
    values, count = sequence_of(node.elts, scope), len(node.elts)

    def code(run: Run, env: Env) -> list[Any]:
        run.grow(count + 1)
        return values(run, env)  # type: ignore[no-any-return]  # a list

    return code


def _tuple(node: ast.Tuple, scope: Scope | None) -> Code:
    values, count = sequence_of(node.elts, scope), len(node.elts)

    def code(run: Run, env: Env) -> tuple[Any, ...]:
        run.grow(count)
        return tuple(values(run, env))

    return code


def _dict(node: ast.Dict, scope: Scope | None) -> Code:
    pairs = [
        (expression(key, scope), expression(value, scope))
        for key, value in zip(node.keys, node.values, strict=True)
        if key is not None
    ]

    def code(run: Run, env: Env) -> dict[Any, Any]:
        run.grow(2 * len(pairs) + 1)
        made = {}
        for key, value in pairs:
            name = key(run, env)
            if type(name) not in KEYS:
                raise wrong_type(f"keys are texts and real numbers, not {type_name(name)}")
            made[name] = value(run, env)
        return made

    return code


def _dict_comprehension(node: ast.DictComp, scope: Scope | None) -> Code:
    pair = ast.copy_location(ast.Tuple([node.key, node.value], ast.Load()), node)
    pairs = _comprehension(ast.copy_location(ast.ListComp(pair, node.generators), node), scope)

    def code(run: Run, env: Env) -> dict[Any, Any]:
        made = {}
        for key, value in pairs(run, env):
            if type(key) not in KEYS:
                raise wrong_type(f"keys are texts and real numbers, not {type_name(key)}")
            made[key] = value
        return made

    return code


def _comprehension(node: ast.ListComp | ast.GeneratorExp, scope: Scope | None) -> Code:
    """A list, for a generator expression too; its own names live in an Env of its own."""
    names: set[str] = set()
    for each in node.generators:
        names |= {inner.id for inner in ast.walk(each.target) if isinstance(inner, ast.Name)}
    own = Scope(names, scope)
    first = expression(node.generators[0].iter, scope)
    loops = [
        (
            None if at == 0 else expression(each.iter, own),
            target(each.target, own),
            [expression(test, own) for test in each.ifs],
        )
        for at, each in enumerate(node.generators)
    ]
    element = expression(node.elt, own)
    cost = own_size(node)

    def code(run: Run, env: Env) -> list[Any]:
        found: list[Any] = []
        _loop(run, Env({}, env), loops, 0, first(run, env), element, found, cost)
        return found

    return code


def _loop(
    run: Run, env: Env, loops: list[Any], at: int, source: Any, element: Code, found: list[Any], cost: int
) -> None:
    _, assign, tests = loops[at]
    for value in iterate(run, source):
        run.spend(cost)
        assign(run, env, value)
        if not all(truth(test(run, env)) for test in tests):
            continue
        if at + 1 < len(loops):
            _loop(run, env, loops, at + 1, loops[at + 1][0](run, env), element, found, cost)
        else:
            run.grow(1)
            found.append(element(run, env))


def _joined(node: ast.JoinedStr, scope: Scope | None) -> Code:
    parts = [expression(each, scope) for each in node.values]

    def code(run: Run, env: Env) -> str:
        found = [part(run, env) for part in parts]
        run.grow(sum(map(len, found)))
        return "".join(found)

    return code


def _formatted(node: ast.FormattedValue, scope: Scope | None) -> Code:
    value = expression(node.value, scope)
    spec = None if node.format_spec is None else expression(node.format_spec, scope)
    conversion = chr(node.conversion) if node.conversion > 0 else ""

    def code(run: Run, env: Env) -> str:
        item = value(run, env)
        if conversion:
            item = texts.text_of(run, item) if conversion == "s" else texts.shown(run, item)
        return texts.formatted(run, item, "" if spec is None else spec(run, env))

    return code


EXPRESSIONS |= {
    ast.List: _list,
    ast.Tuple: _tuple,
    ast.Dict: _dict,
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted,
}
