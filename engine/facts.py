"""What a tensor tells about where and how it is stored: dense here, in the memory of this process or of a GPU."""

from __future__ import annotations

from typing import Any

from engine import arrays, errors
from engine.tensor import Tensor

ELSEWHERE = "is_ipu is_maia is_mkldnn is_mps is_mtia is_nested is_sparse_csr is_vulkan is_xla is_xpu"


def is_signed(self: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return self.dtype.is_signed


def get_device(self: Tensor) -> int:
    """The number of the GPU it is on, -1 on the host."""
    device = self.device
    return -1 if device.type == "cpu" else device.index or 0


def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dims by falling stride, as they lie in memory."""
    steps = self.stride()
    return tuple(sorted(range(len(steps)), key=lambda at: -steps[at]))


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether another tensor has the same memory, shape and strides."""
    first, second = self._array, tensor._array
    same = arrays.owner(first) is arrays.owner(second) and first.shape == second.shape
    return same and self.stride() == tensor.stride() and self.storage_offset() == tensor.storage_offset()


def is_shared(self: Tensor) -> bool:
    """Whether other processes see the memory: on the host none does."""
    return self.device.type != "cpu"


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is page-locked: none is."""
    return False


def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself: there are no other processes to share it with."""
    return self


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself, dense already; cast where a dtype is asked for."""
    return self if dtype is None else self.to(dtype)


def dense_dim(self: Tensor) -> int:
    """The number of dims."""
    return self.dim()


def sparse_dim(self: Tensor) -> int:
    """0."""
    return 0


def as_subclass(self: Tensor, cls: type[Tensor]) -> Tensor:
    """The tensor as an instance of a class derived from its own, sharing memory and graph."""
    made: Tensor = self.view_as(self)
    made.__class__ = cls
    return made


def _sparse_only(name: str, what: str) -> Any:
    def refuse(self: Tensor) -> Any:
        raise errors.bad_argument(f"{name} expected sparse {what}tensor layout but got Strided")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises RuntimeError: it is no sparse tensor."
    return refuse


METHODS: dict[str, Any] = {
    each.__name__: each
    for each in (
        *(as_subclass, dense_dim, dim_order, get_device, is_pinned, is_set_to, is_shared, is_signed, share_memory_),
        *(sparse_dim, to_dense),
        *(_sparse_only(name, "coordinate ") for name in ("coalesce", "is_coalesced", "indices")),
        _sparse_only("values", ""),
    )
}
PROPERTIES: dict[str, Any] = dict.fromkeys(ELSEWHERE.split(), property(lambda self: False, doc="False."))
