"""A program: calls of kernels in order, each on values that inputs, constants or calls before it gave."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import arrays
from engine.compiled.values import Untraceable, Value, nested

MAX_CALLS = 20_000
MAX_CONSTANT_BYTES = 2**20


class Kind(enum.Enum):
    """What is known of a call's result."""

    ANY = "nothing"
    FRESH = "it is new memory"
    BUFFERED = "it is new memory, or that of a further argument, which may be any operand"
    CHECK = "there is none: it raises, or does not"
    GROWN = "it is new memory, or that of a further argument, which may be the first operand"


class Call:
    """One call: `outs` get the results of `fn(*args)`, several of them if it gives a list."""

    __slots__ = ("args", "fn", "kind", "outs", "several")

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], several: bool, kind: Kind) -> None:
        self.fn = fn
        self.args = args  # values, lists of them, and Python's own values
        self.outs: list[Value | None] = []  # None in the place of a None
        self.several = several
        self.kind = kind

    def values(self) -> list[Value]:
        """The values it takes."""
        return [each for arg in self.args for each in flat(arg) if isinstance(each, Value)]


def flat(arg: Any) -> list[Any]:
    """The entries of an argument that may be a list."""
    if isinstance(arg, (list, tuple)):
        return [each for entry in arg for each in flat(entry)]
    return [arg]


class Program:
    """The calls so far. Equal calls are made once, and those on constants alone not at all."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._known: dict[Any, Call] = {}
        self._keys: list[Any] = []  # of the calls, to forget those that are taken back
        self._constants: dict[int, tuple[Any, Value]] = {}
        self._bytes = 0

    # -- values -----------------------------------------------------------------------------------------------------

    def constant(self, real: Any) -> Value:
        """The value of an array that is the same in every call. Raises Untraceable where they are too large."""
        known = self._constants.get(id(real))
        if known is None:
            owner = arrays.owner(real) if isinstance(real, np.ndarray) else real
            self._bytes += owner.nbytes
            if self._bytes > MAX_CONSTANT_BYTES:
                raise Untraceable("the function has large constants")
            known = self._constants[id(real)] = (real, Value(real, const=True))
        return known[1]

    def uniform(self, element: Any, shape: tuple[int, ...], scattered: bool) -> Value:
        """The constant of this shape with one element, a 0-d array, in all places."""
        element = np.asarray(element)
        made = Value(np.broadcast_to(element, shape), const=True, uniform=element)
        made.scattered = scattered
        return made

    def dense(self, value: Value) -> Value:
        """The value with its elements in memory, where the interpreter has them there."""
        if value.uniform is None or not value.scattered or not value.shape:
            return value
        made: Value = self.emit(
            _filled, (value.uniform, value.shape, value.uniform.tobytes()), kind=Kind.FRESH, fold=False
        )
        return made

    # -- calls ------------------------------------------------------------------------------------------------------

    def emit(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any],
        several: bool = False,
        kind: Kind = Kind.ANY,
        fold: bool = True,
    ) -> Any:
        """Add a call and give its value, or list of values: constants where all arguments are, if it may `fold`."""
        entries = tuple(args)
        values = [each for arg in entries for each in flat(arg) if isinstance(each, Value)]
        if fold and all(each.const for each in values):
            return self._folded(fn, entries, several)
        key = (fn, _key(entries))
        known = self._find(key)
        if known is None:
            known = self._add(Call(fn, entries, several, kind), key)
        return list(known.outs) if several else known.outs[0]

    def _folded(self, fn: Callable[..., Any], args: tuple[Any, ...], several: bool) -> Any:
        result = fn(*[nested(each, real_of) for each in args])
        if several:
            return [None if each is None else self.constant(each) for each in result]
        return None if result is None else self.constant(result)

    def _find(self, key: Any) -> Call | None:
        try:
            return self._known.get(key)
        except TypeError:  # an argument without a hash
            return None

    def _add(self, call: Call, key: Any) -> Call:
        if len(self.calls) >= MAX_CALLS:
            raise Untraceable("the function has too many steps")
        result = call.fn(*[nested(each, real_of) for each in call.args])
        for each in result if call.several else [result]:
            made = None if each is None else Value(each, root=_root(each, call))
            if made is not None:
                made.maker = call
            call.outs.append(made)
        try:
            self._known[key] = call
        except TypeError:
            key = None
        self.calls.append(call)
        self._keys.append(key)
        return call

    # -- taking back ------------------------------------------------------------------------------------------------

    def mark(self) -> int:
        """A place to go back to."""
        return len(self.calls)

    def back(self, mark: int) -> None:
        """Forget the calls since a mark."""
        for key in self._keys[mark:]:
            if key is not None:
                del self._known[key]
        del self.calls[mark:], self._keys[mark:]


def _filled(element: Any, shape: tuple[int, ...], _: bytes) -> Any:
    out = np.empty(shape, element.dtype)
    out.fill(element)
    return out


def real_of(value: Any) -> Any:
    """A value as it was when the program was recorded."""
    return value.real if isinstance(value, Value) else value


def _key(arg: Any) -> Any:
    if isinstance(arg, (list, tuple)):
        return (type(arg), *[_key(each) for each in arg])
    if isinstance(arg, slice):
        return (slice, _key(arg.start), _key(arg.stop), _key(arg.step))
    if isinstance(arg, Value):
        return arg if arg.uniform is None else (Value, arg.shape, arg.dtype, arg.uniform.tobytes(), arg.scattered)
    if isinstance(arg, np.ndarray):
        return id(arg)  # the call holds it
    return (type(arg), arg, str(arg)) if isinstance(arg, (float, complex)) else (type(arg), arg)  # 0.0 is not -0.0


def _root(result: Any, call: Call) -> Value | None:
    """The value that a result shares memory with, if it does."""
    if not isinstance(result, np.ndarray):
        return None
    owner = arrays.owner(result)
    for each in call.values():
        if isinstance(each.real, np.ndarray) and arrays.owner(each.real) is owner:
            return each.root
    return None
