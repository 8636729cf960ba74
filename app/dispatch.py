"""Dispatch: from a method and a path to the route that answers, without trying the pattern of each in turn.

The routes are FastAPI's own, and what is not found here goes its ordinary way: that says 404 and 405. Its worth stands
in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute

from app.routes.forwarding import BytesRoute

Found = tuple[BytesRoute, dict[str, str]]  # a route, and the texts in the path by their names


class Dispatch:
    """The routes by the segments of their paths. A fixed segment goes before one that may be any text."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._root = Place()
        for route in routes:
            if isinstance(route, BytesRoute):
                self._add(route)

    def _add(self, route: BytesRoute) -> None:
        place = self._root
        names = []
        for segment in route.path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                place.other = place.other or Place()
                place = place.other
            else:
                place = place.fixed.setdefault(segment, Place())
        for method in route.methods or ():
            place.routes.setdefault(method, (route, tuple(names)))

    def find(self, method: str, path: str) -> Found | None:
        """The route of a request, or None where there is none."""
        place = self._root
        texts = []
        for segment in path.split("/")[1:]:
            following = place.fixed.get(segment)
            if following is None:
                following = place.other
                if following is None or not segment:
                    return None
                texts.append(segment)
            place = following
        found = place.routes.get(method)
        return None if found is None else (found[0], dict(zip(found[1], texts, strict=True)))


class Place:
    """What follows a beginning of a path."""

    __slots__ = ("fixed", "other", "routes")

    def __init__(self) -> None:
        self.fixed: dict[str, Place] = {}
        self.other: Place | None = None
        self.routes: dict[str, tuple[BytesRoute, tuple[str, ...]]] = {}  # by method, for paths that end here
