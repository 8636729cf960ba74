"""The OpenAPI document and the pages made from it and from the table of problems. They load nothing from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.problems import KINDS

DESCRIPTION = "PyTorch-style automatic differentiation over HTTP. Names, arguments and errors are PyTorch's."
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
td, th {{ text-align: left; vertical-align: top; padding: .2em 1em .2em 0 }}</style>
<h1>{title}</h1>
{body}
</html>
"""
HOME = """<p>PyTorch-style automatic differentiation over HTTP.</p>
<ul><li><a href="/docs">The calls</a></li><li><a href="/openapi.json">The OpenAPI document</a></li>
<li><a href="/docs/errors">The problem codes</a></li><li><a href="/v1/ops">The ops</a></li></ul>"""


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages for people, as HTML."""

    home: str
    calls: str
    errors: str


def operation_id(route: APIRoute) -> str:
    """The name of a call in the OpenAPI document: the name of its function."""
    return route.name


def make_pages(app: FastAPI) -> Pages:
    """The pages of an application whose routes are all there."""
    calls = [
        (method.upper(), path, call.get("description", ""))
        for path, methods in app.openapi()["paths"].items()
        for method, call in methods.items()
    ]
    errors = [(code, kind.status, kind.title, kind.advice) for code, kind in KINDS.items()]
    return Pages(
        home=PAGE.format(title="Autograd Server", body=HOME),
        calls=PAGE.format(title="Calls", body=table(("method", "path", "what it does"), calls)),
        errors=PAGE.format(
            title="Problem codes", body=table(("code", "status", "title", "advice"), errors, anchors=True)
        ),
    )


def table(header: Iterable[str], rows: Iterable[Iterable[object]], anchors: bool = False) -> str:
    """An HTML table; with `anchors`, each row can be linked to by its first cell."""
    lines = ["<table>", "<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in header) + "</tr>"]
    for row in rows:
        cells = [html.escape(str(cell)) for cell in row]
        start = f'<tr id="{cells[0]}">' if anchors else "<tr>"
        lines.append(start + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</table>"])
