"""What an op does besides computing: grad mode, defaults, random state, and what watches the engine.

All of it stands in one `Context`; each thread has a current one. A session activates its own for the time of a
request, so that sessions cannot see each other's modes and threads need no locks.
"""

from __future__ import annotations

import threading
import warnings
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import dtypes, errors
from engine.devices import CPU, Device
from engine.generator import Generator, seeded

if TYPE_CHECKING:
    from engine.anomaly import Anomaly
    from engine.batching import Batch
    from engine.guard import Guard
    from engine.tangents import Tangents
    from engine.undo import UndoLog


def _watched(name: str, doc: str) -> Any:
    """A field that takes the fast paths away while it is set."""
    slot = f"_{name}"

    def write(ctx: Context, value: Any) -> None:
        setattr(ctx, slot, value)
        ctx._inference_seen = ctx._inference_seen or ctx._inference  # its tensors may be met again later
        others = ctx._anomaly or ctx._saved_hooks or ctx._inference_seen or ctx._dual_level or ctx._batch
        ctx.plain = not (ctx._guard or others)
        ctx.lone_guard = None if others else ctx._guard

    return property(attrgetter(slot), write, doc=doc)  # read in C: every op asks


class Context:
    """The modes of one flow of ops.

    `plain` is True while nothing has to be told about an op beyond recording it; the fast paths ask only for that.
    `lone_guard` is the guard where nobody else has to be told: they ask it whether it spares an op.
    """

    guard: Guard | None = _watched("guard", "Who is asked before an op allocates, or None.")
    anomaly: Anomaly | None = _watched("anomaly", "Anomaly mode's settings, or None.")
    saved_hooks: tuple[Any, ...] = _watched("saved_hooks", "Pairs of pack and unpack hooks, the innermost last.")
    inference: bool = _watched("inference", "Whether inference mode is on.")
    batch: Batch | None = _watched("batch", "What depends on an entry of the batch that `vmap` runs, or None.")
    dual_level: Tangents | None = _watched("dual_level", "The tangents of the open level of forward mode, or None.")

    def __init__(self, dtype: dtypes.DType = dtypes.float32, device: Device = CPU, seed: int | None = None) -> None:
        self.grad_enabled = True
        self.default_dtype = dtype
        self.default_device = device
        self.generator = seeded(seed)
        self.log: UndoLog | None = None
        self.walk: Any = None  # the innermost backward pass that runs
        self.recorder: Any = None  # of `engine.compiled`, which takes every op while it is set
        self._guard = self._anomaly = None
        self._saved_hooks: tuple[Any, ...] = ()
        self._inference = self._inference_seen = False
        self._dual_level = self._batch = None
        self.multithreading = True
        self.transforms: list[str] = []  # the transforms of `torch.func` that are running, the innermost last
        self.warn_always = False
        self.warned: set[str] = set()  # the warnings given once already
        self.plain = True
        self.lone_guard: Guard | None = None

    @property
    def recording(self) -> bool:
        """Whether ops record the graph."""
        return self.grad_enabled and not self._inference


class _State(threading.local):
    """The current context of each thread."""

    def __init__(self) -> None:
        # torch computes inf and nan silently; NumPy's error state is per thread, and np.errstate an op costs 1 us.
        np.seterr(all="ignore")
        self.ctx = Context()


state = _State()


class activate:  # used as a function
    """Make `ctx` this thread's context for a `with` block."""

    __slots__ = ("_ctx", "_errors", "_previous")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        # NumPy's error state belongs to a contextvars context, which a thread pool may change between two calls.
        self._errors = np.errstate(all="ignore")

    def __enter__(self) -> Context:
        self._previous = state.ctx
        state.ctx = self._ctx
        self._errors.__enter__()
        return self._ctx

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._errors.__exit__(kind, error, tb)
        state.ctx = self._previous


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on in this thread."""
    return state.ctx.inference


def is_grad_enabled() -> bool:
    """Whether ops record the graph in this thread."""
    return state.ctx.grad_enabled


def is_warn_always_enabled() -> bool:
    """Whether warnings that are given once are given every time."""
    return state.ctx.warn_always


def set_warn_always(mode: bool) -> None:
    """Give warnings that are given once every time, or no longer."""
    state.ctx.warn_always = mode


def warn(text: str, category: type[Warning] = UserWarning, level: int = 2) -> None:
    """Warn, but not in a context with an undo log, which is a server's: whoever should read it would not see it."""
    if state.ctx.log is None:
        warnings.warn(text, category, stacklevel=level + 1)


def warn_once(text: str, category: type[Warning] = UserWarning, level: int = 2) -> None:
    """Warn, unless the same was said in this context before and `set_warn_always` is off."""
    ctx = state.ctx
    if ctx.log is None and (ctx.warn_always or text not in ctx.warned):
        ctx.warned.add(text)
        warn(text, category, level + 1)


def get_default_dtype() -> dtypes.DType:
    """The dtype of tensors made from Python floats."""
    return state.ctx.default_dtype


def set_default_dtype(dtype: dtypes.DType) -> None:
    """Set the dtype of tensors made from Python floats.

    Raises TypeError unless it is a real floating dtype.
    """
    if not isinstance(dtype, dtypes.DType):
        raise errors.bad_type("invalid dtype object: only floating-point types are supported as the default type")
    if not dtype.is_floating_point:
        raise errors.bad_type("only floating-point types are supported as the default type")
    state.ctx.default_dtype = dtype


def manual_seed(seed: Any) -> Generator:
    """Seed the current generator with what `int` makes of a value (an int64 or uint64; negative ones wrap).

    Returns it. Raises ValueError or TypeError for what is no integer, or one beyond.
    """
    ctx = state.ctx
    try:
        seed = int(seed)
    except ValueError as error:
        raise errors.bad_value(str(error)) from None
    except TypeError as error:
        raise errors.bad_type(str(error)) from None
    if ctx.log is not None:
        ctx.log.generator(ctx.generator)
    return ctx.generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed the current generator started from."""
    return state.ctx.generator.initial_seed()
