"""Channels and pixels rearranged: pixel_shuffle and its kind."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.copies import copied

FUNCTIONAL: dict[str, Any] = {"namespace": "nn.functional"}


def check_image(op: Op, array: Any, factor: int, name: str) -> None:
    """Raise RuntimeError unless there are channels and two image dims, and the factor is positive."""
    if array.ndim < 3:
        raise errors.shape_mismatch(
            f"{op.name} expects input to have at least 3 dimensions, but got input with {array.ndim} dimension(s)"
        )
    if factor <= 0:
        raise errors.bad_argument(f"{op.name} expects a positive {name}, but got {factor}")


def shuffle_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of pixel_shuffle: channels become pixels."""
    array, factor = values
    check_image(op, array, factor, "upscale_factor")
    *front, channels, height, width = array.shape
    if channels % factor**2:
        raise errors.shape_mismatch(
            f"{op.name} expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {factor**2}"
        )
    return copied(values, (*front, channels // factor**2, height * factor, width * factor))


@op(shuffle_rule, **FUNCTIONAL)
def pixel_shuffle(input: Array, upscale_factor: int) -> Any:
    """Groups of channels made blocks of pixels: (C r^2, H, W) to (C, H r, W r)."""
    *front, channels, height, width = input.shape
    r, n = upscale_factor, len(front)
    blocks = input.reshape(*front, channels // r**2, r, r, height, width)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return xp.array(blocks.transpose(order), order="C").reshape(*front, channels // r**2, height * r, width * r)


pixel_shuffle.vjp(input=lambda g, upscale_factor: pixel_unshuffle(g, upscale_factor))


def unshuffle_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of pixel_unshuffle: pixels become channels."""
    array, factor = values
    check_image(op, array, factor, "downscale_factor")
    *front, channels, height, width = array.shape
    for name, size, at in (("height", height, -2), ("width", width, -1)):
        if size % factor:
            raise errors.shape_mismatch(
                f"{op.name} expects {name} to be divisible by downscale_factor, but input.size({at})={size} is not "
                f"divisible by {factor}"
            )
    return copied(values, (*front, channels * factor**2, height // factor, width // factor))


@op(unshuffle_rule, **FUNCTIONAL)
def pixel_unshuffle(input: Array, downscale_factor: int) -> Any:
    """Blocks of pixels made groups of channels: (C, H r, W r) to (C r^2, H, W)."""
    *front, channels, height, width = input.shape
    r, n = downscale_factor, len(front)
    blocks = input.reshape(*front, channels, height // r, r, width // r, r)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return xp.array(blocks.transpose(order), order="C").reshape(*front, channels * r**2, height // r, width // r)


pixel_unshuffle.vjp(input=lambda g, downscale_factor: pixel_shuffle(g, downscale_factor))


def channels_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of channel_shuffle."""
    array, groups = values
    if array.ndim <= 2:
        raise errors.shape_mismatch(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(array.shape)}"
        )
    if groups <= 0:
        raise errors.bad_argument(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if array.shape[1] % groups:
        raise errors.shape_mismatch(
            f"Number of channels must be divisible by groups. Got {array.shape[1]} channels and {groups} groups."
        )
    return copied(values, array.shape)


@op(channels_rule, **FUNCTIONAL)
def channel_shuffle(input: Array, groups: int) -> Any:
    """The channels of several groups dealt out in turn."""
    batch, channels, *rest = input.shape
    blocks = input.reshape(batch, groups, channels // groups, *rest)
    return xp.array(xp.swapaxes(blocks, 1, 2), order="C").reshape(input.shape)


channel_shuffle.vjp(input=lambda g, input_shape, groups: channel_shuffle(g, input_shape[1] // groups or 1))
