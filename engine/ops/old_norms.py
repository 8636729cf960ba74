"""Norms that torch has kept under their first names."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.infer import composed
from engine.kinds import Array, Dims
from engine.modes import warn_once
from engine.op import op
from engine.ops.distances import line_norm
from engine.ops.norms import named_matrix_norm
from engine.ops.views import reshape, transpose, view
from engine.tensor import counted_dim

OLD = (
    "at::{}_norm is deprecated and it is just left for JIT compatibility. It will be removed in a future PyTorch "
    "release. Please use `linalg.{}` instead"
)


@op(composed, composite=True, method=False)
def frobenius_norm(input: Array, dim: Dims, keepdim: bool = False) -> Any:
    """The Frobenius norm over one or two dims; over all for none."""
    warn_once(OLD.format("frobenius", "vector_norm(A, 2., dim, keepdim)"), level=6)
    if len(dim) > 2:
        raise errors.bad_argument(f"Expected at most 2 dimensions, but got {len(dim)} dimensions instead.")
    return line_norm(input, 2, dim or tuple(range(len(input.shape))), keepdim)


@op(composed, composite=True, method=False)
def nuclear_norm(input: Array, keepdim: bool = False) -> Any:
    """The sum of the singular values of matrices."""
    return nuclear_over(input, (-2, -1), keepdim)


@op(composed, name="nuclear_norm", composite=True, method=False)
def nuclear_over(input: Array, dim: Dims, keepdim: bool = False) -> Any:
    """The sum of the singular values over two dims."""
    warn_once(OLD.format("nuclear", "matrix_norm(A, 'nuc', dim, keepdim)"), level=6)
    return named_matrix_norm(input, "nuc", dim, keepdim)


@op(composed, composite=True, method=False)
def norm_except_dim(v: Array, pow: int = 2, dim: int = 0) -> Any:
    """The norms over all dims but one; over all of them for -1."""
    if dim == -1:
        return line_norm(v, pow, tuple(range(len(v.shape))), False)
    shape = tuple(v.shape)
    counted_dim(dim, len(shape))
    if dim not in (0, len(shape) - 1):
        return transpose(norm_except_dim(transpose(v, 0, dim), pow, 0), 0, dim)
    rows = reshape(v, (shape[0], -1) if dim == 0 else (-1, shape[dim]))
    made = line_norm(rows, pow, (1,) if dim == 0 else (0,), False)
    return view(made, tuple(size if at == dim else 1 for at, size in enumerate(shape)))
