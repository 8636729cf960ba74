"""`import`: of torch and its parts, of math and functools. Nothing is loaded: the names are bound to tables."""

from __future__ import annotations

import ast
from typing import Any

from app.exec.functools_names import FUNCTOOLS
from app.exec.math_names import MATH
from app.exec.source import bad_code
from app.exec.torch_names import TORCH
from app.exec.values import MISSING, Namespace

MODULES = (
    "torch",
    "torch.nn",
    "torch.nn.functional",
    "torch.autograd",
    "torch.func",
    "torch.linalg",
    "torch.optim",
    "math",
    "functools",
)


def bindings(node: ast.Import | ast.ImportFrom) -> list[tuple[str, Any]]:
    """The names that an import binds, with what they stand for.

    Raises Problem `bad_code` for anything that is not there.
    """
    found: list[tuple[str, Any]] = []
    if isinstance(node, ast.Import):
        for each in node.names:
            module = _module(each.name, node)
            if each.asname is None:
                found.append((each.name.partition(".")[0], _module(each.name.partition(".")[0], node)))
            else:
                found.append((each.asname, module))
        return found
    if node.level or node.module is None:
        raise bad_code(f"there is nothing to import relatively; {_advice()}", node)
    if node.module == "__future__":
        return []
    module = _module(node.module, node)
    for each in node.names:
        value = MISSING if each.name == "*" else module.find(each.name)
        if value is MISSING:
            text = f"cannot import name '{each.name}' from '{node.module}'; its ops are listed by GET /v1/ops"
            raise bad_code(text, node)
        found.append((each.asname or each.name, value))
    return found


def _module(name: str, node: ast.AST) -> Namespace:
    first, *rest = name.split(".")
    found: Any = {"torch": TORCH, "math": MATH, "functools": FUNCTOOLS}.get(first, MISSING)
    for part in rest:
        found = found.find(part) if isinstance(found, Namespace) else MISSING
    if not isinstance(found, Namespace):
        raise bad_code(f"no module named '{name[:64]}'; {_advice()}", node)
    return found


def _advice() -> str:
    return f"there are {', '.join(MODULES)} and the like"
