"""Request bodies: their media type, their size, the time they take. What is in them is for the session to read."""

from __future__ import annotations

import asyncio
import re
import types
import zlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from app import calls
from app.problems import Problem

JSON = calls.JSON
IDENTITY = "identity"
GZIP = ("gzip", "x-gzip")  # one coding by two names
GZIP_WINDOW = 31  # how zlib is told of gzip
QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


async def read(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body, unpacked if it is compressed; raises Problem.

    `too_large`, from `Content-Length` before a byte is read, and for what it unpacks to; `request_timeout`;
    `bad_binary` for what is not what `Content-Encoding` says.
    """
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
    whole = parts[0] if len(parts) == 1 else b"".join(parts)
    if whole and headers_of(request).get("content-encoding", IDENTITY).lower() in GZIP:
        return await asyncio.to_thread(_unpacked, whole, limit)
    return whole


def _unpacked(packed: bytes, limit: int) -> bytes:
    member = zlib.decompressobj(wbits=GZIP_WINDOW)
    try:
        whole = member.decompress(packed, limit + 1)
    except zlib.error:
        raise Problem("bad_binary", "the body is not gzip, as Content-Encoding says") from None
    if len(whole) > limit:
        raise too_large(limit)
    if not member.eof or member.unused_data:
        raise Problem("bad_binary", f"the body {'has more than' if member.eof else 'is not'} one whole of gzip")
    return whole


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


def announced(headers: Mapping[str, str], also: str | None = None) -> str:
    """The media type of a body: JSON in UTF-8, or `also`; raises `unsupported_media_type`, for its encoding too."""
    content_type = headers.get("content-type", "")
    if content_type == JSON and "content-encoding" not in headers:
        return JSON
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")}
    if media_type not in (JSON, also) or not charsets <= {"utf-8", "utf8"}:
        other = f", or a file with {also}" if also else ""
        raise Problem("unsupported_media_type", f"the body must be JSON: send the header Content-Type: {JSON}{other}")
    if headers.get("content-encoding", IDENTITY).lower() not in (IDENTITY, *GZIP):
        understood = {"Accept-Encoding": GZIP[0]}
        raise Problem("unsupported_media_type", "a body may be compressed by gzip, once, only", headers=understood)
    return media_type


def acceptable(headers: Mapping[str, str], offered: Sequence[str] = (JSON,)) -> str:
    """The media type that the client likes best of those offered: by quality, then the one it names, then the first.

    Raises Problem `not_acceptable`.
    """
    accept = headers.get("accept")
    if not accept or accept == "*/*":
        return offered[0]
    ranges = dict(range_of(part) for part in accept.lower().split(","))
    liked = [_liking(each, ranges) for each in offered]
    best = max(liked)
    if not best[0]:
        known = " or ".join(offered)
        raise Problem("not_acceptable", f"the answer is {known}, which the Accept header does not allow")
    return offered[liked.index(best)]


def _liking(media_type: str, ranges: Mapping[str, float]) -> tuple[float, int]:
    """The quality of a media type, and how closely the client names it."""
    fitting = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next(((ranges[each], -at) for at, each in enumerate(fitting) if each in ranges), (0.0, 0))


def range_of(text: str) -> tuple[str, float]:
    """One entry of an `Accept` or `Accept-Encoding` header, and its quality: 1 unless it has a valid one."""
    media_range, *parameters = (part.strip() for part in text.split(";"))
    found = [QUALITY.fullmatch(each) for each in parameters]
    return media_range, min((float(each[1]) for each in found if each), default=1.0)
