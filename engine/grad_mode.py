"""`torch.no_grad` and its kin: context managers and decorators that set grad mode and inference mode."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self

from engine import errors
from engine.modes import state


class ModeDecorator:
    """A context manager that also decorates functions and generators, a fresh copy of it for each call."""

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        raise NotImplementedError

    def clone(self) -> Self:
        """Another manager of the same mode."""
        return self.__class__()

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function, run under the mode."""
        if inspect.isgeneratorfunction(func):
            return _stepwise(func, self.clone)

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return func(*args, **kwargs)

        return wrapper


def _stepwise(func: Callable[..., Any], manager: Callable[[], ModeDecorator]) -> Callable[..., Any]:
    """A generator function whose body, and only it, runs under the mode."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = func(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(next, inner)
        while True:
            try:
                with manager():
                    value = step()
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield value
            except GeneratorExit:
                with manager():
                    inner.close()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in goes to the body
                step = functools.partial(inner.throw, error)
            else:
                step = functools.partial(inner.send, sent)

    return wrapper


class _GradMode(ModeDecorator):
    """Sets grad mode to `mode`; `no_grad` needs no parentheses as a decorator."""

    mode: bool

    def __new__(cls, func: Callable[..., Any] | None = None) -> Any:
        return object.__new__(cls) if func is None else cls()(func)

    def __init__(self, func: Callable[..., Any] | None = None) -> None:
        self._previous = False

    def __enter__(self) -> None:
        self._previous = state.ctx.grad_enabled
        state.ctx.grad_enabled = self.mode

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.grad_enabled = self._previous


class no_grad(_GradMode):  # torch's name
    """Ops inside record no graph."""

    mode = False


class enable_grad(_GradMode):  # torch's name
    """Ops inside record the graph again, within `no_grad`."""

    mode = True


class set_grad_enabled(ModeDecorator):  # torch's name
    """Sets grad mode at once; as a context manager or decorator puts the old one back."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise errors.bad_type(
                f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        self.mode = mode
        self._previous = state.ctx.grad_enabled
        state.ctx.grad_enabled = mode

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function; the mode set at once was none of the caller's."""
        state.ctx.grad_enabled = self._previous
        return super().__call__(func)

    def __enter__(self) -> None:
        """Nothing: the mode is set."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.grad_enabled = self._previous

    def __repr__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"

    def clone(self) -> set_grad_enabled:
        """Another manager of the same mode."""
        return set_grad_enabled(self.mode)


class inference_mode(ModeDecorator):  # torch's name
    """Ops inside record nothing, and their results can never be recorded later."""

    def __new__(cls, mode: Any = True) -> Any:
        """A manager; for a function, as a decorator without parentheses, the decorated function."""
        return object.__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._previous: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        ctx = state.ctx
        self._previous.append((ctx.inference, ctx.grad_enabled))
        ctx.inference = self.mode
        ctx.grad_enabled = not self.mode

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.inference, state.ctx.grad_enabled = self._previous.pop()

    def clone(self) -> inference_mode:
        """Another manager of the same mode."""
        return inference_mode(self.mode)


class set_multithreading_enabled(ModeDecorator):  # torch's name
    """Remembers whether backward may use threads; here it runs in its caller's thread either way."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._previous = state.ctx.multithreading
        state.ctx.multithreading = mode

    def __enter__(self) -> None:
        """Nothing: the mode is set."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.multithreading = self._previous

    def clone(self) -> set_multithreading_enabled:
        """Another manager of the same mode."""
        return set_multithreading_enabled(self.mode)


def is_multithreading_enabled() -> bool:
    """What `set_multithreading_enabled` was told; True at first."""
    return state.ctx.multithreading


__all__ = [
    "ModeDecorator",
    "enable_grad",
    "inference_mode",
    "is_multithreading_enabled",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]
