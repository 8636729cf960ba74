"""`torch.nn.Parameter` and the old `Variable`: leaves that are made to require grad."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.tensor import Tensor, wrap


class _ParameterMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and hasattr(instance, "_is_parameter")


class Parameter(metaclass=_ParameterMeta):
    """A leaf on a tensor's values that requires grad and says that it is a parameter."""

    def __new__(cls, data: Tensor, requires_grad: bool = True) -> Any:
        """The leaf: a tensor, marked."""
        made: Any = _leaf(data, requires_grad)
        made._is_parameter = True
        return made


class _VariableMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """A leaf on a tensor's values: the old name of what every tensor is now."""

    def __new__(cls, data: Tensor, requires_grad: bool = False) -> Any:
        """The leaf."""
        return _leaf(data, requires_grad)


def _leaf(data: Tensor, requires_grad: bool) -> Tensor:
    if requires_grad and not data.dtype.differentiable:
        raise errors.dtype_mismatch("Only Tensors of floating point and complex dtype can require gradients")
    made = wrap(data._array)
    if data.is_inference():
        made._counter = data._counter
    return made.requires_grad_(requires_grad)


__all__ = ["Parameter", "Variable"]
