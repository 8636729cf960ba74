"""RAdam."""

from __future__ import annotations

from typing import Any

from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor

Pair = tuple[float, float]


class RAdam(Elementwise):
    """Adam that begins without the root, until its variance can be told (Liu et al.). Raises ValueError."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
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
        """Both averages."""
        return "exp_avg", "exp_avg_sq"

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """The weights of the averages, the size of the step, the factor over the root (None without it), eps, decay."""
        step = count(state)
        beta1, beta2 = map(float, group["betas"])
        correction = 1 - beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction  # of the average, in gradients
        factor = None
        if length > 5.0:
            ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            factor = (ratio * correction) ** 0.5
        size = float(group["lr"]) / (1 - beta1**step)
        return beta1, beta2, size, factor, float(group["eps"]), self.shrinking(group)

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= size * average * factor / (sqrt(average of squares) + eps)`."""
        beta1, beta2, size, factor, eps, decay = rates
        average, squares = buffers
        if decay != 1:
            p *= decay
        average += (g - average) * (1 - beta1)
        squares *= beta2
        squares += g * g * (1 - beta2)
        t = average * size
        if factor is not None:
            root = xp.sqrt(squares)
            root += eps
            t *= factor
            t /= root
        p -= t
