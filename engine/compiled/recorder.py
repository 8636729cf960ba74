"""Recording: a function is run with stand-ins for arrays, and each op that gets one becomes calls of the program."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import arrays, dtypes
from engine.apply import apply
from engine.compiled.lowering import call_kernel
from engine.compiled.program import Kind as CallKind
from engine.compiled.program import Program, flat
from engine.compiled.values import Symbol, Untraceable, Value, Variable, has_symbol, nested, same_bits, sealed
from engine.generator import Generator
from engine.grad_mode import no_grad
from engine.graph import Node
from engine.kinds import Kind
from engine.modes import state
from engine.op import Op, is_number
from engine.plans import Plan, plan_of
from engine.recording import attribute
from engine.tensor import Tensor, wrap

LIKE = frozenset(f"{name}_like" for name in ("zeros", "ones", "full"))  # factories that look at shape and dtype alone
# Ops whose rules tell the most there can be: the others that count look at values, and are caught.
COUNTING = ("distinct", "bincount", "repeat_interleave", "nonzero", "masked_select")


@dataclass(frozen=True, slots=True)
class Record:
    """An op that gradients flow through: what a node of the graph would be."""

    plan: Plan
    inputs: tuple[Any, ...]  # for each differentiable argument a variable, a list of them, or None
    saved: tuple[Value | None, ...]
    attributes: tuple[Any, ...]
    outputs: tuple[Variable, ...]


class Question:
    """Asks the rule of an op whether it still says what it said, or refuses."""

    def __init__(self, op: Op, estimate: Any) -> None:
        self._op = op
        self._told = self._answer(estimate)

    def __call__(self, *raw: Any) -> None:
        """Raises what the rule raises, and Untraceable where it says something else."""
        if self._answer(self._op.rule(self._op, list(raw))) != self._told:
            raise Untraceable(f"what {self._op.name} gives depends on values")

    def _answer(self, estimate: Any) -> Any:
        plain = [each for at, each in enumerate(estimate.values) if at not in self._op.tensor_at]
        if any(isinstance(each, (np.ndarray, Tensor)) for one in plain for each in flat(one)):
            raise Untraceable(f"{self._op.name} takes arrays as attributes")
        return estimate.outputs, estimate.compute, plain


class Untold(Node):
    """In the place of the nodes of recorded tensors: that they require grad can be seen, the graph cannot."""

    __slots__ = ()
    ordinary = False

    def __init__(self) -> None:
        self.saved = ()
        self.rare = None
        self.sequence = 0

    def name(self) -> str:
        """Refused."""
        raise Untraceable("the function looks at its graph")

    @property
    def edges(self) -> Any:  # type: ignore[override]  # nobody sets them
        """Refused."""
        raise Untraceable("the function differentiates")


class _Drawn:
    """A stream of random numbers that gives none."""

    def __getattr__(self, name: str) -> Any:
        raise Untraceable("random numbers are drawn")


class Recorder:
    """Takes every op of this thread's context while it is set there; see `engine.apply.apply`."""

    def __init__(self) -> None:
        self.program = Program()
        self.records: list[Record] = []
        self._node = Untold()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Take the ops of the block, in which nothing may be drawn: a plan would draw the same each time."""
        ctx = state.ctx
        outer, refusing = ctx.generator, Generator()
        refusing._stream = _Drawn()  # type: ignore[assignment]  # whatever is asked of it refuses
        ctx.generator = refusing
        try:
            with self._as_recorder(self):
                yield
        finally:
            ctx.generator = outer

    @contextmanager
    def _as_recorder(self, recorder: Recorder | None) -> Iterator[None]:
        ctx = state.ctx
        before, ctx.recorder = ctx.recorder, recorder
        try:
            yield
        finally:
            ctx.recorder = before

    def tensor(self, value: Value, needs: bool) -> Tensor:
        """A tensor of the function for a value."""
        tensor = _owned(value, needs)
        if needs:
            tensor._edge = (self._node, 0, value.shape, value.dtype)
        return tensor

    def input(self, array: Any, requires_grad: bool) -> Tensor:
        """A tensor of the function for an argument of each call, a leaf."""
        tensor = _owned(Value(array), requires_grad)
        tensor._requires_grad = requires_grad
        return tensor

    # -- ops --------------------------------------------------------------------------------------------------------

    def apply(self, op: Op, values: list[Any]) -> Any:
        """What the op gives: as always where no argument is a stand-in, else calls of the program.

        Raises Untraceable for ops that a plan cannot have, and what the op's rule raises.
        """
        ctx = state.ctx
        if ctx.dual_level or ctx.batch or ctx.saved_hooks or ctx.inference or ctx.anomaly:
            raise Untraceable("a mode that plans do not know")
        if op.inplace_only:
            return self._in_place(op, values)
        if op.name.rstrip("_").startswith(COUNTING):
            raise Untraceable(f"the size of what {op.name} gives depends on values")
        if any(param.kind is Kind.GENERATOR for param in op.params):
            raise Untraceable(f"{op.name} draws random numbers")
        raw = [nested(each, _raw) for each in values]
        if not any(has_symbol(each) for each in raw):
            with self._as_recorder(None):
                return apply(op, values)
        real = [nested(each, _real_tensor) for each in values]
        with self._as_recorder(None), no_grad():
            estimate = self._estimate(op, values, raw, real)
            result = apply(op, real)
        if op.leaf:
            if op.name not in LIKE:
                raise Untraceable(f"{op.name} makes a new tensor of values")
            return result
        made = self._kernel(op, values, estimate, result)
        needs = ctx.recording and any(_needs(values[at]) for at in op.diff_at)
        tensors = [self.tensor(each, needs and self._flows(op, nr, each)) for nr, each in enumerate(made)]
        if op.view or op.multi_view:
            for each in tensors:
                each._counter = values[0]._counter  # it is seen that memory is shared
        if needs:
            self._record(op, values, real, estimate, tensors)
        return op.pack(tensors) if op.multiple else tensors[0]

    def _estimate(self, op: Op, values: list[Any], raw: list[Any], real: list[Any]) -> Any:
        """What the op's rule says. One that looks at values, as that of an index does, is asked again in every call."""
        try:
            return op.rule(op, [sealed(each) for each in raw])
        except Untraceable:
            estimate = op.rule(op, [nested(each, _array) for each in real])
        given = [nested(each, lambda one: self.value(one) if isinstance(one, Tensor) else one) for each in values]
        self.program.emit(Question(op, estimate), given, kind=CallKind.CHECK)
        return estimate

    def _in_place(self, op: Op, values: list[Any]) -> Tensor:
        """A change in place of a tensor that nobody else shares memory with: the tensor gets a new value.

        Raises Untraceable for any other.
        """
        target: Tensor = values[0]
        alone = sys.getrefcount(target._array) <= _ALONE and sys.getrefcount(target._counter) <= _ALONE
        if op.base is None or target._view is not None or not alone:
            raise Untraceable(f"{op.name} changes something in place that others may see")
        if op.formulas != op.base.formulas and state.ctx.recording and any(_needs(values[at]) for at in op.diff_at):
            raise Untraceable(f"{op.name} has a gradient of its own in place")
        made = apply(op.base, values)
        old, new = target._array, made._array
        if (new.shape, new.dtype) != (old.shape, old.dtype) or (new.ndim > 1 and new.strides != old.strides):
            raise Untraceable(f"{op.name} gives another dtype or layout than it is written into")
        if type(new) is Symbol and new.variable is not None:
            new.variable.owner = weakref.ref(target)
        target._array, target._edge, target._requires_grad = new, made._edge, False
        target._counter[0] += 1
        return target

    def _kernel(self, op: Op, values: list[Any], estimate: Any, result: Any) -> list[Value]:
        """The values of the op's results, with the bits and the layout of the results that the op itself gave."""
        args = list(estimate.values)
        for at in op.tensor_at:
            target = estimate.compute if at in op.cast_at else None
            args[at] = nested(values[at], lambda each, target=target: self._operand(each, target))
        made = call_kernel(self.program, op, args, op.run)
        pairs = zip(made, result, strict=True) if op.multiple else [(made, result)]
        return [self._finished(each, tensor._array) for each, tensor in pairs]

    def _operand(self, value: Any, target: Any) -> Any:
        """An operand as the kernel takes it: cast to the dtype of the rule, a number as it is or an element."""
        if value is None:
            return None
        if is_number(value):
            dtype = target or dtypes.number_dtype(value, state.ctx.default_dtype).numpy
            return self.program.constant(_scalar(value, dtype))
        made = self.value(value)
        return made if target is None else self.cast(made, target)

    def value(self, tensor: Tensor) -> Value:
        """The value of a tensor; one that is no stand-in is a constant."""
        array = tensor._array
        return array.value if type(array) is Symbol else self.program.constant(array)

    def cast(self, value: Value, dtype: Any) -> Value:
        """The value in another NumPy dtype."""
        if value.dtype == dtype:
            return value
        if value.uniform is not None:
            return self.program.uniform(arrays.cast(value.uniform, dtype), value.shape, scattered=True)
        made: Value = self.program.emit(arrays.cast, [value, dtype])
        return made

    def _finished(self, made: Value, wanted: Any) -> Value:
        """A kernel's result as the op would hand it out: an array, of the dtype and in the layout it has there."""
        if isinstance(made.real, np.generic):
            made = self.program.emit(np.asarray, [made])
        made = self.cast(made, wanted.dtype)
        if made.uniform is None and wanted.ndim > 1 and wanted.size and made.real.strides != wanted.strides:
            made = self.program.emit(arrays.laid_out, [made, arrays.element_strides(wanted)])
        if not same_bits(made.real, wanted):
            raise Untraceable("a kernel gives another result")
        return made

    @staticmethod
    def _flows(op: Op, nr: int, value: Value) -> bool:
        return value.dtype.kind in "fcV" and (op.returns_list or op.outputs[nr] in op.differentiable)

    # -- what backward needs ----------------------------------------------------------------------------------------

    def _record(self, op: Op, values: list[Any], real: list[Any], estimate: Any, tensors: list[Tensor]) -> None:
        groups = [values[at] for at in op.diff_at]
        plan = plan_of(op, tuple(_needs(each) for each in groups))
        raw = [nested(each, _array) for each in real]
        saved = tuple(self._saved(op, name, values, tensors, estimate) for name in plan.tensors)
        if estimate.compute is not None and not all(_is_uncast(raw[at], estimate.compute) for at in op.cast_at):
            saved = tuple(
                self.cast(each, estimate.compute) if name in op.cast_names and each is not None else each
                for name, each in zip(plan.tensors, saved, strict=True)
            )
        attributes = tuple(attribute(op, name, raw, estimate) for name in plan.attributes)
        inputs = tuple(nested(each, _variable) for each in groups)
        self.records.append(Record(plan, inputs, saved, attributes, tuple(each._array.variable for each in tensors)))

    def _saved(self, op: Op, name: str, values: list[Any], tensors: list[Tensor], estimate: Any) -> Value | None:
        source = tensors[op.outputs.index(name)] if name in op.outputs else values[op.index[name]]
        if source is None:
            return None
        if isinstance(source, Tensor):
            return self.value(source)
        if is_number(source):
            return self.program.constant(_scalar(source, estimate.compute))
        raise Untraceable(f"{op.name} saves a list")


class _Probe:
    """Holds something alone."""

    def __init__(self) -> None:
        self.held = [0]


_probe = _Probe()
_ALONE = sys.getrefcount(_probe.held)  # what the interpreter counts where one attribute holds an object


def _owned(value: Value, needs: bool) -> Tensor:
    variable = Variable(value, needs)
    tensor = wrap(Symbol(value, variable))
    variable.owner = weakref.ref(tensor)
    return tensor


def _raw(value: Any) -> Any:
    return value._array if isinstance(value, Tensor) else value


def _real_tensor(value: Any) -> Any:
    """A tensor with the values of the recording in the place of a stand-in."""
    if isinstance(value, Tensor) and type(value._array) is Symbol:
        return wrap(np.asarray(value._array.value.real))
    return value.detach() if isinstance(value, Tensor) else value


def _array(value: Any) -> Any:
    return value._array if isinstance(value, Tensor) else value


def _scalar(value: Any, dtype: Any) -> Any:
    plain = type(value) in (int, float) and dtype in arrays.CACHED
    return arrays.cached_scalar(value, dtype) if plain else arrays.scalar(value, dtype)


def _needs(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_needs(each) for each in value)
    return isinstance(value, Tensor) and value.requires_grad


def _variable(value: Any) -> Variable | None:
    """The variable that gradients flow to, or None."""
    return variable_of(value) if isinstance(value, Tensor) and value.requires_grad else None


def variable_of(tensor: Tensor) -> Variable | None:
    """The variable of a tensor, None of a constant.

    Raises Untraceable for a tensor whose history is not recorded: a leaf made on the way, what a custom Function gave.
    """
    variable: Variable | None = tensor._array.variable if type(tensor._array) is Symbol else None
    if tensor.requires_grad and (variable is None or not variable.needs or variable.owner() is not tensor):
        raise Untraceable("a history that is not recorded")
    return variable


def _is_uncast(value: Any, compute: Any) -> bool:
    if type(value) is list:
        return all(each.dtype == compute for each in value)
    return bool(getattr(value, "dtype", compute) == compute)
