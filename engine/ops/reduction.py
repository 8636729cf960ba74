"""Reductions: sums, means, extrema, norms, over all or some dims."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors, folds
from engine.arrays import unsqueezed, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Dtype, Number, Size
from engine.op import Op, op, overload
from engine.ops.arithmetic import div, div_number, mul
from engine.ops.compare import eq, logical_and, logical_or
from engine.ops.creation import zeros_like
from engine.ops.extremes import maximum, minimum
from engine.ops.gathering import pick_backward
from engine.ops.powers import pow_number
from engine.ops.selection import masked_fill
from engine.ops.unary import abs, isnan, sgn
from engine.ops.views import expand, reshape
from engine.rules import along_dim, cast_bytes, moved_bytes, reduced_shape, reduction, refuse_dtype

HALF = dtypes.HALF_TYPES
ROOTS = (np.float32, np.float64)  # of the gradient that backward starts with


def spread(g: Any, shape: Any, dim: Any, keepdim: Any) -> Any:
    """A reduced gradient back over the dims it was reduced over."""
    if dim is not None and not keepdim:
        g = reshape(g, reduced_shape(shape, dim, True))
    return expand(g, shape)


def wide(array: Any) -> Any:
    """The dtype to accumulate in: float32 for the half types, else the array's."""
    return xp.float32 if array.dtype in HALF else None


def quick_sum(input: Any) -> Any:
    """The sum of float32 or float64 on NumPy."""
    return xp.add.reduce(input, None) if input.size < folds.FEW else folds.total(input, None, False, None)


def quick_mean(input: Any) -> Any:
    """The mean of float32 or float64 on NumPy."""
    size = input.size
    return quick_sum(input) / size if size else input.dtype.type(math.nan)


@op(reduction("sum"), node="SumBackward0", fast=quick_sum)
def sum(input: Array, *, dtype: Dtype = None) -> Any:
    """The sum of all elements; integers and bools sum to int64."""
    return folds.total(input, None, False, wide(input))


sum.vjp(input=lambda g, input_shape: expand(g, input_shape))


@op(reduction("sum"), name="sum", node="SumBackward1", rows=True)
def sum_dim(input: Array, dim: Dims | None, keepdim: bool = False, *, dtype: Dtype = None) -> Any:
    """The sum over the given dims."""
    return folds.total(input, dim, keepdim, wide(input))


sum_dim.vjp(input=lambda g, input_shape, dim, keepdim: spread(g, input_shape, dim, keepdim))


@op(composed, composite=True, function=False)
def sum_to_size(input: Array, size: Size) -> Any:
    """The sum over the dims along which `size` would broadcast to the input's shape."""
    shape = tuple(input.shape)
    extra = len(shape) - len(size)
    if extra < 0 or [have for want, have in zip(size, shape[extra:], strict=True) if want not in (1, have)]:
        raise errors.shape_mismatch(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    if not size:
        return sum(input)
    inner = tuple(extra + at for at, want in enumerate(size) if want == 1 and shape[extra + at] != 1)
    if extra or inner:
        input = sum_dim(input, (*range(extra), *inner), True)
    return reshape(input, size) if extra else input


def mean_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of mean: floating and complex dtypes only."""
    asked = values[op.index["dtype"]]
    dtype = dtypes.BY_NUMPY[values[0].dtype]
    if asked is None and not dtype.differentiable:
        raise errors.dtype_mismatch(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {dtype.type_name}"
        )
    if asked is not None and not asked.differentiable:
        raise errors.dtype_mismatch(
            "mean(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. "
            f"Got: {asked.type_name}"
        )
    estimate = reduction("float")(op, values)
    estimate.temporaries += estimate.output_bytes  # the sum beside the mean
    return estimate


@op(mean_rule, node="MeanBackward0", fast=quick_mean)
def mean(input: Array, *, dtype: Dtype = None) -> Any:
    """The mean of all elements."""
    total = folds.total(input, None, False, wide(input))
    return total / input.size if input.size else total * xp.nan


mean.vjp(input=lambda g, input_shape, input_numel: div_number(expand(g, input_shape), max_int(input_numel, 1)))
mean.fused(input=lambda g, input_shape, input_numel: spread_evenly(g, input_shape, input_numel))
max_int = max


def spread_evenly(g: Any, shape: Any, count: int) -> Any:
    """An array of equal shares of a gradient (a third of the time of `full`)."""
    if type(g) in ROOTS:  # a quotient in double precision, rounded, is that of the shorter numbers
        out = xp.empty(shape, g.dtype)
        out.fill(float(g) / (count or 1))
        return out
    share = g / (count or 1)
    out = xp.empty(shape, share.dtype)
    out.fill(share)
    return out


@op(mean_rule, name="mean", node="MeanBackward1", rows=True)
def mean_dim(input: Array, dim: Dims | None, keepdim: bool = False, *, dtype: Dtype = None) -> Any:
    """The mean over the given dims."""
    total = folds.total(input, dim, keepdim, wide(input))
    count = count_of(input.shape, dim)
    return total / count if count else total * xp.nan


mean_dim.vjp(
    input=lambda g, input_shape, dim, keepdim: div_number(
        spread(g, input_shape, dim, keepdim), max_int(count_of(input_shape, dim), 1)
    )
)


def count_of(shape: Any, dim: Any) -> int:
    """How many elements each result is reduced from."""
    return math.prod(shape) if dim is None else math.prod(shape[at] for at in dim)


def evenly(g: Any, input: Any, out: Any) -> Any:
    """The gradient of a full extremum, in equal shares to all elements that attain it; NaN attains NaN."""
    hits = logical_or(eq(input, out), logical_and(isnan(input), isnan(out)))
    return masked_fill(zeros_like(input), hits, div(g, sum(hits)))


def evenly_along(g: Any, input: Any, out: Any, dim: Any, keepdim: Any) -> Any:
    """The gradient of an extremum over dims, in equal shares; NaN where the extremum is NaN (as torch)."""
    if dim is not None and not keepdim:
        shape = reduced_shape(tuple(input.shape), dim, True)
        g, out = reshape(g, shape), reshape(out, shape)
    hits = eq(input, out)
    count = sum(hits) if dim is None else sum_dim(hits, dim, True)
    return mul(div(g, count), hits)


def whole_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of max and min over all elements: not empty, not complex."""
    array = values[0]
    refuse_dtype(op, dtypes.BY_NUMPY[array.dtype], (dtypes.COMPLEX,), f"{op.name}_all")
    if array.size == 0:
        raise errors.bad_argument(
            f"{op.name}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    return reduction()(op, values)


@op(whole_rule, node="MaxBackward1")
def max(input: Array) -> Any:
    """The largest element; the gradient is shared evenly among equal ones."""
    return input.max()


max.vjp(input=lambda g, input, out: evenly(g, input, out))


@op(whole_rule, node="MinBackward1")
def min(input: Array) -> Any:
    """The smallest element; the gradient is shared evenly among equal ones."""
    return input.min()


min.vjp(input=lambda g, input, out: evenly(g, input, out))


def selected(input: Any, index: Any, dim: Any, keepdim: Any) -> Any:
    """The elements an argmax or argmin points at, and the int64 index itself."""
    if input.ndim == 0:
        return input.copy(), xp.zeros((), xp.int64)
    wide_index = unsqueezed(index, dim)
    values = xp.take_along_axis(input, wide_index, dim)
    return (values, wide_index) if keepdim else (xp.squeeze(values, dim), index)


@op(along_dim, name="max", outputs=("values", "indices"), differentiable=("values",), node="MaxBackward0")
def max_dim(input: Array, dim: int, keepdim: bool = False) -> Any:
    """The largest element along a dim and its first index; the gradient goes to that one."""
    return selected(input, xp.argmax(input, axis=dim) if input.ndim else None, dim, keepdim)


max_dim.vjp(input=lambda g, indices, input_shape, dim, keepdim: pick_backward(g[0], indices, input_shape, dim, keepdim))


@op(along_dim, name="min", outputs=("values", "indices"), differentiable=("values",), node="MinBackward0")
def min_dim(input: Array, dim: int, keepdim: bool = False) -> Any:
    """The smallest element along a dim and its first index; the gradient goes to that one."""
    return selected(input, xp.argmin(input, axis=dim) if input.ndim else None, dim, keepdim)


min_dim.vjp(input=lambda g, indices, input_shape, dim, keepdim: pick_backward(g[0], indices, input_shape, dim, keepdim))


overload("max", maximum)
overload("min", minimum)


def non_empty_dims(op: Op, values: list[Any]) -> Estimate:
    """The rule of amax, amin, argmax, argmin: every reduced dim has elements."""
    index = op.name.startswith("arg")
    dtype = dtypes.BY_NUMPY[values[0].dtype]
    if index and dtype.category in (dtypes.BOOL, dtypes.COMPLEX):
        raise errors.dtype_mismatch(f"{op.name}(): does not support {'complex' if dtype.is_complex else 'bool'} input")
    if dtype.is_complex:
        raise errors.not_implemented_for(f"{op.name[1:]}_values_cpu", dtype.type_name)
    estimate = reduction("index" if index else "same")(op, values)
    dims = estimate.values[op.index["dim"]]
    shape = values[0].shape
    told = values[op.index["dim"]]
    for at, dim in enumerate(range(len(shape)) if dims is None else dims):
        if shape[dim] == 0:
            if dims is None:
                text = f"{op.name}(): Expected reduction dim to be specified for input.numel() == 0."
                if index:
                    raise errors.bad_index(text)
                raise errors.bad_argument(f"{text} Specify the reduction dim with the 'dim' argument.")
            dim = dim if index else told if isinstance(told, int) else told[at]
            raise errors.bad_index(f"{op.name}(): Expected reduction dim {dim} to have non-zero size.")
    if index:
        estimate.temporaries += moved_bytes(values[0], None if dims is None else dims[0])
    return estimate


@op(non_empty_dims, rows=True)
def amax(input: Array, dim: Dims | None = None, keepdim: bool = False) -> Any:
    """The largest element over the dims; the gradient is shared evenly among equal ones."""
    return input.max(axis=dim, keepdims=keepdim)


amax.vjp(input=lambda g, input, out, dim, keepdim: evenly_along(g, input, out, dim, keepdim))


@op(non_empty_dims, rows=True)
def amin(input: Array, dim: Dims | None = None, keepdim: bool = False) -> Any:
    """The smallest element over the dims; the gradient is shared evenly among equal ones."""
    return input.min(axis=dim, keepdims=keepdim)


amin.vjp(input=lambda g, input, out, dim, keepdim: evenly_along(g, input, out, dim, keepdim))


@op(non_empty_dims)
def argmax(input: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """The first index of the largest element along a dim, or in the flattened tensor."""
    return arg(xp.argmax, input, dim, keepdim)


@op(non_empty_dims)
def argmin(input: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """The first index of the smallest element along a dim, or in the flattened tensor."""
    return arg(xp.argmin, input, dim, keepdim)


def arg(find: Any, input: Any, dim: Any, keepdim: Any) -> Any:
    """argmax or argmin with `dim` as the rule normalised it."""
    axis = dim[0] if dim else None
    if input.ndim == 0:
        return xp.zeros((), xp.int64)
    return find(input, axis=axis, keepdims=keepdim)


BOOLEAN = reduction("bool")


def truth_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of all and any: no dims, `()`, reduce nothing (torch's other reductions reduce all)."""
    estimate = BOOLEAN(op, values)
    if values[1] == ():
        shape = values[0].shape
        return Estimate([values[0], (), False], [(shape, estimate.outputs[0][1])], None, 0, values[0].size)
    return estimate


@op(truth_rule, rows=True)
def all(input: Array, dim: Dims | None = None, keepdim: bool = False) -> Any:
    """Whether every element is nonzero."""
    return xp.all(input, axis=dim, keepdims=keepdim)


@op(truth_rule, rows=True)
def any(input: Array, dim: Dims | None = None, keepdim: bool = False) -> Any:
    """Whether some element is nonzero."""
    return xp.any(input, axis=dim, keepdims=keepdim)


def norm_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of norms: floating or complex input, a real result."""
    dtype = norm_dtype(dtypes.BY_NUMPY[values[0].dtype], values[op.index["dtype"]])
    order = values[1]
    if isinstance(order, complex):
        raise errors.bad_argument("linalg.vector_norm: Expected a non-complex scalar as the order of norm.")
    estimate = reduction("same")(op, values)
    shape = estimate.outputs[0][0]
    if values[0].size == 0 and (order == math.inf or order < 0):
        refuse_empty(values[0], order, values[op.index["dim"]])
    held = norm_width(dtype, order) * values[0].size + cast_bytes([values[0]], dtype.numpy)
    return Estimate(estimate.values, [(shape, dtype.to_real().numpy)], dtype.numpy, held, 4 * values[0].size)


def refuse_empty(array: Any, order: Any, dim: Any) -> None:
    """Raise RuntimeError where a norm would be the largest or smallest of nothing."""
    order = f"{order:g}" if isinstance(order, float) else order
    where = "an empty tensor " if not dim else ""  # torch's slip: no space after the dim
    for each in dim or ():
        if not array.shape[each]:
            where = f"the dimension {each}"
            break
    if where:
        raise errors.bad_argument(
            f"linalg.vector_norm cannot compute the {order} norm on {where}because "
            f"{'this dimension is empty and ' if dim else ''}the operation does not have an identity"
        )


def check_norm_dtype(name: str, given: dtypes.DType, dtype: dtypes.DType) -> None:
    """Raise RuntimeError for a dtype that a norm cannot be computed in."""
    if not dtype.differentiable:
        raise errors.dtype_mismatch(f"{name}: dtype should be floating point or complex, but got {dtype.type_name}")
    if given.is_complex != dtype.is_complex:
        kind = "complex" if given.is_complex else "real"
        raise errors.dtype_mismatch(f"{name}: dtype should be {kind} for {kind} inputs, but got {dtype.type_name}")
    if dtypes.promote_types(given, dtype) is not dtype:
        raise errors.dtype_mismatch(
            f"{name}: the dtype of the input ({given.type_name}) should be convertible without narrowing to the "
            f"specified dtype ({dtype.type_name})"
        )


def norm_dtype(given: dtypes.DType, asked: dtypes.DType | None) -> dtypes.DType:
    """The dtype a norm is computed in: the tensor's, or a wider one that was asked for.

    Raises RuntimeError for a dtype that is not floating or complex, or does not hold the tensor's numbers.
    """
    name = "linalg.vector_norm"
    if not given.differentiable:
        text = f"{name}: Expected a floating point or complex tensor as input. Got {given.type_name}"
        raise errors.dtype_mismatch(text)
    if asked is None:
        return given
    check_norm_dtype(name, given, asked)
    return asked


def norm_width(dtype: dtypes.DType, p: Any) -> int:
    """The bytes for each element that `norm_kernel` holds: magnitudes, and powers of them."""
    buffers = 1 if p in (0, 1, math.inf, -math.inf) else 2
    width: int = buffers * max_int(dtype.to_real().itemsize, 4) + (p == 0) + 2 * (dtype.numpy in HALF)
    return width


def norm_kernel(input: Any, p: Any, dim: Any, keepdim: Any) -> Any:
    """The p-norm over the dims; half types accumulate in float32."""
    if p == 2 and input.dtype.char in "fd" and input.size >= folds.FEW and input.flags.c_contiguous:
        return xp.sqrt(folds.squares(input, dim, keepdim))
    size = xp.absolute(input)
    if size.dtype in HALF:
        size = size.astype(xp.float32)
    if p == math.inf:
        return size.max(axis=dim, keepdims=keepdim)
    if p == -math.inf:
        return size.min(axis=dim, keepdims=keepdim)
    if p == 0:
        return (size != 0).sum(axis=dim, keepdims=keepdim)
    if p == 1:
        return size.sum(axis=dim, keepdims=keepdim)
    if p == 2:
        return xp.sqrt((size * size).sum(axis=dim, keepdims=keepdim))
    return (size**p).sum(axis=dim, keepdims=keepdim) ** (1 / p)


@op(norm_rule, namespace="linalg", node="LinalgVectorNormBackward0", rows=True)
def vector_norm(
    x: Array, ord: Number = 2, dim: Dims | None = None, keepdim: bool = False, *, dtype: Dtype = None
) -> Any:
    """The norm of order `ord` of the elements over the dims."""
    return norm_kernel(x, ord, dim, keepdim)


vector_norm.vjp(x=lambda g, x, out, ord, dim, keepdim: norm_backward(g, x, out, ord, dim, keepdim))


def norm_backward(g: Any, input: Any, out: Any, p: Any, dim: Any, keepdim: Any) -> Any:
    """The gradient of a p-norm; where the norm is 0 the subgradient 0, as torch chooses."""
    if p == 0:
        return None
    if dim is not None and not keepdim:
        shape = reduced_shape(tuple(input.shape), dim, True)
        g, out = reshape(g, shape), reshape(out, shape)
    if p == 1:
        return mul(sgn(input), g)
    if p == 2:
        return mul(g, zero_where(eq(out, 0), div(input, out)))
    if math.isinf(p):
        size = abs(input)
        hits = logical_or(eq(size, out), isnan(size))
        count = sum(hits) if dim is None else sum_dim(hits, dim, True)
        return mul(sgn(input), mul(div(g, count), hits))
    if p < 1:
        slope = mul(sgn(input), zero_where(eq(input, 0), pow_number(abs(input), p - 1)))
        return mul(mul(slope, g), pow_number(out, 1 - p))
    scale = zero_where(eq(out, 0), div(g, pow_number(out, p - 1)))
    slope = mul(sgn(input), pow_number(abs(input), p - 1)) if p < 2 else mul(input, pow_number(abs(input), p - 2))
    return mul(slope, scale)


def zero_where(mask: Any, x: Any) -> Any:
    """`x` with exact zeros where the mask holds."""
    return masked_fill(x, mask, 0)
