"""Plans of functions: from the second call with the same shapes on, what can be compiled is run as a list of kernels.

A plan is used only after it has given, bit for bit, what the interpreter gave. It is kept by the hash of the function
and the shapes and dtypes of the arguments, with others of the same tenant, the longest unused dropped first.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.functions.applying import apply
from app.functions.definition import Definition
from engine import arrays
from engine.compiled import Plan, compile_function, same_results
from engine.dtypes import DType
from engine.modes import state
from engine.tensor import Size, Tensor, wrap

MOST_PLANS = 256
MOST_BYTES = 32 * 2**20  # that they hold
CALL_BYTES = 500  # of one call of a plan, beside constants
MOST_SECONDS = 1.0  # that a call may take to be compiled: recording takes as long again

Results = tuple[list[Tensor], list[Tensor | None]]  # outputs, and gradients where they were asked for


class Status(enum.Enum):
    """What is known of a signature without a plan."""

    NEW = "never called"
    CALLED = "called once"
    NONE = "there can be no plan"


@dataclass(frozen=True, slots=True)
class Like:
    """What an output is like, for cotangents to be read before there is one."""

    shape: Size
    dtype: DType
    requires_grad: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A plan with what its outputs are like."""

    plan: Plan
    outputs: tuple[Like, ...]


Entry = Ready | Status
Cotangents = Callable[[Sequence[Any]], Sequence[Tensor | None]]  # for outputs, or what they are like


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be evaluated: a function at some arguments, with gradients by those at `wrt` if there are any.

    `given` tells which outputs have a cotangent, and `cotangents` makes these; `interpret` gives the results without a
    plan.
    """

    definition: Definition
    values: Sequence[Any]
    wrt: Sequence[int]
    given: tuple[bool, ...]
    cotangents: Cotangents
    interpret: Callable[[], Results]

    @property
    def key(self) -> Any:
        """What two requests share that one plan can serve, or None where no plan can."""
        parts = tuple(_part(each) for each in self.values)
        if None in parts or not self.definition.may_compile:
            return None
        return self.definition.hash, parts, tuple(self.wrt), self.given, state.ctx.default_dtype

    def arguments(self, outputs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The arrays that a plan is run with: of the tensors among the arguments, and of the cotangents, None for none.

        Raises what `cotangents` raises, and ValueError for one that must be told about by the interpreter.
        """
        seeds = [None if each is None else _fitted(each, like) for each, like in self._pairs(outputs)]
        return [each._array for each in self.values if isinstance(each, Tensor)], seeds

    def _pairs(self, outputs: Sequence[Any]) -> Iterable[tuple[Tensor | None, Any]]:
        return zip(self.cotangents(outputs), outputs, strict=True) if self.wrt else ()


class Plans:
    """The plans of a tenant's functions. Threads share them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, Entry] = OrderedDict()  # the longest unused first
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many plans there are."""
        with self._lock:
            return sum(isinstance(each, Ready) for each in self._kept.values())

    def evaluate(self, request: Request) -> Results:
        """Outputs and gradients, by a plan where there is one."""
        key = request.key
        if key is None:
            return request.interpret()
        known = self._look(key)
        if isinstance(known, Ready):
            return _run(known, request) or request.interpret()  # what cannot run is told by the interpreter
        started = time.monotonic()
        results = request.interpret()
        if known is Status.NEW:
            self._keep(key, Status.CALLED)
        elif known is Status.CALLED:
            quick = time.monotonic() - started < MOST_SECONDS
            self._keep(key, _compiled(request, results) if quick else Status.NONE)
        return results

    def _look(self, key: Any) -> Entry:
        with self._lock:
            known = self._kept.get(key)
            if known is None:
                return Status.NEW
            self._kept.move_to_end(key)
            return known

    def _keep(self, key: Any, entry: Entry) -> None:
        with self._lock:
            self._bytes += _bytes_of(entry) - _bytes_of(self._kept.pop(key, Status.NEW))
            self._kept[key] = entry
            while len(self._kept) > MOST_PLANS or self._bytes > MOST_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= _bytes_of(dropped)


def _bytes_of(entry: Entry) -> int:
    return entry.plan.constant_bytes + CALL_BYTES * entry.plan.size if isinstance(entry, Ready) else 0


def _part(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return (type(value), repr(value))
    if value.is_cuda or not value.is_contiguous():
        return None
    return tuple(value.shape), value.dtype


def _fitted(cotangent: Tensor, output: Any) -> Any:
    """The array of a cotangent in the form that backward begins with."""
    if (
        cotangent.shape != output.shape
        or cotangent.dtype.is_complex != output.dtype.is_complex
        or cotangent.is_cuda
        or not cotangent.is_contiguous()
    ):
        raise ValueError("a cotangent that the interpreter looks at")
    return cotangent.to(output.dtype)._array


def _compiled(request: Request, results: Results) -> Entry:
    """The plan, if there is one that gives these results."""
    definition = request.definition
    outputs, grads = results
    try:
        arguments, seeds = request.arguments(outputs)
        plan = compile_function(lambda given: apply(definition, given), request.values, request.wrt, seeds or None)
        made = plan.run([*arguments, *[each for each in seeds if each is not None]], _tick)
    except Exception:  # noqa: BLE001  # whatever it is, the interpreter has given the results
        return Status.NONE
    wanted = [None if each is None else each._array for each in (*outputs, *grads)]
    if not same_results(made, wanted):
        return Status.NONE
    return Ready(plan, tuple(Like(each.shape, each.dtype) for each in outputs))


def _run(ready: Ready, request: Request) -> Results | None:
    """What the plan gives; None where it cannot run, or might take more memory than there is."""
    guard = state.ctx.guard
    if guard is not None and guard.total_bytes is not None and guard.used + ready.plan.bytes > guard.total_bytes:
        return None
    try:
        arguments, seeds = request.arguments(ready.outputs)
        made = ready.plan.run([*arguments, *[each for each in seeds if each is not None]], _tick)
    except TimeoutError:
        raise
    except Exception:  # noqa: BLE001  # a singular matrix, say: the interpreter tells where
        return None
    tensors = [None if each is None else wrap(arrays.as_array(each)) for each in made]
    count = len(ready.outputs)
    return [each for each in tensors[:count] if each is not None], tensors[count:]


def _tick() -> None:
    if state.ctx.guard is not None:
        state.ctx.guard.tick()
