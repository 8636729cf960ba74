"""What torch 2.13 promotes to, recorded from `torch.add`: a letter for each dtype, a word for each left operand.

The letters are NumPy's (`E` bfloat16, `x` complex32, which the engine has not: it takes complex64). A row stands for
the left operand's dtype, a letter in it for the right operand's, both in the order of `DTYPES`; "dim" is a tensor of
one dimension, "0-d" one of none, and the right operands of NUMBERS are True, 2, 1.5 and 1j.
"""

from __future__ import annotations

DTYPES = {
    "?": "bool",
    "B": "uint8",
    "b": "int8",
    "h": "int16",
    "i": "int32",
    "l": "int64",
    "e": "float16",
    "E": "bfloat16",
    "f": "float32",
    "d": "float64",
    "F": "complex64",
    "D": "complex128",
}

# Two tensors of one rank: the order of the types, whatever the ranks are.
SAME_RANK = """
    ?BbhileEfdFD BBhhileEfdFD bhbhileEfdFD hhhhileEfdFD iiiiileEfdFD lllllleEfdFD
    eeeeeeeffdFD EEEEEEfEfdFD fffffffffdFD ddddddddddDD FFFFFFFFFDFD DDDDDDDDDDDD
"""
DIM_WITH_0D = """
    ?BbhileEfdFD BBBBBBeEfdFD bbbbbbeEfdFD hhhhhheEfdFD iiiiiieEfdFD lllllleEfdFD
    eeeeeeeeeexx EEEEEEEEEEFF ffffffffffFF ddddddddddDD FFFFFFFFFFFF DDDDDDDDDDDD
"""
ZERO_D_WITH_DIM = """
    ?BbhileEfdFD BBbhileEfdFD bBbhileEfdFD hBbhileEfdFD iBbhileEfdFD lBbhileEfdFD
    eeeeeeeEfdFD EEEEEEeEfdFD ffffffeEfdFD ddddddeEfdFD FFFFFFxFFDFD DDDDDDxFFDFD
"""
NUMBERS = {
    "float32": "?lfF BBfF bbfF hhfF iifF llfF eeex EEEF fffF dddD FFFF DDDD",
    "float64": "?ldD BBdD bbdD hhdD iidD lldD eeex EEEF fffF dddD FFFF DDDD",
}

TENSORS = {
    ("dim", "dim"): SAME_RANK,
    ("dim", "0-d"): DIM_WITH_0D,
    ("0-d", "dim"): ZERO_D_WITH_DIM,
    ("0-d", "0-d"): SAME_RANK,
}
