"""Random numbers from a counter-based stream: the same seed gives the same numbers on every machine and device.

Numbers are drawn on the host (Philox, Salmon et al. 2011, NumPy's implementation) and moved to the device, so that a
program does not change its results with the device it runs on. torch's own bits are not reproduced.
"""

from __future__ import annotations

import math
import secrets
from typing import Any

import numpy as np

from engine import errors
from engine.devices import CPU, Device

State = dict[str, Any]


FIRST_SEED = 67280421310721  # of a generator that nobody has seeded, as torch's
WORDS = 14  # of 64 bits, in a generator's state


class Generator:
    """A `torch.Generator`: a seed and a position in its stream.

    Raises RuntimeError for another device than the host.
    """

    __slots__ = ("_seed", "_stream")

    def __init__(self, device: Any = CPU) -> None:
        if Device(device).type != "cpu":
            raise errors.device_unavailable("random numbers are drawn on the host: a generator has the device cpu")
        self._seed = FIRST_SEED
        self._stream: np.random.Generator | None = None

    @property
    def _rng(self) -> np.random.Generator:
        """The stream, made when first drawn from: few requests draw, and it takes longer than a small op."""
        if self._stream is None:
            self._stream = np.random.Generator(np.random.Philox(self._seed))
        return self._stream

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of `seed` from its beginning.

        Raises RuntimeError if the seed does not fit 64 bits.
        """
        self._seed = _checked(seed)
        self._stream = None
        return self

    @property
    def device(self) -> Device:
        """Where numbers are drawn: the host."""
        return CPU

    def initial_seed(self) -> int:
        """The seed of the current stream."""
        return self._seed

    def seed(self) -> int:
        """Start the stream of a seed that nobody can guess; returns it."""
        self.manual_seed(secrets.randbits(63))
        return self._seed

    def position(self) -> tuple[int, State]:
        """The seed and the position, to be handed back to `restore`."""
        return self._seed, dict(self._rng.bit_generator.state)

    def restore(self, saved: tuple[int, State]) -> None:
        """Continue from a position that `position` gave."""
        self._seed, position = saved
        self._rng.bit_generator.state = position

    def words(self) -> np.ndarray[Any, Any]:
        """The seed and the position as 64-bit words."""
        state = self._rng.bit_generator.state
        inner, rest = state["state"], (state["buffer_pos"], state["has_uint32"], state["uinteger"])
        listed = [self._seed, *inner["counter"], *inner["key"], *state["buffer"], *rest]
        return np.array([int(each) for each in listed], np.uint64)

    def read(self, words: np.ndarray[Any, Any]) -> None:
        """Continue from what `words` gave."""
        if words[11] > 4 or words[12] > 1 or words[13] > 2**32 - 1:
            raise errors.bad_argument("the RNG state is none that a generator gave")
        position = dict(self._rng.bit_generator.state)
        position["state"] = {"counter": words[1:5].copy(), "key": words[5:7].copy()}
        position["buffer"] = words[7:11].copy()
        position |= dict(zip(("buffer_pos", "has_uint32", "uinteger"), (int(each) for each in words[11:]), strict=True))
        self.restore((int(words[0]), position))

    def clone_state(self) -> Generator:
        """Another generator at the same position."""
        made = Generator()
        made.restore(self.position())
        return made

    def get_offset(self) -> int:
        """Raises RuntimeError: a generator on the host has none."""
        raise errors.bad_argument("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """Raises RuntimeError: a generator on the host has none."""
        raise errors.bad_argument("CPU Generator does not use offset")

    def uniform(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
        """Uniform numbers in [0, 1), as either part of complex ones."""
        if dtype.kind == "c":
            return _joined(self._rng.random, shape, dtype, 1.0)
        if dtype == np.float64:
            return self._rng.random(shape)
        drawn: np.ndarray[Any, Any] = self._rng.random(shape, dtype=np.float32)
        if dtype.itemsize == 2:  # rounding to a half type could reach 1.0: draw as many bits as it holds
            bits = 256 if dtype.kind != "f" else 2048
            drawn *= bits
            drawn = np.floor(drawn, out=drawn)
            drawn /= bits
        return drawn.astype(dtype, copy=False)

    def normal(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
        """Standard normal numbers; a complex one has variance 1/2 in each part."""
        if dtype.kind == "c":
            return _joined(self._rng.standard_normal, shape, dtype, math.sqrt(0.5))
        if dtype == np.float64:
            return self._rng.standard_normal(shape)
        return self._rng.standard_normal(shape, dtype=np.float32).astype(dtype, copy=False)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Integers in [low, high), int64."""
        return self._rng.integers(low, high, shape)

    def bernoulli(self, p: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Bools that are True with probability `p`, a number or an array that broadcasts to `shape`."""
        drawn = self._rng.random(shape, dtype=np.float32 if isinstance(p, float) else np.float64)
        return np.asarray(drawn < p)

    def open_uniform(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Uniform numbers in (0, 1), float64: neither end, so that logarithms and tangents are finite."""
        drawn = self._rng.integers(0, 1 << 52, shape)
        return np.asarray((drawn + 0.5) * 2.0**-52)

    def exponential(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Exponential numbers of rate 1, float64, above 0."""
        return np.asarray(-np.log(self.open_uniform(shape)))

    def poisson(self, rates: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Poisson numbers of the given rates, int64."""
        return np.asarray(self._rng.poisson(rates))

    def binomial(self, trials: np.ndarray[Any, Any], chance: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """How many of so many trials succeed, each with its chance, int64."""
        return np.asarray(self._rng.binomial(trials, chance))

    def permutation(self, n: int) -> np.ndarray[Any, Any]:
        """A random order of 0 to n - 1, int64."""
        return self._rng.permutation(n)


def room(dtype: np.dtype[Any]) -> int:
    """The bytes held for each number beside itself: half types are drawn as float32, complex ones part by part."""
    return 8 if dtype.kind == "c" else 4 if dtype.itemsize == 2 else 0


def _joined(draw: Any, shape: tuple[int, ...], dtype: np.dtype[Any], scale: float) -> np.ndarray[Any, Any]:
    """Complex numbers: all real parts are drawn, then all imaginary ones, in float64."""
    joined = np.empty(shape, dtype)
    for part in (joined.real, joined.imag):
        drawn = np.asarray(draw(shape))
        drawn *= scale
        part[...] = drawn
        del drawn
    return joined


def seeded(seed: int | None) -> Generator:
    """A generator with a seed, or one that nobody can guess."""
    made = Generator()
    return made.manual_seed(secrets.randbits(63) if seed is None else seed)


def _checked(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise errors.bad_argument(f"manual_seed expected a long, but got {type(seed).__name__}")
    if not -(2**63) <= seed < 2**64:
        raise errors.bad_value("Overflow when unpacking long long")
    return seed % 2**64
