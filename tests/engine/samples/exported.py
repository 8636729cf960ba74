"""Samples of functions that torch exports beside those of torch.nn.functional, by the definitions of these."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.signal import windows as scipy_windows

from tests.engine.samples import losses, normalization, picking, pooling, resampling
from tests.engine.samples.activations import celu, threshold
from tests.engine.samples.base import Array, Dtype, Sample, of, tensor

FUNCTIONAL = "nn.functional."
NO_GRAD: dict[str, Any] = {"differentiable": False}
X, LINE, PLANE = tensor(3, 4, seed=1), tensor(2, 2, 6, seed=2), tensor(1, 2, 4, 4, seed=3)
SOLID = tensor(1, 1, 2, 4, 2, seed=4)
INPUTS = {1: LINE, 2: PLANE, 3: SOLID}
COMPLEX = tensor(2, 3, dtype="complex128", seed=5)


def of_op(op: str, samples: Iterable[Sample]) -> list[Sample]:
    return [each for each in samples if each.op == FUNCTIONAL + op]


def quietly(op: str) -> Callable[..., Any]:
    """The function, which warns of its age."""

    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(module, op)(*args, **kwargs)

    return call


# -- losses: the reduction is a number -------------------------------------------------------------------------------

NUMBERS = {"none": 0, "mean": 1, "sum": 2}
NAMES = {number: name for name, number in NUMBERS.items()}


def by_number(reference: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, reduction, **kwargs: reference(*args, reduction=NAMES[reduction], **kwargs)


def numbered(op: str) -> list[Sample]:
    """The samples of a loss that fit torch's form of it, three at most."""
    made = []
    for each in of_op(op, losses.SAMPLES):
        reduction = each.kwargs.get("reduction", "mean")
        fits = each.call is None and reduction in NUMBERS and len(each.args) < 4
        if fits and not each.kwargs.keys() & {"size_average", "reduce"}:
            kwargs = {**each.kwargs, "reduction": NUMBERS[reduction]}
            made.append(replace(each, op=op, kwargs=kwargs, reference=by_number(each.reference)))
    return made[:3]


def poissons(x: Array, y: Array, log_input: bool, full: bool, eps: float, reduction: int) -> Array:
    made = np.exp(x) - y * x if log_input else x - y * np.log(x + eps)
    return np.asarray((made, made.mean(), made.sum())[reduction])


def torch_ctc(module: Any, scores: Any, *args: Any, **kwargs: Any) -> Any:
    return module.ctc_loss(module.log_softmax(scores, -1), *args, **kwargs)


RATES, COUNTS = tensor(3, 4, low=0.3, high=2.0, seed=6), tensor(3, 4, low=0.2, high=4.0, seed=7)
LOSSES = [
    *[
        sample
        for op in ("binary_cross_entropy_with_logits", "kl_div", "cosine_embedding_loss", "hinge_embedding_loss",
                   "margin_ranking_loss", "triplet_margin_loss")
        for sample in numbered(op)
    ],
    Sample("poisson_nll_loss", "logarithms", (X, COUNTS, True, False, 1e-8, 1), poissons),
    Sample("poisson_nll_loss", "rates", (RATES, COUNTS, False, False, 1e-6, 0), poissons),
    *[
        Sample("ctc_loss", name, args, by_number(losses.aligned), kwargs, call=torch_ctc, differentiable=None)
        for name, args, kwargs in (
            ("mean", (losses.SCORES, losses.LABELS, (3, 3), (2, 2)), {"reduction": 1}),
            ("sum", (losses.SCORES, losses.LABELS, (3, 3), (2, 1)), {"reduction": 2}),
        )
    ],
]  # fmt: skip


# -- pools ------------------------------------------------------------------------------------------------------------


def with_places(reference: Callable[..., Any], count: int) -> Callable[..., Any]:
    return lambda *args: reference(*args, return_indices=True, count=count)


def without(count: int) -> Callable[..., Any]:
    return lambda *args: pooling.maxima(*args, count=count)


POOLS = [
    Sample(op, name, (INPUTS[count], *args), with_places(pooling.maxima, count) if "indices" in op else without(count))
    for count in (1, 2, 3)
    for op in (
        f"max_pool{count}d",
        f"{FUNCTIONAL}max_pool{count}d_with_indices",
        *(["max_pool1d_with_indices"] if count == 1 else []),
    )
    for name, args in (("plain", (2,)), ("stride", (2, 1)))
]
POOLS += [
    Sample(op, name, (INPUTS[count], size), with_places(pooling.maximum_to, count))
    for count in (1, 2, 3)
    for op in (f"{FUNCTIONAL}adaptive_max_pool{count}d_with_indices", *(["adaptive_max_pool1d"] if count == 1 else []))
    for name, size in (("one", 1), ("two", 2))
]


# -- layers -----------------------------------------------------------------------------------------------------------


def rows(table: Array, index: Array, *_: Any) -> Array:
    return np.asarray(table[index])


def instances(x: Array, w: Any, b: Any, m: Any, v: Any, own: bool, momentum: float, eps: float, _: bool) -> Array:
    return normalization.instances(x, m, v, w, b, own, momentum, eps)


def over_time(x: Array, w: Array, b: Array, pad: int = 0) -> Array:
    framed = np.pad(x, ((pad, pad), (0, 0), (0, 0)))
    steps = len(framed) - len(w) + 1
    return np.stack([sum((framed[at + k] @ w[k] for k in range(len(w))), b) for at in range(steps)])


def at_points(x: Array, grid: Array, mode: int, padding: int, align: bool) -> Array:
    return np.asarray(resampling.sampled(x, grid, resampling.MODES[mode], resampling.PADDINGS[padding], align))


NORMS = (tensor(2, seed=8), tensor(2, seed=9), None, None, True, 0.1, 1e-5, False)
STATISTICS = (None, None, tensor(2, seed=10, grad=False), tensor(2, low=0.5, high=2.0, seed=11, grad=False))
LAYERS = [
    Sample("embedding", "plain", (picking.TABLE, picking.WORDS), rows),
    Sample("embedding", "padding", (picking.TABLE, picking.WORDS, 4), rows, smooth=False),
    Sample("instance_norm", "own", (LINE, *NORMS), instances),
    Sample("instance_norm", "running", (LINE, *STATISTICS, False, 0.1, 1e-5, False), instances),
    *[
        Sample(op, name, (tensor(4, 2, 3, seed=12), tensor(2, 3, 2, seed=13), tensor(2, seed=14), *args), over_time)
        for op in ("conv_tbc", f"{FUNCTIONAL}conv_tbc")
        for name, args in (("plain", ()), ("padded", (1,)))
    ],
    Sample("grid_sampler", "plane", (resampling.PICTURE, resampling.GRID, 0, 0, False), at_points, torch=False),
    Sample(
        "grid_sampler", "solid", (tensor(1, 1, 2, 3, 2, seed=10), resampling.SOLID, 0, 1, True), at_points, torch=False
    ),
    Sample("affine_grid_generator", "plain", (tensor(2, 2, 3, seed=11), (2, 1, 2, 3), False), resampling.affine),
    Sample("affine_grid_generator", "solid", (tensor(1, 3, 4, seed=13), (1, 1, 2, 1, 3), True), resampling.affine),
]


# -- dropouts and activations -----------------------------------------------------------------------------------------


def zeros(x: Array, *_: Any) -> Array:
    return np.zeros_like(x)


def same(x: Array, *_: Any, **__: Any) -> Array:
    return x


def into(op: str) -> Callable[..., Any]:
    """The function, in place, on a copy: torch has no method of the name."""
    return lambda module, x, *args: getattr(module, op)(x.clone(), *args)


DROPOUTS = [
    Sample(op, name, (LINE, p, train), form, call=into(op) if op.endswith("_") else None, **how)
    for kind in ("alpha_dropout", "feature_dropout", "feature_alpha_dropout")
    for op in (kind, f"{kind}_")
    for name, p, train, form, how in (
        ("all", 1.0, True, zeros, {}),
        ("drawn", 0.4, True, same, {"drawn": True, "differentiable": None}),
        ("evaluation", 0.4, False, same, {}),
    )
]
KEPT = (lambda x, *_: [x, np.ones(x.shape, bool)], lambda x, *_: [np.zeros_like(x), np.zeros(x.shape, bool)])
DROPOUTS += [
    Sample("native_dropout", "evaluation", (LINE, 0.4, False), KEPT[0]),
    Sample("native_dropout", "all", (LINE, 1.0, True), KEPT[1]),
    Sample("native_dropout", "drawn", (LINE, 0.4, True), KEPT[0], drawn=True, differentiable=None),
]
SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
ACTIVATIONS = [
    Sample(op, f"{name}", (x, *args), reference, call=into(op), dtype=None)
    for op, reference, args in (
        ("celu_", celu, (2.0,)),
        ("selu_", lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))), ()),
        ("threshold_", threshold, (0.15, -7.5)),
    )
    for name, x in (("3d", LINE), ("transposed", replace(X, array=X.array.T)))
]


# -- norms and copies -------------------------------------------------------------------------------------------------


def frobenius(x: Array, dim: Any, keepdim: bool = False) -> Array:
    return np.asarray(np.sqrt((abs(x) ** 2).sum(dim or None, keepdims=keepdim)))


def nuclear(x: Array, dim: Any = (-2, -1), keepdim: bool = False) -> Array:
    return np.asarray(np.linalg.norm(x, "nuc", dim, keepdim))


def but_one(x: Array, pow: int = 2, dim: int = 0) -> Array:
    if dim == -1:
        return np.asarray((abs(x) ** pow).sum() ** (1 / pow))
    others = tuple(at for at in range(x.ndim) if at != dim)
    return np.asarray((abs(x) ** pow).sum(others, keepdims=True) ** (1 / pow))


OLD_NORMS = [
    Sample("frobenius_norm", "both", (X, (0, 1)), frobenius, call=quietly("frobenius_norm")),
    Sample("frobenius_norm", "kept", (X, (1,)), frobenius, {"keepdim": True}, call=quietly("frobenius_norm")),
    Sample("nuclear_norm", "matrix", (X,), nuclear, call=quietly("nuclear_norm")),
    Sample(
        "nuclear_norm",
        "dims",
        (tensor(2, 3, 2, seed=15), (0, 2)),
        nuclear,
        {"keepdim": True},
        call=quietly("nuclear_norm"),
    ),
    *[Sample("norm_except_dim", f"{dim}", (LINE, pow, dim), but_one) for pow, dim in ((2, 0), (2, 1), (3, 2))],
]
PAIRS = tensor(3, 2, grad=False, seed=16)
COPIES = [
    Sample("select_copy", "first", (X, 0, 1), lambda x, dim, index: np.take(x, index, dim)),
    Sample("select_copy", "last", (X, -1, -2), lambda x, dim, index: np.take(x, index, dim)),
    Sample("slice_copy", "part", (X, 1, 1, 3), lambda x, _, a, b: x[:, a:b]),
    Sample("slice_copy", "step", (X, 0, None, None, 2), lambda x, *_: x[::2]),
    Sample("split_copy", "rows", (X, 2), lambda x, _: [x[:2], x[2:]]),
    Sample("split_copy", "dim", (X, 3, 1), lambda x, *_: [x[:, :3], x[:, 3:]]),
    Sample("view_as_real_copy", "matrix", (COMPLEX,), lambda x: np.stack([x.real, x.imag], -1)),
    Sample("view_as_real_copy", "vector", (tensor(3, dtype="complex64"),), lambda x: np.stack([x.real, x.imag], -1)),
    Sample("view_as_complex_copy", "rows", (PAIRS,), lambda x: x[:, 0] + 1j * x[:, 1], **NO_GRAD),
    Sample(
        "view_as_complex_copy",
        "block",
        (tensor(2, 3, 2, grad=False, seed=17),),
        lambda x: x[..., 0] + 1j * x[..., 1],
        **NO_GRAD,
    ),
]


# -- factories and random numbers -------------------------------------------------------------------------------------


def periodic(name: str) -> Callable[..., Array]:
    """SciPy's window, of one element more without its last where it is periodic."""

    def reference(length: int, periodic: bool = True, *given: float, dtype: Any = np.float32) -> Array:
        if name == "hamming" and given:
            alpha, beta = (*given, 0.46)[:2]
            places = 2 * math.pi * np.arange(length) / (length - (not periodic))
            return (alpha - beta * np.cos(places)).astype(dtype)
        rest = given if name != "kaiser" else (given or (12.0,))
        return getattr(scipy_windows, name)(length, *rest, sym=not periodic).astype(dtype)

    return reference


WINDOWS = [
    Sample(f"{name}_window", case, (length, *args), periodic(name), kwargs, **NO_GRAD)
    for name, more in (("hann", ()), ("hamming", (0.6, 0.3)), ("blackman", ()), ("bartlett", ()), ("kaiser", (8.0,)))
    for case, length, args, kwargs in (
        ("plain", 7, (), {}),
        ("whole", 8, (False, *more), {"dtype": Dtype("float64")}),
        ("periodic", 6, (True, *more), {"dtype": Dtype("float64")}),
        ("one", 1, (), {}),
        ("none", 0, (), {}),
    )
]


def sure(count: Array, prob: Array) -> Array:
    return np.where(prob == 1, *np.broadcast_arrays(count, 0.0))


def inclusive(start: Any, end: Any, step: Any = 1, dtype: Any = np.float32) -> Array:
    return (start + step * np.arange(int((end - start) / step) + 1)).astype(dtype)


TRIALS = of([[3.0], [5.0]], grad=False)
FACTORIES = [
    Sample("binomial", "sure", (TRIALS, of([0.0, 1.0, 1.0], grad=False)), sure, **NO_GRAD),
    Sample("binomial", "drawn", (TRIALS, of([0.5], grad=False)), lambda n, p: n, drawn=True, **NO_GRAD),
    Sample("range", "plain", (1, 4), inclusive, call=quietly("range"), **NO_GRAD),
    Sample("range", "step", (4.0, 1.0, -0.5), inclusive, {"dtype": Dtype("float64")}, call=quietly("range"), **NO_GRAD),
    Sample("range", "int64", (0, 7, 3), inclusive, {"dtype": Dtype("int64")}, call=quietly("range"), **NO_GRAD),
]

SAMPLES = [
    *LOSSES, *POOLS, *LAYERS, *DROPOUTS, *ACTIVATIONS, *OLD_NORMS, *COPIES, *WINDOWS, *FACTORIES,
]  # fmt: skip
