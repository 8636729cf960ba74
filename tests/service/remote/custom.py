"""`torch.autograd.Function` as a saved function with a gradient of its own: both halves are noted, as steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .programs import Trace
from .speech import NotSayable, spoken
from .tensors import RemoteTensor

if TYPE_CHECKING:
    from .module import Torch


class Context:
    """What forward leaves for backward: tensors, and attributes, which are constants."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.__dict__.update(needs_input_grad=needs_input_grad, saved_tensors=())

    def save_for_backward(self, *tensors: Any) -> None:
        if not all(each is None or isinstance(each, RemoteTensor) for each in tensors):
            raise NotSayable("saved values of this kind")
        self.saved_tensors = tensors

    def __getattr__(self, name: str) -> Any:
        raise NotSayable(f"ctx.{name}")


def function_class(torch: Torch) -> type:
    """The base of a snippet's functions."""

    class Function:
        @classmethod
        def apply(cls, *args: Any) -> Any:
            return applied(torch, cls, args)

    return Function


def applied(torch: Torch, cls: Any, args: tuple[Any, ...]) -> Any:
    """Save the function under its class's name, and apply it."""
    tensors = [each for each in args if isinstance(each, RemoteTensor)]
    context = Context(tuple(isinstance(each, RemoteTensor) and each.requires_grad for each in args))
    forward = Trace(torch, mode=False)
    with torch.noting(None):
        copies = [forward.input(each, False) for each in tensors]
    given = iter(copies)
    inputs = tuple(next(given) if isinstance(each, RemoteTensor) else each for each in args)
    with torch.noting(forward):
        result = _forward(cls, context, inputs)
        outputs = list(result) if isinstance(result, tuple) else [result]
        if not all(isinstance(each, RemoteTensor) for each in outputs):
            raise NotSayable("results of this kind")
        document = {
            "inputs": [{"name": each._name} for each in copies],
            "outputs": spoken(outputs),
            "backward": _backward(torch, cls, context, outputs, inputs),
            "steps": forward.steps,
        }
    torch.save(cls.__name__, document)
    return torch.step(f"functions.{cls.__name__}", {"args": spoken(tensors)})


def _forward(cls: Any, context: Context, inputs: tuple[Any, ...]) -> Any:
    if not hasattr(cls, "setup_context"):
        return cls.forward(context, *inputs)
    result = cls.forward(*inputs)
    cls.setup_context(context, inputs, result)
    return result


def _backward(torch: Torch, cls: Any, context: Context, outputs: list[Any], inputs: tuple[Any, ...]) -> dict[str, Any]:
    """The gradient as steps; what it uses of the forward's is saved."""
    assert torch.noted is not None
    backward = Trace(torch, torch.noted.names)
    with torch.noting(None):
        gradients = [backward.input(each, False) for each in outputs]
    with torch.noting(backward):
        found = cls.backward(context, *gradients)
        found = list(found) if isinstance(found, tuple) else [found]
        while len(found) > len(inputs) and found[-1] is None:
            found.pop()
        if len(found) == len(inputs):  # else it is refused
            found = [each for each, arg in zip(found, inputs, strict=True) if isinstance(arg, RemoteTensor)]
        names = spoken(found)
    return {
        "inputs": [each._name for each in gradients],
        "saved": backward.wanted,
        "steps": backward.steps,
        "outputs": names,
    }
