"""What torch warns of where a function has another in its place, or was left to choose what it should be told."""

from __future__ import annotations

from engine.modes import warn_once

REMOVED = "is deprecated in favor of {} and will be removed in a future PyTorch release."
JOINED = "is deprecated in favor of {}and will be removed in a future PyTorch release."  # torch's slip
REPLACED = "should be replaced with"
WINDOW = "A window was not provided. A rectangular window will be applied"
ONES = (
    "To suppress this warning and use a rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`."
)

TEXTS = {
    "chain_matmul": (
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot "
        "instead, which accepts a list of two or more tensors rather than multiple parameters."
    ),
    "cholesky": (
        f"torch.cholesky {REMOVED.format('torch.linalg.cholesky')}\nL = torch.cholesky(A)\n{REPLACED}\n"
        f"L = torch.linalg.cholesky(A)\nand\nU = torch.cholesky(A, upper=True)\n{REPLACED}\n"
        "U = torch.linalg.cholesky(A).mH\n"
        "This transform will produce equivalent results for all valid (symmetric positive definite) inputs."
    ),
    "cross": (
        "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or "
        "simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a "
        "future release."
    ),
    "istft": (f"{WINDOW}.Please provide the same window used by stft to make the inversion lossless.{ONES}"),
    "lu": (
        f"torch.lu {REMOVED.format('torch.linalg.lu_factor / torch.linalg.lu_factor_ex')}\n"
        f"LU, pivots = torch.lu(A, compute_pivots)\n{REPLACED}\n"
        "LU, pivots = torch.linalg.lu_factor(A, compute_pivots)\nand\n"
        f"LU, pivots, info = torch.lu(A, compute_pivots, get_infos=True)\n{REPLACED}\n"
        "LU, pivots, info = torch.linalg.lu_factor_ex(A, compute_pivots)"
    ),
    "lu_solve": (
        f"torch.lu_solve {JOINED.format('torch.linalg.lu_solve')}\n"
        "Note that torch.linalg.lu_solve has its arguments reversed.\n"
        f"X = torch.lu_solve(B, LU, pivots)\n{REPLACED}\nX = torch.linalg.lu_solve(LU, pivots, B)"
    ),
    "qr": (
        f"torch.qr {REMOVED.format('torch.linalg.qr')}\n"
        "The boolean parameter 'some' has been replaced with a string parameter 'mode'.\n"
        f"Q, R = torch.qr(A, some)\n{REPLACED}\nQ, R = torch.linalg.qr(A, 'reduced' if some else 'complete')"
    ),
    "stft": (
        f"{WINDOW},which is known to cause spectral leakage. Other windows such as torch.hann_window or "
        f"torch.hamming_window are recommended to reduce spectral leakage.{ONES}"
    ),
    "stft in pairs": (
        "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors "
        "for all inputs, and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real on "
        "the complex output to recover the old return format."
    ),
    "istft to a length": (
        "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
        "Please check your center and hop_length settings."
    ),
    "triangular_solve": (
        f"torch.triangular_solve {JOINED.format('torch.linalg.solve_triangular')}\n"
        "torch.linalg.solve_triangular has its arguments reversed and does not return a copy of one of the inputs.\n"
        f"X = torch.triangular_solve(B, A).solution\n{REPLACED}\nX = torch.linalg.solve_triangular(A, B)."
    ),
}


def warn_of(function: str) -> None:
    """Warn of a function in torch's words, once in a context."""
    warn_once(TEXTS[function], level=7)
