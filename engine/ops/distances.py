"""Distances of vectors, and the losses made of them: cosine, margins, triplets, likelihoods."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Index, Number, Operand, Truth
from engine.op import Op, alias, is_number, op
from engine.ops.arithmetic import add, div, log, mul, neg, scale, shift, sub
from engine.ops.bounds import clamp_min_number
from engine.ops.compare import eq, le, ne
from engine.ops.copies import to_copy
from engine.ops.creation import full_like, zeros_like
from engine.ops.extremes import minimum
from engine.ops.losses import checked_reduction, legacy, reduced
from engine.ops.powers import pow_number
from engine.ops.properties import dtype_of
from engine.ops.ranges import scalar_tensor
from engine.ops.reduction import norm_backward, norm_kernel, norm_width, refuse_empty, sum_dim, vector_norm
from engine.ops.selection import masked_fill, where
from engine.ops.unary import exp, sqrt
from engine.ops.views import expand, unsqueeze
from engine.rules import FUNCTIONAL, broadcast, default_dtype, elementwise, reduction, same_as_input
from engine.tensor import check_dim

HALF = dtypes.HALF_TYPES


def line_norm_rule(op: Any, values: list[Any]) -> Estimate:
    """The rule of norms along dims."""
    estimate = reduction("same")(op, values)
    array = values[0]
    dtype = dtypes.BY_NUMPY[array.dtype]
    if not dtype.differentiable:
        raise errors.dtype_mismatch(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {dtype.type_name}"
        )
    if array.size == 0 and (values[1] == math.inf or values[1] < 0):
        refuse_empty(array, values[1], values[2])
    estimate.outputs = [(estimate.outputs[0][0], dtype.to_real().numpy)]
    estimate.temporaries += norm_width(dtype, values[1]) * array.size
    return estimate


@op(line_norm_rule, hidden=True, node="NormBackward1")
def line_norm(input: Array, p: Number, dim: Dims, keepdim: bool) -> Any:
    """The p-norm along dims."""
    return norm_kernel(input, p, dim, keepdim)


line_norm.vjp(input=lambda g, input, out, p, dim, keepdim: norm_backward(g, input, out, p, dim, keepdim))


def plus(x: Any, number: float) -> Any:
    """The sum with a number: under torch's node of its own for that, where the tensor is not one of integers."""
    return add(x, number) if x.dtype.kind in "biu" else shift(x, number)


def times(x: Any, number: float) -> Any:
    """The product with a number: under torch's node of its own for that, where the tensor is not one of integers."""
    return mul(x, number) if x.dtype.kind in "biu" else scale(x, number)


@op(elementwise(), hidden=True, node="SubBackward1")
def less(input: Array, number: Number) -> Any:
    """The difference from a number."""
    return input - input.dtype.type(number)


less.vjp(input=lambda g: g)


def number_like(x: Any, number: float) -> Any:
    """A number as a 0-d tensor of the dtype of `x`, cut to an integer if that is one."""
    return scalar_tensor(number, dtype=dtype_of(x))


@op(composed, namespace=FUNCTIONAL, composite=True)
def pairwise_distance(x1: Array, x2: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of the differences of vectors along the last dim; `eps` keeps it off 0."""
    ndim = max(len(x1.shape), len(x2.shape))
    return line_norm(plus(sub(x1, x2), eps), p, (max(ndim - 1, 0),), keepdim)


alias(pairwise_distance, "pairwise_distance")


def raised_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of a lower bound: integers cannot hold it."""
    dtype = dtypes.BY_NUMPY[values[0].dtype]
    if not dtype.differentiable:
        raise errors.dtype_mismatch(f"result type Float can't be cast to the desired output type {dtype.cpp_name}")
    return same_as_input(op, values)


@op(raised_rule, hidden=True, node="CloneBackward0")
def raised(input: Array, low: float) -> Any:
    """The input, not below a bound that gradients do not see."""
    return xp.maximum(input, input.dtype.type(low))


raised.vjp(input=lambda g: g)


@op(composed, namespace=FUNCTIONAL, composite=True)
def cosine_similarity(x1: Array, x2: Array, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along a dim."""
    dtype = dtypes.result_type([getattr(each, "_array", each) for each in (x1, x2)], default_dtype())
    if not dtype.is_floating_point:
        text = f"expected common dtype to be floating point, yet common dtype is {dtype.type_name}"
        raise errors.dtype_mismatch(text)
    if not eps >= 0:
        raise errors.bad_argument(f"eps must be non-negative, got: {eps:g}")
    x1, x2 = (to_copy(each, dtype, None) if each.dtype.kind in "biu" else each for each in (x1, x2))
    shape = broadcast(tuple(x1.shape), tuple(x2.shape))
    at = check_dim(dim, len(shape))
    same = tuple(x1.shape) == tuple(x2.shape)
    a, b = (x1, x2) if same else (expand(x1, shape), expand(x2, shape))
    lengths = [raised(vector_norm(each, 2, (at,), True), eps) for each in (a, b)]
    return sum_dim(mul(div(a, lengths[0]), div(b, lengths[1])), (at,))


alias(cosine_similarity, "cosine_similarity")


def check_target(input1: Any, input2: Any, target: Any) -> None:
    """Raise RuntimeError for a target that is not one number for each pair of vectors."""
    ndim = len(target.shape)
    if ndim > 1:
        raise errors.shape_mismatch("0D or 1D target tensor expected, multi-target not supported")
    if len(input1.shape) != ndim + 1 or len(input2.shape) != ndim + 1:
        raise errors.shape_mismatch(
            f"{ndim}D target tensor expects {ndim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )


@op(composed, namespace=FUNCTIONAL, composite=True)
def cosine_embedding_loss(
    input1: Array,
    input2: Array,
    target: Array,
    margin: float = 0,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """1 - cos for targets 1, the cosine above `margin` for targets -1."""
    reduction = legacy(size_average, reduce, reduction)
    check_target(input1, input2, target)
    dim = (len(target.shape),)
    product = sum_dim(mul(input1, input2), dim)
    tiny = float(dtypes.float32.numpy.type(1e-12))  # as PyTorch has it
    sizes = [plus(sum_dim(mul(each, each), dim), tiny) for each in (input1, input2)]
    cosine = div(product, sqrt(mul(sizes[0], sizes[1])))
    zeros = zeros_like(cosine)
    near = where(eq(target, 1), sub(full_like(cosine, 1), cosine), zeros)
    far = where(eq(target, -1), clamp_min_number(less(cosine, margin), 0), zeros)
    return reduced(add(near, far), reduction)


@op(composed, namespace=FUNCTIONAL, composite=True)
def hinge_embedding_loss(
    input: Array,
    target: Array,
    margin: float = 1.0,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """The input for targets 1, the margin less the input (not below 0) for targets -1."""
    reduction = legacy(size_average, reduce, reduction)
    zeros = zeros_like(input)
    far = where(ne(target, 1), clamp_min_number(sub(number_like(input, margin), input), 0), zeros)
    near = where(ne(target, -1), input, zeros)
    return reduced(add(far, near), reduction)


@op(composed, namespace=FUNCTIONAL, composite=True)
def margin_ranking_loss(
    input1: Array,
    input2: Array,
    target: Array,
    margin: float = 0,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """How far the first input fails to exceed (target 1) or stay below (-1) the second by the margin."""
    reduction = legacy(size_average, reduce, reduction)
    shapes = [tuple(each.shape) for each in (input1, input2, target)]
    if len({len(each) for each in shapes}) > 1:
        names = ("input1", "input2", "target")
        sizes = ", ".join(f"{name}: torch.Size({list(each)})" for name, each in zip(names, shapes, strict=True))
        raise errors.shape_mismatch(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: {sizes} "
        )
    return reduced(clamp_min_number(plus(mul(neg(target), sub(input1, input2)), float(margin)), 0), reduction)


def check_margin(margin: Any) -> None:
    """Raise ValueError for a margin that is not positive, TypeError for a complex one."""
    if isinstance(margin, complex):
        raise errors.bad_type("'<=' not supported between instances of 'complex' and 'int'")
    if margin <= 0:
        raise errors.bad_value(f"margin must be greater than 0, got {margin}")


def check_triplet(anchor: Any, positive: Any, negative: Any) -> None:
    """Raise RuntimeError unless all have as many dims."""
    a, p, n = (len(each.shape) for each in (anchor, positive, negative))
    if not a == p == n:
        raise errors.shape_mismatch(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {a}D, positive {p}D, and negative {n}D inputs"
        )


@op(composed, namespace=FUNCTIONAL, composite=True)
def triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: Number = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """How far the anchor is not nearer to the positive than to the negative by the margin."""
    reduction = legacy(size_average, reduce, reduction)
    check_margin(margin)
    check_triplet(anchor, positive, negative)
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(clamp_min_number(sub(plus(near, margin), far), 0), reduction)


@op(composed, namespace=FUNCTIONAL, composite=True)
def triplet_margin_with_distance_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    *,
    distance_function: Index = None,
    margin: Number = 1.0,
    swap: Truth = False,
    reduction: str = "mean",
) -> Any:
    """triplet_margin_loss with a distance of the caller's choice (a function of two tensors)."""
    checked_reduction(reduction)
    check_margin(margin)
    if distance_function is not None and not callable(distance_function):
        raise errors.bad_type("distance_function must be a function of two tensors")
    distance = distance_function or pairwise_distance
    check_triplet(anchor, positive, negative)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp_min_number(sub(add(near, margin), far), 0), reduction)


@op(composed, namespace=FUNCTIONAL, composite=True)
def gaussian_nll_loss(
    input: Array,
    target: Array,
    var: Operand,
    full: Truth = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood of normal variables of mean `input` and variance `var`."""
    if is_number(var):
        if isinstance(var, complex):
            raise errors.bad_type("'<' not supported between instances of 'complex' and 'int'")
        if not isinstance(var, float):
            raise errors.bad_type("any() received an invalid combination of arguments - got (bool)")
        if var < 0:
            raise errors.bad_value("var has negative entry/entries")
        var = mul(full_like(input, 1), var)
    have, want = tuple(var.shape), tuple(input.shape)
    if have != want:
        if have == want[:-1]:
            var = unsqueeze(var, len(have))
        elif not broadcasts(have, want):
            raise errors.bad_value("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise errors.bad_value(f"{reduction} is not valid")
    if var.dtype.kind == "c":
        raise errors.not_implemented_for("lt_cpu", dtype_of(var).type_name)
    if hasattr(var, "_array") and (var._array < 0).any():
        raise errors.bad_value("var has negative entry/entries")
    var = raised(var, eps)
    losses = mul(add(log(var), div(pow_number(sub(input, target), 2), var)), 0.5)
    if full:
        losses = add(losses, 0.5 * math.log(2 * math.pi))
    return reduced(losses, reduction)


def broadcasts(have: Any, want: Any) -> bool:
    """Whether a shape of as many dims differs only in dims of size 1."""
    return len(have) == len(want) and not [1 for a, b in zip(have, want, strict=True) if a not in (1, b)]


@op(composed, namespace=FUNCTIONAL, composite=True)
def poisson_nll_loss(
    input: Array,
    target: Array,
    log_input: bool = True,
    full: bool = False,
    size_average: Truth | None = None,
    eps: float = 1e-8,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood of Poisson variables of rate `input`, or exp(input)."""
    reduction = legacy_poisson(size_average, reduce, reduction)
    if log_input:
        losses = sub(exp(input), mul(target, input))
    else:
        losses = sub(input, mul(target, log(plus(input, eps))))
    if full:
        stirling = add(sub(mul(target, log(target)), target), times(log(times(target, 2 * math.pi)), 0.5))
        losses = add(losses, masked_fill(stirling, le(target, 1), 0))
    return reduced(losses, reduction)


def legacy_poisson(size_average: Any, reduce: Any, reduction: str) -> str:
    """The reduction asked for, with poisson_nll_loss's own text for another."""
    if size_average is None and reduce is None and reduction not in ("none", "mean", "sum"):
        raise errors.bad_value(f"{reduction} is not a valid value for reduction")
    return legacy(size_average, reduce, reduction)
