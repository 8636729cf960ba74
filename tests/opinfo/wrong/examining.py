"""All wrong calls of one op, in all its forms."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from engine.op import registry
from tests.opinfo.catalogue import ENTRIES, Entry
from tests.opinfo.database import infos
from tests.opinfo.drawing import LARGEST, Bounds, seed, small, tensors, unbound
from tests.opinfo.forms import Form, forms
from tests.opinfo.refusing import dtype_of, wrong_inputs
from tests.opinfo.translation import Translator
from tests.opinfo.wrong.calls import Call, made_wrong, with_out
from tests.opinfo.wrong.outcomes import Difference, differing, of_engine, of_torch, state

DTYPES = ("float32", "complex64", "int64", "bool")  # the first that an op takes is used
Announce = Callable[[str], bool]  # gets a call before it is made, and says whether to make it


@dataclass(frozen=True)
class Extent:
    """How many samples are made wrong, and how many of the calls are made: as a function, and in other forms."""

    samples: int = 2
    calls: int = 100_000
    variants: int = 40
    aliases: bool = False


@dataclass
class Findings:
    """What one op showed: calls that either library refuses, how many of them alike, and the others."""

    name: str
    total: int = 0
    differences: list[Difference] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)


def examine(name: str, extent: Extent, findings: Findings, announce: Announce) -> None:
    """Make an op's wrong calls on both libraries and write down what differs."""
    entry = ENTRIES[name]
    for info in infos()[name]:
        calls = list(calls_of(entry, info, extent))
        for form in forms(entry, info):
            if known(form) and (extent.aliases or not form.name.startswith("alias")):
                for call in chosen(calls, form, name, extent):
                    compare(name, form, call, findings, announce)


def known(form: Form) -> bool:
    """Whether the engine has it."""
    try:
        form.ours()
    except AttributeError:
        return False
    return True


def calls_of(entry: Entry, info: Any, extent: Extent) -> Iterator[Call]:
    """The database's own wrong inputs, and its samples made wrong."""
    for each in wrong_inputs(info, Bounds()):
        if not unbound(entry, each):
            yield Call("error input", each.input, each.args, each.kwargs)
    function = registry.get(entry.name)
    names = [param.name for param in function.ops[0].params] if function else []
    for sample in samples_of(entry, info, extent.samples):
        if not unbound(entry, sample):
            yield from made_wrong(sample, names)
            if info.supports_out:
                yield from with_out(sample, info.op)


def samples_of(entry: Entry, info: Any, count: int) -> list[Any]:
    """Samples whose arguments are of different kinds, as far as there are."""
    supported = info.supported_dtypes("cpu")
    dtype = next((each for each in map(dtype_of, DTYPES) if each in supported), None)
    if dtype is None:
        return []
    seed("wrong", entry.name, info.variant_test_name)
    kinds = {
        (dims(each.input), *map(dims, each.args), *sorted(each.kwargs)): each
        for each in reversed(small(info.sample_inputs("cpu", dtype, requires_grad=False), 12))
    }
    found = list(kinds.values())[::-1]
    return found[:: max(1, -(-len(found) // count))][:count]


def dims(value: Any) -> Any:
    return getattr(value, "ndim", type(value).__name__)


def chosen(calls: list[Call], form: Form, name: str, extent: Extent) -> list[Call]:
    """The calls made in a form: in others than the function a few, which are the same in every run."""
    if form.name != "function":
        calls = [each for each in calls if "out" not in each.kwargs and not isinstance(each.input, complex)]
    count = extent.calls if form.name == "function" else min(extent.calls, extent.variants)
    if len(calls) <= count:
        return calls
    rng = random.Random(zlib.crc32(f"{name} {form.name}".encode()))
    return rng.sample(calls, count)


def compare(name: str, form: Form, call: Call, findings: Findings, announce: Announce) -> None:
    """One call on both libraries."""
    try:
        translator, source = Translator(), call.copied()  # whose memory NumPy holds from then on: torch resizes no such
        first, args, kwargs = translator.value([source.input, source.args, source.kwargs])
        call = call.copied()
    except Exception:  # noqa: BLE001  # what has no counterpart, or cannot be copied
        return
    own = list(tensors([call.input, call.args, call.kwargs]))
    text = f"{form.name}, {call}"
    if sum(each.numel() for each in own) > LARGEST or not announce(text):
        return
    counterparts = list(translator.memo.values())
    before = state(counterparts), state(own)
    theirs = of_torch(lambda: form.theirs(call.input, *call.args, **call.kwargs), call.grad)
    ours = of_engine(lambda: form.ours()(first, *args, **kwargs), call.grad)
    if theirs is None and ours is None:
        return
    findings.total += 1
    kind = differing(theirs, ours)
    if ours is not None and kind in (None, "text") and before[0] != state(counterparts) and before[1] == state(own):
        kind = "trace"
    if kind is not None:
        sides = (None if each is None else str(each) for each in (theirs, ours))
        findings.differences.append(Difference(name, kind, text, *sides))


def thrifty() -> None:
    """One thread for torch: calls are small and many."""
    torch.set_num_threads(1)
