"""Nodes of the graph, as `GET graph` shows them."""

from __future__ import annotations

from typing import Any

from .speech import NotSayable

PREFIXED = ("AccumulateGrad", "CopySlices", "CopyBackwards")  # torch says where these come from


class RemoteNode:
    """A node by its number; the same one is the same object."""

    def __init__(self, torch: Any, told: dict[str, Any]) -> None:
        self.__dict__.update(_torch=torch, _told=told)

    def name(self) -> str:
        name = self._told["name"]
        return f"torch::autograd::{name}" if name in PREFIXED else name

    def __repr__(self) -> str:
        return f"<{self._told['name']} object at {self._told['id']:#x}>"

    @property
    def next_functions(self) -> tuple[Any, ...]:
        """The edges; those to inputs that need no gradient are not on the wire."""
        return tuple((self._torch.nodes[to], nr) for to, nr in self._torch.edges[self._told["id"]])

    @property
    def variable(self) -> Any:
        if self._told.get("variable") is None:
            raise NotSayable("a leaf without a name")
        return self._torch.named(self._told["variable"])

    def __getattr__(self, name: str) -> Any:
        raise NotSayable(f"grad_fn.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise NotSayable(f"set grad_fn.{name}")
