"""The real and imaginary parts of complex tensors, as views."""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.views import select, viewed


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


view_as_real.vjp(input=lambda g: view_as_complex(g))


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


@op(view_as_complex_rule, view=True, method=False)
def view_as_complex(input: Array) -> Any:
    """A real tensor with a last dim of size 2 as a complex one, as a view."""
    if input.strides[-1] != input.dtype.itemsize:
        input = xp.ascontiguousarray(input)
    return input.view(xp.complex64 if input.dtype == xp.float32 else xp.complex128)[..., 0]


view_as_complex.vjp(input=lambda g: view_as_real(g))


@op(composed, composite=True, prop=True)
def real(input: Array) -> Any:
    """The real part, a view; a real tensor itself."""
    if input.dtype.kind != "c":
        return input
    return select(view_as_real(input), len(input.shape), 0)


@op(composed, composite=True, prop=True)
def imag(input: Array) -> Any:
    """The imaginary part, a view.

    Raises RuntimeError for a real tensor.
    """
    if input.dtype.kind != "c":
        raise errors.dtype_mismatch("imag is not implemented for tensors with non-complex dtypes.")
    return select(view_as_real(input), len(input.shape), 1)
