"""Whole bodies for the ops whose example cannot be made from the kinds of their parameters.

By the name of the op, or by its last part for every op whose name ends so; `x` is a tensor that holds 2.5.
"""

from __future__ import annotations

import math
from typing import Any

from app.session.optimizing import TYPES

Json = Any
Body = dict[str, Json]


def grid(*shape: int) -> Json:
    """A literal of this shape with the numbers from 1 on."""
    return {"data": [float(at) for at in range(1, 1 + math.prod(shape))], "shape": list(shape)}


VECTOR: Json = [1.0, 2.0, 3.0]
MATRIX: Json = [[1.5, 2.0], [3.0, 4.5]]
SYMMETRIC: Json = [[2.0, 1.0], [1.0, 3.0]]  # and positive definite
STACK: Json = [MATRIX, [[5.0, 6.0], [7.0, 8.0]]]
WHOLE: Json = [[1, 2], [3, 4]]
ONES: Json = {"data": [[1, 1], [1, 1]], "dtype": "float32"}
COMPLEX: Json = {"data": [[1.0, 2.0], [3.0, -4.0]], "dtype": "complex64"}
UNIT: Json = [0.25, 0.5, 0.75]
SIGNS: Json = [1.0, -1.0]
IMAGE: Json = grid(1, 1, 4, 4)
VOLUME: Json = grid(1, 1, 2, 2, 2)
SIGNAL: Json = grid(1, 2, 4)
PIVOTS: Json = {"data": [1, 2], "dtype": "int32"}
SPECTRUM: Json = {"data": [[[10.0, 0.0]], [[-2.0, 2.0]], [[-2.0, 0.0]]], "dtype": "complex64"}
HALF: Json = [[[[0.0, 0.0], [0.5, 0.5]]]]  # where to sample an image
SCALES: Json = [[1.0, 0.5]]
AFFINE: Json = [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
BATCHES: Body = {"batch1": STACK, "batch2": STACK}
NORM: Body = {"input": MATRIX, "weight": None, "bias": None}
NORMALIZED: Body = {**NORM, "running_mean": [0.0, 0.0], "running_var": [1.0, 1.0], "training": True}
NORMALIZED = {**NORMALIZED, "momentum": 0.1, "eps": 1e-5}
PICKED: Body = {"input": MATRIX, "dim": 0, "index": [1, 0]}
HEADS: Body = {
    **{key: [[[1.0, 0.0]], [[0.0, 1.0]]] for key in ("query", "key", "value")},
    "embed_dim_to_check": 2,
    "num_heads": 1,
    "in_proj_weight": [[1.0, 0.0], [0.0, 1.0]] * 3,
    **dict.fromkeys(("in_proj_bias", "bias_k", "bias_v", "out_proj_bias"), None),
    "add_zero_attn": False,
    "dropout_p": 0.0,
    "out_proj_weight": [[1.0, 0.0], [0.0, 1.0]],
}

REFLECTIONS: Body = {"input": [[1.0, 0.0], [0.5, 1.0]], "tau": [1.6, 0.0]}
LINEAR: dict[str, Body] = {
    "householder_product": REFLECTIONS,
    "orgqr": REFLECTIONS,
    "ormqr": {**REFLECTIONS, "other": MATRIX},
    "ldl_solve": {"LD": [[2.0, 0.0], [0.5, 1.0]], "pivots": [1, 2], "B": MATRIX},
    "addbmm": {"input": MATRIX, **BATCHES},
    "addmv": {"input": SIGNS, "mat": MATRIX, "vec": SIGNS},
    "addr": {"input": MATRIX, "vec1": SIGNS, "vec2": [3.0, 4.0]},
    "baddbmm": {"input": STACK, **BATCHES},
    "bilinear": {"input1": MATRIX, "input2": MATRIX, "weight": [MATRIX]},
    "bmm": {"input": STACK, "mat2": STACK},
    "broadcast_shapes": {"shapes": [[2, 1], [3]]},
    "can_cast": {"from_": "float64", "to": "float32"},
    "is_nonzero": {"input": [1.5]},
    "promote_types": {"type1": "float16", "type2": "int64"},
    "result_type": {"tensor1": VECTOR, "tensor2": 2},
    **{name: {"y": MATRIX, "x": SIGNS} for name in ("cumulative_trapezoid", "trapezoid", "trapz")},
    "isin": {"elements": VECTOR, "test_elements": [2.0, 4.0]},
    "gaussian_nll_loss": {"input": MATRIX, "target": ONES, "var": ONES},
    "cartesian_prod": {"tensors": [[1, 2], [3, 4]]},
    "cholesky": {"input": SYMMETRIC},
    "linalg.cholesky": {"A": SYMMETRIC},
    "cross": {"input": VECTOR, "other": [4.0, 5.0, 6.0]},
    "dot": {"input": VECTOR, "tensor": [4.0, 5.0, 6.0]},
    "einsum": {"equation": "ij,jk->ik", "operands": [MATRIX, [[5.0, 6.0], [7.0, 8.0]]]},
    "ger": {"input": VECTOR, "vec2": [4.0, 5.0]},
    "logdet": {"input": SYMMETRIC},
    "linalg.lu_solve": {"LU": [[2.0, 1.0], [0.5, 2.5]], "pivots": PIVOTS, "B": MATRIX},
    "lu_solve": {"b": MATRIX, "LU_data": [[2.0, 1.0], [0.5, 2.5]], "LU_pivots": PIVOTS},
    "lu_unpack": {"LU_data": [[2.0, 1.0], [0.5, 2.5]], "LU_pivots": PIVOTS},
    "outer": {"input": VECTOR, "vec2": [4.0, 5.0]},
    "tensorinv": {"A": {"data": [2.0, 1.0, 1.0, 3.0], "shape": [2, 1, 2]}, "ind": 1},
    "tensorsolve": {"A": SYMMETRIC, "B": SIGNS},
    "vander": {"x": VECTOR},
    "vecdot": {"x": MATRIX, "y": MATRIX},
    "vdot": {"input": VECTOR, "other": [4.0, 5.0, 6.0]},
}
NETWORKS: dict[str, Body] = {
    "_native_batch_norm_legit": NORMALIZED,
    "adaptive_avg_pool2d": {"input": IMAGE, "output_size": [2, 2]},
    "adaptive_avg_pool3d": {"input": VOLUME, "output_size": [1, 1, 1]},
    "adaptive_max_pool2d": {"input": IMAGE, "output_size": [2, 2]},
    "adaptive_max_pool3d": {"input": VOLUME, "output_size": [1, 1, 1]},
    "affine_grid": {"theta": AFFINE, "size": [1, 1, 2, 2]},
    "batch_norm": {**NORMALIZED, "cudnn_enabled": False},
    "nn.functional.batch_norm": {"input": MATRIX, "running_mean": [0.0, 0.0], "running_var": [1.0, 1.0]},
    "binary_cross_entropy": {"input": UNIT, "target": [0.0, 1.0, 1.0]},
    "channel_shuffle": {"input": grid(1, 4, 2), "groups": 2},
    "native_channel_shuffle": {"input": grid(1, 4, 2), "groups": 2},
    "conv1d": {"input": SIGNAL, "weight": grid(1, 2, 2)},
    "conv2d": {"input": IMAGE, "weight": [[MATRIX]]},
    "conv3d": {"input": VOLUME, "weight": VOLUME},
    "conv_transpose1d": {"input": SIGNAL, "weight": grid(2, 1, 2)},
    "conv_transpose2d": {"input": [[MATRIX]], "weight": [[MATRIX]]},
    "conv_transpose3d": {"input": VOLUME, "weight": grid(1, 1, 1, 1, 2)},
    "convolution": {
        "input": IMAGE,
        "weight": [[MATRIX]],
        "bias": None,
        "stride": [1, 1],
        "padding": [0, 0],
        "dilation": [1, 1],
        "transposed": False,
        "output_padding": [0, 0],
        "groups": 1,
    },
    "cosine_embedding_loss": {"input1": MATRIX, "input2": [[1.0, 2.0], [4.0, 3.0]], "target": SIGNS},
    "cross_entropy": {"input": MATRIX, "target": [1, 0]},
    "ctc_loss": {
        "log_probs": [[[-0.7, -0.7]], [[-0.7, -0.7]], [[-0.7, -0.7]]],
        "targets": [[1]],
        "input_lengths": [3],
        "target_lengths": [1],
    },
    "dropout": {"input": MATRIX, "p": 0.5, "train": True},
    "nn.functional.dropout": {"input": MATRIX},
    "embedding": {"input": [0, 1, 1], "weight": MATRIX},
    "embedding_bag": {"input": [[0, 1], [1, 1]], "weight": MATRIX},
    "fold": {"input": grid(1, 4, 1), "output_size": [2, 2], "kernel_size": [2, 2]},
    "fractional_max_pool2d": {"input": IMAGE, "kernel_size": 2, "output_size": 2},
    "fractional_max_pool3d": {"input": VOLUME, "kernel_size": 1, "output_size": 1},
    "grid_sample": {"input": IMAGE, "grid": HALF},
    "grid_sampler": {
        "input": IMAGE,
        "grid": HALF,
        "interpolation_mode": 0,
        "padding_mode": 0,
        "align_corners": False,
    },
    "grid_sampler_2d": {
        "input": IMAGE,
        "grid": HALF,
        "interpolation_mode": 0,
        "padding_mode": 0,
        "align_corners": False,
    },
    "grid_sampler_3d": {
        "input": VOLUME,
        "grid": [[[[[0.0, 0.0, 0.0]]]]],
        "interpolation_mode": 0,
        "padding_mode": 0,
        "align_corners": False,
    },
    "instance_norm": {"input": SIGNAL},
    "interpolate": {"input": SIGNAL, "size": [8]},
    "kl_div": {"input": [[-0.7, -0.7]], "target": [[0.25, 0.75]], "reduction": "batchmean"},
    "local_response_norm": {"input": SIGNAL, "size": 2},
    "max_unpool1d": {"input": [[[2.0, 4.0]]], "indices": [[[1, 3]]], "kernel_size": 2},
    "max_unpool2d": {"input": [[[[4.0]]]], "indices": [[[[3]]]], "kernel_size": [2, 2]},
    "max_unpool3d": {"input": [[[[[8.0]]]]], "indices": [[[[[7]]]]], "kernel_size": [2, 2, 2]},
    "multi_head_attention_forward": HEADS,
    "multi_margin_loss": {"input": MATRIX, "target": [1, 0]},
    "multilabel_margin_loss": {"input": MATRIX, "target": [[1, -1], [0, -1]]},
    "native_batch_norm": NORMALIZED,
    "native_group_norm": {**NORM, "input": SIGNAL, "N": 1, "C": 2, "HxW": 4, "group": 2, "eps": 1e-5},
    "native_layer_norm": {**NORM, "normalized_shape": [2], "eps": 1e-5},
    "nll_loss": {"input": [[-0.5, -1.0], [-2.0, -0.1]], "target": [0, 1]},
    "one_hot": {"input": [0, 2, 1]},
    "pixel_shuffle": {"input": grid(1, 4, 1, 1), "upscale_factor": 2},
    "pixel_unshuffle": {"input": [[MATRIX]], "downscale_factor": 2},
    "prelu": {"input": [[-1.0, 2.0], [3.0, -4.0]], "weight": [0.25]},
    "nn.functional.unfold": {"input": IMAGE, "kernel_size": 2, "dilation": 1, "padding": 0, "stride": 2},
    "upsample": {"input": SIGNAL, "size": [8]},
    "upsample_bilinear": {"input": IMAGE, "size": [8, 8]},
    "upsample_nearest": {"input": IMAGE, "size": [8, 8]},
}
PICKING: dict[str, Body] = {
    "bincount": {"input": [0, 1, 1, 3]},
    "bucketize": {"input": UNIT, "boundaries": [0.0, 0.5, 1.0]},
    "combinations": {"input": VECTOR},
    "diagonal_scatter": {"input": MATRIX, "src": [0.0, 0.0]},
    "index_add": {**PICKED, "source": MATRIX},
    "index_copy": {**PICKED, "source": MATRIX},
    "index_fill": {**PICKED, "index": [1], "value": 0},
    "index_put": {"input": MATRIX, "indices": [[0, 1], [1, 1]], "values": [7.0, 8.0]},
    "index_reduce": {**PICKED, "source": MATRIX, "reduce": "prod"},
    "index_select": PICKED,
    "nanquantile": {"input": VECTOR, "q": [0.25, 0.5]},
    "nonzero_static": {"input": MATRIX, "size": 2},
    "put": {"input": MATRIX, "index": [0, 3], "source": [7.0, 8.0]},
    "quantile": {"input": VECTOR, "q": [0.25, 0.5]},
    "repeat_interleave": {"input": VECTOR, "repeats": 2},
    "searchsorted": {"sorted_sequence": VECTOR, "input": [1.5, 2.5]},
    "select": {"input": MATRIX, "dim": 0, "index": 1},
    "select_copy": {"input": MATRIX, "dim": 0, "index": 1},
    "select_scatter": {"input": MATRIX, "src": [0.0, 0.0], "dim": 0, "index": 1},
    "take": {"input": MATRIX, "index": [0, 3]},
    "take_along_dim": {"input": MATRIX, "indices": [[1, 0]], "dim": 1},
    "unravel_index": {"indices": [3, 5], "shape": [2, 3]},
}
SHAPES: dict[str, Body] = {
    "dsplit": {"input": STACK, "sections": 2},
    "empty_permuted": {"size": [2, 2], "physical_layout": [1, 0]},
    "hsplit": {"input": MATRIX, "sections": 2},
    "chunk": {"input": MATRIX, "chunks": 2},
    "meshgrid": {"tensors": [[1, 2], [3, 4]], "indexing": "ij"},
    "split_with_sizes": {"input": VECTOR, "split_sizes": [1, 2]},
    "unsafe_split_with_sizes": {"input": VECTOR, "split_sizes": [1, 2]},
    "split_with_sizes_copy": {"input": VECTOR, "split_size_or_sections": [1, 2]},
    "tensor_split": {"input": VECTOR, "tensor_indices_or_sections": 2},
    "unflatten": {"input": grid(4), "dim": 0, "sizes": [2, 2]},
    "unfold": {"input": grid(5), "dimension": 0, "size": 3, "step": 1},
    "unfold_copy": {"input": grid(5), "dimension": 0, "size": 3, "step": 1},
    "view_as_real": {"input": COMPLEX},
    "view_as_real_copy": {"input": COMPLEX},
    "view_as_complex": {"input": MATRIX},
    "vsplit": {"input": MATRIX, "sections": 2},
}
VALUES: dict[str, Body] = {
    "bitwise_not": {"input": WHOLE},
    **{f"bitwise_{name}": {"input": WHOLE, "other": 2} for name in ("and", "or", "xor", "left_shift", "right_shift")},
    "clamp": {"input": MATRIX, "min": 1.5, "max": 3.5},
    "clip": {"input": MATRIX, "min": 1.5, "max": 3.5},
    "fill": {"input": MATRIX, "value": 7},
    "float_power_": {"input": {"data": MATRIX, "dtype": "float64"}, "exponent": 2},
    "gcd": {"input": [4, 6], "other": [6, 9]},
    "geometric": {"input": MATRIX, "p": 0.5},
    "imag": {"input": COMPLEX},
    "istft": {"input": SPECTRUM, "n_fft": 4, "window": [1.0, 1.0, 1.0, 1.0], "center": False},
    "general_cosine": {"M": 5, "a": [1, 1]},
    "general_hamming": {"M": 5},
    "item": {"input": 2.5},
    "lcm": {"input": [4, 6], "other": [6, 9]},
    "randint": {"low": 0, "high": 10, "size": [2, 2]},
    "random": {"input": MATRIX, "from": 0, "to": 10},
    "stft": {"input": grid(8), "n_fft": 4, "return_complex": True},
}
STEPS: dict[str, Body] = {
    "autograd.grad": {"outputs": "y", "inputs": ["x"], "grad_outputs": ONES, "retain_graph": True},
    "autograd.hessian": {"output": "scratch", "inputs": ["scratch"]},
    "autograd.jacobian": {"output": "y", "inputs": ["x"]},
    "backward": {"tensors": "y", "grad_tensors": ONES, "retain_graph": True},
    "detach_": {"input": "scratch"},
    "fill_diagonal_": {"input": MATRIX, "fill_value": 0},
    "getitem": {"input": MATRIX, "index": [0, "1:"]},
    "manual_seed": {"seed": 0},
    **{f"optim.{name}": {"params": ["x"], "lr": 0.1, "name": "opt"} for name in TYPES},
    "optim.add_param_group": {"optimizer": "opt", "param_group": {"params": [], "lr": 0.5}},
    "optim.delete": {"optimizer": "opt"},
    "optim.set_options": {"optimizer": "opt", "options": {"lr": 0.01}},
    "optim.step": {
        "optimizer": "opt",
        "closure": [
            {"op": "optim.zero_grad", "optimizer": "opt"},
            {"op": "square", "input": "x", "out": "squares"},
            {"op": "sum", "input": "squares", "out": "loss"},
            {"op": "backward", "tensors": "loss"},
        ],
    },
    "optim.zero_grad": {"optimizer": "opt"},
    "rename": {"input": "scratch", "name": "w"},
    "requires_grad_": {"input": "x"},
    "retain_grad": {"input": "y"},
    "set_data": {"input": "x", "data": MATRIX},
    "set_grad": {"input": "x", "grad": MATRIX},
    "setitem_": {"input": MATRIX, "index": [0, "1:"], "value": 9},
    "tensor": {"data": MATRIX, "requires_grad": True, "out": "w"},
    "zero_grad": {"names": ["x"]},
    "exec": {"code": "y = x * 2\nprint(y)"},
    "del": {"names": ["scratch"]},
    "size": {"input": MATRIX},
}
BODIES: dict[str, Body] = {**LINEAR, **NETWORKS, **PICKING, **SHAPES, **VALUES, **STEPS}
# The ops that one meets first, on the tensors of the README, so that there is a graph to go back through.
TUTORIAL: dict[str, Body] = {
    "add": {"input": "x", "other": 2, "out": "y"},
    "mul": {"input": "y", "other": "y", "out": "z"},
    "sum": {"input": "y", "out": "out"},
    "mean": {"input": "y", "out": "out"},
    "matmul": {"input": "x", "other": "y"},
}
# Steps before an example, where it needs more than `scratch`.
BEFORE: dict[str, tuple[Body, ...]] = {
    "rename": ({"op": "tensor", "data": 0, "out": "w"}, {"op": "del", "names": ["w"]})
}
