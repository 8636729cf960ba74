"""Rules of the op families: from the shapes and dtypes of arguments to those of results, with torch's refusals.

A rule gets the op and its raw arguments (arrays or Metas, Python numbers, attributes) and answers with an `Estimate`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.infer import Estimate
from engine.inplace import check_cast, check_shape
from engine.modes import state
from engine.op import Op, Rule, is_number
from engine.row_order import in_order
from engine.rowwise import room_along
from engine.tensor import check_dim

INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)
LARGEST_FLOAT, LARGEST_DOUBLE = (float(np.finfo(each).max) for each in (np.float32, np.float64))
LARGEST_HALF = {dtypes.float16.numpy: 65504.0, dtypes.bfloat16.numpy: (2 - 2**-7) * 2.0**127}
Shape = tuple[int, ...]
FUNCTIONAL = "nn.functional"  # the namespace of layers, activations and losses
FEW = 4096  # elements that need no look at how they lie


def is_complex(x: Any) -> bool:
    """True for complex arrays, tensors and numbers."""
    return isinstance(x, complex) if is_number(x) else x.dtype.kind == "c"


def broadcast(*shapes: Shape) -> Shape:
    """The shape that all broadcast to.

    Raises RuntimeError with torch's text naming the first dimension, from the right, that does not fit.
    """
    result = shapes[0]
    for shape in shapes[1:]:
        if shape != result:
            result = _broadcast_two(result, shape)
    return result


def _broadcast_two(a: Shape, b: Shape) -> Shape:
    if len(a) < len(b):
        wide, narrow = b, a
    else:
        wide, narrow = a, b
    out = list(wide)
    for at in range(1, len(narrow) + 1):
        size, other = wide[-at], narrow[-at]
        if size == 1:
            out[-at] = other
        elif other not in (1, size):
            raise errors.broadcast_mismatch(a, b)
    return tuple(out)


def shape_of(value: Any) -> Shape:
    """The shape of an operand; a Python number's is ()."""
    return () if is_number(value) else value.shape


def operands(op: Op, values: list[Any]) -> list[Any]:
    """The arguments in the places of tensors that are not None."""
    return [values[at] for at in op.tensor_at if values[at] is not None]


def default_dtype() -> dtypes.DType:
    """The current default floating dtype."""
    return state.ctx.default_dtype


def as_float(dtype: dtypes.DType) -> dtypes.DType:
    """The dtype itself if floating or complex, else the default floating dtype."""
    return dtype if dtype.differentiable else default_dtype()


def refuse_dtype(op: Op, dtype: dtypes.DType, refused: tuple[int, ...], kernel: str | None = None) -> None:
    """Raise NotImplementedError, as torch's kernels do, for a dtype of a category in `refused`."""
    if dtype.category in refused:
        raise errors.not_implemented_for(kernel or f"{op.name}_cpu", dtype.type_name)


def check_number(value: Any, dtype: Any) -> None:
    """Raise RuntimeError for a number, given beside tensors of this dtype, that the dtype cannot hold.

    Half types compute in float32: it counts what that holds.
    """
    if value in (0, 1):
        return
    if dtype.kind in "iu":
        top: float = int(np.iinfo(dtype).max)
        low = -top - 1 if dtype.kind == "i" else 0 if isinstance(value, float) else -top
        fits = not isinstance(value, complex) and low <= value <= top
    elif isinstance(value, complex):
        fits = dtype.kind == "c"
    else:
        top = LARGEST_DOUBLE if dtype.name in ("float64", "complex128") else LARGEST_FLOAT
        fits = dtype.kind == "b" or -top <= value <= top or not math.isfinite(value)
    if not fits:
        name = "float" if dtype in dtypes.HALF_TYPES else dtypes.BY_NUMPY[dtype].scalar_name
        raise errors.bad_argument(f"value cannot be converted to type {name} without overflow")


def stored(value: Any, dtype: Any) -> Any:
    """A number that is to be an element of a tensor of this dtype, as a real one where the dtype is.

    Raises RuntimeError for one that the dtype cannot hold.
    """
    if dtype.kind == "b":
        return bool(value)
    if isinstance(value, complex) and dtype.kind != "c" and not value.imag:
        value = value.real
    top = LARGEST_HALF.get(dtype)
    if top is not None and not isinstance(value, complex) and top < abs(value) < math.inf:
        name = dtypes.BY_NUMPY[dtype].cpp_name
        raise errors.bad_argument(f"value cannot be converted to type {name} without overflow")
    check_number(value, dtype)
    return value


def cast_bytes(arrays: list[Any], compute: Any) -> int:
    """The bytes of the copies that casting these operands to `compute` makes."""
    return sum(each.size * compute.itemsize for each in arrays if not is_number(each) and each.dtype != compute)


def relaid_bytes(args: list[Any], shape: Shape, dtype: Any) -> int:
    """The bytes of an elementwise result that is copied, for NumPy may lay it out otherwise than PyTorch does."""
    given = [each for each in args if not is_number(each) and each.ndim]
    if len(shape) < 2 or all(in_order(each) for each in given):
        return 0
    orders = {tuple(step // each.dtype.itemsize for step in each.strides) for each in given}
    alike = len(orders) == 1 and 0 not in next(iter(orders)) and all(each.shape == shape for each in given)
    return 0 if alike else int(math.prod(shape) * dtype.itemsize)


def weak(rule: Rule) -> Rule:
    """Mark a rule whose ops take a Python number in the place of any tensor (weak promotion)."""
    rule.weak = True  # type: ignore[attr-defined]  # functions take attributes at run time
    return rule


def elementwise(
    policy: str = "same", refuse: tuple[int, ...] = (), kernel: str | None = None, cost: int = 1, extra: int = 0
) -> Rule:
    """The rule of an op that works element by element on broadcast operands.

    `policy`: the result has the promoted dtype (`same`), that or the default floating dtype (`float`), or is bool
    (`bool`). `extra` is how many arrays of the result's size the kernel holds beside it. `refuse` lists categories of
    the promoted dtype there is no kernel for.
    """

    def rule(op: Op, values: list[Any]) -> Estimate:
        args = operands(op, values)
        dtype = dtypes.result_type(args, default_dtype())
        shape = broadcast(*[shape_of(each) for each in args])
        if refuse:
            if op.inplace_only:
                check_shape(shape, values[0].shape)
                if policy != "bool":
                    result = as_float(dtype) if policy == "float" else dtype
                    check_cast(result, dtypes.BY_NUMPY[values[0].dtype])
            refuse_dtype(op, dtype, refuse, kernel)
        if policy == "float":
            dtype = as_float(dtype)
        compute = dtype.numpy
        out = BOOL if policy == "bool" else compute
        size = math.prod(shape)
        held = cast_bytes(args, compute) + extra * size * compute.itemsize
        if size >= FEW:
            held = max(held, relaid_bytes(args, shape, out))
        return Estimate(values, [(shape, out)], compute, held, cost * size)

    return weak(rule)


def same_as_input(op: Op, values: list[Any]) -> Estimate:
    """The rule of a unary op that keeps shape and dtype, whatever the dtype."""
    array = values[0]
    if is_number(array):
        return Estimate(
            values,
            [((), dtypes.number_dtype(array, default_dtype()).numpy)],
            dtypes.number_dtype(array, default_dtype()).numpy,
        )
    return Estimate(values, [(array.shape, array.dtype)], None, 0, array.size)


# -- reductions -----------------------------------------------------------------------------------------------------


def normal_dims(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """The dims to reduce over, from the front and each once; None for all.

    Raises IndexError out of range, RuntimeError for a repeated dim.
    """
    if dim is None or dim == ():
        return None
    dims = tuple(check_dim(each, ndim) for each in ((dim,) if isinstance(dim, int) else dim))
    for at, each in enumerate(dims):
        if each in dims[:at]:
            raise errors.bad_argument(f"dim {each} appears multiple times in the list of dims")
    return dims if ndim else None


def reduced_shape(shape: Shape, dims: tuple[int, ...] | None, keepdim: bool) -> Shape:
    """The shape after reducing over the dims."""
    if dims is None:
        return (1,) * len(shape) if keepdim else ()
    if keepdim:
        return tuple(1 if at in dims else size for at, size in enumerate(shape))
    return tuple(size for at, size in enumerate(shape) if at not in dims)


def with_values(op: Op, values: list[Any], **changed: Any) -> list[Any]:
    """The arguments with some replaced by their normal form."""
    values = list(values)
    for name, value in changed.items():
        values[op.index[name]] = value
    return values


def argument(op: Op, values: list[Any], name: str, default: Any = None) -> Any:
    """An argument by its name, or `default` if the op has no such parameter."""
    at = op.index.get(name)
    return default if at is None else values[at]


def reduction(out: str = "same", refuse: tuple[int, ...] = (), kernel: str | None = None) -> Rule:
    """The rule of a reduction over `dim` (an int, several, or None for all) with `keepdim`.

    `out`: the result's dtype: the input's (`same`), int64 for integers and bools (`sum`), `float`, `index` (int64)
    or `bool`. A `dtype` argument overrides it.
    """

    def rule(op: Op, values: list[Any]) -> Estimate:
        array = values[0]
        dtype = dtypes.BY_NUMPY[array.dtype]
        asked = argument(op, values, "dtype")
        if refuse and asked is None:
            refuse_dtype(op, dtype, refuse, kernel)
        dims = normal_dims(argument(op, values, "dim"), array.ndim)
        keepdim = bool(argument(op, values, "keepdim", False))
        shape = reduced_shape(array.shape, dims, keepdim)
        result = asked or _reduced_dtype(dtype, out)
        compute = result.numpy if asked is not None or out in ("sum", "float") else None
        changed = {name: value for name, value in (("dim", dims), ("keepdim", keepdim)) if name in op.index}
        temporary = cast_bytes([array], compute) if compute is not None else 0
        temporary += 8 * math.prod(shape) if result.numpy in dtypes.HALF_TYPES else 0  # it is reduced in float32
        values = with_values(op, values, **changed)
        return Estimate(values, [(shape, result.numpy)], compute, temporary, array.size)

    return rule


def _reduced_dtype(dtype: dtypes.DType, out: str) -> dtypes.DType:
    if out == "sum":
        return dtype if dtype.differentiable else dtypes.int64
    if out == "float":
        return as_float(dtype)
    if out == "bool":
        return dtype if dtype is dtypes.uint8 else dtypes.bool_  # torch keeps its old mask type
    return dtypes.int64 if out == "index" else dtype


def moved_bytes(array: Any, dim: int | None) -> int:
    """The bytes of the copy in which NumPy brings a dim to the end, or lays all elements in a row; 0 without one."""
    sizes, strides = array.shape, array.strides
    if dim is not None and dim < len(sizes) - 1:
        sizes, strides = ((*each[:dim], *each[dim + 1 :], each[dim]) for each in (sizes, strides))
    expected = itemsize = array.dtype.itemsize
    for at in range(len(sizes) - 1, -1, -1):
        if strides[at] != expected and sizes[at] > 1:
            return int(array.size * itemsize)
        expected *= sizes[at]
    return 0


def along_dim(op: Op, values: list[Any]) -> Estimate:
    """The rule of `max(dim)` and its like: values and the int64 indices where they stand."""
    array = values[0]
    if array.dtype.kind == "c":
        raise errors.dtype_mismatch(f"{op.name}(): does not support complex input")
    dim = check_dim(argument(op, values, "dim"), array.ndim)
    if array.ndim and array.shape[dim] == 0:
        raise errors.bad_index(f"{op.name}(): Expected reduction dim {dim} to have non-zero size.")
    keepdim = bool(argument(op, values, "keepdim"))
    shape = reduced_shape(array.shape, (dim,), keepdim) if array.ndim else ()
    values = with_values(op, values, dim=dim, keepdim=keepdim)
    held = moved_bytes(array, dim) + 16 * math.prod(shape)
    return Estimate(values, [(shape, array.dtype), (shape, INT64)], None, held, array.size)


def softmax_like(op: Op, values: list[Any]) -> Estimate:
    """The rule of softmax and log_softmax: one floating dim."""
    array = values[0]
    dtype = dtypes.BY_NUMPY[array.dtype]
    dim = argument(op, values, "dim")
    if dim is None:
        dim = 0 if array.ndim in (0, 1, 3) else 1  # torch's implicit choice
    dim = check_dim(dim, array.ndim)
    if not dtype.is_floating_point and (array.size or dtype.is_complex):
        last = "_lastdim" if dim == max(array.ndim, 1) - 1 else ""
        name = op.name.removesuffix("_of").removeprefix("safe_")
        raise errors.not_implemented_for(f"{name}{last}_kernel_impl", dtype.type_name)
    values = with_values(op, values, dim=dim)
    compute = dtype.numpy
    in_order = array.dtype == compute and not moved_bytes(array, None)
    only_sums = op.name == "softmax_of"  # its logarithm holds the exponentials
    held = room_along(dim, array.shape, compute, 1, in_order, only_sums)
    return Estimate(values, [(array.shape, compute)], compute, held + cast_bytes([array], compute), 4 * array.size)


def roomy(rule: Rule, buffers: int, masks: int = 0, half: int = 0) -> Rule:
    """The rule of a kernel that holds `buffers` further arrays of its result's form (half types as float32).

    `masks` are arrays of bools beside these, `half` arrays of float32 that half types need more.
    """

    def with_room(op: Op, values: list[Any]) -> Estimate:
        estimate = rule(op, values)
        shape, dtype = estimate.outputs[0]
        wide = max(dtype.itemsize, 0 if estimate.compute is None else estimate.compute.itemsize)
        width = buffers * wide + masks
        if wide == 2 and dtype in dtypes.HALF_TYPES:
            width = 4 * (buffers + half) + masks
        estimate.temporaries += width * math.prod(shape)
        return estimate

    return weak(with_room) if getattr(rule, "weak", False) else with_room


def refusing(rule: Rule, categories: tuple[int, ...], text: str, kind: type[Exception] = RuntimeError) -> Rule:
    """The rule, refusing operands that promote to one of these categories with a text of its own."""

    def strict(op: Op, values: list[Any]) -> Estimate:
        if dtypes.result_type(operands(op, values), default_dtype()).category in categories:
            raise errors.coded(kind, "dtype_mismatch", text)
        return rule(op, values)

    return weak(strict) if getattr(rule, "weak", False) else strict
