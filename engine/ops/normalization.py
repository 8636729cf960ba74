"""Normalisation by the statistics of a layer, by its root mean square, and by neighbouring channels.

Those of batches and groups (`channels`, `groups`) too standardise over some dims and scale by weights. `pull_back` is
the standardisation's gradient: self-adjoint in the gradient it gets, so its own derivatives are written with itself and
hold in every order.
"""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Number, Size
from engine.modes import warn_once
from engine.op import Op, op
from engine.ops.arithmetic import add, div, mul, neg, shift, sub
from engine.ops.conv_shapes import of_numpy
from engine.ops.convolving import zero_pad
from engine.ops.copies import contiguous, to_copy
from engine.ops.pooling import avg_pool2d, avg_pool3d
from engine.ops.powers import pow_number
from engine.ops.reduction import mean_dim
from engine.ops.row_norms import last, pull_back_rows, standard_rows
from engine.ops.unary import rsqrt
from engine.ops.views import squeeze_dim, unsqueeze, view
from engine.rules import FUNCTIONAL, Shape

HALF = dtypes.HALF_TYPES
MIXED = "mixed dtype (CPU): all inputs must share same datatype."
MIXED_FLOAT = "mixed dtype (CPU): expect parameter to have scalar type of Float"


# -- the standardisation --------------------------------------------------------------------------------------------


def moments(x: Any, dims: Shape, eps: float) -> Any:
    """What is left of `x` without its mean over the dims, the mean, the variance, and 1 over the deviation."""
    count = max(math.prod(x.shape[at] for at in dims), 1)
    mean = x.sum(axis=dims, keepdims=True) / x.dtype.type(count)
    rest = x - mean
    variance = (rest * rest).sum(axis=dims, keepdims=True) / x.dtype.type(count)
    return rest, mean, variance, 1 / xp.sqrt(variance + x.dtype.type(eps))


def scaled(rest: Any, rstd: Any, weight: Any, bias: Any) -> Any:
    """`rest * rstd * weight + bias`, in the memory of `rest`."""
    rest *= rstd
    if weight is not None:
        rest *= weight
    if bias is not None:
        rest += bias
    return rest


def standard_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the standardisation's gradient: the shape of the first operand."""
    array = values[0]
    extra = 16 * array.size if array.dtype in HALF else 2 * array.size * array.dtype.itemsize
    return Estimate(values, [(array.shape, array.dtype)], None, extra, array.size)


def rest_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the standardisation: half types are computed in float32."""
    array = values[0]
    held = 8 * array.size if array.dtype in HALF else 0
    return Estimate(values, [(array.shape, array.dtype)], None, held, array.size)


@op(rest_rule, hidden=True, node="SubBackward0")
def standardized(input: Array, mean: Array, rstd: Array, dims: Dims, eps: float) -> Any:
    """`(input - mean) * rstd` with the input's own statistics."""
    rest = widened(input) - widened(mean)
    rest *= widened(rstd)
    return rest.astype(input.dtype, copy=False)


standardized.vjp(input=lambda g, input, mean, rstd, dims, eps: pull_back(g, input, mean, rstd, dims, eps))


@op(standard_rule, hidden=True, node="NativeLayerNormBackwardBackward0")
def pull_back(grad: Array, input: Array, mean: Array, rstd: Array, dims: Dims, eps: float) -> Any:
    """The gradient of the standardisation: rstd (g - mean(g) - x^ mean(g x^)), x^ the standardised input."""
    if last(dims, grad, input):
        return pull_back_rows(grad, input, dims, mean, rstd, None, (True, False, False))[0]
    g, rstd = widened(grad), widened(rstd)
    x = widened(input) - widened(mean)
    x *= rstd
    count = g.dtype.type(max(math.prod(x.shape[at] for at in dims), 1))
    product = g * x
    x *= product.sum(axis=dims, keepdims=True) / count
    x += g.sum(axis=dims, keepdims=True) / count
    out = xp.subtract(g, x, out=product)
    out *= rstd
    return out.astype(grad.dtype, copy=False)


pull_back.vjp(
    grad=lambda g, input, mean, rstd, dims, eps: pull_back(g, input, mean, rstd, dims, eps),
    input=lambda g, grad, input, dims, eps: pull_back_input(g, grad, input, dims, eps),
)


def pull_back_input(u: Any, g: Any, input: Any, dims: Shape, eps: float) -> Any:
    """The gradient of `pull_back` to the input, by statistics recomputed so that it can be differentiated again."""
    mean = mean_dim(input, dims, True)
    rest = sub(input, mean)
    rstd = rsqrt(shift(mean_dim(mul(rest, rest), dims, True), eps))
    x = mul(rest, rstd)
    u_mean, g_mean = mean_dim(u, dims, True), mean_dim(g, dims, True)
    u_slope, g_slope = mean_dim(mul(u, x), dims, True), mean_dim(mul(g, x), dims, True)
    through_x = neg(mul(rstd, add(mul(g_slope, u), mul(u_slope, g))))
    spread = sub(sub(mean_dim(mul(u, g), dims, True), mul(u_mean, g_mean)), mul(u_slope, g_slope))
    return sub(pull_back(through_x, input, mean, rstd, dims, eps), mul(mul(mul(rstd, rstd), spread), x))


def check_floating(array: Any, kernel: str) -> None:
    """Raise NotImplementedError unless the input has a real floating dtype."""
    dtype = dtypes.BY_NUMPY[array.dtype]
    if not dtype.is_floating_point:
        raise errors.not_implemented_for(kernel, dtype.type_name)


def parameter_dtype(input: Any, *parameters: Any) -> Any:
    """The dtype of statistics: the parameters', which is the input's or, for half types, float32.

    Raises RuntimeError for any other; the first parameter tells whether there are two dtypes.
    """
    given = [each.dtype for each in parameters if each is not None]
    if not given or given[0] == input.dtype:
        other = next((each for each in given if each != input.dtype), None)
        if other is not None:
            names = [dtypes.BY_NUMPY[each].type_name for each in (input.dtype, other)]
            raise errors.dtype_mismatch(f"expected scalar type {names[0]} but found {names[1]}")
        return input.dtype
    if [1 for each in given if each != xp.float32]:
        raise errors.dtype_mismatch(MIXED_FLOAT)
    if input.dtype not in HALF:
        raise errors.dtype_mismatch(MIXED)
    return given[0]


# -- layers ---------------------------------------------------------------------------------------------------------


def check_normalized(input: Any, shape: Shape, weight: Any, bias: Any, star: str = "*, ") -> None:
    """Raise RuntimeError unless the input ends in `shape`, and weight and bias have it."""
    if not shape:
        raise errors.bad_argument(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != shape:
            raise errors.shape_mismatch(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(each.shape)} and normalized_shape = {list(shape)}"
            )
    if tuple(input.shape)[-len(shape) :] != shape:
        sizes = ", ".join(map(str, shape))
        raise errors.shape_mismatch(
            f"Given normalized_shape={list(shape)}, expected input with shape [{star}{sizes}], but got input of "
            f"size{list(input.shape)}"
        )


def layer_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of layer_norm."""
    input, shape, weight, bias, _ = values
    check_normalized(input, shape, weight, bias)
    dtype = parameter_dtype(input, weight, bias)
    check_floating(input, "LayerNormKernelImpl")
    kept = (*input.shape[: input.ndim - len(shape)], *(1,) * len(shape))
    extra = 3 * input.size * max(input.dtype.itemsize, 4) + 16 * math.prod(kept)
    outputs = [(input.shape, input.dtype), (kept, dtype), (kept, dtype)]
    return Estimate(values, outputs, None, extra, 8 * input.size)


STATISTICS = ("out", "result1", "result2")


@op(layer_rule, outputs=STATISTICS, differentiable=("out",), method=False)
def native_layer_norm(
    input: Array, normalized_shape: Size, weight: Array | None, bias: Array | None, eps: float
) -> Any:
    """layer_norm with the mean and 1 over the deviation it divided by."""
    dims = last_dims(input, normalized_shape)
    if last(dims, input):
        out, mean, rstd = standard_rows(input, dims, eps, weight, bias)
    else:
        rest, mean, _, rstd = moments(widened(input), dims, eps)
        out = scaled(rest, rstd, *(None if each is None else widened(each) for each in (weight, bias)))
    given = [each for each in (weight, bias) if each is not None]
    dtype = given[0].dtype if given else input.dtype
    return (
        out.astype(input.dtype, order="C", copy=False),
        mean.astype(dtype, copy=False),
        rstd.astype(dtype, copy=False),
    )


def last_dims(input: Any, shape: Shape) -> Shape:
    """The dims that `shape` covers, from the end."""
    return tuple(range(len(input.shape) - len(shape), len(input.shape)))


def layer_backward(
    g: Any,
    needs: Any,
    bias: Any,
    input: Any,
    normalized_shape: Any,
    weight: Any,
    result1: Any,
    result2: Any,
    eps: float,
) -> list[Any]:
    """The gradients of layer_norm to input, weight and bias (which torch saves too): of bare arrays in one go."""
    dims, flow = last_dims(input, normalized_shape), g[0]
    if not hasattr(flow, "_array") and last(dims, flow, input):
        return pull_back_rows(flow, input, dims, result1, result2, weight, tuple(needs))
    return [
        pull_back(weighted(flow, weight), input, result1, result2, dims, eps) if needs[0] else None,
        mul(flow, standardized(input, result1, result2, dims, eps)) if needs[1] else None,
        flow if needs[2] else None,
    ]


native_layer_norm.vjp_joint(layer_backward, "input", "weight", "bias")


def weighted(g: Any, weight: Any) -> Any:
    """The gradient times the weight, if there is one; in the gradient's dtype."""
    return g if weight is None else like(mul(g, weight), g)


def like(x: Any, other: Any) -> Any:
    """`x` in the dtype of another."""
    if x.dtype == other.dtype:
        return x
    return to_copy(x, dtypes.BY_NUMPY[getattr(other.dtype, "numpy", other.dtype)], None)


@op(composed, composite=True, method=False)
def layer_norm(
    input: Array,
    normalized_shape: Size,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """The input standardised over its last dims, times weight plus bias."""
    return native_layer_norm(input, normalized_shape, weight, bias, eps)[0]


@op(composed, namespace=FUNCTIONAL, name="layer_norm", composite=True)
def functional_layer_norm(
    input: Array,
    normalized_shape: Size,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Any:
    """The input standardised over its last dims, times weight plus bias."""
    return native_layer_norm(input, normalized_shape, weight, bias, eps)[0]


def rms_normalized(input: Any, normalized_shape: Shape, weight: Any, eps: float | None) -> Any:
    """The input over the root of its mean square over the last dims, times weight; in the input's dtype."""
    weight_fits = weight is None or tuple(weight.shape) == tuple(normalized_shape)
    if len(normalized_shape) > len(input.shape) and weight_fits:
        raise errors.bad_value(
            f"Input tensor must have at least {len(normalized_shape)} dimensions, but got {len(input.shape)}"
        )
    check_normalized(input, normalized_shape, weight, None, "*")
    dtype = input.dtype
    if dtype.kind in "biu":
        raise errors.not_implemented_for("rms_norm", of_numpy(dtype).type_name)
    if weight is not None and weight.dtype != dtype:
        have, other = of_numpy(dtype).cpp_name, of_numpy(weight.dtype).cpp_name
        warn_once(MISMATCH.format(have, other), level=7)
    if eps is None:
        eps = SMALLEST.get(getattr(dtype, "name", "float32"), SMALLEST["float32"])
    x = in_float32(input)
    square = mean_dim(pow_number(x, 2), last_dims(input, normalized_shape), True)
    out = mul(x, rsqrt(shift(square, eps)))
    return contiguous(like(out if weight is None else mul(out, weight), input))


MISMATCH = (
    "Mismatch dtype between input and weight: input dtype = {}, weight dtype = {}, Cannot dispatch to fused "
    "implementation."
)


@op(composed, composite=True, method=False)
def rms_norm(input: Array, normalized_shape: Size, weight: Array | None = None, eps: float | None = None) -> Any:
    """The input over the root of its mean square over the last dims, times weight."""
    return rms_normalized(input, normalized_shape, weight, eps)


@op(composed, namespace=FUNCTIONAL, name="rms_norm", composite=True)
def functional_rms_norm(
    input: Array, normalized_shape: Size, weight: Array | None = None, eps: float | None = None
) -> Any:
    """The input over the root of its mean square over the last dims, times weight."""
    return rms_normalized(input, normalized_shape, weight, eps)


SMALLEST = {"float64": 2.0**-52, "complex128": 2.0**-52, "float32": 2.0**-23, "complex64": 2.0**-23}


def in_float32(x: Any) -> Any:
    """Half types as float32, recorded as a step; the rest as they are."""
    if x.dtype.kind != "V" and x.dtype.itemsize != 2:
        return x
    return to_copy(x, dtypes.float32, None)


# -- neighbours ------------------------------------------------------------------------------------------------------


@op(composed, namespace=FUNCTIONAL, composite=True)
def local_response_norm(input: Array, size: int, alpha: Number = 1e-4, beta: Number = 0.75, k: Number = 1.0) -> Any:
    """The input over a power of the mean square of neighbouring channels."""
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise errors.bad_value(
            f"Expected 3D or higher dimensionality                          input (got {len(shape)} dimensions)"
        )
    if 0 in shape:
        return input
    if size // 2 + (size - 1) // 2 + shape[1] < 0:
        raise errors.bad_argument("narrow(): length must be non-negative.")
    if size < 1:
        first = "kT: {} kH: 1" if len(shape) > 3 else "kH: {}"
        raise errors.bad_argument(f"kernel size should be greater than zero, but got {first.format(size)} kW: 1")
    square = unsqueeze(mul(input, input), 1)
    around = (size // 2, (size - 1) // 2)
    if len(shape) == 3:
        padded = zero_pad(square, (around, (0, 0)))
        means = squeeze_dim(avg_pool2d(padded, (size, 1), (1, 1), (0,), False, True, None), 1)
    else:
        flat = view(square, (shape[0], 1, shape[1], shape[2], math.prod(shape[3:])))
        padded = zero_pad(flat, (around, (0, 0), (0, 0)))
        means = squeeze_dim(avg_pool3d(padded, (size, 1, 1), (1, 1, 1), (0,), False, True, None), 1)
        means = view(means, shape)
    return div(input, pow_number(add(mul(means, alpha), k), beta))
