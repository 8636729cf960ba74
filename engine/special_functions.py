"""SciPy's special functions on arrays of any backend: the one place that imports them.

`special("erf", x)` is `scipy.special.erf`, or CuPy's function of that name; what CuPy lacks is computed on the host.
Half types, which SciPy does not take, are computed in float32.
"""

from __future__ import annotations

import functools
import importlib
import math
from typing import Any

from engine import arrays, error_function
from engine.arrays import widened

Array = Any
_MODULES = {"numpy": "scipy.special", "cupy": "cupyx.scipy.special"}


@functools.cache
def _function(backend: str, name: str) -> Any:
    module = importlib.import_module(_MODULES[backend])
    if name == "airy_ai":
        airy = getattr(module, "airy", None)
        return airy and (lambda x: vanishing(x, airy(x)[0]))
    return getattr(module, name, None)


def vanishing(x: Array, values: Array) -> Array:
    """Values of a function that falls to 0, also where SciPy gives up."""
    return arrays.backend_of(x).xp.where((x > 1000) & (x < math.inf), x.dtype.type(0), values)


def special(name: str, x: Array, *others: Array) -> Array:
    """The special function of that name, element by element; half types give float32."""
    operands = [widened(each) for each in (x, *others)]
    if name == "erf" and error_function.suits(operands[0]):
        return error_function.erf(operands[0])
    backend = arrays.backend_of(x)
    function = _function(backend.name, name)
    if function is not None:
        return function(*operands)
    return backend.xp.asarray(_function("numpy", name)(*[arrays.to_host(each) for each in operands]))


def normal_share(x: Array) -> Array:
    """The standard normal distribution function, to the precision of 1; half types give float32."""
    wide = widened(x)
    return error_function.normal_share(wide) if error_function.suits(wide) else special("ndtr", wide)


def by_blocks(rule: Any) -> Any:
    """The rule of an op that may take `error_function`'s way, with its buffers."""

    @functools.wraps(rule)
    def with_buffers(op: Any, values: list[Any]) -> Any:
        estimate = rule(op, values)
        estimate.temporaries += error_function.room(math.prod(estimate.outputs[0][0]))
        return estimate

    return with_buffers
