"""The guard: who is asked before an op allocates, so that a caller can bound memory and time."""

from __future__ import annotations

import time

from engine import errors
from engine.infer import Estimate
from engine.op import Op

SMALL = 2**16  # bytes
SPARED = 32  # small ops in a row
MANY, OBJECT = 64, 512  # results of one op from which on the tensor objects count, and the bytes of one


class Guard:
    """Limits for the ops of one flow.

    `tensor_bytes` bounds one result, views counted in full; `total_bytes` what may be alive (kept by the owner in
    `used`, to which every op adds what it allocates); `op_flops` the arithmetic of one op, which nothing can stop once
    it has begun; `deadline` is a `time.monotonic()` value, checked between ops.
    """

    __slots__ = ("_spared", "deadline", "op_flops", "tensor_bytes", "total_bytes", "used")

    def __init__(
        self,
        tensor_bytes: int | None = None,
        total_bytes: int | None = None,
        deadline: float | None = None,
        op_flops: int | None = None,
    ) -> None:
        self.tensor_bytes = tensor_bytes
        self.total_bytes = total_bytes
        self.deadline = deadline
        self.op_flops = op_flops
        self.used = 0
        self._spared = 0  # small ops since the last look at the clock

    def check(self, op: Op, estimate: Estimate) -> None:
        """Whether the op may run.

        Raises MemoryError (`too_large`) or TimeoutError (`deadline`).
        """
        self.tick()
        size = estimate.output_bytes
        if self.tensor_bytes is not None and size > self.tensor_bytes:
            self.result(op.wire_name, size)
        size = estimate.temporaries + (0 if estimate.shared else size)
        if len(estimate.outputs) > MANY:
            size += len(estimate.outputs) * OBJECT  # views have no bytes of their own
        if size:
            self.allocate(op.wire_name, size)
        if self.op_flops is not None and estimate.flops > self.op_flops:
            raise errors.too_large(
                f"{op.wire_name}(): about {estimate.flops} operations, over the limit of {self.op_flops} for one op"
            )

    def spares(self, size: int, node: bool = True) -> bool:
        """Whether an op with a result of at most so many bytes may run unasked; who runs it adds its bytes to `used`.

        `node`: it may be recorded.
        Every so often the answer is no, so that the clock is looked at.
        """
        self._spared += 1
        if self._spared > SPARED or size > SMALL or (self.tensor_bytes is not None and size > self.tensor_bytes):
            self._spared = 0
            return False
        return self.total_bytes is None or self.used + size <= self.total_bytes

    def tick(self) -> None:
        """Whether there is time left."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise errors.deadline()

    def result(self, name: str, size: int) -> None:
        """Whether one result may have this many bytes."""
        if self.tensor_bytes is not None and size > self.tensor_bytes:
            raise errors.too_large(
                f"{name}(): the result would have {size} bytes, over the limit of {self.tensor_bytes} for one tensor"
            )

    def allocate(self, name: str, size: int) -> None:
        """Count bytes about to be allocated."""
        if self.total_bytes is not None and self.used + size > self.total_bytes and not self.make_room(size):
            raise errors.too_large(
                f"{name}(): {size} more bytes would pass the limit of {self.total_bytes} for this session, "
                f"of which {self.used} are in use"
            )
        self.used += size

    def release(self, size: int) -> None:
        """Count bytes that have gone again."""
        self.used -= size

    def make_room(self, size: int) -> bool:
        """Called when the count passes the limit: an owner that can count exactly corrects `used` here."""
        return False
