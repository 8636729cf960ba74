"""Random numbers: drawn in place, or by tensors of parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.generator import room
from engine.infer import Estimate
from engine.kinds import Array, DeviceLike, Dtype, Random, Size
from engine.modes import warn
from engine.op import Op, op
from engine.ops.arithmetic import NOT_THERE
from engine.ops.creation import checked_size, factory, stream, zeros_like
from engine.rules import LARGEST_HALF, broadcast, default_dtype
from engine.shapes import expanded

MANTISSA = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


def drawn(op: Op, values: list[Any], shape: Any, dtype: Any, held: int) -> Estimate:
    """The estimate of random numbers: `held` bytes for each on the way, those of the result among them."""
    size = math.prod(shape)
    rest = held if op.inplace_only else max(held - dtype.itemsize, 1)
    return Estimate(values, [(tuple(shape), dtype)], None, rest * size, 20 * size, shared=op.inplace_only)


def twice(dtype: Any) -> int:
    """The bytes for a number that is drawn, then scaled: half types as float32, complex ones part by part."""
    return int(4 * dtype.itemsize if dtype.kind == "c" else 2 * max(dtype.itemsize, 4))


def in_place(check: Any, held: int | None = None, missing: Any = None) -> Any:
    """The rule of drawing into a tensor.

    `check` refuses parameters, `missing` dtypes that there is no kernel for, which no tensor without elements needs.
    """

    def rule(op: Op, values: list[Any]) -> Estimate:
        array = values[0]
        dtype = dtypes.BY_NUMPY[array.dtype]
        check(dtype, *values[1:-1])
        if array.size and missing is not None:
            missing(dtype)
        return drawn(op, values, array.shape, array.dtype, twice(array.dtype) if held is None else held)

    return rule


def no_gradient(*made: Op) -> None:
    """Random numbers do not depend on what stood there before: their gradient is zero."""
    for each in made:
        each.vjp(input=lambda g: zeros_like(g))


def refuse(wrong: bool, text: str) -> None:
    """Raise RuntimeError if something is wrong."""
    if wrong:
        raise errors.bad_argument(text)


def only_floats(dtype: dtypes.DType, kernel: str, complex_too: bool = False) -> None:
    """Raise NotImplementedError for dtypes without a kernel."""
    if not (dtype.is_floating_point or (complex_too and dtype.is_complex)):
        raise errors.not_implemented_for(kernel, dtype.type_name)


# -- in place -------------------------------------------------------------------------------------------------------


def check_std(std: float) -> None:
    """Raise RuntimeError for a negative deviation, or NaN."""
    refuse(not std >= 0, f"normal expects std >= 0.0, but found std {std:g}")


def no_normal(dtype: dtypes.DType) -> None:
    """Which dtypes there are no normal numbers of."""
    only_floats(dtype, "normal_kernel_cpu", True)


@op(in_place(lambda dtype, mean, std: check_std(std), missing=no_normal), inplace_only=True, function=False)
def normal_(input: Array, mean: float = 0.0, std: float = 1.0, *, generator: Random | None = None) -> Any:
    """Fill with normal numbers; `mean` is that of each part of a complex one."""
    made = xp.asarray(stream(generator).normal(input.shape, input.dtype))
    made *= input.dtype.type(std)
    made += input.dtype.type(both(mean, input))
    return made


def both(number: float, input: Any) -> Any:
    """A number as either part of a complex one, for a complex array."""
    return complex(number, number) if input.dtype.kind == "c" else number


def check_uniform(dtype: dtypes.DType, low: float, high: float) -> None:
    """What uniform_ refuses."""
    if not dtype.differentiable:
        raise errors.not_implemented_for("check_uniform_bounds", dtype.type_name)
    part = dtype.to_real()
    most = LARGEST_HALF.get(part.numpy) or float(np.finfo(part.numpy).max)
    for name, each in (("from", low), ("to", high)):
        refuse(not -most <= each <= most, f"{name} is out of bounds for {part.cpp_name}")
    refuse(low > high, f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    refuse(
        high - low > most,
        f"uniform_ expects to-from <= std::numeric_limits<{part.type_name}>::max(), but found to={high:g} and "
        f"from={low:g} which result in to-from to exceed the limit",
    )


# `from` is a word of Python's: the parameter is put under torch's name below
@op(in_place(check_uniform), inplace_only=True, function=False)
def uniform_(input: Array, from_: float = 0.0, to: float = 1.0, *, generator: Random | None = None) -> Any:
    """Fill with uniform numbers in [from, to)."""
    made = xp.asarray(stream(generator).uniform(input.shape, input.dtype))
    made *= input.dtype.type(to - from_)
    made += input.dtype.type(both(from_, input))
    return made


def check_exponential(dtype: dtypes.DType, rate: float) -> None:
    """What exponential_ refuses."""
    refuse(not rate > 0, f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")


def no_exponential(dtype: dtypes.DType) -> None:
    """Which dtypes there are no exponential numbers of."""
    refuse(
        not dtype.is_floating_point,
        "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you "
        f"specified {dtype.type_name}",
    )


@op(in_place(check_exponential, 24, no_exponential), inplace_only=True, function=False, checks_cast=False)
def exponential_(input: Array, lambd: float = 1.0, *, generator: Random | None = None) -> Any:
    """Fill with exponential numbers of rate `lambd`."""
    return xp.asarray(stream(generator).exponential(input.shape) / lambd)


def check_geometric(dtype: dtypes.DType, p: float) -> None:
    """What geometric_ refuses."""
    refuse(not 0 < p < 1, f"geometric_ expects p to be in (0, 1), but got p={p:g}")


def no_geometric(dtype: dtypes.DType) -> None:
    """Which dtypes there are no counts of trials of."""
    if dtype.category in (dtypes.BOOL, dtypes.COMPLEX):
        raise errors.not_implemented_for("geometric_cpu", dtype.type_name)


@op(in_place(check_geometric, 24, no_geometric), inplace_only=True, function=False, checks_cast=False)
def geometric_(input: Array, p: float, *, generator: Random | None = None) -> Any:
    """Fill with how many trials of probability `p` it takes to succeed."""
    return xp.asarray(np.ceil(np.log(stream(generator).open_uniform(input.shape)) / math.log1p(-p)))


def check_cauchy(dtype: dtypes.DType, median: float, sigma: float) -> None:
    """What cauchy_ refuses."""
    refuse(not sigma > 0, f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    refuse(
        not dtype.is_floating_point,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you "
        f"specified {dtype.cpp_name}",
    )


@op(in_place(check_cauchy, 24), inplace_only=True, function=False)
def cauchy_(input: Array, median: float = 0.0, sigma: float = 1.0, *, generator: Random | None = None) -> Any:
    """Fill with Cauchy numbers."""
    return xp.asarray(median + sigma * np.tan(math.pi * (stream(generator).open_uniform(input.shape) - 0.5)))


def check_log_normal(dtype: dtypes.DType, mean: float, std: float) -> None:
    """What log_normal_ refuses."""
    refuse(not std > 0, f"log_normal_ expects std > 0.0, but found std={std:g}")


def no_log_normal(dtype: dtypes.DType) -> None:
    """Which dtypes there are no exponentials of normal numbers of."""
    only_floats(dtype, "log_normal_cpu")


@op(in_place(check_log_normal, 16, no_log_normal), inplace_only=True, function=False, checks_cast=False)
def log_normal_(input: Array, mean: float = 1.0, std: float = 2.0, *, generator: Random | None = None) -> Any:
    """Fill with exponentials of normal numbers."""
    return xp.asarray(np.exp(stream(generator).normal(input.shape, np.dtype(np.float64)) * std + mean))


def check_chance(dtype: dtypes.DType, p: Any) -> None:
    """Raise RuntimeError for a probability outside [0, 1]."""
    refuse(not 0 <= p <= 1, f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")


def no_bernoulli(dtype: dtypes.DType) -> None:
    """Which dtypes have no 0 and 1 of one probability."""
    if dtype.is_complex:
        raise errors.not_implemented_for("bernoulli_scalar_cpu_", dtype.type_name)


@op(in_place(check_chance, 5, no_bernoulli), inplace_only=True, function=False, node="BernoulliBackward2")
def bernoulli_(input: Array, p: float = 0.5, *, generator: Random | None = None) -> Any:
    """Fill with 1 with probability `p`, else 0."""
    return xp.asarray(stream(generator).bernoulli(float(p), input.shape))


def check_chances(p: Any) -> None:
    """Raise RuntimeError for a tensor of probabilities with one outside [0, 1]."""
    if isinstance(p, np.ndarray):
        wrong = bool(p.size) and not ((p >= 0) & (p <= 1)).all()
        refuse(
            wrong,
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If "
            "so, please report an enhancement request to PyTorch.)",
        )


def bernoulli_tensor_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of bernoulli_ by a tensor of probabilities."""
    array, p = values[0], values[1]
    if array.size and array.dtype.kind == "c":
        raise errors.not_implemented_for("bernoulli_tensor_cpu_self_", dtypes.BY_NUMPY[array.dtype].type_name)
    if array.size:
        only_floats(dtypes.BY_NUMPY[p.dtype], "bernoulli_tensor_cpu_p_")
    check_chances(p)
    expanded(p.shape, array.shape, dtypes.BY_NUMPY[p.dtype].tensor_type)
    return drawn(op, values, array.shape, array.dtype, 9)


@op(bernoulli_tensor_rule, name="bernoulli_", inplace_only=True, function=False, node="BernoulliBackward1")
def bernoulli_tensor_(input: Array, p: Array, *, generator: Random | None = None) -> Any:
    """Fill with 1 with each element's own probability, else 0."""
    source = stream(generator)
    return xp.asarray(source.uniform(input.shape, np.dtype(np.float64))) < p


def bernoulli_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of bernoulli: probabilities as the input."""
    array = values[0]
    kernel = "bernoulli_tensor_cpu_self_" if array.dtype.kind == "c" else "bernoulli_tensor_cpu_p_"
    if array.size:
        only_floats(dtypes.BY_NUMPY[array.dtype], kernel)
    check_chances(array)
    return drawn(op, values, array.shape, array.dtype, 9)


@op(bernoulli_rule)
def bernoulli(input: Array, *, generator: Random | None = None) -> Any:
    """1 with the probability each element says, else 0."""
    source = stream(generator)
    return (xp.asarray(source.uniform(input.shape, np.dtype(np.float64))) < input).astype(input.dtype)


def bernoulli_number_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of bernoulli with one probability."""
    array, p = values[0], values[1]
    check_chance(dtypes.BY_NUMPY[array.dtype], p)
    if array.size:
        no_bernoulli(dtypes.BY_NUMPY[array.dtype])
    return drawn(op, values, array.shape, array.dtype, 5)


@op(bernoulli_number_rule, name="bernoulli", node=NOT_THERE)
def bernoulli_number(input: Array, p: float, *, generator: Random | None = None) -> Any:
    """1 with probability `p`, else 0, in the input's form."""
    return xp.asarray(stream(generator).bernoulli(float(p), input.shape)).astype(input.dtype)


def whole_range(dtype: dtypes.DType) -> int:
    """How many integers random_ draws from by itself: those the dtype holds exactly."""
    if dtype.is_floating_point:
        return (1 << MANTISSA[dtype.name]) + 1
    if dtype.category == dtypes.BOOL:
        return 2
    return min(int(np.iinfo(dtype.numpy).max) + 1, 2**63 - 1)


def check_range(dtype: dtypes.DType, low: int, high: int) -> None:
    """Raise RuntimeError for integers in [low, high) that the dtype does not hold; warn if not all of them exactly."""
    refuse(low >= high, f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    refuse(dtype.is_complex, "check_random_bounds handles only integral, floating-point and boolean types")
    if dtype.is_floating_point:
        most: float = LARGEST_HALF.get(dtype.numpy) or float(np.finfo(dtype.numpy).max)
        least = -most
    elif dtype.category == dtypes.BOOL:
        least, most = 0, 1
    else:
        least, most = int(np.iinfo(dtype.numpy).min), int(np.iinfo(dtype.numpy).max)
    ends = (("from", low), ("to - 1", high - 1))
    for name, each in ends:
        refuse(not least <= each <= most, f"{name} is out of bounds for {dtype.cpp_name}")
    bits = MANTISSA.get(dtype.name, 63)
    for name, each in ends if dtype.is_floating_point else ():
        if abs(each) > 1 << bits:
            warn(
                f"{name} is out of bounds [-(2^{bits}), 2^{bits}]. Due to precision limitations {dtype.cpp_name} can "
                "support discrete uniform distribution only within this range. This warning will become an error in "
                "version 1.7 release, please fix the code in advance",
                level=8,
            )


def random_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of random_ between bounds."""
    array, low, high, generator = values
    dtype = dtypes.BY_NUMPY[array.dtype]
    check_range(dtype, low, low + 1 if high is None else high)
    if high is None:
        high = whole_range(dtype)
        refuse(low >= high, f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return drawn(op, [array, low, high, generator], array.shape, array.dtype, 8 + array.dtype.itemsize)


@op(random_rule, inplace_only=True, function=False, checks_cast=False, node="RandomBackward0")
def random_(input: Array, from_: int, to: int | None, *, generator: Random | None = None) -> Any:
    """Fill with integers in [from, to)."""
    return xp.asarray(stream(generator).integers(from_, to, input.shape).astype(input.dtype))


def random_below_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of random_ below a bound."""
    check_range(dtypes.BY_NUMPY[values[0].dtype], 0, values[1])
    return drawn(op, values, values[0].shape, values[0].dtype, 8 + values[0].dtype.itemsize)


@op(random_below_rule, name="random_", inplace_only=True, function=False, checks_cast=False, node="RandomBackward1")
def random_below_(input: Array, to: int, *, generator: Random | None = None) -> Any:
    """Fill with integers in [0, to)."""
    return xp.asarray(stream(generator).integers(0, to, input.shape).astype(input.dtype))


def random_all_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of random_ over all integers of the dtype."""
    dtype = dtypes.BY_NUMPY[values[0].dtype]
    if dtype.is_complex and values[0].size:
        raise errors.not_implemented_for("random_kernel_cpu", dtype.type_name)
    return drawn(op, values, values[0].shape, values[0].dtype, 8 + values[0].dtype.itemsize)


@op(random_all_rule, name="random_", inplace_only=True, function=False, checks_cast=False, node="RandomBackward2")
def random_all_(input: Array, *, generator: Random | None = None) -> Any:
    """Fill with integers from 0 to the largest that the dtype holds exactly."""
    top = whole_range(dtypes.BY_NUMPY[input.dtype]) if input.size else 1
    return xp.asarray(stream(generator).integers(0, top, input.shape).astype(input.dtype))


no_gradient(
    normal_, uniform_, exponential_, geometric_, cauchy_, log_normal_, bernoulli_, bernoulli_tensor_, bernoulli,
    random_, random_below_, random_all_,
)  # fmt: skip
bernoulli_tensor_.vjp(p=lambda g, p: zeros_like(p))
bernoulli_number.vjp(input=lambda g: no_bernoulli_derivative(g))
for _op in (uniform_, random_):
    _op.params[1].name = "from"
    for _names in (_op.index, _op.keywords):
        _names["from"] = _names.pop("from_")


def no_bernoulli_derivative(g: Any) -> Any:
    """torch has no derivative of bernoulli with a number."""
    raise errors.underived("bernoulli")


# -- by tensors -----------------------------------------------------------------------------------------------------


def normal_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of normal: means and deviations broadcast."""
    mean, std = values[0], values[1]
    tensors = [each for each in (mean, std) if hasattr(each, "shape")]
    if hasattr(std, "shape"):
        refuse(std.dtype.kind == "c", "normal expects standard deviation to be non-complex")
        if isinstance(std, np.ndarray):
            refuse(bool(std.size) and not (std >= 0).all(), "normal expects all elements of std >= 0.0")
    else:
        check_std(std)
    dtype = dtypes.BY_NUMPY[tensors[0].dtype]
    shape = broadcast(*[each.shape for each in tensors])
    if 0 not in shape:
        no_normal(dtype)
    return drawn(op, values, shape, dtype.numpy, twice(dtype.numpy))


def spread(mean: Any, std: Any, shape: Any, dtype: Any, generator: Any) -> Any:
    """Normal numbers of these means and deviations."""
    return (xp.asarray(stream(generator).normal(shape, dtype)) * std + mean).astype(dtype, copy=False)


@op(normal_rule, node="NormalBackward3", method=False, real_grad="normal")
def normal(mean: Array, std: Array, *, generator: Random | None = None) -> Any:
    """Normal numbers, each of its own mean and deviation."""
    return spread(mean, std, xp.broadcast_shapes(mean.shape, std.shape), mean.dtype, generator)


@op(normal_rule, name="normal", node="NormalBackward1", method=False, real_grad="normal")
def normal_around(mean: Array, std: float = 1.0, *, generator: Random | None = None) -> Any:
    """Normal numbers, each of its own mean."""
    return spread(mean, mean.dtype.type(std), mean.shape, mean.dtype, generator)


@op(normal_rule, name="normal", node="NormalBackward2", method=False, real_grad="normal")
def normal_within(mean: float, std: Array, *, generator: Random | None = None) -> Any:
    """Normal numbers, each of its own deviation."""
    return spread(std.dtype.type(mean), std, std.shape, std.dtype, generator)


normal.vjp(mean=lambda g: zeros_like(g), std=lambda g: zeros_like(g))
normal_around.vjp(mean=lambda g: zeros_like(g))
normal_within.vjp(std=lambda g: zeros_like(g))


def normal_size_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of normal with a size."""
    size = checked_size(values[2])
    check_std(values[1])
    estimate = factory(op, [*values[:2], size, *values[3:]], size, default_dtype())
    dtype = estimate.values[op.index["dtype"]]
    if 0 not in size:
        no_normal(dtype)
    estimate.temporaries += room(dtype.numpy) * math.prod(size)
    return estimate


@op(normal_size_rule, name="normal", method=False, leaf=True)
def normal_of_size(
    mean: float,
    std: float,
    size: Size,
    *,
    generator: Random | None = None,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """Normal numbers of one mean and deviation."""
    drawn = xp.asarray(stream(generator).normal(size, dtype.numpy))
    drawn *= dtype.numpy.type(std)
    drawn += dtype.numpy.type(both(mean, drawn))
    return drawn
