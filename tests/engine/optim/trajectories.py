"""The runs of optimizers that are compared step by step: the same text on PyTorch and on the engine.

`python -m tests.engine.optim.trajectories` records anew what PyTorch computes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("recorded.json")
STEPS = 6
DIGITS = {"float32": 9, "float16": 5, "bfloat16": 4}  # that tell any two values of these dtypes apart
REAL, COMPLEX = ("float64", "float32"), ("complex128",)


@dataclass(frozen=True)
class Case:
    """An optimizer with its options, over parameters of one dtype; `second` are options of a group of its own."""

    optimizer: str
    options: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float64"
    second: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        parts = [self.optimizer, *(f"{name}={value}" for name, value in self.options.items()), self.dtype]
        return "-".join([*parts, "second"] if self.second is not None else parts)


def cases() -> list[Case]:
    """Every option of every optimizer, alone and with those it meets."""
    made = [
        Case(optimizer, options, dtype)
        for optimizer, variants in VARIANTS.items()
        for options in variants
        for dtype in (*REAL, *COMPLEX)
    ]
    made += [Case(name, {"lr": 0.05}, "float64", {"lr": 0.2, "weight_decay": 0.1}) for name in GROUPED]
    made += [Case(name, {"lr": 0.05}, dtype) for name in ("SGD", "Adam") for dtype in ("float16", "bfloat16")]
    return made


VARIANTS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"lr": 0.02},
        {"lr": 0.02, "momentum": 0.9},
        {"lr": 0.02, "momentum": 0.9, "dampening": 0.5},
        {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"lr": 0.001, "momentum": 0.5, "maximize": True, "weight_decay": 0.1},
    ],
    "Adam": [
        {},
        {"lr": 0.1, "amsgrad": True},
        {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.01, "weight_decay": 0.1},
        {"lr": 0.1, "maximize": True},
    ],
    "AdamW": [{}, {"lr": 0.1, "weight_decay": 0.2}, {"lr": 0.1, "amsgrad": True, "maximize": True}],
    "RMSprop": [
        {},
        {"lr": 0.1, "centered": True},
        {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
        {"lr": 0.05, "momentum": 0.5, "centered": True, "alpha": 0.9, "eps": 0.01, "maximize": True},
    ],
    "Adagrad": [
        {},
        {"lr": 0.5, "lr_decay": 0.1, "weight_decay": 0.1},
        {"lr": 0.5, "initial_accumulator_value": 0.3, "eps": 0.01, "maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.5, "eps": 0.01, "weight_decay": 0.1, "maximize": True}],
    "Adamax": [{}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.01, "weight_decay": 0.1, "maximize": True}],
    "NAdam": [
        {},
        {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.5},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
    "RAdam": [
        {},
        {"lr": 0.01, "betas": (0.5, 0.9), "weight_decay": 0.1},
        {"lr": 0.001, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
    "Rprop": [{}, {"lr": 0.5, "etas": (0.2, 2), "step_sizes": (0.01, 0.7)}, {"lr": 0.1, "maximize": True}],
    "ASGD": [
        {},
        {"lr": 0.02, "lambd": 0.5, "alpha": 0.5, "t0": 2, "weight_decay": 0.1},
        {"lr": 0.001, "maximize": True, "t0": 0},
    ],
    "LBFGS": [
        {"lr": 0.1, "max_iter": 3},
        {"max_iter": 2, "line_search_fn": "strong_wolfe"},
        {"lr": 0.2, "max_iter": 4, "history_size": 2, "max_eval": 3},
    ],
}
GROUPED = [name for name in VARIANTS if name not in ("Rprop", "LBFGS")]


def parameters(torch: Any, dtype: str, device: str = "cpu") -> list[Any]:
    """A vector and a number."""
    kind = getattr(torch, dtype)
    values: list[Any] = [[0.5 + 0.25j, -1.5 + 1.0j], 2.0 - 0.5j]
    if not kind.is_complex:
        values = [[0.5, -1.5], 2.0]
    return [torch.tensor(each, dtype=kind, device=device, requires_grad=True) for each in values]


def loss_of(w: Any, b: Any) -> Any:
    """Rosenbrock's valley with a wave: curved, not convex, real also for complex parameters."""
    if w.is_complex():
        w, b = w.real * 1.5 + w.imag**2, b.real - 0.5 * b.imag
    return 3 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2 + (b - w.sum()) ** 2 + (3 * b).sin()


def trajectory(torch: Any, case: Case, device: str = "cpu") -> list[list[float]]:
    """The loss and all parameters, as real numbers, after each step."""
    params = parameters(torch, case.dtype, device)
    groups = params if case.second is None else [{"params": params[:1]}, {"params": params[1:], **case.second}]
    optimizer = getattr(torch.optim, case.optimizer)(groups, **case.options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of(*params)
        loss.backward()
        return loss

    found = []
    for _ in range(STEPS):
        loss = optimizer.step(closure).item()
        found.append([loss, *(number for each in params for number in numbers(each))])
    return found


def numbers(tensor: Any) -> list[float]:
    """All values of a tensor as real numbers."""
    values = tensor.detach().reshape(-1).tolist()
    return [part for each in values for part in ((each.real, each.imag) if isinstance(each, complex) else (each,))]


def record() -> None:
    """Write what PyTorch computes."""
    import torch

    lines = []
    for case in cases():
        found = trajectory(torch, case)
        assert all(math.isfinite(number) for row in found for number in row), case.id
        digits = DIGITS.get(case.dtype, 17)
        shortened = [[float(f"{number:.{digits}g}") for number in row] for row in found]
        lines.append(f"{json.dumps(case.id)}: {json.dumps(shortened)}")
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()
