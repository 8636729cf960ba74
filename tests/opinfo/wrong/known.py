"""Differences that have their reason: the op, the kind, a part of the call or of an answer, and why."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from tests.opinfo.wrong.outcomes import Difference

FOREIGN = "PyTorch reads memory that is not the tensor's"
CELLS = "PyTorch writes one cell of memory several times"
LEAF = "PyTorch writes into a leaf that requires grad"
SLIP = "PyTorch fails by a slip of its own, for nothing is wrong with the call or the text tells of something else"
UNUSED = "PyTorch does not look at what it has no use for"
ARITHMETIC = "PyTorch's Python computes with ints beyond 64 bits, or with NaN, before a parser sees them"
NUMBER = "PyTorch's Python computes with a number in the place of a tensor"
RESIZED = "PyTorch resizes the tensor that it computes in place, if no other library holds its memory"
DUNDER = (
    "Python itself counts the operands of these methods; PyTorch gives NotImplemented, or an old overload takes them"
)
CLASS = "a method in Python, called by way of its class on what is no tensor"
DOCUMENTED = "taken by the name that PyTorch documents, but does not know"
OVERLOAD = "an overload that PyTorch keeps for old programs takes the number as a tensor"
HALVES = "there are no complex numbers of two halves"
ROUNDING = "whether a pivot is exactly zero is a matter of rounding"


class Known(NamedTuple):
    """A difference that may be; `op` is a pattern."""

    op: str
    kind: str
    part: str
    reason: str


KNOWN = (
    Known("native_batch_norm", "over-refused", "", FOREIGN),
    Known("nn.functional.batch_norm", "over-refused", "running_mean and running_var must either", FOREIGN),
    Known("nn.functional.ctc_loss", "over-refused", "smaller than the number of classes", FOREIGN),
    Known("*", "over-refused", "refers to a single memory location", CELLS),
    Known("*", "over-refused", "out: a leaf", LEAF),
    Known("logical_*", "over-refused", "a leaf", LEAF),
    Known("__r*__", "over-refused", "argument", DUNDER),
    Known("__r*__", "not refused", ", input: ", DUNDER),
    Known("__*__", "leaked", ", input: ", CLASS),
    Known("item", "leaked", ", input: ", CLASS),
    Known("split", "type", "method, input: ", CLASS),
    Known("unflatten", "type", "method, ", CLASS),
    Known("cholesky_solve", "not refused", "by name", DOCUMENTED),
    Known("linalg.*", "not refused", "by name", DOCUMENTED),
    Known("split", "not refused", "by name", DOCUMENTED),
    Known("add", "over-refused", "() ", OVERLOAD),
    Known("*sub*", "over-refused", "() ", OVERLOAD),
    Known("where", "not refused", "method, input: ", OVERLOAD),
    Known("view_as_complex", "over-refused", "Half", HALVES),
    Known("linalg.lu_factor", "not refused", "is zero", ROUNDING),
    Known("*dropout*", "type", "int too big to convert", ARITHMETIC),
    Known("nn.functional.*", "type", "Overflow when unpacking", ARITHMETIC),
    Known("nn.functional.*", "*", "int too big to convert", ARITHMETIC),
    Known("stft", "type", "n_fft: ", ARITHMETIC),
    Known("nn.functional.group_norm", "type", "Expected more than 1 value per channel", ARITHMETIC),
    Known("nn.functional.*_loss", "over-refused", "argument 1: 1j", NUMBER),
    Known("nn.functional.multilabel_soft_margin_loss", "over-refused", "one more", NUMBER),
    Known("addbmm", "over-refused", "Trying to resize storage", RESIZED),
    Known("nn.functional.multi_head_attention_forward", "over-refused", "_proj_weight", UNUSED),
    Known("to", "over-refused", "1j", UNUSED),
    Known("index_*", "type", "setStorage", SLIP),
    Known("index_put", "not refused", "INTERNAL ASSERT FAILED", SLIP),
    Known("diff", "not refused", "out: ", "no difference is a copy, which PyTorch makes in the dtype alone"),
    Known("bernoulli", "over-refused", "[0", "PyTorch asks no kernel where there is no element"),
    Known("normal", "not refused", "out: ", "PyTorch broadcasts into `out`"),
    Known("add*", "*", "twice", OVERLOAD),
    Known("to", "over-refused", "argument 1: 1 ", UNUSED),
    Known("nn.functional.multilabel_soft_margin_loss", "over-refused", "weight: 1j", NUMBER),
    Known("nn.functional.multi_margin_loss", "type", "p: ", ARITHMETIC),
    Known("*", "type", "alias nn.functional.", "the same function, which torch.nn.functional calls as a method"),
    Known("transpose", "not refused", "by name", DOCUMENTED),
    Known("cum*", "over-refused", "Bool", "PyTorch asks no kernel where there is no dim"),
    Known("inner", "not refused", "out: repeated", "PyTorch looks at the memory of products first"),
    Known("arange", "type", "step must be nonzero", "an int64 `out` makes the step 0"),
    Known("eye", "not refused", "None", "None stands for a size that is not given"),
    Known("to", "type", "argument 1: 'x'", "a device in the place of a dtype"),
    Known("repeat_interleave", "type", "without repeats", "the method and the function take the same"),
    Known("nn.functional.normalize", "type", "p: 'x'", "PyTorch hands a text on to the norms of matrices"),
    Known("nn.functional.embedding*", "type", "renorm", "rows are renormed in a step of its own"),
    Known("nn.functional.embedding_bag", "type", "arange_cpu", "PyTorch makes offsets in the dtype of the indices"),
)


def reason_for(difference: Difference) -> str | None:
    """Why a difference may be, or None."""
    told = f"{difference.call} | {difference.theirs} | {difference.ours}"
    for known in KNOWN:
        if fnmatchcase(difference.op, known.op) and fnmatchcase(difference.kind, known.kind) and known.part in told:
            return known.reason
    return None
