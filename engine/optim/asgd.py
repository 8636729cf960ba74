"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count, written
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor


class ASGD(Elementwise):
    """Gradient descent with a decaying rate; `ax` of the state averages the parameters from step `t0` on.

    Raises ValueError for a negative rate or weight decay.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
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
        checks.not_negative("weight_decay value", options["weight_decay"])
        for name in ("lambd", "alpha", "t0"):
            checks.number(name, options[name])
        checks.implementation(options)

    def scalars(self, group: Group) -> dict[str, float]:
        """The rate of the next step, and the weight of its result in the average."""
        return {"step": 0.0, "eta": float(group["lr"]), "mu": 1.0}

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The average of the parameter."""
        return ("ax",)

    def writes(self, group: Group) -> int:
        """The parameter is shrunk, then moved."""
        return 2

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """Rate, shrinking, and the weight of the result in the average; those of the next step go into the state."""
        step = count(state)
        eta, mu = written(state["eta"]), written(state["mu"])
        now = float(eta), 1 - float(group["lambd"]) * float(eta), float(mu)
        lr = np.float64(group["lr"])  # NumPy's: a negative `lambd` may make this infinite or NaN
        eta[...] = lr / (1 + float(group["lambd"]) * lr * step) ** float(group["alpha"])
        mu[...] = 1 / max(1.0, step - float(group["t0"]))
        return now

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p = shrinking * p - rate * g`."""
        rate, shrinking, weight = rates
        average = buffers[0]
        p *= shrinking
        p -= g * rate
        if weight == 1:
            average[...] = p
        else:
            average += (p - average) * weight
