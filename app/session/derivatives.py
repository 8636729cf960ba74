"""The steps that differentiate: `backward`, `autograd.grad`, and whole Jacobians and Hessians of the recorded graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.problems import Problem
from app.session.declaring import maybe, special, tensor_like
from app.session.parameters import Extra, Parameter
from app.session.scope import Scope
from engine import autograd, errors, grad_mode
from engine.kinds import Kind
from engine.modes import state
from engine.op import registry
from engine.tensor import Tensor

SINGLE = "The Tensor returned by the function given to hessian should contain a single element"  # torch's words


def _gradients(scope: Scope, value: Any, roots: list[Tensor]) -> list[Tensor | None] | None:
    """A lone gradient, or a list with one entry for each root."""
    if value is None:
        return None
    entries = value if type(value) is list else [value]
    pairs = zip(entries, [*roots, *[None] * len(entries)], strict=False)
    return [None if each is None else tensor_like(scope, like, each) for each, like in pairs]


@special(
    Parameter("tensors", Extra.ROOTS),
    maybe("grad_tensors", Extra.RAW),
    maybe("retain_graph", Kind.BOOL),
    maybe("create_graph", Kind.BOOL, False),
    maybe("inputs", Extra.ROOTS),
)
def backward(
    scope: Scope, tensors: list[Tensor], grad_tensors: Any, retain_graph: Any, create_graph: bool, inputs: Any
) -> None:
    """Accumulate gradients into the leaves (`torch.autograd.backward`)."""
    gradients = _gradients(scope, grad_tensors, tensors)
    if len(tensors) == 1 and gradients is None and inputs is None:
        tensors[0].backward(retain_graph=retain_graph, create_graph=create_graph)  # has a shorter way
    else:
        autograd.backward(tensors, gradients, retain_graph, create_graph, inputs=inputs)


@special(
    Parameter("outputs", Extra.ROOTS),
    Parameter("inputs", Extra.ROOTS),
    maybe("grad_outputs", Extra.RAW),
    maybe("retain_graph", Kind.BOOL),
    maybe("create_graph", Kind.BOOL, False),
    maybe("allow_unused", Kind.BOOL),
    maybe("is_grads_batched", Kind.BOOL, False),
    maybe("materialize_grads", Kind.BOOL, False),
    name="autograd.grad",
    outputs=("grads",),
    several=True,
)
def grad(
    scope: Scope, outputs: list[Tensor], inputs: list[Tensor], grad_outputs: Any, retain_graph: Any, *flags: Any
) -> list[Tensor | None]:
    """The gradients of the outputs with respect to the inputs (`torch.autograd.grad`)."""
    create_graph, allow_unused, is_grads_batched, materialize_grads = flags
    made = autograd.grad(
        outputs,
        inputs,
        _gradients(scope, grad_outputs, outputs),
        retain_graph,
        create_graph,
        allow_unused=allow_unused,
        is_grads_batched=is_grads_batched,
        materialize_grads=materialize_grads,
    )
    return list(made)


@special(
    Parameter("output", Kind.TENSOR),
    Parameter("inputs", Extra.ROOTS),
    maybe("create_graph", Kind.BOOL, False),
    name="autograd.jacobian",
    outputs=("jacobians",),
    several=True,
)
def jacobian(scope: Scope, output: Tensor, inputs: list[Tensor], create_graph: bool) -> list[Tensor]:
    """The Jacobian of an output by each input, of shape output.shape + input.shape. The graph is kept."""
    _check(output, inputs)
    _make_room("jacobian", [(output, each) for each in inputs])
    return _jacobian(output, inputs, create_graph)


@special(
    Parameter("output", Kind.TENSOR),
    Parameter("inputs", Extra.ROOTS),
    maybe("create_graph", Kind.BOOL, False),
    name="autograd.hessian",
    outputs=("hessians",),
    several=True,
)
def hessian(scope: Scope, output: Tensor, inputs: list[Tensor], create_graph: bool) -> list[Tensor]:
    """The Hessian of a scalar output, block by block: those of the first input by each input first."""
    _check(output, inputs)
    if output.numel() != 1:
        raise Problem("shape_mismatch", SINGLE)
    _make_room("hessian", [(one, other) for one in inputs for other in inputs])
    gradients = autograd.grad(output, inputs, create_graph=True, allow_unused=True)
    blocks: list[Tensor] = []
    for one, gradient in zip(inputs, gradients, strict=True):
        if gradient is None or not gradient.requires_grad:
            blocks += [_zeros(one, each) for each in inputs]
        else:
            blocks += _jacobian(gradient, inputs, create_graph)
    return blocks


def _check(output: Tensor, inputs: Sequence[Tensor]) -> None:
    """What `autograd.grad` would refuse, also where there is no row to ask it for."""
    if not inputs:
        raise errors.bad_argument("`inputs` argument to `grad()` cannot be empty.")
    if not output.requires_grad:
        raise errors.no_grad_fn(0)
    if not all(each.requires_grad for each in inputs):
        raise errors.bad_argument("One of the differentiated Tensors does not require grad")


def _make_room(name: str, blocks: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Ask the guard for all blocks, which are there twice for a moment: row by row, and put together."""
    guard = state.ctx.guard
    if guard is None:
        return
    sizes = [one.numel() * other.numel() * other.element_size() for one, other in blocks]
    for size in sizes:
        guard.result(name, size)
    guard.allocate(name, 2 * sum(sizes))
    guard.release(2 * sum(sizes))


def _jacobian(output: Tensor, inputs: Sequence[Tensor], create_graph: bool) -> list[Tensor]:
    """One pass for each element of the output."""
    if output.is_complex():
        text = f"grad can be implicitly created only for real scalar outputs but got {output.dtype!r}"
        raise errors.dtype_mismatch(text)
    with grad_mode.enable_grad() if create_graph else grad_mode.no_grad():
        places = registry["arange"](output.numel(), device=output.device)
        rows = [_row(output, inputs, places, at, create_graph) for at in range(output.numel())]
        # by input; an input that the output does not depend on has None in each row
        columns = zip(*rows, strict=True) if rows else [()] * len(inputs)
        return [
            registry["stack"](list(column)).view((*output.shape, *each.shape))
            if column and column[0] is not None
            else _zeros(output, each)
            for each, column in zip(inputs, columns, strict=True)
        ]


def _row(
    output: Tensor, inputs: Sequence[Tensor], places: Tensor, at: int, create_graph: bool
) -> tuple[Tensor | None, ...]:
    """The gradient of one element. Its seed is made anew: the undo log would keep every state of one written over."""
    seed = registry["eq"](places, at).to(output.dtype).reshape(output.shape)
    return autograd.grad(output, inputs, seed, retain_graph=True, create_graph=create_graph, allow_unused=True)


def _zeros(one: Tensor, other: Tensor) -> Tensor:
    made: Tensor = registry["zeros"]((*one.shape, *other.shape), dtype=other.dtype, device=other.device)
    return made
