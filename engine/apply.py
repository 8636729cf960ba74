"""The one door of every op: infer, ask the guard, cast, compute, wrap, record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors, lazy, recording
from engine.binding import bind
from engine.devices import CPU
from engine.infer import Estimate
from engine.layouts import as_operands
from engine.lazy import Lazy
from engine.modes import Context, state
from engine.op import Op, is_number
from engine.plans import plan_of
from engine.shapes import check_empty
from engine.tensor import InferenceCounter, Tensor, wrap
from engine.views import check_inplace, rebase, view_of

# May write one memory cell several times; `fill_` only with a number.
REPEATS = frozenset({"fill_", "zero_", "masked_fill_", "index_fill_", "tril_", "triu_"})


def apply(op: Op, values: list[Any]) -> Any:
    """Run an op on bound arguments: tensors, Python numbers in their place, and attributes.

    Returns the result tensor, a tuple or list of them, or whatever a composed op returns. Raises what the op's rule
    raises; nothing is computed or allocated before the rule has passed.
    """
    if op.composite:
        try:
            return op.run(*values)
        except MemoryError as error:
            raise _refusal(error) from None
    if op.number_form is not None and is_number(values[op.number_at]):
        op = op.number_form
    if op.small is not None:
        made = op.small(*values)
        if made is not None:
            return made
    ctx = state.ctx
    if ctx.recorder is not None:
        return ctx.recorder.apply(op, values)
    if op.shares and isinstance(values[0], Lazy):
        return lazy.apply(op, values)
    raw = values
    if op.tensor_at or not op.leaf:
        raw = [value._array if type(value) is Tensor else _unwrapped(value) for value in values]
    links = _check_inplace(op, values, ctx) if op.inplace_only else None
    estimate: Estimate = op.rule(op, raw)
    for shape, dtype in estimate.outputs:
        if len(shape) > 64:
            raise errors.shape_mismatch(f"tensor has too many (>64) dims: {len(shape)}")
        if 0 in shape:
            size = check_empty(shape, dtype.itemsize)
            if ctx.guard is not None:
                ctx.guard.result(op.wire_name, size)
    if ctx.guard is not None:
        ctx.guard.check(op, estimate)
    if links is not None:
        return _apply_inplace(op, values, raw, estimate, ctx, links)
    if op.leaf:
        return _leaf(op, values, _made(op, estimate), ctx)
    result = _compute(op, raw, estimate)
    return _finish(op, values, raw, result, estimate, ctx)


Op.door = staticmethod(apply)


PLAIN = frozenset((int, float, bool, type(None), tuple))  # what needs no unwrapping, most often


def _unwrapped(value: Any) -> Any:
    if type(value) in PLAIN:
        return value
    if isinstance(value, Lazy):
        return value._array
    if type(value) is list and value and isinstance(value[0], Tensor):
        return [each._array if isinstance(each, Tensor) else each for each in value]
    return value


def _backend(op: Op, raw: list[Any]) -> arrays.Backend:
    """The backend of the op's arrays.

    Raises RuntimeError if they lie on more than one device; 0-d host tensors go along with any.
    """
    devices: dict[Any, arrays.Backend] = {}
    for at in op.tensor_at[:1] if op.any_device else op.tensor_at:
        value = raw[at]
        for array in value if type(value) is list else (value,):
            if hasattr(array, "shape") and (array.shape or arrays.backend_of(array) is not arrays.NUMPY):
                devices[arrays.device_of(array)] = arrays.backend_of(array)
    if len(devices) > 1:
        names = " and ".join(str(device) for device in sorted(devices, key=str, reverse=True))
        raise errors.bad_argument(
            f"Expected all tensors to be on the same device, but found at least two devices, {names}!"
        )
    return next(iter(devices.values()), arrays.NUMPY)


def _compute(op: Op, raw: list[Any], estimate: Estimate) -> Any:
    """The kernel on operands cast to the dtype the rule says."""
    backend = arrays.NUMPY if not arrays.gpu_loaded() else _backend(op, raw)
    compute = estimate.compute
    operands = list(estimate.values)
    for at in op.tensor_at:
        value = operands[at]
        target = compute if at in op.cast_at else None
        if type(value) is np.ndarray and backend is arrays.NUMPY and (target is None or value.dtype is target):
            continue
        if type(value) is list:
            operands[at] = [_operand(each, target, backend) for each in value]
        elif value is not None:
            operands[at] = _operand(value, target, backend)
    try:
        if backend is arrays.NUMPY:
            return op.run(*operands)
        first = next(each for each in _flat(operands) if arrays.backend_of(each) is backend)
        with backend.on_device_of(first):
            return bind(op.run, backend.name, backend.xp)(*operands)
    except (MemoryError, ValueError) as error:
        raise _refusal(error) from None


def _made(op: Op, estimate: Estimate) -> Any:
    """What a factory makes."""
    try:
        return op.run(*estimate.values)
    except (MemoryError, ValueError) as error:
        raise _refusal(error) from None


def _refusal(error: MemoryError | ValueError) -> Exception:
    """What a kernel raised; NumPy's texts for sizes beyond memory as the engine's."""
    if hasattr(error, "code"):
        return error
    if isinstance(error, MemoryError) or str(error).startswith(("array is too big", "Maximum allowed")):
        return errors.too_large("DefaultCPUAllocator: can't allocate memory")
    return error


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if type(value) is list:
            yield from value
        else:
            yield value


def _operand(value: Any, compute: Any, backend: arrays.Backend) -> Any:
    if is_number(value):
        dtype = compute or dtypes.number_dtype(value, state.ctx.default_dtype).numpy
        return backend.scalar(value, dtype)
    if backend is not arrays.NUMPY and arrays.backend_of(value) is arrays.NUMPY:
        value = value[()]  # a 0-d host tensor goes along by value
    return value if compute is None else arrays.cast(value, compute)


def _finish(op: Op, values: list[Any], raw: list[Any], result: Any, estimate: Estimate, ctx: Context) -> Any:
    """Wrap a kernel's results as tensors, link views, record."""
    alone = ctx.plain or ctx.lone_guard is not None  # then no mode is on that has to see results
    tensors = []
    for nr, each in enumerate(result if op.multiple else (result,)):
        array = each if type(each) is np.ndarray else arrays.as_array(each)
        if array.ndim > 1 and (op.rows or op.weak):
            array = _in_layout(op, array, raw)
        wanted = estimate.outputs[nr][1]
        tensor = wrap(array if array.dtype is wanted or array.dtype == wanted else array.astype(wanted))
        if not alone and ctx.inference:
            tensor._counter = InferenceCounter([0])
        if op.view or op.multi_view:
            _link_view(op, values[0], tensor, estimate, nr)
        tensors.append(tensor)
    if ctx.grad_enabled and op.diff_at and (alone or not ctx.inference):
        recording.record(op, values, raw, tensors, estimate)
    if not alone:
        if ctx.dual_level is not None and ctx.dual_level.reaches(values):
            ctx.dual_level.carry(op, values, tensors)
        if ctx.batch is not None:
            ctx.batch.carry(op, values, tensors)
    return op.pack(tensors) if op.multiple else tensors[0]


def _link_view(op: Op, source: Tensor, tensor: Tensor, estimate: Estimate, nr: int) -> None:
    """Let a result share its source's version, and know what it is a view of."""
    counter = tensor._counter = source._counter
    array = tensor._array
    whole = array.dtype.kind in "fcV" or array.dtype == source._array.dtype  # integers of floats are none of autograd's
    if whole and type(counter) is not InferenceCounter:
        tensor._view = view_of(source, array, op, estimate.values, nr)
    if op.lazy:
        tensor.__class__ = lazy.KINDS[op.lazy]


def _in_layout(op: Op, array: Any, raw: list[Any]) -> Any:
    """A new result in the layout torch gives it."""
    if op.rows:
        return array if array.flags.c_contiguous else arrays.backend_of(array).xp.ascontiguousarray(array)
    operands = [raw[at] for at in op.tensor_at if hasattr(raw[at], "shape")]
    return array if all(each.flags.c_contiguous for each in operands) else as_operands(array, operands)


def _leaf(op: Op, values: list[Any], array: Any, ctx: Context) -> Tensor:
    """A factory's result on the device asked for, requiring grad if asked."""
    device = values[op.device_at]
    if device is None:
        like = values[0]
        device = like.device if isinstance(like, Tensor) else ctx.default_device
    tensor = wrap(array if device is CPU else arrays.put(array, device))
    tensor._requires_grad = values[op.index["requires_grad"]]
    if ctx.inference:
        tensor._counter = InferenceCounter([0])
    return tensor


def _apply_inplace(
    op: Op, values: list[Any], raw: list[Any], estimate: Estimate, ctx: Context, links: recording.Links
) -> Tensor:
    tensor: Tensor = values[0]
    edges, needs, sizes = links
    # a view made under no_grad requires grad without an edge, as in `record`
    tracked = True in needs or (bool(needs) and any(recording.needs_grad(values[at]) for at in op.diff_at))
    records = tracked and tensor.dtype.differentiable
    if ctx.log is not None:
        ctx.log.storage(tensor)
    array = tensor._array
    dual = ctx.dual_level if ctx.dual_level is not None and ctx.dual_level.reaches(values) else None
    tangent = None if dual is None else dual.ahead(op, values)
    if records and "input" in plan_of(op, needs).tensors:
        if ctx.guard is not None:
            ctx.guard.allocate(op.wire_name, array.nbytes)  # of the copy that backward needs
        values = [wrap(array.copy()), *values[1:]]
    stamps = {id(each._counter): each._counter[0] for each in values if isinstance(each, Tensor)}
    result = _compute(op, raw, estimate)
    if not op.writes:
        arrays.writeable(array)[...] = result
    tensor._counter[0] += 1
    if records:
        node = recording.new_node(op, tuple(edges), needs, sizes)
        recording.save(node, values, raw, [tensor], estimate, stamps)
        rebase(tensor, node)
    if dual is not None:
        dual.wrote(tensor, tangent)
    return tensor


def _check_inplace(op: Op, values: list[Any], ctx: Context) -> recording.Links:
    """What torch refuses before it looks at shapes; gives the edges as they are before the write."""
    links: recording.Links = ([], (), None)
    if type(values[0]._counter) is InferenceCounter and not ctx.inference:
        raise errors.inference_update()
    if ctx.recording:
        if any(recording.needs_grad(values[at]) for at in op.tensor_at):
            check_inplace(values[0])
        links = recording.edges_of(op, values)
    array = values[0]._array
    if not op.writes and arrays.overlaps_itself(array):
        other = values[1] if len(values) > 1 else None
        repeats = op.name in REPEATS and not (op.name == "fill_" and isinstance(other, Tensor))
        if not repeats and not (op.name == "copy_" and other is values[0]):
            raise errors.overlapping_write()
    overlaps = arrays.overlaps if op.apart else arrays.overlaps_partly
    for at in () if op.name == "fill_" else op.tensor_at[1:]:  # what fills is read once, before
        if isinstance(values[at], Tensor) and overlaps(array, values[at]._array):
            raise errors.partial_overlap()
    return links
