"""Sizes before bytes: what `infer` says from shapes alone, and the estimates, against what really happens."""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine.infer import Estimate, Meta, infer
from engine.op import Op, registry
from tests.engine.samples.base import Sample, arguments
from tests.engine.support import ON_CPU, by_op, check_each, results, tensors

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
            return op, op.bind(list(args), kwargs)
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


def forms(values: list[Any]) -> list[tuple[tuple[int, ...], Any]]:
    return [(tuple(each.shape), each.dtype) for each in values]


@by_op(PLAIN)
def test_shapes_and_dtypes_from_shapes_alone(group: list[Sample]) -> None:
    check_each("infer", group, check_infer)


def check_infer(sample: Sample) -> None:
    inputs = tensors(sample)
    op, values = bound(sample, inputs)
    metas = [as_meta(each) for each in values]
    real = [each._array for each in results(sample, inputs)]
    if sample.op in COUNTS:
        with pytest.raises(NotImplementedError, match="depends on values"):
            infer(op, metas)
        return
    told = infer(op, metas)
    assert forms(told) == forms(real)
    assert [type(size) for each in told for size in each.shape] == [int for each in real for _ in each.shape]


RULED = [each for each in PLAIN if not registry[each.op].ops[0].composite]


def estimate_of(sample: Sample, inputs: list[Any]) -> tuple[Op, list[Any], Estimate]:
    op, values = bound(sample, inputs)
    blank = Estimate(values, [])
    return op, values, blank if op.composite else op.rule(op, [as_raw(each) for each in values])


@by_op(RULED)
def test_output_bytes_are_exact(group: list[Sample]) -> None:
    check_each("bytes", group, check_bytes)


def check_bytes(sample: Sample) -> None:
    inputs = tensors(sample)
    op, _, estimate = estimate_of(sample, inputs)
    if op.composite:
        return  # its steps have estimates, it has a shape alone
    assert estimate.output_bytes == sum(each._array.nbytes for each in map(dense, results(sample, inputs)))


def dense(tensor: Any) -> Any:
    """The tensor, an expanded one written out: views are counted in full."""
    return tensor.clone() if 0 in tensor._array.strides else tensor


# -- nothing is computed ----------------------------------------------------------------------------------------------

N = 10**9
F = np.dtype(np.float32)
BIG = Meta((N, N), F)

HUGE: dict[str, tuple[list[Any], list[tuple[int, ...]]]] = {
    "add": ([BIG, Meta((N, 1), F)], [(N, N)]),
    "exp": ([BIG], [(N, N)]),
    "eq": ([BIG, 0.5], [(N, N)]),
    "where": ([Meta((N,), np.bool_), BIG, 1.0], [(N, N)]),
    "sum": ([BIG], [()]),
    "softmax": ([BIG, -1], [(N, N)]),
    "mm": ([BIG, Meta((N, 7), F)], [(N, 7)]),
    "bmm": ([Meta((N, N, 2), F), Meta((N, 2, N), F)], [(N, N, N)]),
    "addmm": ([Meta((N,), F), BIG, BIG], [(N, N)]),
    "matmul": ([Meta((N, 3, N), F), Meta((N, 5), F)], [(N, 3, 5)]),
    "linalg.eigh": ([Meta((3, N, N), F)], [(3, N), (3, N, N)]),
    "transpose": ([BIG, 0, 1], [(N, N)]),
    "expand": ([Meta((1, N), F), (N, N, N)], [(N, N, N)]),
    "view": ([BIG, (N * N,)], [(N * N,)]),
    "reshape": ([BIG, (-1, 10)], [(N * N // 10, 10)]),
    "flatten": ([BIG], [(N * N,)]),
    "cat": ([[BIG, BIG, BIG], 1], [(N, 3 * N)]),
    "stack": ([[BIG, BIG], 0], [(2, N, N)]),
    "zeros": ([(N, N, N)], [(N, N, N)]),
    "arange": ([N * N], [(N * N,)]),
    "gather": ([BIG, 0, Meta((N, 2), np.int64)], [(N, 2)]),
    "clone": ([BIG], [(N, N)]),
    "narrow": ([BIG, 1, 5, N // 2], [(N, N // 2)]),
    "chunk": ([Meta((N, 4), F), 2, 1], [(N, 2), (N, 2)]),
    "sum_to_size": ([BIG, (1, N)], [(1, N)]),
    "square": ([BIG], [(N, N)]),
    "norm": ([BIG, 2, (0,)], [(N,)]),
    "nn.functional.linear": ([Meta((2, N, 3), F), Meta((N, 3), F)], [(2, N, N)]),
    "nn.functional.mse_loss": ([BIG, BIG], [()]),
    "nn.functional.cross_entropy": ([BIG, Meta((N,), np.int64)], [()]),
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_shapes_are_answered_at_once(name: str) -> None:
    op = registry[name].ops[0]
    values, wanted = HUGE[name]
    values = [*values, *[each.default for each in op.params[len(values) :]]]
    tracemalloc.start()
    try:
        start = time.perf_counter()
        told = infer(op, values)
        took = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [each.shape for each in told] == wanted
    assert all(type(size) is int for each in told for size in each.shape)
    assert took < 1
    assert peak < 2_000_000


def test_bytes_and_flops_do_not_overflow() -> None:
    mm = registry["mm"].ops[0]
    estimate = mm.rule(mm, [BIG, BIG])
    assert estimate.output_bytes == 4 * N * N
    assert 1 <= estimate.flops / (2 * N**3) < 4
    product = registry["mul"].ops[0]
    wide = product.rule(product, [Meta((N, N, N, 1), F), Meta((N,), np.float64)])
    assert wide.output_bytes == 8 * N**4
    assert type(wide.output_bytes) is int


REFUSED: dict[str, tuple[list[Any], type[Exception]]] = {
    "add": ([BIG, Meta((N, 2), F), 1], RuntimeError),
    "mm": ([BIG, Meta((N - 1, 2), F)], RuntimeError),
    "matmul": ([Meta((N, 3, N), F), Meta((2, 5), F)], RuntimeError),
    "transpose": ([BIG, 0, 2], IndexError),
    "view": ([BIG, (N,)], RuntimeError),
    "linalg.eigh": ([Meta((N, 2), F), "L"], RuntimeError),
    "cat": ([[BIG, Meta((2, 2), F)], 0], RuntimeError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_huge_shapes_that_do_not_fit_are_refused(name: str) -> None:
    values, kind = REFUSED[name]
    with pytest.raises(kind) as raised:
        infer(registry[name].ops[0], values)
    assert raised.value.code in ("shape_mismatch", "bad_argument")


# -- what the kernels hold --------------------------------------------------------------------------------------------

ELEMENTS = 1 << 15
LARGEST = 30_000_000  # bytes: broadcasting may multiply
SLACK = 160_000  # NumPy's casting buffers: 8192 elements of up to 16 bytes, and the tensors' own objects


def repeated(sample: Sample, times: int) -> list[Any]:
    """The inputs, each dim but those of size 1 repeated as often, row-major."""
    arrays = [each.array for each in sample.inputs]
    tiled = [np.tile(each, [times if size > 1 else 1 for size in each.shape]) for each in arrays]
    return [torch.from_numpy(np.ascontiguousarray(each)) for each in tiled]


def enlarged(sample: Sample) -> tuple[Op, list[Any], Estimate]:
    """The call on large inputs; on smaller ones where broadcasting would make its result too large."""
    big = max((each.array for each in sample.inputs), key=lambda array: array.size)
    wide = [size for size in big.shape if size > 1]
    times = math.ceil((ELEMENTS / big.size) ** (1 / len(wide)))
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


@by_op([each for each in RULED if may_grow(each)])
def test_kernels_hold_no_more_than_was_told(group: list[Sample]) -> None:
    check_each("peak", group, check_peak)


def check_peak(sample: Sample) -> None:
    try:
        op, values, estimate = enlarged(sample)
        with torch.no_grad():
            op.door(op, values)  # what is made once is made now
    except (RuntimeError, IndexError, ValueError):
        return  # sizes among the arguments, or values that larger inputs do not keep
    if op.composite or sample.op in COUNTS:
        return
    with torch.no_grad():
        peak = peak_of(lambda: op.door(op, values))
    assert peak <= estimate.allocated + SLACK
