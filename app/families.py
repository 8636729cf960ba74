"""The families of ops that a reader looks for, as PyTorch's documentation groups them: the tags of `/docs`.

The engine's modules are finer; here each belongs to a family. A few ops are looked for elsewhere than their module.
"""

from __future__ import annotations

from engine.op import Op

OPTIMIZERS = "optimizers"  # steps of `torch.optim`
OTHER = "other"  # of a module that is in no family yet, which a test forbids
SESSION = "session"  # steps that are no ops of PyTorch's: names, modes, backward

_MODULES: dict[str, str] = {
    "creation": "creation ranges",
    "random numbers": "distributions indices random_counts",
    "arithmetic": "arithmetic blends bounds extremes pairs powers",
    "elementary functions": "functions parts phases unary",
    "special functions": "bessel gammas polynomials special",
    "comparison and logic": "compare",
    "reductions": "covariance quantiles reduction statistics",
    "reductions where a mask says so": "masked",
    "scans and differences": "calculus scans",
    "sorting and searching": "counting ordering searching",
    "conversion and properties": "conjugates copies properties",
    "shapes and views": "flipping repeating restriding strided viewcopies viewing views windows",
    "joining and splitting": "joining stacks",
    "indexing": "diagonals gathering indexing masks picking putting scattering selection slices",
    "products of matrices": "added_products einsum linalg matrices products",
    "linear algebra": (
        "cholesky determinants ldl lowrank lu matrix_functions norms old_norms orthogonal pseudo reflections solving "
        "spectral"
    ),
    "Fourier transforms": "fourier frequencies periodic_windows stft tapers",
    "nn: activations": "activations activations_inplace gumbel gates randomized thresholds",
    "nn: convolution": "conv_shapes convolution convolving taps",
    "nn: pooling": "adaptive fractional maxima pooling unpooling window_norms",
    "nn: normalization": "channels groups normalization",
    "nn: layers": "attention bags dropout embedding exported_dropouts exported_layers heads",
    "nn: images and padding": "padding resampling sampling shuffles",
    "nn: losses and distances": "ctc distances entropies likelihoods losses margins metrics nn numbered_losses",
}
FAMILY_OF_MODULE: dict[str, str] = {
    module: family for family, modules in _MODULES.items() for module in modules.split()
}
FAMILY_OF_OP: dict[str, str] = {
    "linalg.eigh": "linear algebra",
    "nn.functional.bilinear": "nn: layers",
    "nn.functional.fold": "nn: images and padding",
    "nn.functional.linear": "nn: layers",
    "nn.functional.normalize": "nn: normalization",
    "nn.functional.unfold": "nn: images and padding",
    "renorm": "linear algebra",
    "renorm_": "linear algebra",
    **dict.fromkeys(
        (
            *("softmax", "special.softmax", "nn.functional.softmax"),
            *("log_softmax", "special.log_softmax", "nn.functional.log_softmax"),
        ),
        "nn: activations",
    ),
}


FAMILIES = (SESSION, OPTIMIZERS, *_MODULES, OTHER)  # in the order in which they are shown


def family_of_step(name: str) -> str:
    """The family of a step that is no op."""
    return OPTIMIZERS if name.startswith("optim.") else SESSION


def family_of(name: str, op: Op) -> str:
    """The family of an op by the name it goes by."""
    return FAMILY_OF_OP.get(name) or FAMILY_OF_MODULE.get(op.kernel.__module__.rpartition(".")[2], OTHER)
