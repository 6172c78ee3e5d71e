import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench.metrics.fid import fid, moments


def whitened(n, d, seed=0):
    """Samples whose mean is exactly 0 and whose covariance is exactly I."""
    x = np.random.default_rng(seed).standard_normal((n, d))
    x -= x.mean(0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T).reshape(d, d))).T


def test_fid_of_shifted_gaussians_is_closed_form():
    x = whitened(300, 16)
    mu = np.arange(16) / 8
    assert fid(x + mu, x).value == pytest.approx(mu @ mu, rel=1e-9)
    scaled = x * np.linspace(0.5, 2, 16)
    assert fid(2 * scaled + mu, scaled).value == pytest.approx(mu @ mu + (np.linspace(0.5, 2, 16) ** 2).sum(), rel=1e-9)


def test_fid_of_commuting_covariances_is_closed_form():
    x, y = whitened(300, 8, 1), whitened(200, 8, 2)
    a, b = np.linspace(0.1, 3, 8), np.linspace(2, 1, 8)
    assert fid(x * a, y * b).value == pytest.approx(((a - b) ** 2).sum(), rel=1e-9)


def test_fid_in_one_dimension_uses_unbiased_variances():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 1)), 3 * rng.standard_normal((40, 1)) + 1
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert fid(x, y).value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [20, 500])
def test_fid_of_a_set_with_itself_is_zero(n):
    x = np.random.default_rng(0).standard_normal((n, 64))
    assert 0 <= fid(x, x).value < 1e-9


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.sampled_from([6, 60]))
def test_fid_is_symmetric_and_moves_only_with_scale(seed, scale, n):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, 8)), 2 * rng.standard_normal((n, 8)) + 1
    q = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    value = fid(x, y).value
    assert fid(y, x).value == pytest.approx(value, rel=1e-7)
    assert fid(scale * x @ q + 5, scale * y @ q + 5).value == pytest.approx(scale**2 * value, rel=1e-6)


def test_fid_of_singular_features_equals_that_of_their_free_coordinates():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 5)), rng.standard_normal((150, 5)) + 0.5
    embed = rng.standard_normal((5, 5))
    embed, _ = np.linalg.qr(np.concatenate([embed, rng.standard_normal((7, 5))]))
    free, singular = fid(x, y), fid(x @ embed.T, y @ embed.T)
    assert singular.value == pytest.approx(free.value, rel=1e-9)
    assert singular.interval == pytest.approx(free.interval, rel=1e-6)
    assert singular.perfect == pytest.approx(free.perfect, rel=1e-9)


def test_fid_equals_torch_fidelity_on_the_same_moments():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_fidelity.metric_fid import fid_statistics_to_metric
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((500, 32)) @ rng.standard_normal((32, 32)), rng.standard_normal((400, 32))
    statistics = [{"mu": a.mean(0), "sigma": np.cov(a.T)} for a in (x, y)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert fid(x, y).value == pytest.approx(theirs, rel=1e-6)


def test_moments_merge_to_those_of_the_whole():
    x = np.random.default_rng(0).standard_normal((999, 7)) * 3 + 1e3
    merged = moments(x[:100]).merge(moments(x[100:700])).merge(moments(x[700:]))
    whole = moments(x)
    assert merged.n == 999
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.m2, whole.m2, rtol=1e-10, atol=1e-9)


def test_moments_keep_a_unit_variance_at_offset_ten_thousand():
    x = np.random.default_rng(0).standard_normal((20_000, 3))
    np.testing.assert_allclose(np.diag(moments(x + 1e4).covariance), np.diag(np.cov(x.T)), rtol=1e-6)


def test_fid_of_a_perfect_generator_is_its_stated_bias():
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, 17) ** -0.5
    runs = [fid(*(rng.standard_normal((n, 16)) * spectrum for n in (400, 700))) for _ in range(60)]
    values = np.array([r.value for r in runs])
    bias = np.mean([r.perfect for r in runs])
    assert abs(values.mean() - bias) < 3 * values.std(ddof=1) / np.sqrt(60) + 0.02 * bias


def test_bias_at_unit_covariance_is_closed_form():
    x = whitened(400, 16)
    assert fid(x, x).perfect == pytest.approx(16 * 21 / 4 * (2 / 400), rel=1e-9)


def test_fid_interval_covers_the_expected_value():
    rng = np.random.default_rng(1)
    ref = rng.standard_normal((2000, 16))
    runs = [fid(1.2 * rng.standard_normal((500, 16)) + 0.2, ref) for _ in range(100)]
    expected = np.mean([r.value for r in runs])
    assert np.mean([r.interval[0] <= expected <= r.interval[1] for r in runs]) >= 0.9


def test_fid_has_no_interval_below_two_samples_per_dimension():
    x = np.random.default_rng(0).standard_normal((40, 32))
    assert fid(x, 2 * x).interval is None
