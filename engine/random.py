"""`torch.random`: the random numbers of the current context, and the states of generators as tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine import arrays, errors
from engine.generator import WORDS, Generator
from engine.modes import initial_seed, manual_seed, state
from engine.tensor import Tensor, wrap


def get_rng_state() -> Tensor:
    """The state of the current generator, a tensor of bytes to be handed back to `set_rng_state`."""
    return get_state(state.ctx.generator)


def set_rng_state(new_state: Any) -> None:
    """Continue from a state that `get_rng_state` gave; raises what `Generator.set_state` does."""
    set_state(state.ctx.generator, new_state)


def seed() -> int:
    """Seed the current generator with a number that nobody can guess; returns it."""
    ctx = state.ctx
    if ctx.log is not None:
        ctx.log.generator(ctx.generator)
    return ctx.generator.seed()


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **_: Any) -> Iterator[None]:
    """A block after which the current generator stands where it did before; nothing of the sort if not `enabled`."""
    generator = state.ctx.generator
    before = generator.position() if enabled else None
    try:
        yield
    finally:
        if before is not None:
            generator.restore(before)


def get_state(self: Generator) -> Tensor:
    """The seed and the position in the stream as a tensor of bytes."""
    return wrap(self.words().view(np.uint8))


def set_state(self: Generator, new_state: Any) -> Generator:
    """Continue from a state that `get_state` gave.

    Raises TypeError for anything but a tensor of bytes, RuntimeError for one of another size.
    """
    if not isinstance(new_state, Tensor):
        raise errors.bad_type(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
    words = arrays.to_host(new_state._array)
    if words.dtype != np.uint8:
        raise errors.bad_type("RNG state must be a torch.ByteTensor")
    if words.size != 8 * WORDS:
        start = f"Expected a CPUGeneratorImplState of size {8 * WORDS}"
        raise errors.bad_argument(f"{start} but found the input RNG state size to be {words.size}")
    if state.ctx.log is not None:
        state.ctx.log.generator(self)
    self.read(np.ascontiguousarray(words).reshape(-1).view(np.uint64))
    return self


def __getattr__(name: str) -> Any:
    if name == "default_generator":
        return state.ctx.generator
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


__all__ = [
    "fork_rng",
    "get_rng_state",
    "get_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "set_state",
]
