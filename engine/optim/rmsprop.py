"""RMSprop."""

from __future__ import annotations

from typing import Any

from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor


class RMSprop(Elementwise):
    """Gradients over the root of the moving average of their squares, or `centered` of their variance.

    Raises ValueError for a negative option.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Raises as the constructor does."""
        checks.learning_rate(options["lr"])
        checks.not_negative("epsilon value", options["eps"])
        for name in ("momentum", "weight_decay", "alpha"):
            checks.not_negative(f"{name} value", options[name])
        checks.implementation(options)

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The average of squares, the momentum and the average of gradients, as far as they are used."""
        momentum = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return ("square_avg", *momentum, *(("grad_avg",) if group["centered"] else ()))

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """Rate, momentum, the weight of the averages, eps."""
        count(state)
        return (
            float(group["lr"]),
            float(group["momentum"]),
            float(group["alpha"]),
            float(group["eps"]),
            group["centered"],
        )

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= lr * g / (sqrt(average of squares) + eps)`, with momentum."""
        lr, momentum, alpha, eps, centered = rates
        squares = buffers[0]
        t = g * g
        t *= 1 - alpha
        squares *= alpha
        squares += t
        if centered:
            average = buffers[-1]
            xp.subtract(g, average, out=t)
            t *= 1 - alpha
            average += t
            xp.multiply(average, average, out=t)
            xp.subtract(squares, t, out=t)
            xp.sqrt(t, out=t)
        else:
            xp.sqrt(squares, out=t)
        t += eps
        xp.divide(g, t, out=t)
        if momentum > 0:
            velocity = buffers[1]
            velocity *= momentum
            velocity += t
            xp.multiply(velocity, lr, out=t)
        else:
            t *= lr
        p -= t
