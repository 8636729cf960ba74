"""Request bodies: their media type, their size, the time they take. What is in them is for the session to read."""

from __future__ import annotations

import asyncio
import re
import types
from collections.abc import Generator, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from app import calls
from app.problems import Problem

JSON = calls.JSON
QUALITY_0 = re.compile(r"q=0(\.0{0,3})?")


async def read(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body; raises `too_large`, from `Content-Length` before a byte is read, or `request_timeout`."""
    announced = headers_of(request).get("content-length", "0")
    if not announced.isdecimal() or int(announced) > limit:
        raise too_large(limit)
    parts, size, until = [], 0, asyncio.get_running_loop().time() + seconds
    message: Message = {"more_body": True}
    while message.get("more_body", False):
        try:
            message = await _next(request.receive, until)
        except TimeoutError:
            raise Problem("request_timeout", f"the body did not arrive within {seconds:g} s") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _next(receive: Receive, until: float) -> Message:
    """The next message; raises TimeoutError. Most have come already, and need no clock."""
    waiting = receive().__await__()
    try:
        first = next(waiting)
    except StopIteration as come:
        message: Message = come.value
        return message
    async with asyncio.timeout_at(until):
        return await _resumed(waiting, first)


@types.coroutine
def _resumed(waiting: Generator[Any, Any, Message], first: Any) -> Generator[Any, Any, Message]:
    """Go on with an awaitable that was begun by hand and waits for `first`."""
    try:
        while True:
            try:
                sent = yield first
            except BaseException as error:  # noqa: BLE001  # handed on
                first = waiting.throw(error)
            else:
                first = waiting.send(sent)
    except StopIteration as come:
        message: Message = come.value
        return message


def too_large(limit: int) -> Problem:
    """A body over the limit. The connection stays open: closed, it would often be reset before this is read."""
    return Problem("too_large", f"the body is over the limit of {limit} bytes")


def headers_of(request: Request) -> dict[str, str]:
    """The headers by name, in lower case; several lines of one are joined. Made once for all who ask."""
    scope = request.scope
    made: dict[str, str] | None = scope.get("headers_by_name")
    if made is None:
        made = scope["headers_by_name"] = {}
        for raw, value in scope["headers"]:
            name, text = raw.decode("latin-1"), value.decode("latin-1")
            made[name] = f"{made[name]}, {text}" if name in made else text
    return made


def require_json(headers: Mapping[str, str]) -> None:
    """Whether a body is announced as JSON in UTF-8, uncompressed; raises `unsupported_media_type`."""
    announced = headers.get("content-type", "")
    if announced == JSON and "content-encoding" not in headers:
        return
    media_type, *parameters = (part.strip().lower() for part in announced.split(";"))
    charsets = {part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")}
    if media_type != JSON or not charsets <= {"utf-8", "utf8"}:
        raise Problem("unsupported_media_type", f"the body must be JSON: send the header Content-Type: {JSON}")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem("unsupported_media_type", "the body must not be compressed")


def require_acceptable(headers: Mapping[str, str], media_type: str = JSON) -> None:
    """Whether the client takes an answer of this type; raises `not_acceptable`."""
    accept = headers.get("accept")
    if not accept or accept == "*/*":
        return
    ranges = dict(_range_of(part) for part in accept.lower().split(","))
    fitting = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    if not next((ranges[each] for each in fitting if each in ranges), False):
        raise Problem("not_acceptable", f"the answer is {media_type}, which the Accept header does not allow")


def _range_of(text: str) -> tuple[str, bool]:
    """One media range of an `Accept` header, and whether it is wanted: `q=0` says that it is not."""
    media_range, *parameters = (part.strip() for part in text.split(";"))
    return media_range, not any(QUALITY_0.fullmatch(each) for each in parameters)
