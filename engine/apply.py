"""The one door of every op: infer, ask the guard, cast, compute, wrap, record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors, lazy
from engine.binding import bind
from engine.devices import CPU
from engine.graph import FROZEN, Edge, Node, Rare, Saved
from engine.infer import Estimate
from engine.layouts import as_operands
from engine.lazy import Lazy
from engine.modes import Context, state
from engine.op import Op, is_number
from engine.order import next_sequence
from engine.plans import plan_of, reader_of
from engine.saved import packed
from engine.shapes import check_empty
from engine.tensor import InferenceCounter, Tensor, wrap, wrap_saved
from engine.views import check_inplace, edge_of, rebase, view_of

_new = object.__new__

# May write one memory cell several times; `fill_` only with a number.
REPEATS = frozenset({"fill_", "zero_", "masked_fill_", "index_fill_", "tril_", "triu_"})


def apply(op: Op, values: list[Any]) -> Any:
    """Run an op on bound arguments: tensors, Python numbers in their place, and attributes.

    Returns the result tensor, a tuple or list of them, or whatever a composed op returns. Raises what the op's rule
    raises; nothing is computed or allocated before the rule has passed.
    """
    if op.composite:
        return op.run(*values)
    if op.number_form is not None and is_number(values[op.number_at]):
        op = op.number_form
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
        _record(op, values, raw, tensors, estimate)
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


Links = tuple[list[Edge | None], tuple[bool, ...], tuple[int, ...] | None]


def edges_of(op: Op, values: list[Any]) -> Links:
    """The edges of the differentiable arguments, which of them need gradients, and the lengths of lists."""
    edges: list[Edge | None] = []
    for at in op.diff_at:
        value = values[at]
        if isinstance(value, Tensor):
            edges.append(edge_of(value))
        elif type(value) is list:
            return _edges_of_lists(op, values)
        else:
            edges.append(None)
    return edges, tuple([edge is not None for edge in edges]), None


def _edges_of_lists(op: Op, values: list[Any]) -> Links:
    edges: list[Edge | None] = []
    needs: list[bool] = []
    sizes: list[int] = []
    for at in op.diff_at:
        value = values[at]
        listed = type(value) is list
        group = [edge_of(each) if isinstance(each, Tensor) else None for each in (value if listed else [value])]
        edges.extend(group)
        needs.append(any(edge is not None for edge in group))
        sizes.append(len(group) if listed else -1)
    return edges, tuple(needs), tuple(sizes)


def _record(op: Op, values: list[Any], raw: list[Any], tensors: list[Tensor], estimate: Estimate) -> None:
    edges, needs, sizes = edges_of(op, values)
    if True not in needs and not any(_needs_grad(values[at]) for at in op.diff_at):
        return  # a view made under no_grad requires grad without an edge: torch records it, to nowhere
    linked = [
        nr
        for nr, tensor in enumerate(tensors)
        if tensor._array.dtype.kind in "fcV" and (op.returns_list or op.outputs[nr] in op.differentiable)
    ]
    if tensors and (not linked or op.real_grad):
        _refuse_autograd(op, tensors)
    if not linked:
        return
    node = new_node(op, tuple(edges), needs, sizes)
    for nr in linked:
        array = tensors[nr]._array
        tensors[nr]._edge = (node, nr, array.shape, array.dtype)
    if op.multiple:
        node.outputs = tuple([(each._array.shape, each._array.dtype) for each in tensors])
    save(node, values, raw, tensors, estimate)


def _refuse_autograd(op: Op, tensors: list[Tensor]) -> None:
    """Raise RuntimeError for results of a dtype in which torch records no such op."""
    dtype = tensors[0].dtype
    if dtype.is_complex and op.real_grad:
        raise errors.coded(
            RuntimeError,
            "not_differentiable",
            f"{op.real_grad} does not support automatic differentiation for outputs with complex dtype.",
        )
    if "dtype" in op.index and op.name != "to_copy" and not dtype.differentiable:
        raise errors.coded(RuntimeError, "not_differentiable", f"Autograd not support dtype: {dtype.type_name}")


def new_node(op: Op, edges: tuple[Edge | None, ...], needs: tuple[bool, ...], sizes: tuple[int, ...] | None) -> Node:
    """A node without its saved values."""
    plan = plan_of(op, needs)
    node: Node = _new(plan.node_type)
    node.plan = plan
    node.edges = edges
    node.rare = None
    if sizes is not None:
        node.inputs = sizes
    node.sequence = next_sequence()
    if state.ctx.anomaly is not None:
        state.ctx.anomaly.note(node)
    return node


def save(
    node: Node,
    values: list[Any],
    raw: list[Any],
    tensors: list[Tensor],
    estimate: Estimate,
    stamps: dict[int, int] | None = None,
) -> None:
    """Put into the node what its plan asks for.

    `stamps` are the versions inputs had before an in-place op wrote, by the identity of their counters.
    """
    plan, op = node.plan, node.plan.op
    plain = state.ctx.plain
    saved: list[Saved] = []
    for at in plan.sources:
        source = values[at] if at >= 0 else tensors[-1 - at]
        if isinstance(source, Tensor):
            counter = source._counter
            stamp = counter[0] if at < 0 or stamps is None else stamps.get(id(counter), counter[0])
            saved.append((source._array, counter, stamp))
            if not plain or type(counter) is InferenceCounter:
                saved[-1] = special_save(node, saved[-1], source, None if at >= 0 else -1 - at)
        elif source is None:
            saved.append((None, FROZEN, 0))
        else:
            saved.append((arrays.scalar(source, estimate.compute), FROZEN, 0))
    if arrays.gpu_loaded() and any(arrays.backend_of(each._array) is not arrays.NUMPY for each in tensors):
        saved = [_by_value(each) for each in saved]
    node.saved = tuple(saved)
    node.attributes = tuple([_read(*reader, raw, estimate) for reader in plan.readers]) if plan.readers else ()
    compute = estimate.compute
    if compute is not None:
        for at in op.cast_at:
            if not _is_uncast(raw[at], compute):
                node.compute = compute  # else backward takes the saved values as they are
                break


def _by_value(saved: Saved) -> Saved:
    """A saved 0-d host value as a NumPy scalar, which a GPU kernel takes."""
    array = saved[0]
    return (array[()], *saved[1:]) if type(array) is np.ndarray and not array.shape else saved


def special_save(node: Node, saved: Saved, source: Tensor, nr: int | None) -> Saved:
    """A saved tensor under the modes that change what is kept: packed by hooks, which see the tensor itself.

    `nr` is the number of an output. Raises RuntimeError for an inference tensor.
    """
    array, counter, _ = saved
    ctx = state.ctx
    if type(counter) is InferenceCounter:
        raise errors.inference_saved()
    if ctx.saved_hooks and not isinstance(ctx.saved_hooks[-1], str):
        node.rare = node.rare or Rare()
        if nr is not None and array.dtype.kind in "fcV":
            source = wrap_saved(array, counter, (node, nr, array.shape, array.dtype))
        return (packed(source, *ctx.saved_hooks[-1]), FROZEN, 0)
    return saved


def _is_uncast(value: Any, compute: Any) -> bool:
    if type(value) is np.ndarray:
        return value.dtype is compute or bool(value.dtype == compute)
    if type(value) is list:
        return all(each.dtype == compute for each in value)
    return bool(getattr(value, "dtype", compute) == compute)


def attribute(op: Op, name: str, raw: list[Any], estimate: Estimate) -> Any:
    """A value a formula asks for that is not a tensor: an argument, a shape, strides."""
    return _read(*reader_of(op, name), raw, estimate)


def _read(at: int, what: str, raw: list[Any], estimate: Estimate) -> Any:
    if not what:
        return estimate.values[at]
    value = raw[at]
    if what == "shape" and type(value) is np.ndarray:
        return value.shape
    if what == "strides":
        return arrays.element_strides(value)
    if what == "numel":
        return value.size
    if what == "device":
        return arrays.device_of(value)
    if type(value) is list:
        return tuple(each.shape for each in value)
    return getattr(value, "shape", ())


def _apply_inplace(op: Op, values: list[Any], raw: list[Any], estimate: Estimate, ctx: Context, links: Links) -> Tensor:
    tensor: Tensor = values[0]
    edges, needs, sizes = links
    # a view made under no_grad requires grad without an edge, as in `_record`
    tracked = True in needs or (bool(needs) and any(_needs_grad(values[at]) for at in op.diff_at))
    recording = tracked and tensor.dtype.differentiable
    if ctx.log is not None:
        ctx.log.storage(tensor)
    array = tensor._array
    dual = ctx.dual_level if ctx.dual_level is not None and ctx.dual_level.reaches(values) else None
    tangent = None if dual is None else dual.ahead(op, values)
    if recording and "input" in plan_of(op, needs).tensors:
        if ctx.guard is not None:
            ctx.guard.allocate(op.wire_name, array.nbytes)  # of the copy that backward needs
        values = [wrap(array.copy()), *values[1:]]
    stamps = {id(each._counter): each._counter[0] for each in values if isinstance(each, Tensor)}
    result = _compute(op, raw, estimate)
    if not op.writes:
        arrays.writeable(array)[...] = result
    tensor._counter[0] += 1
    if recording:
        node = new_node(op, tuple(edges), needs, sizes)
        save(node, values, raw, [tensor], estimate, stamps)
        rebase(tensor, node)
    if dual is not None:
        dual.wrote(tensor, tangent)
    return tensor


def _check_inplace(op: Op, values: list[Any], ctx: Context) -> Links:
    """What torch refuses before it looks at shapes; gives the edges as they are before the write."""
    links: Links = ([], (), None)
    if type(values[0]._counter) is InferenceCounter and not ctx.inference:
        raise errors.inference_update()
    if ctx.recording:
        if any(_needs_grad(values[at]) for at in op.tensor_at):
            check_inplace(values[0])
        links = edges_of(op, values)
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


def _needs_grad(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad
