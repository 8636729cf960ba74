"""Products, variances, logarithms of sums, and other reductions that are made of simpler ones."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.folds import product, product_room, total
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Dims, Dtype, Number, Size
from engine.modes import warn
from engine.op import Op, alias, op
from engine.ops.arithmetic import add, conj_of, div, mul, real_of, scale, sub
from engine.ops.compare import eq, logical_not
from engine.ops.creation import full_like, zeros_like
from engine.ops.flipping import flip
from engine.ops.reduction import count_of, evenly_along, mean_dim, spread, sum_dim, wide
from engine.ops.scans import has_zero, products_before
from engine.ops.selection import masked_fill
from engine.ops.unary import exp, isnan
from engine.ops.views import reshape
from engine.rules import argument, normal_dims, reduced_shape, reduction, refuse_dtype, with_values


def prod_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of prod: as sum."""
    return reduction("sum")(op, values)


@op(prod_rule, node="ProdBackward0")
def prod(input: Array, *, dtype: Dtype = None) -> Any:
    """The product of all elements; integers and bools give int64."""
    return product(input, None, False, wide(input))


prod.vjp(input=lambda g, input, out: prod_backward(g, input, out))


def prod_backward(g: Any, input: Any, out: Any) -> Any:
    """The gradient of the product of all elements."""
    if input.ndim == 0:
        return g
    if not has_zero(input):
        return mul(g, conj_of(div(out, input)))
    if not hasattr(g, "_array") and int((input == 0).sum()) > 1:
        return zeros_like(input)  # also beside NaN, as torch does where it records nothing
    return reshape(prod_along_backward(g, reshape(input, (-1,)), out, 0), tuple(input.shape))


def prod_along_backward(g: Any, input: Any, out: Any, dim: int) -> Any:
    """The gradient of a product over a dim that was kept; without a division where a factor is zero."""
    if not has_zero(input):
        return mul(g, conj_of(div(out, input)))
    return mul(g, conj_of(mul(products_before(input, dim), flip(products_before(flip(input, (dim,)), dim), (dim,)))))


def one_dim(op: Op, values: list[Any]) -> Estimate:
    """The rule of prod over a dim."""
    estimate = reduction("sum")(op, values)
    estimate.temporaries += product_room(values[0], estimate.values[1], estimate.outputs[0][1].itemsize)
    return estimate


@op(one_dim, name="prod", node="ProdBackward1", rows=True)
def prod_dim(input: Array, dim: int, keepdim: bool = False, *, dtype: Dtype = None) -> Any:
    """The product over a dim."""
    return product(input, dim, keepdim, wide(input))


prod_dim.vjp(input=lambda g, input, out, dim, keepdim: prod_dim_backward(g, input, out, dim, keepdim))


def prod_dim_backward(g: Any, input: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """The gradient of the product over a dim."""
    if input.ndim == 0:
        return g
    if not keepdim:
        shape = reduced_shape(tuple(input.shape), dim, True)
        g, out = reshape(g, shape), reshape(out, shape)
    return prod_along_backward(g, input, out, dim[0])


# -- variance --------------------------------------------------------------------------------------------------------


NO_FREEDOM = (
    "degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel divided by "
    "output numel)."
)


def variance_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of var, std and their pairs with the mean: floating and complex, a real result."""
    array = values[0]
    dtype = dtypes.BY_NUMPY[array.dtype]
    if not dtype.differentiable:
        name = "std and var" if len(op.outputs) == 1 else op.name
        raise errors.dtype_mismatch(f"{name} only support floating point and complex dtypes")
    estimate = reduction()(op, values)
    shape = estimate.outputs[0][0]
    correction = argument(op, values, "correction")
    if isinstance(correction, complex):
        raise errors.bad_argument("value cannot be converted to type double without overflow")
    if not isinstance(array, Meta):
        count = array.size // math.prod(shape) if math.prod(shape) else 0
        if count <= (1 if correction is None else correction):
            warn(f"{op.name}(): {NO_FREEDOM}", level=5)
    values = with_values(op, estimate.values, correction=1 if correction is None else correction)
    outputs = [(shape, dtype.to_real().numpy), (shape, array.dtype)][: len(op.outputs)]
    itemsize = array.dtype.itemsize
    width = {2: 8, 16: 40}.get(itemsize, itemsize) if itemsize != 8 or not dtype.is_complex else 20
    return Estimate(values, outputs, None, width * array.size + 3 * max(itemsize, 4) * math.prod(shape), 4 * array.size)


def moments(input: Any, dim: Any, correction: Any, keepdim: bool) -> tuple[Any, Any]:
    """Variance and mean: twice through, so that large means cost no digits."""
    input = widened(input)
    count = count_of(input.shape, dim)
    mean = xp.add.reduce(input, axis=dim, keepdims=True) / input.real.dtype.type(count)
    away = input - mean
    if away.dtype.kind == "c":
        away = away.real**2 + away.imag**2
    else:
        away = xp.multiply(away, away, out=away) if input.ndim else away * away
    squares = xp.add.reduce(away, axis=dim, keepdims=keepdim)
    freedom = squares.dtype.type(max(count - correction, 0))
    return squares / freedom, mean.reshape(xp.shape(squares))


@op(variance_rule, rows=True)
def var(input: Array, dim: Dims | None = None, *, correction: Number | None = 1, keepdim: bool = False) -> Any:
    """The variance: squares of the distances from the mean, over the count less `correction`."""
    return moments(input, dim, correction, keepdim)[0]


var.vjp(input=lambda g, input, dim, correction, keepdim: var_backward(g, input, dim, correction, keepdim))


def var_backward(g: Any, input: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    """The gradient of the variance."""
    shape = tuple(input.shape)
    freedom = count_of(shape, dim) - correction
    dims = tuple(range(len(shape))) if dim is None else dim
    centre = mean_dim(input, dims, True) if shape else input
    away = sub(input, centre)
    if freedom <= 0 and (dim is None or not shape):
        slope = masked_fill(full_like(real_of(away), math.inf), eq(input, centre), math.nan)
        return mul(spread(g, shape, dim, keepdim), slope)
    return mul(spread(scale(g, 2 / freedom if freedom else math.inf), shape, dim, keepdim), away)


@op(variance_rule, rows=True)
def std(input: Array, dim: Dims | None = None, *, correction: Number | None = 1, keepdim: bool = False) -> Any:
    """The standard deviation: the root of the variance."""
    return xp.sqrt(moments(input, dim, correction, keepdim)[0])


std.vjp(input=lambda g, input, out, dim, correction, keepdim: std_backward(g, input, out, dim, correction, keepdim))


def std_backward(g: Any, input: Any, out: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    """The gradient of the standard deviation; zero where it is zero."""
    share = masked_fill(div(g, mul(out, 2)), eq(out, 0), 0)
    return var_backward(share, input, dim, correction, keepdim)


@op(variance_rule, outputs=("var", "mean"), returns_list=True, method=False)
def var_mean(input: Array, dim: Dims | None = None, *, correction: Number | None = 1, keepdim: bool = False) -> Any:
    """The variance and the mean."""
    return moments(input, dim, correction, keepdim)


var_mean.vjp(
    input=lambda g, input, dim, correction, keepdim: together(
        None if g[0] is None else var_backward(g[0], input, dim, correction, keepdim),
        mean_backward(g[1], input, dim, keepdim),
    )
)


def mean_backward(g: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    """The gradient of a mean beside a variance, if any came."""
    shape = tuple(input.shape)
    return None if g is None else div(spread(g, shape, dim, keepdim), count_of(shape, dim))


def together(a: Any, b: Any) -> Any:
    """The sum of two gradients of which one may not have come."""
    return b if a is None else a if b is None else add(a, b)


@op(variance_rule, outputs=("std", "mean"), returns_list=True, method=False)
def std_mean(input: Array, dim: Dims | None = None, *, correction: Number | None = 1, keepdim: bool = False) -> Any:
    """The standard deviation and the mean."""
    variance, mean = moments(input, dim, correction, keepdim)
    return xp.sqrt(variance), mean


std_mean.vjp(
    input=lambda g, input, std, dim, correction, keepdim: together(
        None if g[0] is None else std_backward(g[0], input, std, dim, correction, keepdim),
        mean_backward(g[1], input, dim, keepdim),
    )
)


def with_unbiased(main: Op) -> None:
    """Declare the older overloads of a variance, with `unbiased` in the place of `correction`."""

    def along(input: Array, dim: Dims | None, unbiased: bool = True, keepdim: bool = False) -> Any:
        return main(input, dim, correction=int(unbiased), keepdim=keepdim)

    def whole(input: Array, unbiased: bool = True) -> Any:
        return main(input, None, correction=int(unbiased))

    def rule(each: Op, values: list[Any]) -> Estimate:
        dim, unbiased, keepdim = values[1:] if len(values) == 4 else (None, values[1], False)
        return main.rule(main, [values[0], dim, int(unbiased), keepdim])

    for kernel in (along, whole):
        kernel.__doc__ = main.doc
        op(rule, name=main.name, composite=True, outputs=main.outputs, method=main.method)(kernel)


for _main in (var, std, var_mean, std_mean):
    with_unbiased(_main)

# -- sums ------------------------------------------------------------------------------------------------------------


def nansum_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nansum: no complex numbers."""
    if values[0].dtype.kind == "c":
        raise errors.dtype_mismatch("nansum on CPU does not support complex inputs")
    estimate = reduction("sum")(op, values)
    if estimate.outputs[0][1].kind == "c" and values[0].dtype.kind in "fV" and values[0].size:
        raise errors.not_implemented_for("nansum_cpu", dtypes.BY_NUMPY[estimate.outputs[0][1]].type_name)
    size = values[0].size
    estimate.temporaries += size * (max(4, estimate.outputs[0][1].itemsize) + 1)
    return estimate


@op(nansum_rule, rows=True)
def nansum(input: Array, dim: Dims | None = None, keepdim: bool = False, *, dtype: Dtype = None) -> Any:
    """The sum of the elements that are not NaN."""
    whole = total(input, dim, keepdim, wide(input))
    if not xp.isnan(whole).any():
        return whole
    del whole
    kept = xp.where(input != input, input.dtype.type(0), input)
    return xp.add.reduce(kept, axis=dim, keepdims=keepdim, dtype=wide(input))


nansum.vjp(
    input=lambda g, input, dim, keepdim: mul(spread(g, tuple(input.shape), dim, keepdim), logical_not(isnan(input)))
)


@op(composed, composite=True)
def nanmean(input: Array, dim: Dims | None = None, keepdim: bool = False, *, dtype: Dtype = None) -> Any:
    """The mean of the elements that are not NaN."""
    if input.dtype.kind not in "fcV":
        name = dtypes.BY_NUMPY[input.dtype].type_name if not hasattr(input, "_array") else input.dtype.type_name
        raise errors.dtype_mismatch(f"nanmean(): expected input to have floating point or complex dtype but got {name}")
    if dtype is not None and not dtype.differentiable:
        raise errors.dtype_mismatch(
            "nanmean(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. "
            f"Got: {dtype.type_name}"
        )
    count = sum_dim(logical_not(isnan(input)), dim, keepdim)
    return div(nansum(input, dim, keepdim, dtype=dtype), count)


def logsumexp_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of logsumexp: integers give the default floating dtype."""
    array = values[0]
    estimate = reduction("float")(op, values)
    if array.size and array.ndim and values[1] == () and not values[2]:
        raise errors.shape_mismatch(f"output with shape [] doesn't match the broadcast shape {[1] * array.ndim}")
    itemsize = max(4, estimate.outputs[0][1].itemsize)
    several = 2 if array.dtype in dtypes.HALF_TYPES else 1
    estimate.temporaries += several * array.size * itemsize + 4 * math.prod(estimate.outputs[0][0]) * itemsize
    estimate.flops = 20 * array.size
    return estimate


@op(logsumexp_rule, rows=True)
def logsumexp(input: Array, dim: Dims, keepdim: bool = False) -> Any:
    """The logarithm of the sum of exponentials over the dims."""
    input = widened(input)
    if input.size == 0:
        return xp.log(xp.add.reduce(input, axis=dim, keepdims=keepdim))
    top = input.real.max(axis=dim, keepdims=True)
    top = xp.where(xp.isfinite(top) | xp.isnan(top), top, top.dtype.type(0))
    shares = xp.asarray(input - top)
    total = xp.add.reduce(xp.exp(shares, out=shares), axis=dim, keepdims=keepdim)
    return xp.log(total) + top.reshape(xp.shape(total))


logsumexp.vjp(input=lambda g, input, out, dim, keepdim: logsumexp_backward(g, input, out, dim, keepdim))

alias(logsumexp, "special.logsumexp")


def logsumexp_backward(g: Any, input: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """The gradient: each element's share in the sum."""
    if dim is not None and not keepdim:
        shape = reduced_shape(tuple(input.shape), dim, True)
        g, out = reshape(g, shape), reshape(out, shape)
    return mul(g, conj_of(exp(sub(input, out))))


# -- extrema and counts ----------------------------------------------------------------------------------------------


def aminmax_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of aminmax: the reduced dim has elements."""
    array = values[0]
    dim = values[1]
    if array.dtype.kind == "c" and not array.ndim and dim is not None:
        raise errors.dtype_mismatch(f"aminmax not implemented for {dtypes.BY_NUMPY[array.dtype].type_name}")
    refuse_dtype(op, dtypes.BY_NUMPY[array.dtype], (dtypes.COMPLEX,), "aminmax_cpu")
    dims = normal_dims(dim, array.ndim)
    if array.size == 0 and dim is None:
        raise errors.bad_argument(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    if dims and array.shape[dims[0]] == 0:
        raise errors.bad_index(f"aminmax: Expected reduction dim {dims[0]} to have non-zero size.")
    estimate = reduction()(op, values)
    return Estimate(estimate.values, estimate.outputs * 2, None, 0, 2 * array.size)


@op(aminmax_rule, outputs=("min", "max"), rows=True)
def aminmax(input: Array, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element, along a dim or of all; gradients are shared evenly among equal ones."""
    return input.min(axis=dim, keepdims=keepdim), input.max(axis=dim, keepdims=keepdim)


aminmax.vjp(
    input=lambda g, input, min, max, dim, keepdim: together(
        None if g[0] is None else evenly_along(g[0], input, min, dim, keepdim),
        None if g[1] is None else evenly_along(g[1], input, max, dim, keepdim),
    )
)


def counting(op: Op, values: list[Any]) -> Estimate:
    """The rule of count_nonzero: along dims NumPy adds up bools."""
    estimate = reduction("index")(op, values)
    if estimate.values[op.index["dim"]] is not None and values[0].dtype != bool:
        estimate.temporaries += values[0].size
    return estimate


@op(counting)
def count_nonzero(input: Array, dim: int | None = None) -> Any:
    """How many elements are not zero, along a dim or in all."""
    return xp.count_nonzero(input, axis=dim)


@op(counting, name="count_nonzero")
def count_nonzero_dims(input: Array, dim: Size) -> Any:
    """How many elements are not zero, over several dims."""
    return xp.count_nonzero(input, axis=dim)
