"""`torch.autograd`: differentiation of recorded graphs."""

from __future__ import annotations

from engine import grad_mode
from engine.autograd import forward_ad, function, functional, graph
from engine.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from engine.autograd.function import Function
from engine.autograd.gradcheck import gradcheck, gradgradcheck
from engine.autograd.graph import unsafe_preserve_version_counter as _unsafe_preserve_version_counter
from engine.backward import backward, grad
from engine.grad_mode import (
    enable_grad,
    inference_mode,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from engine.nn.parameter import Variable

__all__ = [
    "Function",
    "Variable",
    "_unsafe_preserve_version_counter",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_multithreading_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]
