"""What stands behind `math.`"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from app.exec.budget import Run
from app.exec.namespaces import space
from app.exec.values import Builtin, checked_int, coded, type_name, wrong_type
from engine import errors
from engine.tensor import Tensor


def _math(name: str, compute: Callable[..., Any], counts: tuple[int, ...]) -> Builtin:
    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if kwargs or len(args) not in counts:
            raise wrong_type(f"math.{name}() takes {counts[-1]} argument{'s' * (counts[-1] > 1)}, got {len(args)}")
        numbers = [each.item() if isinstance(each, Tensor) else each for each in args]
        if not all(type(each) in (bool, int, float) for each in numbers):
            raise wrong_type(f"must be real number, not {type_name(args[0])}")
        try:
            made = compute(*numbers)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise coded(error) from None
        return checked_int(made) if type(made) is int else made

    return Builtin(name, call)


_MATH: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        *(math.acos, math.acosh, math.asin, math.asinh, math.atan, math.atanh, math.ceil, math.cos, math.cosh),
        *(math.degrees, math.erf, math.erfc, math.exp, math.expm1, math.fabs, math.floor, math.gamma),
        *(math.isfinite, math.isinf, math.isnan, math.lgamma, math.log10, math.log1p, math.log2, math.radians),
        *(math.sin, math.sinh, math.sqrt, math.tan, math.tanh, math.trunc),
    )
}
MATH = space(
    "math",
    {
        **{name: _math(name, compute, (1,)) for name, compute in _MATH.items()},
        **{
            each.__name__: _math(each.__name__, each, (2,))
            for each in (math.atan2, math.copysign, math.fmod, math.hypot, math.pow, math.gcd)
        },
        "log": _math("log", math.log, (1, 2)),
        "factorial": _math("factorial", lambda n: math.factorial(n) if n < 21 else _too_big(), (1,)),
        "pi": math.pi,
        "e": math.e,
        "inf": math.inf,
        "nan": math.nan,
        "tau": math.tau,
    },
)


def _too_big() -> int:
    raise errors.coded(OverflowError, "bad_argument", "integers have 64 bits")
