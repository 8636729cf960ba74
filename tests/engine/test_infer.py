"""Sizes before bytes: what `infer` says from shapes alone, against what really happens."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine import recording
from engine.infer import Estimate, Meta, infer, saved_bytes
from engine.op import registry
from tests.engine.estimating import COUNTS, PLAIN, RULED, as_meta, bound, estimate_of, kept_bytes
from tests.engine.samples.base import Sample
from tests.engine.support import by_op, check_each, results, tensors


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


@by_op(PLAIN)
def test_saved_bytes_are_exact(group: list[Sample]) -> None:
    check_each("saved", group, check_saved)


def check_saved(sample: Sample) -> None:
    """The node a call leaves holds what was told from shapes; so does each node of the steps of a composed op."""
    nodes: list[tuple[Any, int]] = []

    def save(node: Any, values: list[Any], raw: list[Any], tensors: list[Any], estimate: Estimate, *more: Any) -> None:
        told = saved_bytes(node.plan.op, raw, node.plan.needs)
        kept(node, values, raw, tensors, estimate, *more)
        nodes.append((node, told))

    kept = recording.save
    inputs = tensors(sample, track=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "save", save)
        made = [each for each in results(sample, inputs) if isinstance(each, torch.Tensor)]
    assert [told for _, told in nodes] == [kept_bytes(node) for node, _ in nodes]
    node = next((each.grad_fn for each in made if each.grad_fn is not None), None)
    op, values = bound(sample, inputs)
    if node is not None and node.ordinary and node.plan.op in (op, op.number_form) and sample.op not in COUNTS:
        assert saved_bytes(op, [as_meta(each) for each in values], node.plan.needs) == kept_bytes(node)


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
    op = registry[name].ops[1 if name == "narrow" else 0]  # the first takes a tensor's start
    values, wanted = HUGE[name]
    values = [*values, *[each.default for each in op.params[len(values) :]]]
    tracemalloc.start()
    try:
        start = time.thread_time()
        told = infer(op, values)
        took = time.thread_time() - start
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
