"""Functions of the language: their parameters, and how they are called, by code or by the engine."""

from __future__ import annotations

import inspect
import weakref
from contextlib import ExitStack
from typing import Any

from app.exec.budget import CALLBACK, Allowance, NoVariables, Run, Variables, current, running
from app.exec.scopes import Code, Env
from app.exec.values import MISSING, Mode, wrong_type
from engine import errors

MAX_MODES = 20
HOOK = Allowance(steps=1_000_000, cells=1_000_000, stdout=100_000)  # of a function that is called outside of a run


class Signature:
    """The parameters of a function."""

    __slots__ = ("_named", "keyword_only", "positional", "vararg")

    def __init__(self, positional: list[str], vararg: str | None, keyword_only: list[str]) -> None:
        self.positional = positional
        self.vararg = vararg
        self.keyword_only = keyword_only
        self._named = frozenset((*positional, *keyword_only))

    def bind(self, name: str, args: list[Any], kwargs: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
        """The names a call begins with.

        Raises TypeError with Python's text.
        """
        positional = self.positional
        bound = dict(zip(positional, args, strict=False))
        if len(args) > len(positional) and self.vararg is None:
            raise wrong_type(
                f"{name}() takes {len(positional)} positional argument{'s' * (len(positional) != 1)} "
                f"but {len(args)} {'was' if len(args) == 1 else 'were'} given"
            )
        if self.vararg is not None:
            bound[self.vararg] = tuple(args[len(positional) :])
        for key, value in kwargs.items():
            if key not in self._named:
                raise wrong_type(f"{name}() got an unexpected keyword argument '{key}'")
            if key in bound:
                raise wrong_type(f"{name}() got multiple values for argument '{key}'")
            bound[key] = value
        if len(bound) < len(positional) + len(self.keyword_only) + (self.vararg is not None):
            self._fill(name, bound, defaults)
        return bound

    def _fill(self, name: str, bound: dict[str, Any], defaults: dict[str, Any]) -> None:
        missing = []
        for each in (*self.positional, *self.keyword_only):
            if each not in bound:
                value = bound[each] = defaults.get(each, MISSING)
                if value is MISSING:
                    missing.append(f"'{each}'")
        if missing:
            what = "argument" if len(missing) == 1 else "arguments"
            listed = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
            raise wrong_type(f"{name}() missing {len(missing)} required positional {what}: {listed}")


class FunctionValue:
    """A function or lambda.

    Code calls it through `invoke`; the engine calls the object itself (a hook, `jacobian`, a custom Function): then it
    goes on in the run of this thread, or in a run of its own where code is not running, as for a hook that a later
    backward meets. Its global names are looked up when it runs, in the variables it was defined in.
    """

    __slots__ = (
        "__name__",
        "__weakref__",
        "_variables",
        "body",
        "defaults",
        "height",
        "modes",
        "outer",
        "owner",
        "signature",
        "size",
    )

    def __init__(
        self,
        name: str,
        signature: Signature,
        defaults: dict[str, Any],
        body: Code,
        height: int,
        size: int,
        outer: Env | None,
        variables: Variables,
        modes: tuple[Mode, ...] = (),
    ) -> None:
        self.__name__ = name
        self.signature = signature
        self.defaults = defaults
        self.body = body
        self.height = height
        self.size = size  # in syntax nodes
        self.outer = outer
        self._variables = weakref.ref(variables)  # which hold the function in turn
        self.modes = modes
        self.owner = ""  # the class it is a method of, with a dot

    def within(self, mode: Mode) -> FunctionValue:
        """The function decorated with a mode.

        Raises ValueError for more modes than anybody means.
        """
        if len(self.modes) >= MAX_MODES:
            raise errors.bad_value(f"a function is decorated at most {MAX_MODES} times")
        variables = self._variables()
        assert variables is not None, "whoever decorates runs in them"
        return FunctionValue(
            self.__name__,
            self.signature,
            self.defaults,
            self.body,
            self.height,
            self.size,
            self.outer,
            variables,
            (mode, *self.modes),
        )

    def invoke(self, run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call it from code."""
        names = self.signature.bind(self.owner + self.__name__, args, kwargs, self.defaults)
        depth = run.depth
        run.spend(1)
        run.enter(2 * self.height + 10)
        try:
            if self.modes:
                with ExitStack() as stack:
                    for mode in self.modes:
                        stack.enter_context(mode.manager)
                    return self.body(run, Env(names, self.outer))
            return self.body(run, Env(names, self.outer))
        finally:
            run.depth = depth

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it from the engine."""
        run = current()
        if run is None:
            variables = self._variables() or NoVariables({})  # of a program that is over: builtins are left
            with running(Run(variables, HOOK)) as own:
                return self.invoke(own, list(args), kwargs)
        depth, line = run.depth, run.line
        run.enter(CALLBACK)
        try:
            result = self.invoke(run, list(args), kwargs)
            run.line = line
            return result
        finally:
            run.depth = depth

    @property
    def __signature__(self) -> inspect.Signature:
        """The parameters as `inspect.signature` has them, which the engine asks for the places of named arguments."""
        own, kinds = self.signature, inspect.Parameter
        listed = [
            *((name, kinds.POSITIONAL_OR_KEYWORD) for name in own.positional),
            *((name, kinds.VAR_POSITIONAL) for name in [own.vararg] if name is not None),
            *((name, kinds.KEYWORD_ONLY) for name in own.keyword_only),
        ]
        return inspect.Signature(
            [kinds(name, kind, default=self.defaults.get(name, kinds.empty)) for name, kind in listed]
        )

    def held(self) -> list[Any]:
        """What the function keeps alive, for the session's account of memory."""
        found: list[Any] = [*self.defaults.values(), *self.modes]
        env = self.outer
        while env is not None:
            found.extend(env.names.values())
            env = env.outer
        return found
