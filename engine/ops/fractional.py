"""Maxima of windows that lie at random steps, so that as many of them as asked for cover the last dims."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Index, Truth
from engine.op import Op, op
from engine.ops.creation import rand
from engine.ops.losses import refuse_grad
from engine.ops.maxima import PAIR, lowest, pair, plane_scatter
from engine.rules import FUNCTIONAL, INT64, Shape
from engine.tensor import counted_dim

AXES = {2: ("height", "width"), 3: ("time", "height", "width")}


def in_each_dim(name: str, argument: str, values: Shape, count: int) -> Shape:
    """One number for each pooled dim."""
    if len(values) not in (1, count):
        word = "tuple of Ints" if count == 2 else "tuple of three Ints"
        raise errors.bad_argument(f"{name}: {argument} must either be a single Int or {word}")
    return values if len(values) == count else values * count


def check_windows(said: str, shape: Shape, kernel: Shape, out: Shape) -> None:
    """Raise RuntimeError unless the input has dims to pool and as many windows fit into them."""
    count = len(out)
    if len(shape) not in (count + 1, count + 2):
        raise errors.shape_mismatch(f"{said}(): Expected {count + 1}D or {count + 2}D tensor, but got: {list(shape)}")
    for dim in range(1, len(shape)):
        if shape[dim] == 0:
            raise errors.shape_mismatch(
                f"{said}(): Expected input to have non-zero size for non-batch dimensions, but got{list(shape)} with "
                f"dimension {dim} being empty."
            )
    for axis, size, k, wanted in zip(AXES[count], shape[-count:], kernel, out, strict=True):
        if wanted + k - 1 > size - (count == 3):  # torch leaves a place of a volume unused
            raise errors.bad_argument(f"{said}(): pool {axis} {k} too large relative to input {axis} {size}")
    if min(out) < 0:
        sizes = [*shape[:-count], *out]
        raise errors.shape_mismatch(f"Trying to create tensor with negative dimension {min(out)}: {sizes}")


def check_samples(shape: Shape, count: int, input: Any, samples: Any) -> None:
    """Raise RuntimeError unless there is a random number for each channel and dim."""
    batch, channels = (shape[0], shape[1]) if len(shape) == count + 2 else (1, shape[0])
    have = tuple(samples.shape)
    if samples.dtype != input.dtype:
        raise errors.dtype_mismatch("Expect _random_samples to have the same dtype as input")
    if len(have) != 3:
        raise errors.shape_mismatch(f"Expect _random_samples to have 3 dimensions, got {len(have)}")
    for wrong, text in (
        (have[0] < batch, "Expect _random_samples.size(0) no less then input batch size."),
        (have[1] != channels, "Expect _random_samples.size(1) equals to input channel size."),
        (have[2] != count, f"Expect _random_samples.size(2) equals to {count}; got {have[2]}."),
    ):
        if wrong:
            raise errors.shape_mismatch(text)


def fractional_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of maxima of windows at random steps: values and their places."""
    input, kernel, out, samples = values
    shape, count = tuple(input.shape), len(out)
    check_windows(op.name if count == 2 else f"{op.name}_out", shape, kernel, out)
    check_samples(shape, count, input, samples)
    dtype = dtypes.BY_NUMPY[input.dtype]
    if not dtype.is_floating_point:
        raise errors.not_implemented_for(f"{op.name}_out_frame", dtype.type_name)
    made = (*shape[:-count], *out)
    extra = 40 * math.prod(made) + 32 * math.prod(shape[:-count]) * sum(out)
    work = 6 * math.prod(made) * max(math.prod(kernel), 1)
    return Estimate(values, [(made, input.dtype), (made, INT64)], None, extra, work)


def starts(samples: Any, size: int, out: int, kernel: int) -> Any:
    """Where the windows of each channel begin along one dim, (rows, out): steps of two lengths, in a random order.

    Computed in the samples' dtype, as torch does; the last window always ends with the input.
    """
    rows = samples.reshape(-1, 1)
    made = xp.full((len(rows), out), size - kernel, xp.int64)
    if out > 1:
        step = rows.dtype.type(size - kernel) / rows.dtype.type(out - 1)
        shift = xp.trunc(rows * step)
        made[:, :-1] = xp.nan_to_num(xp.trunc((xp.arange(out - 1).astype(rows.dtype) + rows) * step) - shift)
    return xp.clip(made, 0, size - 1)


def largest_at(input: Any, kernel: Shape, out: Shape, samples: Any) -> Any:
    """The largest element of each window and its place in the plane of pooled dims; of NaNs the last."""
    count = len(out)
    sizes, rows = input.shape[-count:], math.prod(input.shape[:-count])
    flat = input.reshape(rows, math.prod(sizes))
    x = widened(flat)
    numbers = samples[: input.shape[0] if input.ndim == count + 2 else 1].reshape(rows, count)
    base = xp.zeros((rows, *out), xp.int64)
    for dim, (size, k, wanted) in enumerate(zip(sizes, kernel, out, strict=True)):
        column = dim if count == 3 else 1 - dim  # of an image the first number is for the width
        begin = starts(numbers[:, column], size, wanted, k) * math.prod(sizes[dim + 1 :])
        base += begin.reshape(rows, *(1,) * dim, wanted, *(1,) * (count - dim - 1))
    base = base.reshape(rows, math.prod(out))
    best, index = xp.full(base.shape, lowest(x.dtype), x.dtype), base.copy()
    for at in xp.ndindex(*(max(k, 0) for k in kernel)):
        offset = sum(place * math.prod(sizes[dim + 1 :]) for dim, place in enumerate(at))
        view = xp.take_along_axis(x, xp.minimum(base + offset, x.shape[1] - 1), 1)
        better = (view > best) | (view != view)
        xp.copyto(best, view, where=better)
        xp.copyto(index, base + offset, where=better)
    shape = (*input.shape[:-count], *out)
    return best.reshape(shape).astype(input.dtype, copy=False), index.reshape(shape)


OUTPUTS: dict[str, Any] = {"hidden": True, "outputs": PAIR, "differentiable": ("out",)}


@op(fractional_rule, name="fractional_max_pool2d", node="FractionalMaxPool2DBackward0", **OUTPUTS)
def fractional2d(input: Array, kernel_size: Dims, output_size: Dims, random_samples: Array) -> Any:
    """The maxima of windows at random steps over the last two dims, and where they lie."""
    return largest_at(input, kernel_size, output_size, random_samples)


@op(fractional_rule, name="fractional_max_pool3d", node="FractionalMaxPool3DBackward0", **OUTPUTS)
def fractional3d(input: Array, kernel_size: Dims, output_size: Dims, random_samples: Array) -> Any:
    """The maxima of windows at random steps over the last three dims, and where they lie."""
    return largest_at(input, kernel_size, output_size, random_samples)


fractional2d.vjp(input=lambda g, input, indices: plane_scatter(g[0], input, indices, 2))
fractional3d.vjp(input=lambda g, input, indices: plane_scatter(g[0], input, indices, 3))


def sizes_of(name: str, shape: Shape, ratio: Any, count: int) -> Shape:
    """The output size that a ratio of the input's asks for.

    Raises ValueError where there is none, TypeError and IndexError for one that is no list of as many numbers.
    """
    if ratio is None:
        raise errors.bad_value(f"{name} requires specifying either an output_size or an output_ratio")
    with errors.of_python():
        if count == 2 and len(ratio) > 2:
            raise errors.bad_value(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
        ratios = tuple(ratio) if isinstance(ratio, list | tuple) else (ratio,) * count
        return tuple(int(shape[at - count] * ratios[at]) for at in range(count))


def fractional(count: int, input: Any, kernel: Any, size: Any, ratio: Any, samples: Any) -> Any:
    """Values and places of fractional pooling; where no random numbers are given they are drawn."""
    shape, name = tuple(input.shape), f"fractional_max_pool{count}d"
    if size is None:
        size = sizes_of(name, shape, ratio, count)
    if samples is None:
        counted_dim(0, len(shape))
        channels = shape[counted_dim(-count - 1, len(shape))]
        drawn = (1 if len(shape) == count + 1 else shape[0], channels, count)
        samples = rand(drawn, dtype=dtypes.BY_NUMPY[getattr(input.dtype, "numpy", input.dtype)])
    refuse_grad(name, "random_samples", samples)
    kernel = in_each_dim(name, "kernel_size", kernel, count)
    size = in_each_dim(name, "output_size", size, count)
    return (fractional2d if count == 2 else fractional3d)(input, kernel, size, samples)


@op(composed, namespace=FUNCTIONAL, composite=True)
def fractional_max_pool2d(
    input: Array,
    kernel_size: Dims,
    output_size: Dims | None = None,
    output_ratio: Index = None,
    return_indices: Truth = False,
    _random_samples: Array | None = None,
) -> Any:
    """The maxima of `output_size` windows (or that ratio of the input's size) at random steps over the last two dims.

    `_random_samples`, (N, C, 2), are the numbers between 0 and 1 that say where.
    """
    return pair(fractional(2, input, kernel_size, output_size, output_ratio, _random_samples), return_indices)


@op(composed, namespace=FUNCTIONAL, composite=True)
def fractional_max_pool3d(
    input: Array,
    kernel_size: Dims,
    output_size: Dims | None = None,
    output_ratio: Index = None,
    return_indices: Truth = False,
    _random_samples: Array | None = None,
) -> Any:
    """The maxima of `output_size` windows (or that ratio of the input's size) at random steps over the last three dims.

    `_random_samples`, (N, C, 3), are the numbers between 0 and 1 that say where.
    """
    return pair(fractional(3, input, kernel_size, output_size, output_ratio, _random_samples), return_indices)
