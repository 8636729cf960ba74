"""Limits: what one request, one session and the server may use. Passing one is refused before anything is allocated."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

MIB = 1024 * 1024
GIB = 1024 * MIB
TEN_YEARS = 315_360_000


def limit(default: int, text: str, maximum: int | None = None) -> int:
    """A field of a positive integer with its line in the documentation."""
    value: int = field(default=default, metadata={"help": text, "minimum": 1, "maximum": maximum})
    return value


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits, each of them a setting (`app.settings`) and listed by `GET /v1/info`."""

    body_bytes: int = limit(64 * MIB, "bytes of one request body")
    header_bytes: int = limit(64 * 1024, "bytes of a request's line and headers together")
    json_depth: int = limit(100, "nesting of a JSON body")
    tensor_bytes: int = limit(GIB, "bytes of one tensor; a view counts in full")
    session_bytes: int = limit(2 * GIB, "bytes that the tensors, graphs and values of one session hold")
    op_flops: int = limit(10**13, "arithmetic of one op as estimated from shapes; an op cannot be interrupted")
    session_nodes: int = limit(1_000_000, "graph nodes that are alive in one session")
    graph_nodes: int = limit(200_000, "nodes of one answer that shows the graph")
    idempotency_keys: int = limit(1_000, "answers that one session keeps for `Idempotency-Key`, the oldest dropped")
    idempotency_bytes: int = limit(16 * MIB, "bytes of those answers together; the latest is kept whatever its size")
    names: int = limit(100_000, "names bound in one session")
    optimizers: int = limit(1_000, "optimizers of one session")
    run_steps: int = limit(100_000, "steps of one `run`")
    exec_steps: int = limit(10_000_000, "syntax nodes that one `exec` may evaluate")
    exec_cells: int = limit(4_000_000, "entries of lists and characters of texts that one `exec` may make")
    exec_stdout: int = limit(1_000_000, "characters that one `exec` may print")
    response_elements: int = limit(5_000_000, "numbers in one JSON answer")
    inline_elements: int = limit(10_000, "numbers of a tensor that come along unasked; above it `data` is null")
    sessions: int = limit(1_000, "sessions that are alive at once")
    tenant_sessions: int = limit(1_000, "sessions of one tenant that are alive at once; above it 429")
    pending_calls: int = limit(256, "requests that may wait for one session, or for the functions of one tenant")
    tenant_functions: int = limit(1_000, "saved functions of one tenant; above it 429")
    function_bytes: int = limit(4 * MIB, "bytes of the saved functions of one tenant, those they call included")
    max_ttl_s: int = limit(604_800, "the longest `ttl_s` that a client may choose, in seconds", TEN_YEARS)
    page: int = limit(1_000, "entries of one page of a list")

    def document(self) -> dict[str, int]:
        """The limits by name, for `GET /v1/info`."""
        return asdict(self)
