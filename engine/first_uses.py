"""What functions written in Python do first with an argument: one of another type fails there, in Python's own words.

So `mse_loss(None, x)` finds no `size`, and `dropout(x, 'half')` cannot compare.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from engine import errors
from engine.python_functions import FUNCTIONAL

Use = Callable[[Any], Any]
Uses = dict[str, Use | dict[str, Use]]  # the latter by an option that must be set, or none
DIM, NDIM, SIZE = attrgetter("dim"), attrgetter("ndim"), attrgetter("size")


def _each(names: str, **uses: Use | dict[str, Use]) -> dict[str, Uses]:
    return dict.fromkeys(names.split(), uses)


def _saying(text: str) -> Use:
    """What fails with a text of Python's that names the value's type."""

    def fail(value: Any) -> None:
        raise TypeError(text.format(type(value).__name__))

    return fail


def _only(text: str) -> Use:
    """What is a ValueError whatever the value."""

    def fail(value: Any) -> None:
        raise ValueError(text)

    return fail


def _times(operands: str) -> Use:
    """A product with a tensor, which a sequence takes for how often it is repeated."""

    def fail(value: Any) -> None:
        if isinstance(value, (str, list, tuple)):
            raise TypeError("only integer tensors of a single element can be converted to an index")
        raise TypeError(f"unsupported operand type(s) for *: {operands.format(type(value).__name__)}")

    return fail


PROBABILITY: Use = lambda value: bool(value < 0.0)  # noqa: E731  # one of many in the table
NOT_POSITIVE: Use = lambda value: bool(value <= 0)  # noqa: E731
ONES: Use = lambda value: value + " is not valid"  # noqa: E731

OF_ITS_OWN: dict[str, Use] = {"use_separate_proj_weight": attrgetter("shape")}
_FACTORS = {  # of local_response_norm: what is said by the functions of tensors that get them
    "alpha": _saying("mul(): argument 'other' (position 1) must be Tensor, not {}"),
    "beta": _saying("pow() received an invalid combination of arguments - got ({})"),
    "k": _saying("add(): argument 'other' (position 1) must be Tensor, not {}"),
}

FIRST: dict[str, Uses] = {
    **_each("binary_cross_entropy mse_loss l1_loss huber_loss", input=SIZE, target=SIZE, weight=SIZE),
    **_each("binary_cross_entropy_with_logits smooth_l1_loss", input=SIZE, target=SIZE),
    **_each(
        "gaussian_nll_loss",
        input=SIZE,
        target=_saying("unsupported operand type(s) for -: 'Tensor' and '{}'"),
        var=lambda value: bool(value < 0),
        reduction=ONES,
    ),
    **_each("poisson_nll_loss", reduction=ONES),
    **_each("margin_ranking_loss", input1=DIM, input2=DIM, target=DIM),
    **_each("multi_margin_loss", weight=DIM, p=_only("only p == 1 and p == 2 supported")),
    **_each(
        "multilabel_soft_margin_loss",
        target=_times("'{}' and 'Tensor'"),
        weight=_times("'Tensor' and '{}'"),
        reduction=ONES,
    ),
    **_each("triplet_margin_loss", margin=NOT_POSITIVE),
    **_each("triplet_margin_with_distance_loss", anchor=NDIM, positive=NDIM, negative=NDIM, margin=NOT_POSITIVE),
    **_each("dropout alpha_dropout feature_alpha_dropout", p=PROBABILITY),
    **_each("dropout1d dropout2d dropout3d", input=DIM, p=PROBABILITY),
    **_each("glu", input=DIM),
    **_each("interpolate upsample upsample_bilinear upsample_nearest", input=DIM),
    **_each("fractional_max_pool2d fractional_max_pool3d", input=DIM),
    **_each(
        "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d instance_norm", input=SIZE
    ),
    **_each("max_unpool2d max_unpool3d", input=SIZE),
    **_each("max_unpool1d", input=SIZE, indices=attrgetter("unsqueeze")),
    **_each("lp_pool1d lp_pool2d lp_pool3d", input=attrgetter("pow")),
    **_each(
        "embedding_bag",
        weight=attrgetter("dtype"),
        input={"per_sample_weights": SIZE, "": DIM},
        offsets=DIM,
        per_sample_weights=SIZE,
        mode=_only("mode has to be one of sum, mean or max"),
    ),
    **_each("group_norm", input=DIM, num_groups=lambda value: 1 // value),
    **_each("local_response_norm", input=DIM, size=lambda value: value // 2, **_FACTORS),
    **_each("batch_norm", input={"training": SIZE}, training=bool, eps=lambda value: bool(value <= 0.0)),
    **_each(
        "embedding",
        input={"max_norm": attrgetter("contiguous")},
        weight={"padding_idx": SIZE, "max_norm": attrgetter("detach")},
        padding_idx=lambda value: bool(value > 0),
    ),
    **_each("max_pool3d", input={"return_indices": attrgetter("is_cuda")}),
    **_each("hardtanh", min_val=lambda value: bool(value > 1.0), max_val=lambda value: bool(operator.gt(-1.0, value))),
    **_each("normalize", input=attrgetter("norm")),
    **_each("softmax", input=attrgetter("softmax")),
    **_each("log_softmax", input=attrgetter("log_softmax")),
    **_each("softmin", input=lambda value: (-value).softmax),
    **_each("softsign", input=attrgetter("abs")),
    **_each("tanhshrink", input=attrgetter("tanh")),
    **_each(
        "multi_head_attention_forward",
        query=DIM,
        key=DIM,
        value=DIM,
        attn_mask=DIM,
        key_padding_mask=DIM,
        in_proj_weight=attrgetter("chunk"),
        in_proj_bias=attrgetter("chunk"),
        bias_k=attrgetter("repeat"),
        bias_v=attrgetter("repeat"),
        q_proj_weight=OF_ITS_OWN,
        k_proj_weight=OF_ITS_OWN,
        v_proj_weight=OF_ITS_OWN,
        static_k=SIZE,
        static_v=SIZE,
    ),
}


SHAPE = attrgetter("shape")
DIMS: Use = lambda value: [each >= 1 for each in value]  # noqa: E731  # as above
WINDOWS = " ".join(
    f"signal.windows.{name}"
    for name in (
        *("bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming"),
        *("hamming", "hann", "kaiser", "nuttall"),
    )
)
LAYOUT: Use = attrgetter("layout")
UNDER_MASK: Uses = {
    "input": attrgetter("dtype"),
    "other": LAYOUT,
    "keepdim": bool,
    **dict.fromkeys(("mask", "input_mask", "other_mask"), SHAPE),
}
OF_TORCH: dict[str, Uses] = {
    **_each("norm", input=attrgetter("layout")),
    **_each("split", input=attrgetter("split")),
    **_each("unique unique_consecutive", return_inverse=bool, return_counts=bool),
    **_each("tensordot", a=DIM, b=DIM),
    **_each(
        "masked.argmax masked.argmin masked.logaddexp masked.mean masked.std masked.var",
        **UNDER_MASK,
    ),
    **_each(
        "masked.amax masked.amin masked.cumprod masked.cumsum masked.log_softmax masked.logsumexp masked.median "
        "masked.norm masked.normalize masked.softmax masked.softmin",
        **(UNDER_MASK | {"dim": DIMS}),
    ),
    **_each("masked.sum", **(UNDER_MASK | {"input": LAYOUT})),
    **_each("masked.prod", **(UNDER_MASK | {"input": LAYOUT, "dim": DIMS})),
    **_each(WINDOWS, M=lambda value: bool(value < 0)),
    **_each("stft", input=DIM, n_fft=lambda value: value // 2),
}


def _is_set(value: Any) -> bool:
    return value is not None and value is not False


def use_in_python(function: str, parameter: str, value: Any, kwargs: Mapping[str, Any]) -> None:
    """Do what the function does first with a value that its parameter does not take: raises what Python raises.

    Nothing where that works, or where the value is handed on as it is.
    """
    name = function.removeprefix(FUNCTIONAL)
    if function == "stft" and not kwargs.get("center", True):
        return  # it hands all on
    use = (FIRST if name != function else OF_TORCH).get(name, {}).get(parameter)
    if isinstance(use, dict):
        use = next((each for option, each in use.items() if not option or _is_set(kwargs.get(option))), None)
    if use is not None:
        with errors.of_python():
            use(value)
