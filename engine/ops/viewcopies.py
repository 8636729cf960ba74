"""Copying forms of the view ops: `transpose_copy` is `transpose` with memory of its own."""

from __future__ import annotations

import functools
from typing import Any

from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.joining import split, split_with_sizes, unbind
from engine.ops.parts import as_complex, view_as_real
from engine.ops.strided import as_strided
from engine.ops.views import (
    alias_,
    expand,
    permute,
    select,
    slice_,
    squeeze,
    squeeze_dim,
    squeeze_dims,
    t,
    transpose,
    unsqueeze,
    view,
)
from engine.ops.windows import unfold


def copying(base: Op, name: str, node: str | None = None) -> Op:
    """Declare the copying form of a view op under a name, with its rule, formulas and node."""

    def rule(made: Op, values: list[Any]) -> Estimate:
        estimate = base.rule(made, values)
        return Estimate(estimate.values, estimate.outputs)

    @functools.wraps(base.kernel)
    def kernel(*args: Any) -> Any:
        views = base.run(*args)
        return [xp.array(each, order="C") for each in views] if base.returns_list else xp.array(views, order="C")

    kernel.__doc__ = f"{base.doc.removesuffix('.').partition(', as a view')[0].replace(', as views', '')}, as a copy."
    options = {"returns_list": base.returns_list, "method": False, "node": node or f"{base.node_name}_copy"}
    made = op(rule, name=name, **options)(kernel)
    made.vjp(**base.formulas)
    return made


alias_copy = copying(alias_, "alias_copy")
view_copy = copying(view, "view_copy")
expand_copy = copying(expand, "expand_copy")
permute_copy = copying(permute, "permute_copy")
squeeze_copy = copying(squeeze, "squeeze_copy")
squeeze_dim_copy = copying(squeeze_dim, "squeeze_copy")
squeeze_dims_copy = copying(squeeze_dims, "squeeze_copy")
t_copy = copying(t, "t_copy")
transpose_copy = copying(transpose, "transpose_copy")
unsqueeze_copy = copying(unsqueeze, "unsqueeze_copy")
unfold_copy = copying(unfold, "unfold_copy")
as_strided_copy = copying(as_strided, "as_strided_copy")
unbind_copy = copying(unbind, "unbind_copy")
split_with_sizes_copy = copying(split_with_sizes, "split_with_sizes_copy")
select_copy = copying(select, "select_copy")
slice_copy = copying(slice_, "slice_copy")
split_copy = copying(split, "split_copy")


def copied_rule(base: Op) -> Any:
    """The rule of a view, for its copy."""

    def rule(made: Op, values: list[Any]) -> Estimate:
        estimate = base.rule(made, values)
        return Estimate(estimate.values, estimate.outputs)

    return rule


@op(copied_rule(view_as_real), method=False, node="ViewAsRealBackward0_copy")
def view_as_real_copy(input: Array) -> Any:
    """A complex tensor as a real one with a last dim of size 2, as a copy."""
    return xp.stack((input.real, input.imag), -1)


view_as_real_copy.vjp(**view_as_real.formulas)


@op(copied_rule(as_complex), method=False, node="ViewAsComplexBackward0_copy", real_grad="view_as_complex_copy")
def view_as_complex_copy(input: Array) -> Any:
    """A real tensor with a last dim of size 2 as a complex one, as a copy."""
    dtype = xp.complex64 if input.dtype == xp.float32 else xp.complex128
    made = xp.empty(input.shape[:-1], dtype)
    made.real, made.imag = input[..., 0], input[..., 1]
    return made


view_as_complex_copy.vjp(**as_complex.formulas)
