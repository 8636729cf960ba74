"""Dispatch finds what the router would: FastAPI's own matching is the oracle."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match

from app.dispatch import Dispatch
from app.main import create_app
from app.settings import Settings

ROUTES = create_app(Settings()).routes
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ODD = (
    "", "*", "/", "//", "/v1", "/v1/", "/v1/sessions/", "/v1/sessions//run", "/v1/sessions/a/run/", "/v1/ops/",
    "/v1/ops/nn.functional.relu", "/v1/ops/a/b", "/v1/sessions/run/ops/ops", "/v1/sessions/{session}/run",
    "/v1/sessions/tensors/tensors/grad/grad", "/docs/assets/", "/docs/assets/a/b", "/docs/errors/x", "/healthz/x",
)  # fmt: skip


def paths() -> list[str]:
    """One path of each route, and some of none."""
    made = [re.sub(r"\{(\w+)\}", r"a \1", route.path) for route in ROUTES if isinstance(route, APIRoute)]
    return [*dict.fromkeys(made), *ODD]


def by_router(method: str, path: str) -> tuple[BaseRoute, dict[str, str]] | None:
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    for route in ROUTES:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return route, found["path_params"]
    return None


@pytest.mark.parametrize("path", paths())
def test_a_request_goes_where_the_router_would_send_it(path: str) -> None:
    dispatch = Dispatch(ROUTES)
    for method in METHODS:
        assert dispatch.find(method, path) == by_router(method, path)
