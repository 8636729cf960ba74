"""What PyTorch's parser says differently from its documents: which overloads it knows, and what it calls `self`.

With one overload, or with one that takes as many arguments as were given, PyTorch says what is wrong with that one;
else it lists them all. Each entry of `OVERLOADS` holds the least and the most arguments of every overload it shows.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.python_functions import in_python

Range = tuple[int, int]


def _named(names: str, *ranges: Range) -> dict[str, tuple[Range, ...]]:
    return dict.fromkeys(names.split(), ranges)


_WITH_NUMBER = (
    "eq_ ne_ lt_ le_ gt_ ge_ not_equal_ less_ less_equal_ greater_ greater_equal_ copysign_ fmod_ remainder_ xlogy_ "
    "float_power_ floor_divide_ multiply_ true_divide_ bitwise_and_ bitwise_or_ bitwise_xor_ bitwise_left_shift_ "
    "bitwise_right_shift_"
)
_POLYNOMIALS = (
    "chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w "
    "hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p "
    "shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v "
    "shifted_chebyshev_polynomial_w"
)
OVERLOADS: dict[str, tuple[Range, ...]] = {
    # one is shown, beside deprecated ones that are not
    **_named("add sub", (2, 4)),
    **_named("add_ sub_", (2, 3)),
    **_named("addcdiv addcmul", (3, 5)),
    **_named("addbmm addmv addmv_ addr", (3, 6)),
    **_named("addr_", (3, 5)),
    **_named("addbmm_ addmm_ baddbmm_ addcdiv_ addcmul_", (3, 5)),
    # a number or a tensor as the other operand
    **_named(
        "eq ne lt le gt ge not_equal less less_equal greater greater_equal copysign fmod rsub subtract subtract_",
        (2, 3),
        (2, 3),
    ),
    **_named("bitwise_and bitwise_or bitwise_xor", (2, 3), (2, 2), (2, 3)),
    **_named("floor_divide multiply true_divide", (2, 3), (2, 2)),
    **_named(_WITH_NUMBER, (2, 2), (2, 2)),
    **_named("div_", (2, 2), (3, 3), (3, 3)),
    **_named("divide_", (2, 2), (3, 3), (2, 2), (3, 3)),
    **_named("Tensor.true_divide Tensor.floor_divide Tensor.multiply", (2, 2), (2, 2)),
    **_named("Tensor.div", (2, 2), (3, 3), (3, 3)),
    **_named("Tensor.addmm Tensor.baddbmm", (3, 5)),
    **_named("arange", (1, 7), (2, 9)),
    **_named("masked_fill_", (3, 3), (3, 3)),
    **_named("index_fill_", (4, 4), (4, 4)),
    **{f"special.{name}": three for name, three in _named(_POLYNOMIALS, (2, 3), (2, 3), (2, 3)).items()},
    **_named("divide", (2, 3), (3, 4), (2, 2), (3, 3)),
    **_named("isin", (2, 5), (2, 5), (2, 5)),
    **_named("bucketize", (2, 5), (2, 4)),
    **_named("searchsorted", (2, 7), (2, 7)),
    **_named("masked_fill", (3, 3), (3, 3)),
    **_named("index_fill", (4, 4), (4, 4)),
    **_named("where", (1, 1), (3, 4), (3, 3), (3, 3), (3, 3)),
    **_named("linspace", (3, 9), (3, 9), (3, 9), (3, 9)),
    **_named("logspace", (3, 10), (3, 10), (3, 10), (3, 10)),
    **_named("trapezoid trapz cumulative_trapezoid", (2, 3), (1, 3)),
    # one dim or several
    **_named("all any", (1, 2), (1, 4), (2, 4)),
    **_named("count_nonzero", (1, 2), (2, 2)),
    **_named("sum prod", (1, 2), (2, 5)),
    **_named("median nanmedian", (2, 4), (1, 1)),
    **_named("movedim moveaxis", (3, 3), (3, 3)),
    **_named("gradient", (1, 4), (2, 4)),
    **_named("argsort", (1, 3), (2, 4)),
    **_named("view_copy", (2, 3), (2, 3)),
    **_named("randint_like", (2, 8), (2, 8), (3, 9)),
    **_named("narrow", (4, 4), (4, 4)),
    # with a dtype for the result, a generator, or a tolerance of another kind
    **_named("mm bmm", (2, 3), (3, 4)),
    **_named("addmm baddbmm", (3, 6), (4, 7)),
    **_named("rand randn randperm", (2, 8), (1, 7)),
    **_named("eye", (1, 7), (2, 8)),
    **_named("rand_like randn_like", (1, 7), (2, 8)),
    **_named("hann_window bartlett_window blackman_window", (1, 6), (2, 7)),
    **_named("kaiser_window", (1, 6), (2, 7), (3, 8)),
    **_named("hamming_window", (1, 6), (2, 7), (3, 8), (4, 9)),
    **_named("stft", (2, 10), (2, 11)),
    **_named("linalg.matrix_rank linalg.pinv", (1, 5), (1, 5), (2, 4), (2, 4)),
}

# With further overloads as functions only; of one overload as a function and of another as a method; with overloads
# that are tried but not shown.
OF_FUNCTION = frozenset(_named("mm bmm addmm baddbmm"))
BY_FORM = frozenset(_named("polygamma special.polygamma"))
FIRST_SAYS = frozenset(_named("norm"))  # of several overloads it is the first whose refusal is told
DEPRECATED = frozenset(
    _named(
        "add sub add_ sub_ addcdiv addcmul addbmm addmv addmv_ addr addbmm_ addmm_ baddbmm_ addcdiv_ addcmul_ "
        "Tensor.addmm Tensor.baddbmm"
    )
)

# What is called otherwise than documented.
SAID = {"nn.functional.logsigmoid": "log_sigmoid", "nn.functional.threshold": "_threshold"}

# Documented with a matrix `A` as their first argument, which the parser knows as `input` only.
_MATRICES = (
    "cholesky cholesky_ex cond eig eigh eigvals eigvalsh lstsq matrix_exp matrix_norm matrix_power matrix_rank norm "
    "pinv solve_triangular tensorinv tensorsolve vector_norm"
)
INPUT_FIRST = frozenset(f"linalg.{name}" for name in _MATRICES.split()) | {
    "matrix_power",
    "matrix_exp",
    "det",
    "cholesky_inverse",
    "lu_solve",
}

# What the parser calls further parameters that are documented by other names.
PARSED: dict[str, dict[str, str]] = {
    "cholesky_solve": {"B": "input", "L": "input2"},
    "linalg.lstsq": {"B": "b"},
    "linalg.tensorsolve": {"B": "other"},
    "split_with_sizes_copy": {"split_size_or_sections": "split_sizes"},
    "ormqr": {"tau": "input2", "other": "input3"},
    "special.airy_ai": {"input": "x"},
    "special.scaled_modified_bessel_k0": {"input": "x"},
    "special.scaled_modified_bessel_k1": {"input": "x"},
    "special.spherical_bessel_j0": {"input": "x"},
}

# Further names of parameters that the parser knows everywhere: NumPy's.
NUMPYS = {
    "dim": ("axis",),
    "keepdim": ("keepdims",),
    "input": ("x", "a", "x1"),
    "other": ("x2",),
    "dim0": ("axis0",),
    "dim1": ("axis1",),
}
# What else documents call the parameters of single functions, be it that the parser itself knows them by another name.
_SECTIONS: dict[str, tuple[str, ...]] = {"indices_or_sections": ("indices", "sections")}
DOCUMENTED: dict[str, dict[str, tuple[str, ...]]] = {
    "broadcast_to": {"shape": ("size",)},
    "dsplit": _SECTIONS,
    "expand": {"sizes": ("size",)},
    "isin": {"element": ("elements",), "test_element": ("test_elements",)},
    "hsplit": _SECTIONS,
    "linalg.householder_product": {"input2": ("tau",)},
    "matrix_exp": {"A": ("input",)},
    "nn.functional.one_hot": {"tensor": ("input",)},
    "searchsorted": {"values": ("input",)},
    "split": {"tensor": ("input",), "split_size": ("split_size_or_sections",)},
    "tensor_split": _SECTIONS,
    "triangular_solve": {"b": ("input",)},
    "type_as": {"tensor": ("other",)},
    "unsafe_split": {"tensor": ("input",), "split_size_or_sections": ("split_size",)},
    "view": {"shape": ("size",)},
    "vsplit": _SECTIONS,
}


def keywords_of(function: str, index: Mapping[str, int], takes_tensor: bool) -> dict[str, int]:
    """The places of parameters by all names that they go by; what is documented as A or x1 goes by `input` too."""
    known = {"input": 0, **index} if takes_tensor else index
    numpys = {} if in_python(function) else NUMPYS
    found = {alias: known[name] for name, others in numpys.items() if name in known for alias in others}
    for alias, names in DOCUMENTED.get(function, {}).items():
        found.update((alias, known[name]) for name in names if name in known)
    found.update((name, known[own]) for own, name in PARSED.get(function, {}).items())
    return {**found, **known}
