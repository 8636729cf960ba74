"""Samples of an op: torch's own, its reference inputs, its error inputs, and further values of the same shapes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from tests.opinfo.catalogue import Entry
from tests.opinfo.varying import varied

DTYPES = ("float64", "float32", "complex128", "int64", "bool")
LARGEST = 20_000  # elements of a sample's tensors together


@dataclass(frozen=True)
class Bounds:
    """How many samples are drawn of each kind, at most, for each record and dtype."""

    samples: int = 36
    references: int = 16
    errors: int = 200
    varied: int = 12
    variants: int = 10  # of the samples: called in every form


QUICK = Bounds(samples=6, references=0, errors=12, varied=3, variants=2)


@dataclass(frozen=True)
class Drawn:
    """One sample, its dtype, and whether gradients are asked for."""

    sample: Any
    dtype: str
    grad: bool
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} {self.dtype} {described(self.sample)}"


def seed(*what: Any) -> None:
    torch.manual_seed(zlib.crc32(repr(what).encode()))


def draw(entry: Entry, info: Any, bounds: Bounds) -> Iterator[Drawn]:
    """The samples of one record, dtype by dtype."""
    supported = info.supported_dtypes("cpu")
    tracked = info.supported_backward_dtypes("cpu")
    for name in DTYPES:
        dtype = getattr(torch, name)
        if dtype not in supported:
            continue
        grad = dtype in tracked and info.supports_autograd
        seed(entry.name, info.variant_test_name, name)
        samples = small(info.sample_inputs("cpu", dtype, requires_grad=grad), bounds.samples)
        for sample in samples:
            yield Drawn(sample, name, grad, "sample")
        if name == "float64":
            for sample in varied(info, samples, bounds.varied):
                yield Drawn(sample, name, grad, "varied")
        if info.reference_inputs_func is not None and bounds.references:
            seed("reference", entry.name, info.variant_test_name, name)
            drawn = small(info.reference_inputs("cpu", dtype, requires_grad=False), bounds.references)
            for sample in drawn:
                yield Drawn(sample, name, False, "reference")


def small(samples: Iterable[Any], count: int) -> list[Any]:
    """At most `count` of the samples, spread evenly, none too large."""
    with torch.no_grad():
        found = [rooted(each) for each in islice(samples, 20 * count) if size(each) <= LARGEST]
    step = max(1, -(-len(found) // count)) if count else 1
    return found[::step][:count]


def rooted(sample: Any) -> Any:
    """The sample with leaves in the place of views made without grad mode, before which torch's graph ends."""
    leaves: dict[int, torch.Tensor] = {}

    def leaf(value: Any) -> Any:
        if not (isinstance(value, torch.Tensor) and value.requires_grad and value.is_leaf and value._is_view()):
            return value
        return leaves.setdefault(id(value), value.detach().requires_grad_())

    return sample.transform(leaf)


def size(sample: Any) -> int:
    return sum(each.numel() for each in tensors([sample.input, sample.args, sample.kwargs]))


def unbound(entry: Entry, sample: Any) -> bool:
    """Whether an operator's method is called on a number, as no program does."""
    return entry.name.startswith("__") and tensorless(sample)


def tensorless(sample: Any) -> bool:
    return not hasattr(sample.input, "clone")


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in a nest."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from tensors(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors(each)


def described(sample: Any) -> str:
    """A sample in one line: shapes in the place of tensors."""
    args = [text(each) for each in (sample.input, *sample.args)]
    args += [f"{key}={text(each)}" for key, each in sample.kwargs.items()]
    return f"({', '.join(args)})"


def text(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        sizes = ",".join(map(str, value.shape))
        short = str(value.dtype).removeprefix("torch.")
        values = f" {value.tolist()}" if value.numel() < 3 else ""
        return f"{short}[{sizes}]{'' if value.is_contiguous() else ' strided'}{values}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(text(each) for each in value)}]"
    shown = repr(value).removeprefix("torch.")
    return shown if len(shown) < 60 else f"{shown[:57]}..."
