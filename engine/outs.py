"""`out=`: results written into a tensor that is there already.

The op runs without recording; then its results are cast, and copied into `out`, whose shape follows them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from engine import arrays, errors
from engine.arguments import kind_of, refuse
from engine.modes import state
from engine.out_dtypes import COPIES, check_out_dtype
from engine.overloads import OVERLOADS

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

# The function that writes into `out` in the place of another, as refusals name it; none where it is copied into.
_WRITERS = """
_fft_c2r fft_hfft fft_irfft fft_irfft2 fft_irfftn
_linalg_det linalg_det
_linalg_eigh linalg_eigvalsh
_linalg_solve_ex linalg_solve
_linalg_svd linalg_svdvals
cat column_stack dstack hstack vstack
gather take_along_dim
linalg_cholesky_ex linalg_cholesky
linalg_cross cross
linalg_inv_ex linalg_inv
linalg_lu_solve lu_solve
linalg_vector_norm norm
log_sigmoid_forward log_sigmoid
div normalize
mm linalg_multi_dot
mul kron outer
nansum nanmean
pow float_power square
sort msort
vdot linalg_vecdot
"""
WRITERS = {name: writer for writer, *names in map(str.split, _WRITERS.strip().splitlines()) for name in names}
_WHOLE = "arange conj_physical eye floor_divide full heaviside linspace log_softmax logspace normal ones softmax zeros"
WRITERS |= {name: f"aten::{name}" for name in (*_WHOLE.split(), *COPIES.split())}
_COPIED = (
    "diff inner linalg_cond linalg_matrix_norm linalg_matrix_power linalg_norm linalg_tensorinv linalg_tensorsolve "
    "nanquantile quantile special_ndtr tensordot"
)
WRITERS |= dict.fromkeys([*_COPIED.split(), "power of 0"], "")
WRITERS |= {"diag_embed": "aten::diag_embed", "product of vectors": "matmul", "lerp by weights": "lerp"}
OF_TWO = {"max": "maximum", "min": "minimum"}  # of two tensors, that is
# What looks at the memory of `out` before anything else, beside elementwise ops.
_FIRST = (
    "abs addcdiv addcmul addr angle ceil complex fft_ifft fft_ihfft float_power floor gelu hardshrink heaviside "
    "index_select lerp masked_select maximum minimum nan_to_num neg nonzero normalize outer polar polygamma pow round "
    "scatter scatter_add scatter_reduce sgn sign sinc softplus softshrink special_polygamma square take trunc"
)
MEMORY_FIRST = frozenset(_FIRST.split())


def takes_out(name: str) -> bool:
    """Whether torch's function of a wire name takes `out`."""
    return name in WITH or (name not in WITHOUT and not name.startswith(("nn.", "signal.")))


def write(run: Callable[[], Any], function: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any) -> Any:
    """Run a function and write what it gives into `out`, a tensor or a tuple of them; returns that.

    Raises RuntimeError where something requires grad, for dtypes that do not fit and for memory that overlaps;
    TypeError for anything but tensors.
    """
    op, ctx, pair = function.ops[0], state.ctx, isinstance(out, (tuple, list))
    targets = list(out) if pair else [out]
    if not targets or not all(hasattr(each, "_array") for each in targets):
        raise _misfit(function, args, kwargs, out, "Tensor")
    sources = [each for each in (*args, *kwargs.values()) if hasattr(each, "_array")]
    said = _case(op.said, args, kwargs, sources)
    if ctx.grad_enabled and any(each.requires_grad for each in (*sources, *targets)):
        raise _differentiable(said)
    if ctx.dual_level is not None and ctx.dual_level.reaches(sources):
        text = f"Trying to use forward AD with {said}_out that does not support it because it is an out= function"
        raise errors.not_differentiable(text)
    if op.weak or said in MEMORY_FIRST:
        for target in targets:
            _check_memory(target, sources)
    previous, ctx.grad_enabled = ctx.grad_enabled, False
    try:
        result = run()
    finally:
        ctx.grad_enabled = previous
    several = isinstance(result, tuple)
    if several != pair or (several and len(result) != len(targets)):
        raise _misfit(function, args, kwargs, out, "tuple of Tensors" if several else "Tensor")
    pairs = list(zip(result if several else [result], targets, strict=True))
    for each, target in pairs:
        check_out_dtype(said, each.dtype, target.dtype, kwargs.get("dtype") is not None)
        if each.shape == target.shape:
            _check_memory(target, sources)
    for each, target in pairs:
        _put(each, target)
    if not pair:
        return out
    return result._make(targets) if hasattr(result, "_make") else tuple(targets)


def _case(said: str, args: Sequence[Any], kwargs: dict[str, Any], sources: Sequence[Any]) -> str:
    """What PyTorch writes by a function of its own, depending on the operands; else the function itself."""
    ndims = [len(each.shape) for each in sources]
    if said == "norm":
        return "linalg_matrix_norm" if "nuc" in (*args[1:2], kwargs.get("p")) else said
    if said == "diag":
        return "diag_embed" if ndims == [1] else "diagonal_copy"
    if said == "linalg_matrix_power":
        return "power of 0" if 0 in (*args[1:2], kwargs.get("n")) else said
    cases = {"inner": ("mul", 0 in ndims), "matmul": ("product of vectors", ndims == [1, 1])}
    cases |= {name: (other, len(sources) > 1) for name, other in OF_TWO.items()}
    cases["lerp"] = ("lerp by weights", len(sources) > 2)
    other, holds = cases.get(said, (said, False))
    return other if holds else said


def _misfit(function: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any, wanted: str) -> Exception:
    """torch's text for an `out` that is no tensor, or none of as many as there are results."""
    ops = function.ops
    if len(ops) > 1 or function.name in OVERLOADS:
        error = refuse(function.name, ops, args, {**kwargs, "out": out})
        if "invalid combination" in str(error):
            return error
    said = "linalg_vector_norm" if function.name == "norm" else ops[0].said
    return errors.bad_type(f"{said}(): argument 'out' must be {wanted}, not {kind_of(out)}")


def _differentiable(said: str) -> RuntimeError:
    """torch's refusal where one of the tensors requires grad."""
    writer = WRITERS.get(said, said)
    if not writer:
        return errors.inplace_on_leaf()
    text = "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires"
    return errors.coded(RuntimeError, "bad_argument", f"{writer}(): {text} grad.")


def _check_memory(target: Any, sources: Sequence[Any]) -> None:
    if arrays.overlaps_itself(target._array):
        raise errors.overlapping_write()
    if any(arrays.overlaps_partly(target._array, each._array) for each in sources):
        raise errors.partial_overlap()


def _put(result: Any, target: Any) -> None:
    have, want, kind, log = result._array, target._array, target.dtype, state.ctx.log
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
