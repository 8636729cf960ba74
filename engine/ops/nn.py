"""Neural network functions: softmax, the linear layer, activations by their names there."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dtype
from engine.modes import warn
from engine.op import Op, alias, op
from engine.ops.arithmetic import add, mul, neg, sub
from engine.ops.copies import to_copy
from engine.ops.linalg import addmm, matmul, rows
from engine.ops.reduction import sum_dim
from engine.ops.unary import exp, relu, sigmoid, tanh
from engine.ops.views import t, view
from engine.rowwise import by_rows, dots, moderate, room_along, totals
from engine.rules import FUNCTIONAL, elementwise, moved_bytes, softmax_like

add_: Any = add.twin
TO_CHANGE = "Change the call to include dim=X as an argument."


def cast_first(input: Any, dtype: Any) -> Any:
    """The input in the dtype asked for, recorded as a step of its own (as torch does)."""
    return input if dtype is None or input.dtype is dtype else to_copy(input, dtype, None)


@op(softmax_like, hidden=True, node="SoftmaxBackward0", rows=True)
def softmax_of(input: Array, dim: int | None) -> Any:
    """exp(x) over its sum along a dim, shifted by the maximum so that nothing overflows."""
    if not input.size:
        return xp.empty(input.shape, input.dtype)
    if not input.ndim:
        return xp.exp(input - input)
    assert dim is not None  # the rule has chosen one
    return by_rows(shares, dim, input)


def shares(x: Any, axis: int, out: Any) -> None:
    """The kernel of softmax."""
    top = x.max(axis=axis, keepdims=True)
    if moderate(top):
        xp.exp(x, out=out)  # neither overflows nor loses more than the difference would
    else:
        xp.subtract(x, top, out=out)
        xp.exp(out, out=out)
    xp.divide(out, totals(out, axis), out=out)


softmax_of.vjp(input=lambda g, out, dim: softmax_backward(g, out, dim))


@op(composed, composite=True)
def softmax(input: Array, dim: int, dtype: Dtype = None) -> Any:
    """exp(x) over its sum along a dim; computed in `dtype` if one is given."""
    return softmax_of(cast_first(input, dtype), dim)


alias(softmax, "special.softmax")


@op(
    composed,
    name="softmax",
    namespace=FUNCTIONAL,
    composite=True,
    example={"input": [[1.0, 2.0], [3.0, 4.5]], "dim": 1},
)
def functional_softmax(input: Array, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype = None) -> Any:
    """exp(x) over its sum along a dim; computed in `dtype` if one is given."""
    warn_of_no_dim("softmax", dim)
    return softmax_of(cast_first(input, dtype), dim)


def warn_of_no_dim(name: str, dim: int | None) -> None:
    """torch's warning where it chooses the dim itself."""
    if dim is None:
        warn(f"Implicit dimension choice for {name} has been deprecated. {TO_CHANGE}", level=6)


def backward_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the two gradients: elementwise, with what sums of products and of half types need."""
    estimate = elementwise()(op, values)
    shape, dtype = estimate.outputs[0]
    in_order = all(each.dtype == dtype and not moved_bytes(each, None) for each in values[:2])
    estimate.temporaries += room_along(values[2], shape, dtype, 2, in_order, True)
    return estimate


@op(backward_rule, hidden=True, node="SoftmaxBackwardDataBackward0")
def softmax_backward(grad_output: Array, output: Array, dim: int) -> Any:
    """The gradient of softmax from its result y: y * (g - sum(g * y))."""
    if not output.ndim:
        weighted = grad_output * output
        return weighted - output * weighted
    return by_rows(shares_back, dim, grad_output, output)


def shares_back(g: Any, y: Any, axis: int, out: Any) -> None:
    """The kernel of softmax's gradient."""
    xp.subtract(g, dots(g, y, axis), out=out)
    xp.multiply(out, y, out=out)


softmax_backward.vjp(
    grad_output=lambda g, output, dim: softmax_backward(g, output, dim),
    output=lambda g, grad_output, output, dim: softmax_backward_output(g, grad_output, output, dim),
)


def softmax_backward_output(g: Any, grad_output: Any, output: Any, dim: int) -> Any:
    """The gradient of y * (g - sum(g * y)) to y."""
    flow = sub(grad_output, total_along(mul(grad_output, output), dim))
    return sub(mul(g, flow), mul(grad_output, total_along(mul(g, output), dim)))


def total_along(x: Any, dim: int) -> Any:
    """The sum along a dim, kept; of a 0-d tensor itself."""
    return sum_dim(x, (dim,), True) if len(x.shape) else x


@op(softmax_like, hidden=True, node="LogSoftmaxBackward0", rows=True)
def log_softmax_of(input: Array, dim: int | None) -> Any:
    """The logarithm of softmax, without rounding to log(0)."""
    if not input.size:
        return xp.empty(input.shape, input.dtype)
    if not input.ndim:
        return input - input
    assert dim is not None  # the rule has chosen one
    return by_rows(log_shares, dim, input)


def log_shares(x: Any, axis: int, out: Any) -> None:
    """The kernel of log_softmax; two differences, for a large maximum would round the logarithm away."""
    xp.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    xp.subtract(out, xp.log(totals(xp.exp(out), axis)), out=out)


log_softmax_of.vjp(input=lambda g, out, dim: log_softmax_backward(g, out, dim))


@op(composed, composite=True)
def log_softmax(input: Array, dim: int, dtype: Dtype = None) -> Any:
    """The logarithm of softmax along a dim; computed in `dtype` if one is given."""
    return log_softmax_of(cast_first(input, dtype), dim)


alias(log_softmax, "special.log_softmax")


@op(
    composed,
    name="log_softmax",
    namespace=FUNCTIONAL,
    composite=True,
    example={"input": [[1.0, 2.0], [3.0, 4.5]], "dim": 1},
)
def functional_log_softmax(input: Array, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype = None) -> Any:
    """The logarithm of softmax along a dim; computed in `dtype` if one is given."""
    warn_of_no_dim("log_softmax", dim)
    return log_softmax_of(cast_first(input, dtype), dim)


@op(backward_rule, hidden=True, node="LogSoftmaxBackwardDataBackward0")
def log_softmax_backward(grad_output: Array, output: Array, dim: int) -> Any:
    """The gradient of log_softmax from its result y: g - exp(y) * sum(g)."""
    if not output.ndim:
        return grad_output - xp.exp(output) * grad_output
    return by_rows(log_shares_back, dim, grad_output, output)


def log_shares_back(g: Any, y: Any, axis: int, out: Any) -> None:
    """The kernel of log_softmax's gradient."""
    xp.exp(y, out=out)
    xp.multiply(out, totals(g, axis), out=out)
    xp.subtract(g, out, out=out)


log_softmax_backward.vjp(
    grad_output=lambda g, output, dim: sub(g, total_along(mul(g, exp(output)), dim)),
    output=lambda g, grad_output, output, dim: neg(mul(mul(g, total_along(grad_output, dim)), exp(output))),
)
alias(relu, "nn.functional.relu")
alias(sigmoid, "nn.functional.sigmoid", "special.expit")
alias(tanh, "nn.functional.tanh")


@op(composed, namespace=FUNCTIONAL, composite=True)
def linear(input: Array, weight: Array, bias: Array | None = None) -> Any:
    """`input @ weight.T + bias`."""
    shape, sizes = tuple(input.shape), tuple(weight.shape)
    if not shape or not sizes:
        ndims = f"they are {len(shape)}D and {len(sizes)}D"
        raise errors.shape_mismatch(f"both arguments to linear need to be at least 1D, but {ndims}")
    if bias is None:
        return matmul(input, t(weight))
    if len(shape) == 2:
        return addmm(bias, input, t(weight))
    if input.is_contiguous() and bias.is_contiguous() and len(bias.shape) in (1, 2):
        made = addmm(bias, rows(input), t(weight))
        return view(made, (*shape[:-1], tuple(made.shape)[1]))
    made = matmul(input, t(weight))
    add_(made, bias)
    return made
