"""Gated activations: one half of a dim lets the other through."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.arrays import widened, xp
from engine.infer import Estimate
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.activations import logistic, smooth
from engine.ops.arithmetic import add, mul, neg, scale, shift
from engine.ops.copies import copied
from engine.ops.joining import cat
from engine.ops.unary import sigmoid
from engine.ops.views import slice_
from engine.rules import FUNCTIONAL, roomy
from engine.tensor import check_dim


def glu_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of glu: an even dim, halved."""
    array, dim = values
    if not array.shape:
        raise errors.bad_argument("glu does not support scalars because halving size must be even")
    dim = check_dim(dim, len(array.shape))
    size = array.shape[dim]
    if size % 2:
        raise errors.bad_argument(f"Halving dimension must be even, but dimension {dim} is size {size}")
    estimate = smooth("glu_cpu", 0)(op, [array, dim])
    estimate.outputs = [((*array.shape[:dim], size // 2, *array.shape[dim + 1 :]), array.dtype)]
    estimate.temporaries = array.size // 2 * (array.dtype.itemsize if array.dtype.itemsize > 2 else 12)
    return estimate


@op(glu_rule, namespace=FUNCTIONAL, node="GluBackward0")
def glu(input: Array, dim: int = -1) -> Any:
    """The first half of a dim times the sigmoid of the second."""
    half = input.shape[dim] // 2
    front = (slice(None),) * dim
    return widened(input[(*front, slice(0, half))]) * logistic(input[(*front, slice(half, None))])


glu.vjp(input=lambda g, input, dim: glu_backward(g, input, dim))


@op(roomy(lambda op, values: copied(values, values[1].shape), 3), hidden=True, node="GluBackwardBackward0")
def glu_backward(grad_output: Array, input: Array, dim: int) -> Any:
    """The gradients of both halves, joined: g * s and g * s * (1 - s) * x, s the sigmoid of the second half."""
    half = input.shape[dim] // 2
    front = (slice(None),) * dim
    first, gate = widened(input[(*front, slice(0, half))]), logistic(input[(*front, slice(half, None))])
    passed = grad_output * gate
    return xp.concatenate([passed, passed * (1 - gate) * first], dim)


glu_backward.vjp(
    grad_output=lambda g, input, dim: glu_twice(g, input, dim),
    input=lambda g, grad_output, input, dim: glu_bend(g, grad_output, input, dim),
)


def halves(x: Any, dim: int) -> Any:
    """Both halves of a dim."""
    size = tuple(x.shape)[dim]
    return slice_(x, dim, 0, size // 2, 1), slice_(x, dim, size // 2, size, 1)


def glu_twice(g: Any, x: Any, dim: int) -> Any:
    """The gradient of glu_backward to the incoming gradient."""
    (g_first, g_second), (first, second) = halves(g, dim), halves(x, dim)
    gate = sigmoid(second)
    return add(mul(g_first, gate), mul(g_second, mul(mul(gate, shift(neg(gate), 1)), first)))


def glu_bend(g: Any, sent: Any, x: Any, dim: int) -> Any:
    """The gradient of glu_backward to glu's input."""
    (g_first, g_second), (first, second) = halves(g, dim), halves(x, dim)
    gate = sigmoid(second)
    slope = mul(sent, mul(gate, shift(neg(gate), 1)))
    bend = mul(mul(slope, shift(scale(gate, -2), 1)), first)
    return cat([mul(g_second, slope), add(mul(g_first, slope), mul(g_second, bend))], dim)
