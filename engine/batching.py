"""`torch.vmap`: the function runs once for each entry of a batch, and the results are stacked.

What cannot be said once for a whole batch is refused as in torch, though entry by entry it could be done: reading a
number or deciding by one, results whose size depends on values, and random numbers unless `randomness` says how.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from engine import errors
from engine.generator import Generator
from engine.modes import state
from engine.op import Op, registry
from engine.pytree import LEAF, TreeSpec, broadcast, flatten, unflatten
from engine.tangents import reached
from engine.tensor import Tensor

DYNAMIC = {"places": "nonzero", "masked_select": "masked_select", "unique": "_unique2"}  # ops by torch's own names
RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
    "randomness flags on vmap or perform the randomness operation out of vmap"
)


class Batch:
    """The tensors that depend on an entry of the batch being run."""

    __slots__ = ("_arrays",)

    def __init__(self) -> None:
        self._arrays: dict[int, Any] = {}  # by identity; they are held, so that identities stay theirs

    def add(self, tensor: Tensor) -> None:
        """Count a tensor among them."""
        self._arrays[id(tensor._array)] = tensor._array

    def holds(self, array: Any) -> bool:
        """Whether an array depends on the entry."""
        return id(array) in self._arrays

    def carry(self, op: Op, values: list[Any], outputs: list[Tensor]) -> None:
        """After an op: its results depend on what its arguments did.

        Raises RuntimeError for results whose size depends on values.
        """
        if reached(values, self._arrays):
            if op.name in DYNAMIC:
                raise errors.bad_argument(
                    "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over "
                    f"aten::{DYNAMIC[op.name]}. Please file an issue at https://github.com/pytorch/pytorch/issues if "
                    "you need this feature."
                )
            for each in outputs:
                self.add(each)


class _Refusing:
    """A stream of random numbers that gives none."""

    def __getattr__(self, name: str) -> Any:
        raise errors.bad_argument(RANDOM)


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: Any = None
) -> Callable[..., Any]:
    """A function that runs `func` for each entry along `in_dims` and stacks the results along `out_dims`.

    Raises RuntimeError or ValueError with torch's texts for arguments that do not fit.
    """
    if randomness not in ("error", "different", "same"):
        raise errors.bad_argument(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise errors.bad_value(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = _name(func)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        _check_out_dims(name, out_dims)
        leaves, spec, dims = _batched_inputs(name, in_dims, args)
        sizes = [each.shape[dim] for each, dim in zip(leaves, dims, strict=True) if dim is not None]
        if not sizes:
            raise errors.bad_value("vmap: Expected at least one Tensor to vmap over")
        if any(size != sizes[0] for size in sizes):
            raise errors.bad_value(
                f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
                "mapped dimension"
            )
        return _run(name, func, (leaves, spec, dims), sizes[0], out_dims, randomness, kwargs)

    return wrapper


def _run(
    name: str,
    func: Callable[..., Any],
    inputs: tuple[list[Any], TreeSpec, list[Any]],
    size: int,
    out_dims: Any,
    randomness: str,
    kwargs: dict[str, Any],
) -> Any:
    leaves, spec, dims = inputs
    rows: list[list[Any]] = []
    shape: TreeSpec = LEAF
    places: list[Any] = []
    start = state.ctx.generator.position() if randomness == "same" else None
    for at in range(max(size, 1)):  # an empty batch runs once on zeros, for its shapes
        if start is not None:
            state.ctx.generator.restore(start)
        with _entry(randomness) as batch:
            result = func(*unflatten(_row(leaves, dims, at, size, batch), spec), **kwargs)
            outputs, shape = flatten(result)
            places = places or _out_dims(name, out_dims, result, shape)
            _check_outputs(name, outputs, places)
        rows.append(outputs)
    stacked = [_stacked(column, place, size) for column, place in zip(zip(*rows, strict=True), places, strict=True)]
    return unflatten(stacked, shape)


def _row(leaves: list[Any], dims: list[Any], at: int, size: int, batch: Batch) -> list[Any]:
    """The leaves as one entry sees them; those it has to itself are told to `batch`."""
    row = []
    for each, dim in zip(leaves, dims, strict=True):
        if dim is not None:
            each = _entry_of(each, dim, at, size)
            batch.add(each)
        row.append(each)
    return row


def _entry_of(tensor: Tensor, dim: int, at: int, size: int) -> Tensor:
    if size:
        entry: Tensor = tensor.select(dim, at)
        return entry
    shape = list(tensor.shape)
    del shape[dim]
    return registry["zeros"](shape, dtype=tensor.dtype)  # type: ignore[no-any-return]  # the factory gives a tensor


@contextmanager
def _entry(randomness: str) -> Iterator[Batch]:
    ctx = state.ctx
    generator, outer = ctx.generator, ctx.batch
    batch = ctx.batch = Batch() if outer is None else outer
    ctx.transforms.append("vmap")
    if randomness == "error":
        refusing: Any = Generator()
        refusing._stream = _Refusing()
        ctx.generator = refusing
    try:
        yield batch
    finally:
        ctx.generator, ctx.batch = generator, outer
        ctx.transforms.pop()


def _stacked(column: tuple[Any, ...], place: int | None, size: int) -> Any:
    if place is None:
        return column[0]
    stacked = registry["stack"](list(column), place)
    return stacked if size else stacked.narrow(place, 0, 0)


def _name(func: Any) -> str:
    if hasattr(func, "__name__"):
        return str(func.__name__)
    if isinstance(func, functools.partial):
        return f"functools.partial({_name(func.func)}, ...)"
    return repr(func)


def _batched_inputs(name: str, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], TreeSpec, list[Any]]:
    """The leaves of the arguments, their structure, and the batch dimension of each leaf (None for those without)."""
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise errors.bad_value(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise errors.bad_value(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    leaves, spec = flatten(args)
    dims = broadcast(in_dims, spec)
    if dims is None:
        raise errors.bad_value(
            f"{call}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    return leaves, spec, [_in_dim(name, in_dims, each, dim) for each, dim in zip(leaves, dims, strict=True)]


def _in_dim(name: str, in_dims: Any, leaf: Any, dim: Any) -> int | None:
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for"
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise errors.bad_value(f"{call} an input but in_dim must be either an integer dimension or None.")
    if not isinstance(leaf, Tensor):
        raise errors.bad_value(
            f"{call} an input but the input is of type {type(leaf)}. We cannot vmap over non-Tensor arguments, please "
            "use None as the respective in_dim"
        )
    count = leaf.dim()
    if not -count <= dim < count:
        raise errors.bad_value(
            f"{call} some input, but that input is a Tensor of dimensionality {count} so expected in_dim to satisfy "
            f"-{count} <= in_dim < {count}."
        )
    return dim % count


def _check_out_dims(name: str, out_dims: Any) -> None:
    for each in flatten(out_dims)[0]:
        if each is not None and not isinstance(each, int):
            raise errors.bad_value(
                f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of "
                "ints representing where in the outputs the vmapped dimension should appear."
            )


def _out_dims(name: str, out_dims: Any, result: Any, spec: TreeSpec) -> list[Any]:
    if isinstance(result, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        return list(out_dims)
    places = broadcast(out_dims, spec)
    if places is None:
        raise errors.bad_value(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {flatten(out_dims)[1]} but outputs has structure {spec}."
        )
    return places


def _check_outputs(name: str, outputs: list[Any], places: list[Any]) -> None:
    batch = state.ctx.batch
    for each, place in zip(outputs, places, strict=True):
        if place is None:
            if isinstance(each, Tensor) and batch is not None and batch.holds(each._array):
                raise errors.bad_value(
                    f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
                )
        elif not isinstance(each, Tensor):
            raise errors.bad_value(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(each)}. Did you mean to set "
                "out_dims= to None for output?"
            )


__all__ = ["Batch", "vmap"]
