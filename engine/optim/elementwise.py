"""Optimizers that update each parameter by itself, element by element.

They compute on bare arrays and in place, each parameter where it lies. What a subclass says: which `buffers` of a
parameter's shape it keeps and which `scalars` (always on the host), the numbers of a step (`rates`), and the `update`
of one real array. A complex parameter is updated as two real ones; halves are computed in float32 and rounded once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import arrays, construct, dtypes, errors, modes
from engine.grad_mode import enable_grad
from engine.optim.optimizer import Closure, Group, Optimizer
from engine.optim.writing import Array, ask_guard, check_fits, opened, release
from engine.tensor import Tensor, wrap

State = dict[str, Any]
BLOCK = 1 << 16  # elements that are computed at once on a CPU: a few arrays of them stay in the cache
TEMPORARIES = 3  # arrays of the parameter's size that an update makes, at most


class Elementwise(Optimizer):
    """The loop over groups and parameters."""

    def scalars(self, group: Group) -> dict[str, float]:
        """The numbers that go with each parameter, as they start."""
        return {"step": 0.0}

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The names of the arrays that go with each parameter of a group."""
        return ()

    def initial(self, name: str, group: Group) -> float:
        """What a new buffer is filled with."""
        return 0.0

    def validate_state(self, state: Any, group: Group) -> None:
        """Raises TypeError unless buffers are tensors, and numbers tensors of one element on the host."""
        if not isinstance(state, dict):
            raise errors.bad_type("the state of a parameter must be a dict")
        for name in self.buffers(group):
            if state.get(name) is not None and not isinstance(state[name], Tensor):
                raise errors.bad_type(f"{name} of the state must be a tensor")
        for name in self.scalars(group):
            value = state.get(name, _ONE)
            if not (
                isinstance(value, Tensor) and value.is_floating_point() and value.numel() == 1 and not value.is_cuda
            ):
                raise errors.bad_type(f"{name} of the state must be a tensor of one float on the CPU")

    def writes(self, group: Group) -> int:
        """How often torch writes the parameter in a step, which its version tells."""
        return 2 if self.shrinking(group) != 1 else 1

    def shrinking(self, group: Group) -> float:
        """The factor of weight decay that acts on the parameter itself."""
        decoupled = group.get("decoupled_weight_decay") and group["weight_decay"] != 0
        return 1 - float(group["lr"]) * float(group["weight_decay"]) if decoupled else 1.0

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
        check_fits(param._array, grad)
        state, first = self._begin(param, names, group)
        for name in names:
            check_fits(state[name]._array, grad)
        try:
            rates = self.rates(group, state, first)
        except ArithmeticError as error:  # a `step` that was never counted
            raise errors.bad_value(str(error)) from None
        opens = [opened(param, ctx), *(opened(state[name], ctx) for name in names)]
        param._counter[0] += self.writes(group) - 1
        backend = arrays.backend_of(grad)
        if backend is arrays.NUMPY:
            self._compute(np, rates, opens, grad, group)
        else:
            with backend.on_device_of(grad):
                self._compute(backend.xp, rates, opens, grad, group)
        release(size)

    def _begin(self, param: Tensor, names: tuple[str, ...], group: Group) -> tuple[State, bool]:
        """The state of a parameter, with all that belongs to it, and whether a buffer is new.

        Raises MemoryError (`too_large`) before anything is allocated.
        """
        scalars = self.scalars(group)
        if not (names or scalars):
            return {}, True
        state: State = self.state[param]
        missing = [name for name in names if state.get(name) is None]
        if missing:
            ask_guard(len(missing) * param.nbytes)
        for name, value in scalars.items():
            if name not in state:
                state[name] = scalar(value)
        for name in missing:
            state[name] = _filled_like(param, self.initial(name, group))
        return state, bool(missing)

    def _compute(self, xp: Any, rates: Any, opens: list[Array], grad: Array, group: Group) -> None:
        """Block by block, where that spares large temporary arrays and the page faults that come with them."""
        if xp is not np or grad.size <= BLOCK or not all(each.flags.c_contiguous for each in (grad, *opens)):
            self._compute_block(xp, rates, opens, grad, group)
            return
        flat, grad = [each.reshape(-1) for each in opens], grad.reshape(-1)
        for start in range(0, grad.size, BLOCK):
            cut = slice(start, start + BLOCK)
            self._compute_block(xp, rates, [each[cut] for each in flat], grad[cut], group)

    def _compute_block(self, xp: Any, rates: Any, opens: list[Array], grad: Array, group: Group) -> None:
        """`update` on arrays of at least one dimension, real and not half."""
        kind = grad.dtype.kind
        if not grad.shape:  # NumPy's results of 0-d arrays are no arrays
            opens, grad = [each.reshape(1) for each in opens], grad.reshape(1)
        halves = grad.dtype in dtypes.HALF_TYPES
        wide = [each.astype(np.float32) for each in opens] if halves else opens
        grad = _directed(grad.astype(np.float32) if halves else grad, wide[0], group)
        if kind == "c":
            self.update(xp, rates, wide[0].real, grad.real, *(each.real for each in wide[1:]))
            self.update(xp, rates, wide[0].imag, grad.imag, *(each.imag for each in wide[1:]))
        else:
            self.update(xp, rates, wide[0], grad, *wide[1:])
        if halves:
            for narrow, each in zip(opens, wide, strict=True):
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
    array = written(state["step"])
    array += 1
    return float(array)


def written(number: Tensor) -> Array:
    """The array of a number of the state, to be written."""
    return opened(number, modes.state.ctx)


def _filled_like(param: Tensor, value: float) -> Tensor:
    """A new array beside a parameter; of a complex one both parts have the value."""
    array = param._array
    backend = arrays.backend_of(array)
    number = complex(value, value) if array.dtype.kind == "c" else value
    with backend.on_device_of(array):
        return wrap(backend.xp.full_like(array, number) if value else backend.xp.zeros_like(array))


_ONE = scalar(1.0)
