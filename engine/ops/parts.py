"""The real and imaginary parts of complex tensors, as views."""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.lazy import Conjugate
from engine.op import Op, op
from engine.ops.views import select, viewed
from engine.tensor import Tensor


def view_as_real_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of view_as_real: complex tensors only."""
    array = values[0]
    dtype = dtypes.BY_NUMPY[array.dtype]
    if not dtype.is_complex:
        raise errors.dtype_mismatch("view_as_real is only supported for complex tensors")
    estimate = viewed(values, (*array.shape, 2))
    estimate.outputs = [((*array.shape, 2), dtype.to_real().numpy)]
    return estimate


@op(view_as_real_rule, view=True, method=False)
def view_as_real(input: Array) -> Any:
    """A complex tensor as a real one with a last dim of size 2, as a view."""
    input = xp.asarray(input)  # a formula may hand in a NumPy scalar, whose parts are copies
    part = input.real
    strides = (*part.strides, part.dtype.itemsize)
    return xp.lib.stride_tricks.as_strided(part, (*part.shape, 2), strides)


view_as_real.vjp(input=lambda g: as_complex(g))


def view_as_complex_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of view_as_complex: a last dim of size 2, next to each other in memory."""
    array = values[0]
    dtype = dtypes.BY_NUMPY[array.dtype]
    if dtype not in (dtypes.float32, dtypes.float64):
        raise errors.dtype_mismatch(
            f"view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{dtype.type_name}"
        )
    if not array.shape:
        raise errors.shape_mismatch("Input tensor must have one or more dimensions")
    if array.shape[-1] != 2:
        raise errors.shape_mismatch("Tensor must have a last dimension of size 2")
    estimate = viewed(values, array.shape[:-1])
    estimate.outputs = [(array.shape[:-1], dtype.to_complex().numpy)]
    return estimate


@op(view_as_complex_rule, view=True, hidden=True, node="ViewAsComplexBackward0")
def as_complex(input: Array) -> Any:
    """A real tensor with a last dim of size 2 as a complex one: a view where its numbers lie side by side."""
    if input.strides[-1] != input.dtype.itemsize:
        input = xp.ascontiguousarray(input)
    return input.view(xp.complex64 if input.dtype == xp.float32 else xp.complex128)[..., 0]


as_complex.vjp(input=lambda g: view_as_real(g))


@op(composed, composite=True, method=False)
def view_as_complex(input: Array) -> Any:
    """A real tensor with a last dim of size 2, whose numbers lie side by side, as a complex one, as a view."""
    own = isinstance(input, Tensor) and input.is_floating_point() and input.dim() and input.shape[-1] == 2
    if own and input.stride()[-1] != 1:
        raise errors.shape_mismatch("Tensor must have a last dimension with stride 1")
    if own and any(step % 2 for step in input.stride()[:-1]):
        raise errors.shape_mismatch("Tensor must have a stride divisible by 2 for all but last dimension")
    if own and input.storage_offset() % 2:
        raise errors.shape_mismatch("Tensor must have a storage_offset divisible by 2")
    return as_complex(input)


# -- conjugates and negatives as views (`engine.lazy`): their gradients are in `engine.ops.conjugates` ----------------


@op(lambda op, values: viewed(values, values[0].shape), view=True, hidden=True, lazy="conj", node="ConjBackward0")
def conj_shared(input: Array) -> Any:
    """The memory of the conjugate, which is that of the tensor."""
    return input[...]


@op(lambda op, values: viewed(values, values[0].shape), view=True, hidden=True, lazy="neg", node="NegViewBackward0")
def neg_shared(input: Array) -> Any:
    """The memory of the negative, which is that of the tensor."""
    return input[...]


@op(composed, composite=True, prop=True)
def real(input: Array) -> Any:
    """The real part, a view; a real tensor itself."""
    if input.dtype.kind != "c":
        return input
    if isinstance(input, Conjugate):
        input = conj_shared(input)
    return select(view_as_real(input), len(input.shape), 0)


@op(composed, composite=True, prop=True)
def imag(input: Array) -> Any:
    """The imaginary part, a view.

    Raises RuntimeError for a real tensor.
    """
    if input.dtype.kind != "c":
        raise errors.dtype_mismatch("imag is not implemented for tensors with non-complex dtypes.")
    if isinstance(input, Conjugate):
        return select(neg_shared(view_as_real(conj_shared(input))), len(input.shape), 1)
    return select(view_as_real(input), len(input.shape), 1)
