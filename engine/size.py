"""`torch.Size`, and dims counted from the front."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex

from engine import errors


class Size(tuple[int, ...]):
    """A `torch.Size`: a tuple of ints that prints as torch's; slices and sums are sizes too."""

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> Size:
        """The sizes of an iterable of ints.

        Raises TypeError for anything else.
        """
        made = tuple.__new__(cls, sizes)
        for at, each in enumerate(made):
            if type(each) is not int and not hasattr(each, "__index__"):
                raise errors.bad_type(f"torch.Size() takes an iterable of 'int' (item {at} is '{type(each).__name__}')")
        return made

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        count = 1
        for size in self:
            count *= size
        return count

    def __getitem__(self, at: Any) -> Any:
        found = tuple.__getitem__(self, at)
        return sized(found) if isinstance(at, slice) else found

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Any:
        return Size(tuple.__add__(other, self))

    def __mul__(self, times: SupportsIndex) -> Any:
        return sized(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


def sized(shape: Any) -> Size:
    """A shape known to be a tuple of ints, as a size."""
    return tuple.__new__(Size, shape)


def check_dim(dim: int, ndim: int) -> int:
    """A dim counted from the front.

    Raises IndexError if it is out of range; a 0-d tensor has the dims 0 and -1.
    """
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise errors.dim_out_of_range(dim, ndim)
    return dim % limit


def counted_dim(dim: int, ndim: int) -> int:
    """`check_dim`, where a 0-d tensor has no dim to ask about.

    Raises IndexError.
    """
    if ndim == 0:
        raise errors.bad_index(f"Dimension specified as {dim} but tensor has no dimensions")
    return check_dim(dim, ndim)
