"""`torch.autograd.gradcheck`: gradients against central differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import arrays, errors
from engine.autograd import fast_check
from engine.autograd.differences import analytical_jacobians, forward_jacobians, numerical_jacobian
from engine.backward import grad
from engine.grad_mode import enable_grad, no_grad
from engine.op import registry
from engine.tensor import Tensor, wrap

Func = Callable[..., Any]
NOT_REENTRANT = """\
Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different \
values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was {tolerance}.

NOTE: If your op relies on non-deterministic operations i.e., it is listed here:
https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
this failure might be expected.

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck.
If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `nondet_tol=<tol>` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_nondet_tol=<tol>`.
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_nondet_tol=<tol>`
"""


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
    `fast_mode` compares along random directions alone; `masked` changes nothing. Raises GradcheckError if they do not
    agree and `raise_exception` holds; ValueError if no input requires grad.
    """
    _require(
        check_forward_ad or check_backward_ad,
        "Expected at least one of check_forward_ad or check_backward_ad to be True",
    )
    _require(
        check_backward_ad or not check_batched_grad,
        "Setting check_batched_grad=True requires check_backward_ad to be True",
    )
    _require(
        check_forward_ad or not check_batched_forward_grad,
        "Setting check_batched_forward_grad=True requires check_forward_ad to be True",
    )
    given = inputs if isinstance(inputs, tuple) else (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checking = (_FastCheck if fast_mode else _Check)(func, given, eps, atol, rtol)
    try:
        checking.inputs_fit()
        if check_backward_ad:
            checking.backward(nondet_tol)
        if check_forward_ad:
            checking.forward()
        if check_backward_ad:
            checking.linear(check_undefined_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise errors.coded(AssertionError, "bad_argument", text)


class _Check:
    """One check: the function, its inputs, which of them are moved, and what counts as equal."""

    def __init__(self, func: Func, inputs: tuple[Any, ...], eps: float, atol: float, rtol: float) -> None:
        self.func, self.inputs = func, inputs
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.checked = [at for at, each in enumerate(inputs) if isinstance(each, Tensor) and each.requires_grad]
        self.points = [inputs[at] for at in self.checked]

    def inputs_fit(self) -> None:
        """What torch says of the inputs: a warning of low precision, refusals of overlaps and of nothing to check."""
        for at, point in zip(self.checked, self.points, strict=True):
            if point.dtype.name not in ("float64", "complex128"):
                warnings.warn(
                    f"Input #{at} requires gradient and is not a double precision floating point or complex. This "
                    "check will likely fail if all the inputs are not of double precision floating point or complex. ",
                    stacklevel=3,
                )
            if any(step == 0 and size > 1 for step, size in zip(point.stride(), point.shape, strict=True)):
                raise errors.bad_argument(
                    f"The {at}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                    "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                    ".contiguous on the input before passing it to gradcheck."
                )
        if not self.checked:
            raise errors.bad_value(
                "gradcheck expects at least one input tensor to require gradient, but none of them have "
                "requires_grad=True."
            )

    def backward(self, tolerance: float) -> None:
        """The Jacobians by backward, and twice the same.

        Raises GradcheckError.
        """
        outputs = _outputs(self.func, self.inputs)
        if not outputs:
            self._constant()
        for nr, (place, out) in enumerate(outputs):
            analytical = analytical_jacobians(out, self.points)
            again = analytical_jacobians(out, self.points)
            for a, b in zip(analytical, again, strict=True):
                if not np.allclose(a, b, rtol=0, atol=tolerance, equal_nan=True):
                    raise GradcheckError(NOT_REENTRANT.format(tolerance=tolerance))
            for column, at in enumerate(self.checked):
                numerical = numerical_jacobian(self.func, self.inputs, at, place, self.eps)
                numerical = numerical.astype(self._kind(at, out))
                self._compare(nr, column, numerical, analytical[column], out.is_complex())

    def _kind(self, at: int, out: Tensor) -> np.dtype[Any]:
        """The dtype in which torch has central differences: a complex input's own, else that of the output's parts."""
        source = self.inputs[at]
        kind: np.dtype[Any] = (source if source.is_complex() else out.detach().real)._array.dtype
        return kind

    def _constant(self) -> None:
        """An output without a graph may not depend on the inputs."""
        with no_grad():
            several = self.func(*self.inputs)
        floats = [each for each in _several(several) if each.dtype.differentiable]
        for place in range(len(floats)):
            for at in self.checked:
                if np.any(numerical_jacobian(self.func, self.inputs, at, place, self.eps)):
                    raise GradcheckError("Numerical gradient for function expected to be zero")

    def _compare(self, nr: int, at: int, numerical: Any, analytical: Any, parts: bool) -> None:
        """Two Jacobians: of a complex output first the columns of the imaginary part, then those of the real one."""
        if not parts:
            self._equal(nr, at, numerical[:, ::2] if numerical.size else numerical, analytical, "")
            return
        for first, part in ((1, "imaginary"), (0, "real")):
            prefix = f"While considering the {part} part of complex outputs only, "
            self._equal(nr, at, numerical[:, first::2], analytical[:, first::2], prefix)

    def _equal(self, nr: int, at: int, numerical: Any, analytical: Any, prefix: str, mode: str = "") -> None:
        numerical = numerical.reshape(analytical.shape)
        if not np.allclose(analytical, numerical, rtol=self.rtol, atol=self.atol):
            raise GradcheckError(_mismatch(prefix, mode, nr, at, repr(wrap(numerical)), repr(wrap(analytical))))

    def forward(self) -> None:
        """The Jacobians by forward mode: of complex inputs by the imaginary parts, then by the real ones.

        Raises GradcheckError.
        """
        places = [at for at, each in enumerate(self.inputs) if isinstance(each, Tensor) and each.is_complex()]
        if not places:
            self._forward("", ())
            return
        for part in PARTS:
            parts = tuple(getattr(each, part[:4]) if at in places else each for at, each in enumerate(self.inputs))
            func = _of_parts(self.func, self.inputs, places, part)
            check = type(self)(func, parts, self.eps, self.atol, self.rtol)
            check._forward(f"While considering the {part} part of complex inputs only, ", places)

    def _forward(self, prefix: str, places: Sequence[int]) -> None:
        """The Jacobians by real inputs; `prefix` is for those at `places`."""
        for column, at in enumerate(self.checked):
            for nr, analytical in enumerate(forward_jacobians(self.func, self.inputs, at)):
                numerical = _joined(numerical_jacobian(self.func, self.inputs, at, nr, self.eps), analytical)
                self._equal(nr, column, numerical, analytical, prefix if column in places else "", FORWARD)

    def linear(self, undefined: bool) -> None:
        """Backward is linear in what comes in: zeros give zeros; and it copes with gradients that never come.

        Raises GradcheckError.
        """
        outputs = [out for _, out in _outputs(self.func, self.inputs)]
        if not outputs:
            return
        zeros = [registry["zeros_like"](each) for each in outputs]
        for each in grad(outputs, self.points, zeros, retain_graph=True, allow_unused=True):
            if each is not None and bool(each.ne(0).any()):
                raise GradcheckError("backward not multiplied by grad_output")
        if undefined and len(outputs) > 1:
            for each in outputs:
                grad(each, self.points, registry["ones_like"](each), retain_graph=True, allow_unused=True)


class _FastCheck(_Check):
    """A check along random directions."""

    def backward(self, tolerance: float) -> None:
        """v^T J u by backward, v^T J twice the same.

        Raises GradcheckError.
        """
        parts = [(f"While considering the {part} part of complex outputs only, ", part[:4]) for part in PARTS]
        if not any(out.is_complex() for _, out in _outputs(self.func, self.inputs)):
            parts = [("", "")]
        for prefix, part in parts:
            self._backward_of(_part_of(self.func, part), prefix, tolerance)

    def _backward_of(self, func: Func, prefix: str, tolerance: float) -> None:
        outputs = _outputs(func, self.inputs)
        along = fast_check.directions(self.points, [out for _, out in outputs])
        numerical = self._moved(func, along)
        if not outputs and any(np.any(np.abs(each) > tolerance) for row in numerical for each in row):
            raise GradcheckError("Numerical gradient for function expected to be zero")
        analytical = [self._pulled(out, along, nr, tolerance) for nr, (_, out) in enumerate(outputs)]
        complex_ = [out.is_complex() for _, out in _outputs(self.func, self.inputs)]
        for at, row in enumerate(numerical):
            for nr, (place, out) in enumerate(outputs):
                n, a = (along.outputs[nr] * row[place]).sum(), analytical[nr][at]
                if not np.isclose(a, n, self.rtol, along.tolerance(self.atol, at, nr)):
                    slow = numerical_jacobian(func, self.inputs, self.checked[at], place, self.eps)[:, ::2]
                    slow = slow.astype(self._kind(self.checked[at], out))
                    told = _mismatch(prefix if complex_[nr] else "", "", nr, at, n.item(), a.item())
                    raise GradcheckError(told + self._slow(slow, analytical_jacobians(out, self.points)[at]))

    def _pulled(self, out: Tensor, along: fast_check.Directions, nr: int, tolerance: float) -> list[Any]:
        first, again = (fast_check.pulled(out, self.points, along, nr) for _ in range(2))
        for a, b in zip(first, again, strict=True):
            if not np.allclose(a, b, rtol=0, atol=tolerance, equal_nan=True):
                raise GradcheckError(NOT_REENTRANT.format(tolerance=tolerance))
        return [fast_check.dotted(each, way) for each, way in zip(first, along.inputs, strict=True)]

    def _moved(self, func: Func, along: fast_check.Directions) -> list[list[Any]]:
        ways = zip(self.checked, along.inputs, strict=True)
        return [fast_check.moved(func, self.inputs, at, way, self.eps) for at, way in ways]

    def _slow(self, numerical: Any, analytical: Any) -> str:
        """What the slow mode finds, for the message."""
        numerical = numerical.reshape(analytical.shape)
        fine = np.allclose(analytical, numerical, self.rtol, self.atol)
        return (
            f"{fast_check.PREFACE}Numerical:\n {wrap(numerical)!r}\nAnalytical:\n{wrap(analytical)!r}\n\nThe max "
            f"per-element difference (slow mode) is: {np.abs(numerical - analytical).max().item()}.\n"
            f"{fast_check.SLOW_OK if fine else ''}"
        )

    def _forward(self, prefix: str, places: Sequence[int]) -> None:
        """J u by forward mode."""
        along = fast_check.directions(self.points, [])
        for at, row in enumerate(self._moved(self.func, along)):
            place = self.checked[at]
            made = fast_check.pushed(self.func, self.inputs, place, along.inputs[at])
            for nr, (n, a) in enumerate(zip(row, made, strict=True)):
                if not np.allclose(a, n, self.rtol, along.tolerance(self.atol, at, None)):
                    columns = forward_jacobians(self.func, self.inputs, place)[nr]
                    slow = _joined(numerical_jacobian(self.func, self.inputs, place, nr, self.eps), columns)
                    shown = prefix if at in places else ""
                    told = _mismatch(shown, FORWARD, nr, at, repr(wrap(n)), repr(wrap(a)))
                    raise GradcheckError(told + self._slow(slow, columns))


PARTS, FORWARD = ("imaginary", "real"), "computed with forward mode "


def _joined(numerical: Any, like: Any) -> Any:
    """Differences by a real input, of whose complex outputs each part has a column, as numbers like others."""
    return numerical[:, ::2] + 1j * numerical[:, 1::2] if np.iscomplexobj(like) else numerical[:, ::2]


def _of_parts(func: Func, inputs: tuple[Any, ...], places: list[int], part: str) -> Func:
    """The function of one part of its complex inputs, the other held as it is."""

    def run(*args: Any) -> Any:
        made = list(args)
        for at in places:
            other = inputs[at].detach()
            pair = (other.real, args[at]) if part == "imaginary" else (args[at], other.imag)
            made[at] = registry["complex"](*pair)
        return func(*made)

    return run


def _part_of(func: Func, part: str) -> Func:
    """The function with its complex outputs replaced by their real or imaginary parts."""
    if not part:
        return func
    return lambda *args: tuple(getattr(each, part) if each.is_complex() else each for each in _several(func(*args)))


def _mismatch(prefix: str, mode: str, nr: int, at: int, numerical: Any, analytical: Any) -> str:
    return (
        f"{prefix}Jacobian {mode}mismatch for output {nr} with respect to input {at},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _several(result: Any) -> list[Tensor]:
    several = list(result) if isinstance(result, (tuple, list)) else [result]
    for each in several:
        if not isinstance(each, Tensor):
            text = f"'{type(each).__name__}' object has no attribute 'requires_grad'"
            raise errors.coded(AttributeError, "bad_argument", text)
    return several


def _outputs(func: Func, inputs: tuple[Any, ...]) -> list[tuple[int, Tensor]]:
    """The outputs that require grad, each with its number among those that have derivatives."""
    floats = [each for each in _several(func(*inputs)) if each.dtype.differentiable]
    return [(place, each) for place, each in enumerate(floats) if each.requires_grad]


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
    _require(
        check_fwd_over_rev or check_rev_over_rev,
        "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True",
    )
    for name, asked in (("check_undefined_grad", check_undefined_grad), ("check_batched_grad", check_batched_grad)):
        _require(check_rev_over_rev or not asked, f"Setting {name}=True requires check_rev_over_rev to be True")
    given = inputs if isinstance(inputs, tuple) else (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outs = [out for _, out in _outputs(func, given)]
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
        fast_mode=fast_mode,
    )


def _with_grad(func: Func, inputs: tuple[Any, ...]) -> list[Tensor]:
    with enable_grad():
        return [out for _, out in _outputs(func, inputs)]


def _seed(out: Tensor, nr: int) -> Tensor:
    """A fixed cotangent away from 0, for the second check."""
    rng = np.random.default_rng(nr)
    values = rng.uniform(0.5, 1.5, tuple(out.shape))
    if out.is_complex():
        values = values + 1j * rng.uniform(0.5, 1.5, tuple(out.shape))
    made = wrap(arrays.put(np.asarray(values).astype(out._array.dtype), out.device))
    return made.requires_grad_()


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
