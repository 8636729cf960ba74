"""Differences, integrals by trapezoids, and numeric gradients of sampled functions."""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Data, Dims, Number
from engine.op import Op, is_number, op
from engine.ops.arithmetic import add, div, div_number, mul, sub
from engine.ops.compare import ne
from engine.ops.copies import copy_
from engine.ops.creation import zeros_like
from engine.ops.joining import cat
from engine.ops.reduction import sum_dim
from engine.ops.scans import cumsum
from engine.ops.views import narrow, select, view
from engine.rules import cast_bytes, default_dtype, normal_dims
from engine.tensor import check_dim


def numbered(op: Op, values: list[Any]) -> Estimate:
    """The rule of a product with a number, which promotes as an operand."""
    array, number = values
    dtype = dtypes.result_type([array, number], default_dtype()).numpy
    return Estimate(values, [(array.shape, dtype)], dtype, cast_bytes([array], dtype), array.size)


@op(numbered, hidden=True, node="MulBackward1")
def scale(input: Array, number: Number) -> Any:
    """The product with a number of a formula (torch's node for that differs)."""
    return input * number


scale.vjp(input=lambda g, number: scale(g, number.conjugate()))


def before(x: Any, dim: int) -> Any:
    """All but the last entry of a dim."""
    return narrow(x, dim, 0, x.shape[dim] - 1)


def after(x: Any, dim: int) -> Any:
    """All but the first entry of a dim."""
    return narrow(x, dim, 1, x.shape[dim] - 1)


def steps_of(name: str, y: Any, x: Any, dim: int) -> Any:
    """The distances of sample points, in a form that goes with the samples."""
    ndim, given = len(y.shape), len(x.shape)
    if given == 1:
        if x.shape[0] != y.shape[dim]:
            raise errors.shape_mismatch(f"{name}: There must be one `x` value for each sample point")
        if ndim != 1:
            x = view(x, tuple(x.shape[0] if at == dim else 1 for at in range(ndim)))
    elif given < ndim:
        x = view(x, (1,) * (ndim - given) + tuple(x.shape))
    return sub(after(x, dim), before(x, dim))


def check_points(name: str, y: Any, x: Any = None) -> None:
    """Raise RuntimeError for bools."""
    if y.dtype.kind == "b" or (x is not None and x.dtype.kind == "b"):
        which = "`y`" if x is None else "`x` or `y`"
        raise errors.dtype_mismatch(f"{name}: received a bool input for {which}, but bool is not supported")


def check_line(y: Any, dim: int) -> int:
    """A dim of the samples from the front.

    Raises IndexError for one that is not there.
    """
    if not y.shape:
        raise errors.bad_index(f"Dimension specified as {dim} but tensor has no dimensions")
    return check_dim(dim, len(y.shape))


def real_step(name: str, dx: Any) -> Any:
    """A step as a real number.

    Raises RuntimeError for another.
    """
    if isinstance(dx, (bool, complex)):
        raise errors.bad_argument(f"{name}: Currently, we only support dx as a real number.")
    return dx


def no_area(y: Any, dim: int) -> Any:
    """The integral over no points: zeros that depend on nothing."""
    shape = (*y.shape[:dim], *y.shape[dim + 1 :])
    return y.new_zeros(shape) if hasattr(y, "_array") else Meta(shape, y.dtype)


@op(composed, composite=True, method=False)
def trapezoid(y: Array, x: Array, *, dim: int = -1) -> Any:
    """The integral along a dim by the trapezoid rule, over points `x`."""
    dim = check_line(y, check_dim(dim, len(y.shape)))
    if y.shape[dim] == 0:
        return no_area(y, dim)
    check_points("trapezoid", y, x)
    sums = add(before(y, dim), after(y, dim))
    return div_number(sum_dim(mul(sums, steps_of("trapezoid", y, x, dim)), (dim,), False), 2)


@op(composed, name="trapezoid", composite=True, method=False)
def trapezoid_evenly(y: Array, *, dx: Number = 1, dim: int = -1) -> Any:
    """The integral along a dim by the trapezoid rule, over steps of `dx`."""
    dim = check_line(y, dim)
    if y.shape[dim] == 0:
        return no_area(y, dim)
    check_points("trapezoid", y)
    dx = real_step("trapezoid", dx)
    ends = add(select(y, dim, 0), select(y, dim, -1))
    return scale(sub(sum_dim(y, (dim,), False), scale(ends, 0.5)), dx)


@op(composed, composite=True, method=False)
def trapz(y: Array, x: Array, *, dim: int = -1) -> Any:
    """The integral along a dim by the trapezoid rule: `trapezoid`."""
    return trapezoid(y, x, dim=dim)


@op(composed, name="trapz", composite=True, method=False)
def trapz_evenly(y: Array, *, dx: float = 1, dim: int = -1) -> Any:
    """The integral along a dim by the trapezoid rule: `trapezoid`."""
    return trapezoid_evenly(y, dx=dx, dim=dim)


def check_slices(y: Any, dim: int) -> int:
    """A dim of the samples from the front.

    Raises IndexError for one that is not there.
    """
    dim = check_dim(dim, len(y.shape))
    if not y.shape:
        raise errors.bad_index("slice() cannot be applied to a 0-dim tensor.")
    return dim


@op(composed, composite=True, method=False)
def cumulative_trapezoid(y: Array, x: Array, *, dim: int = -1) -> Any:
    """The running integral along a dim by the trapezoid rule, over points `x`."""
    dim = check_dim(dim, len(y.shape))
    check_points("cumulative_trapezoid", y, x)
    if len(x.shape) == 1:
        check_line(y, dim)
    dim = check_slices(y, dim)
    if y.shape[dim] == 0 and tuple(x.shape) in ((0,), tuple(y.shape)):
        return scale(cumsum(y, dim), 0.5)
    steps = steps_of("cumulative_trapezoid", y, x, dim)
    sums = add(before(y, dim), after(y, dim))
    return div_number(cumsum(mul(sums, steps), dim), 2)


@op(composed, name="cumulative_trapezoid", composite=True, method=False)
def cumulative_trapezoid_evenly(y: Array, *, dx: Number = 1, dim: int = -1) -> Any:
    """The running integral along a dim by the trapezoid rule, over steps of `dx`."""
    check_dim(dim, len(y.shape))
    check_points("cumulative_trapezoid", y)
    dx = real_step("cumulative_trapezoid", dx)
    dim = check_slices(y, dim)
    sums = add(before(y, dim), after(y, dim)) if y.shape[dim] else y
    return cumsum(scale(sums, dx / 2), dim)


@op(composed, composite=True)
def diff(input: Array, n: int = 1, dim: int = -1, prepend: Array | None = None, append: Array | None = None) -> Any:
    """The differences of neighbours along a dim, `n` times over."""
    ndim = len(input.shape)
    if ndim == 0:
        raise errors.shape_mismatch("diff expects input to be at least one-dimensional")
    if n < 0:
        raise errors.bad_argument(f"order must be non-negative but got {n}")
    for each in (prepend, append):
        if each is not None and len(each.shape) != ndim:
            raise errors.shape_mismatch("diff expects prepend or append to be the same dimension as input")
        if each is not None:
            check_ends(input, each, check_dim(dim, ndim))
    if n == 0:
        return copy_(zeros_like(input), input)
    dim = check_dim(dim, ndim)
    parts = [each for each in (prepend, input, append) if each is not None]
    result = cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, result.shape[dim])):
        if result.dtype.kind == "b":
            result = ne(after(result, dim), before(result, dim))
        else:
            result = sub(after(result, dim), before(result, dim))
    return result


def check_ends(input: Any, end: Any, dim: int) -> None:
    """Raise RuntimeError unless an end has the input's sizes but along the dim."""
    for at, (have, want) in enumerate(zip(end.shape, input.shape, strict=True)):
        if at != dim and have != want:
            raise errors.shape_mismatch(
                f"diff expects the shape of tensor to prepend or append to match that of input except along the "
                f"differencing dimension; input.size({at}) = {want}, but got tensor.size({at}) = {have}"
            )


# -- gradient --------------------------------------------------------------------------------------------------------


@op(composed, composite=True, method=False, returns_list=True)
def gradient(input: Array, *, spacing: Data = None, dim: Dims | None = None, edge_order: int = 1) -> Any:
    """The gradient of a sampled function along each dim, by central differences within and one-sided ones at the ends.

    `spacing`: the distance of samples, one for each dim, or their coordinates as vectors.
    """
    ndim = len(input.shape)
    spacing = checked_spacing(spacing, dim)
    several = isinstance(spacing, list)
    count = ndim if dim is None else len(dim)
    if several and len(spacing) != count:
        raise errors.bad_argument(spacing_text(ndim, len(spacing), None if dim is None else count))
    check_edges(input, edge_order)
    dims = normal_dims(dim, ndim) if dim else None
    if dims is None:
        dims = tuple(range(ndim)) if dim is None or len(dim) else ()
    spacings = list(spacing) if several else [spacing] * len(dims)
    check_gradient(input, spacings, dims, edge_order)
    results = []
    for at, step in zip(dims, spacings, strict=True):
        if hasattr(step, "shape"):
            results.append(uneven(input, step, at, edge_order))
        else:
            results.append(even(input, step, at, edge_order))
    return tuple(results)


def checked_spacing(spacing: Any, dim: Any) -> Any:
    """A spacing as a number, or as a list of numbers or of tensors.

    Raises TypeError for another.
    """
    if spacing is None or is_number(spacing):
        return 1 if spacing is None else spacing
    if isinstance(spacing, (list, tuple)):
        if all(is_number(each) for each in spacing):
            return list(spacing)
        for at, each in enumerate(spacing):
            if not hasattr(each, "shape"):
                raise errors.bad_type(f"expected Tensor as element {at} in argument 1, but got {type(each).__name__}")
        return list(spacing)
    if hasattr(spacing, "_array") and not spacing.shape:
        return spacing.item()
    along = "" if dim is None else f"dim={'int' if len(dim) == 1 else 'tuple'}, "
    kind = type(spacing).__name__
    raise errors.bad_type(
        f"gradient() received an invalid combination of arguments - got (Tensor, {along}spacing={kind})"
    )


def spacing_text(ndim: int, count: int, dims: int | None) -> str:
    """torch's text for a number of spacings that does not go with the dims."""
    if dims is None:
        return (
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{ndim}', since dim argument was not given, but got a list of length {count}"
        )
    return (
        "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the "
        f"same length, but got a spacing argument of length {count} and a dim argument of length {dims}."
    )


def check_edges(input: Any, edge_order: int) -> None:
    """Raise RuntimeError for an order or a dtype that there is no gradient of."""
    if input.dtype.kind == "u" and input.dtype.itemsize == 1:
        raise errors.dtype_mismatch("torch.gradient does not support uint8 input.")
    if edge_order not in (1, 2):
        raise errors.bad_argument("torch.gradient only supports edge_order=1 and edge_order=2.")


def check_gradient(input: Any, spacings: list[Any], dims: Any, edge_order: int) -> None:
    """Raise RuntimeError with torch's texts for arguments of gradient that do not fit each other."""
    for at, step in zip(dims, spacings, strict=True):
        if input.shape[at] < edge_order + 1:
            raise errors.shape_mismatch("torch.gradient expected each dimension size to be at least edge_order+1")
        if hasattr(step, "shape") and len(step.shape) != 1:
            raise errors.shape_mismatch(
                f"torch.gradient expected each element of spacing to have one dimension, but got an element with "
                f"{len(step.shape)} dimensions!"
            )
        if hasattr(step, "shape") and step.shape[0] != input.shape[at]:
            raise errors.shape_mismatch(
                "torch.gradient expected each element of spacing to have the same number of elements as the dimension"
            )


def part(x: Any, dim: int, start: int, length: int) -> Any:
    """Entries of a dim from `start` on, counted from the end where negative."""
    return narrow(x, dim, start if start >= 0 else x.shape[dim] + start, length)


def even(x: Any, step: Any, dim: int, edge_order: int) -> Any:
    """The derivative along a dim by a constant step."""
    size = x.shape[dim]
    center = div_number(sub(part(x, dim, 2, size - 2), part(x, dim, 0, size - 2)), 2) if size > 2 else None
    if edge_order == 1:
        first = sub(part(x, dim, 1, 1), part(x, dim, 0, 1))
        last = sub(part(x, dim, -1, 1), part(x, dim, -2, 1))
    else:
        first = sub(add(scale(part(x, dim, 0, 1), -1.5), scale(part(x, dim, 1, 1), 2)), scale(part(x, dim, 2, 1), 0.5))
        last = add(sub(scale(part(x, dim, -1, 1), 1.5), scale(part(x, dim, -2, 1), 2)), scale(part(x, dim, -3, 1), 0.5))
    parts = [first, center, last] if center is not None else [first, last]
    return cat([div(each, step) if isinstance(step, complex) else div_number(each, step) for each in parts], dim)


def uneven(x: Any, points: Any, dim: int, edge_order: int) -> Any:
    """The derivative along a dim by sample points."""
    size = x.shape[dim]
    steps = sub(part(points, 0, 1, size - 1), part(points, 0, 0, size - 1))
    if size > 2:
        left, right = part(steps, 0, 0, size - 2), part(steps, 0, 1, size - 2)
        both = add(left, right)
        a = div(scale(right, -1), mul(left, both))
        b = div(sub(right, left), mul(left, right))
        c = div(left, mul(right, both))
        shape = tuple(size - 2 if at == dim else 1 for at in range(len(x.shape)))
        a, b, c = (view(each, shape) for each in (a, b, c))
        center = add(
            add(mul(a, part(x, dim, 0, size - 2)), mul(b, part(x, dim, 1, size - 2))),
            mul(c, part(x, dim, 2, size - 2)),
        )
    if edge_order == 1:
        first = div(sub(part(x, dim, 1, 1), part(x, dim, 0, 1)), part(steps, 0, 0, 1))
        last = div(sub(part(x, dim, -1, 1), part(x, dim, -2, 1)), part(steps, 0, size - 2, 1))
        return cat([first, center, last] if size > 2 else [first, last], dim)
    h, k = select(steps, 0, 0), select(steps, 0, 1)
    first = one_sided(x, dim, (0, 1, 2), h, k, -1)
    h, k = select(steps, 0, size - 2), select(steps, 0, size - 3)
    return cat([first, center, one_sided(x, dim, (-1, -2, -3), h, k, 1)], dim)


def one_sided(x: Any, dim: int, places: Any, h: Any, k: Any, sign: int) -> Any:
    """The derivative at an end by its three last points, `h` and `k` apart, to second order."""
    both = add(h, k)
    a = scale(div(add(scale(h, 2), k), mul(h, both)), sign)
    b = scale(div(both, mul(h, k)), -sign)
    c = scale(div(h, mul(k, both)), sign)
    terms = [mul(weight, part(x, dim, at, 1)) for weight, at in zip((a, b, c), places, strict=True)]
    return add(add(terms[0], terms[1]), terms[2])
