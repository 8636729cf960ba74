"""Samples of normalisation and attention, against means, deviations and softmax written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Sample, mask, of, tensor


def standard(x: Array, axes: Any, eps: float) -> tuple[Array, Array, Array]:
    """The standardised input, the mean, and 1 over the deviation."""
    mean = x.mean(axes, keepdims=True)
    rstd = 1 / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + eps)
    return (x - mean) * rstd, mean, rstd


def affine(x: Array, weight: Any, bias: Any, shape: Any = None) -> Array:
    """`x * weight + bias`, each with a value for every channel where `shape` is given."""
    for value, step in ((weight, np.multiply), (bias, np.add)):
        if value is not None:
            x = step(x, value if shape is None else value.reshape(shape))
    return x


def layers(x: Array, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, _: bool = True) -> Array:
    return affine(standard(x, tuple(range(-len(shape), 0)), eps)[0], weight, bias).astype(x.dtype)


def native_layers(x: Array, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    made, mean, rstd = standard(x, tuple(range(-len(shape), 0)), eps)
    return affine(made, weight, bias), mean, rstd


def root_squares(x: Array, shape: Any, weight: Any = None, eps: float | None = None) -> Array:
    axes = tuple(range(-len(shape), 0))
    made = x / np.sqrt((x * x).mean(axes, keepdims=True) + (np.finfo(x.dtype).eps if eps is None else eps))
    return affine(made, weight, None).astype(x.dtype)


def by_channel(x: Array) -> tuple[int, ...]:
    return (-1, *[1] * (x.ndim - 2))


def batches(x: Array, mean: Any, var: Any, weight: Any = None, bias: Any = None, training: bool = False,
            momentum: float = 0.1, eps: float = 1e-5) -> Array:  # fmt: skip
    if training:
        made = standard(x, (0, *range(2, x.ndim)), eps)[0]
    else:
        made = (x - mean.reshape(by_channel(x))) / np.sqrt(var.reshape(by_channel(x)) + eps)
    return affine(made, weight, bias, by_channel(x)).astype(x.dtype)


def native_batches(x: Array, weight: Any, bias: Any, *rest: Any) -> Any:
    mean, var, training, momentum, eps = rest if len(rest) == 5 else (None, None, *rest)
    out = batches(x, mean, var, weight, bias, training, momentum, eps)
    if not training:
        return out, np.zeros(0), np.zeros(0)
    _, mean, rstd = standard(x, (0, *range(2, x.ndim)), eps)
    return out, mean.reshape(-1), rstd.reshape(-1)


def groups(x: Array, count: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, _: bool = True) -> Array:
    made = standard(x.reshape(len(x), count, -1), 2, eps)[0].reshape(x.shape)
    return affine(made, weight, bias, by_channel(x)).astype(x.dtype)


def native_groups(x: Array, weight: Any, bias: Any, n: int, c: int, size: int, count: int, eps: float) -> Any:
    _, mean, rstd = standard(x.reshape(n, count, -1), 2, eps)
    return groups(x, count, weight, bias, eps), mean.reshape(n, count), rstd.reshape(n, count)


def instances(x: Array, mean: Any = None, var: Any = None, weight: Any = None, bias: Any = None,
              use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5) -> Array:  # fmt: skip
    if use_input_stats:
        return affine(standard(x, tuple(range(2, x.ndim)), eps)[0], weight, bias, by_channel(x))
    return batches(x, mean, var, weight, bias, False, momentum, eps)


def responses(x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    made = np.zeros_like(x)
    for c in range(x.shape[1]):
        near = slice(max(c - size // 2, 0), c + (size - 1) // 2 + 1)
        made[:, c] = x[:, c] / (k + alpha * (x[:, near] ** 2).sum(1) / size) ** beta
    return made


X, LINE, PLANE = tensor(3, 4, seed=1), tensor(2, 4, 3, seed=2), tensor(2, 2, 2, 3, seed=3)
W4, B4, W2, B2, W3, B3 = (tensor(n, low=0.4, high=1.8, seed=n + at) for n in (4, 2, 3) for at in (10, 20))
MEAN, VAR = tensor(4, seed=4, grad=False), tensor(4, low=0.4, high=2.0, seed=5, grad=False)
F32 = tensor(3, 4, dtype="float32", seed=6)

LAYERS = [
    Sample(op, name, args, layers, kwargs)
    for op in ("layer_norm", "nn.functional.layer_norm")
    for name, args, kwargs in (
        ("plain", (X, (4,)), {}),
        ("weight", (X, (4,), W4, B4), {}),
        ("two", (LINE, (4, 3), tensor(4, 3, seed=7)), {}),
        ("eps", (X, [4], W4), {"bias": B4, "eps": 0.5}),
        ("transposed", (tensor(3, 4, seed=8, layout="F"), (4,), W4), {}),
        ("float32", (F32, (4,)), {}),
        ("empty", (tensor(0, 4), (4,), W4, B4), {}),
    )
]
NATIVE = [
    *[
        Sample("native_layer_norm", name, args, native_layers, smooth=False)
        for name, args in (
            ("plain", (X, (4,), None, None, 1e-5)),
            ("weight", (LINE, (4, 3), tensor(4, 3, seed=7), None, 0.1)),
        )
    ],
    *[
        Sample("native_batch_norm", name, args, native_batches, smooth=False)
        for name, args in (
            ("training", (LINE, W4, B4, None, None, True, 0.1, 1e-5)),
            ("evaluation", (LINE, W4, None, MEAN, VAR, False, 0.1, 1e-5)),
        )
    ],
    *[
        Sample("_native_batch_norm_legit", name, args, native_batches, smooth=False, torch=False)
        for name, args in (
            ("alone", (LINE, W4, B4, True, 0.1, 1e-5)),
            ("evaluation", (LINE, W4, None, MEAN, VAR, False, 0.1, 1e-5)),
        )
    ],
    # torch says that the statistics have gradients, and gives none
    *[
        Sample("native_group_norm", name, args, native_groups, smooth=False, torch=False)
        for name, args in (("plain", (LINE, None, None, 2, 4, 3, 2, 1e-5)), ("weight", (LINE, W4, B4, 2, 4, 3, 4, 0.1)))
    ],
]  # fmt: skip
ROOTS = [
    Sample(op, name, args, root_squares, kwargs)
    for op in ("rms_norm", "nn.functional.rms_norm")
    for name, args, kwargs in (
        ("plain", (X, (4,)), {}),
        ("weight", (LINE, (4, 3), tensor(4, 3, seed=9)), {}),
        ("eps", (X, (4,)), {"eps": 0.3}),
        ("float32", (F32, (4,)), {}),
    )
]


def anew(module: Any, x: Any, mean: Any, var: Any, *args: Any, **kwargs: Any) -> Any:
    """batch_norm or instance_norm on copies of the running statistics, which it changes."""
    op = kwargs.pop("op")
    made = getattr(module.nn.functional, op)(x, mean.clone(), var.clone(), *args, **kwargs)
    return made


def followed(module: Any, x: Any, mean: Any, var: Any, *args: Any, **kwargs: Any) -> Any:
    """The running statistics that are left."""
    op = kwargs.pop("op")
    mean, var = mean.clone(), var.clone()
    getattr(module.nn.functional, op)(x.detach(), mean, var, *args, **kwargs)
    return mean, var


def batch_statistics(
    x: Array, mean: Array, var: Array, *args: Any, momentum: float = 0.1, op: str = "", **_: Any
) -> Any:
    axes = (0, *range(2, x.ndim)) if op == "batch_norm" else tuple(range(2, x.ndim))
    means, variances = x.mean(axes), x.var(axes, ddof=1)
    if op == "instance_norm":
        means, variances = means.mean(0), variances.mean(0)
    return (1 - momentum) * mean + momentum * means, (1 - momentum) * var + momentum * variances


def renamed(reference: Any) -> Any:
    return lambda *args, op, **kwargs: reference(*args, **kwargs)


BATCHES = [
    Sample("nn.functional.batch_norm", name, args, batches, kwargs)
    for name, args, kwargs in (
        ("training", (LINE, None, None), {"training": True}),
        ("training-weight", (LINE, None, None, W4, B4, True), {"eps": 0.1}),
        ("rows", (X, None, None, W4, None, True), {}),
        ("plane", (PLANE, None, None, W2, B2), {"training": True}),
        ("evaluation", (LINE, MEAN, VAR), {}),
        ("evaluation-weight", (LINE, MEAN, VAR, W4, B4), {}),
        ("float32", (F32, None, None), {"training": True}),
    )
]
BATCHES += [
    Sample("nn.functional.batch_norm", "running", (LINE, MEAN, VAR, W4, B4), renamed(batches),
           {"training": True, "op": "batch_norm"}, call=anew),
    Sample("nn.functional.batch_norm", "statistics", (LINE, MEAN, VAR), batch_statistics,
           {"training": True, "momentum": 0.3, "op": "batch_norm"}, call=followed, differentiable=False),
    *[Sample("batch_norm", name, args, lambda x, w, b, m, v, t, mo, eps, c: batches(x, m, v, w, b, t, mo, eps))
      for name, args in (("training", (LINE, W4, B4, None, None, True, 0.1, 1e-5, False)),
                         ("evaluation", (LINE, W4, B4, MEAN, VAR, False, 0.1, 1e-5, True)))],
]  # fmt: skip
CHANNELS = [
    *[
        Sample(op, name, args, groups, kwargs)
        for op in ("group_norm", "nn.functional.group_norm")
        for name, args, kwargs in (
            ("plain", (LINE, 2), {}),
            ("weight", (LINE, 4, W4, B4), {}),
            ("plane", (PLANE, 1), {"weight": W2, "eps": 0.2}),
            ("rows", (X, 2), {}),
        )
    ],
    *[
        Sample("nn.functional.instance_norm", name, args, instances, kwargs)
        for name, args, kwargs in (
            ("plain", (LINE,), {}),
            ("weight", (LINE, None, None, W4, B4), {"eps": 0.1}),
            ("plane", (PLANE,), {"weight": W2}),
            ("running", (LINE, MEAN, VAR, W4, B4, False), {}),
        )
    ],
    Sample("nn.functional.instance_norm", "statistics", (LINE, MEAN, VAR), batch_statistics,
           {"momentum": 0.3, "op": "instance_norm"}, call=followed, differentiable=False),
    *[
        Sample("nn.functional.local_response_norm", name, args, responses, kwargs)
        for name, args, kwargs in (
            ("plain", (LINE, 2), {}),
            ("strong", (LINE, 3), {"alpha": 0.8, "beta": 0.5, "k": 2.0}),
            ("plane", (tensor(1, 3, 2, 2, seed=30), 3, 0.5), {}),
        )
    ],
]  # fmt: skip


# -- attention --------------------------------------------------------------------------------------------------------


def attend(q: Array, k: Array, v: Array, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
           scale: float | None = None, enable_gqa: bool = False) -> Array:  # fmt: skip
    if enable_gqa:
        k, v = (np.repeat(each, q.shape[-3] // each.shape[-3], -3) for each in (k, v))
    scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    if attn_mask is not None:
        scores = np.where(attn_mask, scores, -np.inf) if attn_mask.dtype == bool else scores + attn_mask
    top = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isinf(top), 0, top))
    total = weights.sum(-1, keepdims=True)
    return (weights / np.where(total == 0, 1, total)) @ v


def heads(q: Array, k: Array, v: Array, width: int, count: int, w: Array, b: Any, *rest: Any, **kwargs: Any) -> Any:
    """Several heads over (length, batch, width)."""
    _, _, _, _, w_out, b_out = rest
    parts = [x @ part.T + (0 if b is None else b[at * width : (at + 1) * width])
             for at, (x, part) in enumerate(zip((q, k, v), np.split(w, 3), strict=True))]  # fmt: skip
    size = width // count
    split = [x.reshape(len(x), -1, count, size).transpose(1, 2, 0, 3) for x in parts]
    scores = split[0] @ np.swapaxes(split[1], -1, -2) / math.sqrt(size)
    if kwargs.get("attn_mask") is not None:
        scores = scores + kwargs["attn_mask"]
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    out = (weights @ split[2]).transpose(2, 0, 1, 3).reshape(len(q), -1, width) @ w_out.T + b_out
    return (out, weights.mean(1)) if kwargs.get("need_weights", True) else out


def without_none(module: Any, *args: Any, **kwargs: Any) -> Any:
    """Only the attended values where no weights are asked for."""
    made = module.nn.functional.multi_head_attention_forward(*args, **kwargs)
    return made if made[1] is not None else made[0]


Q, K, V = tensor(2, 3, 4, seed=31), tensor(2, 2, 4, seed=32), tensor(2, 2, 3, seed=33)
HEADS = (tensor(3, 1, 4, seed=34), tensor(2, 1, 4, seed=35), tensor(2, 1, 4, seed=36), 4, 2, tensor(12, 4, seed=37),
         tensor(12, seed=38), None, None, False, 0.0, tensor(4, 4, seed=39), tensor(4, seed=40))  # fmt: skip
ATTENTION = [
    Sample("nn.functional.scaled_dot_product_attention", name, args, attend, kwargs)
    for name, args, kwargs in (
        ("plain", (Q, K, V), {}),
        ("causal", (Q, K, V), {"is_causal": True}),
        ("mask", (Q, K, V, mask([[True, False], [True, True], [False, False]])), {}),
        ("bias", (Q, K, V), {"attn_mask": tensor(3, 2, seed=41)}),
        ("scale", (Q, K, V), {"scale": 0.7}),
        ("matrices", (tensor(3, 2, seed=42), tensor(2, 2, seed=43), tensor(2, 2, seed=44)), {}),
    )
]
# torch takes a fused kernel for four dims, whose node and missing second derivative are its own
ATTENTION += [
    Sample("nn.functional.scaled_dot_product_attention", "shared-heads",
           (tensor(1, 4, 2, 3, seed=45), tensor(1, 2, 2, 3, seed=46), tensor(1, 2, 2, 3, seed=47)), attend,
           {"enable_gqa": True}, torch=False),
    *[Sample("nn.functional.multi_head_attention_forward", name, HEADS, heads, kwargs, call=without_none, torch=False)
      for name, kwargs in (("weights", {}), ("alone", {"need_weights": False}),
                           ("mask", {"attn_mask": of([[0.0, -1.0], [0.5, 0.0], [-0.3, 0.2]])}))],
]  # fmt: skip

SAMPLES = [*LAYERS, *NATIVE, *ROOTS, *BATCHES, *CHANNELS, *ATTENTION]
