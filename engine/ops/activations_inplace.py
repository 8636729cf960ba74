"""The in-place forms of activations that are functions of their own: `F.elu_(x)`."""

from __future__ import annotations

from typing import Any

from engine.infer import composed
from engine.kinds import Array, Number
from engine.op import op
from engine.ops.activations import SELU_ALPHA, SELU_SCALE, as_double
from engine.ops.activations import celu_ as celu_into
from engine.ops.activations import elu_ as elu_into
from engine.ops.thresholds import hardtanh_ as hardtanh_into
from engine.ops.thresholds import leaky_relu_ as leaky_relu_into
from engine.ops.thresholds import relu_ as relu_into
from engine.ops.thresholds import threshold_ as threshold_into
from engine.rules import FUNCTIONAL


@op(composed, namespace=FUNCTIONAL, composite=True, inplace_only=True)
def elu_(input: Array, alpha: Number = 1.0) -> Any:
    """`elu` in place."""
    return elu_into(input, alpha, 1.0, 1.0)


@op(composed, namespace=FUNCTIONAL, composite=True, inplace_only=True)
def selu_(input: Array) -> Any:
    """`selu` in place."""
    return elu_into(input, SELU_ALPHA, SELU_SCALE, 1.0)


@op(composed, namespace=FUNCTIONAL, composite=True, inplace_only=True)
def celu_(input: Array, alpha: Number = 1.0) -> Any:
    """`celu` in place."""
    return celu_into(input, as_double(alpha))


@op(composed, namespace=FUNCTIONAL, composite=True, inplace_only=True)
def relu_(input: Array) -> Any:
    """`relu` in place."""
    return relu_into(input)


@op(composed, namespace=FUNCTIONAL, composite=True, inplace_only=True)
def leaky_relu_(input: Array, negative_slope: Number = 0.01) -> Any:
    """`leaky_relu` in place."""
    return leaky_relu_into(input, negative_slope)


@op(composed, namespace=FUNCTIONAL, composite=True, inplace_only=True)
def hardtanh_(input: Array, min_val: Number = -1.0, max_val: Number = 1.0) -> Any:
    """`hardtanh` in place."""
    return hardtanh_into(input, min_val, max_val)


@op(composed, namespace=FUNCTIONAL, composite=True, inplace_only=True)
def threshold_(input: Array, threshold: Number, value: Number) -> Any:
    """`threshold` in place."""
    return threshold_into(input, threshold, value)
