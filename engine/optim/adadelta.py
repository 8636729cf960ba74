"""Adadelta."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor


class Adadelta(Elementwise):
    """Gradients scaled by the root of past steps over that of past gradients (Zeiler). Raises ValueError."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Raises as the constructor does."""
        checks.learning_rate(options["lr"])
        if not 0.0 <= checks.number("rho", options["rho"]) <= 1.0:
            raise errors.bad_value(f"Invalid rho value: {options['rho']}")
        checks.not_negative("epsilon value", options["eps"])
        checks.not_negative("weight_decay value", options["weight_decay"])
        checks.implementation(options)

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The averages of squared gradients and of squared steps."""
        return "square_avg", "acc_delta"

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """Rate, the weight of the averages, eps."""
        count(state)
        return float(group["lr"]), float(group["rho"]), float(group["eps"])

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= lr * delta`, where `delta = g * sqrt(steps + eps) / sqrt(squares + eps)`."""
        lr, rho, eps = rates
        squares, steps = buffers
        squares *= rho
        squares += g * g * (1 - rho)
        delta = xp.sqrt(steps + eps)
        delta /= xp.sqrt(squares + eps)
        delta *= g
        steps *= rho
        steps += delta * delta * (1 - rho)
        p -= delta * lr
