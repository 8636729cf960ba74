"""What an op does besides computing: grad mode, defaults, random state, and what watches the engine.

All of it stands in one `Context`; each thread has a current one. A session activates its own for the time of a
request, so that sessions cannot see each other's modes and threads need no locks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from engine import dtypes, errors
from engine.devices import CPU, Device
from engine.random import Generator

if TYPE_CHECKING:
    from engine.anomaly import Anomaly
    from engine.guard import Guard
    from engine.tangents import Tangents
    from engine.undo import UndoLog


def _watched(name: str, doc: str) -> Any:
    """A field that takes the fast paths away while it is set."""
    slot = f"_{name}"

    def write(ctx: Context, value: Any) -> None:
        setattr(ctx, slot, value)
        ctx._inference_seen = ctx._inference_seen or ctx._inference  # its tensors may be met again later
        ctx.plain = not (
            ctx._guard or ctx._anomaly or ctx._saved_hooks or ctx._inference_seen or ctx._dual_level or ctx._clone_saved
        )

    return property(attrgetter(slot), write, doc=doc)  # read in C: every op asks


class Context:
    """The modes of one flow of ops.

    `plain` is True while nothing has to be told about an op beyond recording it; the fast paths ask only for that.
    """

    guard: Guard | None = _watched("guard", "Who is asked before an op allocates, or None.")
    anomaly: Anomaly | None = _watched("anomaly", "Anomaly mode's settings, or None.")
    saved_hooks: tuple[Any, ...] = _watched("saved_hooks", "Pairs of pack and unpack hooks, the innermost last.")
    inference: bool = _watched("inference", "Whether inference mode is on.")
    dual_level: Tangents | None = _watched("dual_level", "The tangents of the open level of forward mode, or None.")
    clone_saved: bool = _watched("clone_saved", "Whether saved tensors are copied, so that they may be overwritten.")

    def __init__(self, dtype: dtypes.DType = dtypes.float32, device: Device = CPU, seed: int | None = None) -> None:
        self.grad_enabled = True
        self.default_dtype = dtype
        self.default_device = device
        self.generator = Generator(seed)
        self.log: UndoLog | None = None
        self._guard = self._anomaly = None
        self._saved_hooks: tuple[Any, ...] = ()
        self._inference = self._inference_seen = self._clone_saved = False
        self._dual_level = None
        self.plain = True

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


@contextmanager
def activate(ctx: Context) -> Iterator[Context]:
    """Make `ctx` this thread's context for the block."""
    previous = state.ctx
    state.ctx = ctx
    try:
        # NumPy's error state belongs to a contextvars context, which a thread pool may change between two calls.
        with np.errstate(all="ignore"):
            yield ctx
    finally:
        state.ctx = previous


class _GradMode(ContextDecorator):
    """A context manager and decorator that sets grad mode and puts the old one back."""

    mode: bool

    def __init__(self) -> None:
        self._previous: list[bool] = []

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[override]
        return super().__call__(func)

    def __enter__(self) -> Self:
        self._previous.append(state.ctx.grad_enabled)
        state.ctx.grad_enabled = self.mode
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.grad_enabled = self._previous.pop()


class no_grad(_GradMode):  # torch's name
    """Ops inside record no graph."""

    mode = False


class enable_grad(_GradMode):  # torch's name
    """Ops inside record the graph again, within `no_grad`."""

    mode = True


class set_grad_enabled(_GradMode):  # torch's name
    """Sets grad mode at once; as a context manager puts the old one back at the end."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise errors.bad_type(
                f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        super().__init__()
        self.mode = mode
        self._before = state.ctx.grad_enabled
        state.ctx.grad_enabled = mode

    def __enter__(self) -> Self:
        super().__enter__()
        self._previous[-1] = self._before
        return self


class inference_mode(ContextDecorator):
    """Ops inside record nothing, and their results can never be recorded later."""

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._previous: list[tuple[bool, bool]] = []

    def __enter__(self) -> Self:
        ctx = state.ctx
        self._previous.append((ctx.inference, ctx.grad_enabled))
        ctx.inference = self.mode
        ctx.grad_enabled = not self.mode
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.inference, state.ctx.grad_enabled = self._previous.pop()


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on in this thread."""
    return state.ctx.inference


def is_grad_enabled() -> bool:
    """Whether ops record the graph in this thread."""
    return state.ctx.grad_enabled


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


def manual_seed(seed: int) -> Generator:
    """Seed the current generator (any int64 or uint64; negative ones wrap) and return it."""
    ctx = state.ctx
    if ctx.log is not None:
        ctx.log.generator(ctx.generator)
    return ctx.generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed the current generator started from."""
    return state.ctx.generator.initial_seed()
