"""Graphs that are disturbed between forward and backward: data set, hooks and gradients that do not fit, and so on.

Whatever happens, what a caller sees is an error with a code, and an undo log takes all of it back.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import engine
from engine.modes import Context, activate
from engine.undo import UndoLog
from tests.engine.disturbing import DATA, OTHERS, Disturbance, gradients
from tests.engine.samples.base import Sample
from tests.engine.support import ON_CPU, results, tensors

CASES = {**DATA, **OTHERS}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A recorded `backward` warns of cycles, casts of dropped imaginary parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def one_of_each() -> dict[str, Sample]:
    """For each op the first sample that has gradients."""
    found: dict[str, Sample] = {}
    for each in ON_CPU:
        if (
            each.differentiable
            and not each.drawn
            and each.op not in found
            and any(one.differentiable for one in each.inputs)
        ):
            found[each.op] = each
    return found


SAMPLES = one_of_each()
PARTS = 8
OPS = sorted(SAMPLES)


def graph(sample: Sample) -> tuple[list[Any], list[Any]]:
    engine.manual_seed(0)  # some draw
    leaves = tensors(sample, track=True)
    return leaves, results(sample, leaves)


def outcome(case: Disturbance, torch: Any, leaves: list[Any], made: list[Any]) -> Any:
    """The gradients, or the exception."""
    try:
        return case(torch, leaves, made)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is looked at
        return error


@pytest.mark.parametrize("part", range(PARTS))
def test_what_reaches_the_caller_has_a_code(part: int) -> None:
    wrong = []
    for name in OPS[part::PARTS]:
        for title, case in CASES.items():
            got = outcome(case, engine, *graph(SAMPLES[name]))
            if isinstance(got, Exception) and not hasattr(got, "code"):
                wrong.append(f"{SAMPLES[name].id}, {title}: {got!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("part", range(PARTS))
def test_all_of_it_is_taken_back(part: int) -> None:
    """After a rollback the same graph gives the gradients of one that nothing happened to."""
    wrong = []
    for name in OPS[part::PARTS]:
        sample = SAMPLES[name]
        wanted = gradients(engine, *graph(sample))
        for title in ("data, a dim first", "data, a dim last, backward", "twice", "written", "leaf's hook, written"):
            leaves, made = graph(sample)
            ctx = Context()
            ctx.log = UndoLog()
            with activate(ctx):
                outcome(CASES[title], engine, leaves, made)
            ctx.log.rollback()
            got = outcome(lambda torch, *those: gradients(torch, *those), engine, leaves, made)
            if repr(got) != repr(wanted) or any(each.grad is not None for each in leaves):
                wrong.append(f"{sample.id}, {title}: {got!r}, not {wanted!r}")
    assert not wrong, "\n".join(wrong)


def test_a_graph_computes_with_the_data_that_was_set_since() -> None:
    x, w = engine.tensor([1.0, 2.0, 3.0], requires_grad=True), engine.tensor([4.0, 5.0, 6.0])
    y = x * x * w
    w.data = engine.tensor([7.0, 8.0, 9.0])
    x.data = engine.tensor([10.0, 20.0, 30.0])
    assert (x._version, w._version) == (0, 0)
    y.sum().backward()
    assert x.grad.tolist() == [140.0, 320.0, 540.0]


def test_a_graph_keeps_its_own_results_whatever_becomes_of_the_tensor() -> None:
    x = engine.zeros(2, requires_grad=True)
    y = x.exp()
    y.data = engine.tensor([7.0, 8.0])
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_setting_data_hides_no_change_in_place() -> None:
    x, w = engine.ones(2, requires_grad=True), engine.ones(2)
    y = x * w
    w.data = engine.ones(2)
    w.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as raised:
        y.sum().backward()
    assert raised.value.code == "modified_inplace"


def test_arrays_that_graphs_no_longer_hold_are_let_go() -> None:
    x = engine.ones(2, requires_grad=True)
    seen = []
    for _ in range(5):
        (x * x).sum().backward()
        seen.append(weakref.ref(x._array))
        x.data = x.data - 0.1 * x.grad
    assert [each() is None for each in seen] == [True] * 5


def test_a_view_whose_base_was_given_other_data_is_found_by_its_place_in_storage() -> None:
    x = engine.ones(4, requires_grad=True)
    base = x * 1
    view = base[1:]
    base.data = engine.tensor([0.0, 1.0, 2.0, 3.0])
    view.mul_(2)
    base.sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 2.0, 2.0]


def test_the_history_of_a_base_reaches_no_memory_beyond_it() -> None:
    base = engine.ones(4, requires_grad=True) * 1
    view = base.view(2, 2)
    view.data = engine.ones(6)
    with pytest.raises(RuntimeError, match=r"^setStorage: sizes \[6\], strides \[1\], storage offset 0, and") as raised:
        view.mul_(2)
    assert raised.value.code == "bad_argument"
