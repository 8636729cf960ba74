"""Which dtype a tensor given as `out` must have where a cast of the result is not enough, in torch's words.

In a text `{0}` is the result's dtype and `{1}` that of `out`.
"""

from __future__ import annotations

from engine import dtypes, errors

EXACT = "Expected out tensor to have dtype {0.cpp_name}, but got {1.cpp_name} instead"
FOUND = "Found dtype {1.type_name} but expected {0.type_name}"
NORM = "{name} expected out tensor dtype {0.type_name} but got: {1.type_name}"
CHAIN = "multi_dot(): expected out tensor to have dtype {0.cpp_name} but got {1.cpp_name}"
DOT = "result dtype {1.type_name} does not match input dtype {0.type_name}"
TENSORDOT = (
    "tensordot: Expected the output tensor to have dtype {0.type_name}, but got an output tensor with dtype "
    "{1.type_name}"
)
CASTABLE = (
    "{name}: Expected {what} to be safely castable from {0.type_name} dtype, but got {what} with dtype {1.type_name}"
)
REAL = "{name} expects a floating point output tensor, but got {1.type_name}"
COMPLEX = "{name} expects a complex output tensor, but got {1.type_name}"

_EXACT = (
    "avg_pool2d avg_pool3d linear addmm addmv baddbmm bmm cross gather index_select inverse linalg_cholesky "
    "linalg_cholesky_ex linalg_cross linalg_det linalg_eigh linalg_eigvalsh linalg_inv linalg_inv_ex "
    "linalg_ldl_factor linalg_lu linalg_lu_factor linalg_lu_solve linalg_matmul linalg_matrix_power linalg_qr "
    "linalg_slogdet linalg_solve linalg_solve_ex linalg_svd linalg_svdvals linalg_vector_norm lu_solve matmul mm "
    "norm qr renorm svd take triangular_solve"
)
# What must be equal.
SAME = {
    **dict.fromkeys(_EXACT.split(), EXACT),
    **dict.fromkeys(("linalg_multi_dot", "chain_matmul"), CHAIN),
    **dict.fromkeys(("dot", "vdot"), DOT),
    **dict.fromkeys(("gelu", "hardshrink", "softplus", "softshrink"), FOUND),
    "log_sigmoid": "expected scalar type {0.type_name} but found {1.type_name}",
    **dict.fromkeys(("inner", "tensordot"), TENSORDOT),
    **{f"linalg_{name}": NORM.replace("{name}", f"linalg.{name}") for name in ("norm", "matrix_norm")},
    "addbmm": "self and mat2 must have the same dtype, but got {1.type_name} and {0.type_name}",
    "linalg_solve_triangular": "expected scalar type {0.type_name} but found {1.type_name}",
    "linalg_vecdot": "linalg.vecdot: Expected out of dtype{0.type_name} but found {1.type_name}",
    "mv": "addmv input tensors must have the same dtype, but got {1.type_name}, {0.type_name}, and {0.type_name}",
    "ormqr": (
        "torch.ormqr: Expected input and result to have the same dtype, but input has dtype{0.type_name} and result "
        "has dtype {1.type_name}"
    ),
}
_SAFE = (
    ("cholesky cholesky_inverse cholesky_solve", "{said}", "result"),
    ("linalg_cond linalg_pinv", "linalg.{said}", "result"),
    ("linalg_tensorinv linalg_tensorsolve", "{said}", "result"),
    ("linalg_eig linalg_eigvals", "torch.linalg.{said}", "eigenvalues"),
    ("linalg_householder_product orgqr", "torch.linalg.householder_product", "result"),
    ("geqrf", "torch.geqrf", "a"),
    ("linalg_lstsq", "torch.linalg.lstsq", "solution"),
)
# What the result must be safe to cast to.
SAFE = {
    said: CASTABLE.replace("{name}", name.format(said=said.removeprefix("linalg_"))).replace("{what}", what)
    for names, name, what in _SAFE
    for said in names.split()
}
# Of which kind it must be.
KINDS = {
    f"fft_{name}": (kind, text.replace("{name}", name))
    for kind, text, names in (("c", COMPLEX, "fft ifft rfft ihfft fftn ifftn"), ("f", REAL, "irfft hfft"))
    for name in names.split()
}


def check_out_dtype(said: str, made: dtypes.DType, out: dtypes.DType) -> None:
    """Raise RuntimeError unless a result of dtype `made` may be written into a tensor of dtype `out`."""
    text = None
    if said in SAME:
        text = SAME[said] if made is not out else None
    elif said in KINDS:
        kind, told = KINDS[said]
        text = None if (out.is_complex if kind == "c" else out.is_floating_point) else told
    elif made.category > out.category:
        text = SAFE.get(said, "result type {0.type_name} can't be cast to the desired output type {1.type_name}")
    if text is not None:
        raise errors.dtype_mismatch(text.format(made, out))
