"""`out=`: results written into a tensor that is there already.

The op runs without recording; then its results are cast, and copied into `out`, whose shape follows them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from engine import arrays, dtypes, errors
from engine.modes import state
from engine.out_dtypes import check_out_dtype

# Functions of torch that have no `out`, beside those of torch.nn.functional and torch.signal.
NAMES = """
adaptive_avg_pool1d adaptive_max_pool1d adjoint affine_grid_generator allclose alpha_dropout alpha_dropout_ argsort
argwhere as_strided as_strided_ as_strided_scatter atleast_1d atleast_2d atleast_3d avg_pool1d bartlett_window
batch_norm bilinear binary_cross_entropy_with_logits bincount binomial blackman_window block_diag broadcast_tensors
broadcast_to cartesian_prod cdist celu celu_ channel_shuffle chunk clone combinations conj constant_pad_nd contiguous
conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution corrcoef
cosine_embedding_loss cosine_similarity count_nonzero cov ctc_loss cumulative_trapezoid det detach diag_embed diagflat
diagonal diagonal_scatter dist dropout dropout_ dsplit einsum embedding empty_like empty_permuted empty_strided equal
feature_alpha_dropout feature_alpha_dropout_ feature_dropout feature_dropout_ fft.fftshift fft.ifftshift fill flatten
flip fliplr flipud full_like gradient grid_sampler grid_sampler_2d grid_sampler_3d group_norm hamming_window
hann_window hinge_embedding_loss hsplit imag index_fill index_put instance_norm is_floating_point isclose isfinite
isinf isnan isreal istft kaiser_window kl_div layer_norm linalg.diagonal linalg.matrix_exp linalg.vander logdet lu
margin_ranking_loss masked_fill masked_scatter matrix_exp max_pool1d max_pool1d_with_indices max_pool2d max_pool3d
meshgrid moveaxis movedim narrow native_channel_shuffle native_dropout native_group_norm native_layer_norm
norm_except_dim numel ones_like pairwise_distance pdist permute pinverse pixel_shuffle pixel_unshuffle poisson
poisson_nll_loss positive prelu put rand_like randint_like randn_like ravel real relu repeat_interleave reshape
resolve_conj resolve_neg rms_norm roll rot90 rsub scalar_tensor select select_scatter selu selu_ slice_scatter
special.log_softmax special.softmax split split_with_sizes squeeze std_mean stft sum_to_size swapaxes swapdims t
tensor_split threshold_ tile trace transpose trapezoid trapz tril_indices triplet_margin_loss triu_indices unbind
unflatten unique unique_consecutive unravel_index unsafe_chunk unsafe_split unsqueeze vander var_mean view_as_complex
view_as_real vsplit zeros_like
"""
WITHOUT = frozenset(NAMES.split())
LAYERS = "avg_pool2d avg_pool3d gelu hardshrink linear logsigmoid normalize softplus softshrink"
WITH = frozenset(f"nn.functional.{name}" for name in LAYERS.split())  # those of torch.nn.functional that have it


def takes_out(name: str) -> bool:
    """Whether torch's function of a wire name takes `out`."""
    return name in WITH or (name not in WITHOUT and not name.startswith(("nn.", "signal.")))


def write(run: Callable[[], Any], said: str, args: Sequence[Any], kwargs: dict[str, Any], out: Any) -> Any:
    """Run a function and write what it gives into `out`, a tensor or a tuple of them; returns that.

    Raises RuntimeError where something requires grad, for dtypes that do not fit and for memory that overlaps;
    TypeError for anything but tensors.
    """
    targets = list(out) if isinstance(out, (tuple, list)) else [out]
    for each in targets:
        if not hasattr(each, "_array"):
            raise errors.bad_type(f"{said}(): argument 'out' must be Tensor, not {type(each).__name__}")
    sources = [each for each in (*args, *kwargs.values()) if hasattr(each, "_array")]
    ctx = state.ctx
    if ctx.grad_enabled and any(each.requires_grad for each in (*sources, *targets)):
        raise errors.bad_argument(
            f"{said}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if ctx.dual_level is not None and ctx.dual_level.reaches(sources):
        text = f"Trying to use forward AD with {said}_out that does not support it because it is an out= function"
        raise errors.not_differentiable(text)
    for target in targets:
        if arrays.overlaps_itself(target._array):
            raise errors.overlapping_write()
        if any(arrays.overlaps_partly(target._array, each._array) for each in sources):
            raise errors.partial_overlap()
    previous, ctx.grad_enabled = ctx.grad_enabled, False
    try:
        result = run()
    finally:
        ctx.grad_enabled = previous
    if not isinstance(out, (tuple, list)):
        if isinstance(result, tuple):
            raise errors.bad_type(f"{said}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}")
        _put(result, out, said)
        return out
    if not isinstance(result, tuple) or len(result) != len(targets):
        raise errors.bad_type(f"{said}(): argument 'out' must be Tensor, not {type(out).__name__}")
    for each, target in zip(result, targets, strict=True):
        _put(each, target, said)
    return result._make(targets) if hasattr(result, "_make") else tuple(targets)


def _put(result: Any, target: Any, said: str) -> None:
    have, want = result._array, target._array
    source, kind = dtypes.of(have), dtypes.of(want)
    check_out_dtype(said, source, kind)
    log = state.ctx.log
    if have.shape == want.shape and target._memory is not want:
        target.copy_(result)  # a conjugate that shares memory
        return
    if have.shape != want.shape:
        if want.size and log is None:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(want.shape)}, which does "
                f"not match the required output shape {list(have.shape)}. This behavior is deprecated, and in a future "
                "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse "
                "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
                UserWarning,
                stacklevel=5,
            )
        if log is not None:
            log.tensor(target)
            log.version(target._counter)
        target._array = arrays.cast(have, kind.numpy) if have.dtype != want.dtype else have.copy()
    else:
        if log is not None:
            log.storage(target)
        arrays.writeable(want)[...] = arrays.cast(have, kind.numpy)
    target._counter[0] += 1
