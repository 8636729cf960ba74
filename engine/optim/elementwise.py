"""Optimizers that update each parameter by itself, element by element.

They compute on bare arrays and in place, each parameter where it lies. What a subclass says: which `buffers` of a
parameter's shape it keeps and which `scalars` (always on the host), the numbers of a step (`rates`), and the `update`
of one real array. A complex parameter is updated as two real ones; halves are computed in float32 and rounded once.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from engine import arrays, construct, dtypes, modes
from engine.modes import enable_grad
from engine.optim.optimizer import Closure, Group, Optimizer
from engine.optim.writing import Array, ask_guard, check_devices, opened, release
from engine.tensor import Tensor, wrap

State = dict[str, Any]
TEMPORARIES = 3  # arrays of the parameter's size that an update makes, at most


class Elementwise(Optimizer):
    """The loop over groups and parameters."""

    scalars: ClassVar[dict[str, float]] = {"step": 0.0}

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The names of the arrays that go with each parameter of a group."""
        return ()

    def initial(self, name: str, group: Group) -> float:
        """What a new buffer is filled with."""
        return 0.0

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """The numbers of this step of one parameter; counts the step. `first`: a buffer is new."""
        raise NotImplementedError

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """Write the new values of a parameter and its buffers; `g` must not be written."""
        raise NotImplementedError

    def step(self, closure: Closure | None = None) -> Any:
        """Update every parameter that has a gradient; returns what `closure` returns."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._log()
        for group in self.param_groups:
            names = self.buffers(group)
            for param in group["params"]:
                if param._grad is not None:
                    self._step_one(param, param._grad._array, names, group)
        return loss

    def _step_one(self, param: Tensor, grad: Array, names: tuple[str, ...], group: Group) -> None:
        ctx = modes.state.ctx
        size = TEMPORARIES * param.nbytes
        ask_guard(size)
        check_devices(param._array, grad)
        state, first = self._begin(param, names, group)
        rates = self.rates(group, state, first)
        written = [opened(param, ctx), *(opened(state[name], ctx) for name in names)]
        backend = arrays.backend_of(grad)
        if backend is arrays.NUMPY:
            self._compute(np, rates, written, grad, group)
        else:
            with backend.on_device_of(grad):
                self._compute(backend.xp, rates, written, grad, group)
        release(size)

    def _begin(self, param: Tensor, names: tuple[str, ...], group: Group) -> tuple[State, bool]:
        """The state of a parameter, with all that belongs to it, and whether a buffer is new.

        Raises MemoryError (`too_large`) before anything is allocated.
        """
        if not (names or self.scalars):
            return {}, True
        state: State = self.state[param]
        missing = [name for name in names if state.get(name) is None]
        if missing:
            ask_guard(len(missing) * param.nbytes)
        for name, value in self.scalars.items():
            if name not in state:
                state[name] = scalar(value)
        for name in missing:
            state[name] = _filled_like(param, self.initial(name, group))
        return state, bool(missing)

    def _compute(self, xp: Any, rates: Any, written: list[Array], grad: Array, group: Group) -> None:
        kind = grad.dtype.kind
        if not grad.shape:  # NumPy's results of 0-d arrays are no arrays
            written, grad = [each.reshape(1) for each in written], grad.reshape(1)
        halves = grad.dtype in dtypes.HALF_TYPES
        wide = [each.astype(np.float32) for each in written] if halves else written
        grad = _directed(grad.astype(np.float32) if halves else grad, wide[0], group)
        if kind == "c":
            self.update(xp, rates, wide[0].real, grad.real, *(each.real for each in wide[1:]))
            self.update(xp, rates, wide[0].imag, grad.imag, *(each.imag for each in wide[1:]))
        else:
            self.update(xp, rates, wide[0], grad, *wide[1:])
        if halves:
            for narrow, each in zip(written, wide, strict=True):
                narrow[...] = each


def _directed(grad: Array, param: Array, group: Group) -> Array:
    """The gradient with its sign and weight decay."""
    if group["maximize"]:
        grad = -grad
    decay = float(group.get("weight_decay", 0))
    if decay == 0 or group.get("decoupled_weight_decay"):
        return grad
    decayed = param * decay
    decayed += grad
    return decayed


def scalar(value: float) -> Tensor:
    """A number of the state as torch keeps it: a tensor on the host, float64 where that is the default dtype."""
    wide = modes.state.ctx.default_dtype is dtypes.float64
    return construct.tensor(value, dtype=dtypes.float64 if wide else dtypes.float32, device="cpu")


def count(state: State) -> float:
    """One step more; how many there were with it."""
    array = opened(state["step"], modes.state.ctx)
    array += 1
    return float(array)


def _filled_like(param: Tensor, value: float) -> Tensor:
    """A new array beside a parameter; of a complex one both parts have the value."""
    array = param._array
    backend = arrays.backend_of(array)
    number = complex(value, value) if array.dtype.kind == "c" else value
    with backend.on_device_of(array):
        return wrap(backend.xp.full_like(array, number) if value else backend.xp.zeros_like(array))
