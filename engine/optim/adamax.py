"""Adamax."""

from __future__ import annotations

from typing import Any

from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor

Pair = tuple[float, float]


class Adamax(Elementwise):
    """Adam with the largest decayed gradient in the place of the root (Kingma and Ba). Raises ValueError."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Raises as the constructor does."""
        checks.learning_rate(options["lr"])
        checks.not_negative("epsilon value", options["eps"])
        checks.betas(options["betas"])
        checks.not_negative("weight_decay value", options["weight_decay"])
        checks.implementation(options)

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The average of gradients and the largest."""
        return "exp_avg", "exp_inf"

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """The weights of the averages, the size of the step, eps."""
        step = count(state)
        beta1, beta2 = map(float, group["betas"])
        return beta1, beta2, float(group["lr"]) / (1 - beta1**step), float(group["eps"])

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= size * average / largest`."""
        beta1, beta2, size, eps = rates
        average, largest = buffers
        average += (g - average) * (1 - beta1)
        largest *= beta2
        t = xp.abs(g)
        t += eps
        xp.maximum(largest, t, out=largest)
        xp.divide(average, largest, out=t)
        t *= size
        p -= t
