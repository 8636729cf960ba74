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

CAT = "torch.cat(): input types can't be cast to the desired output type {1.type_name}"
CAN_CAST = (
    "Expected canCast( typeMetaToScalarType(self.dtype()), typeMetaToScalarType(out.dtype())) to be true, but got "
    "false.  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
)
SEARCHED = (
    "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on "
    "whether out_int32 flag is True, but we got output tensor's dtype {1.type_name} and out_int32 flag is "
)
FACTORY = "dtype {0.type_name} does not match dtype of out parameter ({1.type_name})"

COPIES = (
    "alias_copy as_strided_copy diagonal_copy expand_copy permute_copy squeeze_copy t_copy transpose_copy unfold_copy "
    "unsqueeze_copy view_copy"
)
_EXACT = (
    "aminmax argmax argmin avg_pool2d avg_pool3d linear addmm addmv baddbmm bmm cross diag gather index_add index_copy "
    "inverse isin linalg_cholesky linalg_cholesky_ex linalg_cross linalg_det linalg_eigh linalg_eigvalsh linalg_inv "
    "linalg_inv_ex linalg_ldl_factor linalg_lu linalg_lu_factor linalg_lu_solve linalg_matmul linalg_matrix_power "
    "linalg_qr linalg_slogdet linalg_solve linalg_solve_ex linalg_svd linalg_svdvals linalg_vector_norm lu_solve "
    "matmul mm log_softmax msort norm qr renorm scatter scatter_add scatter_reduce softmax svd take_along_dim "
    "triangular_solve tril triu index_reduce "
)
_FOUND = "abs bitwise_not ceil conj_physical floor frac gelu hardshrink neg round sgn sign softplus softshrink trunc"
MATCH = (
    "Expected the dtype for input and out to match, but got {0.type_name} for input's dtype and {1.type_name} for "
    "out's dtype."
)
OBJECT = "Expected object of scalar type {0.type_name} but got scalar type {1.type_name} for argument 'out'"
# What must be equal.
SAME = {
    **dict.fromkeys((_EXACT + COPIES).split(), EXACT),
    **dict.fromkeys(("linalg_multi_dot", "chain_matmul"), CHAIN),
    **dict.fromkeys(("dot", "vdot", "product of vectors"), DOT),
    "diag_embed": EXACT,
    "lerp by weights": FOUND,
    **dict.fromkeys(_FOUND.split(), FOUND),
    **dict.fromkeys(("amax", "amin"), MATCH),
    **dict.fromkeys(("complex", "polar"), OBJECT),
    "logcumsumexp": "expected scalar_type {0.type_name} but found {1.type_name}",
    **{name: f"{name}(): self and result must have the same scalar type" for name in ("index_select", "masked_select")},
    **dict.fromkeys(("quantile", "nanquantile"), "quantile() out tensor must be same dtype as the input tensor"),
    "float_power": (
        "the output given to float_power has dtype {1.type_name} but the operation's result requires dtype "
        "{0.type_name}"
    ),
    "heaviside": "heaviside is not yet implemented for tensors with different dtypes.",
    "histc": (
        "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {0.cpp_name} and hist "
        "{1.cpp_name}"
    ),
    "multinomial": "multinomial expects Long tensor out, got: {1.type_name}",
    "nan_to_num": "nan_to_num: dtype of out: {1.type_name} should be same as input: {0.type_name}",
    "nonzero": "nonzero: Expected out tensor to have scalar type Long but got scalar type{1.type_name}",
    "take": (
        "take(): self and out expected to have the same dtype, but got self.dtype = {0.type_name} and out.dtype = "
        "{1.type_name}"
    ),
    "where": "Expected out type to be {0.type_name} but got {1.type_name}",
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
_CATS = "cat column_stack concat dstack hstack stack vstack"
_SAFE = (
    ("cholesky cholesky_inverse cholesky_solve", "{said}", "result"),
    ("linalg_cond linalg_pinv", "linalg.{said}", "result"),
    ("linalg_matrix_rank", "torch.linalg.matrix_rank", "result"),
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
} | {
    **dict.fromkeys(_CATS.split(), CAT),
    **dict.fromkeys(("max", "min"), CAN_CAST),
    "power of 0": CASTABLE.replace("{name}", "matrix_power").replace("{what}", "result"),
    "ldexp": "ldexp can't be cast to the desired output type {1.type_name}",
    "logsumexp": "logsumexp(): Expected floating point type for result tensor, but got: {1.type_name}",
    "mean": "mean.dtype_out(): input types can't be cast to the desired output type {1.type_name}",
    "mvlgamma": "mvlgamma: result type {0.type_name} can't be cast to the desired output type {0.type_name}",
}
# What computes in the dtype of `out`, unless the kernel has none for its category.
IN_ITS_DTYPE: dict[str, tuple[str, tuple[int, ...]]] = {
    "bernoulli": ("bernoulli_tensor_cpu_self_", (3,)),
    "cumprod": ("cumprod_out_cpu", (0,)),
    "cumsum": ("cumsum_out_cpu", (0,)),
    "nanmean": ("nansum_cpu", (0, 1, 3)),
    "nansum": ("nansum_cpu", (0, 1, 3)),
    "normal": ("normal_kernel_cpu", (0, 1)),
}
# What writes truth values, and into which other dtypes.
TRUTHS = {
    **{
        name: (f"{name} only supports bool tensor for result, got: {{1.type_name}}", dtypes.uint8)
        for name in ("all", "any")
    },
    **{name: (f"{name} does not support non-boolean outputs.", None) for name in ("isneginf", "isposinf", "signbit")},
}
_FFTS = {
    "ifftn": "fftn",
    "fft2": "fftn",
    "ifft2": "fftn",
    "rfft2": "rfftn",
    "irfft2": "irfftn",
    "hfft2": "hfftn",
    "ihfft2": "ihfftn",
}  # as torch's say
# Of which kind it must be.
KINDS = {
    f"fft_{name}": (kind, text.replace("{name}", name))
    for kind, text, names in (
        ("c", COMPLEX, "fft ifft rfft ihfft fftn rfftn ihfftn"),
        ("f", REAL, "irfft hfft hfftn irfftn"),
    )
    for name in names.split()
}
KINDS |= {f"fft_{name}": KINDS[f"fft_{other}"] for name, other in _FFTS.items()}
FACTORIES = frozenset(
    [
        "arange",
        "empty",
        "eye",
        "full",
        "linspace",
        "logspace",
        "normal",
        "ones",
        "rand",
        "randint",
        "randn",
        "randperm",
        "zeros",
    ]
)


def check_out_dtype(said: str, made: dtypes.DType, out: dtypes.DType, asked: bool = False) -> None:
    """Raise unless a result of dtype `made` may be written into a tensor of dtype `out`; `asked`: it was asked for.

    RuntimeError; TypeError from those that join tensors, NotImplementedError from those that compute in `out`'s dtype.
    """
    if made is out:
        return
    text = None
    if said in SAME:
        text = SAME[said]
        if said == "heaviside" and out.is_complex:
            text = "heaviside is not yet implemented for complex tensors."
        elif said == "diag_embed" and made.category > out.category:
            text = "diag: result type {0.type_name} can't be cast to the desired out= type {1.type_name}"
    elif said in TRUTHS:
        told, other = TRUTHS[said]
        text = None if out is other else told
    elif said in KINDS:
        kind, told = KINDS[said]
        text = None if (out.is_complex if kind == "c" else out.is_floating_point) else told
    elif said in ("bucketize", "searchsorted"):
        text = SEARCHED + str(made is dtypes.int32)
    elif asked and said in FACTORIES:
        text = FACTORY
    elif asked and said in ("cumprod", "cumsum"):
        text = EXACT
    elif said in IN_ITS_DTYPE:
        kernel, categories = IN_ITS_DTYPE[said]
        if out.category in categories:
            raise errors.not_implemented_for(kernel, out.type_name)
    elif made.category > out.category:
        text = SAFE.get(said, "result type {0.type_name} can't be cast to the desired output type {1.type_name}")
    if text is not None:
        kind_of_error = TypeError if text is CAT else RuntimeError
        raise errors.coded(kind_of_error, "dtype_mismatch", text.format(made, out))
