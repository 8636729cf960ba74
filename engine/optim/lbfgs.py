"""L-BFGS: quasi-Newton steps from the last changes of parameters and gradient."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from types import NoneType
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors, modes
from engine.grad_mode import enable_grad, no_grad
from engine.optim import checks
from engine.optim.line_search import Number, Point, strong_wolfe
from engine.optim.optimizer import Closure, Group, Optimizer
from engine.optim.writing import Array, ask_guard, check_devices, check_fits, opened
from engine.tensor import Tensor, wrap

HISTORY = ("old_dirs", "old_stps", "ro")  # changes of the gradient, of the parameters, one over their product
CURVED = 1e-10  # a change with less curvature than this is not remembered


class LBFGS(Optimizer):
    """Limited-memory BFGS over all parameters as one vector; one group only, on one device.

    A step evaluates the closure several times: up to `max_iter` iterations, `max_eval` evaluations. `line_search_fn` is
    None (steps of length `lr`) or `"strong_wolfe"`. Raises ValueError for a negative rate or a second group.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = checks.integer("max_iter", max_iter) * 5 // 4
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise errors.bad_value("LBFGS doesn't support per-parameter options (parameter groups)")

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Raises as the constructor does."""
        checks.learning_rate(options["lr"])
        for name in ("tolerance_grad", "tolerance_change"):
            checks.number(name, options[name])
        for name in ("max_iter", "max_eval", "history_size"):
            checks.integer(name, options[name])
        if options["history_size"] < 1:
            raise errors.bad_value(f"Invalid history_size value: {options['history_size']}")

    def validate_state(self, state: Any, group: Group) -> None:
        """Raises TypeError unless the state is as a step has left it."""
        kinds: dict[str, tuple[type, ...]] = {
            **dict.fromkeys(("func_evals", "n_iter"), (int,)),
            **dict.fromkeys(("d", "prev_flat_grad"), (Tensor, NoneType)),
            **dict.fromkeys(("t", "H_diag", "prev_loss"), (int, float, Tensor, NoneType)),
            **dict.fromkeys(HISTORY, (list,)),
        }
        begun = isinstance(state, dict) and state.get("n_iter")
        if not isinstance(state, dict) or (begun and kinds.keys() - state.keys()):
            raise errors.bad_type("the state of LBFGS is not whole")
        for name, kind in kinds.items():
            if name in state and not isinstance(state[name], kind):
                raise errors.bad_type(f"{name} of the state must not be a {type(state[name]).__name__}")
        lists = [state.get(name, []) for name in HISTORY]
        if len(set(map(len, lists))) > 1 or not all(isinstance(each, Tensor) for one in lists for each in one):
            raise errors.bad_type("the history of LBFGS must be tensors, as many in each list")

    def step(self, closure: Closure | None = None) -> Any:
        """Minimize for up to `max_iter` iterations; returns what `closure` returned first.

        Raises RuntimeError for an unknown line search, TypeError without a closure.
        """
        if closure is None:
            raise errors.bad_type("LBFGS.step() missing 1 required positional argument: 'closure'")
        if len(self.param_groups) != 1:
            raise errors.coded(
                AssertionError, "bad_argument", f"Expected exactly one param_group, but got {len(self.param_groups)}"
            )
        group = self.param_groups[0]
        if not group["params"]:
            raise errors.bad_value("optimizer got an empty parameter list")
        self._log()
        first = group["params"][0]._array
        backend = arrays.backend_of(first)
        block = nullcontext() if backend is arrays.NUMPY else backend.on_device_of(first)
        with no_grad(), block:
            return _Run(group, self.state[group["params"][0]], closure).minimize()


class _Run:
    """One call of `step`: the group's options, the state that calls share, and what this one has evaluated."""

    def __init__(self, group: dict[str, Any], state: dict[str, Any], closure: Closure) -> None:
        self.group, self.state, self.closure = group, state, closure
        self.params: list[Tensor] = group["params"]
        self.shapes = [param._array.shape for param in self.params]
        self.evaluated = 0
        self.xp = arrays.backend_of(self.params[0]._array).xp
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

    def minimize(self) -> Any:
        """The iterations; what a call leaves for the next goes back into the state."""
        state, group = self.state, self.group
        result = self._evaluated_closure()
        loss, gradient = _loss(result), self._flat_gradient()
        if self._is_flat(gradient):
            return result
        direction, step = _array(state.get("d")), state.get("t")
        step = step._array[()] if isinstance(step, Tensor) else step
        previous = _array(state.get("prev_flat_grad"))
        if previous is not None:
            check_fits(previous, gradient)
        previous_loss = state.get("prev_loss")
        rate = float(group["lr"])
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction = self._new(gradient)
                self.xp.negative(gradient, out=direction)
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
                step = min(1.0, 1.0 / _host(self.xp.abs(gradient).sum())) * rate
            else:
                self._remember(gradient, previous, direction, step)
                direction = self._newton(gradient)
                step = rate
            previous, previous_loss = gradient, loss
            slope = _host(gradient.dot(direction))
            if slope > -float(group["tolerance_change"]):
                break
            point = self._advanced(Point(0, loss, gradient, slope), direction, step, iteration)
            step, loss, gradient = point.step, point.loss, point.gradient
            if iteration == group["max_iter"] or self._is_done(point, direction, previous_loss):
                break
        state["d"], state["t"], state["prev_flat_grad"] = map(_kept, (direction, step, previous))
        state["prev_loss"] = previous_loss
        return result

    def _advanced(self, start: Point, direction: Array, step: Number, iteration: int) -> Point:
        """Moves the parameters; the point they are at now."""
        search = self.group["line_search_fn"]
        if search is None:
            self._move(direction, step)
            if iteration == self.group["max_iter"]:
                return Point(step, start.loss, start.gradient, start.slope)  # nobody will ask how it is there
            return Point(step, _loss(self._evaluated_closure()), self._flat_gradient(), None)
        if search != "strong_wolfe":
            raise errors.bad_argument("only 'strong_wolfe' is supported")
        origin = [self._new(param._array) for param in self.params]
        for copy, param in zip(origin, self.params, strict=True):
            copy[...] = param._array
        longest = _host(self.xp.abs(direction).max())
        tolerance, most = 1e-9, self.group["max_eval"] - self.evaluated
        at = partial(self._at, origin, direction)
        point, _ = strong_wolfe(at, start, step, longest=longest, tolerance=tolerance, most=most)
        self._move(direction, point.step)
        return point

    def _at(self, origin: list[Array], direction: Array, step: Number) -> tuple[float, Array, Number]:
        """Loss, gradient and slope at a step along the direction; the parameters come back to where they were."""
        self._move(direction, step)
        loss, gradient = _loss(self._evaluated_closure()), self._flat_gradient()
        for param, values in zip(self.params, origin, strict=True):
            opened(param, modes.state.ctx)[...] = values
        return loss, gradient, _host(gradient.dot(direction))

    def _evaluated_closure(self) -> Any:
        self.evaluated += 1
        self.state["func_evals"] += 1
        with enable_grad():
            return self.closure()

    def _is_flat(self, gradient: Array) -> bool:
        return bool(self.xp.abs(gradient).max() <= float(self.group["tolerance_grad"]))

    def _is_done(self, point: Point, direction: Array, previous_loss: float) -> bool:
        """Whether evaluations are used up, the gradient is flat, or nothing changes any more."""
        least = float(self.group["tolerance_change"])
        if self.evaluated >= self.group["max_eval"] or self._is_flat(point.gradient):
            return True
        return bool(self.xp.abs(direction * point.step).max() <= least) or abs(point.loss - previous_loss) < least

    # -- the approximation of the Hessian -----------------------------------------------------------------------

    def _remember(self, gradient: Array, previous: Array, direction: Array, step: Number) -> None:
        """Keep the last change, if there was curvature along it."""
        state = self.state
        change, moved = self._new(gradient), self._new(gradient)
        self.xp.subtract(gradient, previous, out=change)
        self.xp.multiply(direction, step, out=moved)
        curvature = change.dot(moved)
        if not curvature > CURVED:
            return
        for name, value in zip(HISTORY, (change, moved, 1.0 / curvature), strict=True):
            state[name].append(wrap(arrays.as_array(value)))
            del state[name][: -self.group["history_size"]]
        state["H_diag"] = wrap(arrays.as_array(curvature / change.dot(change)))

    def _newton(self, gradient: Array) -> Array:
        """The direction: minus the approximate inverse Hessian times the gradient, by the two loops."""
        state = self.state
        lists = [state[name] for name in HISTORY]
        pairs = [tuple(each._array for each in group) for group in zip(*lists, strict=True)]
        direction = self._new(gradient)
        self.xp.negative(gradient, out=direction)
        weights = []
        for change, moved, ratio in reversed(pairs):
            weights.append(moved.dot(direction) * ratio)
            direction -= change * weights[-1]
        direction *= _array(state["H_diag"])
        for (change, moved, ratio), weight in zip(pairs, reversed(weights), strict=True):
            direction += moved * (weight - change.dot(direction) * ratio)
        return direction

    # -- the parameters as one vector ---------------------------------------------------------------------------

    def _flat_gradient(self) -> Array:
        """All gradients in one vector of real numbers; zeros where there is none."""
        parts = []
        for param in self.params:
            grad = self.xp.zeros_like(param._array) if param._grad is None else param._grad._array
            check_fits(param._array, grad)
            check_devices(self.params[0]._array, grad)
            if grad.dtype in dtypes.HALF_TYPES:
                grad = grad.astype(np.float32)
            flat = self.xp.ascontiguousarray(grad).reshape(-1)
            parts.append(flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat)
        shapes = [param._array.shape for param in self.params]
        if shapes != self.shapes:
            raise errors.shape_mismatch("a parameter changed its shape while LBFGS was at it")
        total = sum(each.nbytes for each in parts)
        if not total:
            raise errors.bad_argument(
                "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
                "the 'dim' argument."
            )
        ask_guard(total)
        return self.xp.concatenate(parts)

    def _move(self, direction: Array, step: Number) -> None:
        """Add a multiple of the direction to the parameters."""
        at = 0
        for param in self.params:
            array = opened(param, modes.state.ctx)
            is_complex = array.dtype.kind == "c"
            size = 2 * array.size if is_complex else array.size
            moved = direction[at : at + size] * step
            if is_complex:
                moved = moved.astype(array.real.dtype, copy=False).view(array.dtype)
            array += moved.reshape(array.shape).astype(array.dtype, copy=False)
            at += size

    def _new(self, like: Array) -> Array:
        """An empty array of the same kind, of which the guard knows."""
        ask_guard(like.nbytes)
        return self.xp.empty_like(like)


def _loss(value: Any) -> float:
    """What a closure returned, as a number.

    Raises ValueError or TypeError.
    """
    try:
        return float(value)
    except TypeError as error:
        raise errors.bad_type(str(error)) from None


def _array(value: Any) -> Any:
    return value._array if isinstance(value, Tensor) else value


def _kept(value: Any) -> Any:
    """An array or NumPy scalar as a tensor of the state; None and Python's numbers as they are."""
    return value if value is None or type(value) in (int, float) else wrap(arrays.as_array(value))


def _host(value: Any) -> Any:
    """A 0-d result as a NumPy scalar on the host."""
    return arrays.to_host(arrays.as_array(value))[()]
