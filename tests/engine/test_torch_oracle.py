"""Every sample against PyTorch itself: values, dtypes, strides, gradients of first and second order, node names."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import engine
from tests.engine.samples.base import TOLERANCE, Array, Sample, expected, fresh, run, tensors_of, weights
from tests.engine.support import ON_CPU, assert_close, by_op, check_each, tensors

oracle = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not oracle.__version__.startswith("2.13."), reason="the samples' oracle is torch 2.13"),
]

# Where torch itself fails, or is wrong by mathematics: its gradients are no measure there.
NO_ORACLE = {
    "where-complex": "torch's second gradient of where fails for a real and a complex operand",
    "ldexp-complex": "torch's gradient of ldexp fails for a complex and a real operand",
    "logaddexp-complex-with-real": "torch's gradient of logaddexp fails for a complex and a real operand",
    "logaddexp-real-with-complex": "torch's gradient of logaddexp fails for a complex and a real operand",
    "ldexp-int-exponent": "torch takes 2 to a negative integer power as 0",
    "clamp-outer": "torch's second gradient of clamp fails where the bounds broadcast the input",
    "as_strided-empty": "torch's gradient of an empty view hangs in no graph",
    "setitem-everything-number": "torch's gradient of what was overwritten hangs in no graph",
}
# torch has no derivative of these in place.
REFUSED = {f"{arc}{name}_" for arc in ("a", "arc") for name in ("cosh", "sinh", "tanh")}

# torch conjugates lazily, so that its result is a view; it takes images through a flat view.
NO_VIEWS = {"conj", "mH", "adjoint", "H", "nn.functional.nll_loss", "nn.functional.cross_entropy"}
# torch follows the order of an index or of a rotation.
NO_LAYOUT = {"getitem", "rot90"}

IN_TORCH = [each for each in ON_CPU if each.torch]
TRACKED = [each for each in IN_TORCH if each.differentiable is not False and not each.drawn]
NESTED = 1  # how far down node names are compared: the result's own, and those it sends gradients to


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """torch warns where it discards imaginary parts, of prototypes, and of read-only arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def in_torch(array: Array) -> Any:
    if array.dtype.name == "bfloat16":
        return oracle.from_numpy(array.astype(np.float32)).to(oracle.bfloat16)
    return oracle.from_numpy(fresh(array))


def oracle_inputs(sample: Sample, track: bool) -> list[Any]:
    made = [in_torch(each.array) for each in sample.inputs]
    for tensor, each in zip(made, sample.inputs, strict=True):
        tensor.requires_grad_(track and each.differentiable)
    return made


def array_of(tensor: Any) -> Array:
    """The values of a tensor of either library."""
    if isinstance(tensor, engine.Tensor):
        return np.asarray(tensor._array)
    return (tensor.to(oracle.float64) if tensor.dtype is oracle.bfloat16 else tensor).numpy(force=True)


def name_of(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def steps(tensor: Any) -> list[int]:
    """The strides of the dims in which a tensor has neighbours."""
    if tensor.numel() == 0:
        return []
    return [stride for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]


def both(sample: Sample, track: bool = False) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Inputs and outputs in the engine and in torch."""
    ours, theirs = tensors(sample, track), oracle_inputs(sample, track)
    return ours, tensors_of(run(sample, engine, ours)), theirs, tensors_of(run(sample, oracle, theirs))


def compare(sample: Sample, ours: Sequence[Any], theirs: Sequence[Any], what: str) -> None:
    assert [each is None for each in ours] == [each is None for each in theirs], what
    ours = [each for each in ours if each is not None]
    theirs = [each for each in theirs if each is not None]
    assert [name_of(each) for each in ours] == [name_of(each) for each in theirs], f"{what}: dtypes"
    arrays, wanted = [array_of(each) for each in ours], [array_of(each) for each in theirs]
    if sample.canon is not None and what == "values":
        arrays, wanted = sample.canon(arrays), sample.canon(wanted)
    for nr, (got, want) in enumerate(zip(arrays, wanted, strict=True)):
        assert_close(got, want, f"{what} {nr}", tolerance(sample, arrays))


def tolerance(sample: Sample, arrays: list[Array]) -> float:
    """What the coarsest dtype in a sample allows."""
    return 10 * max(TOLERANCE.get(each.dtype.name, 0.0) for each in [*arrays, *[one.array for one in sample.inputs]])


@by_op(IN_TORCH)
def test_values_dtypes_and_strides(group: list[Sample]) -> None:
    check_each("torch-values", group, check_values)


def check_values(sample: Sample) -> None:
    _, ours, _, theirs = both(sample)
    if not isinstance(ours[0], engine.Tensor):
        assert ours == theirs or ours[0] != ours[0]
        assert type(ours[0]) is type(theirs[0])
        return
    assert [tuple(each.shape) for each in ours] == [tuple(each.shape) for each in theirs]
    if sample.op not in NO_VIEWS:
        assert [each._is_view() for each in ours] == [each._is_view() for each in theirs], "views"
    compare_layouts(sample, ours, theirs)
    if sample.drawn:
        assert [name_of(each) for each in ours] == [name_of(each) for each in theirs]
    else:
        compare(sample, ours, theirs, "values")


def compare_layouts(sample: Sample, ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    """The strides of views; of new tensors only where all inputs lie in row-major order, else NumPy's order decides."""
    plain = all(each.array.flags.c_contiguous for each in sample.inputs) and sample.op not in NO_LAYOUT
    for one, other in zip(ours, theirs, strict=True):
        if plain or one._is_view():
            assert steps(one) == steps(other), "strides"


def names(node: Any, depth: int = NESTED) -> Any:
    """The names of the nodes behind a tensor, as a nest."""
    if node is None:
        return None
    return [node.name(), *[names(each, depth - 1) for each, _ in node.next_functions if depth]]


@by_op(TRACKED)
def test_graph(group: list[Sample]) -> None:
    check_each("torch-graph", group, check_graph)


def check_graph(sample: Sample) -> None:
    _, ours, _, theirs = both(sample, track=True)
    assert [each.requires_grad for each in ours] == [each.requires_grad for each in theirs]
    assert [each.output_nr for each in ours] == [each.output_nr for each in theirs]
    assert [names(each.grad_fn) for each in ours] == [names(each.grad_fn) for each in theirs]


def gradients(sample: Sample, module: Any, inputs: list[Any], outputs: list[Any], make: Any) -> tuple[list[Any], Any]:
    """First gradients, with a graph, for weights that require grad too; and those weights."""
    tracked = [each for each in outputs if each.requires_grad]
    likes = [(nr, like) for nr, like in enumerate(expected(sample)) if outputs[nr].requires_grad]
    sent = [make(weights(sample, nr, like)).requires_grad_() for nr, like in likes]
    wanted = [each for each in inputs if each.requires_grad]
    return list(module.autograd.grad(tracked, wanted, sent, create_graph=True, allow_unused=True)), sent


def second(sample: Sample, module: Any, inputs: list[Any], firsts: list[Any], sent: list[Any], make: Any) -> list[Any]:
    """The gradients of the first ones, weighted, with respect to inputs and weights."""
    tracked = [each for each in firsts if each is not None and each.requires_grad]
    wanted = [each for each in inputs if each.requires_grad] + sent
    if not tracked:
        return []
    shares = [make(weights(sample, 100 + nr, array_of(each))) for nr, each in enumerate(tracked)]
    return list(module.autograd.grad(tracked, wanted, shares, allow_unused=True))


DIFFERENTIABLE = [
    each
    for each in TRACKED
    if each.differentiable
    and any(one.differentiable for one in each.inputs)
    and each.id not in NO_ORACLE
    and each.op not in REFUSED
]


@by_op(DIFFERENTIABLE)
def test_gradients(group: list[Sample]) -> None:
    check_each("torch-gradients", group, check_gradients)


def check_gradients(sample: Sample) -> None:
    ours, outputs, theirs, oracle_outputs = both(sample, track=True)
    got, sent = gradients(sample, engine, ours, outputs, engine.from_numpy)
    want, oracle_sent = gradients(sample, oracle, theirs, oracle_outputs, in_torch)
    compare(sample, got, want, "gradient")
    if sample.name == "odd-values":
        return  # there the conventions end with the first gradient
    again = second(sample, engine, ours, got, sent, engine.from_numpy)
    wanted = second(sample, oracle, theirs, want, oracle_sent, in_torch)
    compare(sample, again, wanted, "second gradient")


def test_exceptions_name_samples() -> None:
    assert NO_ORACLE.keys() <= {each.id for each in IN_TORCH}
    assert {each.op for each in IN_TORCH} >= REFUSED
