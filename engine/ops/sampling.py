"""Sampling at the points of a grid, and grids of affine maps.

A sample is a sum over the cells around its point: an element times a weight, a product of one polynomial for each axis.
`grid_weight` gives any derivative of such a product, and is its own derivative: so gradients hold in every order.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Index, Size, Word
from engine.modes import warn
from engine.op import Op, op
from engine.ops.arithmetic import add, mul
from engine.ops.joining import stack
from engine.ops.linalg import bmm
from engine.ops.reduction import sum_dim
from engine.ops.views import reshape, transpose, unsqueeze
from engine.rules import FUNCTIONAL, INT64, Shape
from engine.tensor import counted_dim

HALF = dtypes.HALF_TYPES
MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
A = -0.75  # Keys' parameter, torch's choice
# Each tap: its place after the cell the point lies in, its weight as a polynomial of how far the point lies in it.
TAPS = {
    "bilinear": ((0, (1.0, -1.0)), (1, (0.0, 1.0))),
    "nearest": ((0, (1.0,)),),
    "bicubic": (
        (-1, (0.0, A, -2 * A, A)),
        (0, (1.0, 0.0, -(A + 3), A + 2)),
        (1, (0.0, -A, 2 * A + 3, -(A + 2))),
        (2, (0.0, 0.0, A, -A)),
    ),
}
Setting = tuple[str, str, bool]  # mode, padding, align_corners


# -- geometry -------------------------------------------------------------------------------------------------------


def reflected(x: Any, size: int, align: bool) -> Any:
    """Coordinates thrown back at the borders, and by which factor they then move."""
    low, high = (0, 2 * (size - 1)) if align else (-1, 2 * size - 1)
    if low == high:
        return xp.zeros_like(x), xp.zeros_like(x)
    start, span = low / 2, (high - low) / 2
    side = xp.where(x < start, -1.0, 1.0).astype(x.dtype)
    away = xp.absolute(x - x.dtype.type(start))
    extra, even = xp.fmod(away, x.dtype.type(span)), xp.floor(away / span) % 2 == 0
    return xp.where(even, extra + start, span - extra + start).astype(x.dtype), xp.where(even, side, -side)


def clipped(x: Any, size: int) -> Any:
    """Coordinates held inside, and by which factor they then move."""
    free = ((x > 0) & (x < size - 1)).astype(x.dtype)
    return xp.clip(x, 0, size - 1), free


def located(grid: Any, axis: int, size: int, setting: Setting) -> Any:
    """The coordinate of each point along an axis, and how it moves with the grid's number."""
    mode, padding, align = setting
    numbers = grid[..., grid.shape[-1] - 1 - axis]
    numbers = widened(numbers)
    factor = (size - 1) / 2 if align else size / 2
    x = (numbers + 1) * numbers.dtype.type(factor) - numbers.dtype.type(0 if align else 0.5)
    slope = xp.full(x.shape, factor, x.dtype)
    if mode != "bicubic" and padding == "reflection":
        x, side = reflected(x, size, align)
        slope = slope * side
    if mode != "bicubic" and padding != "zeros":
        x, free = clipped(x, size)
        slope = slope * free
    return xp.where(xp.isfinite(x) & (xp.absolute(x) < 2.0**31), x, x.dtype.type(-100)), slope


def tap_of(grid: Any, axis: int, size: int, number: int, setting: Setting, order: int) -> Any:
    """One axis's part of a tap: the place, whether it lies inside, the weight's derivative of an order."""
    mode, padding, align = setting
    x, slope = located(grid, axis, size, setting)
    begin = xp.rint(x) if mode == "nearest" else xp.floor(x)
    offset, factors = TAPS[mode][number]
    place, rest = begin + offset, x - begin
    if mode == "bicubic" and padding != "zeros":
        if padding == "reflection":
            place = reflected(place, size, align)[0]
        place = xp.clip(place, 0, size - 1)
    for _ in range(order):
        factors = tuple(each * power for power, each in enumerate(factors))[1:]
    weight = xp.zeros_like(x)
    for each in reversed(factors):
        weight = weight * rest + x.dtype.type(each)
    inside = (place >= 0) & (place < size)
    return xp.where(inside, place, 0).astype(xp.int64), inside, weight * slope**order if order else weight


def cell(grid: Any, sizes: Shape, numbers: Any, setting: Setting, orders: Any) -> Any:
    """The plane index and the weight of one tap at each point: (N, points)."""
    index: Any = 0
    weight: Any = 1
    inside: Any = True
    for axis, size in enumerate(sizes):
        place, within, share = tap_of(grid, axis, size, numbers[axis], setting, orders[axis])
        index, weight, inside = index * size + place, weight * share, inside & within
    weight = xp.where(inside, weight, 0)
    points = (grid.shape[0], math.prod(grid.shape[1:-1]))
    return index.reshape(points), weight.reshape(points)


def cells(count: int, mode: str) -> Any:
    """The numbers of the taps along each axis, for all cells around a point."""
    return list(itertools.product(range(len(TAPS[mode])), repeat=count))


# -- hidden maps ----------------------------------------------------------------------------------------------------


def points_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of weights and indices: one for each point."""
    grid = values[0]
    shape = (grid.shape[0], math.prod(grid.shape[1:-1]))
    dtype = INT64 if op.name == "grid_index" else grid.dtype
    return Estimate(values, [(shape, dtype)], None, 160 * math.prod(shape), 40 * math.prod(shape))


@op(points_rule, hidden=True)
def grid_index(grid: Array, sizes: Size, numbers: Index, setting: Index) -> Any:
    """The plane index of one tap at each point."""
    return cell(grid, sizes, numbers, setting, (0,) * len(sizes))[0]


@op(points_rule, hidden=True, node="GridSampler2DBackwardBackward0")
def grid_weight(grid: Array, sizes: Size, numbers: Index, setting: Index, orders: Index) -> Any:
    """The weight of one tap at each point, or its derivative of the given order along each axis."""
    return cell(grid, sizes, numbers, setting, orders)[1].astype(grid.dtype, copy=False)


grid_weight.vjp(
    grid=lambda g, grid, sizes, numbers, setting, orders: along_axes(
        lambda raised: mul(g, grid_weight(grid, sizes, numbers, setting, raised)), grid, orders
    )
)


def along_axes(derivative: Any, grid: Any, orders: Any) -> Any:
    """A derivative along each axis, in the order and the shape of the grid's numbers."""
    parts = []
    for axis in reversed(range(len(orders))):
        raised = tuple(order + (at == axis) for at, order in enumerate(orders))
        parts.append(derivative(raised))
    return reshape(stack(parts, 2), tuple(grid.shape))


def gather_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of picking at points: (N, C, points)."""
    input, index = values[0], values[1]
    shape = (*input.shape[:2], index.shape[1])
    return Estimate(values, [(shape, input.dtype)], None, math.prod(shape) * 8 + input.size * 8, math.prod(shape))


@op(gather_rule, hidden=True, node="GatherBackward0")
def point_gather(input: Array, index: Array) -> Any:
    """The elements of every channel at each entry's points."""
    flat = input.reshape(*input.shape[:2], math.prod(input.shape[2:]))
    return xp.take_along_axis(flat, xp.broadcast_to(index[:, None, :], (*flat.shape[:2], index.shape[1])), 2)


def scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of adding at points."""
    grad, sizes = values[0], values[2]
    return Estimate(values, [(tuple(sizes), grad.dtype)], None, 24 * grad.size + 8 * math.prod(sizes), grad.size)


@op(scatter_rule, hidden=True, node="GatherBackwardBackward0")
def point_scatter(grad: Array, index: Array, sizes: Size) -> Any:
    """Zeros with each channel's numbers added at the points."""
    rows, plane = math.prod(sizes[:2]), math.prod(sizes[2:])
    total = xp.zeros(rows * plane, xp.float32 if grad.dtype in HALF else grad.dtype)
    where = xp.arange(rows).reshape(*sizes[:2], 1) * plane + index[:, None, :]
    arrays.backend_of(total).add_at(total, where.reshape(-1), grad.reshape(-1).astype(total.dtype, copy=False))
    return total.reshape(sizes).astype(grad.dtype, copy=False)


point_gather.vjp(input=lambda g, index, input_shape: point_scatter(g, index, input_shape))
point_scatter.vjp(grad=lambda g, index, grad_shape: point_gather(g, index))


CORNERS = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
)
UNIT_SIZE = (
    "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This is not an "
    "intended use case of affine_grid. See the documentation of affine_grid for details."
)

# -- the samplers ---------------------------------------------------------------------------------------------------


def check_grid(input: Any, grid: Any, count: int) -> None:
    """Raise RuntimeError with torch's texts for an input and a grid that do not go together."""
    for each in (input, grid):
        counted_dim(0, len(each.shape))
    start, x, g = "grid_sampler(): expected ", list(input.shape), list(grid.shape)
    sizes = f"but got input with sizes {x} and grid with sizes {g}"
    if x[:1] != g[:1]:
        raise errors.shape_mismatch(f"{start}grid and input to have same batch size, {sizes}")
    if g and g[-1] != len(x) - 2:
        raise errors.shape_mismatch(
            f"{start}grid to have size {len(x) - 2} in last dimension, but got grid with sizes {g}"
        )
    if len(x) != count + 2 or len(g) != count + 2:
        raise errors.shape_mismatch(f"{start}{count + 2}D input and grid with same number of dimensions, {sizes}")
    for dim in range(2, len(x)):
        if x[dim] == 0:
            raise errors.shape_mismatch(
                f"{start}input to have non-empty spatial dimensions, but input has sizes {x} with dimension {dim} "
                "being empty"
            )


def sampler_rule(count: int) -> Any:
    """The rule of samplers: one floating dtype, a grid of points with a number for each axis."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        input, grid, mode, padding, _ = values
        check_grid(input, grid, count)
        if not 0 <= mode < 3 or not 0 <= padding < 3:
            raise errors.bad_argument(f"grid_sampler: unknown mode {mode} or padding {padding}")
        if count == 3 and mode == 2:
            raise errors.bad_argument("grid_sampler(): bicubic interpolation only supports 4D input")
        dtype = dtypes.BY_NUMPY[input.dtype]
        if not dtype.is_floating_point:
            kernel = "grid_sampler_2d_cpu_kernel_impl" if count == 2 else "grid_sampler3d_cpu"
            raise errors.not_implemented_for(kernel, dtype.type_name)
        if grid.dtype != input.dtype:
            name = dtypes.BY_NUMPY[grid.dtype].type_name
            raise errors.dtype_mismatch(f"expected scalar type {dtype.type_name} but found {name}")
        shape = (*input.shape[:2], *grid.shape[1:-1])
        points = math.prod(grid.shape[:-1])
        extra = 160 * points + 24 * math.prod(shape) + 8 * input.size
        flops = 40 * points + math.prod(shape) * (32 if mode == 2 else 8)
        return Estimate(values, [(shape, input.dtype)], None, extra, flops)

    return rule


def sampled(input: Any, grid: Any, mode: int, padding: int, align: bool) -> Any:
    """The input at the grid's points."""
    setting = (MODES[mode], PADDINGS[padding], align)
    sizes = input.shape[2:]
    flat = input.reshape(*input.shape[:2], math.prod(input.shape[2:]))
    wide = xp.float32 if input.dtype in HALF else input.dtype
    total = xp.zeros((*input.shape[:2], math.prod(grid.shape[1:-1])), wide)
    for numbers in cells(len(sizes), setting[0]):
        index, weight = cell(grid, sizes, numbers, setting, (0,) * len(sizes))
        index = xp.broadcast_to(index[:, None, :], total.shape)
        total += xp.take_along_axis(flat, index, 2).astype(wide, copy=False) * weight[:, None, :]
    return total.reshape(*input.shape[:2], *grid.shape[1:-1]).astype(input.dtype, copy=False)


def sampler_input(g: Any, grid: Any, shape: Any, mode: int, padding: int, align: bool) -> Any:
    """The gradient to the input: each point's share added to the cells around it."""
    setting, sizes = (MODES[mode], PADDINGS[padding], align), tuple(shape)[2:]
    flat = reshape(g, (*tuple(g.shape)[:2], math.prod(tuple(g.shape)[2:])))
    total = None
    for numbers in cells(len(sizes), setting[0]):
        weight = grid_weight(grid, sizes, numbers, setting, (0,) * len(sizes))
        part = point_scatter(mul(flat, unsqueeze(weight, 1)), grid_index(grid, sizes, numbers, setting), tuple(shape))
        total = part if total is None else add(total, part)
    return total


def sampler_grid(g: Any, input: Any, grid: Any, mode: int, padding: int, align: bool) -> Any:
    """The gradient to the grid: what each point's sample changes by along each axis."""
    setting, sizes = (MODES[mode], PADDINGS[padding], align), tuple(input.shape)[2:]
    flat = reshape(g, (*tuple(g.shape)[:2], math.prod(tuple(g.shape)[2:])))
    total = None
    for numbers in cells(len(sizes), setting[0]):
        picked = sum_dim(mul(flat, point_gather(input, grid_index(grid, sizes, numbers, setting))), (1,))
        part = moved(picked, grid, sizes, numbers, setting)
        total = part if total is None else add(total, part)
    return total


def moved(picked: Any, grid: Any, sizes: Shape, numbers: Any, setting: Setting) -> Any:
    """One tap's part of the gradient to the grid."""
    return along_axes(
        lambda raised: mul(picked, grid_weight(grid, sizes, numbers, setting, raised)), grid, (0,) * len(sizes)
    )


@op(sampler_rule(2), node="GridSampler2DBackward0", method=False)
def grid_sampler_2d(input: Array, grid: Array, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """The input at the points of a grid; modes and paddings by their numbers."""
    return sampled(input, grid, interpolation_mode, padding_mode, align_corners)


@op(sampler_rule(3), node="GridSampler3DBackward0", method=False)
def grid_sampler_3d(input: Array, grid: Array, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """The input at the points of a grid in three dims; modes and paddings by their numbers."""
    return sampled(input, grid, interpolation_mode, padding_mode, align_corners)


for _op in (grid_sampler_2d, grid_sampler_3d):
    _op.vjp(
        input=lambda g, input_shape, grid, interpolation_mode, padding_mode, align_corners: sampler_input(
            g, grid, input_shape, interpolation_mode, padding_mode, align_corners
        ),
        grid=lambda g, input, grid, interpolation_mode, padding_mode, align_corners: sampler_grid(
            g, input, grid, interpolation_mode, padding_mode, align_corners
        ),
    )


@op(composed, namespace=FUNCTIONAL, composite=True)
def grid_sample(
    input: Array, grid: Array, mode: Word = "bilinear", padding_mode: Word = "zeros", align_corners: bool | None = None
) -> Any:
    """The input at points whose coordinates, between -1 and 1, the grid's last dim holds (x first)."""
    start = "nn.functional.grid_sample(): expected "
    if mode not in MODES:
        raise errors.bad_value(f"{start}mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode!s:.64}'")
    if padding_mode not in PADDINGS:
        raise errors.bad_value(
            f"{start}padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode!s:.64}'"
        )
    if align_corners is None:
        warn(CORNERS, level=6)
    count = 3 if len(input.shape) == 5 else 2
    sampler = grid_sampler_3d if count == 3 else grid_sampler_2d
    return sampler(input, grid, MODES.index(mode), PADDINGS.index(padding_mode), bool(align_corners))


# -- affine grids ---------------------------------------------------------------------------------------------------


def base_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the grid of points that an affine map moves."""
    theta, size = values[0], values[1]
    shape = (size[0], math.prod(size[2:]), len(size) - 1)
    return Estimate(values, [(shape, theta.dtype)], None, 0, math.prod(shape))


@op(base_rule, hidden=True)
def base_grid(theta: Array, size: Size, align_corners: bool) -> Any:
    """(N, points, axes + 1): each point's coordinates between -1 and 1, x first, and 1."""
    axes = size[2:]
    base = xp.ones((size[0], *axes, len(axes) + 1), theta.dtype)
    for axis, count in enumerate(axes):
        line = xp.linspace(-1, 1, count) if count > 1 else xp.zeros(1)
        if not align_corners:
            line = line * (count - 1) / count
        base[..., len(axes) - 1 - axis] = line.reshape((-1,) + (1,) * (len(axes) - axis - 1))
    return base.reshape(size[0], -1, len(axes) + 1)


def affine_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of affine_grid."""
    theta, _, size = values
    if theta.shape[0] != size[0]:
        axes = len(size) - 2
        raise errors.shape_mismatch(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, {axes + 1}] but got: "
            f"[{theta.shape[0]}, {axes + 1}]."
        )
    shape = (size[0], *size[2:], len(size) - 2)
    return Estimate(values, [(shape, theta.dtype)], None, 4 * math.prod(shape) * 8, 8 * math.prod(shape))


@op(affine_rule, hidden=True, node="AffineGridGeneratorBackward0")
def affine_points(theta: Array, base: Array, size: Size) -> Any:
    """The points of the base grid moved by each entry's affine map."""
    wide = xp.float32 if theta.dtype in HALF else theta.dtype
    made = xp.matmul(base.astype(wide, copy=False), theta.astype(wide, copy=False).swapaxes(1, 2))
    return made.reshape(size[0], *size[2:], len(size) - 2).astype(theta.dtype, copy=False)


affine_points.vjp(theta=lambda g, base: bmm(transpose(reshape(g, (*tuple(base.shape)[:2], -1)), 1, 2), base))


@op(composed, namespace=FUNCTIONAL, composite=True)
def affine_grid(theta: Array, size: Size, align_corners: bool | None = None) -> Any:
    """The grid, for grid_sample, of points that an affine map for each entry of the batch moves."""
    if align_corners is None:
        warn(CORNERS, level=6)
    if theta.dtype.kind in "biuc":
        name = dtypes.BY_NUMPY[getattr(theta.dtype, "numpy", theta.dtype)].name
        raise errors.bad_value(f"Expected theta to have floating point type, but got torch.{name}")
    shape, axes = tuple(theta.shape), len(size) - 2
    if axes not in (2, 3):
        raise errors.coded(
            NotImplementedError,
            "not_implemented",
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{tuple(size)}.",
        )
    if len(shape) != 3 or shape[1:] != (axes, axes + 1):
        raise errors.bad_value(
            f"Expected a batch of {axes}D affine matrices of shape Nx{axes}x{axes + 1} for size {tuple(size)}. Got "
            f"torch.Size({list(shape)})."
        )
    if align_corners and min(size[2:]) == 1:
        warn(UNIT_SIZE, level=6)
    elif min(size) <= 0:
        raise errors.bad_value(f"Expected non-zero, positive output size. Got {tuple(size)}")
    return affine_points(theta, base_grid(theta, size, bool(align_corners)), size)
