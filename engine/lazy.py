"""Conjugates and negatives that share memory with what they are of.

`z.conj()` and the imaginary part of it are tensors of classes of their own, whose `_array` is computed whenever it is
read. So whatever reads a tensor gets its values; only what makes views of one or writes into one has to know, and both
go through `apply` here. They are made where a program runs on the engine alone: under an undo log, a guard, a recorder,
a batch or a level of forward mode a conjugate is a copy.
"""

from __future__ import annotations

from typing import Any

from engine import arrays, errors
from engine.modes import Context
from engine.op import Op
from engine.tensor import Tensor, wrap
from engine.views import edge_of, follow_retained

_slot: Any = Tensor.__dict__["_array"]
UNRESOLVED = (
    "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can view it "
    "as real, use self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original."
)


class Lazy(Tensor):
    """A tensor whose values are those of its memory, conjugated or negated."""

    __slots__ = ()
    bit = ""

    @property
    def _memory(self) -> Any:
        return _slot.__get__(self)

    def turned(self, array: Any) -> Any:
        """From memory to values, and back."""
        raise NotImplementedError

    def _read(self) -> Any:
        return self.turned(self._memory)

    def _replace(self, array: Any) -> None:
        self.__class__ = Tensor  # type: ignore[assignment]  # same layout, another class
        self._array = array

    def settle(self) -> None:
        """From now on this is a tensor like any other, with memory of its own."""
        self._replace(self._array)

    _array: Any = property(_read, _replace)

    def requires_grad_(self, requires_grad: Any = True) -> Tensor:
        """As of any tensor; a leaf gets memory of its own, which optimizers write into."""
        if self._view is None and requires_grad is True:
            self.settle()
        return Tensor.requires_grad_(self, requires_grad)

    @property
    def data(self) -> Tensor:
        """The values, outside the graph: same memory, a version counter of its own."""
        return alias_of(self, [0])

    @data.setter
    def data(self, other: Any) -> None:
        Tensor.data.__set__(self, other)  # type: ignore[attr-defined]  # a property has it

    def numpy(self, *, force: bool = False) -> Any:
        """Refused unless forced: NumPy has no such arrays."""
        if force:
            return self.resolve_conj().resolve_neg().numpy(force=True)
        name = "conj" if self.is_conj() else "neg"
        raise errors.bad_argument(
            f"Can't call numpy() on Tensor that has {self.bit} bit set. Use tensor.resolve_{name}().numpy() instead."
        )


class Conjugate(Lazy):
    """The conjugate of its memory."""

    __slots__ = ()
    bit = "conjugate"

    def turned(self, array: Any) -> Any:
        """The conjugate."""
        return arrays.as_array(array.conj())

    def is_conj(self) -> bool:
        """True: it is the conjugate of its memory."""
        return True


class Negative(Lazy):
    """The negative of its memory."""

    __slots__ = ()
    bit = "negative"

    def turned(self, array: Any) -> Any:
        """The negative."""
        return arrays.as_array(-array)

    def is_neg(self) -> bool:
        """True: it is the negative of its memory."""
        return True


KINDS: dict[str, type[Lazy]] = {"conj": Conjugate, "neg": Negative}

for _class in KINDS.values():  # to a program both are tensors
    _class.__name__, _class.__qualname__, _class.__module__ = Tensor.__name__, Tensor.__qualname__, Tensor.__module__


def possible(ctx: Context) -> bool:
    """Whether a conjugate made now may share memory."""
    plain = ctx.log is None and ctx.guard is None and ctx.recorder is None
    return plain and ctx.batch is None and ctx.dual_level is None


def alias_of(source: Tensor, counter: list[Any] | None = None) -> Tensor:
    """Another tensor of the same kind on the same memory, outside the graph."""
    made = wrap(source._memory)
    made._counter = source._counter if counter is None else counter
    made.__class__ = type(source)
    return made


def apply(op: Op, values: list[Any]) -> Any:
    """An op that makes a view of a lazy tensor, or writes into one."""
    source: Lazy = values[0]
    if op.inplace_only:
        return _written(op, source, values[1:])
    if "dtype" in op.index:
        kind = "conjugate view tensors" if source.is_conj() else "tensors with negative bit set"
        text = f"torch.Tensor.view is not supported for {kind} when converting to a different dtype."
        raise errors.bad_argument(text)
    if op.name == "view_as_real":
        raise errors.bad_argument(UNRESOLVED)
    edge = edge_of(source)
    plain = _stand_in(source, source._memory, edge, False)
    made = op.door(op, [plain, *values[1:]])
    for each in made if op.multiple else (made,):
        view = each._view
        if view is not None and view.base is plain:
            view.base = source
            view.replay = view.replay or ((op, tuple(values[1:])),)
        each.__class__ = Tensor if op.lazy else type(source)  # the conjugate of a conjugate
    return made


def _written(op: Op, source: Lazy, others: list[Any]) -> Tensor:
    """An in-place op: on the values, which then go back into memory."""
    edge_of(source)
    memory, old = source._memory, source._edge
    if arrays.overlaps_itself(memory) and op.name not in ("fill_", "zero_"):
        raise errors.overlapping_write()
    plain = _stand_in(source, source._array, old, source._requires_grad)
    op.door(op, [plain, *others])
    arrays.writeable(memory)[...] = source.turned(plain._array)
    source._edge, source._requires_grad = plain._edge, plain._requires_grad
    if source._edge is not old:
        follow_retained(source, old)
    return source


def _stand_in(source: Lazy, array: Any, edge: Any, requires_grad: bool) -> Tensor:
    """A plain tensor in the place of a lazy one."""
    plain = wrap(array)
    plain._counter, plain._view = source._counter, source._view
    plain._edge, plain._requires_grad = edge, requires_grad
    return plain
