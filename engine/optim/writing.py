"""Writing parameters and state as bare arrays: with the undo log, the versions and the guard of ops."""

from __future__ import annotations

from typing import Any

from engine import arrays, dtypes, errors, modes
from engine.modes import Context
from engine.tensor import InferenceCounter, Tensor

Array = Any
STEP = "optim.step"  # as the guard's messages name it


def opened(tensor: Tensor, ctx: Context) -> Array:
    """The array of a tensor, to be written: logged, and its version counted, as under `no_grad`.

    Raises RuntimeError for an inference tensor or one whose elements share memory.
    """
    array = tensor._array
    if type(tensor._counter) is InferenceCounter and not ctx.inference:
        raise errors.inference_update()
    if not array.flags.c_contiguous and arrays.overlaps_itself(array):
        raise errors.overlapping_write()
    if ctx.log is not None:
        ctx.log.storage(tensor)
    tensor._counter[0] += 1
    return arrays.writeable(array)


def check_fits(array: Array, grad: Array) -> None:
    """Whether a parameter, or an array of its state, goes with a gradient: not so after `.data` was set.

    Raises RuntimeError.
    """
    if array.shape != grad.shape:
        raise errors.broadcast_mismatch(array.shape, grad.shape)
    if array.dtype != grad.dtype:
        name, other = (dtypes.BY_NUMPY[each.dtype].cpp_name for each in (array, grad))
        raise errors.dtype_mismatch(f"expected dtype {name} but got dtype {other}")
    check_devices(array, grad)


def check_devices(array: Array, grad: Array) -> None:
    """Raises RuntimeError where a gradient lies on another device."""
    if arrays.gpu_loaded() and arrays.device_of(array) != arrays.device_of(grad):
        names = " and ".join(sorted((str(arrays.device_of(array)), str(arrays.device_of(grad))), reverse=True))
        raise errors.bad_argument(
            f"Expected all tensors to be on the same device, but found at least two devices, {names}!"
        )


def ask_guard(size: int) -> None:
    """Whether so many bytes may be allocated, and there is time left.

    Raises MemoryError (`too_large`) or TimeoutError (`deadline`).
    """
    guard = modes.state.ctx.guard
    if guard is not None:
        guard.tick()
        guard.allocate(STEP, size)


def release(size: int) -> None:
    """Temporary bytes have gone again."""
    guard = modes.state.ctx.guard
    if guard is not None:
        guard.release(size)
