"""Light calls: those that may be answered in the event loop itself, where the way to a thread and back would cost more.

A call is tried there if it looks small. Whatever then turns out to take long, in size or in time, raises `Heavy`: the
transaction takes all of it back, and the call is made again in a thread. So the loop is held up for some milliseconds
at most, and nothing has to be known beforehand of what a call will cost. The figures are in docs/performance.md.
"""

from __future__ import annotations

from engine.infer import Estimate
from engine.op import Op

BODY_BYTES = 131_072  # of JSON: a thousand numbers take as long as a small op
SECONDS = 0.004  # twice
ELEMENTS = 32_768  # of a tensor that an op reads, or an answer shows
RESULT_BYTES = 262_144  # of one op, or of all gradients of a backward pass
FLOPS = 1_000_000
UNKNOWN_ELEMENTS = 1_024  # of an op that does not tell its flops and is not declared `fast`: it may be a factorization
NODES = 5_000  # of a session: letting go of them takes a microsecond each
NAMES = 1_000

METHODS = frozenset(
    {
        "tensor.create", "tensor.put", "tensor.get", "tensor.patch", "tensor.set_data", "tensor.delete",
        "grad.get", "grad.put", "grad.delete", "op", "run", "backward", "grad",
    }
)  # fmt: skip


class Heavy(BaseException):
    """A call would hold up the event loop. No `Exception`: it is nobody's to handle but who tried."""


def is_heavy(op: Op, estimate: Estimate, elements: int) -> bool:
    """Whether an op on so many elements is more than a light call may do."""
    size = estimate.output_bytes + estimate.temporaries
    if size > RESULT_BYTES or elements > ELEMENTS or estimate.flops > FLOPS:
        return True
    return op.fast is None and estimate.flops == 0 and max(elements, size // 4) > UNKNOWN_ELEMENTS
