"""Programs of text: the functions that are written in the language of exec."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.exec import program as language
from app.exec.budget import current
from app.exec.source import bad_code
from app.functions.patterns import DEFAULT, Input, distinct
from app.problems import Problem, problem_of
from app.session.bodies import wrong
from app.session.frames import Frame
from app.session.literals import make_tensor
from app.session.names import SHOWN, checked_name
from engine.tensor import Tensor

# Attributes whose use would leave a trace outside of the function.
IMPURE = frozenset(
    {
        *("backward", "manual_seed", "seed", "set_rng_state", "retain_grad", "metadata"),
        *("register_hook", "register_prehook", "register_post_accumulate_grad_hook"),
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """A program of text: its name, the names of its inputs, and the parsed text."""

    function: str
    inputs: tuple[str, ...]
    parsed: language.Program

    @property
    def uses(self) -> frozenset[str]:
        """The functions it names."""
        return self.parsed.uses

    @property
    def may_compile(self) -> bool:
        """Unless it may catch what recording raises, and go on."""
        return not any(isinstance(node, ast.Try) for node in ast.walk(self.parsed.tree))

    def run(self, args: Sequence[Any], frame: Frame) -> list[Tensor]:
        """The outputs. Raises Problem; its member `function` tells which function and line, the innermost one."""
        given = {name: value for name, value in zip(self.inputs, args, strict=True) if value is not DEFAULT}
        for name, value in given.items():
            if isinstance(value, Tensor):
                frame.names.bind(name, value)
        callable_ = {name: _callee(frame, name) for name in self.uses}
        try:
            with frame.budget.holding(_Code()):
                result = language.call(self.parsed, [], given, functions=callable_)
        except RecursionError:
            raise  # of code around: it says so in its own words
        except Exception as error:  # noqa: BLE001  # raised again, with its place
            problem = problem_of(error)
            problem.extra.setdefault("function", {"name": self.function, "line": getattr(error, "line", 0)})
            raise problem from problem.__cause__
        several = list(result) if isinstance(result, (tuple, list)) else [result]
        if not several:
            raise Problem("bad_argument", f"{self.function}() returns nothing: it must return a tensor or several")
        return [self._output(each) for each in several]

    def _output(self, value: Any) -> Tensor:
        if isinstance(value, Tensor):
            return value
        if isinstance(value, (bool, int, float)):
            return make_tensor(value)
        kind = type(value).__name__
        raise Problem("bad_argument", f"{self.function}() must return a tensor or several, not {kind}")


class _Code:
    """What the code that runs holds, for the budget."""

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors, under no name."""
        run = current()
        return iter(()) if run is None else (("", each) for each in run.alive())


def _callee(frame: Frame, name: str) -> Any:
    return lambda *args, **kwargs: frame.functions.invoke(name, args, kwargs)


def source_of(name: str, text: Any) -> Source:
    """The program of a text, for the function `name`.

    Raises Problem: `bad_code` with its place for what a function may not have.
    """
    if type(text) is not str:
        raise wrong("source", f"must be a text, not {type(text).__name__}")
    parsed = language.parse_function(text)
    for node in ast.walk(parsed.tree):
        if isinstance(node, ast.Attribute) and node.attr in IMPURE:
            raise bad_code(f"a function is pure: it has no '{node.attr}'", node)
    signature = parsed.signature
    if signature.vararg is not None:
        raise bad_code("a saved function names each of its inputs, it has no `*`", parsed.function)
    return Source(name, tuple(checked_name(each) for each in (*signature.positional, *signature.keyword_only)), parsed)


def inputs_of_source(program: Source, declared: tuple[Input, ...] | None) -> tuple[Input, ...]:
    """The inputs of a text, with the patterns that are declared beside it; those with a default are options.

    Raises Problem `bad_argument` if the declared names are not those of the parameters.
    """
    defaults = _defaults(program.parsed.function.args)
    patterns = {each.name: each for each in declared or ()}
    if declared is not None and list(patterns) != list(program.inputs):
        shown = ", ".join(program.inputs)[:SHOWN]
        raise wrong("inputs", f"must have the names of the source's parameters: {shown}")
    found = (patterns.get(each, Input(each)) for each in program.inputs)
    return distinct(
        tuple(
            Input(each.name, each.dtype, each.shape, each.name in defaults, _is_text(defaults.get(each.name)))
            for each in found
        )
    )


def _defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    """The defaults of a function's parameters by name."""
    positional = [*arguments.posonlyargs, *arguments.args]
    found = dict(zip((each.arg for each in positional[::-1]), arguments.defaults[::-1], strict=False))
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {**found, **{each.arg: default for each, default in pairs if default is not None}}


def _is_text(default: ast.expr | None) -> bool:
    return isinstance(default, ast.Constant) and isinstance(default.value, str)
