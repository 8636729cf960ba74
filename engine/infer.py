"""What an op would give, told from shapes alone: the estimate every op's rule answers with."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine import arrays
from engine.binding import META, bind
from engine.devices import CPU, Device
from engine.op import Op, is_number
from engine.plans import plan_of
from engine.shapes import infer_size


class Meta:
    """A shape and a dtype standing for an array that was never made."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements, an exact Python integer."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the elements, an exact Python integer."""
        return self.size * int(self.dtype.itemsize)

    @property
    def strides(self) -> tuple[int, ...]:
        """The strides, in bytes, of a row-major array."""
        steps = [self.dtype.itemsize] * len(self.shape)
        for dim in range(len(self.shape) - 2, -1, -1):
            steps[dim] = steps[dim + 1] * max(self.shape[dim + 1], 1)
        return tuple(steps)

    @property
    def device(self) -> Device:
        """Where it would live: nowhere yet, so the host."""
        return CPU

    def is_contiguous(self) -> bool:
        """True: a shape stands for a row-major array."""
        return True

    def reshape(self, shape: tuple[int, ...]) -> Meta:
        """The same elements in another shape.

        Raises RuntimeError if they do not fit.
        """
        return Meta(infer_size(shape, self.size), self.dtype)

    def part(self, index: Any) -> tuple[int, ...]:
        """The shape of what slices, ints, None and an ellipsis pick.

        Raises TypeError for anything else, whose values decide.
        """
        several = index if isinstance(index, tuple) else (index,)
        if not all(each is None or each is Ellipsis or isinstance(each, (int, slice)) for each in several):
            raise TypeError("only slices and ints pick from a shape")
        return tuple(np.broadcast_to(np.empty((), np.bool_), self.shape)[index].shape)

    def __getitem__(self, index: Any) -> Meta:
        return Meta(self.part(index), self.dtype)

    def __repr__(self) -> str:
        return f"Meta({list(self.shape)}, {self.dtype.name})"


ARRAY = 160  # bytes of an array itself, beside its elements


class Ledger:
    """What lives of shapes that stand for arrays: the bytes now, and the most so far."""

    __slots__ = ("live", "peak")

    def __init__(self) -> None:
        self.live = self.peak = 0

    def hold(self, size: int) -> None:
        """So many bytes for a moment."""
        self.peak = max(self.peak, self.live + size)

    def held(self, shape: tuple[int, ...], dtype: Any, of: Any = None) -> Held:
        """A new array, whose bytes count while it lives; or a view `of` another, which lives on with it."""
        return Held(self, shape, dtype, of)

    def results(self, estimate: Estimate, source: Any) -> list[Meta]:
        """The results of an op on `source`."""
        self.hold(estimate.allocated)
        of = source if estimate.shared else None
        return [self.held(shape, dtype, of) for shape, dtype in estimate.outputs]


class Held(Meta):
    """A shape whose bytes a ledger counts while it lives."""

    __slots__ = ("_bytes", "_ledger", "_of")

    def __init__(self, ledger: Ledger, shape: tuple[int, ...], dtype: Any, of: Any) -> None:
        super().__init__(shape, dtype)
        self._ledger = ledger
        self._of = of
        self._bytes = ARRAY + (self.nbytes if of is None else 0)
        ledger.live += self._bytes
        ledger.hold(0)

    def __del__(self) -> None:
        self._ledger.live -= self._bytes

    def reshape(self, shape: tuple[int, ...]) -> Meta:
        """The same elements in another shape, of the same memory."""
        return Held(self._ledger, infer_size(shape, self.size), self.dtype, self)

    def __getitem__(self, index: Any) -> Meta:
        return Held(self._ledger, self.part(index), self.dtype, self)

    @property
    def owns(self) -> bool:
        """Whether it has memory of its own."""
        return self._of is None


class _Counting(threading.local):
    ledger: Ledger | None = None


_counting = _Counting()


@contextlib.contextmanager
def counting(ledger: Ledger) -> Iterator[None]:
    """Results that are told from shapes inside count in a ledger."""
    before, _counting.ledger = _counting.ledger, ledger
    try:
        yield
    finally:
        _counting.ledger = before


class Estimate:
    """A rule's answer.

    `values` are the arguments with dims and sizes normalised; `outputs` a (shape, NumPy dtype) for each result, exact;
    `compute` the dtype operands are cast to, or None; `temporaries` bytes the kernel holds beside operands and
    outputs; `flops` the arithmetic, to a factor of a few; `shared` whether outputs are views of the input.
    """

    __slots__ = ("compute", "flops", "outputs", "shared", "temporaries", "values")

    def __init__(
        self,
        values: list[Any],
        outputs: list[tuple[tuple[int, ...], Any]],
        compute: Any = None,
        temporaries: int = 0,
        flops: int = 0,
        shared: bool = False,
    ) -> None:
        self.values = values
        self.outputs = outputs
        self.compute = compute
        self.temporaries = temporaries
        self.flops = flops
        self.shared = shared

    @property
    def output_bytes(self) -> int:
        """The bytes of the results, counted as if none were a view."""
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in self.outputs)

    @property
    def allocated(self) -> int:
        """The bytes the kernel allocates at most: results that are not views, and temporaries."""
        return self.temporaries + (0 if self.shared else self.output_bytes)

    def storage_bytes(self, nr: int) -> int:
        """The bytes of the memory in which a result lies."""
        shape, dtype = self.outputs[nr]
        return math.prod(shape) * int(dtype.itemsize)


class Padded(Estimate):
    """The estimate of an op whose first result lies in memory with `padding` more bytes."""

    __slots__ = ("padding",)

    padding: int

    def storage_bytes(self, nr: int) -> int:
        """The bytes of the memory in which a result lies."""
        return super().storage_bytes(nr) + (0 if nr else self.padding)


def infer(op: Op, values: list[Any]) -> list[Meta]:
    """The shapes and dtypes of an op's results for arrays or Metas in the place of tensors.

    Raises what the op raises for arguments that do not fit; computes and allocates nothing.
    """
    estimate: Estimate = op.rule(op, values)
    ledger = _counting.ledger
    if ledger is not None:
        return ledger.results(estimate, values[0] if values else None)
    return [Meta(shape, dtype) for shape, dtype in estimate.outputs]


def saved_bytes(op: Op, values: list[Any], needs: tuple[bool, ...]) -> int:
    """The bytes that an op's node keeps alive for backward, for arrays or Metas in the place of tensors.

    `needs` says which of the arguments that have gradients (`op.diff_at`) require them. Each storage counts once, and
    whole, as an array's owner has it. A composed op has no node: its steps have.
    Raises what the op raises for arguments that do not fit.
    """
    if op.composite or True not in needs:
        return 0
    if op.number_form is not None and is_number(values[op.number_at]):
        op = op.number_form
    estimate: Estimate = op.rule(op, values)
    plan = plan_of(op, needs)
    storages: dict[Any, int] = {}
    for name, source in zip(plan.tensors, plan.sources, strict=True):
        if source >= 0 and op.inplace_only and source == 0:
            storages[name] = Meta(values[0].shape, values[0].dtype).nbytes  # a copy from before it is overwritten
        elif source >= 0:
            _add_storages(storages, values[source], estimate.compute)
        elif op.inplace_only or op.view or op.multi_view:
            _add_storages(storages, values[0])
        else:
            storages[name] = estimate.storage_bytes(-1 - source)
    for name in plan.attributes:
        if name in op.index:
            _add_storages(storages, estimate.values[op.index[name]])
    return sum(storages.values())


def _add_storages(storages: dict[Any, int], value: Any, compute: Any = None) -> None:
    """Add what a saved value holds, each storage by its identity; a number counts only as an operand of a dtype."""
    if isinstance(value, (list, tuple)):
        for each in value:
            _add_storages(storages, each)
    elif isinstance(value, Meta):
        storages[id(value)] = value.nbytes
    elif arrays.is_array(value):
        owner = arrays.owner(value)
        storages[id(owner)] = int(owner.nbytes)
    elif compute is not None and is_number(value):
        storages[id(value)] = int(compute.itemsize)


def composed(op: Op, values: list[Any]) -> Estimate:
    """The rule of a composed op: its body, run on shapes."""
    made = bind(op.run, META)(*[_as_meta(each) for each in values])
    results = made if isinstance(made, (list, tuple)) else [made]
    return Estimate(values, [(each.shape, each.dtype) for each in results])


def _as_meta(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_meta(each) for each in value]
    return Meta(value.shape, value.dtype) if hasattr(value, "strides") else value


def infer_outputs(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`infer` with Python's arguments, giving what the op would return."""
    values = list(args)
    for param in op.params[len(args) :]:
        values.append(kwargs.get(param.name, param.default))
    results = infer(op, values)
    return results if op.multiple else results[0]
