"""What a backward pass starts from and where it leads: tensors or gradient edges, and the gradients given for them."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from engine import arrays, dtypes, errors
from engine.graph import AccumulateGrad, Edge, Node
from engine.tensor import Size, Tensor, wrap
from engine.views import edge_of

Form = tuple[tuple[int, ...], Any]  # shape and NumPy dtype
_forms: weakref.WeakKeyDictionary[Node, dict[int, Form]] = weakref.WeakKeyDictionary()


class GradientEdge(NamedTuple):
    """A place in the graph: a node and the number of its output."""

    node: Node
    output_nr: int
    ownership_token: Node | None = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a tensor is computed.

    Raises RuntimeError if it does not require grad.
    """
    edge = edge_of(tensor) if tensor.requires_grad else None
    if edge is None:
        raise errors.bad_argument(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    _forms.setdefault(edge[0], {})[edge[1]] = edge[2:]
    return GradientEdge(edge[0], edge[1])


def _form_of(place: GradientEdge) -> Form:
    """Shape and dtype of the tensor at a place, as far as its node tells: else those of a float32 scalar."""
    node: Any = place.node
    nr = place.output_nr
    if not isinstance(node, Node):
        kind = type(node).__name__
        raise errors.coded(AttributeError, "bad_argument", f"'{kind}' object has no attribute '_input_metadata'")
    if nr >= (1 if node.outputs is None else len(node.outputs)):
        raise errors.bad_index("tuple index out of range")
    if isinstance(node, AccumulateGrad):
        return node.variable._array.shape, node.variable._array.dtype
    known = _forms.get(node, {}).get(nr)
    if known is None and node.outputs is not None:
        known = node.outputs[nr]
    return known or ((), np.dtype(np.float32))


Place = Tensor | GradientEdge


def link_of(place: Place) -> Edge | None:
    """The edge into the graph at a place, None for a tensor that does not require grad."""
    if isinstance(place, GradientEdge):
        return (place.node, place.output_nr, *_form_of(place))
    return edge_of(place)


def places(value: Any) -> list[Any]:
    """One tensor or edge, or a sequence or dict of them, as a list."""
    if isinstance(value, (Tensor, GradientEdge)):
        return [value]
    return list(value.values()) if type(value) is dict else list(value)


def roots_of(value: Any) -> list[Any]:
    """What backward starts from, as a list.

    Raises AssertionError for anything but tensors and edges.
    """
    found = [value] if isinstance(value, (Tensor, GradientEdge)) else list(value)
    if not all(isinstance(each, (Tensor, GradientEdge)) for each in found):
        raise errors.coded(AssertionError, "bad_argument", "Expected output to be a torch.Tensor")
    return found


def gradients_of(value: Any, count: int) -> list[Any]:
    """The gradients given for `count` roots, which may be too few; surplus ones are dropped.

    Raises TypeError for what is no tensor and holds none.
    """
    if value is None:
        return [None] * count
    if not hasattr(value, "__iter__"):
        raise errors.bad_type(f"'{type(value).__name__}' object is not iterable")
    grads = [value] if isinstance(value, Tensor) else list(value)
    return grads[:count]


def check_count(roots: Sequence[Any], grads: Sequence[Any]) -> None:
    """Raise RuntimeError for fewer gradients than roots."""
    if len(grads) < len(roots):
        raise errors.bad_argument(f"got {len(roots)} tensors and {len(grads)} gradients")


def start_of(roots: Sequence[Place], grads: Sequence[Any], record: bool) -> list[tuple[Edge, Any]]:
    """The edges backward starts from, each with its gradient: a tensor with `record`, else an array."""
    pairs = enumerate(zip(roots, grads, strict=False))
    checked = [root_gradient(root, each, at, record, roots, grads) for at, (root, each) in pairs]
    check_count(roots, grads)
    start = []
    for at, root in enumerate(roots):
        edge = link_of(root)
        if edge is None:
            raise errors.no_grad_fn(at)
        gradient = checked[at]
        start.append((edge, gradient._array if isinstance(gradient, Tensor) and not record else gradient))
    return start


def root_gradient(
    root: Place, gradient: Any, at: int, record: bool, roots: Sequence[Any] = (), grads: Sequence[Any] = ()
) -> Any:
    """The gradient of one root: what was given, checked and cast, or the one of a scalar.

    Messages number it and the root as torch does: by the first that is equal among `grads` and `roots`.

    Raises RuntimeError or TypeError with torch's texts.
    """
    shape, dtype = _form_of(root) if isinstance(root, GradientEdge) else (root._array.shape, root._array.dtype)
    kind = dtypes.BY_NUMPY[dtype]
    if gradient is None:
        if isinstance(root, Tensor) and root._edge is None and not root.requires_grad:
            return None  # `start_of` refuses it, after what is wrong with the other gradients
        return _ones(root, shape, kind, record)
    if not isinstance(gradient, Tensor):
        raise errors.bad_type(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if gradient._array.shape != shape:
        numbers = numbers_of(roots, grads, root, gradient, at)
        raise errors.shape_mismatch(
            f"Mismatch in shape: grad_output[{numbers[0]}] has a shape of {gradient.shape!r} and output[{numbers[1]}] "
            f"has a shape of {Size(shape)!r}."
        )
    if gradient.is_complex() != kind.is_complex:
        numbers = numbers_of(roots, grads, root, gradient, at)
        raise errors.dtype_mismatch(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{numbers[0]}] has a dtype of {gradient.dtype!r} and output[{numbers[1]}] has a dtype of "
            f"{kind!r}."
        )
    return gradient if gradient.dtype is kind else gradient.to(kind)


def numbers_of(roots: Sequence[Any], grads: Sequence[Any], root: Any, gradient: Any, at: int) -> tuple[int, int]:
    """Where a gradient and a root stand, as `index` finds them; comparing tensors may itself be refused."""
    return (list(grads).index(gradient), list(roots).index(root)) if grads else (at, at)


def _ones(root: Place, shape: tuple[int, ...], kind: dtypes.DType, record: bool) -> Any:
    """The gradient of a scalar by itself."""
    if any(size != 1 for size in shape):
        raise errors.bad_argument("grad can be implicitly created only for scalar outputs")
    if kind.is_complex:
        raise errors.bad_argument(f"grad can be implicitly created only for real scalar outputs but got {kind!r}")
    on_host = isinstance(root, GradientEdge) or type(root._array) is np.ndarray
    if on_host and not (record or shape):
        return kind.numpy.type(1)
    if isinstance(root, GradientEdge):
        return wrap(np.ones(shape, kind.numpy))
    backend = arrays.backend_of(root._array)
    with backend.on_device_of(root._array):
        return wrap(backend.xp.ones(shape, kind.numpy))


def targets_of(inputs: Sequence[Any]) -> set[tuple[Node, int]]:
    """The places in the graph whose gradients are asked for.

    Raises RuntimeError for what is no place, or does not require grad.
    """
    targets = set()
    for place in inputs:
        if not isinstance(place, (Tensor, GradientEdge)):
            raise errors.bad_argument(f"all inputs have to be Tensors or GradientEdges, but got {type(place).__name__}")
        edge = link_of(place)
        if edge is not None:
            targets.add(edge[:2])
        elif isinstance(place, GradientEdge) or not place.requires_grad:  # else a view made under no_grad: unused
            raise errors.bad_argument("One of the differentiated Tensors does not require grad")
    return targets
