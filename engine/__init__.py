"""PyTorch-style automatic differentiation on NumPy and CuPy.

`import engine as torch` runs PyTorch snippets: tensors, recorded graphs, `backward`, `torch.autograd.grad`. The ops'
functions are looked up when first asked for (`engine.namespaces`).
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from typing import Any

from engine import apply as _apply  # noqa: F401  # the door of every op
from engine import (
    autograd,
    facts,
    fast,
    fast_factories,
    fast_linear,
    fft,
    func,
    linalg,
    masked,
    nn,
    ops,
    optim,
    random,
    signal,
    special,
)
from engine.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from engine.backward import tensor_backward
from engine.batching import vmap
from engine.construct import as_tensor, asarray, from_numpy, tensor
from engine.devices import Device as device
from engine.dtypes import DType as dtype
from engine.dtypes import bfloat16, complex64, complex128, float16, float32, float64, uint8
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
from engine.formats import contiguous_format, layout, memory_format, preserve_format, strided
from engine.generator import Generator
from engine.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from engine.legacy import (
    NAMES,
    apply_,
    constructor,
    fill_diagonal_,
    map_,
    new,
    new_tensor,
    resize,
    resize_,
    resize_as,
    resize_as_,
    set_,
    tensor_new,
    tensor_type,
)
from engine.limits import finfo, iinfo
from engine.machine import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_float32_matmul_precision,
    get_num_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_default_device,
    set_default_tensor_type,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_threads,
    use_deterministic_algorithms,
)
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
from engine.queries import (
    broadcast_shapes,
    can_cast,
    detach_,
    get_device,
    is_complex,
    is_conj,
    is_distributed,
    is_floating_point,
    is_inference,
    is_neg,
    is_nonzero,
    is_same_size,
    is_signed,
    is_storage,
    is_tensor,
    numel,
    promote_types,
    result_type,
    typename,
)
from engine.random import get_rng_state, get_state, seed, set_rng_state, set_state
from engine.tensor import Size, Tensor

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "are_deterministic_algorithms_enabled",
    "as_tensor",
    "asarray",
    "autograd",
    "bfloat16",
    "bool",
    "broadcast_shapes",
    "can_cast",
    "cdouble",
    "cfloat",
    "complex64",
    "complex128",
    "contiguous_format",
    "detach_",
    "device",
    "double",
    "dtype",
    "e",
    "enable_grad",
    "fft",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "func",
    "get_default_device",
    "get_default_dtype",
    "get_device",
    "get_float32_matmul_precision",
    "get_num_threads",
    "get_rng_state",
    "half",
    "iinfo",
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
    "is_complex",
    "is_conj",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_distributed",
    "is_floating_point",
    "is_grad_enabled",
    "is_inference",
    "is_inference_mode_enabled",
    "is_neg",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_storage",
    "is_tensor",
    "is_warn_always_enabled",
    "layout",
    "linalg",
    "long",
    "manual_seed",
    "masked",
    "memory_format",
    "nan",
    "newaxis",
    "nn",
    "no_grad",
    "numel",
    "optim",
    "pi",
    "preserve_format",
    "promote_types",
    "random",
    "result_type",
    "seed",
    "set_default_device",
    "set_default_dtype",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "set_warn_always",
    "short",
    "signal",
    "special",
    "strided",
    "tensor",
    "typename",
    "uint8",
    "use_deterministic_algorithms",
    "vmap",
]

for _family in pkgutil.iter_modules(ops.__path__):
    importlib.import_module(f"engine.ops.{_family.name}")

inf, nan, pi, e = math.inf, math.nan, math.pi, math.e
newaxis = None
Tensor.backward = tensor_backward
Tensor.__new__ = new_tensor  # type: ignore[assignment]  # tensors inside are made by `wrap`
Tensor.resize_, Tensor.set_, Tensor.fill_diagonal_ = resize_, set_, fill_diagonal_  # type: ignore[attr-defined]
Tensor.resize_as_ = resize_as_  # type: ignore[attr-defined]  # as the others here
for _method in (apply_, map_, new, resize, resize_as):
    setattr(Tensor, _method.__name__, _method)
for _name, _member in {**facts.METHODS, **facts.PROPERTIES}.items():
    setattr(Tensor, _name, _member)
Tensor.type, Tensor.new_tensor = tensor_type, tensor_new  # type: ignore[attr-defined]  # found as ops' methods are
Generator.get_state, Generator.set_state = get_state, set_state  # type: ignore[attr-defined]  # tensors stand above it
fast.open_doors(registry)
fast_factories.open_factories(registry)
fast_linear.open_linear()
install(registry, fast.door, fast.operator_door)


def __getattr__(name: str) -> Any:
    if name in NAMES:
        return constructor(name)
    if name == "default_generator":
        return random.default_generator
    return function_named(name, __name__)
