"""One sample, in one form, on both libraries: values, gradients, second gradients, what was written in place."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import engine
from tests.opinfo import precision, ties, translation
from tests.opinfo.comparing import Difference, array_of, compare, compare_tensors, flat
from tests.opinfo.drawing import Drawn, tensors
from tests.opinfo.forms import Form
from tests.opinfo.refusing import line, refusal
from tests.opinfo.translation import Array, Translator, numpy_of

Report = Callable[[str, str | None], None]  # aspect, and the difference or None

EMPTY = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "resize_",
         "resize_as_"}  # fmt: skip
DRAWING = {"rand_like", "nn.functional.dropout"}
# Vectors are free up to a factor: what counts is what the record makes of them.
GAUGE = {"linalg.eig", "linalg.eigh", "linalg.svd", "svd", "svd_lowrank", "pca_lowrank"}
ROUNDING = 4096  # times the step at 1: entries of vectors of length 1 that may be zeros


class Call:
    """One sample in one form, translated: what both libraries are given."""

    def __init__(self, info: Any, form: Form, drawn: Drawn) -> None:
        self.info, self.form, self.drawn, sample = info, form, drawn, drawn.sample
        self.translator = Translator()
        self.theirs = (sample.input, sample.args, sample.kwargs)
        self.ours = self.translator.value(list(self.theirs))
        self.random = info.name in EMPTY | DRAWING or translation.draws(info.op)

    def run_theirs(self) -> Any:
        return run(translation.unseeded(self.form.theirs), self.theirs, self.form.inplace)

    def run_ours(self) -> Any:
        return run(self.form.ours(), self.ours, self.form.inplace)


def run(op: Callable[..., Any], arguments: Any, inplace: bool) -> Any:
    """The call; an in-place form gets a copy that hangs in the graph."""
    first, args, kwargs = arguments
    return op(first.clone() if inplace else first, *args, **kwargs)


def check(info: Any, form: Form, drawn: Drawn, report: Report) -> None:
    """Compare one call, and report what was compared by aspect."""
    aspect = "in place" if form.inplace else "forward" if form.name == "function" else "variants"
    try:
        call = Call(info, form, drawn)
    except translation.Untranslatable:
        return
    before = [each._version for each in tensors(call.theirs)]
    try:
        earlier = [copied(call.run_theirs()) for _ in range(40)] if call.random and info.name not in EMPTY else []
        want = call.run_theirs()
    except Exception as error:  # noqa: BLE001  # whatever torch refuses, the engine must
        if form.name == "function":
            return
        report(aspect, refusal(call.run_ours, error))
        return
    steady = info.name not in EMPTY and all(equal(want, each) for each in earlier)
    try:
        got = call.run_ours()
        compare_forward(call, got, want, steady)
        written(call, before)
    except Exception as error:  # noqa: BLE001  # an exception is a difference like any other
        report(aspect, told(error))
        return
    report(aspect, None)
    if drawn.grad and steady and call.translator.leaves:
        differentiate(call, got, want, report)


def compare_forward(call: Call, got: Any, want: Any, steady: bool) -> None:
    try:
        compare(got, want, "value", steady)
    except Difference:
        compare(got, want, "value", False)
        if excused(call, 0, got, want):
            return
        if call.info.name in ties.DIM_AT:
            compare(list(flat(got))[:-1], list(flat(want))[:-1], "value")
            ties.check(call.info.name, call.drawn.sample, got, want)
            return
        if call.info.name not in GAUGE:
            raise
        process = call.drawn.sample.output_process_fn_grad
        compare(translation.function(process)(got), process(want), "value")
    if call.drawn.grad:
        ours = [each.requires_grad for each in flat(got) if isinstance(each, engine.Tensor)]
        theirs = [each.requires_grad for each in flat(want) if isinstance(each, torch.Tensor)]
        if ours != theirs:
            raise Difference(f"requires_grad {ours}, torch {theirs}")


def written(call: Call, before: list[int]) -> None:
    """Arguments that torch has changed."""
    for tensor, version in zip(tensors(call.theirs), before, strict=True):
        if tensor._version != version and not call.random:
            compare_tensors(call.translator.memo[id(tensor)], tensor, "argument written")


def copied(result: Any) -> list[Any]:
    return [each.detach().clone() if isinstance(each, torch.Tensor) else each for each in flat(result)]


def equal(one: Any, other: Any) -> bool:
    pairs = zip(flat(one), flat(other), strict=True)
    return all(
        np.array_equal(numpy_of(a), numpy_of(b), a.dtype.is_floating_point) if isinstance(a, torch.Tensor) else a == b
        for a, b in pairs
    )


def told(error: Exception) -> str:
    return str(error) if isinstance(error, Difference) else f"{type(error).__name__}: {line(error)}"


# -- gradients --------------------------------------------------------------------------------------------------------


def differentiate(call: Call, got: Any, want: Any, report: Report) -> None:
    """First gradients, plain and with a graph, and the second ones where torch has them."""
    process = call.drawn.sample.output_process_fn_grad
    free = call.info.name in GAUGE
    try:
        theirs = Gradients(torch, torch.from_numpy, process(want), [each for each, _ in call.translator.leaves], free)
        if not theirs.outputs:
            return
        firsts = theirs.first()
    except Exception:  # noqa: BLE001  # torch has no gradient here
        return
    try:
        processed = translation.function(process)(got)
        ours = Gradients(engine, engine.from_numpy, processed, [each for _, each in call.translator.leaves], free)
        plain, made = ours.first(False), ours.first()
        compare(made, plain, "gradient with create_graph, plain")
        compare_or_excuse(call, 1, plain, firsts, "gradient")
    except Exception as error:  # noqa: BLE001
        report("gradient", told(error))
        return
    report("gradient", None)
    if not call.info.supports_gradgrad:
        return
    try:
        wanted = theirs.second(firsts)
    except Exception:  # noqa: BLE001  # torch has no second gradient here
        return
    try:
        again = ours.second(made)
        pairs = list(zip(again, wanted, strict=True))
        again, wanted = [zeros_for(*each) for each in pairs], [zeros_for(*each[::-1]) for each in pairs]
        compare_or_excuse(call, 2, again, wanted, "second gradient")
    except Exception as error:  # noqa: BLE001
        report("second gradient", told(error))
        return
    report("second gradient", None)


def compare_or_excuse(call: Call, order: int, ours: list[Any], theirs: list[Any], what: str) -> None:
    try:
        compare(ours, theirs, what)
    except Difference:
        if not excused(call, order, ours, theirs):
            raise


def excused(call: Call, order: int, ours: Any, theirs: Any) -> bool:
    """Whether a difference in single precision is torch's rounding, or overflow, as much as ours."""
    if call.drawn.dtype == "int64" and not order:
        with precision.double_by_default():
            return precision.no_worse(ours, theirs, call.run_theirs())
    if call.drawn.dtype != "float32":
        return False
    sample = precision.widened(call.drawn.sample)
    wide = Call(call.info, call.form, replace(call.drawn, sample=sample, dtype="float64"))
    truth = wide.run_theirs()
    if order:
        leaves = [each for each, _ in wide.translator.leaves]
        truth = sample.output_process_fn_grad(truth)
        truth = Gradients(torch, torch.from_numpy, truth, leaves, call.info.name in GAUGE)
        firsts = truth.first()
        truth = truth.second(firsts) if order == 2 else firsts
    return precision.no_worse(ours, theirs, truth)


def zeros_for(gradient: Any, other: Any) -> Any:
    """A missing second gradient counts as zeros."""
    if gradient is not None or other is None:
        return gradient
    return (torch if isinstance(other, engine.Tensor) else engine).from_numpy(zeros_like(other))


def zeros_like(tensor: Any) -> Any:
    array = tensor.detach()._array if isinstance(tensor, engine.Tensor) else translation.numpy_of(tensor)
    return np.zeros(array.shape, array.dtype)


def far_from_zero(tensor: Any) -> Array:
    """Ones where a value is more than rounding, as an array of the tensor's precision; zeros elsewhere."""
    sizes = np.abs(array_of(tensor))
    return np.asarray(sizes > ROUNDING * np.finfo(sizes.dtype).eps, sizes.dtype)


class Gradients:
    """Vector-Jacobian products of one library, with fixed random vectors.

    Of vectors that are `free` up to a factor the record takes absolute values: zeros are left out, for what stands
    there is rounding, and so is its sign.
    """

    def __init__(self, module: Any, make: Callable[..., Any], result: Any, leaves: list[Any], free: bool) -> None:
        self.module, self.make, self.leaves = module, make, leaves
        self.outputs = [each for each in flat(result) if isinstance(each, module.Tensor) and each.requires_grad]
        if free:
            self.outputs = [each * make(far_from_zero(each)) for each in self.outputs]
        self.sent = [self.vector(each, nr).requires_grad_() for nr, each in enumerate(self.outputs)]

    def vector(self, like: Any, nr: int) -> Any:
        dtype = str(like.dtype).removeprefix("torch.")
        rng = np.random.default_rng(zlib.crc32(repr((tuple(like.shape), nr)).encode()))
        drawn = np.asarray(rng.uniform(0.5, 1.5, tuple(like.shape)) * rng.choice([-1.0, 1.0], tuple(like.shape)))
        if dtype.startswith("complex"):
            drawn = drawn + 1j * rng.uniform(0.5, 1.5, tuple(like.shape))
        made = self.make(np.asarray(drawn))
        return made.to(getattr(self.module, dtype)).detach()

    def first(self, graph: bool = True) -> list[Any]:
        return list(
            self.module.autograd.grad(
                self.outputs, self.leaves, self.sent, retain_graph=True, create_graph=graph, allow_unused=True
            )
        )

    def second(self, firsts: list[Any]) -> list[Any]:
        tracked = [each for each in firsts if each is not None and each.requires_grad]
        if not tracked:
            return [None] * (len(self.leaves) + len(self.sent))
        vectors = [self.vector(each, 100 + nr) for nr, each in enumerate(tracked)]
        wanted = [*self.leaves, *self.sent]
        return list(self.module.autograd.grad(tracked, wanted, vectors, allow_unused=True))
