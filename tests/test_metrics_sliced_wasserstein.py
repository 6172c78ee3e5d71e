# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import wasserstein_distance

from ganbench.metrics import Score
from ganbench.metrics.sliced_wasserstein import coupling, directions, sliced_wasserstein


def swd(x: np.ndarray, y: np.ndarray, train: np.ndarray | None = None, seed: int = 0) -> Score:
    return sliced_wasserstein(x, y, np.random.default_rng(seed), train)


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize("d", [1, 2, 3, 50, 128])
def test_shift_costs_its_squared_length_over_d_exactly(d: int) -> None:
    x, mu = normal(60, d), normal(1, d, 1)
    assert swd(x + mu, x).value == pytest.approx((mu**2).sum() / d, rel=1e-12)


def test_shift_costs_its_squared_length_over_d_beyond_128_dimensions() -> None:
    x, mu = normal(20, 500), normal(1, 500, 1)
    values = [swd(x + mu, x, seed=s).value for s in range(40)]
    assert np.mean(values) == pytest.approx((mu**2).sum() / 500, rel=0.05)
    assert np.std(values) > 0


def test_directions_are_unit_vectors_in_orthonormal_bases() -> None:
    rng = np.random.default_rng(0)
    for d in (1, 3, 64, 300):
        theta = directions(d, rng)
        assert len(theta) >= 128
        np.testing.assert_allclose((theta**2).sum(1), 1, rtol=1e-12)
        first = theta[: min(d, 128)]
        np.testing.assert_allclose(first @ first.T, np.eye(len(first)), atol=1e-12)


def test_directions_have_no_preferred_axis() -> None:
    rng = np.random.default_rng(0)
    squares = np.concatenate([directions(3, rng) for _ in range(50)]) ** 2
    np.testing.assert_allclose(squares.mean(0), 1 / 3, atol=0.01)
    np.testing.assert_allclose((squares**2).mean(0), 1 / 5, atol=0.01)  # 3 / (d (d + 2)) on the sphere


def test_scaled_gaussian_is_closed_form() -> None:
    quantiles = ndtri((np.arange(4000) + 0.5) / 4000)[:, None]  # along every direction W2^2 = (3 - 1)^2 sd^2
    assert swd(3 * quantiles, quantiles).value == pytest.approx(4, rel=0.002)


def test_unequal_sizes_are_exact() -> None:
    x, y = normal(40, 3), normal(25, 3, 1) + 0.3
    repeated = swd(np.repeat(x, 25, 0), np.repeat(y, 40, 0)).value
    assert swd(x, y).value == pytest.approx(repeated, rel=1e-12)
    assert swd(np.repeat(x, 2, 0), x).value == pytest.approx(0, abs=1e-25)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 10**6))
def test_coupling_transports_like_scipy(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.standard_normal(n)), np.sort(rng.standard_normal(m))
    mass, i, j = coupling(n, m)
    np.testing.assert_allclose(np.bincount(i, mass), 1 / n)
    np.testing.assert_allclose(np.bincount(j, mass), 1 / m)
    assert mass @ np.abs(x[i] - y[j]) == pytest.approx(wasserstein_distance(x, y), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.floats(-100, 100), st.floats(0.01, 100), st.integers(0, 10**6))
def test_translation_of_both_is_unseen_and_scale_is_squared(offset: float, scale: float, seed: int) -> None:
    x, y = normal(30, 4, seed), normal(20, 4, seed + 1)
    assert swd(scale * x + offset, scale * y + offset).value == pytest.approx(scale**2 * swd(x, y).value, rel=1e-6)


def test_brightness_and_contrast_are_seen() -> None:
    x = normal(200, 8)
    assert swd(2 * x + 3, x).value > 9  # that of patches standardised by their own mean and sd is 0


def test_null_bias_falls_with_n_and_perfect_states_it() -> None:
    for n in (100, 400):
        pairs = [(normal(n, 4, s), normal(n, 4, s + 1000), normal(2 * n, 4, s + 2000)) for s in range(25)]
        scores = [swd(x, y, t, seed=s) for s, (x, y, t) in enumerate(pairs)]
        mean = np.mean([s.value for s in scores])
        assert 3 / n < mean < 9 / n
        assert np.mean([s.perfect for s in scores]) == pytest.approx(mean, rel=0.2)


@pytest.mark.parametrize("mu", [0.0, 0.5])
def test_interval_covers_the_expected_value_at_these_sizes(mu: float) -> None:
    scores = [swd(normal(200, 4, s) + mu, normal(150, 4, s + 10**6)) for s in range(100)]
    values = np.array([s.value for s in scores])
    low, high = np.array([s.interval for s in scores]).T
    assert ((low <= values.mean()) & (values.mean() <= high)).mean() >= 0.88  # 95 % less three standard errors
    if mu:  # not at the null, where it is too wide
        assert (high - values).mean() / 1.959964 == pytest.approx(values.std(ddof=1), rel=0.25)
