"""Factories: tensors from sizes and numbers.

They are leaves; `requires_grad=True` makes one that gradients flow to. Kernels give host arrays, which
`engine.apply` puts on the device asked for.
"""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.generator import room
from engine.infer import Estimate
from engine.kinds import INT64_MAX, Array, DeviceLike, Dtype, Number, Operand, Random, Size
from engine.modes import state
from engine.op import Op, is_number, op
from engine.rules import Shape, check_number, default_dtype, is_complex, stored


def checked_size(size: Any) -> Shape:
    """A size without negative entries.

    Raises RuntimeError with torch's text.
    """
    for each in size:
        if each < 0:
            raise errors.shape_mismatch(f"Trying to create tensor with negative dimension {each}: {list(size)}")
    return tuple(size)


def factory(op: Op, values: list[Any], shape: Shape, fallback: dtypes.DType) -> Estimate:
    """The estimate of a factory: shape given, dtype as asked or the fallback."""
    index = op.index
    dtype = values[index["dtype"]] or fallback
    if values[index["requires_grad"]] and not dtype.differentiable:
        raise errors.dtype_mismatch("Only Tensors of floating point and complex dtype can require gradients")
    values = list(values)
    values[index["dtype"]] = dtype
    return Estimate(values, [(shape, dtype.numpy)], None, 0, math.prod(shape))


def by_size(op: Op, values: list[Any]) -> Estimate:
    """The rule of factories that take a size."""
    if op is zeros and [each for each in values[0] if each < 0]:
        raise errors.shape_mismatch("zeros: Dimension size must be non-negative.")
    size = values[0]
    if size and min(size) < 0:
        checked_size(size)  # tells which
    return factory(op, values, size, default_dtype())


def by_size_and_value(op: Op, values: list[Any]) -> Estimate:
    """The rule of full: the value's dtype unless one is asked for."""
    size, value = checked_size(values[0]), values[1]
    return filled(factory(op, [size, *values[1:]], size, dtypes.number_dtype(value, default_dtype())), value)


def filled(estimate: Estimate, value: Any) -> Estimate:
    """The estimate.

    Raises RuntimeError unless its dtype can hold a value.
    """
    stored(value, estimate.outputs[0][1])
    return estimate


def full_like_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of full_like."""
    return filled(like(op, values), values[1])


def like(op: Op, values: list[Any]) -> Estimate:
    """The rule of `*_like`: shape and dtype of the input.

    Raises TypeError for a memory format that there is not.
    """
    array = values[0]
    form = values[op.index["memory_format"]]
    if form is not None and form.removeprefix("torch.") not in ("contiguous_format", "preserve_format"):
        raise errors.bad_type(f"{op.said}(): argument 'memory_format' must be torch.memory_format, not str")
    return factory(op, values, array.shape, dtypes.BY_NUMPY[array.dtype])


@op(by_size, method=False, leaf=True)
def zeros(size: Size, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False) -> Any:
    """A tensor of zeros."""
    return xp.zeros(size, dtype.numpy)


@op(by_size, method=False, leaf=True)
def ones(size: Size, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False) -> Any:
    """A tensor of ones."""
    out = xp.empty(size, dtype.numpy)
    out.fill(1)  # a third of the time of xp.ones
    return out


@op(by_size, method=False, leaf=True)
def empty(size: Size, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False) -> Any:
    """A tensor to be filled: zeros here, so that no old memory shows."""
    return xp.zeros(size, dtype.numpy)


@op(by_size_and_value, method=False, leaf=True)
def full(
    size: Size,
    fill_value: Number,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """A tensor of one value."""
    return xp.full(size, arrays.scalar(real_of(fill_value, dtype.numpy), dtype.numpy)[()], dtype.numpy)


def real_of(value: Any, dtype: Any) -> Any:
    """A number for a dtype, which may have no imaginary part: `filled` let only 0 pass."""
    return value.real if isinstance(value, complex) and dtype.kind != "c" else value


def order_of(input: Any, memory_format: str | None) -> str:
    """NumPy's name of a new array's layout: the input's, unless another is asked for or it repeats elements."""
    plain = memory_format is not None and "contiguous" in memory_format
    return "C" if plain or arrays.overlaps_itself(input) else "K"


@op(like, method=False, leaf=True)
def zeros_like(
    input: Array,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Any:
    """Zeros of the input's shape, dtype and device."""
    return xp.zeros_like(input, dtype and dtype.numpy, order_of(input, memory_format))


@op(like, method=False, leaf=True)
def ones_like(
    input: Array,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Any:
    """Ones of the input's shape, dtype and device."""
    return xp.ones_like(input, dtype and dtype.numpy, order_of(input, memory_format))


@op(like, method=False, leaf=True)
def empty_like(
    input: Array,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Any:
    """A tensor of the input's shape to be filled: zeros here."""
    return xp.zeros_like(input, dtype and dtype.numpy, order_of(input, memory_format))


@op(full_like_rule, method=False, leaf=True)
def full_like(
    input: Array,
    fill_value: Number,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Any:
    """One value in the input's shape, dtype and device."""
    wanted = input.dtype if dtype is None else dtype.numpy
    value = arrays.scalar(real_of(fill_value, wanted), wanted)[()]
    return xp.full_like(input, value, wanted, order_of(input, memory_format))


def arange_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of arange: int64 if all bounds are integers."""
    start, end, step = values[:3]
    count, fallback = ramp_of(start, end, step, values[op.index["dtype"]])
    return counted(factory(op, values, (count,), fallback))


def counted(estimate: Estimate) -> Estimate:
    """The estimate of a range.

    Raises NotImplementedError for bools and complex numbers.
    """
    if estimate.outputs[0][1].kind in "bc":
        raise errors.not_implemented_for("arange_cpu", dtypes.BY_NUMPY[estimate.outputs[0][1]].type_name)
    return estimate


def arange_end_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of arange with one bound."""
    count, fallback = ramp_of(0, values[0], 1, values[op.index["dtype"]])
    return counted(factory(op, values, (count,), fallback))


def ramp_of(start: Any, end: Any, step: Any, asked: dtypes.DType | None) -> tuple[int, dtypes.DType]:
    """The length of a range and its dtype where none is asked for; for int64 the bounds are cut to integers first.

    Raises RuntimeError with torch's texts for a step of 0 or of the wrong sign, and for bounds that are not finite.
    """
    for each in (start, end, step):
        if isinstance(each, complex):
            raise errors.bad_argument("value cannot be converted to type double without overflow")
        if each is not step and not math.isfinite(each):
            raise errors.bad_argument(f"unsupported range: {start:g} -> {end:g}")
        if isinstance(each, int) and each > INT64_MAX and (asked is None or asked is dtypes.int64):
            raise errors.bad_argument("value cannot be converted to type int64_t without overflow")
    if step == 0 or step != step:
        raise errors.bad_argument("step must be nonzero")
    if asked is dtypes.int64 and math.isfinite(step):
        start, end, step = int(start), int(end), int(step)
    if step == 0:
        raise errors.bad_value("step must be nonzero")  # cut to 0: another check of torch's
    if (end - start) * step < 0:
        raise errors.bad_argument("upper bound and lower bound inconsistent with step sign")
    if isinstance(start, int) and isinstance(end, int) and isinstance(step, int):
        return -((start - end) // step), dtypes.int64
    count = (end - start) / step
    if not count <= INT64_MAX:
        raise errors.bad_argument("invalid size, possible overflow?")
    return math.ceil(count), default_dtype()


def ramp(start: Any, end: Any, step: Any, dtype: dtypes.DType) -> Any:
    """The numbers of a range, each computed from its place so that errors do not add up."""
    count, kind = ramp_of(start, end, step, dtype)
    if dtype.category == dtypes.INTEGRAL:
        start, step = int(start), int(step)
    if abs(step) > INT64_MAX:
        step = float(step)
    places = xp.arange(count, dtype=xp.int64 if kind is dtypes.int64 else xp.float64)
    return (start + step * places).astype(dtype.numpy)


@op(arange_end_rule, name="arange", method=False, leaf=True)
def arange_end(end: Number, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False) -> Any:
    """The numbers from 0 to before `end`."""
    return ramp(0, end, 1, dtype)


@op(arange_rule, method=False, leaf=True)
def arange(
    start: Number,
    end: Number,
    step: Number = 1,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """The numbers from `start` to before `end`, `step` apart."""
    return ramp(start, end, step, dtype)


def check_ends(name: str, start: Any, end: Any) -> None:
    """Raise RuntimeError for ends that are tensors of dims, with torch's texts."""
    ends = [(what, each.ndim) for what, each in (("start", start), ("end", end)) if not is_number(each)]
    if any(ndim for _, ndim in ends):
        told = " and ".join(f"{what} with {ndim} dimension(s)" for what, ndim in ends)
        raise errors.bad_argument(f"{name} only supports 0-dimensional start and end tensors, but got {told}.")


def linspace_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of linspace."""
    start, end, steps = values[:3]
    check_ends("linspace", start, end)
    if steps < 0:
        raise errors.bad_argument("number of steps must be non-negative")
    dtype = values[op.index["dtype"]]
    if dtype is dtypes.bool_ and steps > 1:
        raise errors.not_implemented_for("linspace_cpu", "Bool")
    if is_complex(start) or is_complex(end):
        check_inferred("linspace", dtype)
        return factory(op, values, (steps,), default_dtype().to_complex())
    kind = dtype or default_dtype()
    for each in (start, end) if kind.category != dtypes.BOOL else ():
        if is_number(each):
            whole = kind.category == dtypes.INTEGRAL and math.isfinite(each)
            check_number(math.trunc(each) if whole else each, kind.numpy)
    return factory(op, values, (steps,), default_dtype())


def check_inferred(name: str, dtype: dtypes.DType | None) -> None:
    """Raise RuntimeError for a real dtype, asked for between complex ends."""
    if dtype is not None and not dtype.is_complex:
        raise errors.dtype_mismatch(
            f"torch.{name}(): inferred dtype {default_dtype().to_complex().cpp_name} can't be safely cast to passed "
            f"dtype {dtype.type_name}"
        )


def evenly(start: Any, end: Any, steps: int, dtype: dtypes.DType) -> Any:
    """Evenly spaced numbers, each counted from the nearer end; for an integer dtype the ends are cut first."""
    if dtype.category == dtypes.INTEGRAL:
        start, end = int(start), int(end)
    if steps == 1:
        return xp.asarray([start])
    places = xp.arange(steps)
    gap = (end - start) / (steps - 1) if steps else 0.0
    return xp.where(places < steps // 2, start + gap * places, end - gap * (steps - 1 - places))


@op(linspace_rule, method=False, leaf=True)
def linspace(
    start: Number,
    end: Number,
    steps: int,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """`steps` evenly spaced numbers from `start` to `end`, both included."""
    return evenly(start, end, steps, dtype).astype(dtype.numpy)


@op(linspace_rule, name="linspace", method=False, leaf=True)
def linspace_between(
    start: Operand,
    end: Operand,
    steps: int,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """The same between the values of 0-d tensors."""
    return evenly(number_of(start), number_of(end), steps, dtype).astype(dtype.numpy)


def number_of(value: Any) -> Any:
    """The Python number that an operand is or holds."""
    return value if is_number(value) else value.item()


def eye_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of eye."""
    n = values[0]
    m = n if values[1] is None else values[1]
    for name, each in (("n", n), ("m", m)):
        if each < 0:
            raise errors.bad_argument(f"{name} must be greater or equal to 0, got {each}")
    return factory(op, [n, m, *values[2:]], (n, m), default_dtype())


@op(eye_rule, method=False, leaf=True)
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """Ones on the diagonal, zeros elsewhere."""
    return xp.eye(n, m, dtype=dtype.numpy)


def stream(generator: Any) -> Any:
    """The generator to draw from; the undo log hears of it first."""
    ctx = state.ctx
    chosen = generator or ctx.generator
    if ctx.log is not None:
        ctx.log.generator(chosen)
    return chosen


def floating(rule: Any, name: str, empty: bool = False) -> Any:
    """A rule for floating results only; `empty`: for one without elements any dtype will do."""

    def checked(op: Op, values: list[Any]) -> Estimate:
        estimate: Estimate = rule(op, values)
        dtype = dtypes.BY_NUMPY[estimate.outputs[0][1]]
        if not dtype.differentiable and not (empty and 0 in estimate.outputs[0][0]):
            raise errors.not_implemented_for(name, dtype.type_name)
        shape = estimate.outputs[0][0]
        estimate.temporaries += room(dtype.numpy) * math.prod(shape)
        flags = getattr(values[0], "flags", None)
        if flags is not None and not flags.c_contiguous:
            estimate.temporaries = max(estimate.temporaries, estimate.output_bytes)  # drawn first, then laid out
        return estimate

    return checked


@op(floating(by_size, "check_uniform_bounds"), method=False, leaf=True)
def rand(
    size: Size,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """Uniform random numbers in [0, 1)."""
    return xp.asarray(stream(generator).uniform(size, dtype.numpy))


@op(floating(by_size, "normal_kernel_cpu", True), method=False, leaf=True)
def randn(
    size: Size,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """Standard normal random numbers."""
    return xp.asarray(stream(generator).normal(size, dtype.numpy))


def laid(drawn: Any, input: Any, memory_format: str | None) -> Any:
    """New numbers in the layout of the input, unless another is asked for."""
    if input.flags.c_contiguous or order_of(input, memory_format) == "C":
        return drawn
    out = xp.empty_like(input, drawn.dtype)
    out[...] = drawn
    return out


@op(floating(like, "check_uniform_bounds"), method=False, leaf=True)
def rand_like(
    input: Array,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Any:
    """Uniform random numbers in the input's shape, dtype and device."""
    drawn = xp.asarray(stream(generator).uniform(input.shape, dtype.numpy))
    return laid(drawn, input, memory_format)


@op(floating(like, "normal_kernel_cpu", True), method=False, leaf=True)
def randn_like(
    input: Array,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Any:
    """Standard normal random numbers in the input's shape, dtype and device."""
    drawn = xp.asarray(stream(generator).normal(input.shape, dtype.numpy))
    return laid(drawn, input, memory_format)
