"""Random ops: their distributions, and that a seed decides the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import engine as torch

N = 20_000
LEAST = 1e-4  # with fixed seeds a test passes always or never; this is far below what chance gives


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20)


def values(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(tensor.tolist()).reshape(-1)


CONTINUOUS: dict[str, tuple[Callable[[], Any], Any]] = {
    "rand": (lambda: torch.rand(N, dtype=torch.float64), stats.uniform()),
    "randn": (lambda: torch.randn(N, dtype=torch.float64), stats.norm()),
    "rand_like": (lambda: torch.rand_like(torch.zeros(N)), stats.uniform()),
    "randn_like": (lambda: torch.randn_like(torch.zeros(N)), stats.norm()),
    "normal": (lambda: torch.normal(2.0, 3.0, (N,)), stats.norm(2, 3)),
    "normal-tensors": (lambda: torch.normal(torch.full((N,), -1.0), torch.full((N,), 0.5)), stats.norm(-1, 0.5)),
    "normal_": (lambda: torch.zeros(N).normal_(1, 2), stats.norm(1, 2)),
    "uniform_": (lambda: torch.zeros(N).uniform_(-2, 3), stats.uniform(-2, 5)),
    "exponential_": (lambda: torch.zeros(N).exponential_(2.5), stats.expon(scale=1 / 2.5)),
    "log_normal_": (lambda: torch.zeros(N).log_normal_(0.5, 0.75), stats.lognorm(0.75, scale=np.exp(0.5))),
    "cauchy_": (lambda: torch.zeros(N, dtype=torch.float64).cauchy_(1, 2), stats.cauchy(1, 2)),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_continuous_distribution(name: str) -> None:
    draw, wanted = CONTINUOUS[name]
    assert stats.kstest(values(draw()), wanted.cdf).pvalue > LEAST


# Draws of small integers, and the probability of each.
DISCRETE: dict[str, tuple[Callable[[], Any], list[float]]] = {
    "randint": (lambda: torch.randint(0, 5, (N,)), [0.2] * 5),
    "bernoulli": (lambda: torch.bernoulli(torch.full((N,), 0.3)), [0.7, 0.3]),
    "bernoulli_": (lambda: torch.zeros(N).bernoulli_(0.85), [0.15, 0.85]),
    "multinomial": (lambda: torch.multinomial(torch.tensor([1.0, 2.0, 0.0, 5.0]), N, True), [0.125, 0.25, 0, 0.625]),
    "multinomial-first": (
        lambda: torch.multinomial(torch.tensor([[1.0, 2.0, 5.0]]).expand(N, 3), 2)[:, 0],
        [0.125, 0.25, 0.625],
    ),
    "randperm-first": (lambda: torch.tensor([torch.randperm(4)[0].item() for _ in range(4000)]), [0.25] * 4),
    "dropout": (lambda: torch.nn.functional.dropout(torch.ones(N), 0.4) > 0, [0.4, 0.6]),
    "poisson": (
        lambda: torch.poisson(torch.full((N,), 1.5)).clamp(max=4),
        [*stats.poisson(1.5).pmf(range(4)), stats.poisson(1.5).sf(3)],
    ),
    "binomial": (
        lambda: torch.binomial(torch.full((N,), 3.0), torch.full((N,), 0.3)),
        [float(each) for each in stats.binom(3, 0.3).pmf(range(4))],
    ),
    "native_dropout": (lambda: torch.native_dropout(torch.ones(N), 0.4, True)[1], [0.4, 0.6]),
    "gumbel_softmax": (
        lambda: torch.nn.functional.gumbel_softmax(torch.tensor([0.2, 0.3, 0.5]).log().expand(N, 3)).argmax(1),
        [0.2, 0.3, 0.5],
    ),
    "geometric_": (
        lambda: torch.zeros(N).geometric_(0.5).clamp(max=4) - 1,
        [0.5, 0.25, 0.125, 0.125],
    ),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_a_discrete_distribution(name: str) -> None:
    draw, shares = DISCRETE[name]
    drawn = values(draw()).astype(int)
    counts = np.bincount(drawn, minlength=len(shares))
    possible = np.array(shares) > 0
    assert counts[~possible].sum() == 0
    assert stats.chisquare(counts[possible], np.array(shares)[possible] * drawn.size).pvalue > LEAST


def test_dropout_keeps_the_mean_and_gradients_follow_its_mask() -> None:
    x = torch.ones(N, requires_grad=True)
    y = torch.nn.functional.dropout(x, 0.25)
    y.sum().backward()
    assert sorted(set(values(y))) == pytest.approx([0, 4 / 3])
    assert values(x.grad).tolist() == values(y).tolist()
    assert abs(values(y).mean() - 1) < 0.02


def test_feature_dropout_drops_whole_channels() -> None:
    y = torch.nn.functional.dropout2d(torch.ones(40, 50, 2, 3), 0.5)
    channels = np.asarray(y.tolist()).reshape(2000, 6)
    assert (channels == channels[:, :1]).all()
    assert 0.45 < (channels[:, 0] > 0).mean() < 0.55


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    y = values(torch.nn.functional.alpha_dropout(torch.randn(N, dtype=torch.float64), 0.3, training=True))
    assert abs(y.mean()) < 0.05
    assert abs(y.std() - 1) < 0.05


def test_a_permutation_holds_every_number_once() -> None:
    assert sorted(torch.randperm(100).tolist()) == list(range(100))
    assert sorted(torch.multinomial(torch.ones(50), 50).tolist()) == list(range(50))


@pytest.mark.parametrize("name", [*CONTINUOUS, *(each for each in DISCRETE if each != "randperm-first")])
def test_the_same_seed_gives_the_same_numbers(name: str) -> None:
    draw = {**CONTINUOUS, **DISCRETE}[name][0]
    first, second = values(draw()), values(draw())
    torch.manual_seed(20)
    assert values(draw()).tolist() == first.tolist()
    assert values(draw()).tolist() == second.tolist() != first.tolist()


def test_neighbouring_seeds_and_draws_are_independent() -> None:
    torch.manual_seed(1)
    one, next_one = values(torch.randn(N)), values(torch.randn(N))
    torch.manual_seed(2)
    other = values(torch.randn(N))
    for pair in ((one, other), (one, next_one), (one[:-1], one[1:])):
        assert abs(np.corrcoef(*pair)[0, 1]) < 0.03


def test_generators_continue_from_a_state_as_a_tensor() -> None:
    generator = torch.Generator().manual_seed(7)
    torch.rand(3, generator=generator)
    state, copy = generator.get_state(), generator.clone_state()
    first = torch.randn(5, generator=generator).tolist()
    assert torch.randn(5, generator=copy).tolist() == first
    assert torch.randn(5, generator=generator.set_state(state)).tolist() == first
    assert state.dtype is torch.uint8
    torch.set_rng_state(state)
    assert torch.randn(5).tolist() == first
    assert torch.initial_seed() == torch.random.initial_seed() == 7
    assert torch.get_rng_state().tolist() == torch.default_generator.get_state().tolist()


def test_bytes_that_are_no_state_are_refused_and_change_nothing() -> None:
    before = torch.get_rng_state().tolist()
    with pytest.raises(RuntimeError, match="state"):
        torch.set_rng_state(torch.full((len(before),), 255, dtype=torch.uint8))
    assert torch.get_rng_state().tolist() == before


def test_a_fork_leaves_the_numbers_that_come_after_it_alone() -> None:
    with torch.random.fork_rng():
        inside = torch.rand(3).tolist()
    assert torch.rand(3).tolist() == inside
    with torch.random.fork_rng(enabled=False):
        inside = torch.rand(3).tolist()
    assert torch.rand(3).tolist() != inside


def test_seeds_nobody_chose_differ() -> None:
    assert torch.seed() != torch.seed()
    assert torch.Generator().initial_seed() == 67280421310721  # torch's own, so that unseeded ones draw the same


def test_complex_normal_numbers_have_the_mean_in_both_parts() -> None:
    drawn = torch.zeros(2, dtype=torch.complex64).normal_(1.5, 0)
    assert drawn.tolist() == torch.normal(1.5, 0.0, (2,), dtype=torch.complex64).tolist() == [1.5 + 1.5j] * 2


def test_integers_that_a_float_does_not_hold_are_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"to - 1 is out of bounds \[-\(2\^24\), 2\^24\]"):
        torch.zeros(2).random_(2**25)


def test_a_hard_gumbel_softmax_is_one_at_the_largest_and_has_the_gradient_of_the_soft_one() -> None:
    x, weight = torch.randn(5, 4, dtype=torch.float64, requires_grad=True), torch.arange(4.0)
    state, draws, gradients = torch.get_rng_state(), [], []
    for hard in (False, True):
        torch.set_rng_state(state)
        draws.append(torch.nn.functional.gumbel_softmax(x, tau=0.7, hard=hard))
        gradients.append(values(torch.autograd.grad((draws[-1] * weight).sum(), x)[0]))
    soft, hard = (each.detach() for each in draws)
    assert values(soft.sum(1)) == pytest.approx(1)
    assert values(hard) == pytest.approx(np.eye(4)[soft.argmax(1).tolist()].reshape(-1))
    assert gradients[0] == pytest.approx(gradients[1])


def test_a_hard_gumbel_softmax_needs_a_class_to_choose() -> None:
    assert torch.nn.functional.gumbel_softmax(torch.zeros(0, 3), hard=True).shape == (0, 3)
    with pytest.raises(IndexError, match=r"max\(\): Expected reduction dim 1 to have non-zero size."):
        torch.nn.functional.gumbel_softmax(torch.zeros(3, 0), hard=True)
