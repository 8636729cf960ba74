"""Attention of several heads, with projections of queries, keys, values and result."""

from __future__ import annotations

import math
from typing import Annotated, Any

from engine import errors
from engine.infer import composed
from engine.kinds import Array, Kind, Truth
from engine.modes import warn
from engine.op import op
from engine.ops.added_products import baddbmm
from engine.ops.arithmetic import add, mul
from engine.ops.arithmetic import scale as times
from engine.ops.attention import mask_bias, scaled_dot_product_attention
from engine.ops.convolving import zero_pad
from engine.ops.creation import zeros_like
from engine.ops.dropout import dropped
from engine.ops.joining import cat
from engine.ops.linalg import bmm
from engine.ops.matrices import transposed
from engine.ops.nn import linear, softmax
from engine.ops.reduction import mean_dim
from engine.ops.repeating import repeat
from engine.ops.views import expand, permute, reshape, slice_, squeeze_dim, transpose, unsqueeze
from engine.rules import FUNCTIONAL, Shape
from engine.tensor import counted_dim

Looked = Annotated[Any, Kind.NUMBER, lambda value: value]  # what torch's Python code looks at itself


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


def thirds(x: Any) -> tuple[Any, ...]:
    """The three parts of the first dim, of queries, keys and values; three times None of None.

    Raises ValueError where chunks of equal size are fewer.
    """
    if x is None:
        return None, None, None
    if not len(x.shape):
        raise errors.shape_mismatch("chunk expects at least a 1-dimensional tensor")
    count = next(iter(x.shape))
    size = max(-(-count // 3), 1)
    parts = -(-count // size) if count else 3
    claim(parts == 3, f"not enough values to unpack (expected 3, got {parts})", ValueError)
    return tuple(slice_(x, 0, at * size, min((at + 1) * size, count), 1) for at in range(3))


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


def check_separate(inputs: tuple[Any, ...], weights: tuple[Any, ...], biases: tuple[Any, ...]) -> None:
    """Raise AssertionError where the own weights of queries, keys and values, or thirds of the bias, do not fit."""
    names, width = ("query", "key", "value"), tuple(inputs[0].shape)[-1]
    for name, x, weight in zip(names, inputs, weights, strict=True):
        size, have = (width, tuple(x.shape)[-1]), tuple(weight.shape)
        claim(have == size, f"expecting {name} weights shape of {size}, but got torch.Size({list(have)})")
    for name, each in zip(names, biases, strict=True):
        have = (width,) if each is None else tuple(each.shape)
        claim(have == (width,), f"expecting {name} bias shape of {(width,)}, but got torch.Size({list(have)})")


def projected(inputs: tuple[Any, ...], weights: tuple[Any, ...], bias: Any, separate: bool) -> tuple[Any, ...]:
    """Queries, keys and values, each by its own weights and a third of the bias."""
    biases = thirds(bias)
    if separate:
        check_separate(inputs, weights, biases)
    for each in weights:
        ndim = len(each.shape)
        claim(ndim < 3, f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D", RuntimeError)
        claim(ndim == 2, f"mat2 must be a matrix, got {ndim}-D tensor", RuntimeError)
    return tuple(linear(*each) for each in zip(inputs, weights, biases, strict=True))


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
    embed_dim_to_check: Looked,
    num_heads: Looked,
    in_proj_weight: Array | None,
    in_proj_bias: Array | None,
    bias_k: Array | None,
    bias_v: Array | None,
    add_zero_attn: Truth,
    dropout_p: Looked,
    out_proj_weight: Array,
    out_proj_bias: Array | None,
    training: Truth = True,
    key_padding_mask: Array | None = None,
    need_weights: Truth = True,
    attn_mask: Array | None = None,
    use_separate_proj_weight: Truth = False,
    q_proj_weight: Array | None = None,
    k_proj_weight: Array | None = None,
    v_proj_weight: Array | None = None,
    static_k: Array | None = None,
    static_v: Array | None = None,
    average_attn_weights: Truth = True,
    is_causal: Truth = False,
) -> Any:
    """Attention of several heads with projections of queries, keys, values and result; also the weights if needed."""
    whole = check_ndims(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not whole:
        query, key, value = (unsqueeze(each, 1) for each in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else unsqueeze(key_padding_mask, 0)
    mask, padding, is_causal = biases(attn_mask, key_padding_mask, query, is_causal, need_weights)
    check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    own = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    check_weights(own, in_proj_weight)
    q, k, v = projected((query, key, value), own or thirds(in_proj_weight), in_proj_bias, own is not None)
    length, batch, width = tuple(q.shape)
    source, rows = next(iter(key.shape)), batch * num_heads
    if mask is not None:
        mask = check_mask(mask, {2: (length, source), 3: (rows, length, source)})
    if has_biases(bias_k, bias_v, static_k, static_v):
        k, v = (cat([each, repeat(bias, (1, batch, 1))], 0) for each, bias in ((k, bias_k), (v, bias_v)))
        mask, padding = longer(mask), longer(padding)
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
    out = reshape(out, (length, batch, tuple(out.shape)[1]))
    return (out if whole else squeeze_dim(out, 1)), of_heads(shares, average_attn_weights, whole)


def of_heads(shares: Any, average: bool, whole: bool) -> Any:
    """The weights of each head, or their mean, without the batch dim unless the operands have one; None of None."""
    if shares is None:
        return None
    shares = mean_dim(shares, (1,)) if average else shares
    return shares if whole else squeeze_dim(shares, 0)


def biases(mask: Any, padding: Any, query: Any, is_causal: bool, need_weights: bool) -> tuple[Any, Any, bool]:
    """Mask and padding as biases, and whether the attention itself is to be causal."""
    if mask is not None and padding is not None and mask.dtype != padding.dtype:
        text = "Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead."
        warn(text, level=7)
    padding = as_bias(padding, "key_padding_mask", query)
    claim(
        not is_causal or mask is not None,
        "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
        "`generate_square_subsequent_mask` to create this mask.",
        RuntimeError,
    )
    if is_causal and padding is None and not need_weights:
        return None, padding, is_causal
    return as_bias(mask, "attn_mask", query), padding, is_causal and padding is None


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


def check_sizes(query: Any, key: Any, value: Any, wanted: Any, heads: Any, separate: bool) -> None:
    """Raise AssertionError where sizes and heads do not go together."""
    width = tuple(query.shape)[2]
    claim(width == wanted, f"was expecting embedding dimension of {wanted}, but got {width}")
    with errors.of_python():
        holds = width // heads * heads == width
    claim(holds, f"embed_dim {width} not divisible by num_heads {heads}")
    k, v = tuple(key.shape), tuple(value.shape)
    if separate:
        sizes = f"torch.Size({list(k[:2])}) do not match value's torch.Size({list(v[:2])})"
        claim(k[:2] == v[:2], f"key's sequence and batch dims {sizes}")
    else:
        claim(k == v, f"key shape torch.Size({list(k)}) does not match value shape torch.Size({list(v)})")


def check_weights(own: Any, together: Any) -> None:
    """Raise AssertionError unless there are weights: for queries, keys and values each, or all in one."""
    if own is None:
        claim(together is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        return
    for name, each in zip("qkv", own, strict=True):
        claim(each is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None")


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
    scaled = (mul if q.dtype.kind in "biu" else times)(q, math.sqrt(1 / tuple(q.shape)[2]))
    scores = bmm(scaled, transposed(k)) if mask is None else baddbmm(mask, scaled, transposed(k))
    weights = softmax(scores, 2)
    if dropout_p > 0:
        weights = dropped(weights, dropout_p, False, False)
    return bmm(weights, v), weights
