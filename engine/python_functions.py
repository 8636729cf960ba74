"""Functions that torch has written in Python: Python itself refuses a call that does not fit, and what they call in
turn, by position, refuses an argument of another type.
"""

from __future__ import annotations

from collections.abc import Collection

# Of torch.nn.functional all but these; a few more of torch itself.
_BUILT_IN = (
    "adaptive_avg_pool1d avg_pool1d avg_pool2d avg_pool3d bilinear channel_shuffle conv1d conv2d conv3d "
    "conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity gelu hardshrink linear logsigmoid one_hot "
    "pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu scaled_dot_product_attention softplus softshrink"
)
BUILT_IN = frozenset(_BUILT_IN.split())
UNIQUES = ("unique", "unique_dim", "unique_consecutive")
OF_TORCH = ("cdist", "lu", "stft", "norm", "split", "tensordot", "unravel_index", *UNIQUES)
FUNCTIONAL = "nn.functional."
OF_TENSOR = frozenset({"istft", "lu", "norm", "split", "stft", "unflatten", *UNIQUES})  # methods
# What is called in turn has several overloads: the functions, and which of their parameters it is not given.
WITH_OVERLOADS: dict[str, frozenset[str]] = {
    "nn.functional.ctc_loss": frozenset(),
    "split": frozenset(),  # of an int
    "stft": frozenset({"center", "pad_mode"}),
}

# What the options `return_inverse` and `return_counts` choose: neither, the counts, the inverse, both.
CHOSEN = {
    "unique": ("_return_output", "_return_counts", "_return_inverse", "_return_inverse_and_counts"),
    "unique_consecutive": (
        "_consecutive_return_output",
        "_consecutive_return_counts",
        "_consecutive_return_inverse",
        "_unique_consecutive_impl",
    ),
}
# How many arguments Python says that a function takes where that is more than are documented by place.
COUNTED = {("norm", 0): (1, 6), ("norm", 1): (1, 5), ("nn.functional.normalize", 0): (1, 5)}

# What is called where it has another name (`.` for the same) or order of arguments, `=` its own names for them, after
# `*` those that are given by name, `-` for what stands between.
_CALLED = """
alpha_dropout: . input p training=train
batch_norm: . input weight bias running_mean running_var training momentum eps
binary_cross_entropy_with_logits: . input target weight pos_weight
cross_entropy: cross_entropy_loss input target weight reduction ignore_index label_smoothing
dropout: . input p training=train
dropout1d: feature_dropout input p training=train
dropout2d: feature_dropout input p training=train
dropout3d: feature_dropout input p training=train
embedding: . weight input=indices padding_idx scale_grad_by_freq sparse
embedding: embedding_renorm_ - - max_norm norm_type
embedding_bag: embedding_renorm_ - - max_norm norm_type
embedding_bag: . weight input=indices offsets scale_grad_by_freq mode sparse - include_last_offset padding_idx
feature_alpha_dropout: . input p training=train
grid_sample: grid_sampler input grid mode padding_mode align_corners
huber_loss: . input target reduction delta
instance_norm: . input weight bias running_mean running_var use_input_stats momentum eps
istft: . input n_fft hop_length win_length window center normalized onesided length * return_complex
kl_div: . input target reduction * log_target
log_softmax: . dim * dtype
lu: _lu_with_info A=input * pivot
multi_margin_loss: . input target p margin
multi_head_attention_forward: linear - out_proj_weight=weight out_proj_bias=bias
multilabel_soft_margin_loss: log_sigmoid input
nll_loss: nll_loss_nd input target weight reduction ignore_index
norm: linalg_vector_norm - p=ord
poisson_nll_loss: . input target log_input full eps
smooth_l1_loss: . input target reduction beta
softmax: . dim * dtype
softmin: softmax dim * dtype
split: split_with_sizes - split_size_or_sections=split_sizes dim
tensordot: . a=input b=other
normalize: linalg_vector_norm input p=ord dim
threshold: . input threshold value
unflatten: . dim sizes
unique: _unique2 input * sorted return_inverse return_counts
unique_consecutive: . input * return_inverse return_counts dim
unique_dim: . input dim * sorted return_inverse return_counts
unfold: im2col input kernel_size dilation padding stride
"""


def _called() -> dict[str, dict[str, tuple[str, str, int]]]:
    found: dict[str, dict[str, tuple[str, str, int]]] = {}
    for line in _CALLED.strip().splitlines():
        name, _, call = line.partition(": ")
        said, *arguments = call.split()
        pairs = [each.partition("=") for each in arguments]
        said = name if said == "." else said
        by_name = arguments.index("*") if "*" in arguments else len(arguments)
        found.setdefault(name, {}).update(
            {own: (said, other or own, at if at <= by_name else 0) for at, (own, _, other) in enumerate(pairs, 1)}
        )
    return found


CALLED = _called()


def in_python(name: str, method: int = 0) -> bool:
    """Whether torch's function of a wire name, or (`method=1`) its method, is written in Python."""
    if method:
        return name in OF_TENSOR
    short = name.removeprefix(FUNCTIONAL)
    if short == name:
        return name in OF_TORCH or name.startswith(("masked.", "signal."))
    return short not in BUILT_IN and not short.endswith("_")


def called(name: str, said: str, parameter: str, place: int, method: int) -> tuple[str, str, int] | None:
    """What a function written in Python gives its parameter to: that function's name, its name for it, and the place
    (0 if by name).

    None where the function is not in Python, or looks at its arguments itself.
    """
    if not in_python(name, method) or name.startswith(("masked.", "signal.")):
        return None
    return CALLED.get(name.removeprefix(FUNCTIONAL), {}).get(parameter, (said, parameter, place))


def dispatched(name: str, said: str, on: Collection[str]) -> str:
    """The name of the function that Python calls where an option chooses among several; `on` are those that are set."""
    if name in CHOSEN:
        return CHOSEN[name][2 * ("return_inverse" in on) + ("return_counts" in on)]
    if "max_pool" in name and in_python(name):
        return f"{said}_with_indices" if "return_indices" in on else f"_{said}"
    return said


def missing(said: str, names: list[str]) -> str:
    """Python's own text for arguments that are not there."""
    quoted = [f"'{name}'" for name in names]
    listed = " and ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
    return f"{said}() missing {len(quoted)} required positional argument{'s' * (len(quoted) > 1)}: {listed}"
