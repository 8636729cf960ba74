"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor

Pair = tuple[float, float]


class Adam(Elementwise):
    """Steps by the moving average of gradients over the root of that of their squares (Kingma and Ba).

    `amsgrad` divides by the largest such root so far; `decoupled_weight_decay` makes it AdamW. Raises ValueError.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Raises as the constructor does."""
        checks.learning_rate(options["lr"])
        checks.not_negative("epsilon value", options["eps"])
        checks.betas(options["betas"])
        if len({isinstance(beta, Tensor) for beta in options["betas"]}) > 1 or int in map(type, options["betas"]):
            raise errors.bad_value("betas must be either both floats or both Tensors")
        checks.not_negative("weight_decay value", options["weight_decay"])
        checks.implementation(options)

    def buffers(self, group: Group) -> tuple[str, ...]:
        """Both averages, with `amsgrad` the largest second one too."""
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """The weights of the averages, the size of the step, the root's correction, eps, the factor of decay."""
        step = count(state)
        beta1, beta2 = map(float, group["betas"])
        size, correction = float(group["lr"]) / (1 - beta1**step), (1 - beta2**step) ** 0.5
        return beta1, beta2, size, correction, float(group["eps"]), self.shrinking(group)

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= size * average / (sqrt(average of squares) / correction + eps)`."""
        beta1, beta2, size, correction, eps, decay = rates
        average, squares = buffers[:2]
        if decay != 1:
            p *= decay
        t = g - average
        t *= 1 - beta1
        average += t
        xp.multiply(g, g, out=t)
        t *= 1 - beta2
        squares *= beta2
        squares += t
        if len(buffers) == 3:
            squares = xp.maximum(buffers[2], squares, out=buffers[2])
        xp.sqrt(squares, out=t)
        t /= correction
        t += eps
        xp.divide(average, t, out=t)
        t *= size
        p -= t


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself (Loshchilov and Hutter). Raises ValueError."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
