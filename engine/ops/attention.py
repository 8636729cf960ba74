"""Attention: values averaged with weights that queries give to keys."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Size
from engine.op import Op, op
from engine.ops.arithmetic import add
from engine.ops.arithmetic import scale as times
from engine.ops.dropout import dropped
from engine.ops.linalg import bmm, matmul
from engine.ops.matrices import transposed
from engine.ops.nn import softmax_backward
from engine.ops.views import expand, reshape, unsqueeze, view_rule
from engine.rules import FUNCTIONAL, Shape, broadcast, softmax_like
from engine.tensor import counted_dim

HALF = dtypes.HALF_TYPES


@op(softmax_like, hidden=True, node="SafeSoftmaxBackward0")
def safe_softmax(input: Array, dim: int) -> Any:
    """softmax that is zero, not NaN, where all elements along the dim are -inf."""
    x = widened(input)
    if not x.size:
        return +input
    top = x.max(axis=dim, keepdims=True)
    e = xp.exp(x - xp.where(top == -math.inf, x.dtype.type(0), top))
    total = e.sum(axis=dim, keepdims=True)
    e /= xp.where(total == 0, x.dtype.type(1), total)
    return e.astype(input.dtype, copy=False)


safe_softmax.vjp(input=lambda g, out, dim: softmax_backward(g, out, dim))


def bias_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of a mask as a bias: the mask's shape, the dtype of what it is added to."""
    dtype = dtypes.BY_NUMPY[values[1].dtype]
    if dtype.category == dtypes.INTEGRAL:
        raise errors.bad_argument(f"value cannot be converted to type {dtype.scalar_name} without overflow")
    shape = tuple(values[0].shape)
    return Estimate(values, [(shape, values[1].dtype)], None, 2 * math.prod(shape), math.prod(shape))


@op(bias_rule, hidden=True)
def mask_bias(mask: Array, like: Array, keeps: bool) -> Any:
    """-inf where the mask says to leave out (that is False, if `keeps`), else 0."""
    out = ~mask if keeps else mask
    return xp.where(out, like.dtype.type(-math.inf), like.dtype.type(0))


def causal_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the causal bias."""
    shape = (values[1], values[2])
    return Estimate(values, [(shape, values[0].dtype)], None, 2 * math.prod(shape), math.prod(shape))


@op(causal_rule, hidden=True)
def causal_bias(like: Array, rows: int, columns: int) -> Any:
    """-inf where a column comes after its row, else 0."""
    after = xp.arange(columns) > xp.arange(rows)[:, None]
    return xp.where(after, like.dtype.type(-math.inf), like.dtype.type(0))


def check_operands(query: Any, key: Any, value: Any, mask: Any, dropout_p: float) -> None:
    """Raise RuntimeError with torch's texts for operands that do not go together."""
    names = [dtypes.BY_NUMPY[getattr(each.dtype, "numpy", each.dtype)] for each in (query, key, value)]
    if len(set(names)) > 1:
        raise errors.dtype_mismatch(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {names[0].cpp_name} "
            f"key.dtype: {names[1].cpp_name} and value.dtype: {names[2].cpp_name} instead."
        )
    q, k, v = (len(each.shape) for each in (query, key, value))
    if min(q, k, v) < 2:
        raise errors.shape_mismatch(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {q} key.dim: {k} "
            f"and value.dim: {v} instead."
        )
    kind = None if mask is None else dtypes.BY_NUMPY[getattr(mask.dtype, "numpy", mask.dtype)]
    if kind is not None and kind not in (dtypes.bool_, dtypes.float32, names[0]):
        raise errors.dtype_mismatch(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{kind.cpp_name} and  query.dtype: {names[0].cpp_name} instead."
        )
    if not names[0].differentiable:
        raise errors.dtype_mismatch(f"expected scalar type Float but found {names[0].type_name}")
    if dropout_p > 1:
        raise errors.bad_argument(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")


def check_by_heads(query: Any, key: Any, value: Any, mask: Any, dropout_p: float) -> None:
    """What PyTorch asks while it looks whether its kernel for batches of heads fits.

    Raises IndexError for a mask without rows, RuntimeError for a probability below 0 or NaN.
    """
    if dropout_p > 0 or not all(len(x.shape) == 4 for x in (query, key, value)):
        return
    if mask is not None:
        counted_dim(-2, len(mask.shape))
    if dropout_p and is_fused(query, key, value, mask, 0.0, False):
        kernel = "scaled_dot_product_attention_flash_attention"
        raise errors.bad_argument(f"{kernel}: Currently do not support dropout > 0")


def check_mask(scores: Shape, mask: Shape) -> None:
    """Raise RuntimeError for a mask that has more elements than there are scores: it is added in place."""
    shape = broadcast(scores, mask)
    if shape != scores:
        text = f"output with shape {list(scores)} doesn't match the broadcast shape {list(shape)}"
        raise errors.shape_mismatch(text)


def shared_heads(query: Any, x: Any) -> Any:
    """Keys or values with each head repeated for the queries that share it."""
    if min(len(query.shape), len(x.shape)) < 3:
        raise errors.bad_index("Dimension out of range (expected to be in range of [-2, 1], but got -3)")
    heads, have = tuple(query.shape)[-3], tuple(x.shape)[-3]
    if heads == have:
        return x
    if not have or heads % have:
        raise errors.shape_mismatch("Number of heads in key and value must divide the number of heads in ")
    shape = tuple(x.shape)
    wide = expand(unsqueeze(x, len(shape) - 2), (*shape[:-2], heads // have, *shape[-2:]))
    return reshape(wide, (*shape[:-3], heads, *shape[-2:]))


def is_fused(query: Any, key: Any, value: Any, mask: Any, dropout_p: float, shared: bool) -> bool:
    """Whether PyTorch has a kernel of its own for such operands, whose node it shows."""
    operands = (query, key, value)
    if dropout_p or query.dtype.kind == "c" or not all(hasattr(x, "_array") and len(x.shape) == 4 for x in operands):
        return False
    if mask is not None and (len(mask.shape) not in (2, 4) or mask.requires_grad):
        return False
    heads = [tuple(x.shape)[:2] for x in operands]
    alike = heads[1] == heads[2] and (heads[0] == heads[1] or (shared and heads[0][0] == heads[1][0]))
    whole = all(0 not in x.shape and x.stride()[-1] == 1 for x in operands)
    return alike and whole and len({tuple(x.shape)[-1] for x in operands}) == 1


@op(view_rule, hidden=True, node="ScaledDotProductFlashAttentionForCpuBackward0")
def attended(input: Array, size: Size) -> Any:
    """What fused attention gives, from a batch of matrices in the form of several heads."""
    return input.reshape(size)


attended.vjp(input=lambda g, input_shape: reshape(g, input_shape))


def by_heads(weights: Any, value: Any) -> Any:
    """The product of matrices of several heads, with the node of fused attention."""
    left, right = tuple(weights.shape), tuple(value.shape)
    count = left[0] * left[1]
    made = bmm(reshape(weights, (count, *left[2:])), reshape(value, (count, *right[2:])))
    return attended(made, (*left[:3], right[3]))


@op(composed, namespace=FUNCTIONAL, composite=True)
def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query key^T / sqrt(E)) value; a bool mask says which keys count, a floating one is added."""
    check_operands(query, key, value, attn_mask, dropout_p)
    if is_causal and attn_mask is not None and len(query.shape) != 4:
        text = "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
        raise errors.bad_argument(text)
    check_by_heads(query, key, value, attn_mask, dropout_p)
    fused = is_fused(query, key, value, attn_mask, dropout_p, enable_gqa)
    if enable_gqa:
        key, value = shared_heads(query, key), shared_heads(query, value)
    width = tuple(query.shape)[-1]
    number = 1 / math.sqrt(max(width, 1)) if scale is None else scale
    factor = math.sqrt(abs(number))
    scores = matmul(times(query, factor), times(transposed(key), -factor if number < 0 else factor))
    rows, columns = tuple(scores.shape)[-2:]
    if is_causal:
        scores = add(scores, causal_bias(query, rows, columns))
    if attn_mask is not None:
        check_mask(tuple(scores.shape), tuple(attn_mask.shape))
        scores = add(scores, mask_bias(attn_mask, query, True) if attn_mask.dtype.kind == "b" else attn_mask)
    weights = safe_softmax(scores, len(scores.shape) - 1)
    if dropout_p > 0:
        weights = dropped(weights, dropout_p, False, False)
    return by_heads(weights, value) if fused else matmul(weights, value)
