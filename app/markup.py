"""The little Markdown that the texts of problems and of the OpenAPI document have, as HTML."""

from __future__ import annotations

import html
import re


def marked_up(text: str) -> str:
    """Paragraphs of `code`, **strong** and [links](address)."""
    return "\n".join(f"<p>{inline(part)}</p>" for part in text.split("\n\n") if part)


def inline(text: str) -> str:
    """A text in one piece."""
    parts = re.split(r"`([^`]+)`", text)  # every other one is code, in which nothing has a meaning
    return "".join(code(part) if at % 2 else _marked(part) for at, part in enumerate(parts))


def code(text: str) -> str:
    """A text as code."""
    return f"<code>{html.escape(text)}</code>"


def _marked(text: str) -> str:
    found = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", html.escape(text, quote=False))
    return re.sub(r"\[([^\]]+)\]\(([\w./#-]+)\)", r'<a href="\2">\1</a>', found)
