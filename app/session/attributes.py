"""The steps that tell what tensors are: their attributes, and questions about dtypes and shapes."""

from __future__ import annotations

from typing import Any

from app.session.declaring import INPUT, RESULT, SPECIALS, Run, Special, Value, maybe, special
from app.session.parameters import Extra, Parameter
from app.session.scope import Scope
from engine import dtypes, queries
from engine.dtypes import DType
from engine.kinds import Kind
from engine.tensor import Tensor

ATTRIBUTES = {
    "device": "The device that holds the values.",
    "dim": "The number of dimensions.",
    "dtype": "The dtype.",
    "element_size": "The bytes of one element.",
    "is_complex": "Whether the dtype is complex.",
    "is_contiguous": "Whether the values lie in memory in row-major order.",
    "is_cpu": "Whether the values lie in host memory.",
    "is_cuda": "Whether the values lie on a GPU.",
    "is_inference": "Whether the tensor was made in inference mode.",
    "is_leaf": "Whether no recorded op made the tensor.",
    "is_nonzero": "Whether the one element is not zero.",
    "itemsize": "The bytes of one element.",
    "nbytes": "The bytes of all elements.",
    "ndim": "The number of dimensions.",
    "ndimension": "The number of dimensions.",
    "nelement": "The number of elements.",
    "output_nr": "Which output of its node the tensor is.",
    "requires_grad": "Whether gradients flow to the tensor.",
    "retains_grad": "Whether `retain_grad` was called on it.",
    "shape": "The shape.",
    "storage_offset": "The place of the first element in its storage, in elements.",
}
BY_DIM = {"size": "The shape, or one of its sizes.", "stride": "The steps in memory, in elements, or one of them."}


def _attribute(name: str) -> Run:
    def read(scope: Scope, input: Tensor) -> Value:
        found = getattr(input, name)
        return Value(found() if callable(found) else found)

    return read


def _by_dim(name: str) -> Run:
    def read(scope: Scope, input: Tensor, dim: int | None) -> Value:
        return Value(getattr(input, name)(dim))

    return read


for _name, _doc in ATTRIBUTES.items():
    SPECIALS[_name] = Special(_name, (INPUT,), _attribute(_name), _doc)
for _name, _doc in BY_DIM.items():
    SPECIALS[_name] = Special(_name, (INPUT, maybe("dim", Kind.INT)), _by_dim(_name), _doc)


@special(INPUT, outputs=RESULT)
def data(scope: Scope, input: Tensor) -> Tensor:
    """The same values outside the graph; writing to them is not noticed by autograd (`Tensor.data`)."""
    return input.data


@special(INPUT)
def tolist(scope: Scope, input: Tensor) -> Value:
    """The values as nested lists of Python's numbers, or one number."""
    dtype = input.dtype
    wide = dtypes.float64 if dtype.is_floating_point else dtypes.complex128 if dtype.is_complex else dtype
    return Value(input.detach().to(wide, copy=True))


@special(INPUT, Parameter("other", Kind.TENSOR))
def is_same_size(scope: Scope, input: Tensor, other: Tensor) -> Value:
    """Whether two tensors have the same shape."""
    return Value(input.is_same_size(other))


# -- dtypes and shapes ----------------------------------------------------------------------------------------------


@special(Parameter("tensor1", Kind.OPERAND), Parameter("tensor2", Kind.OPERAND))
def result_type(scope: Scope, tensor1: Any, tensor2: Any) -> Value:
    """The dtype that an operation of two tensors or numbers computes in."""
    return Value(queries.result_type(tensor1, tensor2))


@special(Parameter("type1", Kind.DTYPE), Parameter("type2", Kind.DTYPE))
def promote_types(scope: Scope, type1: DType, type2: DType) -> Value:
    """The smallest dtype that holds the values of both."""
    return Value(dtypes.promote_types(type1, type2))


@special(Parameter("from_", Kind.DTYPE), Parameter("to", Kind.DTYPE))
def can_cast(scope: Scope, from_: DType, to: DType) -> Value:
    """Whether type promotion allows a result of one dtype to be written into another."""
    return Value(queries.can_cast(from_, to))


@special(Parameter("shapes", Extra.SHAPES))
def broadcast_shapes(scope: Scope, shapes: list[tuple[int, ...]]) -> Value:
    """The shape that all of the given ones broadcast to."""
    return Value(queries.broadcast_shapes(*shapes))
