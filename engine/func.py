"""`torch.func`: function transforms, on the same recorded graphs.

A transform makes its inputs tensors of their own, still connected to where they came from, so that transforms nest. The
results are detached where no input came with a graph. `vmap` runs the function for each entry and stacks the results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import errors
from engine.autograd import functional
from engine.backward import grad as graph_grad
from engine.grad_mode import enable_grad
from engine.modes import state
from engine.op import registry
from engine.tensor import Tensor

Func = Callable[..., Any]


def _map(fn: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_map(fn, each) for each in value)
    if isinstance(value, dict):
        return {key: _map(fn, each) for key, each in value.items()}
    return fn(value) if isinstance(value, Tensor) else value


def _leaves(value: Any) -> list[Tensor]:
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in _leaves(each)]
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    return [value] if isinstance(value, Tensor) else []


def _fresh(tensor: Tensor) -> Tensor:
    made: Tensor = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
    return made


def _structured(like: Any, values: list[Any]) -> Any:
    left = iter(values)
    return _map(lambda _: next(left), like)


def _closing(result: Any, connected: bool) -> Any:
    """A result as the caller gets it: without a graph, unless an input had one or a transform is around."""
    return result if connected or state.ctx.transforms else _map(lambda each: each.detach(), result)


def grad_and_value(func: Func, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Func:
    """A function giving the gradient of `func` with respect to the arguments `argnums`, and its value."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        chosen = [args[at] for at in numbers]
        connected = any(each.requires_grad for each in _leaves(chosen))
        state.ctx.transforms.append("grad")
        try:
            with enable_grad():
                fresh = [_map(_fresh, each) for each in chosen]
                moved = list(args)
                for at, each in zip(numbers, fresh, strict=True):
                    moved[at] = each
                out = func(*moved, **kwargs)
                value, aux = out if has_aux else (out, None)
                _check_scalar(value)
                flat = _leaves(fresh)
                grads = _grads_or_zeros(value, flat)
        finally:
            state.ctx.transforms.pop()
        structured = _structured(fresh, grads)
        result = structured[0] if isinstance(argnums, int) else tuple(structured)
        result, value = _closing(result, connected), _closing(value, connected)
        return (result, (value, _closing(aux, connected))) if has_aux else (result, value)

    return wrapper


def _check_scalar(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise errors.bad_argument(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(value)}")
    if value.dim() != 0:
        raise errors.bad_argument(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
            f"{value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def _grads_or_zeros(value: Tensor, inputs: list[Tensor], seed: Any = None) -> list[Tensor]:
    if not value.requires_grad:
        return [registry["zeros_like"](each) for each in inputs]
    grads = graph_grad(value, inputs, seed, create_graph=True, allow_unused=True)
    return [registry["zeros_like"](each) if g is None else g for g, each in zip(grads, inputs, strict=True)]


def grad(func: Func, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Func:
    """A function giving the gradient of a scalar `func` with respect to the arguments `argnums`."""
    both = grad_and_value(func, argnums, has_aux)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def vjp(func: Func, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The output of `func`, and a function from cotangents to the gradients of the primals."""
    connected = any(each.requires_grad for each in _leaves(primals))
    with enable_grad():
        fresh = tuple(_map(_fresh, each) for each in primals)
        out = func(*fresh)
    value, aux = out if has_aux else (out, None)
    flat_out, flat_in = _leaves(value), _leaves(fresh)

    def pull(*cotangents: Any) -> Any:
        seeds = _leaves(cotangents[0] if len(cotangents) == 1 else cotangents)
        used = [(o, s) for o, s in zip(flat_out, seeds, strict=True) if o.requires_grad]
        if used:
            outs, starts = zip(*used, strict=True)
            needs = connected or bool(state.ctx.transforms) or any(each.requires_grad for each in starts)
            got = graph_grad(outs, flat_in, starts, retain_graph=True, create_graph=needs, allow_unused=True)
        else:
            got = (None,) * len(flat_in)
        grads = [registry["zeros_like"](i) if g is None else g for g, i in zip(got, flat_in, strict=True)]
        return tuple(_structured(fresh, grads))

    closed = _closing(value, connected)
    return (closed, pull, _closing(aux, connected)) if has_aux else (closed, pull)


def jvp(func: Func, primals: tuple[Any, ...], tangents: tuple[Any, ...], *, has_aux: bool = False) -> tuple[Any, ...]:
    """The output of `func` and its derivative along `tangents`."""
    held: list[Any] = []

    def main(*args: Any) -> Any:
        out = func(*args)
        if has_aux:
            held.append(out[1])
            return out[0]
        return out

    connected = bool(state.ctx.transforms) or any(each.requires_grad for each in _leaves((primals, tangents)))
    out, moved = functional.jvp(main, tuple(primals), tuple(tangents), create_graph=connected)
    return (out, moved, held[0]) if has_aux else (out, moved)


def linearize(func: Func, *primals: Any) -> tuple[Any, Func]:
    """The output of `func`, and its derivative at the primals as a function of tangents."""
    out = func(*primals)
    return out, lambda *tangents: jvp(func, primals, tangents)[1]


def jacrev(
    func: Func, argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Func:
    """A function giving the Jacobian of `func`, row by row."""

    def wrapper(*args: Any) -> Any:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        held: list[Any] = []

        def inner(*chosen: Any) -> Any:
            moved = list(args)
            for at, each in zip(numbers, chosen, strict=True):
                moved[at] = each
            out = func(*moved)
            if has_aux:
                held.append(out[1])
                return out[0]
            return out

        chosen = tuple(args[at] for at in numbers)
        connected = bool(state.ctx.transforms) or any(each.requires_grad for each in _leaves(chosen))
        state.ctx.transforms.append("grad")
        try:
            result = functional.jacobian(inner, chosen, create_graph=True)
        finally:
            state.ctx.transforms.pop()
        if isinstance(argnums, int):
            several = isinstance(result[0], tuple)
            result = tuple(each[0] for each in result) if several else result[0]
        closed = result if connected else _map(lambda each: each.detach(), result)
        return (closed, held[0]) if has_aux else closed

    return wrapper


def jacfwd(func: Func, argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error") -> Func:
    """A function giving the Jacobian of `func` (the same numbers as `jacrev`)."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Func, argnums: int | tuple[int, ...] = 0) -> Func:
    """A function giving the Hessian of a scalar `func`."""
    return jacfwd(jacrev(func, argnums), argnums)


def vmap(
    func: Func, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Func:
    """A function that runs `func` for each entry along `in_dims` and stacks the results along `out_dims`."""

    def wrapper(*args: Any) -> Any:
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        sizes = {each.shape[dim] for each, dim in zip(args, dims, strict=True) if dim is not None}
        if len(sizes) != 1:
            raise errors.bad_value(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                f"{sorted(sizes)} for the mapped dimension"
                if sizes
                else "vmap(f, in_dims, ...)(<inputs>): at least one entry of in_dims must not be None"
            )
        rows = [
            func(*(each if dim is None else each.select(dim, at) for each, dim in zip(args, dims, strict=True)))
            for at in range(sizes.pop())
        ]
        return _stacked(rows, out_dims)

    return wrapper


def _stacked(rows: list[Any], out_dims: Any) -> Any:
    if isinstance(rows[0], tuple):
        dims = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(rows[0])
        return tuple(_stacked(list(column), dim) for column, dim in zip(zip(*rows, strict=True), dims, strict=True))
    return registry["stack"](rows, out_dims)


__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp", "vmap"]
