"""`backward` and `grad`: what torch's functions of these names check before the walk, and give after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import arrays, errors
from engine.graph import Edge, Node
from engine.tensor import Tensor, wrap
from engine.views import edge_of
from engine.walk import Walk, accumulate


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of `tensors` into the leaves, or into `inputs` (`torch.autograd.backward`)."""
    roots = _tensors(tensors)
    grads = _gradients(grad_tensors if grad_tensors is not None else grad_variables, len(roots))
    if inputs is not None:
        inputs = _tensors(inputs)
        if not inputs:
            raise errors.bad_argument("`inputs` argument to `backward()` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    start = _roots(roots, grads, create_graph)
    for each in inputs or ():
        each.retain_grad()  # refuses what does not require grad; nothing for a leaf
    targets = None if inputs is None else _targets(inputs)
    walk = Walk(create_graph, keep, targets)
    walk.run(start)
    if inputs is not None:
        _store(inputs, walk, create_graph)


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
    """The gradients of `outputs` with respect to `inputs` (`torch.autograd.grad`)."""
    if materialize_grads and allow_unused is False:
        raise errors.bad_value(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    roots, wanted = _tensors(outputs), _tensors(inputs)
    if not wanted:
        raise errors.bad_argument("`inputs` argument to `grad()` cannot be empty.")
    grads = _gradients(grad_outputs, len(roots))
    keep = create_graph if retain_graph is None else retain_graph
    unused = bool(allow_unused) or materialize_grads
    if is_grads_batched:
        return _batched(roots, wanted, grads, keep, create_graph, unused, materialize_grads)
    start = _roots(roots, grads, create_graph)
    walk = Walk(create_graph, keep, _targets(wanted))
    walk.run(start)
    results = [walk.captured_tensor(edge_of(each)) for each in wanted]
    for at, result in enumerate(results):
        if result is None and not unused:
            raise errors.unused_input(at)
        if result is None and materialize_grads:
            results[at] = _blank(wanted[at])
    return tuple(results)


def _batched(
    roots: list[Tensor], wanted: list[Tensor], grads: list[Any], keep: bool, create: bool, unused: bool, zeros: bool
) -> tuple[Tensor | None, ...]:
    """One pass for each entry of the leading dimension of the gradients."""
    from engine.ops.joining import stack

    for at, (root, gradient) in enumerate(zip(roots, grads, strict=True)):
        if gradient is None or gradient.shape[1:] != root.shape:
            shape = "torch.Size([])" if gradient is None else repr(type(root.shape)(gradient.shape[1:]))
            raise errors.shape_mismatch(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                "dimension. The sizes of the remaining dimensions are expected to match the shape of corresponding "
                f"output, but a mismatch was detected: grad_output[{at}] has a shape of {shape} and output[{at}] has "
                f"a shape of {root.shape!r}. If you only want some tensors in `grad_output` to be considered batched, "
                "consider using vmap."
            )
    counts = list(dict.fromkeys(each.shape[0] for each in grads))
    if len(counts) > 1:
        raise errors.bad_value(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {counts} for the "
            "mapped dimension"
        )
    if counts in ([], [0]):
        raise errors.bad_index("index 0 is out of bounds for dimension 0 with size 0")
    rows = [
        grad(
            roots,
            wanted,
            [each[row] for each in grads],
            retain_graph=keep or row < counts[0] - 1,
            create_graph=create,
            allow_unused=unused,
        )
        for row in range(counts[0])
    ]
    return tuple(
        stack(list(column)) if column[0] is not None else _blank(each) if zeros else None
        for column, each in zip(zip(*rows, strict=True), wanted, strict=True)
    )


def _blank(tensor: Tensor) -> Tensor:
    """Zeros in the place of a gradient that does not exist."""
    return wrap(arrays.backend_of(tensor._array).xp.zeros_like(tensor._array))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    tensors = list(value)
    for each in tensors:
        if not isinstance(each, Tensor):
            raise errors.bad_type(f"expected Tensor or a sequence of them, but got {type(each).__name__}")
    return tensors


def _gradients(value: Any, count: int) -> list[Any]:
    if value is None:
        return [None] * count
    if not isinstance(value, (Tensor, list, tuple)):
        raise errors.bad_type(f"'{type(value).__name__}' object is not iterable")
    grads = [value] if isinstance(value, Tensor) else list(value)
    if len(grads) < count:
        raise errors.bad_argument(f"got {count} tensors and {len(grads)} gradients")
    return grads[:count]


def _roots(tensors: list[Tensor], grads: list[Any], record: bool) -> list[tuple[Edge, Any]]:
    """The edges backward starts from, each with its gradient."""
    checked = [_root_gradient(tensor, grads[at], at, record) for at, tensor in enumerate(tensors)]
    start = []
    for at, tensor in enumerate(tensors):
        edge = edge_of(tensor)
        if edge is None:
            raise errors.no_grad_fn(at)
        gradient = checked[at]
        start.append((edge, gradient._array if isinstance(gradient, Tensor) and not record else gradient))
    return start


def _root_gradient(tensor: Tensor, gradient: Any, at: int, record: bool) -> Any:
    array = tensor._array
    if gradient is None:
        if tensor._edge is None and not tensor.requires_grad:
            raise errors.no_grad_fn(at)
        if array.size != 1:
            raise errors.bad_argument("grad can be implicitly created only for scalar outputs")
        if array.dtype.kind == "c":
            raise errors.bad_argument(
                f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype!r}"
            )
        if not (record or array.shape) and type(array) is np.ndarray:
            return array.dtype.type(1)
        backend = arrays.backend_of(array)
        with backend.on_device_of(array):
            return wrap(backend.xp.ones(array.shape, array.dtype))
    if not isinstance(gradient, Tensor):
        kind = type(gradient)
        raise errors.bad_type(f"gradients can be either Tensors or None, but got {kind.__name__}")
    if gradient.shape != tensor.shape:
        raise errors.shape_mismatch(
            f"Mismatch in shape: grad_output[{at}] has a shape of {gradient.shape!r} and output[{at}] has a shape of "
            f"{tensor.shape!r}."
        )
    if gradient.is_complex() != tensor.is_complex():
        raise errors.dtype_mismatch(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{at}] has a dtype of {gradient.dtype!r} and output[{at}] has a dtype of {tensor.dtype!r}."
        )
    return gradient if gradient.dtype is tensor.dtype else gradient.to(tensor.dtype)


def _targets(inputs: Sequence[Tensor]) -> set[tuple[Node, int]]:
    """The places in the graph whose gradients are asked for."""
    targets = set()
    for tensor in inputs:
        edge = edge_of(tensor)
        if edge is None:
            raise errors.bad_argument("One of the differentiated Tensors does not require grad")
        targets.add(edge[:2])
    return targets


def _store(inputs: Sequence[Tensor], walk: Walk, record: bool) -> None:
    """`backward(inputs=...)`: accumulate what was captured into each input's `.grad`."""
    for tensor in inputs:
        edge = edge_of(tensor)
        gradient = None if edge is None or tensor._retains else walk.captured.pop(edge[:2], None)
        if gradient is not None:
            accumulate(tensor, gradient if record else arrays.as_array(gradient), record)


def tensor_backward(
    self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Accumulate the gradients of this tensor into the leaves (`torch.Tensor.backward`)."""
    if gradient is None and not create_graph and inputs is None:
        gradient, edge = _root_gradient(self, None, 0, False), edge_of(self)
        if edge is None:
            raise errors.no_grad_fn(0)
        if type(gradient) is Tensor:
            gradient = gradient._array
        Walk(False, bool(retain_graph), None).run([(edge, gradient)])
    else:
        backward(self, gradient, retain_graph, create_graph, inputs=inputs)
