"""Plans: a program as steps over numbered slots, to be run with other arguments of the same shapes and dtypes.

An elementwise step writes into the memory of an operand that nobody needs afterwards, where shape and layout are the
same; values are let go after their last use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.compiled.program import Call, Kind, flat
from engine.compiled.values import Value

LISTS = -1  # in the place of a number of arguments: some of them are lists
SEVERAL = -2  # there are several results
DROP = -3  # slots are emptied
GROUP = 64  # steps between two looks at the clock
LARGE = 2**20  # bytes of all values together, from which on they are let go one by one

Step = tuple[int, Any, Any, Any, Any, Any]  # number of arguments, function, result, up to three arguments


class Plan:
    """Steps over slots: arguments first, then constants, then results."""

    __slots__ = ("_groups", "_inputs", "_outputs", "_slots", "bytes", "constant_bytes", "size")

    def __init__(self, calls: Sequence[Call], inputs: Sequence[Value], outputs: Sequence[Value | None]) -> None:
        """Keep what is needed for the outputs; None stands for one that is not there."""
        layout = _Layout(calls, inputs, outputs)
        self._inputs = len(inputs)
        self._slots = layout.slots
        self._outputs = layout.outputs
        steps = layout.steps()
        self._groups = [steps[at : at + GROUP] for at in range(0, len(steps), GROUP)]
        self.size = len(layout.calls)
        self.bytes = layout.bytes
        self.constant_bytes = sum(each.nbytes for each in self._slots if isinstance(each, np.ndarray))

    def run(self, arguments: Sequence[Any], tick: Callable[[], None] | None = None) -> list[Any]:
        """The outputs for some arguments, arrays of the shapes and dtypes that the plan was made with.

        `tick` is called now and then and may raise. Results may be views of arguments; they share no memory with what
        the plan keeps.
        """
        s = self._slots.copy()
        s[: self._inputs] = arguments
        for group in self._groups:
            if tick is not None:
                tick()
            for count, fn, out, a, b, c in group:
                if count == 2:
                    s[out] = fn(s[a], s[b])
                elif count == 3:
                    s[out] = fn(s[a], s[b], s[c])
                elif count == 1:
                    s[out] = fn(s[a])
                else:
                    _other(s, count, fn, out, a)
        return [None if slot is None else _own(s[slot]) if const else s[slot] for slot, const in self._outputs]


def _own(constant: Any) -> Any:
    return np.array(constant)


def _other(s: list[Any], count: int, fn: Any, out: Any, args: Any) -> None:
    """The steps that are neither short nor plain."""
    if count == DROP:
        for slot in args:
            s[slot] = None
        return
    results = fn(*[_taken(s, each) for each in args])
    if count == SEVERAL:
        for slot, each in zip(out, results, strict=True):
            if slot is not None:
                s[slot] = each
    else:
        s[out] = results


def _called(fn: Callable[..., Any]) -> Callable[..., tuple[Any]]:
    """The function with its result, whatever it is, as one of several."""
    return lambda *given: (fn(*given),)


def _taken(s: list[Any], arg: Any) -> Any:
    return [_taken(s, each) for each in arg] if type(arg) is list else s[arg]


class _Layout:
    """Which slot each value has, and which memory a step may write into."""

    def __init__(self, calls: Sequence[Call], inputs: Sequence[Value], outputs: Sequence[Value | None]) -> None:
        self._kept = {id(each.root): each for each in outputs if each is not None}
        self.calls = _needed(calls, outputs)
        self.slots: list[Any] = [None] * len(inputs)
        self._slot_of: dict[int, int] = {id(each): at for at, each in enumerate(inputs)}
        self._plain: list[Any] = []  # Python's values among the arguments, kept alive with their slots
        self._last = self._last_uses()
        new = [call for call in self.calls if call.kind is not Kind.ANY]
        self._fresh = {id(out) for call in new for out in call.outs if out is not None}
        made = [out for call in self.calls for out in call.outs if out is not None]
        self.bytes = sum(int(each.real.nbytes) for each in made if each.root is each)
        self.outputs = [(None, False) if each is None else (self._slot(each), each.const) for each in outputs]
        self._inputs = {id(each.root) for each in inputs}

    def _last_uses(self) -> dict[int, int]:
        """By root: the last call that takes a value with this memory."""
        last: dict[int, int] = {}
        for at, call in enumerate(self.calls):
            for each in (*call.values(), *call.outs):
                if each is not None:
                    last[id(each.root)] = at
        return last

    def _slot(self, value: Value) -> int:
        known = self._slot_of.get(id(value))
        if known is None:
            known = self._slot_of[id(value)] = len(self.slots)
            self.slots.append(value.real if value.const else None)
            self._plain.append(value)
        return known

    def _constant(self, value: Any) -> int:
        self.slots.append(value)
        return len(self.slots) - 1

    def _arg(self, arg: Any) -> Any:
        if isinstance(arg, Value):
            return self._slot(arg)
        if isinstance(arg, (list, tuple)) and any(isinstance(each, Value) for each in flat(arg)):
            return [self._arg(each) for each in arg]
        return self._constant(arg)

    def steps(self) -> list[Step]:
        """The steps in order."""
        made: list[Step] = []
        for at, call in enumerate(self.calls):
            args = [self._arg(each) for each in call.args]
            if call.kind in (Kind.BUFFERED, Kind.GROWN) and (buffer := self._buffer(call, at)) is not None:
                args.append(buffer)
            made.append(self._step(call, args))
            if self.bytes > LARGE and (drops := self._dying(at)):
                made.append((DROP, None, None, drops, None, None))
        return made

    def _step(self, call: Call, args: list[Any]) -> Step:
        if call.several:
            return (
                SEVERAL,
                call.fn,
                [None if each is None else self._slot(each) for each in call.outs],
                args,
                None,
                None,
            )
        (out,) = call.outs
        slot = None if out is None else self._slot(out)
        if slot is None:  # it is called for what it may raise
            return SEVERAL, _called(call.fn), [None], args, None, None
        if not 1 <= len(args) <= 3 or any(isinstance(each, list) for each in args):
            return LISTS, call.fn, slot, args, None, None
        return (len(args), call.fn, slot, *args, *[None] * (3 - len(args)))

    def _buffer(self, call: Call, at: int) -> int | None:
        """The slot of an operand that an elementwise call may write its result into."""
        (out,) = call.outs
        assert out is not None
        if not isinstance(out.real, np.ndarray) or not out.shape:
            return None
        for each in call.values()[: 1 if call.kind is Kind.GROWN else None]:
            real = each.real
            if (
                id(each) in self._fresh
                and each.root is each
                and self._last[id(each)] == at
                and id(each) not in self._kept
                and isinstance(real, np.ndarray)
                and (real.shape, real.dtype, real.strides) == (out.shape, out.dtype, out.real.strides)
            ):
                self._take_over(each, out, at)
                return self._slot(each)
        return None

    def _take_over(self, old: Value, new: Value, at: int) -> None:
        """The memory of one value is another's now: it is in use as long as that is."""
        self._last[id(old)] = -1

    def _dying(self, at: int) -> tuple[int, ...]:
        """The slots whose memory nobody needs after a call."""
        found = []
        for each in (*self.calls[at].values(), *self.calls[at].outs):
            if each is None or each.const or id(each.root) in self._kept or id(each.root) in self._inputs:
                continue
            if self._last[id(each.root)] <= at:
                found.append(self._slot(each))
        return tuple(dict.fromkeys(found))


def _needed(calls: Sequence[Call], outputs: Sequence[Value | None]) -> list[Call]:
    """The calls that the outputs depend on, in order."""
    wanted = {id(each) for each in outputs if each is not None}
    kept = []
    for call in reversed(calls):
        if call.kind is Kind.CHECK or any(each is not None and id(each) in wanted for each in call.outs):
            kept.append(call)
            wanted.update(id(each) for each in call.values())
    return kept[::-1]
