"""All samples of an op, in all forms."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator
from itertools import groupby
from types import FrameType

from tests.opinfo.catalogue import ENTRIES, Entry
from tests.opinfo.checking import check
from tests.opinfo.database import infos
from tests.opinfo.drawing import Bounds, Drawn, draw, tensorless, unbound
from tests.opinfo.forms import Form, forms
from tests.opinfo.refusing import check_refusals
from tests.opinfo.results import Result

SECONDS = 60  # for one op: a call that hangs is a difference, too


class TooLong(Exception):
    pass


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise TooLong


def examine(name: str, bounds: Bounds) -> Result:
    """The result for one op of the catalogue."""
    result = Result(name)
    before = signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for info in infos()[name]:
                _examine(ENTRIES[name], info, bounds, result)
    except TooLong:
        result.add("forward", f"more than {SECONDS} seconds", name)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return result


def _examine(entry: Entry, info: object, bounds: Bounds, result: Result) -> None:
    known = []
    for form in forms(entry, info):
        try:
            form.ours()
        except AttributeError as error:
            if form.name == "function":
                result.missing = True
                return
            result.add("in place" if form.inplace else "variants", str(error), form.name)
        else:
            known.append(form)
    for nr, drawn in drawn_by_dtype(entry, info, bounds):
        for form in known:
            if form.name == "function" or (nr < bounds.variants and not (form.inplace and tensorless(drawn.sample))):
                _one(info, form, drawn, result)
    check_refusals(entry, info, known[0], bounds, result)


def drawn_by_dtype(entry: Entry, info: object, bounds: Bounds) -> Iterator[tuple[int, Drawn]]:
    """The samples with their numbers, which begin anew with each dtype."""
    for _, group in groupby(draw(entry, info, bounds), lambda drawn: drawn.dtype):
        yield from enumerate(each for each in group if not unbound(entry, each.sample))


def _one(info: object, form: Form, drawn: Drawn, result: Result) -> None:
    check(info, form, drawn, lambda aspect, found: result.add(aspect, found, f"{form.name}, {drawn}"))
