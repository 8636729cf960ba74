"""Problems: every refusal of the service, and the only table of HTTP statuses.

A refusal is a `Problem` with a stable code, or an exception of the engine that carries one; `problem_of` turns
anything raised into a Problem. What carries no code is a defect: it is answered as `internal`, which tells the client
nothing more, and is the Problem's `__cause__` for the log. Bodies follow RFC 9457 (`application/problem+json`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/docs/errors#"
MAX_DETAIL = 2000
MAX_ERRORS = 20
RETRY_STATUSES = (429, 503)
RETRY_AFTER = "1"  # seconds


class Kind(NamedTuple):
    """What stands behind a code: the status it is sent with, a short title, and advice for the reader of the docs."""

    status: int
    title: str
    advice: str


KINDS: dict[str, Kind] = {
    # the request as HTTP
    "bad_request": Kind(400, "Bad request", "The request is malformed as HTTP; `detail` says where."),
    "not_json": Kind(400, "Not JSON", "The body is not JSON (RFC 8259, UTF-8; no NaN, no trailing commas)."),
    "bad_binary": Kind(400, "Not a valid binary body", "The bytes are not what their media type promises."),
    "not_found": Kind(404, "Not found", "No such path. `/docs` lists them."),
    "method_not_allowed": Kind(405, "Method not allowed", "The header `Allow` lists the methods of this path."),
    "not_acceptable": Kind(406, "Not acceptable", "`Accept` asks for a media type that is not offered here."),
    "request_timeout": Kind(408, "Request too slow", "The body did not arrive in time; send it again."),
    "unsupported_media_type": Kind(415, "Unsupported media type", "Send `Content-Type: application/json`."),
    "misdirected": Kind(
        421,
        "Host not allowed",
        "The `Host` header is none of the hosts this server serves; more are allowed by the setting `allowed_hosts`.",
    ),
    "headers_too_large": Kind(431, "Headers too large", "Send fewer or shorter headers."),
    # what a request names
    "unknown_session": Kind(404, "Unknown session", "It was never made, was deleted or has expired."),
    "unknown_tensor": Kind(404, "Unknown tensor", "No tensor of the session has this name. 422 inside a body."),
    "unknown_op": Kind(404, "Unknown op", "`GET /v1/ops` lists the ops. 422 inside a body."),
    "unknown_function": Kind(404, "Unknown function", "No saved function has this name. 422 inside a body."),
    "unknown_optimizer": Kind(404, "Unknown optimizer", "No optimizer of the session has this name. 422 in a body."),
    "no_grad": Kind(404, "No gradient", "The tensor has no `.grad`: no backward has reached it, or it was cleared."),
    # what the state forbids
    "name_taken": Kind(409, "Name taken", "POST makes new things only; PUT binds a name again."),
    "busy": Kind(409, "Busy", "The same `Idempotency-Key` is still being served; try again."),
    "graph_freed": Kind(409, "Graph already freed", "Call the first backward with `retain_graph: true`."),
    "inplace_on_leaf": Kind(
        409, "In-place change of a leaf", "A leaf that requires grad changes in place only under `no_grad`."
    ),
    "inplace_on_view": Kind(409, "In-place change of a view", "This view may not change in place; `clone` it."),
    "modified_inplace": Kind(
        409,
        "A saved tensor was modified in place",
        "Backward needs the value it had; use the out-of-place op or change it after backward.",
    ),
    "precondition_failed": Kind(412, "Precondition failed", "The session's version is not the one in `If-Match`."),
    # limits
    "too_large": Kind(
        413,
        "Too large",
        "The body, a result, the session or the answer would pass a limit; "
        "`GET /v1/info` lists the limits. Nothing was allocated.",
    ),
    "quota_exceeded": Kind(429, "Quota used up", "Delete sessions or functions of your own; sessions also expire."),
    "rate_limited": Kind(429, "Too many requests", "Wait for the seconds in `Retry-After`."),
    "unavailable": Kind(503, "Unavailable", "No capacity now, or the server is stopping; see `Retry-After`."),
    "deadline": Kind(504, "Deadline passed", "The request took longer than the time limit; nothing was applied."),
    # well-formed but wrong
    "assertion_failed": Kind(422, "Assertion failed", "An `assert` of the code does not hold."),
    "bad_argument": Kind(422, "Bad argument", "A field is unknown, missing, of the wrong type or out of range."),
    "bad_code": Kind(
        422,
        "Not code that runs here",
        "`line` and `column` say where, `detail` what there is instead; see docs/exec.md.",
    ),
    "device_unavailable": Kind(422, "Device unavailable", "`GET /v1/devices` lists the devices of this server."),
    "dtype_mismatch": Kind(422, "Dtypes do not fit", "The op does not take this dtype or this mix of dtypes."),
    "idempotency_mismatch": Kind(422, "Idempotency key used for another request", "Use a new key for a new body."),
    "no_grad_fn": Kind(422, "No graph", "The tensor does not require grad, or is not part of the graph."),
    "not_differentiable": Kind(422, "Not differentiable", "PyTorch has no derivative here either."),
    "not_implemented": Kind(422, "Not implemented", "PyTorch has this; this server does not yet."),
    "raised": Kind(422, "Raised by the code", "The code itself raised an exception; `detail` is its text."),
    "shape_mismatch": Kind(422, "Shapes do not fit", "`detail` names the sizes that disagree."),
    "singular": Kind(422, "Singular matrix", "The matrix has no inverse or factorization."),
    # the server's own
    "unauthorized": Kind(401, "Unauthorized", "Send `Authorization: Bearer KEY`."),
    "forbidden": Kind(403, "Forbidden", "The key does not allow this, or a web page of another origin sent it."),
    "internal": Kind(500, "Internal error", "A defect of the server; its log has the request id and the reason."),
}


class Problem(Exception):
    """A refusal by code; `status` overrides the table's (an unknown name inside a body is 422, in the URL 404)."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        errors: Sequence[Mapping[str, Any]] | None = None,
        op: str | None = None,
        step: int | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = KINDS[code].status if status is None else status
        self.errors = errors
        self.op = op
        self.step = step
        self.headers = dict(headers or {})
        if self.status in RETRY_STATUSES:
            self.headers.setdefault("Retry-After", RETRY_AFTER)
        self.extra = extra

    def document(self, instance: str) -> dict[str, Any]:
        """The members of the problem document; `instance` is the path of the request."""
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.code,
            "title": KINDS[self.code].title,
            "status": self.status,
            "detail": shortened(self.detail),
            "instance": shortened(instance),
            "code": self.code,
        }
        if self.op is not None:
            document["op"] = self.op
        if self.step is not None:
            document["step"] = self.step
        if self.errors is not None:
            document["errors"] = list(self.errors[:MAX_ERRORS])
        return document | self.extra

    def render(self, instance: str) -> bytes:
        """The body; ASCII, so that no lone surrogate of the request can make it invalid."""
        return json.dumps(self.document(instance)).encode("ascii")


def shortened(text: str) -> str:
    """The text, cut where it would echo a request's megabytes."""
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"


def problem_of(error: BaseException, *, op: str | None = None, step: int | None = None) -> Problem:
    """The Problem behind anything raised, with the op and step filled in where it names none."""
    problem = error if isinstance(error, Problem) else _from_engine(error)
    for place in ("line", "column"):  # of code
        if hasattr(error, place):
            problem.extra.setdefault(place, getattr(error, place))
    if problem.op is None:
        problem.op = op
    if problem.step is None:
        problem.step = step
    return problem


def without_frames(error: BaseException) -> None:
    """Take from an error, and from all that led to it, the frames they were raised in: these keep tensors alive."""
    stack: list[BaseException | None] = [error]
    while stack:
        each = stack.pop()
        if each is not None:
            stack += (each.__cause__, each.__context__)
            each.__traceback__ = each.__cause__ = each.__context__ = None


def _from_engine(error: BaseException) -> Problem:
    code = getattr(error, "code", None)
    if isinstance(code, str) and code in KINDS:
        return Problem(code, _text(error) or type(error).__name__)
    if isinstance(error, MemoryError):
        return Problem("too_large", "the server has no memory left for this request")
    problem = Problem("internal", "internal error")
    problem.__cause__ = error
    return problem


def _text(error: BaseException) -> str:
    # `str` of a KeyError quotes its text, which is mostly the key alone
    text = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    return f"KeyError: {text}" if type(error) is KeyError else text
