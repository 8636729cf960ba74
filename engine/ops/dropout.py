"""Dropout: random elements or whole channels set to zero (or to SELU's lower bound), the rest scaled up."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Number, Truth
from engine.modes import warn
from engine.op import Op, op
from engine.ops.arithmetic import add, mul
from engine.ops.creation import stream
from engine.ops.properties import dtype_of
from engine.ops.views import squeeze_dim, unsqueeze
from engine.rules import FUNCTIONAL, Shape

mul_: Any = mul.twin
add_: Any = add.twin
TEXT = "dropout probability has to be between 0 and 1, but got "
ALPHA = 1.7580993408473766  # -scale * alpha of SELU: what alpha_dropout sets elements to

AS_ONE_LONG = (
    "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input "
    "is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future release to "
    "interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
    "dropout behavior, please switch to using dropout1d instead."
)


def noise_shape(shape: Shape, feature: bool) -> Shape:
    """One number for each element, or for each channel of each entry."""
    return (*shape[:2], *(1,) * (len(shape) - 2)) if feature else shape


def noise_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of dropout's noise."""
    if values[0].dtype.kind == "c" and values[1] != 1:
        raise errors.not_implemented_for("bernoulli_scalar_cpu_", dtypes.BY_NUMPY[values[0].dtype].type_name)
    shape = noise_shape(tuple(values[0].shape), values[2])
    return Estimate(values, [(shape, values[0].dtype)], None, 5 * math.prod(shape), 10 * math.prod(shape))


@op(noise_rule, hidden=True)
def noise(input: Array, p: float, feature: bool, scaled: bool) -> Any:
    """1 with probability 1 - p, else 0; divided by 1 - p if `scaled`."""
    shape = noise_shape(input.shape, feature)
    if p == 1:
        return xp.zeros(shape, input.dtype)
    kept = xp.asarray(stream(None).bernoulli(1 - p, shape))
    return kept * input.dtype.type(1 / (1 - p)) if scaled else kept.astype(input.dtype)


def dropped(input: Any, p: float, feature: bool, inplace: bool) -> Any:
    """The input times dropout's noise."""
    made = noise(input, p, feature, True)
    return mul_(input, made) if inplace else mul(input, made)


def self_normalized(input: Any, p: float, feature: bool, inplace: bool) -> Any:
    """Elements set to SELU's lower bound at random, the result with its old mean and variance."""
    if p == 1:
        made = noise(input, 1, feature, False)
        return mul_(input, made) if inplace else mul(input, made)
    kept = noise(input, p, feature, False)
    a = 1 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    lower = add(mul(add(kept, -1.0), ALPHA * a), ALPHA * a * p)
    if inplace:
        return add_(mul_(input, mul(kept, a)), lower)
    return add(mul(input, mul(kept, a)), lower)


def check_probability(p: float) -> None:
    """Raise ValueError for a probability outside [0, 1], TypeError for a complex number."""
    if isinstance(p, complex):
        raise errors.bad_type("'<' not supported between instances of 'complex' and 'float'")
    if p < 0.0 or p > 1.0:
        raise errors.bad_value(f"{TEXT}{p}")


def applied(made: Any, input: Any, p: float, train: bool, feature: bool, inplace: bool) -> Any:
    """A dropout where there is something to drop, else the input itself.

    Raises RuntimeError for a probability that is none, for integers and for channels of a vector.
    """
    if not 0 <= p <= 1:
        raise errors.bad_argument(f"{TEXT}{p:g}")
    if p == 0 or not train or 0 in tuple(input.shape):
        return input
    if feature and len(input.shape) < 2 and p != 1:
        raise errors.bad_argument("Feature dropout requires at least 2 dimensions in the input")
    if input.dtype.kind in "biu" and p != 1:
        name = dtype_of(input).type_name
        raise errors.dtype_mismatch(f"result type Float can't be cast to the desired output type {name}")
    return made(input, float(p), feature, inplace)


@op(composed, namespace=FUNCTIONAL, composite=True)
def dropout(input: Array, p: Number = 0.5, training: bool = True, inplace: Truth = False) -> Any:
    """Each element set to zero with probability p in training, the rest divided by 1 - p."""
    check_probability(p)
    return applied(dropped, input, p, training, False, inplace)


@op(composed, name="dropout", composite=True, method=False)
def torch_dropout(input: Array, p: float, train: bool) -> Any:
    """Each element set to zero with probability p in training, the rest divided by 1 - p."""
    return applied(dropped, input, p, train, False, False)


@op(composed, name="dropout_", composite=True, method=False)
def torch_dropout_(input: Array, p: float, train: bool) -> Any:
    """dropout in place."""
    return applied(dropped, input, p, train, False, True)


@op(composed, namespace=FUNCTIONAL, composite=True)
def alpha_dropout(input: Array, p: Number = 0.5, training: bool = False, inplace: Truth = False) -> Any:
    """dropout for SELU: mean and variance stay."""
    check_probability(p)
    return applied(self_normalized, input, p, training, False, inplace)


@op(composed, namespace=FUNCTIONAL, composite=True)
def feature_alpha_dropout(input: Array, p: Number = 0.5, training: bool = False, inplace: Truth = False) -> Any:
    """alpha_dropout of whole channels."""
    check_probability(p)
    return applied(self_normalized, input, p, training, True, inplace)


@op(composed, namespace=FUNCTIONAL, composite=True)
def dropout1d(input: Array, p: Number = 0.5, training: bool = True, inplace: Truth = False) -> Any:
    """Whole channels of (N, C, L) or (C, L) dropped."""
    check_probability(p)
    ndim = len(input.shape)
    if ndim not in (2, 3):
        raise errors.bad_argument(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    return batched_drop(input, p, training, inplace, ndim == 3)


def warn_of_dims(spatial: int, ndim: int) -> None:
    """torch's warning of an input with other dims than channels, so many spatial ones and perhaps a batch."""
    if ndim not in (spatial + 1, spatial + 2):
        warn(
            f"dropout{spatial}d: Received a {ndim}-D input to dropout{spatial}d, which is deprecated and will result "
            "in an error in a future release. To retain the behavior and silence this warning, please use dropout "
            f"instead. Note that dropout{spatial}d exists to provide channel-wise dropout on inputs with {spatial} "
            f"spatial dimensions, a channel dimension, and an optional batch dimension (i.e. {spatial + 1}D or "
            f"{spatial + 2}D inputs).",
            level=7,
        )


def batched_drop(input: Any, p: float, training: bool, inplace: bool, whole: bool) -> Any:
    """Feature dropout of an input with or without its batch dim."""
    if whole:
        return applied(dropped, input, p, training, True, inplace)
    if inplace:
        made = applied(dropped, unsqueeze(input, 0), p, training, True, True)
        return squeeze_dim(made, 0) if made is not input else input
    return squeeze_dim(applied(dropped, unsqueeze(input, 0), p, training, True, False), 0)


@op(composed, namespace=FUNCTIONAL, composite=True)
def dropout2d(input: Array, p: Number = 0.5, training: bool = True, inplace: Truth = False) -> Any:
    """Whole channels of (N, C, H, W) dropped."""
    check_probability(p)
    warn_of_dims(2, len(input.shape))
    if len(input.shape) == 3:
        warn(AS_ONE_LONG, level=6)
    return applied(dropped, input, p, training, True, inplace)


@op(composed, namespace=FUNCTIONAL, composite=True)
def dropout3d(input: Array, p: Number = 0.5, training: bool = True, inplace: Truth = False) -> Any:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) dropped."""
    check_probability(p)
    warn_of_dims(3, len(input.shape))
    return batched_drop(input, p, training, inplace, len(input.shape) == 5)
