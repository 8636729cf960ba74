"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Truth, Word
from engine.op import Op, op
from engine.ops.arithmetic import div, mul
from engine.ops.convolving import zero_pad
from engine.ops.copies import copied
from engine.ops.fourier import fft_c2c, fft_c2r, fft_r2c
from engine.ops.padding import pad
from engine.ops.parts import view_as_real
from engine.ops.properties import dtype_of
from engine.ops.superseded import warn_of
from engine.ops.views import expand, slice_, squeeze_dim, squeeze_product, unsqueeze, view, viewed
from engine.tensor import counted_dim

# -- frames -----------------------------------------------------------------------------------------------------------


def frames_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of cutting signals into frames."""
    array, size, step = values
    count = 1 + (array.shape[-1] - size) // step
    return viewed(values, (*array.shape[:-1], count, size))


@op(frames_rule, view=True, hidden=True, node="AsStridedBackward0")
def frames_of(input: Array, size: int, step: int) -> Any:
    """The frames of `size` entries that begin every `step`, as a view."""
    count = 1 + (input.shape[-1] - size) // step
    stride = arrays.element_strides(input)[-1]
    steps = (*arrays.element_strides(input)[:-1], step * stride, stride)
    return arrays.as_strided(input, (*input.shape[:-1], count, size), steps, 0)


frames_of.vjp(input=lambda g, input_shape, step: overlap_add(g, input_shape[-1], step))


def overlap_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of frames added up."""
    array, length, _ = values
    return copied(values, (*array.shape[:-2], length))


@op(overlap_rule, hidden=True, node="UnfoldBackwardBackward0")
def overlap_add(input: Array, length: int, step: int) -> Any:
    """Frames that begin every `step` added up to signals of this length."""
    out = xp.zeros((*input.shape[:-2], length), input.dtype)
    size = input.shape[-1]
    for at in range(input.shape[-2]):
        out[..., at * step : at * step + size] += input[..., at, :]
    return out


overlap_add.vjp(input=lambda g, input_shape, step: fitted(g, input_shape, step))


def fitted(g: Any, shape: Any, step: Any) -> Any:
    """The frames of a gradient."""
    length = (shape[-2] - 1) * step + shape[-1]
    g = g if tuple(g.shape)[-1] == length else slice_(g, len(g.shape) - 1, 0, length, 1)
    return frames_of(g, shape[-1], step)


# -- the transform ----------------------------------------------------------------------------------------------------


def centred(x: Any, width: int, mode: str) -> Any:
    """Signals with a border of half a frame on both sides."""
    shape = tuple(x.shape)
    made = pad(view(x, (*(1,) * (3 - len(shape)), *shape)), (width, width), mode)
    return view(made, tuple(made.shape)[3 - len(shape) :]) if 0 < len(shape) < 3 else made


def kind_of(x: Any) -> str:
    """A tensor as stft's messages name it."""
    return f"{dtype_of(x).options}[{', '.join(str(size) for size in tuple(x.shape))}]"


def told(value: Any) -> str:
    """An optional argument as stft's messages name it."""
    if value is None:
        return "None"
    return str(int(value))


def check_signal(call: str, x: Any, n_fft: int, hop: int, width: int, window: Any) -> None:
    """Raise RuntimeError, with the call spelt out, for sizes that do not fit."""
    shape = tuple(x.shape)
    if not dtype_of(x).differentiable:
        raise errors.dtype_mismatch(f"{call} : expected a tensor of floating point or complex values")
    if len(shape) not in (1, 2):
        raise errors.shape_mismatch(f"{call} : expected a 1D or 2D tensor")
    if not 0 < n_fft <= shape[-1]:
        raise errors.bad_argument(f"{call} : expected 0 < n_fft < {shape[-1]}, but got n_fft={n_fft}")
    if hop <= 0:
        raise errors.bad_argument(f"{call} : expected hop_length > 0, but got hop_length={hop}")
    if not 0 < width <= n_fft:
        raise errors.bad_argument(f"{call} : expected 0 < win_length <= n_fft, but got win_length={width}")
    if window is not None and tuple(window.shape) != (width,):
        raise errors.shape_mismatch(
            f"{call} : expected a 1D window tensor of size equal to win_length={width}, but got window with size "
            f"{list(window.shape)}"
        )


@op(composed, composite=True)
def stft(
    input: Array,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Array | None = None,
    center: Truth = True,
    pad_mode: Word = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Any:
    """The Fourier transforms of overlapping, windowed frames of signals."""
    if center and align_to_window is not None:
        raise errors.bad_argument("stft align_to_window should only be set when center = false")
    x = centred(input, n_fft // 2, pad_mode) if center else input
    if window is None:
        warn_of("stft")
    hop, width = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    as_complex = x.dtype.kind == "c" or (window is not None and window.dtype.kind == "c")
    if return_complex is None:
        if not as_complex:
            raise errors.bad_argument(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if not return_complex:
        warn_of("stft in pairs")
    call = (
        f"stft({kind_of(x)}, n_fft={n_fft}, hop_length={hop}, win_length={width}, window={told_window(window)}, "
        f"normalized={int(normalized)}, onesided={told(onesided)}, return_complex={told(return_complex)}, "
        f"align_to_window={told(align_to_window)})"
    )
    check_signal(call, x, n_fft, hop, width, window)
    frames = frames_of(x if len(x.shape) == 2 else unsqueeze(x, 0), n_fft, hop)
    if window is not None:
        frames = mul(frames, padded_window(window, n_fft))
    elif width < n_fft:
        frames = mul(frames, padded_window(full_window(x, width), n_fft))
    if dtype_of(frames).numpy in dtypes.HALF_TYPES:
        raise errors.dtype_mismatch(f"MKL FFT doesn't support tensors of type: {dtype_of(frames).type_name}")
    half = not as_complex if onesided is None else onesided
    if as_complex and half:
        raise errors.bad_argument("Cannot have onesided output if window or input is complex")
    scale = 1 if normalized else 0
    made = fft_c2c(frames, (2,), scale, True) if as_complex else fft_r2c(frames, (2,), scale, half)
    made = turned(made)
    if len(x.shape) == 1:
        made = squeeze_product(made, 0)
    return made if return_complex else view_as_real(made)


def told_window(window: Any) -> str:
    """The window as the messages name it."""
    if window is None:
        return "None"
    kind, _, sizes = kind_of(window).partition("[")
    return f"{kind}{{[{sizes}}}"


def turned_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of frames and frequencies exchanged."""
    first, second, third = values[0].shape
    return Estimate(values, [((first, third, second), values[0].dtype)])


@op(turned_rule, hidden=True, node="TransposeBackward1")
def turned(input: Array) -> Any:
    """The last two dims exchanged, of a tensor nobody else has."""
    return xp.swapaxes(input, 1, 2)


turned.vjp(input=lambda g: turned(g))


def padded_window(window: Any, n_fft: int) -> Any:
    """A window in the middle of a frame."""
    (width,) = tuple(window.shape)
    left = (n_fft - width) // 2
    return window if width == n_fft else zero_pad(window, ((left, n_fft - width - left),))


@op(lambda op, values: Estimate(values, [((values[1],), real_of_array(values[0]))]), hidden=True)
def full_window(input: Array, width: int) -> Any:
    """A window of ones, real."""
    return xp.ones(width, real_of_array(input))


def real_of_array(x: Any) -> Any:
    """The real NumPy dtype of an array or Meta."""
    return dtypes.BY_NUMPY[x.dtype].to_real().numpy


# -- the inverse ------------------------------------------------------------------------------------------------------


def check_frames(call: str, x: Any, n_fft: int, hop: int, width: int, window: Any, half: bool) -> None:
    """Raise RuntimeError, with the call spelt out, for frames that do not fit."""
    shape = tuple(x.shape)
    if not math.prod(shape):
        raise errors.shape_mismatch(f"{call} : input tensor cannot be empty.")
    if len(shape) not in (2, 3):
        raise errors.shape_mismatch(f"{call} : expected a tensor with 3 or 4 dimensions, but got {len(shape) + 1}")
    where = "expected the frequency dimension (3rd to the last) of the input tensor to match"
    if half and shape[-2] != n_fft // 2 + 1:
        raise errors.shape_mismatch(f"{call} : {where} n_fft / 2 + 1 when onesided=True, but got {shape[-2]}")
    if not half and shape[-2] != n_fft:
        raise errors.shape_mismatch(f"{call} : {where} n_fft when onesided=False, but got {shape[-2]}")
    if not 0 < hop <= width:
        raise errors.bad_argument(f"{call} : expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        raise errors.bad_argument(f"{call} : expected 0 < win_length <= n_fft")
    if window is not None and tuple(window.shape) != (width,):
        raise errors.shape_mismatch(f"{call} : Invalid window shape. window has to be 1D and length of `win_length`")


@op(composed, composite=True)
def istft(
    input: Array,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Array | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """The signals whose `stft` comes closest to the input."""
    if window is None:
        warn_of("istft")
    if input.dtype.kind != "c":
        raise errors.dtype_mismatch(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    hop, width = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    shape = tuple(input.shape)
    for dim in (-2, -3):
        counted_dim(dim, len(shape) + 1)  # frames and frequencies, before pairs of real numbers
    half = len(shape) > 1 and shape[-2] != n_fft if onesided is None else onesided
    call = (
        f"istft({kind_of(input)}, n_fft={n_fft}, hop_length={hop}, win_length={width}, window={told_window(window)}, "
        f"center={int(center)}, normalized={int(normalized)}, onesided={told(onesided)}, length={told(length)}, "
        f"return_complex={int(return_complex)})"
    )
    check_frames(call, input, n_fft, hop, width, window, half)
    window = padded_window(full_window(input, width) if window is None else window, n_fft)
    x = turned(input if len(shape) == 3 else unsqueeze(input, 0))
    frames = mul(signals(x, n_fft, half, return_complex, window, 1 if normalized else 2), view(window, (1, 1, n_fft)))
    total = n_fft + hop * (tuple(frames.shape)[1] - 1)
    made = overlap_add(frames, total, hop)
    weight = overlap_add(expand(mul(window, window), (1, tuple(frames.shape)[1], n_fft)), total, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    made, weight = slice_(made, 1, start, end, 1), slice_(weight, 1, start, end, 1)
    check_envelope(call, weight)
    made = div(made, weight)
    if end > total:
        warn_of("istft to a length")
        made = zero_pad(made, ((0, end - total),))
    return made if len(shape) == 3 else squeeze_dim(made, 0)


def signals(x: Any, n_fft: int, half: bool, as_complex: bool, window: Any, scale: int) -> Any:
    """The frames in time."""
    if as_complex:
        if half:
            raise errors.bad_argument("Cannot have onesided output if window or input is complex")
        return fft_c2c(x, (2,), scale, False)
    if window.dtype.kind == "c":
        raise errors.bad_argument("Complex windows are incompatible with return_complex=False")
    x = x if half else slice_(x, 2, 0, n_fft // 2 + 1, 1)
    return fft_c2r(x, (2,), scale, n_fft)


def check_envelope(call: str, weight: Any) -> None:
    """Raise RuntimeError where the squared windows add up to nothing."""
    array = getattr(weight, "_array", None)
    if array is None:
        return
    if not array.size:
        raise errors.bad_argument(
            "min(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
            "'dim' argument."
        )
    if bool((abs(array) < 1e-11).any()):
        raise errors.bad_argument(f"{call} window overlap add min: 1\n[ CPUBoolType{{}} ]")
