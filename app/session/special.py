"""The steps that are no ops of the engine: tensors from data, names, modes, indexing."""

from __future__ import annotations

from typing import Any

from app.problems import Problem
from app.session import attributes, derivatives, executing, optimizing  # noqa: F401  # they declare their steps
from app.session.declaring import INPUT, RESULT, SPECIALS, Special, Value, maybe, special, tensor_like
from app.session.literals import make_tensor
from app.session.names import checked_name
from app.session.parameters import Extra, Parameter
from app.session.scope import Scope
from engine import grad_mode, indexing, legacy, modes
from engine.kinds import Kind
from engine.op import registry
from engine.tensor import Tensor

__all__ = ["SPECIALS", "Special", "Value"]  # all steps are in the table once this module is imported

# -- tensors --------------------------------------------------------------------------------------------------------


@special(
    Parameter("data", Kind.DATA),
    maybe("dtype", Kind.DTYPE),
    maybe("device", Kind.DEVICE),
    maybe("requires_grad", Kind.BOOL, False),
    maybe("shape", Extra.SHAPE),
    outputs=RESULT,
)
def tensor(scope: Scope, data: Any, dtype: Any, device: Any, requires_grad: bool, shape: Any) -> Tensor:
    """A new leaf of a number, nested lists or a literal (`torch.tensor`)."""
    return make_tensor(data, dtype, device, shape, requires_grad)


@special(INPUT, maybe("requires_grad", Kind.BOOL, True), outputs=RESULT)
def requires_grad_(scope: Scope, input: Tensor, requires_grad: bool) -> Tensor:
    """Set whether a leaf requires grad."""
    return input.requires_grad_(requires_grad)


@special(INPUT)
def retain_grad(scope: Scope, input: Tensor) -> None:
    """Keep `.grad` of a tensor that is no leaf in backward."""
    input.retain_grad()


@special(INPUT, Parameter("fill_value", Kind.NUMBER), maybe("wrap", Kind.BOOL, False), outputs=RESULT)
def fill_diagonal_(scope: Scope, input: Tensor, fill_value: complex, wrap: bool) -> Tensor:
    """Fill the main diagonal in place; of a tall matrix with `wrap` again after each block of rows."""
    filled: Tensor = legacy.fill_diagonal_(input, fill_value, wrap)
    return filled


@special(INPUT, outputs=RESULT)
def detach_(scope: Scope, input: Tensor) -> Tensor:
    """Take a tensor out of its graph, as a leaf."""
    return input.detach_()


@special(INPUT, Parameter("data", Extra.RAW))
def set_data(scope: Scope, input: Tensor, data: Any) -> None:
    """Overwrite the values in place, same shape, outside the graph."""
    source = tensor_like(scope, input, data)
    if source.shape != input.shape:
        raise Problem(
            "shape_mismatch", f"the values have shape {list(source.shape)}, but the tensor has {list(input.shape)}"
        )
    with grad_mode.no_grad():
        registry["copy_"](input, source)


@special(INPUT, Parameter("grad", Extra.RAW, optional=True))
def set_grad(scope: Scope, input: Tensor, grad: Any) -> None:
    """Assign `.grad`; null clears it."""
    input.grad = None if grad is None else tensor_like(scope, input, grad)


@special(Parameter("names", Extra.NAMES))
def zero_grad(scope: Scope, names: list[str]) -> None:
    """Clear `.grad` of the named tensors."""
    for name in names:
        scope.names.named(name).grad = None


# -- names and modes ------------------------------------------------------------------------------------------------


@special(Parameter("input", Extra.NAME), Parameter("name", Extra.NAME))
def rename(scope: Scope, input: str, name: str) -> None:
    """Give a tensor another name in the place of the one it had."""
    names = scope.names
    renamed = names.named(input)
    if checked_name(name) == input:
        return
    if name in names:
        raise Problem("name_taken", f"'{name}' is taken")
    names.unbind(input)
    names.bind(name, renamed)


@special(Parameter("names", Extra.NAMES), name="del")
def unbind(scope: Scope, names: list[str]) -> None:
    """Unbind names; their tensors live on while a graph or another name needs them."""
    for name in names:
        scope.names.unbind(name)


@special(Parameter("seed", Kind.INT))
def manual_seed(scope: Scope, seed: int) -> None:
    """Seed the session's random numbers."""
    modes.manual_seed(seed)


@special(Parameter("mode", Kind.BOOL))
def set_grad_enabled(scope: Scope, mode: bool) -> None:
    """Switch the recording of graphs on or off, until it is set again."""
    grad_mode.set_grad_enabled(mode)


# -- indexing -------------------------------------------------------------------------------------------------------


@special(INPUT, Parameter("index", Kind.INDEX), outputs=RESULT)
def getitem(scope: Scope, input: Tensor, index: Any) -> Tensor:
    """`input[index]`: a view where the index allows one."""
    lone = isinstance(index, tuple) and len(index) == 1 and isinstance(index[0], slice)  # `x[:]` is no `x[(:,)]`
    return indexing.getitem(input, index[0] if lone else index)


@special(INPUT, Parameter("index", Kind.INDEX), Parameter("value", Kind.OPERAND), outputs=RESULT)
def setitem_(scope: Scope, input: Tensor, index: Any, value: Any) -> Tensor:
    """`input[index] = value`, in place."""
    indexing.setitem(input, index, value)
    return input
