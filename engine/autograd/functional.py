"""`torch.autograd.functional`: derivatives of functions of tensors.

Jacobians are computed row by row with `grad`; `vectorize` and `strategy` choose how torch computes them and change
nothing in the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import errors
from engine.backward import grad
from engine.grad_mode import enable_grad
from engine.op import registry
from engine.tensor import Tensor, wrap

Func = Callable[..., Any]


def _as_tuple(value: Any, what: str, name: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether a value was a tuple, and it as one.

    Raises TypeError for anything but tensors.
    """
    if isinstance(value, Tensor):
        return False, (value,)
    if not isinstance(value, tuple):
        if what == "outputs of the user-provided function":
            raise errors.bad_type(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the given {what} has "
                f"type {type(value)}."
            )
        raise errors.bad_type(
            f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the given {what} has type "
            f"{type(value)}."
        )
    for at, each in enumerate(value):
        if not isinstance(each, Tensor):
            raise errors.bad_type(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the value at index {at} "
                f"has type {type(each)}."
            )
    return True, value


def _prepared(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as tensors of their own that require grad; under `create_graph` still connected to the originals."""
    made = []
    for each in inputs:
        if create_graph and each.requires_grad:
            made.append(each.view_as(each))
        else:
            made.append(each.detach().requires_grad_())
    return tuple(made)


def _called(func: Func, inputs: tuple[Tensor, ...], name: str) -> tuple[bool, tuple[Tensor, ...]]:
    return _as_tuple(func(*inputs), "outputs of the user-provided function", name)


def _check_strict(outputs: tuple[Tensor, ...]) -> None:
    for at, each in enumerate(outputs):
        if not each.requires_grad:
            raise errors.bad_argument(
                f"Output {at} of the user-provided function does not require gradients. The outputs must be computed "
                "in a differentiable manner from the input when running in strict mode."
            )


def _zeros(like: Tensor) -> Tensor:
    made: Tensor = registry["zeros_like"](like)
    return made


def _grads(
    outputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...], grads: Any, create_graph: bool
) -> tuple[Tensor | None, ...]:
    """`grad` of those outputs that have a graph; None where nothing flows."""
    used = [(out, g) for out, g in zip(outputs, grads, strict=True) if out.requires_grad]
    if not used:
        return (None,) * len(inputs)
    outs, cotangents = zip(*used, strict=True)
    return grad(outs, inputs, cotangents, retain_graph=True, create_graph=create_graph, allow_unused=True)


def _finish(value: Tensor | None, like: Tensor, create_graph: bool) -> Tensor:
    if value is None:
        return _zeros(like)
    return value if create_graph else value.detach()


def vjp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The outputs of `func` and the product of `v` with its Jacobian."""
    with enable_grad():
        several_in, given = _as_tuple(inputs, "inputs", "vjp")
        prepared = _prepared(given, create_graph)
        several_out, outputs = _called(func, prepared, "vjp")
        if strict:
            _check_strict(outputs)
        cotangents = _vector(
            v,
            outputs,
            "vjp",
            "The vector v can only be None if the user-provided function returns a "
            "single Tensor with a single element.",
        )
        results = _grads(outputs, prepared, cotangents, create_graph)
        if strict:
            _refuse_independent(results)
    products = tuple(_finish(g, each, create_graph) for g, each in zip(results, given, strict=True))
    outs = tuple(each if create_graph else each.detach() for each in outputs)
    return (outs if several_out else outs[0]), (products if several_in else products[0])


def _refuse_independent(results: tuple[Tensor | None, ...]) -> None:
    for at, each in enumerate(results):
        if each is None:
            raise errors.bad_argument(
                f"The output of the user-provided function is independent of input {at}. This is not allowed in "
                "strict mode."
            )


def _vector(v: Any, like: tuple[Tensor, ...], name: str, missing: str) -> tuple[Tensor, ...]:
    """The vector argument, checked against what it multiplies."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise errors.bad_argument(missing)
        return (registry["ones_like"](like[0]),)
    _, vectors = _as_tuple(v, "v", name)
    if len(vectors) != len(like):
        raise errors.bad_argument(f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}.")
    for at, (vector, each) in enumerate(zip(vectors, like, strict=True)):
        if vector.shape != each.shape:
            prefix = f"Entry {at} in " if len(like) > 1 else ""
            raise errors.shape_mismatch(
                f"{prefix}v has invalid size: should be {each.shape!r} but got {vector.shape!r}."
            )
    return vectors


ONE_INPUT = (
    "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
)


def jvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The outputs of `func` and the product of its Jacobian with `v` (by two backward passes)."""
    with enable_grad():
        _, given = _as_tuple(inputs, "inputs", "jvp")
        prepared = _prepared(given, create_graph)
        tangents = _vector(v, given, "jvp", ONE_INPUT)
        several_out, outputs = _called(func, prepared, "jvp")
        if strict:
            _check_strict(outputs)
        dummies = tuple(_zeros(each).requires_grad_() for each in outputs)
        inner = _grads(outputs, prepared, dummies, True)
        used = [(g, t) for g, t in zip(inner, tangents, strict=True) if g is not None and g.requires_grad]
        results: tuple[Tensor | None, ...] = (None,) * len(outputs)
        if used:
            flows, directions = zip(*used, strict=True)
            results = grad(flows, dummies, directions, create_graph=create_graph, allow_unused=True)
    products = tuple(_finish(g, each, create_graph) for g, each in zip(results, outputs, strict=True))
    outs = tuple(each if create_graph else each.detach() for each in outputs)
    return (outs if several_out else outs[0]), (products if several_out else products[0])


def jacobian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func`: of each output with respect to each input, shape output.shape + input.shape."""
    _check_strategy("jacobian", strict, vectorize, strategy)
    with enable_grad():
        several_in, given = _as_tuple(inputs, "inputs", "jacobian")
        prepared = _prepared(given, create_graph)
        several_out, outputs = _called(func, prepared, "jacobian")
        if strict:
            _check_strict(outputs)
        rows = tuple(_jacobian_of(out, prepared, given, create_graph, strict) for out in outputs)
    shaped = tuple(row if several_in else row[0] for row in rows)
    return shaped if several_out else shaped[0]


def _check_strategy(name: str, strict: bool, vectorize: bool, strategy: str) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise errors.coded(
            AssertionError,
            "bad_argument",
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            'than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".',
        )
    if strict and vectorize:
        raise errors.bad_argument(
            f"torch.autograd.functional.{name}: `strict=True` and `vectorized=True` are not supported together. Please "
            "either set `strict=False` or `vectorize=False`."
        )


def _jacobian_of(
    out: Tensor, inputs: tuple[Tensor, ...], given: tuple[Tensor, ...], create_graph: bool, strict: bool
) -> tuple[Tensor, ...]:
    """The Jacobians of one output: a row for each of its elements, stacked."""
    rows: list[list[Tensor]] = [[] for _ in inputs]
    seed = _zeros(out.detach())
    flat = seed.reshape(-1)
    for at in range(out.numel()):
        one = flat.clone()
        one[at] = 1
        grads = _grads((out,), inputs, (one.reshape(tuple(out.shape)),), create_graph)
        for column, (g, each) in enumerate(zip(grads, given, strict=True)):
            if g is None and strict:
                raise errors.bad_argument(
                    f"Output 0 of the user-provided function is independent of input {column}. This is not allowed in "
                    "strict mode."
                )
            rows[column].append(_finish(g, each, create_graph))
    shape = tuple(out.shape)
    stacked = []
    for entries, each in zip(rows, given, strict=True):
        if entries:
            stacked.append(registry["stack"](entries).reshape((*shape, *each.shape)))
        else:
            stacked.append(wrap(each._array[:0].reshape(0)).reshape((*shape, *each.shape)))
    return tuple(stacked)


def hessian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function with one element of output."""
    several_in, _ = _as_tuple(inputs, "inputs", "hessian")
    _check_strategy("hessian", strict, vectorize, outer_jacobian_strategy)

    def scalar(*args: Tensor) -> Any:
        out = func(*args)
        several, outs = _as_tuple(out, "outputs of the user-provided function", "hessian")
        if several or len(outs) != 1:
            raise errors.bad_argument("The function given to hessian should return a single Tensor")
        if outs[0].numel() != 1:
            raise errors.bad_argument(
                "The Tensor returned by the function given to hessian should contain a single element"
            )
        return outs[0].squeeze()

    def gradient(*args: Tensor) -> Any:
        inner = jacobian(scalar, args if several_in else args[0], create_graph=True, strict=strict)
        return inner

    return jacobian(gradient, inputs, create_graph=create_graph, strict=strict)


def vhp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The output of a scalar function and the product of `v` with its Hessian."""
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The output of a scalar function and the product of its Hessian with `v`."""
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(name: str, func: Func, inputs: Any, v: Any, create_graph: bool, strict: bool) -> tuple[Any, Any]:
    with enable_grad():
        several_in, given = _as_tuple(inputs, "inputs", name)
        prepared = _prepared(given, create_graph)
        vectors = _vector(v, given, name, ONE_INPUT)
        several_out, outputs = _called(func, prepared, name)
        if strict:
            _check_strict(outputs)
        if several_out or outputs[0].numel() != 1:
            raise errors.bad_argument(
                f"The Tensor returned by the function given to {name} should contain a single element"
                if not several_out
                else f"The function given to {name} should return a single Tensor"
            )
        first = _grads(outputs, prepared, (None,), True)
        for at, each in enumerate(first):
            if strict and (each is None or not each.requires_grad):
                raise errors.bad_argument(
                    "While computing the hessian, found that the jacobian of the user-provided function with respect "
                    f"to input {at} is independent of the input. This is not allowed in strict mode. You should ensure "
                    "that your function is twice differentiable and that the jacobian depends on the inputs (this "
                    "would be violated by a linear function for example)."
                )
        used = [(g, t) for g, t in zip(first, vectors, strict=True) if g is not None and g.requires_grad]
        results: tuple[Tensor | None, ...] = (None,) * len(given)
        if used:
            flows, directions = zip(*used, strict=True)
            results = grad(flows, prepared, directions, create_graph=create_graph, allow_unused=True)
    products = tuple(_finish(g, each, create_graph) for g, each in zip(results, given, strict=True))
    out = outputs[0] if create_graph else outputs[0].detach()
    return out, (products if several_in else products[0])


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
