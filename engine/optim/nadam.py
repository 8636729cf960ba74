"""NAdam."""

from __future__ import annotations

from typing import Any

from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count, written
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor

Pair = tuple[float, float]


class NAdam(Elementwise):
    """Adam with Nesterov's momentum (Dozat). Raises ValueError."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
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
        checks.not_negative("momentum_decay value", options["momentum_decay"])
        checks.implementation(options)

    def scalars(self, group: Group) -> dict[str, float]:
        """The product of all momenta so far."""
        return {"step": 0.0, "mu_product": 1.0}

    def buffers(self, group: Group) -> tuple[str, ...]:
        """Both averages."""
        return "exp_avg", "exp_avg_sq"

    def writes(self, group: Group) -> int:
        """The gradient and the average are added one after the other."""
        return super().writes(group) + 1

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """The weights of the averages, the factors of gradient and average, the root's correction, eps, decay."""
        step = count(state)
        beta1, beta2 = map(float, group["betas"])
        lr, decay = float(group["lr"]), float(group["momentum_decay"])
        now, after = (beta1 * (1.0 - 0.5 * 0.96 ** (each * decay)) for each in (step, step + 1))
        product = written(state["mu_product"])
        product *= now
        so_far = float(product)
        factors = lr * (1 - now) / (1 - so_far), lr * after / (1 - so_far * after)
        return beta1, beta2, *factors, 1 - beta2**step, float(group["eps"]), self.shrinking(group)

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= (a * g + b * average) / (sqrt(average of squares / correction) + eps)`."""
        beta1, beta2, of_gradient, of_average, correction, eps, decay = rates
        average, squares = buffers
        if decay != 1:
            p *= decay
        average += (g - average) * (1 - beta1)
        squares *= beta2
        squares += g * g * (1 - beta2)
        t = squares / correction
        xp.sqrt(t, out=t)
        t += eps
        p -= g / t * of_gradient
        xp.divide(average, t, out=t)
        t *= of_average
        p -= t
