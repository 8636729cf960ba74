"""What a library says to a call, and how the answers of two differ."""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import engine
from tests.opinfo.comparing import array_of

KINDS = ("type", "not refused", "over-refused", "leaked", "trace", "text")
WORST = KINDS[:-1]  # what a test does not take
LIST = ", but expected"  # before torch's list of overloads, which names arguments that the engine has not
TRACE = re.compile(r"\nException raised from.*", re.DOTALL)
MEMORY = re.compile(r"can't allocate memory|not enough memory|Storage size calculation overflowed")
ENGINE = str(Path(engine.__file__).parent)
LEAKING = (RuntimeWarning, DeprecationWarning, np.exceptions.VisibleDeprecationWarning)


@dataclass(frozen=True)
class Refusal:
    """An exception: its type, its text, its code, and whether it came out of the engine."""

    kind: str
    text: str
    code: str | None = None
    inside: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True)
class Difference:
    """One call that the libraries answer differently."""

    op: str
    kind: str
    call: str
    theirs: str | None
    ours: str | None


def of_torch(call: Callable[[], Any], grad: bool) -> Refusal | None:
    """What torch raises, or None."""
    with warnings.catch_warnings(), torch.set_grad_enabled(grad):
        warnings.simplefilter("ignore")
        return raised(call)


def of_engine(call: Callable[[], Any], grad: bool) -> Refusal | None:
    """What the engine raises, or None; warnings of NumPy and SciPy are raised too."""
    with warnings.catch_warnings(), engine.set_grad_enabled(grad):
        warnings.simplefilter("ignore")
        for each in LEAKING:
            warnings.simplefilter("error", each)
        return raised(call)


def raised(call: Callable[[], Any]) -> Refusal | None:
    """The exception of a call, without what is no part of its sentence."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # its type and text are what is compared
        frames = traceback.extract_tb(error.__traceback__)
        text = TRACE.sub("", str(error)).split(LIST)[0]
        inside = any(each.filename.startswith(ENGINE) for each in frames)
        return Refusal(type(error).__name__.lstrip("_"), text, getattr(error, "code", None), inside)
    return None


def differing(theirs: Refusal | None, ours: Refusal | None) -> str | None:
    """The kind of difference, or None."""
    if ours is not None and ours.inside and ours.code is None:
        return "leaked"
    if theirs is None or ours is None:
        return None if theirs is ours else "over-refused" if theirs is None else "not refused"
    if ours.code == "too_large" and MEMORY.search(theirs.text):
        return None
    if ours.kind != theirs.kind:
        return "type"
    return None if ours.text == theirs.text else "text"


def state(tensors: list[Any]) -> list[tuple[Any, ...]]:
    """What a call could change in tensors of either library."""
    return [
        (each._version, tuple(each.shape), tuple(each.stride()), each.requires_grad, array_of(copied(each)).tobytes())
        for each in tensors
    ]


def copied(tensor: Any) -> Any:
    """The values in memory of their own: torch resizes no tensor that NumPy has seen."""
    return tensor.detach().clone()
