"""What a recorded program computes with: values, and the stand-ins for arrays through which a function sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class Untraceable(Exception):
    """A function that has no plan: it looks at values, changes something in place, draws random numbers."""

    code = "untraceable"  # it is no mistake of the engine, which those who catch its mistakes ask for


class Value:
    """One value of a program.

    Attributes:
        real: what it was when the program was recorded; of a constant, what it always is.
        const: whether it is the same in every call.
        uniform: the element (0-d) of a constant that has the same in all places, else None; `real` is then a view of
            it, of stride 0.
        scattered: of a uniform value, whether it has an array of its own in the interpreter.
        root: the value whose memory it may share, itself if it is new memory.
        maker: the call that gives it, None for inputs and constants.
    """

    __slots__ = ("const", "maker", "real", "root", "scattered", "uniform")

    def __init__(self, real: Any, const: bool = False, uniform: Any = None, root: Value | None = None) -> None:
        self.real = real
        self.const = const
        self.uniform = uniform
        self.scattered = False
        self.root: Value = self if root is None else root
        self.maker: Any = None

    @property
    def shape(self) -> Shape:
        """The shape."""
        shape: Shape = self.real.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        dtype: np.dtype[Any] = self.real.dtype
        return dtype


class Variable:
    """A tensor of the function: its value, and whether it requires grad. Gradients belong to variables.

    `owner` is the tensor itself: another one may share its array, as `x.detach()` does.
    """

    __slots__ = ("needs", "owner", "value")

    def __init__(self, value: Value, needs: bool) -> None:
        self.value = value
        self.needs = needs
        self.owner: Any = None  # a weak reference


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise Untraceable: somebody asks for values."""
    raise Untraceable("the function depends on values")


class Symbol:
    """Stands where an array would: shape, dtype and layout can be asked for, values cannot."""

    __slots__ = ("value", "variable")

    def __init__(self, value: Value, variable: Variable | None = None) -> None:
        self.value = value
        self.variable = variable

    shape = property(lambda self: self.value.real.shape)
    dtype = property(lambda self: self.value.real.dtype)
    ndim = property(lambda self: self.value.real.ndim)
    size = property(lambda self: self.value.real.size)
    strides = property(lambda self: self.value.real.strides)
    itemsize = property(lambda self: self.value.real.dtype.itemsize)
    nbytes = property(lambda self: self.value.real.size * self.value.real.dtype.itemsize)

    @property
    def flags(self) -> Any:
        """The flags of the layout."""
        return np.asarray(self.value.real).flags

    def __getattr__(self, name: str) -> NoReturn:
        raise Untraceable(f"the function asks an array for '{name}'")

    __hash__ = object.__hash__
    __bool__ = __len__ = __iter__ = __array__ = __getitem__ = __setitem__ = __index__ = __int__ = __float__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = refuse


class Sealed(np.ndarray):
    """A view of an array for the rules of ops: they may ask for shape and dtype, and are caught if they read values."""

    def __array_finalize__(self, obj: Any) -> None:
        """Nothing to pass on."""

    __array_ufunc__ = __array_function__ = refuse
    __getitem__ = __bool__ = __int__ = __float__ = __index__ = __iter__ = __contains__ = refuse
    item = tolist = tobytes = astype = copy = min = max = all = any = sum = nonzero = argmax = argmin = refuse


def sealed(value: Any) -> Any:
    """A raw argument as rules may see it."""
    if isinstance(value, list):
        return [sealed(each) for each in value]
    if isinstance(value, Symbol):
        return np.asarray(value.value.real).view(Sealed)
    return value


def has_symbol(value: Any) -> bool:
    """Whether there is a stand-in in an argument."""
    if isinstance(value, (list, tuple)):
        return any(has_symbol(each) for each in value)
    return isinstance(value, Symbol)


def nested(value: Any, change: Any) -> Any:
    """An argument with `change` applied to each entry of its lists."""
    if isinstance(value, (list, tuple)):
        return (
            [nested(each, change) for each in value]
            if isinstance(value, list)
            else tuple(nested(each, change) for each in value)
        )
    return change(value)


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays have the same dtype, shape and bytes."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(one.tobytes() == other.tobytes())


def same_results(ones: Sequence[Any], others: Sequence[Any]) -> bool:
    """`same_bits` for lists; None only equals None."""
    return len(ones) == len(others) and all(
        (a is None and b is None) or (a is not None and b is not None and same_bits(a, b))
        for a, b in zip(ones, others, strict=True)
    )
