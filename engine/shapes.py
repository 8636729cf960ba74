"""Shapes of views: sizes with -1, and when a view needs no copy."""

from __future__ import annotations

import math

from engine import errors

Shape = tuple[int, ...]
MOST_PARTS = 1_000_000  # results of one call
LARGEST_BYTES = 2**59  # of a tensor, dims of size 0 taken as 1: NumPy counts so, and kernels cast to wider types


def check_empty(shape: Shape, itemsize: int) -> int:
    """The bytes that a tensor without elements would have with 1 in the place of each 0: work may depend on them.

    Raises RuntimeError with torch's text if they are beyond what NumPy can count.
    """
    size = math.prod(each for each in shape if each) * itemsize
    if size > LARGEST_BYTES:
        raise errors.coded(RuntimeError, "too_large", f"Storage size calculation overflowed with sizes={list(shape)}")
    return size


def check_parts(count: int) -> int:
    """The number of results of one call.

    Raises MemoryError (`too_large`) before so many are made.
    """
    if count > MOST_PARTS:
        raise errors.too_large(f"{count} parts are over the limit of {MOST_PARTS} for one call")
    return count


def infer_size(size: Shape, numel: int) -> Shape:
    """The size with its -1, if any, worked out.

    Raises RuntimeError with torch's texts if the size cannot hold `numel` elements.
    """
    holes = [at for at, each in enumerate(size) if each == -1]
    if len(holes) > 1:
        raise errors.shape_mismatch("only one dimension can be inferred")
    for at, each in enumerate(size):
        if each < -1:
            raise errors.shape_mismatch(f"invalid shape dimension {each} at index {at} of shape {list(size)}")
    known = math.prod(each for each in size if each != -1)
    if not holes:
        if known != numel:
            raise errors.shape_mismatch(f"shape '{list(size)}' is invalid for input of size {numel}")
        return size
    if known == 0:
        if numel == 0:
            raise errors.shape_mismatch(
                f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size "
                "-1 can be any value and is ambiguous"
            )
        raise errors.shape_mismatch(f"shape '{list(size)}' is invalid for input of size {numel}")
    if numel % known:
        raise errors.shape_mismatch(f"shape '{list(size)}' is invalid for input of size {numel}")
    return tuple(numel // known if each == -1 else each for each in size)


def can_view(shape: Shape, strides: Shape, size: Shape) -> bool:
    """Whether a tensor of this shape and these strides can be seen as `size` without a copy.

    Runs of dimensions that are contiguous with each other may be cut anew; a run may not be joined to another.
    """
    if 0 in shape:
        return True
    runs: list[tuple[int, int]] = []  # (elements, stride of the last) of each contiguous run, from the front
    for length, stride in zip(shape, strides, strict=True):
        if length == 1:
            continue
        if runs and runs[-1][1] == stride * length:
            runs[-1] = (runs[-1][0] * length, stride)
        else:
            runs.append((length, stride))
    left = 1
    for each in size:
        if each == 1:
            continue
        if left == 1:
            if not runs:
                return False
            left = runs.pop(0)[0]
        if left % each:
            return False
        left //= each
    return left == 1


def expanded(shape: Shape, size: Shape, tensor_type: str = "torch.FloatTensor") -> Shape:
    """The size with -1 replaced by the dimension it keeps.

    Raises RuntimeError with torch's texts if the shape does not expand to it.
    """
    extra = len(size) - len(shape)
    if extra < 0:
        raise errors.shape_mismatch(
            f"expand({tensor_type}{{{list(shape)}}}, size={list(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    result = list(size)
    for at in range(len(size) - 1, -1, -1) if shape else ():
        want, have = size[at], shape[at - extra] if at >= extra else None
        if want == -1:
            if have is None:
                raise errors.shape_mismatch(
                    f"The expanded size of the tensor ({want}) isn't allowed in a leading, non-existing dimension {at}"
                )
            result[at] = have
        elif have is not None and have not in (1, want):
            raise errors.shape_mismatch(
                f"The expanded size of the tensor ({want}) must match the existing size ({have}) at non-singleton "
                f"dimension {at}.  Target sizes: {list(size)}.  Tensor sizes: {list(shape)}"
            )
    if min(result, default=0) < 0:
        raise errors.shape_mismatch("numel: integer multiplication overflow")
    return tuple(result)
