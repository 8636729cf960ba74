"""PyTorch-style automatic differentiation on NumPy and CuPy.

`import engine as torch` runs PyTorch snippets: tensors, recorded graphs, `backward`, `torch.autograd.grad`. The ops'
functions are looked up when first asked for (`engine.namespaces`).
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from typing import Any

from engine import autograd, fast, fft, func, linalg, nn, ops, optim, signal, special
from engine.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from engine.backward import tensor_backward
from engine.batching import vmap
from engine.construct import as_tensor, from_numpy, tensor
from engine.devices import Device as device
from engine.dtypes import DType as dtype
from engine.dtypes import bfloat16, complex64, complex128, float16, float32, float64, promote_types, uint8
from engine.dtypes import bool_ as bool
from engine.dtypes import complex64 as cfloat
from engine.dtypes import complex128 as cdouble
from engine.dtypes import float16 as half
from engine.dtypes import float32 as float
from engine.dtypes import float64 as double
from engine.dtypes import int8 as int8
from engine.dtypes import int16 as int16
from engine.dtypes import int16 as short
from engine.dtypes import int32 as int
from engine.dtypes import int32 as int32
from engine.dtypes import int64 as int64
from engine.dtypes import int64 as long
from engine.formats import contiguous_format, memory_format, preserve_format
from engine.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from engine.methods import install
from engine.modes import (
    get_default_dtype,
    initial_seed,
    is_grad_enabled,
    is_inference_mode_enabled,
    is_warn_always_enabled,
    manual_seed,
    set_default_dtype,
    set_warn_always,
)
from engine.namespaces import function_named
from engine.op import registry
from engine.printing import set_printoptions
from engine.random import Generator
from engine.tensor import Size, Tensor

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "as_tensor",
    "autograd",
    "bfloat16",
    "bool",
    "cdouble",
    "cfloat",
    "complex64",
    "complex128",
    "contiguous_format",
    "device",
    "double",
    "dtype",
    "e",
    "enable_grad",
    "fft",
    "float",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "func",
    "get_default_dtype",
    "half",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_tensor",
    "is_warn_always_enabled",
    "linalg",
    "long",
    "manual_seed",
    "memory_format",
    "nan",
    "nn",
    "no_grad",
    "optim",
    "pi",
    "preserve_format",
    "promote_types",
    "set_default_dtype",
    "set_grad_enabled",
    "set_printoptions",
    "set_warn_always",
    "short",
    "signal",
    "special",
    "tensor",
    "uint8",
    "vmap",
]

for _family in pkgutil.iter_modules(ops.__path__):
    importlib.import_module(f"engine.ops.{_family.name}")

inf, nan, pi, e = math.inf, math.nan, math.pi, math.e
Tensor.backward = tensor_backward
fast.open_doors(registry)
install(registry, fast.door, fast.operator_door)


def is_tensor(value: Any) -> Any:
    """Whether a value is a tensor."""
    return isinstance(value, Tensor)


def __getattr__(name: str) -> Any:
    return function_named(name, __name__)
