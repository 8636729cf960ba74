"""Memory formats, which copies may be asked for by name, and layouts."""

from __future__ import annotations


class memory_format(str):  # torch's name
    """The name of a layout; ops take a plain string as well."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


contiguous_format = memory_format("torch.contiguous_format")
preserve_format = memory_format("torch.preserve_format")


class layout(str):  # torch's name
    """The name of a way to store tensors."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


strided = layout("torch.strided")
