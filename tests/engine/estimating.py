"""What the tests of estimates share: an op bound to a sample's arguments, its estimate, inputs made large, peaks."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import engine as torch
from engine import arrays
from engine.arguments import bind
from engine.infer import Estimate, Meta
from engine.op import Op, registry
from tests.engine.samples.base import Sample, arguments
from tests.engine.support import ON_CPU

# They answer with a Python value: there is no shape to tell.
GIVES_NO_TENSOR = {"item", "numel", "equal", "allclose", "is_floating_point"}
# The size of their result is a count of values.
COUNTS = {"nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "bincount", "repeat_interleave"}
PLAIN = [each for each in ON_CPU if each.call is None and each.op not in GIVES_NO_TENSOR]


def bound(sample: Sample, inputs: list[Any]) -> tuple[Op, list[Any]]:
    """The overload that takes the sample's arguments, and these in its order."""
    args, kwargs = arguments(sample, torch, inputs)
    for op in registry[sample.op].ops:
        try:
            return op, bind(op, args, kwargs, int(not op.function))
        except TypeError:
            continue
    raise AssertionError(f"no overload of {sample.op} takes {args} {kwargs}")


def as_meta(value: Any) -> Any:
    """Shapes and dtypes in the place of tensors."""
    if isinstance(value, torch.Tensor):
        return Meta(tuple(value.shape), value._array.dtype)
    return [as_meta(each) for each in value] if type(value) is list else value


def as_raw(value: Any) -> Any:
    """Arrays in the place of tensors."""
    if isinstance(value, torch.Tensor):
        return value._array
    return [as_raw(each) for each in value] if type(value) is list else value


RULED = [each for each in PLAIN if not registry[each.op].ops[0].composite]


def estimate_of(sample: Sample, inputs: list[Any]) -> tuple[Op, list[Any], Estimate]:
    op, values = bound(sample, inputs)
    blank = Estimate(values, [])
    return op, values, blank if op.composite else op.rule(op, [as_raw(each) for each in values])


# -- what a node holds ------------------------------------------------------------------------------------------------


def kept_bytes(node: Any) -> int:
    """The bytes of the storages that a node keeps alive, each once."""
    found: dict[int, int] = {}
    _add_storages(found, [each[0] for each in node.saved or ()])
    _add_storages(found, node.attributes)
    return sum(found.values())


def _add_storages(found: dict[int, int], value: Any) -> None:
    if isinstance(value, (list, tuple)):
        for each in value:
            _add_storages(found, each)
    elif isinstance(value, torch.Tensor):
        _add_storages(found, value._array)
    elif arrays.is_array(value):
        owner = arrays.owner(value)
        found[id(owner)] = owner.nbytes


# -- what a kernel holds ----------------------------------------------------------------------------------------------

LARGEST = 30_000_000  # bytes: broadcasting may multiply


def repeated(sample: Sample, times: int) -> list[Any]:
    """The inputs, each dim but those of size 1 repeated as often, row-major."""
    given = [each.array for each in sample.inputs]
    tiled = [np.tile(each, [times if size > 1 else 1 for size in each.shape]) for each in given]
    return [torch.from_numpy(np.ascontiguousarray(each)) for each in tiled]


def enlarged(sample: Sample, elements: int) -> tuple[Op, list[Any], Estimate]:
    """The call on inputs of so many elements; of fewer where broadcasting would make its result too large."""
    big = max((each.array for each in sample.inputs), key=lambda array: array.size)
    wide = [size for size in big.shape if size > 1]
    times = math.ceil((elements / big.size) ** (1 / len(wide)))
    op, values, estimate = estimate_of(sample, repeated(sample, times))
    while estimate.output_bytes > LARGEST:
        times = times * 2 // 3
        op, values, estimate = estimate_of(sample, repeated(sample, times))
    return op, values, estimate


def may_grow(sample: Sample) -> bool:
    """Whether larger inputs make the same call with more work: some dims, no views."""
    sizes = [each.array.size for each in sample.inputs]
    op = registry[sample.op].ops[0]
    return bool(sizes) and min(sizes) > 0 and max(sizes) > 1 and not (op.view or op.multi_view)


def peak_of(call: Callable[[], Any]) -> int:
    """The bytes a call holds at most, results included."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        made = call()
        peak = tracemalloc.get_traced_memory()[1] - before
        del made
        return peak
    finally:
        tracemalloc.stop()


def measured(sample: Sample, elements: int) -> tuple[Estimate, int] | None:
    """The estimate for inputs of so many elements, and the bytes held beside them and the results.

    None where larger inputs make no such call: sizes among the arguments, values they do not keep, results whose size
    is a count of values, a composed op.
    """
    try:
        op, values, estimate = enlarged(sample, elements)
        with torch.no_grad():
            op.door(op, values)  # what is made once is made now
    except (RuntimeError, IndexError, ValueError):
        return None
    if op.composite or sample.op in COUNTS:
        return None
    with torch.no_grad():
        peak = peak_of(lambda: op.door(op, values))
    return estimate, peak - (0 if estimate.shared else estimate.output_bytes)
