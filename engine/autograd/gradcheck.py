"""`torch.autograd.gradcheck`: gradients against central differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import arrays, errors
from engine.autograd.differences import analytical_jacobians, numerical_jacobian
from engine.backward import grad
from engine.op import registry
from engine.tensor import Tensor, wrap

Func = Callable[..., Any]
NOT_REENTRANT = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
    "values, although analytical gradient matches numerical gradient."
)


class GradcheckError(RuntimeError):
    """A gradient that is not what central differences say."""

    code = "bad_argument"


def gradcheck(
    func: Func,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` agree with central differences of step `eps`.

    A complex input is moved along both axes; the analytical Jacobian follows torch's convention (conjugate Wirtinger).
    Raises GradcheckError if they do not and `raise_exception` holds; ValueError if no input requires grad.
    """
    given = inputs if isinstance(inputs, tuple) else (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        return _check(func, given, eps, atol, rtol, check_undefined_grad, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _check(
    func: Func, inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, undefined: bool, nondet: float
) -> bool:
    checked = [at for at, each in enumerate(inputs) if isinstance(each, Tensor) and each.requires_grad]
    if not checked:
        raise errors.bad_value(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for at in checked:
        inputs[at].retain_grad()
        if inputs[at].dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{at} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
    outputs = _outputs(func, inputs)
    for nr, out in enumerate(outputs):
        analytical = analytical_jacobians(out, [inputs[at] for at in checked])
        if nondet >= 0:
            again = analytical_jacobians(_outputs(func, inputs)[nr], [inputs[at] for at in checked])
            for a, b in zip(analytical, again, strict=True):
                if not np.allclose(a, b, rtol=0, atol=nondet, equal_nan=True):
                    raise GradcheckError(NOT_REENTRANT)
        for column, at in enumerate(checked):
            numerical = numerical_jacobian(func, inputs, at, nr, eps)
            _compare(nr, at, numerical, analytical[column], atol, rtol, out, inputs[at])
    if undefined:
        _check_undefined(func, inputs, checked)
    return True


def _outputs(func: Func, inputs: tuple[Any, ...]) -> list[Tensor]:
    result = func(*inputs)
    several = result if isinstance(result, (tuple, list)) else (result,)
    outs = [each for each in several if isinstance(each, Tensor) and each.requires_grad]
    if not outs and any(isinstance(each, Tensor) for each in several):
        return []
    if not outs:
        raise errors.bad_value("gradcheck expects all tensor outputs to require grad")
    return outs


def _compare(
    nr: int, at: int, numerical: Any, analytical: Any, atol: float, rtol: float, out: Tensor, source: Tensor
) -> None:
    if not out.is_complex() and numerical.size:
        numerical = numerical[:, ::2]  # a real output has no imaginary part to move
    numerical = numerical.reshape(analytical.shape).astype(analytical.dtype)
    if np.allclose(analytical, numerical, rtol=rtol, atol=atol, equal_nan=True):
        return
    raise GradcheckError(
        f"Jacobian mismatch for output {nr} with respect to input {at},\n"
        f"numerical:{wrap(numerical)!r}\nanalytical:{wrap(analytical)!r}\n"
    )


def _check_undefined(func: Func, inputs: tuple[Any, ...], checked: list[int]) -> None:
    """Gradients that never come must not make backward fail."""
    outs = _outputs(func, inputs)
    if len(outs) > 1:
        for each in outs:
            grad(
                each, [inputs[at] for at in checked], registry["ones_like"](each), retain_graph=True, allow_unused=True
            )


def gradgradcheck(
    func: Func,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of the gradient of `func`."""
    given = inputs if isinstance(inputs, tuple) else (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outs = _outputs(func, given)
    if grad_outputs is None:
        seeds = tuple(_seed(each, nr) for nr, each in enumerate(outs))
    else:
        seeds = grad_outputs if isinstance(grad_outputs, tuple) else (grad_outputs,)
    count = len(seeds)
    differentiable = [at for at, each in enumerate(given) if isinstance(each, Tensor) and each.requires_grad]

    def gradient(*args: Any) -> Any:
        values, flows = args[:-count], args[-count:]
        moved = tuple(
            each
            if not isinstance(each, Tensor) or at not in differentiable or each.requires_grad
            else each.detach().requires_grad_()
            for at, each in enumerate(values)
        )
        results = grad(
            _with_grad(func, moved), [moved[at] for at in differentiable], flows, create_graph=True, allow_unused=True
        )
        return tuple(each for each in results if each is not None and each.requires_grad)

    return gradcheck(
        gradient,
        (*given, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
    )


def _with_grad(func: Func, inputs: tuple[Any, ...]) -> list[Tensor]:
    from engine.grad_mode import enable_grad

    with enable_grad():
        return _outputs(func, inputs)


def _seed(out: Tensor, nr: int) -> Tensor:
    """A fixed cotangent away from 0, for the second check."""
    rng = np.random.default_rng(nr)
    values = rng.uniform(0.5, 1.5, tuple(out.shape))
    if out.is_complex():
        values = values + 1j * rng.uniform(0.5, 1.5, tuple(out.shape))
    made = wrap(arrays.put(np.asarray(values).astype(out._array.dtype), out.device))
    return made.requires_grad_()


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
