"""What may happen to a graph between forward and backward, as functions that run on the engine and on PyTorch.

Each takes the module, the leaves and the results of a call, does something that a careless program does, and gives the
gradients of all results to all leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Disturbance = Callable[[Any, list[Any], list[Any]], list[Any]]


def tracked(torch: Any, results: list[Any]) -> list[Any]:
    """The results that gradients start from."""
    return [each for each in results if isinstance(each, torch.Tensor) and each.requires_grad]


def gradients(torch: Any, leaves: list[Any], results: list[Any], sent: Any = None, **how: Any) -> list[Any]:
    """The gradients of all results, as lists of numbers; `sent` makes what is sent to a result."""
    roots = tracked(torch, results)
    wanted = [each for each in leaves if each.requires_grad]
    start = [(sent or torch.ones_like)(each) for each in roots]
    made = torch.autograd.grad(roots, wanted, start, allow_unused=True, **how)
    return [None if each is None else each.tolist() for each in made]


def plain(torch: Any, leaves: list[Any], results: list[Any]) -> list[Any]:
    """The same by `backward`."""
    roots = tracked(torch, results)
    torch.autograd.backward(roots, [torch.ones_like(each) for each in roots])
    return [each.grad if each.grad is None else each.grad.tolist() for each in leaves if each.requires_grad]


def data_of(which: int, reform: Callable[[tuple[int, ...]], tuple[int, ...]], run: Any = gradients) -> Disturbance:
    """Other data for a leaf (or, from -1 down, a result), of a shape made of its own."""

    def disturb(torch: Any, leaves: list[Any], results: list[Any]) -> list[Any]:
        among = leaves if which >= 0 else results
        tensor = among[min(which, len(among) - 1) if which >= 0 else 0]
        tensor.data = torch.ones(reform(tuple(tensor.shape)), dtype=tensor.dtype)
        return run(torch, leaves, results)  # type: ignore[no-any-return]  # one of the two above

    return disturb


def written(torch: Any, leaves: list[Any], results: list[Any]) -> list[Any]:
    """All leaves written to."""
    with torch.no_grad():
        for each in leaves:
            each.zero_()
    return gradients(torch, leaves, results)


def twice(torch: Any, leaves: list[Any], results: list[Any]) -> list[Any]:
    """The graph used a second time."""
    gradients(torch, leaves, results)
    return gradients(torch, leaves, results)


def deleted(torch: Any, leaves: list[Any], results: list[Any]) -> list[Any]:
    """The leaves gone before backward."""
    leaves.clear()
    return plain(torch, leaves, results)


def hooked(answer: Callable[[Any, Any], Any], on_leaves: bool) -> Disturbance:
    """A hook on tensors that answers so."""

    def disturb(torch: Any, leaves: list[Any], results: list[Any]) -> list[Any]:
        def hook(g: Any) -> Any:
            return answer(torch, g)

        for each in tracked(torch, leaves if on_leaves else results):
            each.register_hook(hook)
        return plain(torch, leaves, results)

    return disturb


def node_hooked(answer: Callable[[Any, tuple[Any, ...]], Any], before: bool) -> Disturbance:
    """A hook on the results' nodes, before they run or after, that answers so."""

    def disturb(torch: Any, leaves: list[Any], results: list[Any]) -> list[Any]:
        def hook(*grads: Any) -> Any:
            return answer(torch, grads[0])

        for node in {each.grad_fn for each in tracked(torch, results)} - {None}:
            (node.register_prehook if before else node.register_hook)(hook)
        return gradients(torch, leaves, results)

    return disturb


def sent(make: Callable[[Any, Any], Any]) -> Disturbance:
    """Gradients made so are sent to the results."""
    return lambda torch, leaves, results: gradients(torch, leaves, results, lambda each: make(torch, each))


def longer(torch: Any, g: Any) -> Any:
    """A gradient with a dim too many."""
    return torch.ones((*g.shape, 2), dtype=g.dtype)


DATA = {
    "data, a dim first": data_of(0, lambda shape: (2, *shape)),
    "data, a dim last": data_of(0, lambda shape: (*shape, 2)),
    "data, a dim last, backward": data_of(0, lambda shape: (*shape, 2), plain),
    "data, a dim first, recorded": data_of(
        0, lambda shape: (2, *shape), lambda *args: gradients(*args, create_graph=True)
    ),
    "data, longer": data_of(0, lambda shape: tuple(size + 1 for size in shape)),
    "data, a dim less": data_of(0, lambda shape: shape[1:]),
    "data, turned": data_of(0, lambda shape: shape[::-1]),
    "data, nothing": data_of(0, lambda shape: tuple(0 for _ in shape)),
    "data of another": data_of(1, lambda shape: (2, *shape)),
    "data of another, longer": data_of(1, lambda shape: tuple(size + 1 for size in shape)),
}
OTHERS = {
    "result's data, a dim last": data_of(-1, lambda shape: (*shape, 2)),
    "result's data, a dim first": data_of(-1, lambda shape: (2, *shape)),
    "result's data, a dim less": data_of(-1, lambda shape: shape[1:]),
    "written": written,
    "twice": twice,
    "deleted": deleted,
    "hook, shape": hooked(longer, False),
    "hook, dtype": hooked(lambda torch, g: g.to(torch.float16), False),
    "hook, text": hooked(lambda torch, g: "text", False),
    "leaf's hook, shape": hooked(longer, True),
    "leaf's hook, number": hooked(lambda torch, g: 3, True),
    "leaf's hook, written": hooked(lambda torch, g: g.zero_(), True),
    "before, shape": node_hooked(lambda torch, gs: tuple(g if g is None else longer(torch, g) for g in gs), True),
    "before, none": node_hooked(lambda torch, gs: tuple(None for _ in gs), True),
    "before, list": node_hooked(lambda torch, gs: list(gs), True),
    "after, shape": node_hooked(lambda torch, gs: tuple(g if g is None else longer(torch, g) for g in gs), False),
    "after, few": node_hooked(lambda torch, gs: gs[1:], False),
    "after, texts": node_hooked(lambda torch, gs: tuple("text" for _ in gs), False),
    "sent, shape": sent(longer),
    "sent, complex": sent(lambda torch, each: torch.ones(each.shape, dtype=torch.complex128)),
    "sent, integers": sent(lambda torch, each: torch.ones(each.shape, dtype=torch.int64)),
    "sent, number": sent(lambda torch, each: 1.0),
}
