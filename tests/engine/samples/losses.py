"""Samples of losses and distances, against their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Sample, indices, of, tensor

X, Y = tensor(3, 4, seed=1), tensor(3, 4, seed=2)
P, Q = tensor(3, 4, low=0.06, high=0.94, seed=3), tensor(3, 4, low=0.06, high=0.94, seed=4)
W = tensor(3, 4, low=0.3, high=2.0, seed=5, grad=False)
W4 = tensor(4, low=0.2, high=2.0, seed=8, grad=False)
SIGNS = of([[1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0], [1.0, 1.0, -1.0, -1.0]], grad=False)
BITS = of([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0]], grad=False)
REDUCTIONS: list[tuple[str, dict[str, Any]]] = [
    ("mean", {}),
    ("sum", {"reduction": "sum"}),
    ("none", {"reduction": "none"}),
]
FLAGS: list[tuple[str, dict[str, Any]]] = [
    ("not-averaged", {"size_average": False}),
    ("not-reduced", {"reduce": False}),
]


def reduced(losses: Array, kwargs: dict[str, Any], share: Any = None) -> Array:
    if kwargs.get("reduce") is False:
        return losses
    reduction = "sum" if kwargs.get("size_average") is False else kwargs.get("reduction", "mean")
    if reduction == "none":
        return losses
    total = np.asarray(losses.sum())
    return total if reduction == "sum" else total / (losses.size if share is None else share)


def loss(definition: Callable[..., Any]) -> Callable[..., Any]:
    """A reference from the losses before they are reduced."""

    def reference(*args: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", **own: Any) -> Any:
        flags = {"size_average": size_average, "reduce": reduce, "reduction": reduction}
        made = definition(*args, **own)
        return reduced(np.asarray(made), flags).astype(np.asarray(args[0]).dtype)

    return reference


def samples(op: str, definition: Callable[..., Any], args: Any, *more: Any, flags: bool = True) -> Iterator[Sample]:
    """One sample for each reduction and old flag, and further calls."""
    calls = [(name, args, kwargs) for name, kwargs in (*REDUCTIONS, *(FLAGS if flags else []))]
    for name, given, kwargs in (*calls, *more):
        yield Sample(f"nn.functional.{op}", name, given, loss(definition), kwargs)


def smooth(x: Array, y: Array, beta: float = 1.0) -> Array:
    gap = np.abs(x - y)
    return np.where(gap < beta, gap**2 / (2 * beta) if beta else gap, gap - beta / 2)


def huber(x: Array, y: Array, delta: float = 1.0, weight: Any = 1.0) -> Array:
    gap = np.abs(x - y)
    return np.asarray(np.where(gap <= delta, gap**2 / 2, delta * (gap - delta / 2)) * weight)


def absolute(x: Array, y: Array, *_: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
             weight: Any = None) -> Array:  # fmt: skip
    share = (
        None if weight is None else np.broadcast_to(weight, x.shape).sum() if weight.shape == x.shape else weight.sum()
    )
    flags = {"size_average": size_average, "reduce": reduce, "reduction": reduction}
    made = reduced(np.abs(x - y) * (1 if weight is None else weight), flags, share)
    return np.asarray(made)


L1 = [
    Sample("nn.functional.l1_loss", name, args, absolute, kwargs)
    for name, args, kwargs in (
        *((name, (X, Y), kwargs) for name, kwargs in (*REDUCTIONS, *FLAGS)),
        ("weight", (X, Y), {"weight": W}),
        ("weight-sum", (X, Y), {"weight": W, "reduction": "sum"}),
        ("broadcast", (X, tensor(3, 1, seed=6)), {}),
        ("complex", (tensor(3, dtype="complex128"), tensor(3, dtype="complex128", seed=1)), {"reduction": "none"}),
        ("float32", (tensor(3, dtype="float32"), tensor(3, dtype="float32", seed=1)), {}),
    )
]
L1 = [s if s.id != "nn.functional.l1_loss-complex" else Sample(s.op, s.name, s.args, lambda x, y, **_: np.abs(x - y), s.kwargs) for s in L1]  # fmt: skip  # noqa: E501
SMOOTH = [
    *samples("smooth_l1_loss", smooth, (X, Y), ("beta", (X, Y), {"beta": 0.6}), ("zero-beta", (X, Y), {"beta": 0.0}),
             ("broadcast", (X, tensor(4, seed=7)), {})),
    *samples("huber_loss", huber, (X, Y), ("delta", (X, Y), {"delta": 0.7}), ("weight", (X, Y), {"weight": W}),
             flags=False),
]  # fmt: skip


def cross(x: Array, t: Array, weight: Any = None) -> Array:
    made = -(t * np.log(x) + (1 - t) * np.log(1 - x))
    return np.asarray(made if weight is None else made * weight)


def of_logits(x: Array, t: Array, weight: Any = None, pos_weight: Any = None) -> Array:
    positive = 1.0 if pos_weight is None else pos_weight
    soft = np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0)
    made = (1 - t) * (x + soft) + positive * t * soft
    return np.asarray(made if weight is None else made * weight)


def divergence(x: Array, t: Array, log_target: bool = False) -> Array:
    return np.asarray(
        np.exp(t) * (t - x) if log_target else np.where(t > 0, t * np.log(np.where(t > 0, t, 1)), 0) - t * x
    )


ENTROPY = [
    *samples("binary_cross_entropy", cross, (P, Q), ("weight", (P, Q, W), {}), ("0d", (of(0.3), of(0.6)), {}),
             ("weight-none", (P, Q), {"weight": W4, "reduction": "none"})),
    *samples("binary_cross_entropy_with_logits", of_logits, (X, Q), ("weight", (X, Q, W), {"reduction": "sum"}),
             ("positive", (X, Q), {"pos_weight": tensor(4, low=0.3, high=3.0, seed=9, grad=False)}),
             ("far", (of([60.0, -60.0, 0.5]), of([0.0, 1.0, 0.3])), {"reduction": "none"})),
    *samples("kl_div", divergence, (X, P), ("log-target", (X, Y), {"log_target": True}),
             ("broadcast", (X, tensor(4, low=0.1, high=0.9, seed=10)), {})),
    Sample("nn.functional.kl_div", "batchmean", (X, P, None, None, "batchmean"),
           lambda x, t, *_: np.asarray(divergence(x, t).sum() / 3)),
    *samples("soft_margin_loss", lambda x, t: np.log1p(np.exp(-t * x)), (X, SIGNS),
             ("far", (of([-50.0, 50.0]), of([1.0, 1.0], grad=False)), {"reduction": "none"})),
]  # fmt: skip


def soft_labels(x: Array, t: Array, weight: Any = None) -> Array:
    made = of_logits(x, t) * (1 if weight is None else weight)
    return np.asarray(made.mean(-1))


def class_margin(x: Array, t: Array, p: int = 1, margin: float = 1.0, weight: Any = None) -> Array:
    rows, classes = np.atleast_2d(x), np.atleast_1d(t)
    made = []
    for row, target in zip(rows, classes, strict=True):
        excess = [max(0.0, margin - row[target] + row[i]) ** p for i in range(len(row)) if i != target]
        made.append(sum(excess) / len(row) * (1 if weight is None else weight[target]))
    return np.array(made).reshape(t.shape if x.ndim == 1 else (len(rows),))


def label_margins(x: Array, t: Array) -> Array:
    rows, labels = np.atleast_2d(x), np.atleast_2d(t)
    made = []
    for row, line in zip(rows, labels, strict=True):
        chosen = [int(i) for i in line[: int(np.argmin(line)) if (line < 0).any() else len(line)]]
        others = [i for i in range(len(row)) if i not in chosen]
        made.append(sum(max(0.0, 1 - row[j] + row[i]) for j in chosen for i in others) / len(row))
    return np.array(made).reshape(t.shape[:-1])


CLASSES = indices([1, 3, 0])
MARGINS = [
    *samples("multi_margin_loss", class_margin, (X, CLASSES), ("square", (X, CLASSES, 2), {}),
             ("margin", (X, CLASSES), {"margin": 0.4}), ("one", (tensor(4, seed=11), indices(2)), {}),
             ("weight", (X, CLASSES, 1, 1.0), {"weight": tensor(4, low=0.3, high=2.0, seed=12, grad=False)})),
    *samples("multilabel_margin_loss", label_margins, (X, indices([[1, 3, -1, 0], [2, -1, 0, 0], [0, 1, 2, 3]])),
             ("one", (tensor(4, seed=13), indices([0, 2, -1, 1])), {})),
]  # fmt: skip
# torch has no second derivative of these: there, their values and nodes alone are compared
MARGINS = [replace(each, torch=False) for each in MARGINS] + [
    replace(each, name=f"{each.name}-torch", differentiable=None) for each in MARGINS
]
MARGINS += samples("multilabel_soft_margin_loss", soft_labels, (X, BITS), ("weight", (X, BITS, W), {}))


# -- distances --------------------------------------------------------------------------------------------------------


def distance(a: Array, b: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Array:
    return np.asarray((np.abs(a - b + eps) ** p).sum(-1, keepdims=keepdim) ** (1 / p))


def cosine(a: Array, b: Array, dim: int = 1, eps: float = 1e-8) -> Array:
    a, b = np.broadcast_arrays(a, b)
    lengths = [np.maximum(np.sqrt((each * each).sum(dim)), eps) for each in (a, b)]
    return np.asarray((a * b).sum(dim) / (lengths[0] * lengths[1]))


A, B, C = tensor(3, 4, seed=14), tensor(3, 4, seed=15), tensor(3, 4, seed=16)
DISTANCES = [
    Sample(op, name, args, distance, kwargs)
    for op in ("pairwise_distance", "nn.functional.pairwise_distance")
    for name, args, kwargs in (
        ("plain", (A, B), {}),
        ("cube", (A, B, 3.0), {}),
        ("kept", (A, B), {"keepdim": True, "p": 1.0}),
        ("broadcast", (A, tensor(4, seed=17)), {}),
        ("vector", (tensor(4, seed=18), tensor(4, seed=19)), {"eps": 0.1}),
    )
] + [
    Sample(op, name, args, cosine, kwargs)
    for op in ("cosine_similarity", "nn.functional.cosine_similarity")
    for name, args, kwargs in (
        ("plain", (A, B), {}),
        ("first", (A, B, 0), {}),
        ("negative", (A, B), {"dim": -1}),
        ("broadcast", (A, tensor(1, 4, seed=20)), {}),
        ("float32", (tensor(2, 3, dtype="float32"), tensor(2, 3, dtype="float32", seed=1)), {}),
    )
]


def near_or_far(a: Array, b: Array, t: Array, margin: float = 0.0) -> Array:
    angle = cosine(a, b, -1)
    return np.where(t == 1, 1 - angle, np.maximum(angle - margin, 0))


def triplets(a: Array, good: Array, bad: Array, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
             swap: bool = False) -> Array:  # fmt: skip
    far = distance(a, bad, p, eps)
    if swap:
        far = np.minimum(far, distance(good, bad, p, eps))
    return np.maximum(distance(a, good, p, eps) - far + margin, 0)


def normal(x: Array, y: Array, var: Any, full: bool = False, eps: float = 1e-6) -> Array:
    spread = np.maximum(var, eps)
    if spread.ndim and spread.ndim < x.ndim:
        spread = spread[..., None]
    return np.asarray(0.5 * (np.log(spread) + (x - y) ** 2 / spread) + (0.5 * math.log(2 * math.pi) if full else 0))


def counts(x: Array, t: Array, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Array:
    made = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        safe = np.where(t > 1, t, 2.0)
        made = made + np.where(t > 1, safe * np.log(safe) - safe + 0.5 * np.log(2 * math.pi * safe), 0)
    return np.asarray(made)


PAIRS = of([1.0, -1.0, 1.0], grad=False)
RANKS = of([1.0, -1.0, 1.0, -1.0], grad=False)
D, E = tensor(4, seed=24), tensor(4, seed=25)
VARIANCE = tensor(3, 4, low=0.2, high=2.0, seed=21)
LIKELIHOODS = [
    *samples("cosine_embedding_loss", near_or_far, (A, B, PAIRS), ("margin", (A, B, PAIRS, 0.2), {}),
             ("one", (tensor(4, seed=22), tensor(4, seed=23), of(-1.0, grad=False)), {})),
    *samples("hinge_embedding_loss", lambda x, t, margin=1.0: np.where(t == 1, x, np.maximum(margin - x, 0)),
             (X, SIGNS), ("margin", (X, SIGNS, 2.2), {})),
    Sample("nn.functional.hinge_embedding_loss", "int", (of([2, 2], "int64"), of([1, -1], "int64"), 8.4),
           lambda *_, **__: np.array([2, 6]), {"reduction": "none"}, differentiable=False),
    *samples("margin_ranking_loss", lambda a, b, t, margin=0.0: np.maximum(-t * (a - b) + margin, 0),
             (D, E, RANKS), ("margin", (D, E, RANKS, 0.7), {})),
    Sample("nn.functional.margin_ranking_loss", "int", (of([3, 1], "int64"), of([1, 5], "int64"), of([-1, 1], "int64")),
           lambda a, b, t, **_: np.maximum(-t * (a - b), 0).sum(), {"reduction": "sum"}, dtype="float32",
           differentiable=False),
    *samples("triplet_margin_loss", triplets, (A, B, C), ("swap", (A, B, C), {"swap": True, "margin": 2.5}),
             ("power", (A, B, C), {"p": 3.0, "margin": 2.5})),
    *samples("triplet_margin_with_distance_loss", triplets, (A, B, C),
             ("swap", (A, B, C), {"swap": True, "margin": 2.5}),
             flags=False),
    *samples("gaussian_nll_loss", normal, (X, Y, VARIANCE), ("full", (X, Y, VARIANCE), {"full": True}),
             ("number", (X, Y, 0.6), {}), ("rows", (X, Y, tensor(3, low=0.4, high=2.0, seed=26)), {}), flags=False),
    *samples("poisson_nll_loss", counts, (X, tensor(3, 4, low=0.2, high=4.0, seed=27)),
             ("full", (X, tensor(3, 4, low=0.2, high=4.0, seed=27)), {"full": True}),
             ("rate", (VARIANCE, tensor(3, 4, low=0.2, high=4.0, seed=28)), {"log_input": False})),
]  # fmt: skip


# -- alignments -------------------------------------------------------------------------------------------------------


def aligned(scores: Array, targets: Array, inputs: Any, lengths: Any, blank: int = 0, reduction: str = "mean",
            zero_infinity: bool = False) -> Array:  # fmt: skip
    """Minus the logarithm of the sum, over all paths of classes that collapse to the labels, of their probabilities."""
    scores = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    if scores.ndim == 2:
        return aligned(
            scores[:, None], np.atleast_2d(targets), np.atleast_1d(inputs), np.atleast_1d(lengths), blank, reduction
        )
    made, start = [], 0
    for row, (steps, length) in enumerate(zip(np.asarray(inputs).tolist(), np.asarray(lengths).tolist(), strict=True)):
        line = targets[row] if targets.ndim == 2 else targets[start : start + length]
        start += length
        wanted, total = tuple(line[:length].tolist()), 0.0
        for path in np.ndindex(*(scores.shape[2],) * steps):
            kept = tuple(c for at, c in enumerate(path) if c != blank and (at == 0 or path[at - 1] != c))
            if kept == wanted:
                total += math.exp(sum(scores[at, row, c] for at, c in enumerate(path)))
        made.append(-math.log(total) if total else math.inf)
    losses = np.array(made)
    if zero_infinity:
        losses = np.where(np.isinf(losses), 0, losses)
    if reduction == "mean":
        return np.asarray((losses / np.maximum(np.asarray(lengths).reshape(-1), 1)).mean())
    return np.asarray(losses.sum()) if reduction == "sum" else losses


def on_scores(module: Any, scores: Any, *args: Any, **kwargs: Any) -> Any:
    """ctc_loss of the log_softmax of scores: its gradient is meant for such log-probabilities."""
    return module.nn.functional.ctc_loss(module.log_softmax(scores, -1), *args, **kwargs)


SCORES, LABELS = tensor(3, 2, 3, seed=29), indices([[1, 2], [2, 2]])
# its second derivative exists nowhere: smooth=False keeps the tests of it away
CTC = [
    Sample("nn.functional.ctc_loss", name, args, aligned, kwargs, call=on_scores, differentiable=None)
    for name, args, kwargs in (
        ("mean", (SCORES, LABELS, indices([3, 3]), indices([2, 1])), {}),
        ("sum", (SCORES, LABELS, (3, 3), (2, 2)), {"reduction": "sum"}),
        ("none", (SCORES, LABELS, (2, 3), (2, 1), 0, "none"), {}),
        ("joined", (SCORES, indices([1, 2, 1]), (3, 3), (2, 1)), {"reduction": "none"}),
        ("blank", (SCORES, indices([[0, 1], [1, 1]]), (3, 3), (2, 1)), {"blank": 2}),
        ("impossible", (SCORES, LABELS, (1, 3), (2, 1)), {"zero_infinity": True}),
    )
]

SAMPLES = [*L1, *SMOOTH, *ENTROPY, *MARGINS, *DISTANCES, *LIKELIHOODS, *CTC]
