"""What the catalogue says of gradients is what flows: samples of composed ops, run with all their tensors tracked."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

import engine as torch
from app.differentiability import differentiable
from engine.arguments import bind
from engine.dtypes import parse
from engine.kinds import TENSOR_KINDS
from engine.op import registry
from tests.engine.samples import SAMPLES
from tests.engine.samples.base import Dtype, In, Sample, fresh

ENOUGH = 30  # samples of an op that are run
SHARED = {
    "positive",
    "cpu",
    "conj_physical",
    "contiguous",
    "resolve_conj",
    "resolve_neg",
}  # they may answer with the leaf itself


def given(value: Any, leaves: list[Any]) -> Any:
    """An argument of a sample for the engine; floating-point tensors require grad and are added to `leaves`."""
    if isinstance(value, In):
        tensor = torch.from_numpy(fresh(value.array))
        if tensor.is_floating_point() or tensor.is_complex():
            leaves.append(tensor.requires_grad_())
        return tensor
    if isinstance(value, Dtype):
        return parse(value.name)
    return type(value)(given(each, leaves) for each in value) if isinstance(value, (list, tuple)) else value


def overload(name: str, args: Any, kwargs: Any) -> tuple[Any, list[Any]] | None:
    """The op that takes the arguments, if it is a composed one, and they in the order of its parameters."""
    for op in registry[name].ops:
        try:
            values = bind(op, args, kwargs)
        except TypeError:
            continue
        return (op, values) if op.composite else None
    return None


def reached(sample: Sample) -> tuple[Any, dict[str, bool]] | None:
    """The composed op that a sample runs, and for each tracked parameter whether gradients flow to it."""
    leaves: list[Any] = []
    args, kwargs = given(sample.args, leaves), {name: given(each, leaves) for name, each in sample.kwargs.items()}
    found = overload(sample.op, args, kwargs)
    if found is None or not leaves:
        return None
    try:
        result = registry[sample.op](*args, **kwargs)
    except RuntimeError as refusal:
        return found[0], {re.findall(r"not differentiable with respect to argument '(\w+)'", str(refusal))[0]: False}
    results = result if isinstance(result, (tuple, list)) else [result]
    roots = [each for each in results if isinstance(each, torch.Tensor) and each.grad_fn is not None]
    flows = [None] * len(leaves)
    if roots:
        ones = [torch.ones_like(each) for each in roots]
        flows = torch.autograd.grad(roots, leaves, ones, allow_unused=True)
    reaches = {id(leaf): flow is not None for leaf, flow in zip(leaves, flows, strict=True)}
    told = {}
    for parameter, value in zip(found[0].params, found[1], strict=True):
        tracked = [id(each) for each in (value if isinstance(value, (tuple, list)) else [value]) if id(each) in reaches]
        if parameter.kind in TENSOR_KINDS and tracked:
            told[parameter.name] = any(reaches[each] for each in tracked)
    return found[0], told


@pytest.mark.filterwarnings("ignore")
def test_the_catalogue_names_the_tensors_of_composed_ops_that_gradients_flow_to():
    runs: Counter[str] = Counter()
    flowing: dict[Any, set[str]] = {}
    tracked: dict[Any, set[str]] = {}
    for sample in SAMPLES:
        if sample.op not in registry or sample.op.endswith("_") or sample.call is not None:  # leaves stay as they are
            continue
        if sample.device != "cpu" or not sample.differentiable:
            continue
        if runs[sample.op] < ENOUGH and (found := reached(sample)) is not None:
            runs[sample.op] += 1
            op, told = found
            flowing.setdefault(op, set()).update(name for name, flows in told.items() if flows)
            tracked.setdefault(op, set()).update(told)
    assert len(runs) > 100
    wrong = {
        op.wire_name: {"flows": sorted(flowing[op]), "said": differentiable(op)}
        for op in tracked
        if flowing[op] != tracked[op].intersection(differentiable(op)) and op.wire_name not in SHARED
    }
    assert wrong == {}, "see app/differentiability.py"
