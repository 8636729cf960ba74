"""What stands behind `torch.autograd.` and `torch.func.`, and the modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import engine as torch
from app.exec.budget import Run
from app.exec.functions import FunctionValue
from app.exec.namespaces import space
from app.exec.sequences import walk
from app.exec.signatures import (
    Any_,
    Bool,
    Dims,
    Func,
    MaybeBool,
    MaybeInt,
    Nested,
    T,
    Text,
    as_callable,
    builtin,
    declared,
    guarded,
)
from app.exec.sizing import sized
from app.exec.values import Builtin, ClassValue, Kind, Mode, type_name, wrong_type
from engine.autograd import forward_ad, functional, graph
from engine.autograd.context import FunctionCtx
from engine.autograd.function import once_differentiable
from engine.graph import Node
from engine.tensor import Tensor

# -- modes ------------------------------------------------------------------------------------------------------------


def _mode(name: str, make: Callable[[], Any]) -> Builtin:
    """A grad mode without arguments; as a bare decorator too."""

    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], FunctionValue):
            return args[0].within(Mode(name, make(), True))
        if args or kwargs:
            raise wrong_type(f"{name}() takes no arguments")
        return Mode(name, make(), True)

    return Builtin(name, call)


@declared("torch.set_grad_enabled")
def _set_grad_enabled(run: Run, mode: Any_) -> Mode:
    return Mode("set_grad_enabled", torch.set_grad_enabled(mode), True)


@declared("torch.inference_mode")
def _inference_mode(run: Run, mode: Any_ = True) -> Any:
    if isinstance(mode, FunctionValue):  # as a bare decorator
        return mode.within(Mode("inference_mode", torch.inference_mode(), True))
    if type(mode) is not bool:
        raise wrong_type(f"inference_mode(): argument 'mode' must be bool, not {type_name(mode)}")
    return Mode("inference_mode", torch.inference_mode(mode), True)


# -- autograd ---------------------------------------------------------------------------------------------------------


@declared("torch.autograd.backward")
def _backward(
    run: Run,
    tensors: Nested,
    grad_tensors: Nested = None,
    retain_graph: MaybeBool = None,
    create_graph: Bool = False,
    grad_variables: Nested = None,
    inputs: Nested = None,
) -> None:
    torch.autograd.backward(tensors, grad_tensors, retain_graph, create_graph, grad_variables, inputs)


@declared("torch.autograd.grad")
def _grad(
    run: Run,
    outputs: Nested,
    inputs: Nested,
    grad_outputs: Nested = None,
    retain_graph: MaybeBool = None,
    create_graph: Bool = False,
    only_inputs: Bool = True,
    allow_unused: MaybeBool = None,
    is_grads_batched: Bool = False,
    materialize_grads: Bool = False,
) -> Any:
    return torch.autograd.grad(
        outputs,
        inputs,
        grad_outputs,
        retain_graph,
        create_graph,
        only_inputs,
        allow_unused,
        is_grads_batched,
        materialize_grads,
    )


CHECKED = 8  # Jacobians in float64: two by backward, one of differences, and those being compared
_CHECK_OPTIONS = (
    *("eps", "atol", "rtol", "raise_exception", "nondet_tol", "check_undefined_grad", "check_grad_dtypes"),
    *("check_batched_grad", "fast_mode", "masked"),
)


def _check(name: str, check: Callable[..., bool], more: tuple[str, ...], most: int) -> Builtin:
    """`gradcheck` or `gradgradcheck`: a function, its inputs, and options that are numbers and bools."""

    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if not args or len(args) > most:
            raise wrong_type(f"{name}() takes from 2 to {most} positional arguments but {len(args)} were given")
        for key, value in kwargs.items():
            if key not in ("func", "inputs", *_CHECK_OPTIONS, *more):
                raise wrong_type(f"{name}() got an unexpected keyword argument '{key}'")
            if key in _CHECK_OPTIONS and type(value) not in (bool, int, float, type(None)):
                raise wrong_type(f"{name}(): argument '{key}' must be a number or bool, not {type_name(value)}")
        walk(run, args[1:])
        function = as_callable(args[0])
        return check(sized(name, function, 1, CHECKED) if callable(function) else function, *args[1:], **kwargs)

    return Builtin(name, guarded(name, call))


@declared("torch.autograd.functional.jacobian")
def _jacobian(
    run: Run,
    func: Func,
    inputs: Nested,
    create_graph: Bool = False,
    strict: Bool = False,
    vectorize: Bool = False,
    strategy: Text = "reverse-mode",
) -> Any:
    return functional.jacobian(sized("jacobian", func), inputs, create_graph, strict, vectorize, strategy)


@declared("torch.autograd.functional.hessian")
def _hessian(
    run: Run,
    func: Func,
    inputs: Nested,
    create_graph: Bool = False,
    strict: Bool = False,
    vectorize: Bool = False,
    outer_jacobian_strategy: Text = "reverse-mode",
) -> Any:
    return functional.hessian(
        sized("hessian", func, 2), inputs, create_graph, strict, vectorize, outer_jacobian_strategy
    )


def _product(name: str, compute: Callable[..., Any]) -> Builtin:
    def call(
        run: Run, func: Func, inputs: Nested, v: Nested = None, create_graph: Bool = False, strict: Bool = False
    ) -> Any:
        return compute(func, inputs, v, create_graph, strict)

    return builtin(name, call)


# -- torch.func -------------------------------------------------------------------------------------------------------


def _transform(name: str, make: Callable[..., Any], power: int = 0) -> Builtin:
    """A transform of a function by `argnums`, with the options where torch has them; `power` as in `sized`."""

    def call(
        run: Run, func: Func, argnums: Nested = 0, has_aux: Bool = False, *, chunk_size: MaybeInt = None
    ) -> Builtin:
        options: dict[str, Any] = {"has_aux": True} if has_aux else {}
        if chunk_size is not None:
            options["chunk_size"] = chunk_size
        measured = sized(name, func, power) if power else func
        return transformed(name, make(measured, argnums, **options))

    return builtin(name, call)


def transformed(name: str, function: Callable[..., Any]) -> Builtin:
    """A function that the engine made of a function of the language."""

    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        walk(run, args)
        return function(*args, **kwargs)

    return Builtin(name, guarded(name, call), (function,))


@declared("torch.func.vjp")
def _vjp(run: Run, func: Func, *primals: Nested, has_aux: Bool = False) -> Any:
    out, pull, *aux = torch.func.vjp(func, *primals, has_aux=has_aux)
    return (out, transformed("vjp", pull), *aux)


@declared("torch.func.jvp")
def _jvp(run: Run, func: Func, primals: Nested, tangents: Nested, *, has_aux: Bool = False) -> Any:
    return torch.func.jvp(func, primals, tangents, has_aux=has_aux)


@declared("torch.func.linearize")
def _linearize(run: Run, func: Func, *primals: Nested) -> Any:
    out, push = torch.func.linearize(func, *primals)
    return out, transformed("linearize", push)


@declared("torch.func.vmap")
def _vmap(
    run: Run,
    func: Func,
    in_dims: Dims = 0,
    out_dims: Dims = 0,
    randomness: Text = "error",
    *,
    chunk_size: MaybeInt = None,
) -> Builtin:
    return transformed("vmap", torch.func.vmap(func, in_dims, out_dims, randomness, chunk_size=chunk_size))


# -- graph and modes of autograd --------------------------------------------------------------------------------------


@declared("torch.autograd.graph.saved_tensors_hooks")
def _saved_tensors_hooks(run: Run, pack_hook: Func, unpack_hook: Func) -> Mode:
    hooks = pack_hook, unpack_hook
    return Mode("saved_tensors_hooks", graph.saved_tensors_hooks(*hooks), holds=hooks)


@declared("torch.autograd.graph.disable_saved_tensors_hooks")
def _disable_hooks(run: Run, error_message: Text) -> Mode:
    return Mode("disable_saved_tensors_hooks", graph.disable_saved_tensors_hooks(error_message))


@declared("torch.autograd.graph.save_on_cpu")
def _save_on_cpu(run: Run, pin_memory: Bool = False) -> Mode:
    return Mode("save_on_cpu", graph.save_on_cpu(pin_memory))


@declared("torch.autograd.graph.allow_mutation_on_saved_tensors")
def _allow_mutation(run: Run) -> Mode:
    return Mode("allow_mutation_on_saved_tensors", graph.allow_mutation_on_saved_tensors())


@declared("torch.autograd.graph.register_multi_grad_hook")
def _multi_hook(run: Run, tensors: Nested, fn: Func, *, mode: Text = "all") -> Any:
    return graph.register_multi_grad_hook(tensors, fn, mode=mode)


@declared("torch.autograd.graph.get_gradient_edge")
def _gradient_edge(run: Run, tensor: T) -> Any:
    return graph.get_gradient_edge(tensor)


def _edge(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if len(args) != 2 or kwargs or not isinstance(args[0], Node) or type(args[1]) is not int:
        raise wrong_type("GradientEdge() takes a node and the number of its output")
    return graph.GradientEdge(*args)


@declared("torch.autograd.graph.increment_version")
def _increment_version(run: Run, tensor: Nested) -> None:
    graph.increment_version(tensor)


@declared("torch.autograd.forward_ad.dual_level")
def _dual_level(run: Run) -> Mode:
    return Mode("dual_level", forward_ad.dual_level())


@declared("torch.autograd.forward_ad.make_dual")
def _make_dual(run: Run, tensor: T, tangent: T, *, level: MaybeInt = None) -> Tensor:
    return forward_ad.make_dual(tensor, tangent, level=level)


@declared("torch.autograd.forward_ad.unpack_dual")
def _unpack_dual(run: Run, tensor: T, *, level: MaybeInt = None) -> Any:
    return forward_ad.unpack_dual(tensor, level=level)


@declared("torch.autograd.detect_anomaly")
def _detect_anomaly(run: Run, check_nan: Bool = True) -> Mode:
    return Mode("detect_anomaly", torch.autograd.detect_anomaly(check_nan))


@declared("torch.autograd.set_detect_anomaly")
def _set_detect_anomaly(run: Run, mode: Bool, check_nan: Bool = True) -> Mode:
    return Mode("set_detect_anomaly", torch.autograd.set_detect_anomaly(mode, check_nan))


@declared("torch.autograd.function.once_differentiable")
def _once_differentiable(run: Run, fn: Func) -> Builtin:
    return transformed("once_differentiable", once_differentiable(fn))


# -- the tables -------------------------------------------------------------------------------------------------------

FUNCTION = ClassValue("Function", torch.autograd.Function, {})
MODES = {
    "no_grad": _mode("no_grad", torch.no_grad),
    "enable_grad": _mode("enable_grad", torch.enable_grad),
    "set_grad_enabled": _set_grad_enabled,
    "inference_mode": _inference_mode,
}


FUNCTIONAL = space(
    "torch.autograd.functional",
    {
        "jacobian": _jacobian,
        "hessian": _hessian,
        **{
            each.__name__: _product(f"torch.autograd.functional.{each.__name__}", each)
            for each in (functional.vjp, functional.jvp, functional.vhp, functional.hvp)
        },
    },
)
GRAPH = space(
    "torch.autograd.graph",
    {
        "allow_mutation_on_saved_tensors": _allow_mutation,
        "disable_saved_tensors_hooks": _disable_hooks,
        "GradientEdge": Kind("GradientEdge", (graph.GradientEdge,), _edge),
        "Node": Kind("Node", (Node,)),
        "get_gradient_edge": _gradient_edge,
        "increment_version": _increment_version,
        "register_multi_grad_hook": _multi_hook,
        "save_on_cpu": _save_on_cpu,
        "saved_tensors_hooks": _saved_tensors_hooks,
    },
)
FORWARD_AD = space(
    "torch.autograd.forward_ad", {"dual_level": _dual_level, "make_dual": _make_dual, "unpack_dual": _unpack_dual}
)
CHECKS = {
    "gradcheck": _check(
        "gradcheck",
        torch.autograd.gradcheck,
        ("check_batched_forward_grad", "check_forward_ad", "check_backward_ad"),
        2,
    ),
    "gradgradcheck": _check(
        "gradgradcheck",
        torch.autograd.gradgradcheck,
        ("grad_outputs", "gen_non_contig_grad_outputs", "check_fwd_over_rev", "check_rev_over_rev"),
        3,
    ),
}
AUTOGRAD = space(
    "torch.autograd",
    {
        "Function": FUNCTION,
        "backward": _backward,
        "grad": _grad,
        "functional": FUNCTIONAL,
        "graph": GRAPH,
        "forward_ad": FORWARD_AD,
        "function": space(
            "torch.autograd.function",
            {
                "Function": FUNCTION,
                "FunctionCtx": Kind("FunctionCtx", (FunctionCtx,)),
                "once_differentiable": _once_differentiable,
            },
        ),
        "grad_mode": space("torch.autograd.grad_mode", MODES),
        "detect_anomaly": _detect_anomaly,
        "set_detect_anomaly": _set_detect_anomaly,
        **CHECKS,
        **MODES,
    },
)
VMAP = _vmap
FUNC = space(
    "torch.func",
    {
        "grad": _transform("grad", torch.func.grad),
        "grad_and_value": _transform("grad_and_value", torch.func.grad_and_value),
        "hessian": _transform("hessian", torch.func.hessian, 2),
        "jacfwd": _transform("jacfwd", torch.func.jacfwd, 1),
        "jacrev": _transform("jacrev", torch.func.jacrev, 1),
        "jvp": _jvp,
        "linearize": _linearize,
        "vjp": _vjp,
        "vmap": _vmap,
    },
)
