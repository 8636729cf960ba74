"""`torch.autograd.functional`: derivatives of functions of tensors.

Jacobians are computed row by row with `grad`; `vectorize` and `strategy` choose how torch computes them and change
nothing in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from engine import errors
from engine.autograd.strictness import check_graph, filled, independent
from engine.backward import grad
from engine.grad_mode import enable_grad
from engine.graph import AccumulateGrad, nodes_behind
from engine.op import registry
from engine.tensor import Tensor

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


def _finished(values: tuple[Tensor, ...], several: bool, create_graph: bool) -> Any:
    """Results as their caller gets them: without a graph unless asked for, one alone where one was given."""
    made = values if create_graph else tuple(each.detach() for each in values)
    return made if several else made[0]


def vjp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The outputs of `func` and the product of `v` with its Jacobian."""
    with enable_grad():
        several_in, given = _as_tuple(inputs, "inputs", "vjp")
        prepared = _prepared(given, create_graph)
        several_out, outputs = _called(func, prepared, "vjp")
        check_graph(outputs, "outputs", strict)
        cotangents = _vector(v, outputs, several_out, "vjp", ONE_OUTPUT)
        results = _grads(outputs, prepared, cotangents, create_graph)
        products = filled(results, given, strict, create_graph, "back")
    return _finished(outputs, several_out, create_graph), _finished(products, several_in, create_graph)


def _vector(v: Any, like: tuple[Tensor, ...], several: bool, name: str, missing: str) -> tuple[Tensor, ...]:
    """The vector argument, checked against what it multiplies.

    Raises RuntimeError.
    """
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise errors.bad_argument(missing)
        return (registry["ones_like"](like[0]),)
    _, vectors = _as_tuple(v, "v", name)
    if len(vectors) != len(like):
        if several:
            raise errors.bad_argument(f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}.")
        raise errors.bad_argument("The given v should contain a single Tensor.")
    for at, (vector, each) in enumerate(zip(vectors, like, strict=True)):
        if vector.shape != each.shape:
            prefix = f"Entry {at} in " if several else ""
            raise errors.shape_mismatch(
                f"{prefix}v has invalid size: should be {each.shape!r} but got {vector.shape!r}."
            )
    return vectors


ONE_OUTPUT = (
    "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
)
ONE_INPUT = (
    "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
)


def jvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The outputs of `func` and the product of its Jacobian with `v` (by two backward passes)."""
    with enable_grad():
        several_in, given = _as_tuple(inputs, "inputs", "jvp")
        prepared = _prepared(given, create_graph)
        tangents = _vector(v, given, several_in, "jvp", ONE_INPUT)
        several_out, outputs = _called(func, prepared, "jvp")
        check_graph(outputs, "outputs", strict)
        results = _pushed(outputs, prepared, tangents, create_graph, strict)
        products = filled(results, outputs, strict, create_graph, "back_trick")
    return _finished(outputs, several_out, create_graph), _finished(products, several_out, create_graph)


def _pushed(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    tangents: tuple[Tensor, ...],
    create_graph: bool,
    strict: bool = False,
) -> tuple[Tensor | None, ...]:
    """The derivatives of outputs along tangents, by two backward passes; None where nothing flows."""
    dummies = tuple(_zeros(each).requires_grad_() for each in outputs)
    inner = _grads(outputs, inputs, dummies, True)
    check_graph(inner, "grad_inputs", strict)
    used = [(g, t) for g, t in zip(inner, tangents, strict=True) if g is not None and g.requires_grad]
    if not used:
        return (None,) * len(outputs)
    flows, directions = zip(*used, strict=True)
    return grad(flows, dummies, directions, create_graph=create_graph, allow_unused=True)


def pushed(outputs: list[Tensor], inputs: list[Tensor], tangents: list[Tensor]) -> list[Tensor]:
    """The derivatives of outputs along tangents, with their graph; zeros where nothing flows."""
    moving = tuple(each for each in outputs if each.dtype.differentiable)
    results = _pushed(moving, tuple(inputs), tuple(tangents), True)
    found = iter(filled(results, moving, False, True, "back_trick"))
    return [next(found) if each.dtype.differentiable else _zeros(each) for each in outputs]


def jacobian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func`: of each output with respect to each input, shape output.shape + input.shape."""
    _check_strategy(create_graph, strict, vectorize, strategy)
    with enable_grad():
        several_in, given = _as_tuple(inputs, "inputs", "jacobian")
        forward = strategy == "forward-mode"
        prepared = _prepared(given, create_graph or forward)
        several_out, outputs = _called(func, prepared, "jacobian")
        check_graph(outputs, "outputs", strict)
        if vectorize and not forward and not any(each.numel() for each in outputs):
            raise errors.bad_index("index 0 is out of bounds for dimension 0 with size 0")
        make = _Rows(prepared, given, create_graph or forward, strict, vectorize)
        rows: list[Any] = [make.of(nr, out) for nr, out in enumerate(outputs)]
    if forward:
        kept = any(not any(end is each for each in prepared) for out in outputs for end in ends_of(out))
        rows = [_by_columns(row, out, given, kept) for row, out in zip(rows, outputs, strict=True)]
    shaped = rows if several_in and forward else tuple(row if several_in else row[0] for row in rows)
    return shaped if several_out else shaped[0]


def ends_of(tensor: Tensor) -> Iterator[Tensor]:
    """The leaves behind a tensor, itself if it is one that requires grad."""
    if tensor.grad_fn is None:
        if tensor.requires_grad:
            yield tensor
        return
    for node in nodes_behind(iter([tensor.grad_fn])):
        if isinstance(node, AccumulateGrad):
            yield node.variable


def _by_columns(row: tuple[Tensor, ...], out: Tensor, given: tuple[Tensor, ...], kept: bool) -> list[Tensor]:
    """The Jacobians of one output as torch's forward mode has them: parts of one tensor, the inputs' elements first."""
    ndim = len(out.shape)
    flat = registry["cat"]([each.reshape((*out.shape, -1 if each.numel() else 0)) for each in row], ndim)
    columns = flat.permute((ndim, *range(ndim))).contiguous()
    parts = (columns if kept else columns.detach()).split([each.numel() for each in given])
    return [
        part.permute((*range(1, ndim + 1), 0)).reshape((*out.shape, *each.shape))
        for part, each in zip(parts, given, strict=True)
    ]


def _check_strategy(create_graph: bool, strict: bool, vectorize: bool, strategy: str) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise errors.coded(AssertionError, "bad_argument", f"{STRATEGY} {HINT}")
    name = "torch.autograd.functional.jacobian"
    if strategy == "forward-mode":
        together = 'and `strategy="forward-mode"` are not supported together (yet). Please either set'
        if create_graph:
            text = f'{name}: `create_graph=True` {together} `create_graph=False` or `strategy="reverse-mode"`.'
            raise errors.coded(NotImplementedError, "not_implemented", text)
        if strict:
            raise errors.bad_argument(f'{name}: `strict=True` {together} `strict=False` or `strategy="reverse-mode"`.')
        if not vectorize:
            text = (
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for "
                "`vectorize=True`."
            )
            raise errors.coded(NotImplementedError, "not_implemented", text)
    if strict and vectorize:
        raise errors.bad_argument(
            f"{name}: `strict=True` and `vectorized=True` are not supported together. Please either set "
            "`strict=False` or `vectorize=False`."
        )


STRATEGY = 'Expected strategy to be either "forward-mode" or "reverse-mode".'
HINT = (
    'Hint: If your function has more outputs than inputs, "forward-mode" tends to be more performant. Otherwise, '
    'prefer to use "reverse-mode".'
)


class _Rows:
    """How the Jacobians of an output are made: a row for each of its elements, stacked."""

    def __init__(
        self,
        inputs: tuple[Tensor, ...],
        given: tuple[Tensor, ...],
        create_graph: bool,
        strict: bool,
        vectorize: bool,
    ) -> None:
        self.inputs, self.given = inputs, given
        self.create_graph, self.strict, self.vectorize = create_graph, strict, vectorize

    def of(self, nr: int, out: Tensor) -> tuple[Tensor, ...]:
        """The Jacobians of one output by every input."""
        if out.is_complex() and out.requires_grad:
            raise errors.bad_argument(
                f"grad can be implicitly created only for real scalar outputs but got {out.dtype!r}"
            )
        if self.vectorize and not out.numel():
            return tuple(each.new_zeros((*out.shape, *each.shape)) for each in self.given)
        rows: list[list[Tensor]] = [[] for _ in self.inputs]
        flat = _zeros(out.detach()).reshape(-1)
        for at in range(out.numel()):
            one = flat.clone()
            one[at] = 1
            grads = _grads((out,), self.inputs, (one.reshape(tuple(out.shape)),), self.create_graph)
            for column, row in enumerate(self._row(nr, grads)):
                rows[column].append(row)
        stacked = [registry["stack"](each) for each in rows]
        return tuple(made.reshape((*out.shape, *of.shape)) for made, of in zip(stacked, self.given, strict=True))

    def _row(self, nr: int, grads: tuple[Tensor | None, ...]) -> Iterator[Tensor]:
        """One row: zeros where nothing flows.

        Raises RuntimeError in strict mode.
        """
        for column, (g, each) in enumerate(zip(grads, self.given, strict=True)):
            if g is None and self.strict:
                raise errors.bad_argument(
                    f"Output {nr} of the user-provided function is independent of input {column}. This is not allowed "
                    "in strict mode."
                )
            if g is not None and self.strict and self.create_graph and not g.requires_grad:
                raise independent("jacobian", nr)
            row = _zeros(each) if g is None else g
            yield row if self.create_graph else row.detach()


def hessian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function with one element of output."""
    several_in, given = _as_tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise errors.coded(AssertionError, "bad_argument", STRATEGY)
    _check_strategy(create_graph, strict, vectorize, outer_jacobian_strategy)
    forward = outer_jacobian_strategy == "forward-mode"

    def scalar(*args: Tensor) -> Any:
        several, outs = _as_tuple(func(*args), "outputs of the user-provided function", "hessian")
        check_graph(outs, "outputs", strict)
        return _single(several, outs, "hessian").squeeze()

    def gradient(*args: Tensor) -> Any:
        inner = jacobian(scalar, args, create_graph=True)
        check_graph(inner, "jacobian", strict)
        return inner

    result = jacobian(gradient, given, create_graph=create_graph or forward, strict=strict)
    if forward:  # as torch's, it still hangs in the graph of the inner, reverse pass
        result = [_by_columns(row, each, given, True) for row, each in zip(result, given, strict=True)]
    return result if several_in else result[0][0]


def _single(several: bool, outputs: tuple[Tensor, ...], name: str) -> Tensor:
    """The one output of a function that has to be scalar.

    Raises RuntimeError.
    """
    if several:
        raise errors.bad_argument(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise errors.bad_argument(
            f"The Tensor returned by the function given to {name} should contain a single element"
        )
    return outputs[0]


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
        vectors = _vector(v, given, several_in, name, ONE_INPUT)
        several_out, outputs = _called(func, prepared, name)
        check_graph(outputs, "outputs", strict)
        _single(several_out, outputs, name)
        first = _grads(outputs, prepared, (None,), True)
        check_graph(first, "jacobian", strict)
        used = [(g, t) for g, t in zip(first, vectors, strict=True) if g is not None and g.requires_grad]
        results: tuple[Tensor | None, ...] = (None,) * len(given)
        if used:
            flows, directions = zip(*used, strict=True)
            results = grad(flows, prepared, directions, create_graph=create_graph, allow_unused=True)
        stage = "double_back" if name == "vhp" else "double_back_trick"
        products = filled(results, given, strict, create_graph, stage)
    return _finished(outputs, False, create_graph), _finished(products, several_in, create_graph)


__all__ = ["ends_of", "hessian", "hvp", "jacobian", "jvp", "pushed", "vhp", "vjp"]
