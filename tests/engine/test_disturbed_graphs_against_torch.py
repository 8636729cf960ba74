"""Graphs that are disturbed between forward and backward, on the engine and on PyTorch: the same gradients or refusals.

Data is set only for ops that work element by element: of others PyTorch may read memory that is not there.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import engine
from engine.op import registry
from tests.engine.disturbing import DATA, OTHERS, Disturbance
from tests.engine.samples.base import run, tensors_of
from tests.engine.support import results, tensors
from tests.engine.test_disturbed_graphs import OPS, SAMPLES, outcome
from tests.engine.test_torch_oracle import REFUSED, oracle_inputs

oracle = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = pytest.mark.torch

PARTS = 4
# What is not compared, by op and case; of all cases where none is named.
UNLIKE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("erfinv", "special.erfinv"), ()),  # saves its result, PyTorch its input
    **dict.fromkeys(("where", "nn.functional.logsigmoid"), tuple(DATA)),  # a mask stays; PyTorch saves a buffer too
    **dict.fromkeys(("clamp", "clip", "clamp_max", "clamp_min"), tuple(DATA)),  # which of two sizes is told first
    **dict.fromkeys(("sgn", "sgn_"), ()),  # PyTorch gives a ZeroTensor, which has no values
    **dict.fromkeys(
        ("diagonal_scatter", "nn.functional.affine_grid", "affine_grid_generator"), ("written", "twice")
    ),  # saves more
    **dict.fromkeys(("native_channel_shuffle", "nn.functional.native_channel_shuffle"), ()),  # has no derivative there
    **dict.fromkeys(("take_along_dim", "combinations"), ("written",)),  # saves only shapes
}
SHARED = "data, a dim last, backward"  # whether a gradient of one element is copied: PyTorch counts references


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def alike(one: Any, other: Any) -> bool:
    """Equal, numbers to the precision of half types."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, (float, complex)) and isinstance(other, (float, complex)):
        return one == other or (one != one and other != other) or abs(one - other) <= 1e-2 * max(1, abs(one))
    return bool(one == other)


def said(result: Any) -> Any:
    """Gradients, or the type of an exception and the first line of its text."""
    if not isinstance(result, Exception):
        return result
    text = (str(result).splitlines() or [""])[0]
    text = text.partition("inplace operation: [")[0]  # of several that were written to, PyTorch names another
    return type(result).__name__, re.sub("0x[0-9a-f]+", "0x", text)


def difference(name: str, title: str, case: Disturbance) -> str | None:
    sample = SAMPLES[name]
    ours, theirs = tensors(sample, track=True), oracle_inputs(sample, track=True)
    got = said(outcome(case, engine, ours, results(sample, ours)))
    want = said(outcome(case, oracle, theirs, tensors_of(run(sample, oracle, theirs))))
    fits = got == want if isinstance(got, tuple) or isinstance(want, tuple) else alike(got, want)
    return None if fits else f"{sample.id}, {title}: {got!r}, not {want!r}"


def cases(name: str) -> dict[str, Disturbance]:
    op = registry[name].ops[0] if name in registry else None
    elementwise = op is not None and not op.composite and op.weak
    every = {**(DATA if elementwise else {}), **OTHERS}
    left = (UNLIKE[name] or tuple(every)) if name in UNLIKE else ()
    return {title: case for title, case in every.items() if title not in (*left, SHARED)}


@pytest.mark.parametrize("part", range(PARTS))
def test_disturbed_graphs_do_on_the_engine_what_they_do_on_pytorch(part: int) -> None:
    wrong = []
    for name in OPS[part::PARTS]:
        if SAMPLES[name].torch and name not in REFUSED:
            wrong += [difference(name, title, case) for title, case in cases(name).items()]
    assert not any(wrong), "\n".join(each for each in wrong if each)
