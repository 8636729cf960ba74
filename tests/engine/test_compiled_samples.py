"""Plans of single ops: with other values of the same shapes each gives, to the last bit, what the op gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import engine as torch
from engine.compiled import Untraceable, compile_function, same_results
from tests.engine.samples.base import Array, Sample, run, tensors_of, weights
from tests.engine.support import ON_CPU

SHARE = 4  # one sample in so many is tried: all of them take half a minute
CHOSEN = [each for each in ON_CPU if not each.drawn and each.seed % SHARE == 0]
LEAST = 0.85  # of the samples have plans
# A statistic that is kept in place: the plan is refused because it gives something else.
REFUSED = {"nn.functional.batch_norm-statistics"}


def function_of(sample: Sample) -> Callable[[list[Any]], list[torch.Tensor]]:
    def function(tensors: list[Any]) -> list[torch.Tensor]:
        return [each for each in tensors_of(run(sample, torch, tensors)) if isinstance(each, torch.Tensor)]

    return function


def interpreted(sample: Sample, arrays: Sequence[Array], wrt: list[int], seeds: list[Any] | None) -> list[Any]:
    """Outputs and gradients of the op itself; the cotangents are drawn where there are none yet."""
    tensors = [torch.tensor(each).requires_grad_(at in wrt) for at, each in enumerate(arrays)]
    outputs = function_of(sample)(tensors)
    if seeds is None:
        seeds = cotangents_of(sample, outputs)
    used = [(one, torch.tensor(seed)) for one, seed in zip(outputs, seeds, strict=True) if seed is not None]
    grads: Sequence[Any] = [None] * len(wrt)
    if used and wrt:
        roots, flows = zip(*used, strict=True)
        grads = torch.autograd.grad(roots, [tensors[at] for at in wrt], flows, allow_unused=True)
    return [None if each is None else np.array(each._array) for each in (*outputs, *grads)]


def cotangents_of(sample: Sample, outputs: list[torch.Tensor]) -> list[Any]:
    return [weights(sample, nr, each._array) if each.requires_grad else None for nr, each in enumerate(outputs)]


def verdict(sample: Sample) -> str:
    """What comes of a sample: `plan`, `none`, or a sentence of what is wrong."""
    arrays = [np.ascontiguousarray(each.array).reshape(each.array.shape) for each in sample.inputs]
    wrt = [at for at, each in enumerate(sample.inputs) if each.differentiable]
    tensors = [torch.tensor(each).requires_grad_(at in wrt) for at, each in enumerate(arrays)]
    try:
        seeds = cotangents_of(sample, function_of(sample)(tensors))
        wanted = interpreted(sample, arrays, wrt, seeds)
    except (RuntimeError, NotImplementedError):
        return "none"  # one that has no gradient
    try:
        plan = compile_function(function_of(sample), [torch.tensor(each) for each in arrays], wrt, seeds)
    except (Untraceable, TypeError):
        return "none"
    flows = [each for each in seeds if each is not None]
    if not same_results(plan.run([*arrays, *flows]), wanted):
        return "gives something else at once"
    rng = np.random.default_rng(sample.seed)
    moved = [rng.permutation(each.reshape(-1)).reshape(each.shape) for each in arrays]
    try:
        wanted = interpreted(sample, moved, wrt, seeds)
    except (RuntimeError, IndexError, ValueError):
        return "plan"  # values that the op refuses
    return "plan" if same_results(plan.run([*moved, *flows]), wanted) else "gives something else for other values"


def test_plans_of_ops_give_every_bit_for_other_values() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {each.id: verdict(each) for each in CHOSEN if each.id not in REFUSED}
    assert {name: each for name, each in found.items() if each not in ("plan", "none")} == {}
    assert sum(each == "plan" for each in found.values()) > LEAST * len(found)
