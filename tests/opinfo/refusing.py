"""Calls that torch refuses: its own wrong inputs, and samples in dtypes that an op does not take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from tests.opinfo.catalogue import Entry
from tests.opinfo.drawing import DTYPES, Bounds, described, seed, small, unbound
from tests.opinfo.forms import Form
from tests.opinfo.results import Result
from tests.opinfo.translation import Translator, Untranslatable

CASTS = 3  # samples tried in each dtype that is not supported


def check_refusals(entry: Entry, info: Any, form: Form, bounds: Bounds, result: Result) -> None:
    """Compare the refusals of one record, in its function's form."""
    for sample in [*wrong_inputs(info, bounds), *wrong_dtypes(entry, info)]:
        if "out" in sample.kwargs or unbound(entry, sample):
            continue  # what `out=` refuses is for `tests.opinfo.wrong`
        try:
            values = Translator().value([sample.input, sample.args, sample.kwargs])
        except Untranslatable:
            continue
        try:
            form.theirs(sample.input, *sample.args, **sample.kwargs)
        except Exception as error:  # noqa: BLE001  # whatever torch raises is the measure
            found = refusal(lambda given=values: form.ours()(given[0], *given[1], **given[2]), error)
            result.add("errors", found, described(sample))


def wrong_inputs(info: Any, bounds: Bounds) -> list[Any]:
    """The database's own."""
    if info.error_inputs_func is None:
        return []
    return [each.sample_input for each in info.error_inputs("cpu")][: bounds.errors]


def wrong_dtypes(entry: Entry, info: Any) -> Iterator[Any]:
    """A few samples, cast to dtypes that the record does not list."""
    supported = info.supported_dtypes("cpu")
    usual = next((each for each in map(dtype_of, DTYPES) if each in supported), None)
    if usual is None:
        return
    seed("cast", entry.name)
    samples = small(info.sample_inputs("cpu", usual, requires_grad=False), CASTS)
    for dtype in map(dtype_of, DTYPES):
        if dtype not in supported:
            for sample in samples:
                yield sample.transform(lambda value, to=dtype: cast(value, usual, to))


def dtype_of(name: str) -> torch.dtype:
    found: torch.dtype = getattr(torch, name)
    return found


def cast(value: Any, usual: torch.dtype, dtype: torch.dtype) -> Any:
    """A tensor of the usual dtype in another one."""
    return value.to(dtype) if isinstance(value, torch.Tensor) and value.dtype == usual else value


def refusal(call: Callable[[], Any], theirs: Exception) -> str | None:
    """None if the call raises what torch raised, with a code."""
    try:
        call()
    except Exception as ours:  # noqa: BLE001  # its type is what is looked at
        wanted = type(theirs).__name__.lstrip("_")
        if not hasattr(ours, "code"):
            return f"{type(ours).__name__} without a code: {line(ours)} | torch {wanted}: {line(theirs)}"
        if type(ours).__name__.lstrip("_") != wanted:
            return f"{type(ours).__name__}: {line(ours)} | torch {wanted}: {line(theirs)}"
        return None
    return f"not refused | torch {type(theirs).__name__}: {line(theirs)}"


def line(error: Exception) -> str:
    """The beginning of an exception's text."""
    return " ".join(str(error).split())[:140]
