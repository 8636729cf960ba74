"""Runs the semantics items in `items/*.txt` against `engine`, or against torch itself.

An item is a heading, code in doctest dress and the answer torch gave:

    ### B-28  one-element tensor of any shape is accepted implicitly
    >>> x=L([[1.]]); (x*2).backward(); x.grad
    tensor([[2.]])

The answer is the repr of the last expression (None if the last statement is not one), or
`raises Type: text`. A `warns Type: text` line after it is a remark: warnings are not compared.

    python -m tests.semantics.runner                        all items against engine
    python -m tests.semantics.runner --module torch A D-71  section A and item D-71 against torch
    python -m tests.semantics.runner --record FILE          ask torch for the answers FILE lacks

To add an item, write its heading as `### N-?  title` and its code without an answer, then record.
This file and its neighbours import no torch; only `--module torch` and `--record` do.
"""

# ruff: noqa: T201 - a command-line program: printing is its output

from __future__ import annotations

import argparse
import ast
import builtins
import importlib
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
ITEMS = HERE / "items"
PENDING = HERE / "pending.txt"

RTOL, ATOL = 1e-5, 1e-7

HEADING = re.compile(r"### (?P<section>[A-Z])-(?P<number>\d+|\?)  (?P<title>.+)")
RAISES = re.compile(r"raises (?P<name>\w+): ?(?P<text>.*)", re.DOTALL)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
TOKEN = re.compile(rf"[^\W\d]\w*|{NUMBER.pattern}|\s+|.", re.DOTALL)

# Process-wide state an item may change: (getter, setter) as paths below the module.
STATE = (
    ("is_grad_enabled", "set_grad_enabled"),
    ("get_default_dtype", "set_default_dtype"),
    ("is_warn_always_enabled", "set_warn_always"),
    ("is_anomaly_enabled", "autograd.set_detect_anomaly"),
)


# --- item files ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """One snippet and the answer torch gave to it (`expected` is empty until it is recorded)."""

    section: str
    number: int | None
    title: str
    code: str
    expected: str = ""
    warns: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return the name under which pending.txt, pytest and the command line know the item."""
        return f"{self.section}-{'?' if self.number is None else self.number}"


def parse(text: str) -> tuple[str, list[Item]]:
    """Split an item file into its introduction and its items."""
    intro, *blocks = re.split(r"^(?=### )", text, flags=re.MULTILINE)
    return intro.strip(), [_parse_item(block) for block in blocks]


def _parse_item(block: str) -> Item:
    heading, *lines = block.rstrip().split("\n")
    match = HEADING.fullmatch(heading)
    if match is None:
        raise ValueError(f"not an item heading: {heading!r}")
    n = next((i for i, line in enumerate(lines) if line[:3] not in (">>>", "...")), len(lines))
    code, answer = [line[4:] for line in lines[:n]], lines[n:]
    if not code or not lines[0].startswith(">>>"):
        raise ValueError(f"{heading}: no code")
    expected = "\n".join(line for line in answer if not line.startswith("warns "))
    return Item(
        section=match["section"],
        number=None if match["number"] == "?" else int(match["number"]),
        title=match["title"],
        code="\n".join(code),
        expected=tidy(expected),
        warns=tuple(line.removeprefix("warns ") for line in answer if line.startswith("warns ")),
    )


def render(intro: str, items: Sequence[Item]) -> str:
    """Write an item file: the inverse of `parse`."""
    blocks = [intro] if intro else []
    for item in items:
        first, *rest = item.code.split("\n")
        code = [f">>> {first}", *(f"... {line}".rstrip() for line in rest)]
        answer = [item.expected] if item.expected else []
        lines = [f"### {item.id}  {item.title}", *code, *answer, *(f"warns {w}" for w in item.warns)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def load(folder: Path = ITEMS) -> list[Item]:
    """Read all items, in the order of their files' names."""
    return [item for path in sorted(folder.glob("*.txt")) for item in parse(path.read_text("utf-8"))[1]]


def load_pending(path: Path = PENDING) -> dict[str, str]:
    """Read which items engine need not hold yet, and why: `G-126  hooks` a line, `#` for remarks."""
    lines = [line.split(None, 1) for line in path.read_text("utf-8").splitlines()]
    return {words[0]: words[1].strip() for words in lines if words and not words[0].startswith("#")}


# --- running ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What running a snippet gave: a repr, or an exception (whose text is then `text`)."""

    text: str
    error: Exception | None = None
    warns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the outcome in the form in which answers stand in item files."""
        return self.text if self.error is None else f"raises {type(self.error).__name__}: {self.text}".rstrip()


def run(code: str, module: Any) -> Outcome:
    """Run a snippet on a module, its name or an object that looks like torch; what goes wrong is an outcome too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            torch = importlib.import_module(module) if isinstance(module, str) else module
            with _isolated(torch) if isinstance(torch, ModuleType) else nullcontext():
                text, error = tidy(repr(_evaluate(code, _namespace(torch)))), None
        except Exception as exc:  # noqa: BLE001 - any exception is an answer, the expected one or not
            text, error = tidy(str(exc)), exc
    said = dict.fromkeys(f"{w.category.__name__}: {' '.join(str(w.message).split())}" for w in caught)
    return Outcome(text, error, tuple(said))


def _evaluate(code: str, namespace: dict[str, Any]) -> object:
    """Execute statements and return the value of a last expression, as a notebook does."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<item>", "exec"), namespace)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "<item>", "eval"), namespace)


def _namespace(torch: Any) -> dict[str, Any]:
    """Build the names a snippet sees, among them an `import torch` that gives the module under test."""

    def leaf(value: object) -> Any:
        return torch.tensor(value, requires_grad=True)

    return {
        "__builtins__": {**vars(builtins), "__import__": partial(_import, torch)},
        "torch": torch,
        "T": torch.tensor,
        "L": leaf,
        "f64": getattr(torch, "float64", None),
        "g1": partial(first_derivative, torch),
        "g2": partial(second_derivative, torch),
    }


def _import(torch: ModuleType, name: str, *args: Any) -> ModuleType:
    """Stand in for `__import__`: torch and its submodules are those of the module under test."""
    if name == "torch":
        return torch
    if name.startswith("torch."):
        name = torch.__name__ + name.removeprefix("torch")
    return builtins.__import__(name, *args)


def first_derivative(torch: Any, f: Callable[[Any], Any], values: list[float]) -> Any:
    """Return d(sum of f(x))/dx at the points `values`, in float64, as a list (`g1` in items)."""
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(f(x).sum(), x)[0].tolist()


def second_derivative(torch: Any, f: Callable[[Any], Any], value: float) -> float | str:
    """Return f'' at a point to six digits, or say that f' is a constant of the graph (`g2` in items)."""
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(f(x), x, create_graph=True)
    if not first.requires_grad:
        return f"first grad does not require grad (={first.item():g})"
    second: float = torch.autograd.grad(first, x)[0].item()
    return round(second, 6)


@contextmanager
def _isolated(torch: ModuleType) -> Iterator[None]:
    """Seed the generator, and put back afterwards what a snippet may set for the whole process."""
    saved = [
        (setter, getter())
        for getter, setter in ((_find(torch, g), _find(torch, s)) for g, s in STATE)
        if getter and setter
    ]
    seed, reset_printing = _find(torch, "manual_seed"), _find(torch, "set_printoptions")
    if seed:
        seed(0)
    try:
        yield
    finally:
        for setter, value in saved:
            setter(value)
        if reset_printing:
            reset_printing(profile="default")


def _find(torch: ModuleType, path: str) -> Callable[..., Any] | None:
    """Follow a dotted path below the module; None where it does not lead anywhere."""
    found: Any = torch
    for name in path.split("."):
        found = getattr(found, name, None)
    return found if callable(found) else None


# --- comparing ----------------------------------------------------------------------------------


def tidy(text: str) -> str:
    """Strip a text, and its lines on the right."""
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def same_text(expected: str, got: str) -> bool:
    """Compare two texts token by token: floats to five digits, everything else (spaces too) exactly."""
    ours, theirs = TOKEN.findall(tidy(expected)), TOKEN.findall(tidy(got))
    return len(ours) == len(theirs) and all(map(_same_token, ours, theirs))


def _same_token(expected: str, got: str) -> bool:
    """Compare two tokens. An int is never a float (`tensor(2)`, `tensor(2.)`), -0. is never 0."""
    if expected == got:
        return True
    if not (NUMBER.fullmatch(expected) and NUMBER.fullmatch(got)):
        return False
    if not (_is_float(expected) and _is_float(got)):
        return False
    a, b = float(expected), float(got)
    if a == b == 0:
        return math.copysign(1, a) == math.copysign(1, b)
    return math.isclose(a, b, rel_tol=RTOL, abs_tol=ATOL)


def _is_float(token: str) -> bool:
    return any(c in token for c in ".eE")


def holds(item: Item, outcome: Outcome) -> bool:
    """Say whether an outcome is the recorded answer; an exception may be of a subclass."""
    raises = RAISES.fullmatch(item.expected)
    if raises is None or outcome.error is None:
        return raises is None and outcome.error is None and same_text(item.expected, outcome.text)
    names = [cls.__name__ for cls in type(outcome.error).__mro__]
    return raises["name"] in names and same_text(raises["text"], outcome.text)


def report(item: Item, outcome: Outcome) -> str:
    """Lay out an item that does not hold, for a reader."""
    parts = {"code": item.code, "expected": item.expected, "got": str(outcome)}
    lines = [f"{item.id}  {item.title}"]
    for name, text in parts.items():
        first, *rest = text.split("\n")
        lines += [f"  {name + ':':10}{first}", *(f"{'':12}{line}" for line in rest)]
    return "\n".join(lines)


# --- command line -------------------------------------------------------------------------------


def record(path: Path, module: str, number: int, refresh: bool = False) -> list[Item]:
    """Number the items of a file that have none and ask `module` for the answers it lacks."""
    intro, items = parse(path.read_text("utf-8"))
    changed = []
    for i, item in enumerate(items):
        if item.expected and not refresh:
            continue
        outcome, again = run(item.code, module), run(item.code, module)
        if not same_text(str(outcome), str(again)):
            raise SystemExit(f"{item.id} {item.title}: two runs differ:\n{outcome}\n{again}")
        if item.number is None:
            item, number = replace(item, number=number), number + 1
        items[i] = replace(item, expected=str(outcome), warns=outcome.warns)
        changed.append(items[i])
    path.write_text(render(intro, items), "utf-8")
    return changed


def check(items: Sequence[Item], module: str, pending: dict[str, str]) -> int:
    """Run items, print those that do not hold and a total; return how many failed unexpectedly."""
    held: list[str] = []
    waiting: list[str] = []
    failed: list[str] = []
    for item in items:
        outcome = run(item.code, module)
        if holds(item, outcome):
            held.append(item.id)
            continue
        (waiting if item.id in pending else failed).append(item.id)
        mark = f"PENDING ({pending[item.id]})" if item.id in pending else "FAIL"
        print(f"{mark}  {report(item, outcome)}\n")
    print(f"{len(held)} of {len(items)} items hold in {module}; {len(failed)} fail, {len(waiting)} are pending")
    if awake := [name for name in held if name in pending]:
        print(f"to be taken out of {PENDING.name}, for they hold: {' '.join(awake)}")
    return len(failed)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the command line; the exit status is 1 if an item that is not pending failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.semantics.runner", description="Run or record items.")
    parser.add_argument("only", nargs="*", help="ids or section letters (default: all items)")
    parser.add_argument("--module", help="what to run them against (default: engine; to record: torch)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="fill in the answers an item file lacks")
    parser.add_argument("--refresh", action="store_true", help="with --record: ask for all answers anew")
    args = parser.parse_args(argv)
    items = load()
    if unknown := set(args.only) - {name for item in items for name in (item.id, item.section)}:
        parser.error(f"no such item or section: {' '.join(sorted(unknown))}")
    if args.record:
        next_number = max((item.number or 0 for item in items), default=0) + 1
        for item in record(args.record, args.module or "torch", next_number, args.refresh):
            print(f"{item.id}  {item.title}\n  {item.expected}")
        return 0
    chosen = [item for item in items if not args.only or {item.id, item.section} & set(args.only)]
    module = args.module or "engine"
    return 1 if check(chosen, module, load_pending() if module == "engine" else {}) else 0


if __name__ == "__main__":
    sys.exit(main())
