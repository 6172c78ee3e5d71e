# mypy: no-strict-optional, disable-error-code="func-returns-value"

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench import metrics
from ganbench.errors import UserError
from ganbench.metrics import fid as fid_module
from ganbench.metrics._order import shuffled
from ganbench.metrics.fid import Moments, fid, frechet, moments


def whitened(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Samples whose mean is exactly 0 and whose covariance is exactly I."""
    x = np.random.default_rng(seed).standard_normal((n, d))
    x -= x.mean(0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T).reshape(d, d))).T


def test_fid_of_shifted_gaussians_is_closed_form() -> None:
    x = whitened(300, 16)
    mu = np.arange(16) / 8
    assert fid(x + mu, x).value == pytest.approx(mu @ mu, rel=1e-9)
    scaled = x * np.linspace(0.5, 2, 16)
    assert fid(2 * scaled + mu, scaled).value == pytest.approx(mu @ mu + (np.linspace(0.5, 2, 16) ** 2).sum(), rel=1e-9)


def test_fid_of_commuting_covariances_is_closed_form() -> None:
    x, y = whitened(300, 8, 1), whitened(200, 8, 2)
    a, b = np.linspace(0.1, 3, 8), np.linspace(2, 1, 8)
    assert fid(x * a, y * b).value == pytest.approx(((a - b) ** 2).sum(), rel=1e-9)


def test_fid_in_one_dimension_uses_unbiased_variances() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 1)), 3 * rng.standard_normal((40, 1)) + 1
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert fid(x, y).value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [20, 500])
def test_fid_of_a_set_with_itself_is_zero(n: int) -> None:
    x = np.random.default_rng(0).standard_normal((n, 64))
    assert 0 <= fid(x, x).value < 1e-9


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.sampled_from([6, 60]))
def test_fid_is_symmetric_and_moves_only_with_scale(seed: int, scale: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, 8)), 2 * rng.standard_normal((n, 8)) + 1
    q = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    value = fid(x, y).value
    assert fid(y, x).value == pytest.approx(value, rel=1e-7)
    assert fid(scale * x @ q + 5, scale * y @ q + 5).value == pytest.approx(scale**2 * value, rel=1e-6)


def test_fid_of_singular_features_equals_that_of_their_free_coordinates() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 5)), rng.standard_normal((150, 5)) + 0.5
    embed = rng.standard_normal((5, 5))
    embed, _ = np.linalg.qr(np.concatenate([embed, rng.standard_normal((7, 5))]))
    free, singular = fid(x, y), fid(x @ embed.T, y @ embed.T)
    assert singular.value == pytest.approx(free.value, rel=1e-9)
    assert singular.interval == pytest.approx(free.interval, rel=1e-6)
    assert singular.perfect == pytest.approx(free.perfect, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(30, 50), (64, 64), (30, 900), (900, 30)])
def test_fid_of_fewer_samples_than_features_equals_the_covariances(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    spectrum = np.geomspace(1, 1e-3, 64)
    g, r = (moments([rng.standard_normal((k, 64)) * spectrum + shift]) for k, shift in ((n, 0.0), (m, 0.1)))
    plain = [Moments(s.n, s.mean, s.m2) for s in (g, r)]
    assert (g.centred is None, r.centred is None) == (n > 64, m > 64)
    assert frechet(g, r) == pytest.approx(frechet(*plain), rel=1e-9)
    assert fid_module._null(r) == pytest.approx(fid_module._null(plain[1]), rel=1e-9)


def test_fid_equals_torch_fidelity_on_the_same_moments() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_fidelity.metric_fid import fid_statistics_to_metric
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((500, 32)) @ rng.standard_normal((32, 32)), rng.standard_normal((400, 32))
    statistics = [{"mu": a.mean(0), "sigma": np.cov(a.T)} for a in (x, y)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert fid(x, y).value == pytest.approx(theirs, rel=1e-6)


def test_moments_of_shards_merge_to_those_of_one_pass() -> None:
    x = np.random.default_rng(0).standard_normal((999, 7)) * 3 + 1
    whole = moments([x])
    right = moments([x[100:700], x[700:700], x[700:]])
    for merged in (moments([x[:100], x[100:700], x[700:]]), moments([x[:100]]).merge(right)):
        assert merged.n == 999
        np.testing.assert_allclose(merged.mean, whole.mean, rtol=0, atol=1e-12)
        assert np.abs(merged.m2 - whole.m2).max() < 1e-12 * np.abs(whole.m2).max()


def test_moments_keep_a_unit_variance_at_offset_ten_thousand() -> None:
    x = np.random.default_rng(0).standard_normal((20_000, 3))
    np.testing.assert_allclose(np.diag(moments([x + 1e4]).covariance), np.diag(np.cov(x.T)), rtol=1e-6)
    single = (x + 1e4).astype(np.float32)
    exact = np.var(single.astype(np.float64), 0, ddof=1)
    np.testing.assert_allclose(np.diag(moments(np.array_split(single, 9)).covariance), exact, rtol=1e-6)


def test_moments_take_a_set_larger_than_its_memory() -> None:
    tracemalloc.start()
    rng = np.random.default_rng(0)
    assert moments(rng.random((100, 8)) for _ in range(500)).n == 50_000  # 3.2 MB
    assert tracemalloc.get_traced_memory()[1] < 300_000
    tracemalloc.stop()


@pytest.mark.parametrize("blocks", [[], [np.empty((0, 3))], np.ones((5, 3))])
def test_moments_of_no_samples_and_of_a_bare_array_are_refused(blocks: list[Any] | np.ndarray) -> None:
    with pytest.raises(UserError, match=r"without samples|matrix"):
        moments(blocks)


@pytest.mark.parametrize("n", [20, 500])
def test_the_distance_needs_the_moments_alone(n: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, 64)), 2 * rng.standard_normal((300, 64)) + 0.1
    a, b = (x - x.mean(0)) / np.sqrt(n - 1), (y - y.mean(0)) / np.sqrt(299)
    nuclear = np.linalg.svd(a @ b.T, compute_uv=False).sum()  # of the data: no covariance is formed
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * nuclear
    assert frechet(moments([x]), moments([y])) == pytest.approx(expected, rel=1e-10)
    assert fid(x, y).value == pytest.approx(expected, rel=1e-10)


def test_frechet_refuses_what_has_no_distance() -> None:
    one, two, wide = moments([np.ones((1, 2))]), moments([np.eye(2)]), moments([np.eye(3)])
    infinite = Moments(2, one.mean, np.full((2, 2), np.inf))
    for g, why in [(one, "at least 2 samples"), (wide, "3 and 2 features"), (infinite, "NaN or infinite")]:
        with pytest.raises(UserError, match=why):
            frechet(g, two)


@pytest.mark.parametrize("kind", ["fewer samples than features", "constant features", "duplicates", "one point"])
def test_fid_of_degenerate_features_is_their_closed_form(kind: str) -> None:
    rng = np.random.default_rng(0)
    x, ref = rng.standard_normal((60, 6)), whitened(200, 6)
    if kind == "fewer samples than features":
        x = x[:4]
    elif kind == "constant features":
        x[:, 2:] = 3
    elif kind == "duplicates":
        x = np.repeat(x[:10], 6, 0)
    else:
        x[:] = x[0]
    expected = x.mean(0) @ x.mean(0) + ((np.sqrt(np.clip(np.linalg.eigvalsh(np.cov(x.T)), 0, None)) - 1) ** 2).sum()
    result = metrics.compute(["fid"], {"gen": x, "ref": ref})["fid"]
    assert result["value"] == pytest.approx(expected, rel=1e-6)
    assert result["reason"] is None


def test_one_sample_has_no_fid() -> None:
    x = np.random.default_rng(0).standard_normal((50, 3))
    result = metrics.compute(["fid"], {"gen": x[:1], "ref": x})["fid"]
    assert result["value"] is None
    assert "at least 2 samples" in result["reason"]


def test_fid_of_a_perfect_generator_is_its_stated_bias() -> None:
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, 17) ** -0.5
    runs = [fid(*(rng.standard_normal((n, 16)) * spectrum for n in (2000, 3000))) for _ in range(60)]
    values = np.array([r.value for r in runs])
    bias = np.mean([r.perfect for r in runs])
    assert abs(values.mean() - bias) < 3 * values.std(ddof=1) / np.sqrt(60)


def test_bias_at_unit_covariance_is_closed_form() -> None:
    x = whitened(400, 16)
    assert fid(x, x).perfect == pytest.approx(16 * 21 / 4 * (2 / 400), rel=1e-9)


def test_fid_interval_covers_the_expected_value() -> None:
    rng = np.random.default_rng(1)
    ref = rng.standard_normal((2000, 16))
    runs = [fid(1.2 * rng.standard_normal((500, 16)) + 0.2, ref) for _ in range(100)]
    expected = np.mean([r.value for r in runs])
    assert np.mean([r.interval[0] <= expected <= r.interval[1] for r in runs]) >= 0.9


def test_fid_has_no_interval_below_two_samples_per_dimension() -> None:
    x = np.random.default_rng(0).standard_normal((40, 32))
    assert fid(x, 2 * x).interval is None


def test_the_naive_bootstrap_inflates_fid() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((500, 16)) + 0.2, rng.standard_normal((4000, 16))
    resampled = [fid(x[rng.integers(0, 500, 500)], y).value for _ in range(40)]
    bias = fid(x, y).perfect * (1 / 500) / (1 / 500 + 1 / 4000)
    inflation = np.mean(resampled) - fid(x, y).value
    assert inflation > 0.5 * bias
    assert inflation > 5 * np.std(resampled) / np.sqrt(40)


def infinities(n: int, scale: float, shift: float, runs: int = 80, d: int = 16) -> Iterator[tuple[float, ...]]:
    """FID_n, its extrapolation, that one's interval, and the truth, each against its own reference."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, d + 1) ** -0.5
    for _ in range(runs):
        ref = rng.standard_normal((3000, d)) * spectrum
        true = Moments(n, shift * spectrum, np.diag((scale * spectrum) ** 2) * (n - 1))
        found = fid((scale * rng.standard_normal((n, d)) + shift) * spectrum, ref)
        low, high = found.extra["infinity_interval"]
        yield found.value, found.extra["infinity"], low, high, frechet(true, moments([ref]))


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.2, 0.1)])
def test_fid_infinity_removes_the_bias_and_its_interval_covers_the_truth(scale: float, shift: float) -> None:
    value, infinity, low, high, truth = np.array(list(infinities(500, scale, shift))).T
    error = infinity - truth
    assert abs(error.mean()) < 3 * error.std(ddof=1) / np.sqrt(len(error))
    assert (value - truth).mean() > 3 * abs(error.mean())
    assert ((low <= truth) & (truth <= high)).mean() >= 0.9


def test_fid_infinity_is_the_intercept_of_a_least_squares_line() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 160, 1))
    order = shuffled(x, np.random.default_rng(int(np.frexp(x.mean() ** 2 + x.var(ddof=1))[0] * 2**30)))
    levels = [np.mean([fid(part, y).value for part in np.split(x[order], k)]) for k in (1, 2, 4)]
    assert fid(x, y).extra["infinity"] == pytest.approx(np.polyfit([1, 2, 4], levels, 1)[1], rel=1e-9)


def test_fid_infinity_depends_on_the_set_and_not_on_its_order() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((400, 8)) + 5, rng.standard_normal((300, 8))
    assert fid(rng.permutation(x), y).extra["infinity"] == pytest.approx(fid(x, y).extra["infinity"], rel=1e-10)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.2, 0.2)])
def test_fid_unbiased_has_the_mean_of_the_populations(scale: float, shift: float) -> None:
    rng, d = np.random.default_rng(5), 8
    truth = d * (shift**2 + (scale - 1) ** 2)
    runs = [fid(scale * rng.standard_normal((200, d)) + shift, rng.standard_normal((100, d))) for _ in range(80)]
    values = np.array([run.extra["unbiased"] for run in runs])
    low, high = np.array([run.extra["unbiased_interval"] for run in runs]).T
    assert abs(values.mean() - truth) < 3.5 * values.std(ddof=1) / np.sqrt(80) + 0.02
    assert np.mean([run.value for run in runs]) > truth + 0.15  # what the bias of both sides adds
    assert np.mean((low <= truth) & (truth <= high)) >= 0.93


def test_fid_unbiased_needs_four_samples_per_dimension_in_both_sets() -> None:
    x = np.random.default_rng(0).standard_normal((40, 10))
    assert fid(x, x + 1).extra["unbiased"] is not None
    assert fid(x[:39], x).extra["unbiased"] is None
    assert fid(x, x[:39]).extra["unbiased"] is None


def test_fid_infinity_needs_four_samples_per_dimension_in_a_quarter() -> None:
    x = np.random.default_rng(0).standard_normal((128, 8))
    assert fid(x, x).extra["infinity"] is not None
    assert fid(x[:127], x).extra["infinity"] is None
    assert fid(x, x[:15]).extra["infinity"] is None


@pytest.mark.parametrize("spectrum", [np.ones(12), np.logspace(0, -3, 12), np.logspace(-3, 0, 12)])
def test_a_singular_generator_is_found_from_the_reduced_matrix(spectrum: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 12)) * spectrum, rng.standard_normal((300, 12)) * np.logspace(0, -3, 12)
    x[:, 6:] = x[:, :6] @ rng.standard_normal((6, 6))
    a, b = (x - x.mean(0)) / np.sqrt(199), (y - y.mean(0)) / np.sqrt(299)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * np.linalg.norm(a @ b.T, "nuc")
    assert frechet(moments([x]), moments([y])) == pytest.approx(expected, rel=1e-10)


def test_each_set_is_factorised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    decompose = fid_module.dpotrf
    monkeypatch.setattr(fid_module, "dpotrf", lambda *a, **k: calls.append(1) or decompose(*a, **k))
    rng = np.random.default_rng(0)
    result = fid(rng.standard_normal((400, 8)), rng.standard_normal((300, 8)))
    assert result.interval is not None
    assert result.extra["infinity"] is not None
    assert len(calls) == 2
