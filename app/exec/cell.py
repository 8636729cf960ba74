"""One text run in a session: what it printed, and the value of its last expression."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from app.exec.budget import Allowance, Run, Variables, placed, running
from app.exec.source import parse
from app.exec.texts import shown
from app.exec.translation import block, expression


@dataclass(frozen=True, slots=True)
class Cell:
    """stdout: what was printed; value: that of a last expression, None without one; text: its `repr`, or None."""

    stdout: str
    value: Any
    text: str | None


def run_cell(code: str, variables: Variables, allowance: Allowance) -> Cell:
    """Run a text; the names it binds are the variables'.

    Raises Problem, or an exception with `code`; with `line`, and `column` where it is known.
    """
    tree = parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    body = block(tree.body, None)
    final = expression(last.value, None) if isinstance(last, ast.Expr) else None
    run = Run(variables, allowance)
    with running(run):
        try:
            body(run, None)
            value = None
            if last is not None and final is not None:
                run.line = last.lineno
                run.spend(1)
                value = final(run, None)
            text = None if value is None else shown(run, value)
        except Exception as error:
            if not hasattr(error, "line"):
                placed(error, run.line)
            raise
    return Cell(encodable("".join(run.out)), value, text and encodable(text))


def encodable(text: str) -> str:
    """The text with lone surrogates, which no JSON can hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
