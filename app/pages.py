"""The pages for people, and the files they load. They come from here: nothing is fetched from the internet."""

from __future__ import annotations

import functools
import gzip
import hashlib
import html
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.body import range_of
from app.markup import code, inline
from app.problems import KINDS, Problem

SWAGGER_PACKAGE = "fastapi_offline"
STATIC = Path(__file__).parent / "static"
SWAGGER_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
OWN_FILES = ("docs.js", "docs.css", "reading.css", "reading.js")
TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
KEEP = "no-cache"  # a browser may keep it, and asks each time whether it has changed

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>:root {{ color-scheme: light dark }} tr:target {{ font-weight: bold }}
body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
td, th {{ text-align: left; vertical-align: top; padding: .2em 1em .2em 0 }}</style>
<h1>{title}</h1>
{body}
</html>
"""
HOME = PAGE.format(
    title="Autograd Server",
    body="""<p>PyTorch-style automatic differentiation over HTTP.</p>
<ul><li><a href="docs">The calls, to try out</a> (Swagger UI)</li>
<li><a href="redoc">The calls, to read</a></li>
<li><a href="openapi.json">The OpenAPI document</a></li>
<li><a href="docs/errors">The problem codes</a></li><li><a href="v1/ops">The ops</a></li></ul>""",
)
DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Autograd Server</title>
<link rel="icon" type="image/png" href="docs/assets/favicon.png">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<link rel="stylesheet" href="docs/assets/docs.css"></head>
<body><p id="links"><a href="redoc">The same to read</a> · <a href="docs/errors">Problem codes</a> ·
<a href="openapi.json">OpenAPI document</a></p>
<p id="waiting">Loading the calls. Without JavaScript there is <a href="redoc">a page to read</a>.</p>
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/assets/docs.js"></script></body>
</html>
"""


# What a browser loads before a person can give a key; nothing in them is anybody's.
PATHS = frozenset(
    (
        "/",
        "/docs",
        "/docs/errors",
        "/redoc",
        "/openapi.json",
        *(f"/docs/assets/{each}" for each in SWAGGER_FILES + OWN_FILES),
    )
)


@dataclass(frozen=True, slots=True)
class File:
    """Bytes to be served as they are, with what tells one version from another."""

    content: bytes
    media_type: str
    packed: bytes
    tag: str

    def respond(self, request: Request) -> Response:
        """The file; 304 where the client has it, compressed where the client takes that."""
        headers = {"ETag": self.tag, "Cache-Control": KEEP, "Vary": "Accept-Encoding"}
        if self.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        encodings = dict(range_of(part) for part in request.headers.get("accept-encoding", "").lower().split(","))
        if encodings.get("gzip", encodings.get("*", 0)):
            return Response(self.packed, 200, {**headers, "Content-Encoding": "gzip"}, self.media_type)
        return Response(self.content, 200, headers, self.media_type)


def file_of(content: bytes, media_type: str) -> File:
    """A file made of its bytes."""
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:24]}"'  # weak: one for both encodings
    return File(content, media_type, gzip.compress(content, 6, mtime=0), tag)


@functools.cache
def asset(name: str) -> File:
    """A file that the pages load; raises Problem `not_found` for any other name."""
    if name in OWN_FILES:
        path = STATIC / name
    elif name in SWAGGER_FILES:
        path = _swagger() / name
    else:
        raise Problem("not_found", "the pages have no such file")
    return file_of(path.read_bytes(), TYPES[path.suffix])


def _swagger() -> Path:
    """Where the package has its files; it is not imported, since it would only make routes of its own."""
    found = importlib.util.find_spec(SWAGGER_PACKAGE)
    if found is None or found.origin is None:
        raise RuntimeError(f"{SWAGGER_PACKAGE} is not installed")
    return Path(found.origin).parent / "static"


@functools.cache
def errors_page() -> str:
    """The table of problem codes, where the `type` of a problem leads."""
    rows = [(name, kind.status, kind.title, kind.advice) for name, kind in KINDS.items()]
    return PAGE.format(title="Problem codes", body=table(("code", "status", "title", "advice"), rows))


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """An HTML table, each row of which can be linked to by its first cell; the others are Markdown."""
    lines = ["<table>", "<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in header) + "</tr>"]
    for row in rows:
        first, *cells = map(str, row)
        shown = [code(first), *map(inline, cells)]
        lines.append(f'<tr id="{html.escape(first)}">' + "".join(f"<td>{cell}</td>" for cell in shown) + "</tr>")
    return "\n".join([*lines, "</table>"])
