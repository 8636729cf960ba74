"""`torch.func`: function transforms, on the same recorded graphs.

A transform makes its inputs tensors of their own, still connected to where they came from, so that transforms nest. A
result keeps its graph only where that leads to something outside: an input that came with a graph, a tensor the
function closes over, or an input of a transform around.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from engine import errors
from engine.autograd import functional
from engine.autograd.graph import disable_saved_tensors_hooks
from engine.backward import grad as graph_grad
from engine.batching import vmap
from engine.grad_mode import enable_grad
from engine.modes import state
from engine.op import registry
from engine.pytree import TreeSpec, flatten, unflatten
from engine.tensor import Tensor

Func = Callable[..., Any]
Argnums = int | tuple[int, ...]
NO_HOOKS = (
    "torch.func.{grad, vjp, jacrev, hessian} don't yet support saved tensor hooks. Please open an issue with your use "
    "case."
)


class _Level:
    """A run of a transform: whether it goes on, and whether grad mode is on around it."""

    def __init__(self) -> None:
        self.open = True
        self.outer = state.ctx.grad_enabled


@contextmanager
def _transform(name: str) -> Iterator[_Level]:
    """Inside, the function of a transform runs: under grad mode, and custom Functions know of it."""
    level = _Level()
    state.ctx.transforms.append(name)
    try:
        with disable_saved_tensors_hooks(NO_HOOKS), enable_grad():
            yield level
    finally:
        state.ctx.transforms.pop()
        level.open = False


def _fresh(value: Any, level: _Level) -> Tensor:
    """A tensor of the transform's own in the place of an input; a leaf knows of the level.

    Raises ValueError for anything but tensors.
    """
    if not isinstance(value, Tensor):
        raise errors.bad_value(f"Thing passed to transform API must be Tensor, got {type(value)}")
    if value.requires_grad:
        made: Tensor = value.view_as(value)
        return made
    leaf: Tensor = value.detach().requires_grad_()
    leaf.__dict__["_level"] = level
    return leaf


def _leads_out(tensor: Tensor, own: list[Tensor]) -> bool:
    """Whether a graph leads to something outside: not to these, nor to the inputs of transforms that have ended."""
    ends = functional.ends_of(tensor)
    return any(getattr(end, "_level", _OUTSIDE).open and not any(end is each for each in own) for end in ends)


_OUTSIDE = _Level()  # of leaves that no transform made


def _closed(value: Any, own: list[Tensor], outer: bool = True) -> Any:
    """A result as the caller gets it: without its graph where that leads to the transform's own inputs alone.

    Without any where grad mode is off around the transform (not `outer`).

    Raises RuntimeError for anything but tensors.
    """
    leaves, spec = flatten(value)
    for each in leaves:
        if not isinstance(each, Tensor):
            raise errors.bad_argument(f"Expected tensors, got unsupported type {type(each)}")
    kept = [each if outer and _leads_out(each, own) else each.detach() for each in leaves]
    return unflatten(kept, spec)


def _chosen(args: tuple[Any, ...], argnums: Any) -> tuple[int, ...]:
    """The positions that `argnums` says, counted from the front.

    Raises RuntimeError with torch's texts.
    """
    if not isinstance(argnums, (int, tuple)):
        raise errors.bad_argument(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    for each in numbers:
        if not isinstance(each, int):
            raise errors.bad_argument(f"argnum must be int, got: {type(each)}")
        if not -len(args) <= each < len(args):
            raise errors.bad_argument(f"Got argnum={each}, but only {len(args)} positional inputs")
    if not numbers:
        raise errors.bad_argument("argnums must be non-empty")
    numbers = tuple(each % len(args) for each in numbers)
    if len(set(numbers)) != len(numbers):
        raise errors.bad_argument(f"argnums elements must be unique, got {numbers}")
    return numbers


class _Inputs:
    """The arguments of a call with those to differentiate by replaced by fresh tensors."""

    def __init__(self, args: tuple[Any, ...], argnums: Any, level: _Level) -> None:
        numbers = _chosen(args, argnums)
        parts = [args[at] for at in numbers]
        leaves, self.spec = flatten(tuple(parts) if isinstance(argnums, tuple) else parts[0])
        self.leaves = [_fresh(each, level) for each in leaves]
        built = unflatten(list(self.leaves), self.spec)
        moved = dict(zip(numbers, built if isinstance(argnums, tuple) else [built], strict=True))
        self.args = tuple(moved.get(at, each) for at, each in enumerate(args))


def _with_aux(result: Any, has_aux: bool, api: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise errors.bad_argument(f"{api}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result


def _grads(outputs: list[Tensor], inputs: list[Tensor], seeds: list[Any], create: bool) -> list[Tensor]:
    """The gradients of those outputs that have a graph; zeros where nothing flows."""
    used = [(out, seed) for out, seed in zip(outputs, seeds, strict=True) if out.requires_grad]
    got: Any = (None,) * len(inputs)
    if used:
        outs, starts = zip(*used, strict=True)
        got = graph_grad(outs, inputs, starts, retain_graph=True, create_graph=create, allow_unused=True)
    return [registry["zeros_like"](each) if g is None else g for g, each in zip(got, inputs, strict=True)]


def grad_and_value(func: Func, argnums: Argnums = 0, has_aux: bool = False) -> Func:
    """A function giving the gradient of `func` with respect to the arguments `argnums`, and its value."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with _transform("grad") as level:
            inputs = _Inputs(args, argnums, level)
            value, aux = _with_aux(func(*inputs.args, **kwargs), has_aux, "grad_and_value(f)(*args)")
            _check_scalar(value)
            grads = _grads([value], inputs.leaves, [None], True)
            result = _closed(unflatten(list(grads), inputs.spec), inputs.leaves, level.outer)
            value = _closed(value, inputs.leaves, level.outer)
            return (result, (value, _closed(aux, inputs.leaves, level.outer))) if has_aux else (result, value)

    return wrapper


def _check_scalar(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise errors.bad_argument(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(value)}")
    if value.dim() != 0:
        raise errors.bad_argument(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
            f"{value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def grad(func: Func, argnums: Argnums = 0, has_aux: bool = False) -> Func:
    """A function giving the gradient of a scalar `func` with respect to the arguments `argnums`."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def vjp(func: Func, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The output of `func`, and a function from cotangents to the gradients of the primals."""
    return _vjp(func, primals, tuple(range(len(primals))) if primals else None, has_aux)


VJP = "vjp(f, *primals)"


def _vjp(func: Func, args: tuple[Any, ...], argnums: Any, has_aux: bool, api: str = VJP) -> tuple[Any, ...]:
    with _transform("vjp") as level:
        inputs = _Inputs(args, argnums, level) if argnums is not None else None
        own = inputs.leaves if inputs else []
        value, aux = _with_aux(func(*(inputs.args if inputs else args)), has_aux, api)
        outputs, spec = flatten(value)
        _check_outputs(outputs, api, api is VJP)
        closed = (_closed(value, own, level.outer), _closed(aux, own, level.outer) if has_aux else None)

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        seeds, given = flatten(cotangents)
        if given != spec:
            raise errors.bad_argument(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {given.outline()}, primal output: {spec.outline()}"
            )
        create = state.ctx.grad_enabled if create_graph is None else create_graph
        grads = [_closed(each, own) for each in _grads(outputs, own, seeds, create)]
        return unflatten(grads, inputs.spec if inputs else TreeSpec(tuple))

    return (closed[0], pull, closed[1]) if has_aux else (closed[0], pull)


def _check_outputs(outputs: list[Any], api: str, differentiable: bool = True) -> None:
    if not outputs or outputs == [None]:
        raise errors.bad_argument(
            f"{api}: Expected f to be a function that has non-empty output (got output = {outputs})"
        )
    for each in outputs:
        if not isinstance(each, Tensor):
            raise errors.bad_argument(
                f"{api}: expected f(*primals) to return only tensors, got unsupported type {type(each)}"
            )
        if differentiable and not each.dtype.differentiable:
            raise errors.bad_argument(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                f"{each.dtype!r}"
            )


def jvp(func: Func, primals: tuple[Any, ...], tangents: tuple[Any, ...], *, has_aux: bool = False) -> tuple[Any, ...]:
    """The output of `func` and its derivative along `tangents`."""
    directions = _directions(primals, tangents, JVP)
    with _transform("jvp") as level:
        inputs = _Inputs(primals, tuple(range(len(primals))), level)
        own = inputs.leaves
        value, aux = _with_aux(func(*inputs.args), has_aux, JVP)
        outputs, spec = flatten(value)
        _check_outputs(outputs, JVP, differentiable=False)
        moved = functional.pushed(outputs, own, directions)
        closed = (_closed(value, own, level.outer), _closed(unflatten(moved, spec), own, level.outer))
        return (*closed, _closed(aux, own, level.outer)) if has_aux else closed


JVP = "jvp(f, primals, tangents)"


def _directions(primals: Any, tangents: Any, api: str) -> list[Tensor]:
    """The leaves of the tangents, which must go with those of the primals.

    Raises RuntimeError with torch's texts.
    """
    if not isinstance(primals, tuple):
        raise errors.bad_argument(
            f"{api}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    (points, spec), (directions, given) = flatten(primals), flatten(tangents)
    if spec != given:
        raise errors.bad_argument(
            f"{api}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with structure "
            f"{given}"
        )
    for leaves, what in ((points, "primals"), (directions, "tangents")):
        if not leaves:
            raise errors.bad_argument(f"{api}: Expected {what} to contain at least one Tensor.")
        for each in leaves:
            if not isinstance(each, Tensor):
                raise errors.bad_argument(f"{api}: Expected {what} to only contain Tensors, got {type(each)}")
    for point, direction in zip(points, directions, strict=True):
        for each, what in ((point, "primal"), (direction, "tangent")):
            if not each.dtype.differentiable:
                raise errors.bad_value(f"Expected {what} to be floating point or complex, but got: {each.dtype}")
        if point.shape != direction.shape:
            raise errors.forward_size(point.shape, direction.shape)
    return directions


def linearize(func: Func, *primals: Any) -> tuple[Any, Func]:
    """The output of `func`, and its derivative at the primals as a function of tangents."""
    out = func(*primals)
    points, spec = flatten(primals)

    def jvp_fn(*tangents: Any) -> Any:
        leaves, given = flatten(tangents)
        if given != spec:
            raise errors.bad_argument(f"Expected the tangents {given} to have the same argspec as the primals {spec}")
        for at, (point, tangent) in enumerate(zip(points, leaves, strict=True)):
            for what in ("shape", "device", "dtype"):
                if getattr(tangent, what) != getattr(point, what):
                    raise errors.shape_mismatch(
                        f"tangent:{at} with {what} {getattr(tangent, what)} in flattened pytree doesn't match the "
                        f"{what} {getattr(point, what)} of the corresponding primal."
                    )
        return jvp(func, primals, tangents)[1]

    return out, jvp_fn


def jacrev(func: Func, argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Func:
    """A function giving the Jacobian of `func`, row by row."""
    if chunk_size is not None and chunk_size <= 0:
        raise errors.bad_value("jacrev: `chunk_size` should be greater than 0.")
    return _jacobian("jacrev", func, argnums, has_aux)


def jacfwd(func: Func, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error") -> Func:
    """A function giving the Jacobian of `func` (the same numbers as `jacrev`)."""
    return _jacobian("jacfwd", func, argnums, has_aux)


def _jacobian(name: str, func: Func, argnums: Argnums, has_aux: bool) -> Func:
    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        _refuse_complex(name, args, "inputs")
        value, pull, *aux = _vjp(func, args, argnums, has_aux, JVP if name == "jacfwd" else VJP)
        outputs, spec = flatten(value)
        _refuse_complex(name, value, "outputs")
        rows = [_rows(pull, outputs, spec, nr) for nr in range(len(outputs))]
        result = unflatten(rows, spec)
        return (result, aux[0]) if has_aux else result

    return wrapper


def _rows(pull: Func, outputs: list[Tensor], spec: TreeSpec, nr: int) -> Any:
    """The Jacobian of one output by all inputs, each of shape output.shape + input.shape."""
    out = outputs[nr]
    columns: list[list[Tensor]] = []
    below: TreeSpec | None = None
    with enable_grad():
        for at in range(out.numel()):
            seeds = [registry["zeros_like"](each.detach()) for each in outputs]
            seeds[nr].view(-1)[at] = 1
            grads, below = flatten(pull(unflatten(seeds, spec)))
            columns = columns or [[] for _ in grads]
            for column, each in zip(columns, grads, strict=True):
                column.append(each)
        if below is None or not out.dtype.differentiable:
            grads, below = flatten(pull(unflatten([registry["zeros_like"](each) for each in outputs], spec)))
            return unflatten([out.new_zeros((*out.shape, *each.shape)) for each in grads], below)
        stacked = [registry["stack"](column).reshape((*out.shape, *column[0].shape)) for column in columns]
        return unflatten(stacked, below)


def _refuse_complex(name: str, value: Any, what: str) -> None:
    for at, each in enumerate(flatten(value)[0]):
        if isinstance(each, Tensor) and each.is_complex():
            raise errors.bad_argument(
                f"{name}: Expected all {what} to be real but received complex tensor at flattened input idx: {at}"
            )


def hessian(func: Func, argnums: Argnums = 0) -> Func:
    """A function giving the Hessian of a scalar `func`."""
    return jacfwd(jacrev(func, argnums), argnums)


__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp", "vmap"]
