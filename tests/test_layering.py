"""The layers hold: `app` builds on `engine`, never the other way round; heavy imports stay in their rooms.

The rules are read from the sources with `ast`, so that an import inside a function counts too.
"""

from __future__ import annotations

import ast
import graphlib
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SERVICE_LIBRARIES = {"fastapi", "pydantic", "starlette", "httpx", "orjson", "uvicorn"}
ARRAY_LIBRARIES = {"numpy", "scipy", "ml_dtypes", "cupy", "cupyx"}
# What a program that only wants derivatives must not pay for.
NOT_LOADED_BY_ENGINE = sorted(SERVICE_LIBRARIES | {"app", "cupy", "cupyx", "scipy", "torch"})


def sources(package: str) -> dict[str, Path]:
    """The modules of a top-level package by dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def absolute(node: ast.ImportFrom, module: str, path: Path) -> str:
    """The dotted name that `from … import` reads from, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


def imported(node: ast.AST, module: str, path: Path) -> Iterator[str]:
    """The dotted names that one syntax node imports; `from a import b` gives `a.b`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = absolute(node, module, path)
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in {"import_module", "__import__"}:
            yield str(node.args[0].value)


def outside_imports(module: str, path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name.split(".")[0] for node in ast.walk(tree) for name in imported(node, module, path)}


def breaches(package: str, forbidden: set[str], allowed_in: tuple[str, ...] = ()) -> list[str]:
    """`module imports name` for each forbidden import outside the modules and packages of `allowed_in`."""
    return [
        f"{module} imports {name}"
        for module, path in sources(package).items()
        if not any(module == room or module.startswith(f"{room}.") for room in allowed_in)
        for name in sorted(outside_imports(module, path) & forbidden)
    ]


def test_engine_knows_nothing_of_the_service() -> None:
    assert sources("engine")
    assert breaches("engine", SERVICE_LIBRARIES | {"app", "torch"}) == []


def test_only_the_array_layer_of_engine_imports_cupy() -> None:
    assert breaches("engine", {"cupy", "cupyx"}, allowed_in=("engine.arrays",)) == []


def test_only_the_codec_of_app_touches_arrays() -> None:
    codecs = tuple(module for module in sources("app") if module.startswith("app.codec"))
    assert breaches("app", ARRAY_LIBRARIES, allowed_in=codecs) == []


def test_app_imports_neither_torch_nor_tests() -> None:
    assert breaches("app", {"tests", "torch"}) == []


def statements_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, without what only a type checker sees."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements_at_import(node.orelse)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from statements_at_import(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from statements_at_import(handler.body)


def import_graph(package: str) -> dict[str, set[str]]:
    """Which modules of the package each of them needs in order to be imported."""
    modules = sources(package)
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {n for node in statements_at_import(tree.body) for n in imported(node, module, path)}
        # `from a import b` needs a.b where that is a module, else a; and `import a.b.c` likewise.
        nearest = {name if name in modules else name.rpartition(".")[0] for name in names}
        graph[module] = (nearest & modules.keys()) - {module}
    return graph


def test_engine_has_no_import_cycle() -> None:
    try:
        graphlib.TopologicalSorter(import_graph("engine")).prepare()
    except graphlib.CycleError as error:
        pytest.fail("import cycle: " + " <- ".join(error.args[1]))


def test_importing_engine_loads_nothing_of_the_service_and_no_device() -> None:
    loaded = f"[name for name in {NOT_LOADED_BY_ENGINE} if name in sys.modules]"
    code = f"import engine, json, sys; print(json.dumps({loaded}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def has_all(path: Path) -> bool:
    """Whether a module assigns `__all__`."""
    targets = [
        target
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def public_definitions(path: Path) -> set[str]:
    """The functions and classes that a module itself defines, without underscore."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")}


PUBLIC_MODULES_WITH_ALL = [
    module
    for module, path in sources("engine").items()
    if has_all(path) and not any(part.startswith("_") for part in module.split("."))
]


@pytest.mark.parametrize("name", PUBLIC_MODULES_WITH_ALL)
def test_all_names_what_the_module_defines(name: str) -> None:
    module = importlib.import_module(name)
    exported = list(module.__all__)
    assert len(exported) == len(set(exported)), "a name stands twice in __all__"
    assert [missing for missing in exported if not hasattr(module, missing)] == []
    assert sorted(public_definitions(sources("engine")[name]) - set(exported)) == [], "public, not in __all__"
