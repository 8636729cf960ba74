"""The budget of a run of code: steps, entries of lists and texts, printed text, depth, and the time of the request.

Memory and time of tensors are the guard's (`engine.guard`), which is asked before every op. It measures what is alive
from the names of its session; what only code holds is told to it by `Run.alive`.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from engine import errors
from engine.graph import Node
from engine.modes import state
from engine.optim import Optimizer
from engine.tensor import Tensor

FRAMES = 3000  # of Python's stack; what code may use of it is counted, see `Run.enter`
DEPTH = 2200
CALLBACK = 60  # frames of the engine between code and a function it calls back
BETWEEN_LOOKS = 2000  # steps from one look at the clock to the next
NODE_BYTES = 400  # of a syntax node with its closure
CELL_BYTES = 32  # a cell is an entry of a list, a character of a text or the like
OBJECT_BYTES = 256  # of a tensor, a list, a method and the like, beside what is in it
CLASS_CELLS = 200  # that a class stands for


log = logging.getLogger("app.exec")
UNCODED = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, AssertionError)


HOLDERS = (Node, Optimizer)


class Exhausted(Exception):
    """The budget is used up: nothing in code can catch this."""

    code = "too_large"


class Variables(Protocol):
    """Where the global names of code live: a session, or a program of functions."""

    def load(self, name: str) -> Any:
        """What a name stands for.

        Raises KeyError.
        """

    def store(self, name: str, value: Any) -> None:
        """Let a name stand for a value."""

    def delete(self, name: str) -> None:
        """Take a name away.

        Raises KeyError.
        """

    def changes(self, container: list[Any] | dict[Any, Any], known: bool = False) -> None:
        """Called before a list or dict changes, so that a call that fails can put it back.

        `known`: it was there before the call, though no name leads to it.
        """

    def number_of(self, node: Any) -> int:
        """The number that a graph node prints with."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one run may use.

    steps: syntax nodes evaluated; cells: entries of lists and characters of texts made, not less those dropped;
    stdout: characters printed.
    """

    steps: int = 10_000_000
    cells: int = 4_000_000
    stdout: int = 1_000_000


class Run:
    """One run of code: what is left of its allowance, what it printed, and where it is."""

    __slots__ = (
        *("_alarm", "_alive", "_made", "_room"),
        *("cells", "depth", "left", "line", "out", "outer", "steps", "variables"),
    )

    def __init__(self, variables: Variables, allowance: Allowance) -> None:
        self.variables = variables
        self.steps = allowance.steps
        self.cells = allowance.cells
        self.left = allowance.stdout
        self.depth = 0
        self.line = 0
        self.out: list[str] = []
        self.outer: Run | None = None  # that goes on when this one is done
        self._alarm = allowance.steps
        self._made: list[weakref.ref[Any]] = []
        self._room = 1024
        self._alive = 0  # of these, when they were last looked at

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises Exhausted, or TimeoutError (`deadline`).
        """
        self.steps -= steps
        if self.steps < self._alarm:
            self.look()

    def look(self) -> None:
        """Look at the clock, and let other threads go on."""
        if self.steps < 0:
            raise Exhausted("the code takes more steps than one call may")
        self._alarm = self.steps - BETWEEN_LOOKS
        guard = state.ctx.guard
        if guard is not None:
            guard.tick()
        time.sleep(0)

    def grow(self, cells: int) -> None:
        """Count entries and characters that are about to be made.

        Raises Exhausted.
        """
        self.cells -= cells
        if self.cells < 0:
            raise Exhausted("the code makes longer lists or texts than one call may")
        guard = state.ctx.guard
        if guard is not None:
            guard.used += cells * CELL_BYTES

    def write(self, text: str) -> None:
        """Print.

        Raises Exhausted.
        """
        self.left -= len(text)
        if self.left < 0:
            raise Exhausted("the code prints more than one call may")
        self.out.append(text)

    def enter(self, frames: int) -> None:
        """Go down by this many frames of Python's stack; `depth` is set back by whoever called.

        Raises Exhausted.
        """
        self.depth += frames
        if self.depth > DEPTH:
            raise Exhausted("the code calls itself too deeply")

    def note(self, value: Any) -> None:
        """Remember weakly what holds memory: a tensor that an op gave, or several; a node, an optimizer."""
        if type(value) is Tensor or isinstance(value, HOLDERS):
            self._made.append(weakref.ref(value))
            if len(self._made) > self._room:
                self._look_through()
        elif isinstance(value, (tuple, list)):
            for each in value[:1000]:
                if type(each) is Tensor or isinstance(each, HOLDERS):
                    self.note(each)

    def _look_through(self) -> None:
        """Forget what is gone, and count the objects that are not: many small tensors take more than their values."""
        self._made = [each for each in self._made if each() is not None]
        count = len(self._made)
        self._room = max(1024, 2 * count)
        guard = state.ctx.guard
        if guard is not None and count > self._alive:
            guard.used += OBJECT_BYTES * (count - self._alive)
        self._alive = count

    def alive(self) -> Iterator[Any]:
        """What this run, and those around it, have noted that somebody still holds."""
        run: Run | None = self
        while run is not None:
            yield from (held for each in run._made if (held := each()) is not None)
            run = run.outer


class _Running(threading.local):
    run: Run | None = None


_running = _Running()


def current() -> Run | None:
    """The run of code in this thread, or None."""
    return _running.run


def placed(error: Exception, line: int, column: int | None = None) -> Exception:
    """The error with the place in the code where it happened."""
    error.line = line  # type: ignore[attr-defined]  # exceptions take attributes
    if column is not None:
        error.column = column  # type: ignore[attr-defined]  # as above
    return error


@contextmanager
def running(run: Run) -> Iterator[Run]:
    """Make a run this thread's for the block."""
    if sys.getrecursionlimit() < FRAMES:
        sys.setrecursionlimit(FRAMES)
    before, _running.run = _running.run, run
    run.outer = before
    try:
        yield run
    except RecursionError:
        raise placed(Exhausted("the code is nested too deeply"), run.line) from None
    except UNCODED as error:
        if hasattr(error, "code"):
            raise
        log.warning("line %s raised without a code", run.line, exc_info=True)
        text = f"what this line does is not possible with these values ({type(error).__name__})"
        raise placed(errors.bad_argument(text, TypeError), run.line) from None
    finally:
        _running.run = before


class NoVariables:
    """Global names that are fixed: those of a program."""

    __slots__ = ("__weakref__", "_names")

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def load(self, name: str) -> Any:
        """What a name stands for.

        Raises KeyError.
        """
        return self._names[name]

    def store(self, name: str, value: Any) -> None:
        """Nothing assigns global names inside functions; raises Exhausted if something did."""
        raise Exhausted(f"'{name}' is not a name of this program")

    def delete(self, name: str) -> None:
        """As `store`."""
        raise Exhausted(f"'{name}' is not a name of this program")

    def changes(self, container: list[Any] | dict[Any, Any], known: bool = False) -> None:
        """Lists die with the call."""

    def number_of(self, node: Any) -> int:
        """There is no graph to show."""
        return 0
