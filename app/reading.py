"""The reading view: the OpenAPI document as one plain page, made here and not in the browser.

Viewers that draw every operation by script take half a minute for a document of many hundred ops. This page needs no
script: families and calls in order, each with what it takes, an example, and what it answers. It is made of the
document alone, so nothing can be in one and not in the other.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from fastapi import FastAPI

from app.markup import code, inline, marked_up
from app.openapi import document_of
from app.pages import File, file_of

Json = dict[str, Any]

OPS = "/v1/sessions/{session}/ops/"
OP_TAG = "ops: "
OF_EVERY_STEP = ("out", "no_grad")  # told once, not at each op
SCHEMA = "#/components/schemas/"
NULL = "null"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}: reference</title>
<link rel="icon" type="image/png" href="docs/assets/favicon.png">
<link rel="stylesheet" href="docs/assets/reading.css">
<script src="docs/assets/reading.js" defer></script></head>
<body><nav><p><strong>{title}</strong> {version}</p>
<input type="search" placeholder="Find a call or an op" aria-label="Find a call or an op" hidden>
{contents}</nav>
<main>{introduction}
{sections}
</main></body></html>
"""


_MAKING = threading.Lock()


def reading_of(app: FastAPI) -> File:
    """The page of an application as a file, made when it is first asked for."""
    with _MAKING:
        made: File | None = getattr(app.state, "reading", None)
        if made is None:
            page = page_of(orjson.loads(document_of(app).content))
            made = app.state.reading = file_of(page.encode(), "text/html")
        return made


def page_of(document: Json) -> str:
    """The whole page."""
    groups = list(_groups(document))
    names = list(document["components"]["schemas"])
    contents = [_contents(tag["name"], [(_anchor(each), _label(each)) for each in calls]) for tag, calls in groups]
    contents.append(_contents("schemas", [(f"schema-{name}", name) for name in names]))
    sections = [_section(tag, calls, document) for tag, calls in groups]
    sections.append(_schemas(document["components"]["schemas"]))
    info = document["info"]
    return PAGE.format(
        title=html.escape(info["title"]),
        version=html.escape(info["version"]),
        contents="\n".join(contents),
        introduction=f"<h1>{html.escape(info['title'])}</h1>\n{marked_up(info['description'])}",
        sections="\n".join(sections),
    )


def _groups(document: Json) -> Iterator[tuple[Json, list[Json]]]:
    """The tags in their order, each with its calls; a call is its operation with `path` and `method`."""
    calls: dict[str, list[Json]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            calls.setdefault(operation["tags"][0], []).append({**operation, "path": path, "method": method.upper()})
    for tag in document["tags"]:
        if tag["name"] in calls:
            yield tag, calls[tag["name"]]


def _is_op(call: Json) -> bool:
    return bool(call["tags"][0].startswith(OP_TAG))


def _anchor(call: Json) -> str:
    return str(call["operationId"])


def _label(call: Json) -> str:
    return str(call["path"]).removeprefix(OPS) if _is_op(call) else f"{call['method']} {call['path']}"


def _contents(name: str, links: list[tuple[str, str]]) -> str:
    lines = "".join(f'<li><a href="#{anchor}">{html.escape(label)}</a></li>' for anchor, label in links)
    return f"<details><summary>{html.escape(name)}</summary><ul>{lines}</ul></details>"


def _section(tag: Json, calls: list[Json], document: Json) -> str:
    articles = "\n".join(_article(call, document) for call in calls)
    return f"<section><h2>{html.escape(tag['name'])}</h2>\n<p>{inline(tag['description'])}</p>\n{articles}</section>"


# -- one call -------------------------------------------------------------------------------------------------------


def _article(call: Json, document: Json) -> str:
    bodies = list(_bodies(call))
    if _is_op(call):
        name = _label(call)
        head = "<br>".join(f"<code>{html.escape(signature(name, body))}</code>" for body in bodies)
        fields = "".join(_fields(body, OF_EVERY_STEP) for body in bodies)
    else:
        head = f"<code><b>{call['method']}</b> {html.escape(call['path'])}</code>"
        fields = _parameters(call, document) + "".join(_body(body) for body in bodies)
    parts = [
        f'<article id="{_anchor(call)}"><h3>{head}</h3>',
        f"<p>{inline(call['summary'])}</p>",
        marked_up(call.get("description", "")),
        fields,
        _example(call, document),
        f"<p>Answers: {', '.join(_answers(call, document))}.</p></article>",
    ]
    return "\n".join(part for part in parts if part)


def _bodies(call: Json) -> Iterator[Json]:
    """The schemas of the body: one, or one for each overload."""
    for each in call.get("requestBody", {}).get("content", {}).values():
        yield from each["schema"].get("anyOf", [each["schema"]])


def signature(name: str, body: Json) -> str:
    """An op as it would be called: `add(input, other, alpha=1)`."""
    required = body.get("required", ())
    given = [
        field if field in required else f"{field}={_json(schema.get('default'))}"
        for field, schema in body.get("properties", {}).items()
        if field not in OF_EVERY_STEP
    ]
    return f"{name}({', '.join(given)})"


def _body(schema: Json) -> str:
    if "$ref" in schema:
        return f"<p>Body: {type_of(schema)}</p>"
    return _fields(schema, ())


def _parameters(call: Json, document: Json) -> str:
    found = [_resolved(each, document) for each in call.get("parameters", ())]
    rows = [
        (code(each["name"]), each["in"], type_of(each["schema"]), inline(each.get("description", ""))) for each in found
    ]
    return _table(rows)


def _fields(schema: Json, left_out: Iterable[str]) -> str:
    """The table of an object's fields."""
    required = schema.get("required", ())
    rows = [
        (code(name), "" if name in required else "optional", type_of(each), inline(each.get("description", "")))
        for name, each in schema.get("properties", {}).items()
        if name not in left_out
    ]
    return _table(rows)


def _path(call: Json, document: Json) -> str:
    """The path of a call with the defaults of what it names."""
    path: str = call["path"]
    for each in call.get("parameters", ()):
        found = _resolved(each, document)
        path = path.replace(f"{{{found['name']}}}", str(found["schema"].get("default")))
    return path


def _example(call: Json, document: Json) -> str:
    for media_type, each in call.get("requestBody", {}).get("content", {}).items():
        if "example" in each:
            line = f"{call['method']} {_path(call, document)}"
            head = "" if media_type == "application/json" else f" ({html.escape(media_type)})"
            return f"<pre>{html.escape(line)}{head}\n{html.escape(_json(each['example']))}</pre>"
    return ""


def _answers(call: Json, document: Json) -> Iterator[str]:
    for status, found in call["responses"].items():
        answer = _resolved(found, document)
        kinds = [type_of(each["schema"]) for each in answer.get("content", {}).values()]
        yield f"{'otherwise' if status == 'default' else status} {' or '.join(kinds)}".strip()


def _resolved(part: Json, document: Json) -> Json:
    found: Any = document
    if "$ref" not in part:
        return part
    for key in part["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    resolved: Json = found
    return resolved


# -- schemas --------------------------------------------------------------------------------------------------------


def _schemas(schemas: dict[str, Json]) -> str:
    articles = [
        f'<article id="schema-{name}"><h3><code>{name}</code></h3>'
        f"<p>{inline(each.get('description', ''))}</p>{_schema(each)}</article>"
        for name, each in schemas.items()
    ]
    return "\n".join(["<section><h2>schemas</h2>", *articles, "</section>"])


def _schema(schema: Json) -> str:
    return _fields(schema, ()) if schema.get("properties") else f"<p>{type_of(schema)}</p>"


def type_of(schema: Json) -> str:
    """A schema in a line, as HTML: types by name, components as links."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMA)
        return f'<a href="#schema-{name}">{name}</a>'
    shown = _type(schema)
    default = f" = {code(_json(schema['default']))}" if schema.get("default") is not None else ""
    return shown + default


def _type(schema: Json) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(code(_json(each)) for each in schema["enum"])
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return str(kind)


# -- HTML -----------------------------------------------------------------------------------------------------------


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
