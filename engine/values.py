"""The values of a tensor, as Python and NumPy see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import arrays, dtypes, errors, printing
from engine.modes import state

BATCHED_ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, "
    "please try to rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch "
    "internals, please file a bug report."
)
BATCHED_BOOL = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that "
    "yet, please file an issue at https://github.com/pytorch/pytorch/issues ."
)


class Values:
    """The part of `Tensor` that hands out its values: numbers, lists, arrays, text."""

    __slots__ = ()

    _array: Any

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What `Tensor` adds."""

    def item(self) -> Any:
        """The value of a tensor of one element, as a Python number.

        Raises RuntimeError if there are more elements, or none.
        """
        if self._array.size != 1:
            raise errors.bad_argument(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        if state.ctx.batch is not None and state.ctx.batch.holds(self._array):
            raise errors.bad_argument(BATCHED_ITEM)
        value = arrays.to_host(self._array).reshape(()).item()
        return float(value) if self._array.dtype.kind == "V" else value

    def _refuse_batched(self) -> None:
        if state.ctx.batch is not None and state.ctx.batch.holds(self._array):
            raise errors.bad_argument("Cannot access data pointer of Tensor that doesn't have storage")

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        self._refuse_batched()
        host = arrays.to_host(self._array)
        if host.dtype == dtypes.bfloat16.numpy:
            host = host.astype(np.float32)
        return host.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The values as a NumPy array that shares their memory; `force` takes them out of the graph and off a GPU.

        Raises RuntimeError if the tensor requires grad, TypeError on a GPU or for bfloat16.
        """
        self._refuse_batched()
        if force:
            return self.detach().cpu().numpy()  # type: ignore[no-any-return]  # what `Tensor` adds
        if self.requires_grad:
            raise errors.bad_argument(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        if self.is_cuda:
            raise errors.bad_type(
                f"can't convert {self.device} device type tensor to numpy. "
                "Use Tensor.cpu() to copy the tensor to host memory first."
            )
        if self.dtype is dtypes.bfloat16:
            raise errors.bad_type("Got unsupported ScalarType BFloat16")
        array: np.ndarray[Any, Any] = self._array
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __bool__(self) -> bool:
        if self._array.size > 1:
            raise errors.bad_argument("Boolean value of Tensor with more than one value is ambiguous")
        if self._array.size == 0:
            raise errors.bad_argument("Boolean value of Tensor with no values is ambiguous")
        if state.ctx.batch is not None and state.ctx.batch.holds(self._array):
            raise errors.bad_argument(BATCHED_BOOL)
        return bool(self.item())

    def __float__(self) -> float:
        return float(self._real("double"))

    def __int__(self) -> int:
        return int(self._real("int64_t"))

    def __complex__(self) -> complex:
        return complex(self._scalar())

    def _real(self, target: str) -> Any:
        """The one value, without an imaginary part of 0.

        Raises RuntimeError for another.
        """
        value = self._scalar()
        if isinstance(value, complex):
            if value.imag:
                raise errors.bad_argument(f"value cannot be converted to type {target} without overflow")
            return value.real
        return value

    def _scalar(self) -> Any:
        if self._array.size != 1:
            raise errors.bad_value("only one element tensors can be converted to Python scalars")
        return self.item()

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            raise errors.bad_type("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise errors.bad_type("len() of a 0-d tensor")
        return int(self._array.shape[0])

    def __iter__(self) -> Iterator[Any]:
        if self._array.ndim == 0:
            raise errors.bad_type("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self) -> Any:
        return self.flip(0) if self._array.ndim else self

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (Values, bool, int, float, complex, np.generic)):
            raise errors.bad_argument(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        found: Any = element == self
        return bool(found.any())

    def __repr__(self) -> str:
        try:
            node = self.grad_fn
            name = None if node is None else node.name().rpartition("::")[2]
        except RuntimeError:  # a view whose history is ambiguous
            name = "Invalid"
        text = printing.format_tensor(
            arrays.to_host(self._array),
            dtype=self.dtype.name,
            device=str(self.device),
            requires_grad=self.requires_grad,
            grad_fn=name,
            default_dtype=state.ctx.default_dtype.name,
        )
        if hasattr(self, "_is_parameter"):
            text = f"Parameter containing:\n{text}"
        level = state.ctx.dual_level
        tangent = None if level is None else level.get(self._array)
        return text if tangent is None else f"{text[:-1]}, tangent={tangent!r})"

    def __format__(self, spec: str) -> str:
        if self._array.ndim == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec)
