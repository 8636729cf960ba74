"""Programs as cells, with the output that torch 2.13 gave (`*.out`, one text for each cell).

python -m tests.exec.programs_runner     asks torch for the outputs anew
"""

# ruff: noqa: T201 - a command-line program: printing is its output

from __future__ import annotations

import ast
import contextlib
import io
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "programs"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))
BETWEEN = "\n%%\n"


def cells(name: str) -> list[str]:
    """The cells of a program: blocks in doctest's dress, apart by empty lines."""
    _, *blocks = (FOLDER / f"{name}.txt").read_text("utf-8").strip().split("\n\n")
    return ["\n".join(line[4:] for line in block.split("\n")) for block in blocks]


def outputs(name: str) -> list[str]:
    """What torch printed for each cell, the `repr` of its last expression included."""
    return (FOLDER / f"{name}.out").read_text("utf-8").removesuffix("\n").split(BETWEEN)


def without_addresses(text: str) -> str:
    """The text with every node's number or address as 0x."""
    return re.sub(r"at 0x[0-9a-f]+", "at 0x", text)


def recorded(name: str) -> list[str]:
    """Run the cells in Python on torch."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    found = []
    for cell in cells(name):
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, "<cell>", "exec"), namespace)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)
                if value is not None:
                    print(repr(value))
        found.append(without_addresses(printed.getvalue().rstrip("\n")))
    return found


if __name__ == "__main__":
    for each in NAMES:
        (FOLDER / f"{each}.out").write_text(BETWEEN.join(recorded(each)) + "\n", "utf-8")
        print(f"{each}: {len(cells(each))} cells")
