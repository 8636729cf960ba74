"""What a tensor is: shape, dtype, device, memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine import arrays, dtypes
from engine.devices import Device
from engine.formats import layout, strided
from engine.size import Size, counted_dim, sized
from engine.values import Values


def _readonly(read: Callable[[Any], Any]) -> Any:
    """A property that refuses assignment in torch's words."""

    def write(tensor: Any, value: Any = None) -> None:
        text = f"attribute '{read.__name__}' of 'torch._C.TensorBase' objects is not writable"
        raise AttributeError(text)

    return property(read, write, write)


if TYPE_CHECKING:
    readonly = property
else:
    readonly = _readonly


class Storage:
    """The memory of a tensor (`untyped_storage()`)."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def nbytes(self) -> int:
        """Its size."""
        return int(self._owner.nbytes)

    def data_ptr(self) -> int:
        """Its address."""
        return arrays.address(self._owner)


class Description(Values):
    """The part of `Tensor` that says what it is."""

    __slots__ = ()

    @readonly
    def shape(self) -> Size:
        """The shape."""
        return sized(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self._array.shape[counted_dim(dim, self._array.ndim)]

    @readonly
    def dtype(self) -> dtypes.DType:
        """The dtype."""
        return dtypes.BY_NUMPY[self._array.dtype]

    @readonly
    def device(self) -> Device:
        """The device that holds the values."""
        return arrays.device_of(self._array)

    @readonly
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self._array.ndim)

    def dim(self) -> int:
        """The number of dimensions."""
        return int(self._array.ndim)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return int(self._array.size)

    def nelement(self) -> int:
        """The number of elements."""
        return int(self._array.size)

    def element_size(self) -> int:
        """The bytes of one element."""
        return int(self._array.dtype.itemsize)

    @readonly
    def itemsize(self) -> int:
        """The bytes of one element."""
        return int(self._array.dtype.itemsize)

    @readonly
    def nbytes(self) -> int:
        """The bytes of all elements, as if none were shared."""
        return int(self._array.size) * int(self._array.dtype.itemsize)

    def stride(self, dim: int | None = None) -> Any:
        """The steps between neighbours of each dimension, in elements."""
        array = self._memory
        strides = arrays.contiguous_strides(array.shape) if array.size == 0 else arrays.element_strides(array)
        return strides if dim is None else strides[counted_dim(dim, array.ndim)]

    def is_contiguous(self) -> bool:
        """True if the values lie in memory in row-major order."""
        return bool(self._memory.flags.c_contiguous)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return arrays.address(self._memory)

    def storage_offset(self) -> int:
        """The place of the first element in its storage, in elements."""
        root = arrays.owner(self._memory)
        return (arrays.address(self._memory) - arrays.address(root)) // int(self._memory.dtype.itemsize)

    def is_floating_point(self) -> bool:
        """True for a real floating dtype."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """True for a complex dtype."""
        return self.dtype.is_complex

    @readonly
    def is_cuda(self) -> bool:
        """True if the values lie on a GPU."""
        return self.device.type == "cuda"

    @readonly
    def is_cpu(self) -> bool:
        """True if the values lie in host memory."""
        return self.device.type == "cpu"

    @readonly
    def layout(self) -> layout:
        """How the values lie in memory: in strides."""
        return strided

    @readonly
    def is_sparse(self) -> bool:
        """False: all tensors are dense."""
        return False

    @readonly
    def is_quantized(self) -> bool:
        """False: no tensor is quantized."""
        return False

    @readonly
    def is_meta(self) -> bool:
        """False: every tensor has values."""
        return False

    @readonly
    def name(self) -> None:
        """None: tensors have no names."""
        return

    def untyped_storage(self) -> Storage:
        """The memory this tensor is part of."""
        return Storage(arrays.owner(self._memory))

    def is_same_size(self, other: Any) -> bool:
        """True if another tensor has the same shape."""
        return bool(self._array.shape == other._array.shape)

    def is_nonzero(self) -> bool:
        """Whether the one element is not zero; raises RuntimeError if there are more."""
        return bool(self)
