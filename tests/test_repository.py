"""What a reader relies on: short files and functions, docstrings, nothing of a developer's machine."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for package in ("engine", "app") for path in (ROOT / package).rglob("*.py"))
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 80

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# In pieces, so that this file does not name what it forbids.
MACHINE_PATH = re.compile(r"(?<![\w./:$}-])/(?:" + "|".join(["wor" + "k", "roo" + "t", "User" + "s"]) + r")(?![\w-])")
REGISTRY_HOST = re.compile(
    "|".join(
        re.escape(".".join(host))
        for host in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("registry", "npmjs"),
            ("registry", "yarnpkg"),
            ("debian", "org"),
            ("anaconda", "org"),
            ("download", "pytorch"),
            ("pypi", "nvidia"),
        ]
    ),
    re.IGNORECASE,
)


def repository_files() -> list[Path]:
    """The files that are in git or would be after `git add .`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY_HOST], ids=["machine path", "registry host"])
def test_no_file_names(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in repository_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := pattern.search(line))
    ]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    slash = "/"
    for text in ["cd %swork", '"%sroot/.cache"', "=%sUsers/me", "COPY %swork/x"]:
        assert MACHINE_PATH.search(text % slash), text
    for text in ["%sworkers", "a%swork", "..%sroot", "https:/%sroot.example", "$HOME%swork", "%swork-queue"]:
        assert not MACHINE_PATH.search(text % slash), text
    assert REGISTRY_HOST.search("https://files." + "python" + "hosted.org/x")


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines >= MAX_FILE_LINES} == {}


def test_functions_fit_on_a_screen() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, FUNCTIONS) and (length := node.end_lineno - node.lineno + 1) >= MAX_FUNCTION_LINES
    ]
    assert too_long == []


def is_overload(node: ast.AST) -> bool:
    """Whether a function is a typing overload, whose implementation carries the docstring."""
    return any("overload" in ast.unparse(decorator) for decorator in getattr(node, "decorator_list", []))


def undocumented(body: list[ast.stmt], prefix: str) -> list[str]:
    """The public functions, classes and methods in a body that have no docstring."""
    found = []
    for node in body:
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)) or node.name.startswith("_") or is_overload(node):
            continue
        if any(isinstance(each, ast.Attribute) and each.attr in ("setter", "deleter") for each in node.decorator_list):
            continue
        if not (ast.get_docstring(node) or "").strip():
            found.append(f"{prefix}{node.name}")
        if isinstance(node, ast.ClassDef):
            found += undocumented(node.body, f"{prefix}{node.name}.")
    return found


def test_public_functions_and_classes_have_docstrings() -> None:
    missing = [
        name
        for path in SOURCES
        for name in undocumented(ast.parse(path.read_text(encoding="utf-8")).body, f"{path.relative_to(ROOT)}: ")
    ]
    assert missing == []
