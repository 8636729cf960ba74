"""Rprop."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.optim import checks
from engine.optim.elementwise import Elementwise, State, count
from engine.optim.optimizer import Group
from engine.optim.writing import Array
from engine.tensor import Tensor

Pair = tuple[float, float]


class Rprop(Elementwise):
    """Steps of sizes that grow while the gradient keeps its sign, and shrink where it turns. Raises ValueError."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: Pair = (0.5, 1.2),
        step_sizes: Pair = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
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
        low, high = checks.pair("etas", options["etas"])
        if not 0.0 < low < 1.0 < high:
            raise errors.bad_value(f"Invalid eta values: {low}, {high}")
        checks.pair("step_sizes", options["step_sizes"])
        checks.implementation(options)

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The gradient before and the sizes."""
        return "prev", "step_size"

    def initial(self, name: str, group: Group) -> float:
        """The sizes start as the rate."""
        return float(group["lr"]) if name == "step_size" else 0.0

    def rates(self, group: Group, state: State, first: bool) -> Any:
        """The factors of shrinking and growing, the least and the largest size."""
        count(state)
        return *map(float, group["etas"]), *map(float, group["step_sizes"])

    @staticmethod
    def update(xp: Any, rates: Any, p: Array, g: Array, *buffers: Array) -> None:
        """`p -= sign(g) * size`; nothing where the gradient has just turned."""
        shrink, grow, least, most = rates
        before, size = buffers
        factor = xp.sign(g * before)
        factor[factor > 0] = grow
        factor[factor < 0] = shrink
        factor[factor == 0] = 1
        size *= factor
        xp.clip(size, least, most, out=size)
        before[...] = g
        before[factor == shrink] = 0
        p -= xp.sign(before) * size
