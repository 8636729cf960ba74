"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.optim import checks
from engine.optim.elementwise import Elementwise, State
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor


class SGD(Elementwise):
    """Gradient descent, with momentum (its buffer starts as the first gradient) or Nesterov's.

    Raises ValueError for a negative rate, momentum or weight decay, or for Nesterov's without plain momentum.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Raises as the constructor does."""
        checks.learning_rate(options["lr"], nan=True)
        checks.not_negative("momentum value", options["momentum"], nan=True)
        checks.not_negative("weight_decay value", options["weight_decay"], nan=True)
        dampening = checks.number("dampening", options["dampening"])
        if options["nesterov"] and (options["momentum"] <= 0 or dampening != 0):
            raise errors.bad_value("Nesterov momentum requires a momentum and zero dampening")
        checks.implementation(options)

    def scalars(self, group: Group) -> dict[str, float]:
        """None."""
        return {}

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The momentum, if there is any."""
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """Rate, momentum, dampening (None for the first gradient), whether Nesterov's."""
        dampening = None if first else float(group["dampening"])
        return float(group["lr"]), float(group["momentum"]), dampening, group["nesterov"]

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= lr * g`, where `g` is the momentum if there is any."""
        lr, momentum, dampening, nesterov = rates
        for buffer in buffers:
            if dampening is None:
                buffer[...] = g
            else:
                buffer *= momentum
                buffer += g * (1 - dampening) if dampening else g
            g = g + buffer * momentum if nesterov else buffer
        p -= g * lr
