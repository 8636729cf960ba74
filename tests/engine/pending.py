"""What does not hold in the engine yet: kind of test, pattern of names, reason. Every entry is strictly expected."""

from __future__ import annotations

from fnmatch import fnmatchcase

NAMES = "PyTorch's composition has other steps or names"
AT_ZERO = "PyTorch's second gradient at a singular point is another convention"
UNUSED = "PyTorch hangs the gradient of nothing elsewhere in the graph"
UNDERIVED = "PyTorch has no derivative of it by this name"
KERNEL = "PyTorch's kernel differs at -0.0 from the formula that it records"

PENDING: list[tuple[str, str, str]] = [
    *(
        ("torch-graph", sample, NAMES)
        for sample in (
            "floor_divide-float-with-int",
            "floor_divide_-float-with-int",
        )
    ),
    *(("torch-gradients", sample, AT_ZERO) for sample in ("logcumsumexp-infinite",)),
    *(
        (kind, f"{space}native_channel_shuffle-{sample}", UNDERIVED)
        for kind in ("torch-graph", "torch-gradients")
        for space in ("", "nn.functional.")
        for sample in ("plain", "four")
    ),
    *(("recorded", f"logit{mark}-odd-values", KERNEL) for mark in ("", "_")),
    *(("torch-gradients", sample, UNUSED) for sample in ("cummax-empty", "cummin-empty")),
]


def reason_for(kind: str, name: str) -> str | None:
    """Why a test of this kind may fail on this name, or None if it must pass."""
    escaped = name.replace("[", "(").replace("]", ")")  # which patterns would read as sets of letters
    found = (why for each, pattern, why in PENDING if each == kind and fnmatchcase(escaped, pattern))
    return next(found, None)
