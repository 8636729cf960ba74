"""`backward` and `grad`: one walk over the graph, and what is given after it."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import arrays, errors
from engine.modes import state, warn_once
from engine.roots import (
    GradientEdge,
    check_count,
    gradients_of,
    link_of,
    numbers_of,
    places,
    root_gradient,
    roots_of,
    start_of,
    targets_of,
)
from engine.tensor import Tensor, wrap
from engine.views import edge_of
from engine.walk import Walk

IN_TRANSFORM = (
    "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp "
    "instead or call backward() outside of functorch transforms."
)
CYCLE = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient "
    "which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you "
    "have to use this function, make sure to reset the .grad fields of your parameters to None after use to break the "
    "cycle and avoid the leak."
)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of `tensors` into the leaves, or into `inputs` (`torch.autograd.backward`)."""
    if state.ctx.transforms:
        raise errors.bad_argument(IN_TRANSFORM)
    if grad_variables is not None:
        grad_tensors = _old_name(grad_tensors, grad_variables)
    if inputs is not None:
        inputs = places(inputs)
        if not inputs:
            raise errors.bad_argument("`inputs` argument to `backward()` cannot be empty.")
    roots = roots_of(tensors)
    grads = gradients_of(grad_tensors, len(roots))
    keep = _flag(create_graph) if retain_graph is None else _flag(retain_graph)
    create_graph = _flag(create_graph) and not state.ctx.inference
    start = start_of(roots, grads, create_graph)
    if create_graph:
        warn_once(CYCLE)
    for each in inputs or ():
        if isinstance(each, Tensor):
            each.retain_grad()  # refuses what does not require grad; nothing for a leaf
    Walk(create_graph, keep, None if inputs is None else targets_of(inputs), fills=True).run(start)


def _old_name(grad_tensors: Any, grad_variables: Any) -> Any:
    warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=3)
    if grad_tensors is not None:
        raise errors.bad_argument(
            "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
            "`grad_tensors`."
        )
    return grad_variables


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs` (`torch.autograd.grad`): a tuple, a dict where they are."""
    if materialize_grads and allow_unused is False:
        raise errors.bad_value(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    roots = [outputs] if isinstance(outputs, (Tensor, GradientEdge)) else list(outputs)
    wanted = places(inputs)
    if not wanted:
        raise errors.bad_argument("`inputs` argument to `grad()` cannot be empty.")
    roots = roots_of(roots)
    grads = gradients_of(grad_outputs, len(roots))
    keep = _flag(create_graph) if retain_graph is None else _flag(retain_graph)
    create_graph = _flag(create_graph) and not state.ctx.inference
    unused = (allow_unused is not None and _flag(allow_unused)) or materialize_grads
    if is_grads_batched:
        results = _batched(roots, wanted, grads, keep, create_graph, unused)
    else:
        results = _walked(roots, wanted, grads, keep, create_graph, unused)
    if materialize_grads:
        results = [_blank(wanted[at], create_graph) if each is None else each for at, each in enumerate(results)]
    if type(inputs) is dict:
        return dict(zip(inputs, results, strict=True))  # type: ignore[return-value]  # a dict for a dict
    return tuple(results)


def _flag(value: Any) -> bool:
    """A flag that may be given as a small int.

    Raises TypeError or OverflowError for anything else, as PyTorch's parser does.
    """
    if isinstance(value, bool):
        return value
    if not hasattr(value, "__index__"):
        raise errors.bad_type(f"'{type(value).__name__}' object cannot be interpreted as an integer")
    number = operator.index(value)
    if not 0 <= number < 256:
        bound = "less than minimum" if number < 0 else "greater than maximum"
        raise errors.coded(OverflowError, "bad_argument", f"unsigned byte integer is {bound}")
    return number > 0


def _walked(
    roots: list[Any], wanted: list[Any], grads: Sequence[Any], keep: bool, create: bool, unused: bool
) -> list[Tensor | None]:
    start = start_of(roots, grads, create)
    walk = Walk(create, keep, targets_of(wanted))
    walk.run(start)
    results = [walk.captured_tensor(link_of(each)) for each in wanted]
    given = {id(each._array): each for each in grads if isinstance(each, Tensor)}  # these come back as themselves
    results = [each if each is None else given.get(id(each._array), each) for each in results]
    for at, each in enumerate(results):
        if each is None and not unused:
            raise errors.unused_input(at)
    return results


def _batched(
    roots: list[Any], wanted: list[Any], grads: list[Any], keep: bool, create: bool, unused: bool
) -> list[Tensor | None]:
    """One pass for each entry of the leading dimension of the gradients."""
    from engine.ops.joining import stack

    for at, (root, gradient) in enumerate(zip(roots, grads, strict=False)):
        _check_batch(root, gradient, at, roots, grads)
    check_count(roots, grads)
    counts = list(dict.fromkeys(each.shape[0] for each in grads))
    if len(counts) > 1:
        raise errors.bad_value(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {counts} for the "
            "mapped dimension"
        )
    if counts in ([], [0]):
        raise errors.bad_index("index 0 is out of bounds for dimension 0 with size 0")
    _make_room(counts[0], wanted)
    rows = [
        _walked(roots, wanted, [each[row] for each in grads], keep or row < counts[0] - 1, create, unused)
        for row in range(counts[0])
    ]
    return [stack(list(column)) if column[0] is not None else None for column in zip(*rows, strict=True)]


def _make_room(rows: int, wanted: list[Any]) -> None:
    """Ask the guard for the gradients of a batch, which are there twice for a moment: row by row, and stacked."""
    guard = state.ctx.guard
    if guard is not None:
        size = 2 * rows * sum(each.nbytes for each in wanted if isinstance(each, Tensor))
        guard.allocate("grad", size)
        guard.release(size)


def _check_batch(root: Any, gradient: Any, at: int, roots: list[Any], grads: list[Any]) -> None:
    if gradient is None:
        root_gradient(root, None, at, True)  # refuses all but scalars
        raise errors.bad_value(
            "vmap(vjp, in_dims=0, ...)(<inputs>): Got in_dim=0 for some input, but that input is a Tensor of "
            "dimensionality 0 so expected in_dim to satisfy 0 <= in_dim < 0."
        )
    gradient[0]  # refuses what has no first entry
    shape = link_of(root)[2] if isinstance(root, GradientEdge) else root._array.shape  # type: ignore[index]  # no None
    if tuple(gradient.shape[1:]) != shape:
        size, numbers = type(gradient.shape), numbers_of(roots, grads, root, gradient, at)
        raise errors.shape_mismatch(
            "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
            "dimension. The sizes of the remaining dimensions are expected to match the shape of corresponding "
            f"output, but a mismatch was detected: grad_output[{numbers[0]}] has a shape of "
            f"{size(gradient.shape[2:])!r} and output[{numbers[1]}] has a shape of {size(shape)!r}. If you only want "
            "some tensors in `grad_output` to be considered batched, consider using vmap."
        )


def _blank(place: Any, requires_grad: bool) -> Tensor:
    """Zeros in the place of a gradient that does not exist.

    Raises RuntimeError for an edge, whose shape only its node's maker knows.
    """
    if isinstance(place, GradientEdge):
        raise errors.bad_argument("materialize_grads cannot be used when the given input is a GradientEdge")
    made = wrap(arrays.backend_of(place._array).xp.zeros_like(place._array))
    made._requires_grad = requires_grad
    return made


def tensor_backward(
    self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Accumulate the gradients of this tensor into the leaves (`torch.Tensor.backward`)."""
    if gradient is None and create_graph is False and inputs is None and not state.ctx.transforms:
        edge, array = edge_of(self), self._array
        if edge is not None and array.shape == () and array.dtype.kind == "f" and type(array) is np.ndarray:
            gradient = array.dtype.type(1)
        else:
            gradient = root_gradient(self, None, 0, False)
            if edge is None:
                raise errors.no_grad_fn(0)
            if type(gradient) is Tensor:
                gradient = gradient._array
        Walk(False, retain_graph is not None and _flag(retain_graph), None).run([(edge, gradient)])
    else:
        backward(self, gradient, retain_graph, create_graph, inputs=inputs)


tensor_backward.__qualname__ = "Tensor.backward"  # as messages about its arguments name it
