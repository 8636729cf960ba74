"""Losses and activations at the edges: rare dtypes, NaN, old flags, and the warnings that torch gives."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import engine as torch

F = torch.nn.functional
nan = math.nan


def test_a_loss_of_logits_has_the_targets_dtype() -> None:
    logits, labels = torch.tensor([0.5, -2.0], dtype=torch.float64, requires_grad=True), torch.tensor([1.0, 0.0])
    loss = F.binary_cross_entropy_with_logits(logits, labels)
    assert loss.dtype is torch.float32
    expected = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-2.0))) / 2
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-6)
    loss.backward()
    assert logits.grad.dtype is torch.float64
    slopes = [(1 / (1 + math.exp(-0.5)) - 1) / 2, 1 / (1 + math.exp(2.0)) / 2]
    np.testing.assert_allclose(logits.grad.numpy(), slopes, rtol=1e-6)


def test_complex_labels_are_taken_where_no_gradient_is_asked() -> None:
    logits, labels = torch.tensor([0.5]), torch.tensor([0.25 + 1j])
    made = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    np.testing.assert_allclose(made.numpy(), (1 - labels.numpy()) * 0.5 + math.log1p(math.exp(-0.5)), rtol=1e-6)
    made = F.soft_margin_loss(labels, torch.tensor([-1.0]), reduction="none")
    np.testing.assert_allclose(made.numpy(), np.log1p(np.exp(labels.numpy())), rtol=1e-6)


def test_huber_loss_has_the_inputs_dtype() -> None:
    input, target = torch.tensor([1.0, 4.0], dtype=torch.float16), torch.tensor([0.5, 0.0])
    made = F.huber_loss(input, target, reduction="none")
    assert made.dtype is torch.float16
    assert made.tolist() == [0.125, 3.5]


@pytest.mark.parametrize("loss", [F.smooth_l1_loss, F.huber_loss])
def test_the_gradient_at_nan_is_nan(loss: Any) -> None:
    input = torch.tensor([nan, 0.5, 1.0, -3.0], requires_grad=True)
    loss(input, torch.zeros(4), reduction="sum").backward()
    np.testing.assert_array_equal(input.grad.numpy(), [nan, 0.5, 1.0, -1.0])


def test_a_class_whose_score_is_nan_is_not_within_the_margin() -> None:
    scores = torch.tensor([[1.0, nan, 1.5]])
    assert F.multi_margin_loss(scores, torch.tensor([0])).item() == 0.5  # (1 - 1 + 1.5) / 3


def test_multi_margin_loss_takes_its_power_and_margin_as_any_numbers() -> None:
    scores, target = torch.tensor([[1.0, 0.5, 3.0]]), torch.tensor([0])
    assert F.multi_margin_loss(scores, target, p=2.0, margin=1).item() == pytest.approx((0.25 + 9) / 3)
    assert F.multi_margin_loss(scores, target, p=True).item() == pytest.approx(3.5 / 3)


def test_weights_of_classes_for_images_may_have_further_dims() -> None:
    scores = torch.arange(12.0).reshape(1, 3, 2, 2)
    target = torch.tensor([[[0, 1], [2, 2]]])
    weight = torch.tensor([1.0, 2.0, 4.0])
    assert F.nll_loss(scores, target, weight[None]).item() == F.nll_loss(scores, target, weight).item()


def test_classes_are_summed_over_the_inputs_last_dim_though_targets_have_more() -> None:
    input, target = torch.tensor([1.0, -1.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    made = F.multilabel_soft_margin_loss(input, target, reduction="none")
    each = np.log1p(np.exp(-input.numpy() * (2 * target.numpy() - 1)))
    np.testing.assert_allclose(made.numpy(), each.sum(0) / 2, rtol=1e-6)


def test_labels_that_pad_ctc_targets_need_be_no_classes() -> None:
    scores = torch.log_softmax(torch.arange(24.0).reshape(3, 2, 4).sin(), 2)
    lengths = ([3, 3], [2, 1])
    expected = F.ctc_loss(scores, torch.tensor([[1, 2], [3, 0]]), *lengths)
    assert F.ctc_loss(scores, torch.tensor([[1, 2], [3, 99]]), *lengths).item() == expected.item()
    assert F.ctc_loss(scores, torch.tensor([[1.9, 2.0], [3.0, 0.0]]), *lengths).item() == expected.item()


def test_integers_have_a_cosine_beside_floats() -> None:
    made = F.cosine_similarity(torch.tensor([[3, 4]]), torch.tensor([[4.0, 3.0]]))
    assert made.dtype is torch.float32
    np.testing.assert_allclose(made.numpy(), [0.96], rtol=1e-6)


def test_normalize_takes_several_dims_or_all() -> None:
    input = torch.tensor([[[1.0, 2.0], [2.0, 4.0]]])
    np.testing.assert_allclose(F.normalize(input, dim=(1, 2)).numpy(), input.numpy() / 5, rtol=1e-6)
    np.testing.assert_allclose(F.normalize(input, dim=None).numpy(), input.numpy() / 5, rtol=1e-6)
    np.testing.assert_allclose(F.normalize(input, p=None, dim=0).numpy(), np.ones((1, 2, 2)), rtol=1e-6)


def test_a_dtype_may_stand_third_in_softmax() -> None:
    assert torch.softmax(torch.ones(2, dtype=torch.int64), 0, torch.float64).tolist() == [0.5, 0.5]
    assert torch.ones(2).log_softmax(0, torch.float64).dtype is torch.float64


def test_prelu_has_a_second_derivative_of_zero_to_its_weight() -> None:
    weight = torch.tensor([0.25], requires_grad=True)
    (first,) = torch.autograd.grad(F.prelu(torch.tensor([-2.0, 3.0]), weight).sum(), weight, create_graph=True)
    assert first.tolist() == [-2.0]
    assert torch.autograd.grad(first, weight)[0].tolist() == [0.0]


def test_flags_of_python_functions_count_by_their_truth() -> None:
    input = torch.tensor([-1.0, 2.0])
    assert F.relu(input, inplace=1) is not None
    assert input.tolist() == [0.0, 2.0]
    rate, events = torch.tensor([1.0]), torch.tensor([3.0])
    assert F.gaussian_nll_loss(rate, events, rate, full="yes").item() == pytest.approx(2 + math.log(2 * math.pi) / 2)


def test_limits_of_bytes_are_cut_to_integers() -> None:
    assert F.hardtanh(torch.tensor([0, 1, 7], dtype=torch.uint8), -0.5, 3.5).tolist() == [0, 1, 3]


def test_attention_takes_chunks_of_projections_as_they_come() -> None:
    input, weight, out = torch.eye(3), torch.eye(3).repeat(3, 1), torch.eye(3)
    bias = torch.arange(7.0)  # chunks of 3, 3 and 1
    made = F.multi_head_attention_forward(
        input, input + 0, input + 0, 3, 1, weight, bias, None, None, False, 0.0, out, None, need_weights=False
    )[0]
    assert made.shape == (3, 3)
    np.testing.assert_allclose(made.numpy().sum(1), 3 * 6.0 + 1, rtol=1e-6)  # rows of weights add up to 1


WARNINGS = [
    (
        lambda: F.mse_loss(torch.ones(2, 1), torch.ones(2)),
        "Using a target size (torch.Size([2])) that is different to the input size (torch.Size([2, 1])). This will "
        "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
    ),
    (
        lambda: F.l1_loss(torch.ones(2), torch.ones(2), size_average=False),
        "size_average and reduce args will be deprecated, please use reduction='sum' instead.",
    ),
    (
        lambda: F.kl_div(torch.ones(2), torch.ones(2)),
        "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only "
        "by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as "
        "'batchmean' in the next major release.",
    ),
    (
        lambda: F.dropout3d(torch.ones(2, 3), training=False),
        "dropout3d: Received a 2-D input to dropout3d, which is deprecated and will result in an error in a future "
        "release. To retain the behavior and silence this warning, please use dropout instead. Note that dropout3d "
        "exists to provide channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, and an "
        "optional batch dimension (i.e. 4D or 5D inputs).",
    ),
]


@pytest.mark.parametrize(("call", "text"), WARNINGS, ids=["sizes", "flags", "kl_div", "dropout3d"])
def test_it_warns_as_torch_does(call: Any, text: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    assert [str(each.message) for each in told] == [text]
    assert told[0].filename == __file__


def test_softmax_of_nothing_is_nothing_of_any_dtype() -> None:
    for function in (F.softmax, F.log_softmax):
        made = function(torch.zeros(0, 3, dtype=torch.int64), 0)
        assert made.shape == (0, 3)
        assert made.dtype is torch.int64


def test_the_mean_of_no_losses_is_nan() -> None:
    scores = torch.zeros(0, 3, requires_grad=True)
    assert math.isnan(F.cross_entropy(scores, torch.zeros(0, 3)).item())


def test_a_ctc_label_that_is_the_blank_may_be_reached_past_a_blank() -> None:
    scores = torch.zeros(2, 1, 2)
    loss = F.ctc_loss(scores, torch.tensor([[1, 0]]), [2], [2], blank=0, reduction="sum")
    assert loss.item() == 0.0  # there is one way in two steps, of probability exp(0)
