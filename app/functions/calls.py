"""The calls of a function, one for each: values, and derivatives of every kind. Nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app import codec
from app.functions.compiling import Request, Results
from app.functions.invocation import Invocation
from app.functions.patterns import check, wide, widened
from app.session import derivatives
from app.session.bodies import flag, wrong
from app.session.declaring import tensor_like
from engine import autograd, dtypes, errors, modes
from engine.autograd import functional
from engine.autograd.comparison import compare_gradients
from engine.op import registry
from engine.tensor import Tensor

Method = Callable[[Invocation], dict[str, Any]]


def call(invocation: Invocation) -> dict[str, Any]:
    """The outputs."""
    values = invocation.arguments()
    request = Request(invocation.definition, values, (), (), _none, lambda: (invocation.outputs(values), []))
    outputs, _ = invocation.plans.evaluate(request)
    return {"outputs": invocation.shown(outputs)}


def vjp(invocation: Invocation) -> dict[str, Any]:
    """The outputs, and the gradients of the inputs from those of the outputs."""
    values, wanted = invocation.differentiable()
    if flag(invocation.body, "batched"):
        return _batched_vjp(invocation, values, wanted)

    def cotangents(outputs: Sequence[Any]) -> list[Tensor | None]:
        return _cotangents(invocation, outputs, False)

    def interpret() -> Results:
        outputs = invocation.outputs(values)
        return outputs, _pulled(outputs, wanted, cotangents(outputs))

    asked = invocation.body.get("cotangents")
    given = tuple(each is not None for each in asked) if type(asked) is list else ()
    request = Request(invocation.definition, values, invocation.wrt(), given, cotangents, interpret)
    outputs, grads = invocation.plans.evaluate(request)
    return {"outputs": invocation.shown(outputs), "grads": invocation.shown(_filled(grads, wanted))}


def _batched_vjp(invocation: Invocation, values: list[Tensor], wanted: list[Tensor]) -> dict[str, Any]:
    """The same for cotangents with a leading axis, one gradient for each of its entries."""
    outputs = invocation.outputs(values)
    cotangents = _cotangents(invocation, outputs, True)
    count = next((each.shape[0] for each in cotangents if each is not None), 0)
    invocation.make_room((count, *each.shape) for each in wanted)
    grads = _pulled(outputs, wanted, cotangents, batched=True)
    filled = [
        _zeros((count, *like.shape), like) if each is None else each for each, like in zip(grads, wanted, strict=True)
    ]
    return {"outputs": invocation.shown(outputs), "grads": invocation.shown(filled)}


def jvp(invocation: Invocation) -> dict[str, Any]:
    """The outputs, and their derivatives along tangents of the inputs; null for outputs that have none."""
    tensors, wanted = invocation.differentiable()
    places = invocation.wrt()
    tangents = _tangents(invocation, "tangents", [tensors[at] for at in places])
    seen: list[list[Tensor]] = []

    def smooth(*moved: Tensor) -> tuple[Tensor, ...]:
        given = list(tensors)
        for at, each in zip(places, moved, strict=True):
            given[at] = each
        seen.append(invocation.outputs(given))
        return tuple(each for each in seen[-1] if each.dtype.differentiable)

    _, pushed = functional.jvp(smooth, tuple(wanted), tuple(tangents))
    left = iter(pushed)
    moved = [next(left) if each.dtype.differentiable else None for each in seen[-1]]
    return {"outputs": invocation.shown(seen[-1]), "tangents": invocation.shown(moved)}


def value_and_grad(invocation: Invocation) -> dict[str, Any]:
    """The value of a scalar function and its gradients."""
    values, wanted = invocation.differentiable()

    def interpret() -> Results:
        value = invocation.scalar(values)
        return [value], _pulled([value], wanted, [None])

    request = Request(invocation.definition, values, invocation.wrt(), (False,), _none, interpret)
    outputs, grads = invocation.plans.evaluate(request)
    return {"value": invocation.shown(outputs)[0], "grads": invocation.shown(_filled(grads, wanted))}


def jacobian(invocation: Invocation) -> dict[str, Any]:
    """The Jacobian by each input, of shape output.shape + input.shape; a list of them for each of several outputs."""
    tensors, wanted = invocation.differentiable()
    outputs = invocation.outputs(tensors)
    invocation.make_room((*one.shape, *other.shape) for one in outputs for other in wanted)
    rows = [invocation.shown(_jacobian(invocation, each, wanted)) for each in outputs]
    return {"jacobians": rows[0] if len(rows) == 1 else rows}


def hessian(invocation: Invocation) -> dict[str, Any]:
    """The Hessian of a scalar function: for each input a list of blocks, one for each input."""
    tensors, wanted = invocation.differentiable()
    value = _single(invocation, tensors, "hessian")
    invocation.make_room((*one.shape, *other.shape) for one in wanted for other in wanted)
    if value.requires_grad:
        blocks = derivatives.hessian(invocation.scope(), value, wanted, False)
    else:
        blocks = [_zeros((*one.shape, *other.shape), other) for one in wanted for other in wanted]
    shown, count = invocation.shown(blocks), len(wanted)
    return {"hessians": [shown[at : at + count] for at in range(0, len(shown), count)]}


def hvp(invocation: Invocation) -> dict[str, Any]:
    """The product of the Hessian of a scalar function with vectors, one for each input, and its gradients."""
    tensors, wanted = invocation.differentiable()
    vectors = _tangents(invocation, "vectors", wanted)
    value = _single(invocation, tensors, "hvp")
    grads = _gradients(value, wanted, create_graph=True)
    flows = [(one, other) for one, other in zip(grads, vectors, strict=True) if one.requires_grad]
    products: Sequence[Tensor] = [_zeros(tuple(each.shape), each) for each in wanted]
    if flows:
        roots, directions = zip(*flows, strict=True)
        products = autograd.grad(roots, wanted, directions, materialize_grads=True)  # type: ignore[assignment]  # zeros
    return {"hvp": invocation.shown(products), "grads": invocation.shown(grads)}


def gradcheck(invocation: Invocation) -> dict[str, Any]:
    """The gradients in float64 against central differences; `worst` is where they differ most."""
    body = invocation.body
    eps, atol, rtol = _positive(body, "eps", 1e-6), _positive(body, "atol", 1e-5), _positive(body, "rtol", 1e-3)
    places = invocation.wrt()
    inputs = invocation.definition.inputs
    given = invocation.arguments(inputs[at].name for at in places)
    check(invocation.definition.name, inputs, given)
    modes.set_default_dtype(dtypes.float64)
    with widened():
        checked = compare_gradients(
            lambda *moved: tuple(invocation.outputs(moved)),
            [each.to(wide(each.dtype)) if isinstance(each, Tensor) else each for each in given],
            places,
            eps=eps,
            atol=atol,
            rtol=rtol,
        )
    worst = checked.worst
    return {
        "ok": checked.ok,
        "max_abs_error": checked.max_abs_error,
        "max_rel_error": checked.max_rel_error,
        "worst": worst
        and {
            "output": worst.output,
            "output_index": list(worst.output_index),
            "input": inputs[worst.input].name,
            "input_index": list(worst.input_index),
            "analytical": codec.plain(worst.analytical),
            "numerical": codec.plain(worst.numerical),
        },
    }


METHODS: dict[str, tuple[Method, frozenset[str]]] = {
    "call": (call, frozenset()),
    "vjp": (vjp, frozenset({"wrt", "cotangents", "batched"})),
    "jvp": (jvp, frozenset({"wrt", "tangents"})),
    "value_and_grad": (value_and_grad, frozenset({"wrt"})),
    "jacobian": (jacobian, frozenset({"wrt"})),
    "hessian": (hessian, frozenset({"wrt"})),
    "hvp": (hvp, frozenset({"wrt", "vectors"})),
    "gradcheck": (gradcheck, frozenset({"wrt", "eps", "atol", "rtol"})),
}


# -- gradients ------------------------------------------------------------------------------------------------------


def _gradients(value: Tensor, wanted: list[Tensor], create_graph: bool = False) -> list[Tensor]:
    """The gradients of a scalar, zeros where it does not depend on an input."""
    if not value.requires_grad:
        return [_zeros(tuple(each.shape), each) for each in wanted]
    made = autograd.grad(value, wanted, create_graph=create_graph, materialize_grads=True)
    return list(made)  # type: ignore[arg-type]  # none is None


def _pulled(
    outputs: list[Tensor], wanted: list[Tensor], cotangents: list[Tensor | None], batched: bool = False
) -> list[Tensor | None]:
    """The gradients for cotangents, one for each output; None where nothing flows."""
    used = [(one, other) for one, other in zip(outputs, cotangents, strict=True) if one.requires_grad]
    if not used:
        return [None] * len(wanted)
    roots, flows = zip(*used, strict=True)
    return list(autograd.grad(roots, wanted, flows, allow_unused=True, is_grads_batched=batched))


def _filled(grads: list[Tensor | None], wanted: list[Tensor]) -> list[Tensor]:
    """The gradients, zeros where nothing flows."""
    return [_zeros(tuple(like.shape), like) if each is None else each for each, like in zip(grads, wanted, strict=True)]


def _none(outputs: Sequence[Any]) -> list[Tensor | None]:
    """No cotangents: the gradient of a scalar by itself is one."""
    return [None] * len(outputs)


def _jacobian(invocation: Invocation, output: Tensor, wanted: list[Tensor]) -> list[Tensor]:
    if not output.requires_grad:
        return [_zeros((*output.shape, *each.shape), each) for each in wanted]
    made: list[Tensor] = derivatives.jacobian(invocation.scope(), output, wanted, False)
    return made


def _single(invocation: Invocation, tensors: list[Tensor], name: str) -> Tensor:
    """The output of a scalar function. Raises RuntimeError with the text of `torch.autograd.functional`."""
    outputs = invocation.outputs(tensors)
    if len(outputs) != 1:
        raise errors.bad_argument(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        text = f"The Tensor returned by the function given to {name} should contain a single element"
        raise errors.shape_mismatch(text)
    return outputs[0]


def _zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    made: Tensor = registry["zeros"](shape, dtype=like.dtype, device=like.device)
    return made


# -- fields of the body ---------------------------------------------------------------------------------------------


def _cotangents(invocation: Invocation, outputs: Sequence[Any], batched: bool) -> list[Tensor | None]:
    """A tensor or None for each output, or for what it is like; without the field, None for all of them."""
    field = "cotangents"
    value = invocation.body.get(field)
    if value is None:
        if batched:
            raise wrong(field, "must be there with batched: true")
        return _none(outputs)
    if type(value) is not list or len(value) != len(outputs):
        found = f"{len(value)} entries" if type(value) is list else type(value).__name__
        raise wrong(field, f"must be a list of {len(outputs)}, one for each output, not {found}")
    scope = invocation.scope()
    made = [None if each is None else tensor_like(scope, like, each) for each, like in zip(value, outputs, strict=True)]
    _check_cotangents(outputs, made, batched)
    return made


def _check_cotangents(outputs: Sequence[Any], cotangents: list[Tensor | None], batched: bool) -> None:
    """What `autograd.grad` would say, also of those for outputs that nothing flows through."""
    for at, (output, each) in enumerate(zip(outputs, cotangents, strict=True)):
        if each is None:
            if batched:
                raise wrong(f"cotangents[{at}]", "must not be null with batched: true")
        elif not output.requires_grad and tuple(each.shape[1:] if batched else each.shape) != tuple(output.shape):
            raise errors.shape_mismatch(
                f"Mismatch in shape: grad_output[{at}] has a shape of {each.shape!r} and output[{at}] has a shape of "
                f"{output.shape!r}."
            )


def _tangents(invocation: Invocation, field: str, wanted: list[Tensor]) -> list[Tensor]:
    """A tensor for each input to differentiate by, zeros for null. Raises Problem, or torch's text for its shape."""
    value = invocation.body.get(field)
    if type(value) is not list or len(value) != len(wanted):
        found = f"{len(value)} entries" if type(value) is list else type(value).__name__
        raise wrong(field, f"must be a list of {len(wanted)}, one for each input to differentiate by, not {found}")
    scope = invocation.scope()
    made = []
    for at, (each, like) in enumerate(zip(value, wanted, strict=True)):
        tensor = _zeros(tuple(like.shape), like) if each is None else tensor_like(scope, like, each)
        if tensor.shape != like.shape:
            text = f"v has invalid size: should be {like.shape!r} but got {tensor.shape!r}."
            raise errors.shape_mismatch(f"Entry {at} in {text}" if len(wanted) > 1 else text)
        made.append(tensor.to(like.dtype))
    return made


def _positive(body: dict[str, Any], name: str, default: float) -> float:
    value = body.get(name, default)
    if type(value) not in (int, float) or not 0 <= value <= 1 or (name == "eps" and value == 0):
        raise wrong(name, "must be a number from 0 to 1" + (", and not 0" if name == "eps" else ""))
    return float(value)
