"""MIND is the sliced Wasserstein distance on the paper's scale, without the noise of directions in the part of the means."""

# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import peers
import pytest

from ganbench.metrics import Score
from ganbench.metrics.mind import mind
from ganbench.metrics.sliced_wasserstein import directions, sliced_wasserstein


def of(x: np.ndarray, y: np.ndarray, train: np.ndarray | None = None, seed: int = 0) -> Score:
    return mind(x, y, np.random.default_rng(seed), train)


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize("d", [1, 2, 64, 128])
def test_it_is_3_d_times_sliced_wasserstein_where_bases_are_whole(d: int) -> None:
    x, y = normal(50, d) * 2 + 1, normal(40, d, 1)
    truth = 3 * d * sliced_wasserstein(x, y, np.random.default_rng(0)).value
    assert of(x, y).value == pytest.approx(truth, rel=1e-10)


@pytest.mark.parametrize("d", [3, 64, 500])
def test_a_shift_costs_three_times_its_squared_length(d: int) -> None:
    x, mu = normal(60, d), normal(1, d, 1)
    for seed in range(3):
        assert of(x + mu, x, seed=seed).value == pytest.approx(3 * (mu**2).sum(), rel=1e-12)


def test_the_papers_own_check_of_gaussians_holds() -> None:
    d, n, mu = 64, 4000, 0.5  # 3 d mu^2, which torch-fidelity's test allows 10 % of
    value = of(normal(n, d) + mu, normal(n, d, 1)).value
    assert value == pytest.approx(3 * d * mu**2, rel=0.1)


def test_it_is_the_mean_of_the_papers_value_over_its_directions() -> None:
    x, y = normal(80, 200) * np.linspace(1, 3, 200) + 0.4, normal(80, 200, 1)
    rng = np.random.default_rng(0)
    theirs = [
        peers.mind(x, y, random / np.linalg.norm(random, axis=1)[:, None])
        for random in rng.standard_normal((30, 100, 200))
    ]
    ours = [of(x, y, seed=s).value for s in range(5)]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=4 * np.std(theirs) / np.sqrt(len(theirs)))
    assert np.std(ours) < np.std(theirs)


def test_along_the_same_directions_it_is_the_papers_value() -> None:
    x, y = normal(60, 16) + 0.3, normal(60, 16, 1)
    theta = directions(16, np.random.default_rng(0))
    assert of(x, y).value == pytest.approx(peers.mind(x, y, theta), rel=1e-10)


def test_null_bias_falls_with_n_and_perfect_states_it() -> None:
    for n in (100, 400):
        pairs = [(normal(n, 4, s), normal(n, 4, s + 1000), normal(2 * n, 4, s + 2000)) for s in range(25)]
        scores = [of(x, y, t, seed=s) for s, (x, y, t) in enumerate(pairs)]
        mean = np.mean([s.value for s in scores])
        assert 36 / n < mean < 108 / n
        assert np.mean([s.perfect for s in scores]) == pytest.approx(mean, rel=0.2)


@pytest.mark.parametrize("mu", [0.0, 0.5])
def test_interval_covers_the_expected_value_at_these_sizes(mu: float) -> None:
    scores = [of(normal(200, 4, s) + mu, normal(150, 4, s + 10**6)) for s in range(100)]
    values = np.array([s.value for s in scores])
    low, high = np.array([s.interval for s in scores]).T
    assert ((low <= values.mean()) & (values.mean() <= high)).mean() >= 0.88  # 95 % less three standard errors
    if mu:  # not at the null, where it is too wide
        assert (high - values).mean() / 1.959964 == pytest.approx(values.std(ddof=1), rel=0.25)
