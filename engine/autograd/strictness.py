"""What `strict=True` refuses in `torch.autograd.functional`, and zeros where nothing flows without it."""

from __future__ import annotations

from collections.abc import Sequence

from engine import errors
from engine.op import registry
from engine.tensor import Tensor

NO_GRAD = {
    "outputs": (
        "Output {at} of the user-provided function does not require gradients. The outputs must be computed in a "
        "differentiable manner from the input when running in strict mode."
    ),
    "grad_inputs": (
        "The gradient with respect to input {at} is independent of the inputs of the user-provided function. This is "
        "not allowed in strict mode."
    ),
    "jacobian": (
        "While computing the hessian, found that the jacobian of the user-provided function with respect to input {at} "
        "is independent of the input. This is not allowed in strict mode. You should ensure that your function is "
        "twice differentiable and that the jacobian depends on the inputs (this would be violated by a linear function "
        "for example)."
    ),
    "hessian": (
        "The hessian of the user-provided function with respect to input {at} is independent of the input. This is not "
        "allowed in strict mode. You should ensure that your function is thrice differentiable and that the hessian "
        "depends on the inputs."
    ),
}
MISSING = {
    "back": (
        "The output of the user-provided function is independent of input {at}. This is not allowed in strict mode."
    ),
    "back_trick": (
        "The gradient with respect to the input is independent of entry {at} in the grad_outputs when using the double "
        "backward trick to compute forward mode gradients. This is not allowed in strict mode."
    ),
    "double_back": (
        "The jacobian of the user-provided function is independent of input {at}. This is not allowed in strict mode."
    ),
    "double_back_trick": (
        "The hessian of the user-provided function is independent of entry {at} in the grad_jacobian. This is not "
        "allowed in strict mode as it prevents from using the double backward trick to replace forward mode AD."
    ),
}


def check_graph(tensors: Sequence[Tensor | None], kind: str, strict: bool) -> None:
    """Refuse tensors without a graph in strict mode: `kind` says what they are, a key of `NO_GRAD`.

    Raises RuntimeError.
    """
    for at, each in enumerate(tensors if strict else ()):
        if each is None:
            raise errors.bad_argument(MISSING["back"].format(at=at))
        if not each.requires_grad:
            raise errors.bad_argument(NO_GRAD[kind].format(at=at))


def filled(
    grads: Sequence[Tensor | None], like: Sequence[Tensor], strict: bool, create_graph: bool, stage: str
) -> tuple[Tensor, ...]:
    """Gradients with zeros in the place of missing ones, which strict mode refuses: `stage` is a key of `MISSING`.

    Raises RuntimeError.
    """
    made = []
    for at, (each, reference) in enumerate(zip(grads, like, strict=True)):
        if each is None:
            if strict:
                raise errors.bad_argument(MISSING[stage].format(at=at))
            made.append(registry["zeros_like"](reference))
            continue
        if strict and create_graph and not each.requires_grad:
            raise independent("hessian" if "double" in stage else "jacobian", at)
        made.append(each)
    return tuple(made)


def independent(what: str, at: int) -> Exception:
    """A derivative that does not depend on an input, where a graph of it was asked for."""
    return errors.bad_argument(
        f"The {what} of the user-provided function is independent of input {at}. This is not allowed in strict mode "
        "when create_graph=True."
    )


__all__ = ["check_graph", "filled", "independent"]
