"""Nodes of the graph, as `GET graph` shows them."""

from __future__ import annotations

from typing import Any

from .speech import NotSayable

PREFIXED = ("AccumulateGrad", "CopySlices", "CopyBackwards")  # torch says where these come from


class RemoteNode:
    """A node by its number; the same one is the same object."""

    def __init__(self, torch: Any, told: dict[str, Any]) -> None:
        self.__dict__.update(_torch=torch, _told=told, _place=None)

    def seen_at(self, place: str) -> RemoteNode:
        """The node, which code finds at this place."""
        self.__dict__["_place"] = self._place or place
        return self

    def name(self) -> str:
        name = self._told["name"]
        return f"torch::autograd::{name}" if name in PREFIXED else name

    def __repr__(self) -> str:
        return f"<{self._told['name']} object at {self._told['id']:#x}>"

    @property
    def next_functions(self) -> tuple[Any, ...]:
        """The edges; those to inputs that need no gradient are not on the wire."""
        found = [(self._torch.nodes[to], nr) for to, nr in self._torch.edges[self._told["id"]]]
        return tuple((n.seen_at(f"{self._place}.next_functions[{at}][0]"), nr) for at, (n, nr) in enumerate(found))

    @property
    def variable(self) -> Any:
        if self._told.get("variable") is None:
            raise NotSayable("a leaf without a name")
        return self._torch.named(self._told["variable"])

    def register_hook(self, function: Any) -> Any:
        return self._torch.hooks.register(f"{self._place}.register_hook", function)

    def register_prehook(self, function: Any) -> Any:
        return self._torch.hooks.register(f"{self._place}.register_prehook", function)

    def __getattr__(self, name: str) -> Any:
        raise NotSayable(f"grad_fn.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise NotSayable(f"set grad_fn.{name}")
