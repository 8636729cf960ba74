"""Every refusal of the engine: torch's exception type, torch's text, and a stable code.

The exceptions are Python's own (`RuntimeError`, `TypeError`, ...), as torch raises them, so that code written
against torch catches the same things. Each carries an attribute `code`; a caller that has to tell refusals apart
(a service choosing a status, say) reads that and never the text. An exception without a code is a defect.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

E = TypeVar("E", bound=Exception)

GRAPH_FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)
RETAIN = "can't retain_grad on Tensor that has requires_grad=False"
NOT_LEAF = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
    "that doesn't require differentiation use var_no_grad = var.detach()."
)
VIEW_MODES = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
    "the view and the inplace either both inside the {mode} block (if you don't want the inplace to be tracked) or "
    "both outside (if you want the inplace to be tracked)."
)
FUNCTION_VIEW = (
    "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to "
    "handle view+inplace would override the custom backward associated with the custom Function, leading to incorrect "
    "gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
)
MULTIPLE_VIEWS = (
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be modified inplace. You should replace the inplace operation by an out-of-place one."
)
SEARCH = (
    "enable anomaly detection to find the operation that failed to compute its gradient, with "
    "torch.autograd.set_detect_anomaly(True, check_nan=False)."
)
FOUND = (
    "the backtrace further above shows the operation that failed to compute its gradient. The variable in question "
    "was changed in there or anywhere later. Good luck!"
)
DEEPCOPY = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you "
    "were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
    "https://github.com/pytorch/pytorch/pull/103001"
)

CODES = (
    "bad_argument",
    "deadline",
    "device_unavailable",
    "dtype_mismatch",
    "graph_freed",
    "inplace_on_leaf",
    "inplace_on_view",
    "modified_inplace",
    "no_grad_fn",
    "not_differentiable",
    "not_implemented",
    "shape_mismatch",
    "singular",
    "too_large",
)


def coded(kind: type[E], code: str, text: str) -> E:
    """An exception of type `kind` with this text and, as its attribute `code`, one of `CODES`."""
    error = kind(text)
    error.code = code  # type: ignore[attr-defined]  # builtin exceptions take attributes at run time
    return error


@contextlib.contextmanager
def of_python() -> Iterator[None]:
    """Around what torch leaves to Python itself: its own exceptions for wrong types and numbers get a code."""
    try:
        yield
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        if not hasattr(error, "code"):
            error.code = "bad_argument"  # type: ignore[union-attr]  # as in `coded`
        raise


class LinAlgError(RuntimeError):
    """A matrix that has no inverse or factorization, or on which an algorithm fails (`torch.linalg.LinAlgError`)."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"  # as torch names it in messages


def singular(text: str) -> LinAlgError:
    """A matrix that has no inverse or factorization."""
    return coded(LinAlgError, "singular", text)


def bad_argument(text: str, kind: type[Exception] = RuntimeError) -> Exception:
    """An argument that no overload or rule of an op accepts; `kind` is the type torch raises for it."""
    return coded(kind, "bad_argument", text)


def bad_type(text: str) -> TypeError:
    """An argument of a type that the parameter does not take."""
    return coded(TypeError, "bad_argument", text)


def bad_value(text: str) -> ValueError:
    """An argument of the right type with a value that is not allowed."""
    return coded(ValueError, "bad_argument", text)


def number_overflow(value: int) -> OverflowError:
    """An int that neither int64 nor uint64 holds, where a number is wanted."""
    text = "int too big to convert" if value > 0 else "can't convert negative int to unsigned"
    return coded(OverflowError, "bad_argument", text)


def shape_mismatch(text: str) -> RuntimeError:
    """Shapes that do not fit each other."""
    return coded(RuntimeError, "shape_mismatch", text)


def dtype_mismatch(text: str) -> RuntimeError:
    """Dtypes that do not fit each other, or one that an op does not support."""
    return coded(RuntimeError, "dtype_mismatch", text)


def not_implemented_for(kernel: str, type_name: str) -> NotImplementedError:
    """No kernel for a dtype: torch's `"exp" not implemented for 'Bool'`."""
    return coded(NotImplementedError, "dtype_mismatch", f"\"{kernel}\" not implemented for '{type_name}'")


def dim_out_of_range(dim: int, ndim: int) -> IndexError:
    """A dim outside [-ndim, ndim - 1]; a 0-d tensor counts as one-dimensional."""
    low, high = (-ndim, ndim - 1) if ndim else (-1, 0)
    text = f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
    return coded(IndexError, "bad_argument", text)


def bad_index(text: str) -> IndexError:
    """An index outside its dimension, or one that cannot index this tensor."""
    return coded(IndexError, "bad_argument", text)


def broadcast_mismatch(a: Sequence[int], b: Sequence[int]) -> RuntimeError:
    """Two shapes that do not broadcast: names the last dimension, from the right, where they differ."""
    ndim = max(len(a), len(b))
    for back in range(1, ndim + 1):
        size_a = a[-back] if back <= len(a) else 1
        size_b = b[-back] if back <= len(b) else 1
        if size_a != size_b and size_a != 1 and size_b != 1:
            return shape_mismatch(
                f"The size of tensor a ({size_a}) must match the size of tensor b ({size_b}) "
                f"at non-singleton dimension {ndim - back}"
            )
    return shape_mismatch(f"shapes {list(a)} and {list(b)} do not broadcast")


def graph_freed() -> RuntimeError:
    """Saved values of the graph were freed by an earlier backward."""
    return coded(RuntimeError, "graph_freed", GRAPH_FREED)


def no_grad_fn(index: int) -> RuntimeError:
    """A root of backward that neither requires grad nor has a graph."""
    text = f"element {index} of tensors does not require grad and does not have a grad_fn"
    return coded(RuntimeError, "no_grad_fn", text)


def invalid_gradient(name: str | None, at: int, got: Sequence[int], wanted: Sequence[int]) -> RuntimeError:
    """A gradient of a shape that cannot be summed to its input's: of the node called so, or given for a root."""
    text = f"invalid gradient at index {at} - got {list(got)} but expected shape compatible with {list(wanted)}"
    return shape_mismatch(f"Function {name} returned an {text}" if name else text)


def outside_storage(
    size: Sequence[int], stride: Sequence[int], offset: int, itemsize: int, reach: int, held: int
) -> Exception:
    """A geometry that reaches so many elements into a storage that holds fewer."""
    return bad_argument(
        f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {itemsize} "
        f"requiring a storage size of {reach * itemsize} are out of bounds for storage of size {held * itemsize}"
    )


def unused_input(index: int) -> RuntimeError:
    """An input of `grad` that the outputs do not depend on."""
    return coded(
        RuntimeError,
        "no_grad_fn",
        f"The differentiated Tensor at index {index} appears to not have been used in the graph. "
        "Set allow_unused=True if this is the desired behavior.",
    )


def inplace_on_leaf(view: bool = False) -> RuntimeError:
    """An in-place op on a leaf that requires grad, or on a view of one."""
    what = "a view of a leaf Variable" if view else "a leaf Variable"
    text = f"{what} that requires grad is being used in an in-place operation."
    return coded(RuntimeError, "inplace_on_leaf", text)


def modified_inplace(what: str, origin: str, version: int, expected: int, anomaly: bool = False) -> RuntimeError:
    """A saved tensor was changed after it was saved; `anomaly`: the forward call is told beside this."""
    return coded(
        RuntimeError,
        "modified_inplace",
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{what}]{origin} is at version {version}; expected version {expected} instead. Hint: "
        f"{FOUND if anomaly else SEARCH}",
    )


def inplace_on_view(origin: str | None, creation: str, through_base: bool) -> RuntimeError:
    """A view whose history an in-place change would make ambiguous.

    `origin` is `Output 0 of Unbind` where the view has a node; `creation` how it (or the view it is a view of) was
    made: `multi` (one of several views of one call), `function` (by a custom Function), `no_grad` or `inference_mode`;
    `through_base`: its base was changed, not itself.
    """
    what = "its base or another view of its base has been" if through_base else "is being"
    if creation in ("multi", "function") and origin:
        reason = MULTIPLE_VIEWS if creation == "multi" else FUNCTION_VIEW
        text = f"{origin} is a view and {what} modified inplace. {reason}"
        return coded(RuntimeError, "inplace_on_view", text)
    mode = "inference_mode" if creation == "inference_mode" else "no_grad"
    subject = f"{origin} is a view of a view which was created" if origin else "A view was created"
    into = "in normal mode" if mode == "inference_mode" else "with grad mode enabled"
    name = "inference" if mode == "inference_mode" else mode
    reason = {"multi": MULTIPLE_VIEWS, "function": FUNCTION_VIEW}.get(creation) or VIEW_MODES.format(mode=mode)
    text = f"{subject} in {name} mode and {what} modified inplace {into}. {reason}"
    return coded(RuntimeError, "inplace_on_view", text)


def partial_overlap() -> RuntimeError:
    """An in-place op whose other operand lies across the memory written to."""
    text = (
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
        "location. Please clone() the tensor before performing the operation."
    )
    return coded(RuntimeError, "inplace_on_view", text)


def inference_update() -> RuntimeError:
    """A change, outside inference mode, of a tensor made inside."""
    text = (
        "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
        "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
    )
    return coded(RuntimeError, "bad_argument", text)


def inference_saved() -> RuntimeError:
    """A tensor made under inference mode that a node would have to save."""
    return coded(
        RuntimeError,
        "bad_argument",
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
        "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use "
        "it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`.",
    )


def overlapping_write() -> RuntimeError:
    """A write to a tensor several of whose elements are one memory cell."""
    text = (
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
        "Please clone() the tensor before performing the operation."
    )
    return coded(RuntimeError, "inplace_on_view", text)


def not_differentiable(text: str) -> NotImplementedError:
    """A derivative that does not exist in torch either."""
    return coded(NotImplementedError, "not_differentiable", text)


def underived(name: str) -> RuntimeError:
    """A derivative that torch's dispatcher does not know."""
    return coded(RuntimeError, "not_differentiable", f"derivative for aten::{name} is not implemented")


def forward_size(size: Sequence[int], given: Sequence[int]) -> RuntimeError:
    """A tangent of another size than its primal."""
    text = (
        "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
        f"supported. Tensor is of size {list(size)} while the given forward gradient is of size {list(given)}."
    )
    return coded(RuntimeError, "shape_mismatch", text)


def too_large(text: str) -> MemoryError:
    """A result or a graph over a limit, told from its shapes before anything was allocated."""
    return coded(MemoryError, "too_large", text)


def deadline() -> TimeoutError:
    """The caller's time limit passed between two ops."""
    return coded(TimeoutError, "deadline", "the time limit of this request has passed")


def device_unavailable(text: str) -> RuntimeError:
    """A device that this machine does not have."""
    return coded(RuntimeError, "device_unavailable", text)
