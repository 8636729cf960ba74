"""What stands behind `torch.`: the ops of the registry, and what is written out here."""

from __future__ import annotations

import math
from typing import Any

import engine as torch
from app.exec.autograd_names import AUTOGRAD, FUNC, MODES, VMAP
from app.exec.budget import Run
from app.exec.namespaces import names_of, space
from app.exec.optim_names import OPTIM
from app.exec.query_names import QUERIES
from app.exec.sequences import listed, walk
from app.exec.signatures import Any_, Bool, Dtype, Int, MaybeDevice, MaybeDtype, T, declared, dtype_of
from app.exec.values import MISSING, NUMBERS, Kind, Namespace, type_name, wrong_type
from engine import arrays, dtypes, errors
from engine.devices import Device
from engine.dtypes import DType
from engine.generator import Generator
from engine.modes import state
from engine.tensor import Size, Tensor

# -- making tensors ---------------------------------------------------------------------------------------------------


@declared("torch.tensor")
def _tensor(
    run: Run, data: Any_, *, dtype: MaybeDtype = None, device: MaybeDevice = None, requires_grad: Bool = False
) -> Tensor:
    if isinstance(data, range):
        data = listed(run, data)
    if isinstance(data, (list, tuple)):
        before = run.steps
        walk(run, data)
        _ask("tensor", 8 * (before - run.steps))
    elif type(data) not in NUMBERS and not isinstance(data, Tensor):
        if isinstance(data, str):
            raise wrong_type("new(): invalid data type 'str'")
        raise errors.bad_argument(f"Could not infer dtype of {type_name(data)}")
    return torch.tensor(data, dtype=dtype_of(dtype), device=device, requires_grad=requires_grad)


def new_tensor(
    run: Run, self: T, data: Any_, *, dtype: MaybeDtype = None, device: MaybeDevice = None, requires_grad: Bool = False
) -> Any:
    """`tensor.new_tensor(data)`: with the dtype and device of the tensor."""
    options = {"dtype": dtype or self.dtype, "device": device or self.device, "requires_grad": requires_grad}
    return _tensor.call(run, [data], options)


@declared("torch.as_tensor")
def _as_tensor(run: Run, data: Any_, dtype: MaybeDtype = None, device: MaybeDevice = None) -> Any:
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype_of(dtype))
    return _tensor.call(run, [data], {"dtype": dtype, "device": device})


def _ask(name: str, size: int) -> None:
    guard = state.ctx.guard
    if guard is not None:
        guard.result(name, size)
        guard.allocate(name, size)


@declared("torch.asarray")
def _asarray(
    run: Run, obj: Any_, *, dtype: MaybeDtype = None, device: MaybeDevice = None, requires_grad: Bool = False
) -> Any:
    made = _as_tensor.call(run, [obj], {"dtype": dtype, "device": device})
    return made.requires_grad_() if requires_grad and not made.requires_grad else made


@declared("torch.manual_seed")
def _manual_seed(run: Run, seed: Int) -> Generator:
    return torch.manual_seed(seed)


@declared("torch.set_rng_state")
def _set_rng_state(run: Run, new_state: T) -> None:
    torch.set_rng_state(new_state)


@declared("torch.set_default_dtype")
def _set_default_dtype(run: Run, d: Dtype) -> None:
    torch.set_default_dtype(dtype_of(d))


@declared("torch.is_tensor")
def _is_tensor(run: Run, obj: Any_) -> bool:
    return isinstance(obj, Tensor)


# -- types ------------------------------------------------------------------------------------------------------------


def _size(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Size:
    if kwargs or len(args) > 1:
        raise wrong_type(f"torch.Size() takes at most 1 argument ({len(args) + len(kwargs)} given)")
    entries = listed(run, args[0]) if args else []
    for at, each in enumerate(entries):
        if type(each) is not int:
            raise wrong_type(f"torch.Size() takes an iterable of 'int' (item {at} is '{type_name(each)}')")
    return Size(entries)


def _device(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Device:
    if kwargs or not args or len(args) > 2 or not isinstance(args[0], (str, Device)):
        raise wrong_type("torch.device() takes a name such as 'cpu' or 'cuda:0', and an index")
    if len(args) == 2 and type(args[1]) is not int:
        raise wrong_type("torch.device(): the index must be int")
    return Device(*args)


@declared("torch.cuda.is_available")
def _cuda_is_available(run: Run) -> bool:
    try:
        arrays.resolve(Device("cuda"))
    except RuntimeError:
        return False
    return True


def _generator(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Generator:
    device = (args[0] if args else kwargs.get("device", "cpu")) if len(args) + len(kwargs) < 2 else None
    if not isinstance(device, (str, Device)) or Device(device).type != "cpu":
        raise wrong_type("torch.Generator() takes a device, which is the cpu here")
    return Generator()


# -- the tables -------------------------------------------------------------------------------------------------------

DTYPES: dict[str, DType] = {
    **dtypes.BY_NAME,
    "int": dtypes.int32,
    "short": dtypes.int16,
    "long": dtypes.int64,
    "bool": dtypes.bool_,
}
FORMATS = {
    "contiguous_format": torch.contiguous_format,
    "preserve_format": torch.preserve_format,
    "strided": torch.strided,
}
CONSTANTS: dict[str, Any] = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "newaxis": None, **FORMATS}


@declared("torch.nn.Parameter")
def _parameter(run: Run, data: T, requires_grad: Bool = True) -> Any:
    return torch.nn.Parameter(data, requires_grad)


PARAMETER = Kind("Parameter", (torch.nn.Parameter,), _parameter.call, "torch.nn.parameter.Parameter")
SEEDS: dict[str, Any] = {"manual_seed": _manual_seed, "set_rng_state": _set_rng_state}
F = space("torch.nn.functional", {}, "nn.functional.")
TABLE: dict[str, Any] = {
    **DTYPES,
    **CONSTANTS,
    **MODES,
    **QUERIES,
    "Generator": Kind("Generator", (Generator,), _generator, "torch.Generator"),
    "Size": Kind("Size", (Size,), _size, "torch.Size"),
    "Tensor": Kind("Tensor", (Tensor,), None, "torch.Tensor"),
    "cuda": space("torch.cuda", {"is_available": _cuda_is_available}),
    "device": Kind("device", (Device,), _device, "torch.device"),
    "dtype": Kind("dtype", (DType,), None, "torch.dtype"),
    "as_tensor": _as_tensor,
    "asarray": _asarray,
    "autograd": AUTOGRAD,
    "fft": space("torch.fft", {}, "fft."),
    "func": FUNC,
    "is_tensor": _is_tensor,
    "linalg": space("torch.linalg", {}, "linalg."),
    "manual_seed": _manual_seed,
    "nn": space("torch.nn", {"functional": F, "Parameter": PARAMETER}),
    "optim": OPTIM,
    "random": space(
        "torch.random", {name: QUERIES[name] for name in ("get_rng_state", "initial_seed", "seed")} | SEEDS
    ),
    "set_default_dtype": _set_default_dtype,
    "set_rng_state": _set_rng_state,
    "signal": space("torch.signal", {"windows": space("torch.signal.windows", {}, "signal.windows.")}),
    "special": space("torch.special", {}, "special."),
    "tensor": _tensor,
    "vmap": VMAP,
}


def _find_in_torch(name: str) -> Any:
    found = TABLE.get(name, MISSING)
    return _torch_ops(name) if found is MISSING else found


_torch_ops = names_of("", {})
TORCH = Namespace("torch", _find_in_torch)
