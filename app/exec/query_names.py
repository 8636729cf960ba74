"""What stands behind `torch.` to ask of dtypes, shapes and modes: `finfo`, `can_cast`, `is_complex`, …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import engine as torch
from app.exec.budget import Run
from app.exec.signatures import Dtype, MaybeDtype, Nested, Read, T, builtin, dtype_of
from app.exec.values import NUMBERS, Builtin, type_name, wrong_type
from engine.tensor import Tensor


def _finfo(run: Run, dtype: MaybeDtype = None) -> Any:
    return torch.finfo(dtype_of(dtype))


def _iinfo(run: Run, dtype: Dtype) -> Any:
    return torch.iinfo(dtype_of(dtype))


def _can_cast(run: Run, from_: Dtype, to: Dtype) -> Any:
    return torch.can_cast(dtype_of(from_), dtype_of(to))


def _promote_types(run: Run, type1: Dtype, type2: Dtype) -> Any:
    return torch.promote_types(dtype_of(type1), dtype_of(type2))


def _result_type(run: Run, tensor1: Nested, tensor2: Nested) -> Any:
    for each in (tensor1, tensor2):
        if type(each) not in NUMBERS and not isinstance(each, Tensor):
            raise wrong_type(f"result_type() takes tensors and numbers, not {type_name(each)}")
    return torch.result_type(tensor1, tensor2)


def _broadcast_shapes(run: Run, *shapes: Nested) -> Any:
    for each in shapes:
        if type(each) is not int and not (isinstance(each, (tuple, list)) and all(type(n) is int for n in each)):
            raise wrong_type(f"broadcast_shapes() takes shapes, not {type_name(each)}")
    return torch.broadcast_shapes(*shapes)


def _is_same_size(run: Run, input: T, other: T) -> Any:
    return torch.is_same_size(input, other)


def _of_tensor(name: str, read: Callable[[Any], Any]) -> Builtin:
    def call(run: Run, input: T) -> Any:
        return read(input)

    return builtin(name, call)


def _of_mode(name: str, read: Callable[[], Any]) -> Builtin:
    def call(run: Run) -> Any:
        return read()

    return builtin(name, call)


QUERIES: dict[str, Builtin] = {
    "broadcast_shapes": builtin("broadcast_shapes", _broadcast_shapes),
    "can_cast": builtin("can_cast", _can_cast),
    "finfo": builtin("finfo", _finfo),
    "iinfo": builtin("iinfo", _iinfo),
    "is_same_size": builtin("is_same_size", _is_same_size),
    "promote_types": builtin("promote_types", _promote_types),
    "result_type": builtin("result_type", _result_type),
    **{
        each.__name__: _of_tensor(each.__name__, each)
        for each in (torch.is_complex, torch.is_floating_point, torch.is_inference, torch.is_nonzero, torch.numel)
    },
    **{
        each.__name__: _of_mode(each.__name__, each)
        for each in (
            *(
                torch.get_default_dtype,
                torch.get_rng_state,
                torch.initial_seed,
                torch.seed,
                torch.is_grad_enabled,
                torch.is_inference_mode_enabled,
            ),
            *(torch.is_anomaly_enabled, torch.is_anomaly_check_nan_enabled),
        )
    },
}
FLOAT_LIMITS: dict[str, Read] = {
    "bits": lambda run, x: x.bits,
    "dtype": lambda run, x: x.dtype,
    "eps": lambda run, x: x.eps,
    "max": lambda run, x: x.max,
    "min": lambda run, x: x.min,
    "resolution": lambda run, x: x.resolution,
    "smallest_normal": lambda run, x: x.smallest_normal,
    "tiny": lambda run, x: x.tiny,
}
INT_LIMITS: dict[str, Read] = {name: FLOAT_LIMITS[name] for name in ("bits", "dtype", "max", "min")}
