"""Through which tensors of an op gradients flow, for the catalogue.

An op of its own has a formula for each of them. One that is composed of others has them flow through all of its tensors
but those that only say where, how often or under which condition, or have integers; tests compare with what flows.
"""

from __future__ import annotations

from engine.kinds import TENSOR_KINDS
from engine.op import Op

_PLACES = "index indices indices_or_sections tensor_indices_or_sections offsets repeats start LU_pivots"
_MASKS = "condition mask input_mask other_mask key_padding_mask"
_GIVEN = "running_mean running_var fweights targets input_lengths target_lengths"
_NEVER = frozenset(f"{_PLACES} {_MASKS} {_GIVEN}".split())

# Functions whose results depend on no number, or on none smoothly: integers, positions, counts, what is made new.
_CASTS = "detach char short int long byte bool"
_TOLD = "numel item equal allclose is_floating_point isin"
_FOUND = "nonzero argwhere unique unique_consecutive unravel_index bincount masked.argmax masked.argmin"
_MADE = "zeros_like ones_like new_zeros new_ones new_empty new_full new_empty_strided linalg.ldl_factor"
_NOWHERE = frozenset(f"{_CASTS} {_TOLD} {_FOUND} {_MADE}".split())
# Tensors that are differentiable elsewhere under the same names.
_NOT: dict[str, tuple[str, ...]] = {
    "cosine_embedding_loss": ("target",),
    "expand_as": ("other",),
    "hinge_embedding_loss": ("target",),
    "nn.functional.binary_cross_entropy": ("weight",),
    "nn.functional.binary_cross_entropy_with_logits": ("weight", "pos_weight"),
    "nn.functional.cosine_embedding_loss": ("target",),
    "nn.functional.embedding": ("input",),
    "nn.functional.embedding_bag": ("input",),
    "nn.functional.hinge_embedding_loss": ("target",),
    "nn.functional.multi_margin_loss": ("target", "weight"),
    "nn.functional.multilabel_margin_loss": ("target",),
    "nn.functional.nll_loss": ("target", "weight"),
    "nn.functional.soft_margin_loss": ("target",),
    "reshape_as": ("other",),
    "to": ("other",),
    "type_as": ("other",),
    "view_as": ("other",),
}
OF_STEPS: dict[str, list[str]] = {
    "fill_diagonal_": ["input"],
    "getitem": ["input"],
    "setitem_": ["input", "value"],
}


def differentiable(op: Op) -> list[str]:
    """The parameters of an op that gradients flow to, by name."""
    if not op.composite:
        return [name for name in op.index if name in op.formulas]
    if op.wire_name in _NOWHERE:
        return []
    no = _NEVER.union(_NOT.get(op.wire_name, ()))
    return [each.name for each in op.params if each.kind in TENSOR_KINDS and each.name not in no]
