"""Padding: with a constant, by reflection, by the edge, around the circle."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, errors
from engine.arrays import xp
from engine.infer import Estimate, Meta, composed, infer
from engine.kinds import Array, Dims, Number, Size
from engine.op import Op, op
from engine.ops.copies import copied, copy_
from engine.ops.creation import checked_size, zeros, zeros_like
from engine.ops.picking import add_entries
from engine.ops.views import slice_
from engine.rules import Shape, stored

Sides = tuple[tuple[int, int], ...]


def sides_of(pad: Any, ndim: int) -> Sides:
    """What is put before and after each dim; `pad` starts from the last."""
    sides = [(pad[at], pad[at + 1]) for at in range(0, len(pad), 2)]
    return ((0, 0),) * (ndim - len(sides)) + tuple(reversed(sides))


def constant_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of constant_pad_nd: negative paddings cut."""
    array, pad, value = values
    if len(pad) % 2:
        raise errors.bad_argument(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * array.ndim:
        raise errors.bad_argument(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)} while the input has {array.ndim} dimensions."
        )
    shape = []
    for size, (before, after) in zip(array.shape, sides_of(pad, array.ndim), strict=True):
        if size + min(before, 0) + min(after, 0) < 0:
            raise errors.bad_argument("narrow(): length must be non-negative.")
        shape.append(size + before + after)
    return copied([array, tuple(pad), stored(value, array.dtype)], tuple(shape))


@op(constant_rule, method=False)
def constant_pad_nd(input: Array, pad: Size, value: Number = 0) -> Any:
    """The tensor with a constant put around it; `pad` holds before and after of the last dim, then the one before."""
    sides = sides_of(pad, input.ndim)
    inner = tuple(
        slice(max(-before, 0), size - max(-after, 0)) for size, (before, after) in zip(input.shape, sides, strict=True)
    )
    outer = tuple(
        slice(max(before, 0), size + before + after - max(after, 0))
        for size, (before, after) in zip(input.shape, sides, strict=True)
    )
    out = xp.full(
        tuple(size + before + after for size, (before, after) in zip(input.shape, sides, strict=True)),
        arrays.scalar(value, input.dtype)[()],
        input.dtype,
    )
    out[outer] = input[inner]
    return out


constant_pad_nd.vjp(input=lambda g, pad: constant_pad_nd(g, tuple(-each for each in pad), 0))

# -- by elements of the tensor itself --------------------------------------------------------------------------------


def places(size: int, before: int, after: int, mode: str) -> Any:
    """For each place of a padded dim the place it takes its element from."""
    at = xp.arange(-before, size + after)
    if mode == "replicate":
        return xp.clip(at, 0, size - 1)
    at = xp.abs(at)
    return xp.where(at >= size, 2 * (size - 1) - at, at)


def mirrored_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of padding by reflection or by the edge: of the last dims, those of images."""
    array, pad = values[:2]
    mode = "reflect" if op.name.startswith("reflection") or values[2:] == ["reflect"] else "replicate"
    count = len(pad) // 2
    shape = list(array.shape)
    if 0 in shape[array.ndim - count - 1 :]:
        raise errors.shape_mismatch(
            f"Expected {count + 1}D or {count + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {shape}"
        )
    for at, (before, after) in reversed(list(enumerate(sides_of(pad, array.ndim)))):
        size = array.shape[at]
        if mode == "reflect" and max(before, after) >= size and at >= array.ndim - count:
            raise errors.bad_argument(
                f"Argument #{2 + 2 * (array.ndim - at)}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {after}) at dimension {at} of input {list(array.shape)}"
            )
        shape[at] = size + before + after
    check_left(array.shape[-count:], shape[-count:])
    checked_size(shape)
    if array.dtype.kind == "b":
        kernel = "reflection" if mode == "reflect" else "replication"
        raise errors.not_implemented_for(f"{kernel}_pad{count}d", "Bool")
    estimate = copied([array, tuple(pad), *values[2:]], tuple(shape))
    line = 33 * max(shape[-count:])  # places along one dim, as they are worked out
    estimate.temporaries = 2 * math.prod(shape) * array.dtype.itemsize + line
    return estimate


def check_left(sizes: Any, left: Any) -> None:
    """Raise RuntimeError where padding leaves no dim of an image any size."""
    if max(left) >= 1:
        return
    axes = "DHW"[-len(left) :]
    have, gives = (" ".join(f"{axis}: {size}" for axis, size in zip(axes, each, strict=True)) for each in (sizes, left))
    raise errors.bad_argument(f"input ({have.replace(' W', ', W')}) is too small. Calculated output {gives}")


def taken(input: Any, pad: Any, mode: str) -> Any:
    """The kernel of padding by the tensor's own elements: dim by dim."""
    out = input
    for dim, (before, after) in enumerate(sides_of(pad, input.ndim)):
        if before or after:
            out = xp.take(out, places(input.shape[dim], before, after, mode), dim)
    return xp.array(out) if out is input else out


def given_back(grad: Any, sizes: Shape, pad: Any, mode: str) -> Any:
    """The adjoint: what was taken several times is added up, dim by dim."""
    out = None
    for dim, (before, after) in enumerate(sides_of(pad, grad.ndim)):
        if before or after:
            out = xp.zeros((*grad.shape[:dim], sizes[dim], *grad.shape[dim + 1 :]), grad.dtype)
            add_entries(out, dim, places(sizes[dim], before, after, mode), grad)
            grad = out
    return grad if out is grad else xp.array(grad)


def adjoint_rule(op: Op, values: list[Any], shape: Shape | None = None) -> Estimate:
    """The rule of the gradients of padding."""
    estimate = copied(values, tuple(values[1]) if shape is None else shape)
    estimate.temporaries = 4 * values[0].size * values[0].dtype.itemsize
    return estimate


@op(adjoint_rule, hidden=True, node="ReflectionPadBackwardBackward0")
def mirrored_backward(grad_output: Array, sizes: Size, pad: Dims, mode: str) -> Any:
    """The gradient of padding: what was taken several times is added up."""
    return given_back(grad_output, sizes, pad, mode)


mirrored_backward.vjp(grad_output=lambda g, pad, mode: mirrored_again(g, pad, mode))


@op(lambda op, values: adjoint_rule(op, values, values[1].shape), hidden=True, node="ReflectionPadBackwardBackward0")
def mirrored_gradient(grad_output: Array, input: Array, pad: Dims, mode: str) -> Any:
    """The same, of which torch holds that it depends on the input too, if by zeros."""
    return given_back(grad_output, input.shape, pad, mode)


mirrored_gradient.vjp(grad_output=lambda g, pad, mode: mirrored_again(g, pad, mode), input=lambda g: zeros_like(g))


@op(mirrored_rule, hidden=True, node="ReflectionPadBackward0")
def mirrored_again(input: Array, pad: Dims, mode: str) -> Any:
    """Padding of a gradient's gradient."""
    return taken(input, pad, mode)


mirrored_again.vjp(input=lambda g, input_shape, pad, mode: mirrored_backward(g, input_shape, pad, mode))


def mirrored(kind: str, mode: str, count: int) -> Op:
    """Declare padding of the last `count` dims by reflection or by the edge."""

    def kernel(input: Array, pad: Dims) -> Any:
        return taken(input, pad, mode)

    kernel.__name__ = f"{kind}_pad{count}d"
    forward = op(mirrored_rule, hidden=True, node=f"{kind.capitalize()}Pad{count}DBackward0")(kernel)
    forward.vjp(input=reflection_backward if mode == "reflect" else replication_backward)
    return forward


def reflection_backward(g: Any, input: Any, pad: Any) -> Any:
    """The gradient of padding by reflection."""
    return mirrored_gradient(g, input, pad, "reflect")


def replication_backward(g: Any, input: Any, pad: Any) -> Any:
    """The gradient of padding by the edge."""
    return mirrored_gradient(g, input, pad, "replicate")


KINDS = {"reflect": "reflection", "replicate": "replication"}
MIRRORED = {(mode, count): mirrored(kind, mode, count) for mode, kind in KINDS.items() for count in (1, 2, 3)}


def circular(input: Any, pad: Any) -> Any:
    """The tensor with its other end put before and after it, written part by part as torch does."""
    ndim = len(input.shape)
    sides = sides_of(pad, ndim)
    for at, (before, after) in enumerate(sides):
        size = input.shape[at]
        if max(before, after) > size:
            raise errors.bad_argument("Padding value causes wrapping around more than once.")
        if size + before + after < 0:
            raise errors.bad_argument("Negative padding value is resulting in an empty dimension")
    shape = tuple(size + before + after for size, (before, after) in zip(input.shape, sides, strict=True))
    if isinstance(input, Meta):
        return Meta(shape, input.dtype)
    out = zeros(shape, dtype=input.dtype, device=input.device)
    inner, source = out, input
    for at in range(ndim - len(pad) // 2, ndim):
        before, after = sides[at]
        inner = slice_(inner, at, max(before, 0), shape[at] - max(after, 0), 1)
        source = slice_(source, at, max(-before, 0), input.shape[at] - max(-after, 0), 1)
    copy_(inner, source)
    for at in range(ndim - 1, ndim - len(pad) // 2 - 1, -1):
        before, after = sides[at]
        if before > 0:
            end = shape[at] - max(after, 0)
            copy_(slice_(out, at, 0, before, 1), slice_(out, at, end - before, end, 1))
        if after > 0:
            start = max(before, 0)
            copy_(slice_(out, at, shape[at] - after, shape[at], 1), slice_(out, at, start, start + after, 1))
    return out


COMBINATIONS = (
    "Supported combinations for non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
    "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
    "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
)


@op(composed, namespace="nn.functional", composite=True)
def pad(input: Array, pad: Size, mode: str = "constant", value: float | None = None) -> Any:
    """The tensor with something put around its last dims: a constant, or by `reflect`, `replicate`, `circular`."""
    ndim = len(input.shape)
    if len(pad) % 2:
        raise errors.bad_argument("Padding length must be divisible by 2")
    if len(pad) > 2 * ndim:
        raise errors.bad_argument(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {ndim}"
        )
    if mode == "constant":
        return constant_pad_nd(input, pad, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise errors.coded(NotImplementedError, "bad_argument", f"Unrecognised padding mode {mode!s:.64}")
    if value:
        raise errors.bad_argument(f'Padding mode "{mode}" doesn\'t take in value argument')
    count = len(pad) // 2
    if count not in (1, 2, 3) or ndim not in (count + 1, count + 2):
        raise errors.coded(
            NotImplementedError,
            "bad_argument",
            f"Padding size {len(pad)} is not supported for {ndim}D input tensor.\n{COMBINATIONS}",
        )
    if mode == "circular":
        return circular(input, pad)
    made = MIRRORED[mode, count]
    return infer(made, [input, pad])[0] if isinstance(input, Meta) else made(input, pad)
