"""What the service is compared with: endpoints that read a body and give a fixed answer, in FastAPI and without it.

    python -m benchmarks._bare json|fastapi|uvicorn FOLDER

`FOLDER` has an answer for each path, `op.json` for `/op`. The first line on standard output is the port.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from app.server import listen

JSON = "application/json"


def with_fastapi(answers: dict[str, bytes]) -> Any:
    """A route for each path, with a raw response: the fast way to use FastAPI."""
    app = FastAPI()

    def add(path: str, content: bytes) -> None:
        @app.post(path)
        async def answer(request: Request) -> Response:
            await request.body()
            return Response(content, media_type=JSON)

    for path, content in answers.items():
        add(path, content)
    return app


def with_json(answers: dict[str, bytes]) -> Any:
    """FastAPI as its own tutorial uses it: the body is parsed, and the answer, read beforehand, is written as JSON."""
    app = FastAPI()

    def add(path: str, content: dict[str, Any]) -> None:
        @app.post(path)
        async def answer(body: dict[str, Any]) -> dict[str, Any]:
            return content

    for path, content in answers.items():
        add(path, json.loads(content))
    return app


def with_uvicorn(answers: dict[str, bytes]) -> Any:
    """The same as an ASGI application: nothing is faster on this server."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        content = answers[scope["path"]]
        headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


KINDS: dict[str, Callable[[dict[str, bytes]], Any]] = {
    "json": with_json,
    "fastapi": with_fastapi,
    "uvicorn": with_uvicorn,
}


def main(kind: str, folder: str) -> None:
    """Serve until stopped."""
    answers = {f"/{file.stem}": file.read_bytes() for file in Path(folder).glob("*.json")}
    bound = listen("127.0.0.1", 0)
    config = uvicorn.Config(KINDS[kind](answers), lifespan="off", access_log=False, log_level="warning")
    print(bound.getsockname()[1], flush=True)
    uvicorn.Server(config).run([bound])


if __name__ == "__main__":
    main(*sys.argv[1:])
