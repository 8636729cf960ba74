"""`index_put`: writing at positions given by a list of index tensors."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import composed
from engine.kinds import Array, Arrays, Index
from engine.op import op
from engine.ops.indexing import cleared, index, index_put_rule
from engine.ops.indexing import index_put_ as write


@op(index_put_rule, hidden=True, node="IndexPutBackward0")
def put_at(input: Array, indices: Index, values: Array, accumulate: bool) -> Any:
    """A copy with values written, or added, at the positions."""
    out = xp.array(input)
    write_into(out, indices, values, accumulate)
    return out


write_into = write.kernel
put_at.vjp(
    input=lambda g, indices, accumulate: g if accumulate else cleared(g, indices),
    values=lambda g, indices: index(g, indices),
)


def positions(input: Any, indices: list[Any]) -> Any:
    """Index tensors as advanced indexing takes them: in range, not negative, masks as places; None for whole dims."""
    from engine.indexing import as_index, checked, consumed

    given = [each for each in indices if each is not None]
    for each in given:
        if each._array.dtype.kind not in "iub":
            raise errors.bad_index("tensors used as indices must be long, int, byte or bool tensors")
    if not given:
        raise errors.bad_argument("at least one index must be provided")
    keys = [each if each is None else each._array if each._array.ndim == 0 else as_index(each) for each in indices]
    if sum(1 if each is None else consumed(each) for each in keys) > len(input.shape):
        raise errors.bad_index(f"too many indices for tensor of dimension {len(input.shape)} (got {len(keys)})")
    return checked(input._array, keys)


def _put(run: Any, input: Any, indices: list[Any], values: Any, accumulate: bool) -> Any:
    """Run one of the ops below on index tensors; those are watched as long as the graph may need them."""
    from engine.watching import records, watch, watched

    if not hasattr(input, "_array"):
        return input
    at = positions(input, indices)
    arrays = [None if each is None else each._array for each in indices]
    kept = watched(arrays, indices) if records(input, values) else ()
    made = run(input, at, values, accumulate)
    if kept:
        watch(made, kept)
    return made


@op(composed, composite=True)
def index_put(input: Array, indices: Arrays, values: Array, accumulate: bool = False) -> Any:
    """A copy with values written, or added, at the positions that index tensors give together."""
    return _put(put_at, input, indices, values, accumulate)


@op(composed, name="index_put_", composite=True)
def index_put_inplace(input: Array, indices: Arrays, values: Array, accumulate: bool = False) -> Any:
    """Write values in place, or add them, at the positions that index tensors give together."""
    return _put(write, input, indices, values, accumulate)
