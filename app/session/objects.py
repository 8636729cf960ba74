"""Tensor objects: what an answer says of a tensor."""

from __future__ import annotations

from typing import Any

from app import codec
from app.limits import Limits
from app.problems import Problem
from engine import arrays, dtypes
from engine.tensor import Tensor


class Writer:
    """Makes the tensor objects of one answer, within the limits of one answer."""

    def __init__(self, limits: Limits) -> None:
        self._limit = self._left = limits.response_elements
        self._inline = limits.inline_elements

    def tensor(self, tensor: Tensor, name: str | None, data: bool | None = None) -> dict[str, Any]:
        """The object of a tensor with its gradient.

        `data` True: with values, False: without, None: if they are few. Raises Problem `too_large` where values that
        were asked for pass the limit of an answer.
        """
        if name is not None and name.endswith(".grad"):
            return self.gradient(tensor, name, data)
        grad = tensor.grad
        grad_name = None if name is None else f"{name}.grad"
        made = self.gradient(tensor, name, data)
        made["grad"] = None if grad is None else self.gradient(grad, grad_name, data)
        return made

    def gradient(self, tensor: Tensor, name: str | None, data: bool | None = None) -> dict[str, Any]:
        """The object of a gradient: a tensor object without `grad`. Raises as `tensor` does."""
        array, (requires_grad, grad_fn) = tensor._array, _place(tensor)
        return {
            "name": name,
            "shape": list(array.shape),
            "dtype": dtypes.of(array).name,
            "device": str(arrays.device_of(array)),
            "requires_grad": requires_grad,
            "is_leaf": grad_fn is None,
            "grad_fn": grad_fn,
            "retains_grad": tensor.retains_grad,
            "version": 0 if tensor.is_inference() else tensor._version,  # made under inference_mode: it has none
            "data": None if data is False else self._values(array, data),
        }

    def value(self, value: Any) -> Any:
        """A result that is not to be a tensor for the client; one that is, by its values. Raises as `tensor` does."""
        return self._values(value._array, True) if isinstance(value, Tensor) else codec.plain(value)

    def _values(self, array: Any, data: bool | None) -> Any:
        size = _written_size(array.shape)
        if data is None and size > min(self._inline, self._left):
            return None
        self.count(size)
        return codec.values(array)

    def count(self, size: int) -> None:
        """Take so many numbers or entries of lists from what the answer may have. Raises as `tensor` does."""
        if size > self._left:
            raise Problem("too_large", f"the answer would have more than {self._limit} numbers")
        self._left -= size


def _written_size(shape: tuple[int, ...]) -> int:
    """How many numbers or lists the JSON of a shape has: [10000, 0] is many empty lists."""
    size = most = 1
    for each in shape:
        size *= each
        most = max(most, size)
    return most if size == 0 else size


def _place(tensor: Tensor) -> tuple[bool, str | None]:
    """Whether a tensor requires grad, and its node's name as PyTorch prints it, `Invalid` where it refuses to say."""
    try:
        node = tensor.grad_fn
        return tensor.requires_grad, None if node is None else node.name().rpartition("::")[2]
    except RuntimeError:  # a view made under no_grad whose base is part of a graph now
        return tensor.requires_grad, "Invalid"
