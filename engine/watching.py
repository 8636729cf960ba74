"""The tensors an advanced index was made of: torch saves them with the node, so changing or freeing them is noticed.

Formulas use positions made of them once (`engine.indexing.checked`); here only the originals and their versions stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine import errors
from engine.graph import FROZEN, Node, Rare, Watched
from engine.modes import state
from engine.tensor import InferenceCounter, Tensor


def watched(arrays: Iterable[Any], tensors: Iterable[Any]) -> Watched:
    """What a node keeps of index arrays, None among them for whole dims, that some of the tensors hold.

    Raises RuntimeError for a tensor made under inference mode.
    """
    counters = {id(each._array): each._counter for each in tensors if isinstance(each, Tensor)}
    kept: list[Any] = []
    for each in arrays:
        counter = counters.get(id(each), FROZEN)
        if type(counter) is InferenceCounter:
            raise errors.inference_saved()
        kept.append(None if each is None else (each, counter, counter[0]))
    return tuple(kept)


def records(*tensors: Tensor) -> bool:
    """Whether an index op on these tensors will record a node."""
    ctx = state.ctx
    return ctx.recorder is None and ctx.recording and any(each.requires_grad for each in tensors)


def watch(written: Tensor, kept: Watched) -> None:
    """Give the node that just recorded an index op on a tensor what it is to watch."""
    view = written._view
    edge = written._edge if view is None else view.base._edge
    node = None if edge is None else edge[0]
    node = getattr(node, "inner", node)  # of a CopySlices, the op that wrote
    if isinstance(node, Node) and node.ordinary:
        node.rare = node.rare or Rare()
        node.rare.watched = kept
