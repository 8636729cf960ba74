"""Orders of arguments that torch has kept: `torch.add(x, 2, y)` for `torch.add(x, y, alpha=2)`; a number's `alpha` by
place.

Only calls that nothing else takes are looked at here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.modes import warn_once

Call = tuple[list[Any], dict[str, Any]]
SCALED = {
    **dict.fromkeys(("add", "add_", "sub", "sub_"), ("alpha", "Tensor other")),
    **dict.fromkeys(("addcmul", "addcmul_", "addcdiv", "addcdiv_"), ("value", "Tensor tensor1, Tensor tensor2")),
}
PLACED = frozenset(("subtract", "subtract_", "rsub"))  # take `alpha` by its place after a number
PRODUCTS = frozenset(f"{name}{end}" for name in ("addmm", "addmv", "addr", "addbmm", "baddbmm") for end in ("", "_"))


def in_new_order(called: str, op: Any, args: Sequence[Any], kwargs: dict[str, Any], method: int) -> Call | None:
    """The arguments of such a call as they are given today, with torch's warning; None for any other call."""
    name, numbers = op.name, [at for at, each in enumerate(args) if not hasattr(each, "_array")]
    if called in PLACED:
        by_place = not kwargs and numbers == [1, 2] and _are_numbers(args, numbers)
        return (list(args[:2]), {"alpha": args[2]}) if by_place else None
    if name in SCALED and not kwargs and len(args) == (3 if SCALED[name][0] == "alpha" else 4):
        word, rest = SCALED[name]
        if numbers in ([1], [1, 2] if word == "alpha" else [1]) and _are_numbers(args, numbers):
            own = "" if method else "Tensor input, "
            _tell(op, f"{own}Number {word}, {rest}", method)
            return [args[0], *args[2:]], {word: args[1]}
    if name in PRODUCTS and not kwargs and _are_numbers(args, numbers):
        places = ([1], [1, 2]) if method else ([0], [0, 2])
        if numbers in places and len(args) == 3 + len(numbers):
            tensors = [each for at, each in enumerate(args) if at not in numbers]
            given = [args[at] for at in numbers]
            matrices = ", ".join(f"Tensor {param.name}" for param in op.params[1:3])
            alpha = "Number alpha, " if len(given) == 2 else ""
            _tell(op, f"Number beta, {'' if method else 'Tensor input, '}{alpha}{matrices}", method)
            return tensors, dict(zip(("beta", "alpha"), given, strict=False))
    return None


def _are_numbers(args: Sequence[Any], places: list[int]) -> bool:
    return all(isinstance(args[at], (bool, int, float, complex)) for at in places)


def _tell(op: Any, old: str, method: int) -> None:
    out = "" if op.name.endswith("_") or method else ", *, Tensor out = None"
    now = op.signature(method)[:-1] + out.replace(" *,", "")
    warn_once(
        f"This overload of {op.said} is deprecated:\n\t{op.said}({old}{out})\nConsider using one of the following "
        f"signatures instead:\n\t{op.said}{now})",
        level=5,
    )
