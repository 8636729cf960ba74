"""Attention: values averaged with weights that queries give to keys."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import add
from engine.ops.arithmetic import scale as times
from engine.ops.convolving import zero_pad
from engine.ops.creation import zeros_like
from engine.ops.dropout import dropped
from engine.ops.joining import cat
from engine.ops.linalg import bmm, matmul
from engine.ops.nn import FUNCTIONAL, linear, softmax, softmax_backward
from engine.ops.reduction import mean_dim
from engine.ops.views import expand, permute, reshape, slice_, squeeze_dim, transpose, unsqueeze
from engine.rules import Shape, softmax_like
from engine.tensor import counted_dim

HALF = dtypes.HALF_TYPES


@op(softmax_like, hidden=True, node="SafeSoftmaxBackward0")
def safe_softmax(input: Array, dim: int) -> Any:
    """softmax that is zero, not NaN, where all elements along the dim are -inf."""
    x = input.astype(xp.float32) if input.dtype in HALF else input
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
    q, k, v = (len(each.shape) for each in (query, key, value))
    if min(q, k, v) < 2:
        raise errors.shape_mismatch(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {q} key.dim: {k} "
            f"and value.dim: {v} instead."
        )
    names = [dtypes.BY_NUMPY[getattr(each.dtype, "numpy", each.dtype)] for each in (query, key, value)]
    if len(set(names)) > 1:
        raise errors.dtype_mismatch(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {names[0].cpp_name} "
            f"key.dtype: {names[1].cpp_name} and value.dtype: {names[2].cpp_name} instead."
        )
    if mask is not None and mask.dtype.kind in "iu":
        name = dtypes.BY_NUMPY[getattr(mask.dtype, "numpy", mask.dtype)].cpp_name
        raise errors.dtype_mismatch(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{name} int and  query.dtype: {names[0].cpp_name} instead."
        )
    if not names[0].differentiable:
        raise errors.dtype_mismatch(f"expected scalar type Float but found {names[0].type_name}")
    if not 0 <= dropout_p <= 1:
        raise errors.bad_argument(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")


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


def swapped(x: Any) -> Any:
    """The last two dims exchanged."""
    ndim = len(x.shape)
    return transpose(x, ndim - 2, ndim - 1)


@op(composed, namespace=FUNCTIONAL, composite=True)
def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query key^T / sqrt(E)) value; a bool mask says which keys count, a floating one is added."""
    check_operands(query, key, value, attn_mask, dropout_p)
    if enable_gqa:
        key, value = shared_heads(query, key), shared_heads(query, value)
    width = tuple(query.shape)[-1]
    factor = math.sqrt(scale if scale is not None and scale > 0 else 1 / math.sqrt(max(width, 1)))
    sign = -1.0 if scale is not None and scale < 0 else 1.0
    if scale is not None and scale <= 0:
        factor = math.sqrt(-scale)
    scores = matmul(times(query, factor), times(swapped(key), sign * factor))
    rows, columns = tuple(scores.shape)[-2:]
    if is_causal:
        scores = add(scores, causal_bias(query, rows, columns))
    if attn_mask is not None:
        scores = add(scores, mask_bias(attn_mask, query, True) if attn_mask.dtype.kind == "b" else attn_mask)
    weights = safe_softmax(scores, len(scores.shape) - 1)
    if dropout_p > 0:
        weights = dropped(weights, dropout_p, False, False)
    return matmul(weights, value)


# -- several heads --------------------------------------------------------------------------------------------------


def claim(holds: bool, text: str, kind: type[Exception] = AssertionError) -> None:
    """Raise, as torch's Python code does, unless something holds."""
    if not holds:
        raise errors.bad_argument(text, kind)


def check_ndims(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Whether the operands have a batch dim.

    Raises AssertionError where their numbers of dims do not go together.
    """
    ndim = len(query.shape)
    claim(ndim in (2, 3), f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor")
    what = "batched (3-D)" if ndim == 3 else "unbatched (2-D)"
    k, v = len(key.shape), len(value.shape)
    claim(
        k == v == ndim,
        f"For {what} `query`, expected `key` and `value` to be {ndim}-D but found {k}-D and {v}-D tensors respectively",
    )
    if padding is not None:
        have = len(padding.shape)
        claim(
            have == ndim - 1,
            f"For {what} `query`, expected `key_padding_mask` to be `None` or {ndim - 1}-D but found {have}-D tensor "
            "instead",
        )
    if mask is not None:
        have = len(mask.shape)
        claim(
            have in (2, 3),
            f"For {what} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {have}-D tensor instead",
        )
        wanted = (heads, next(iter(query.shape)), next(iter(key.shape)))
        claim(
            ndim == 3 or have == 2 or tuple(mask.shape) == wanted,
            f"Expected `attn_mask` shape to be {wanted} but got torch.Size({list(mask.shape)})",
        )
    return ndim == 3


def as_bias(mask: Any, name: str, like: Any) -> Any:
    """A mask as a bias: a bool one leaves out where it holds."""
    if mask is None:
        return None
    claim(mask.dtype.kind in "bfV", f"only bool and floating types of {name} are supported")
    return mask_bias(mask, like, False) if mask.dtype.kind == "b" else mask


def check_mask(mask: Any, wanted: dict[int, Shape]) -> Any:
    """The mask with three dims.

    Raises RuntimeError for a size other than wanted for its number of dims.
    """
    ndim = len(mask.shape)
    claim(ndim in wanted, f"attn_mask's dimension {ndim} is not supported", RuntimeError)
    claim(
        tuple(mask.shape) == wanted[ndim],
        f"The shape of the {ndim}D attn_mask is torch.Size({list(mask.shape)}), but should be {wanted[ndim]}.",
        RuntimeError,
    )
    return mask if ndim == 3 else unsqueeze(mask, 0)


def third(x: Any, number: int) -> Any:
    """One of three equal parts of the first dim; None of None."""
    if x is None:
        return None
    if not len(x.shape):
        raise errors.shape_mismatch("chunk expects at least a 1-dimensional tensor")
    size = next(iter(x.shape)) // 3
    return slice_(x, 0, number * size, (number + 1) * size, 1)


def headed(x: Any, heads: int) -> Any:
    """(length, batch, width) as (batch * heads, length, width / heads)."""
    length, batch, width = tuple(x.shape)
    return transpose(reshape(x, (length, batch * heads, width // heads)), 0, 1)


def longer(x: Any) -> Any:
    """A mask with a further column of zeros."""
    return None if x is None else zero_pad(x, ((0, 1),))


def fixed(static: Any, x: Any, heads: int, rows: int, name: str) -> Any:
    """Projected keys or values by heads, or the caller's own in their place."""
    if static is None:
        return headed(x, heads)
    width = tuple(x.shape)[2] // heads
    have = tuple(static.shape)
    counted_dim(0, len(have))
    counted_dim(2, len(have))
    claim(have[0] == rows, f"expecting {name}.size(0) of {rows}, but got {have[0]}")
    claim(have[2] == width, f"expecting {name}.size(2) of {width}, but got {have[2]}")
    return static


def projected(inputs: tuple[Any, ...], weights: tuple[Any, ...], bias: Any) -> tuple[Any, ...]:
    """Queries, keys and values, each by its own weights and a third of the bias."""
    for each in weights:
        ndim = 2 if each is None else len(each.shape)
        claim(ndim == 2, f"mat2 must be a matrix, got {ndim}-D tensor", RuntimeError)
    pairs = zip(inputs, weights, strict=True)
    return tuple(linear(each, weight, third(bias, at)) for at, (each, weight) in enumerate(pairs))


def has_biases(bias_k: Any, bias_v: Any, static_k: Any, static_v: Any) -> bool:
    """Whether keys and values get a further row each; refused for one alone, and beside the caller's own."""
    lone = ("k", "v") if bias_v is None else ("v", "k")
    claim((bias_k is None) == (bias_v is None), f"bias_{lone[0]} is set but bias_{lone[1]} is None")
    if bias_k is None:
        return False
    claim(static_k is None, "bias cannot be added to static key.")
    claim(static_v is None, "bias cannot be added to static value.")
    return True


@op(composed, namespace=FUNCTIONAL, composite=True, outputs=("attn_output", "attn_output_weights"))
def multi_head_attention_forward(
    query: Array,
    key: Array,
    value: Array,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Array | None,
    in_proj_bias: Array | None,
    bias_k: Array | None,
    bias_v: Array | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Array,
    out_proj_bias: Array | None,
    training: bool = True,
    key_padding_mask: Array | None = None,
    need_weights: bool = True,
    attn_mask: Array | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Array | None = None,
    k_proj_weight: Array | None = None,
    v_proj_weight: Array | None = None,
    static_k: Array | None = None,
    static_v: Array | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Any:
    """Attention of several heads with projections of queries, keys, values and result; also the weights if needed."""
    whole = check_ndims(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not whole:
        query, key, value = unsqueeze(query, 1), unsqueeze(key, 1), unsqueeze(value, 1)
        key_padding_mask = None if key_padding_mask is None else unsqueeze(key_padding_mask, 0)
    claim(
        not is_causal or attn_mask is not None,
        "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
        "`generate_square_subsequent_mask` to create this mask.",
        RuntimeError,
    )
    padding = as_bias(key_padding_mask, "key_padding_mask", query)
    mask = None
    if not (is_causal and padding is None and not need_weights):
        mask = as_bias(attn_mask, "attn_mask", query)
        is_causal = is_causal and padding is None
    weights = (q_proj_weight, k_proj_weight, v_proj_weight)
    if not use_separate_proj_weight:
        weights = tuple(third(in_proj_weight, at) for at in range(3))
    check_projections(query, key, value, embed_dim_to_check, num_heads, weights, use_separate_proj_weight)
    q, k, v = projected((query, key, value), weights, in_proj_bias)
    length, batch, width = tuple(q.shape)
    source = next(iter(key.shape))
    if mask is not None:
        mask = check_mask(mask, {2: (length, source), 3: (batch * num_heads, length, source)})
    if has_biases(bias_k, bias_v, static_k, static_v):
        k, v = (cat([each, expand(bias, (1, batch, width))], 0) for each, bias in ((k, bias_k), (v, bias_v)))
        mask, padding = longer(mask), longer(padding)
    rows = batch * num_heads
    q = headed(q, num_heads)
    k, v = fixed(static_k, k, num_heads, rows, "static_k"), fixed(static_v, v, num_heads, rows, "static_v")
    if add_zero_attn:
        k, v = (cat([each, zeros_like(slice_(each, 1, 0, 1, 1))], 1) for each in (k, v))
        mask, padding = longer(mask), longer(padding)
    source = tuple(k.shape)[1]
    mask = merged(mask, padding, batch, num_heads, source)
    sizes = (length, batch, num_heads, source, width)
    attend = with_weights if need_weights else without_weights
    out, shares = attend(q, k, v, mask, dropout_p if training else 0.0, is_causal, sizes)
    out = linear(out, out_proj_weight, out_proj_bias)
    if shares is not None:
        shares = mean_dim(shares, (1,)) if average_attn_weights else shares
        shares = shares if whole else squeeze_dim(shares, 0)
    out = reshape(out, (length, batch, tuple(out.shape)[1]))
    return (out if whole else squeeze_dim(out, 1)), shares


def with_weights(q: Any, k: Any, v: Any, mask: Any, dropout_p: float, is_causal: bool, sizes: Any) -> Any:
    """The heads' results side by side, and the weights of each head."""
    length, batch, heads, source, width = sizes
    claim(not is_causal or mask is not None, "FIXME: is_causal not implemented for need_weights")
    out, shares = weighed_heads(q, k, v, mask, dropout_p)
    out = reshape(transpose(out, 0, 1), (length * batch, width))
    return out, reshape(shares, (batch, heads, length, source))


def without_weights(q: Any, k: Any, v: Any, mask: Any, dropout_p: float, is_causal: bool, sizes: Any) -> Any:
    """The heads' results side by side, by the attention that keeps no weights."""
    length, batch, heads, source, width = sizes
    split = [reshape(each, (batch, heads, *tuple(each.shape)[1:])) for each in (q, k, v)]
    if mask is not None:
        mask = unsqueeze(mask, 0) if next(iter(mask.shape)) == 1 else reshape(mask, (batch, heads, -1, source))
    out = scaled_dot_product_attention(*split, mask, dropout_p, is_causal)
    return reshape(permute(out, (2, 0, 1, 3)), (batch * length, width)), None


def check_projections(query: Any, key: Any, value: Any, wanted: int, heads: int, weights: Any, separate: bool) -> None:
    """Raise AssertionError where sizes, heads and weights do not go together."""
    width = tuple(query.shape)[2]
    claim(width == wanted, f"was expecting embedding dimension of {wanted}, but got {width}")
    claim(heads != 0, "integer division or modulo by zero", ZeroDivisionError)
    claim(width // heads * heads == width and heads > 0, f"embed_dim {width} not divisible by num_heads {heads}")
    k, v = tuple(key.shape), tuple(value.shape)
    if separate:
        claim(
            k[:2] == v[:2],
            f"key's sequence and batch dims torch.Size({list(k[:2])}) do not match value's torch.Size({list(v[:2])})",
        )
        for name, each in zip("qkv", weights, strict=True):
            claim(each is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None")
    else:
        claim(k == v, f"key shape torch.Size({list(k)}) does not match value shape torch.Size({list(v)})")
        claim(weights[0] is not None, "use_separate_proj_weight is False but in_proj_weight is None")


def merged(mask: Any, padding: Any, batch: int, heads: int, source: int) -> Any:
    """The bias of a mask and of a padding together."""
    if padding is None:
        return mask
    have = tuple(padding.shape)
    claim(have[0] == batch, f"Expected key_padded_mask.shape[0] to be {batch}, but got {have[0]}")
    claim(have[1] == source, f"Expected key_padded_mask.shape[1] to be {source}, but got {have[1]}")
    wide = expand(reshape(padding, (batch, 1, 1, source)), (batch, heads, 1, source))
    padding = reshape(wide, (batch * heads, 1, source))
    return padding if mask is None else add(mask, padding)


def weighed_heads(q: Any, k: Any, v: Any, mask: Any, dropout_p: float) -> Any:
    """The attention of each head, and its weights."""
    scores = bmm(times(q, math.sqrt(1 / tuple(q.shape)[2])), swapped(k))
    if mask is not None:
        scores = add(scores, mask)
    weights = softmax(scores, 2)
    if dropout_p > 0:
        weights = dropped(weights, dropout_p, False, False)
    return bmm(weights, v), weights
