"""Samples of Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Sample, tensor

R, Z = tensor(2, 5, seed=1), tensor(2, 5, dtype="complex128", seed=2)
R3, Z3 = tensor(2, 3, 4, seed=3), tensor(2, 3, 4, dtype="complex128", seed=4)
F = tensor(4, dtype="float32", seed=5)

ONE: list[tuple[str, dict[str, Any]]] = [
    ("plain", {}),
    ("short", {"n": 3}),
    ("long", {"n": 7}),
    ("dim", {"dim": 0}),
    ("ortho", {"norm": "ortho"}),
    ("forward", {"norm": "forward"}),
]
MANY: list[tuple[str, dict[str, Any]]] = [
    ("plain", {}),
    ("sizes", {"s": (2, 5)}),
    ("dims", {"dim": (0, 2)}),
    ("ortho", {"norm": "ortho"}),
]


def one_dim(name: str, real: bool, half: bool) -> list[Sample]:
    """Samples of a transform over one dim: `real` takes real tensors only, `half` half-complex ones."""

    def reference(x: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
        return np.asarray(getattr(np.fft, name)(x, n, dim, norm or "backward"))

    inputs = [("real", R)] if real else [("complex", Z)] if half else [("real", R), ("complex", Z)]
    # torch's conjugate, the last step of its inverses of real tensors, is a view
    made = [
        Sample(f"fft.{name}", f"{kind}-{case}", (x,), reference, kwargs, torch=kind != "real" or name[0] != "i")
        for kind, x in inputs
        for case, kwargs in ONE
    ]
    return [*made, Sample(f"fft.{name}", "float32", (F,), reference, torch=name[0] != "i")]


def hermitian(name: str) -> Any:
    """SciPy's hfftn and ihfftn, of which NumPy has the form for one dim only."""
    import scipy.fft

    return getattr(scipy.fft, name)


def many_dims(name: str, real: bool, half: bool) -> list[Sample]:
    """Samples of a transform over several dims."""
    two = name.endswith("2")

    def reference(x: Array, s: Any = None, dim: Any = (-2, -1) if two else None, norm: str | None = None) -> Array:
        if "h" in name:
            return np.asarray(hermitian(name)(x, s, dim, norm))
        if s is not None and dim is None:
            dim = tuple(range(-len(s), 0))
        return np.asarray(getattr(np.fft, name.replace("2", "n"))(x, s, dim, norm or "backward"))

    inputs = [("real", R3)] if real else [("complex", Z3)] if half else [("real", R3), ("complex", Z3)]
    return [
        Sample(f"fft.{name}", f"{kind}-{case}", (x,), reference, kwargs, torch="h" not in name)
        for kind, x in inputs
        for case, kwargs in MANY
    ]


SHIFTS = [
    Sample(f"fft.{name}", case, (x,), lambda x, dim=None, name=name: getattr(np.fft, name)(x, dim), kwargs)
    for name in ("fftshift", "ifftshift")
    for case, x, kwargs in (("plain", R, {}), ("dim", R3, {"dim": (1,)}), ("complex", Z, {}))
]
FREQUENCIES = [
    Sample(f"fft.{name}", case, args, lambda n, d=1.0, name=name: getattr(np.fft, name)(n, d), dtype="float32",
           differentiable=False)
    for name in ("fftfreq", "rfftfreq")
    for case, args in (("even", (6,)), ("odd", (5, 0.5)))
]  # fmt: skip


# -- short-time transforms --------------------------------------------------------------------------------------------


def framed(x: Array, n_fft: int, hop: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(x, n_fft, -1)[..., ::hop, :]


def windowed(window: Array | None, width: int, n_fft: int) -> Array:
    full = np.ones(width) if window is None else window
    left = (n_fft - width) // 2
    return np.pad(full, (left, n_fft - width - left))


def stft(x: Array, n_fft: int, hop_length: int = 2, win_length: int | None = None, window: Array | None = None,
         center: bool = True, normalized: bool = False, onesided: bool | None = None, return_complex: bool = True,
         pad_mode: str = "reflect") -> Array:  # fmt: skip
    if center:
        modes: Any = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], mode=modes[pad_mode])
    frames = framed(x, n_fft, hop_length) * windowed(window, win_length or n_fft, n_fft)
    half = x.dtype.kind != "c" if onesided is None else onesided
    run = np.fft.rfft if half else np.fft.fft
    made = np.swapaxes(run(frames, norm="ortho" if normalized else "backward"), -1, -2)
    return made if return_complex else np.stack([made.real, made.imag], -1)


def istft(z: Array, n_fft: int, hop_length: int = 1, window: Array | None = None, center: bool = True,
          length: int | None = None, onesided: bool = True, normalized: bool = False) -> Array:  # fmt: skip
    shape = windowed(window, n_fft, n_fft)
    run = np.fft.irfft if onesided else lambda *args, **kwargs: np.fft.ifft(*args, **kwargs).real
    frames = run(np.swapaxes(z, -1, -2), n_fft, norm="ortho" if normalized else "backward") * shape
    total = n_fft + hop_length * (frames.shape[-2] - 1)
    made, weight = np.zeros((*z.shape[:-2], total)), np.zeros(total)
    for at in range(frames.shape[-2]):
        part = slice(at * hop_length, at * hop_length + n_fft)
        made[..., part] += frames[..., at, :]
        weight[part] += shape**2
    start = n_fft // 2 if center else 0
    end = total - start if length is None else start + length
    return np.asarray((made / np.where(weight, weight, 1))[..., start:end])


SIGNAL, WINDOW = tensor(9, seed=6), tensor(4, low=0.5, high=1.5, seed=7)
PARTS = tensor(3, 5, dtype="complex128", seed=8)
SHORT = [
    *[
        Sample("stft", name, (x, 4), stft, {"hop_length": 2, "return_complex": True, **kwargs}, torch=False)
        for name, x, kwargs in (
            ("plain", SIGNAL, {}),
            ("window", SIGNAL, {"window": WINDOW}),
            ("batch", tensor(2, 9, seed=9), {"window": WINDOW}),
            ("not-centred", SIGNAL, {"center": False}),
            ("constant", SIGNAL, {"pad_mode": "constant"}),
            ("ortho", SIGNAL, {"normalized": True}),
            ("two-sided", SIGNAL, {"onesided": False}),
            ("complex", tensor(9, dtype="complex128", seed=10), {}),
            ("as-real", SIGNAL, {"return_complex": False}),
            ("narrow-window", SIGNAL, {"win_length": 3, "window": tensor(3, low=0.5, high=1.5, seed=11)}),
        )
    ],
    *[
        Sample("istft", name, (z, 4), istft, {"hop_length": 1, **kwargs}, torch=False)
        for name, z, kwargs in (
            ("plain", PARTS, {}),
            ("window", PARTS, {"window": WINDOW}),
            ("length", PARTS, {"length": 3}),
            ("batch", tensor(2, 3, 4, dtype="complex128", seed=12), {"window": WINDOW}),
            ("ortho", PARTS, {"normalized": True}),
        )
    ],
]

SAMPLES = [
    *[each for name in ("fft", "ifft") for each in one_dim(name, False, False)],
    *[each for name in ("rfft", "ihfft") for each in one_dim(name, True, False)],
    *[each for name in ("irfft", "hfft") for each in one_dim(name, False, True)],
    *[each for name in ("fft2", "fftn", "ifft2", "ifftn") for each in many_dims(name, False, False)],
    *[each for name in ("rfft2", "rfftn", "ihfft2", "ihfftn") for each in many_dims(name, True, False)],
    *[each for name in ("irfft2", "irfftn", "hfft2", "hfftn") for each in many_dims(name, False, True)],
    *SHIFTS,
    *FREQUENCIES,
    *SHORT,
]
