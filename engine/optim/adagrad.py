"""Adagrad."""

from __future__ import annotations

from typing import Any

from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor


class Adagrad(Elementwise):
    """Gradients over the root of the sum of all their squares. Raises ValueError for a negative option."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        for group in self.param_groups:
            for param in group["params"]:
                self._begin(param, ("sum",), group)

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Raises as the constructor does."""
        checks.learning_rate(options["lr"])
        for name in ("lr_decay", "weight_decay", "initial_accumulator_value"):
            checks.not_negative(f"{name} value", options[name])
        checks.not_negative("epsilon value", options["eps"])
        checks.implementation(options)

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The sum of squares."""
        return ("sum",)

    def initial(self, name: str, group: Group) -> float:
        """What the sum starts from: one value for all groups."""
        return float(self.defaults["initial_accumulator_value"])

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """The decayed rate, and eps."""
        step = count(state)
        return float(group["lr"]) / (1 + (step - 1) * float(group["lr_decay"])), float(group["eps"])

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= rate * g / (sqrt(sum of squares) + eps)`."""
        rate, eps = rates
        total = buffers[0]
        t = g * g
        total += t
        xp.sqrt(total, out=t)
        t += eps
        xp.divide(g, t, out=t)
        t *= rate
        p -= t
