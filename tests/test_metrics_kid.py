# mypy: no-strict-optional, disable-error-code="no-any-return"

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench import metrics
from ganbench.errors import UserError
from ganbench.metrics import kid as module
from ganbench.metrics.kid import kernel_moments, kid, kid_of_moments


def scaled(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    factor = np.sqrt(y.shape[1] / (y**2).sum(1).mean())
    return x * factor, y * factor


def brute(x: np.ndarray, y: np.ndarray) -> float:
    x, y = scaled(x, y)
    d, n, m = x.shape[1], len(x), len(y)
    kxx, kyy, kxy = ((a @ b.T / d + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    same = (kxx.sum() - np.trace(kxx)) / (n * (n - 1)) + (kyy.sum() - np.trace(kyy)) / (m * (m - 1))
    return same - 2 * kxy.mean()


def test_kid_equals_brute_force_at_unequal_n() -> None:
    rng = np.random.default_rng(0)
    for n, m, d in [(30, 50, 3), (1500, 900, 8)]:
        x, y = rng.standard_normal((n, d)) + 0.5, 3 * rng.standard_normal((m, d))
        assert kid(x, y).value == pytest.approx(brute(x, y), rel=1e-9)


def test_kid_equals_its_form_in_moments_of_shards() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((80, 4)) + 1, rng.standard_normal((70, 4))
    scale = np.sqrt(4 / (y**2).sum(1).mean())
    parts = kernel_moments(x[:30], scale).merge(kernel_moments(x[30:], scale))
    assert kid_of_moments(parts, kernel_moments(y, scale)) == pytest.approx(kid(x, y).value, rel=1e-10)
    with pytest.raises(UserError, match="at least 2 samples"):
        kid_of_moments(kernel_moments(x[:1], scale), parts)


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_sums_of_powers_give_the_value_and_interval_of_all_pairs(shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((500, 6)) + shift, 1.1 * rng.standard_normal((700, 6)) + shift
    pairs = kid(x, y)
    monkeypatch.setattr(module, "MANY", 0)
    monkeypatch.setattr(module, "_sums", None)
    monkeypatch.setattr(module, "PRODUCTS", 1000)
    powers = kid(x, y)
    # The value is a difference of means of kernel values near 1, so rounding is measured against 1.
    assert powers.value == pytest.approx(pairs.value, rel=0, abs=1e-13)
    assert powers.interval == pytest.approx(pairs.interval, rel=0, abs=1e-13)


def test_kid_of_gaussians_is_closed_form() -> None:
    rng = np.random.default_rng(0)
    d, mu = 4, np.array([0.8, 0, 0.3, 0])
    pairs = [(rng.standard_normal((400, d)) + mu, rng.standard_normal((400, d))) for _ in range(100)]
    values = [kid(x, y).value for x, y in pairs]
    # The third moments of N(mu, I): mu mu mu, and mu times I with mu in each of the three places.
    places = [np.einsum(f"a,bc->{order}", mu, np.eye(d)) for order in ("abc", "bac", "bca")]
    third = np.einsum("a,b,c->abc", mu, mu, mu) + sum(places)
    expected = 3 / d * (mu @ mu) + 3 / d**2 * (mu @ mu) ** 2 + (third**2).sum() / d**3
    assert abs(np.mean(values) - expected) < 3 * np.std(values) / np.sqrt(100)


def test_kid_is_right_where_single_precision_is_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_fidelity.metric_kid import kernel_mmd
    rng = np.random.default_rng(0)
    x, y = (100 + rng.standard_normal((500, 64), np.float32) for _ in range(2))
    single, double = kernel_mmd(x, y), kernel_mmd(x.astype(np.float64), y.astype(np.float64))
    assert abs(single / double - 1) > 0.01
    assert kid(x, y).value == pytest.approx(brute(x.astype(np.float64), y.astype(np.float64)), rel=1e-8)


@pytest.mark.parametrize("kind", ["fewer samples than features", "constant feature", "duplicates", "one point"])
def test_kid_of_degenerate_features_is_brute_force(kind: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 6)), rng.standard_normal((50, 6))
    if kind == "fewer samples than features":
        x, y = x[:4], y[:5]
    elif kind == "constant feature":
        x[:, 2] = y[:, 2] = 3
    elif kind == "duplicates":
        x = np.repeat(x[:10], 6, 0)
    else:
        x[:] = x[0]
    assert kid(x, y).value == pytest.approx(brute(x, y), rel=1e-9)


def test_one_sample_and_a_reference_of_zeros_have_no_kid() -> None:
    x = np.random.default_rng(0).standard_normal((50, 3))
    assert "at least 3 samples" in metrics.compute(["kid"], {"gen": x[:1], "ref": x})["kid"]["reason"]
    assert "all zero" in metrics.compute(["kid"], {"gen": x, "ref": 0 * x})["kid"]["reason"]


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 10**6))
def test_kid_does_not_move_with_the_scale_of_the_features(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((20, 3)) + 1, rng.standard_normal((25, 3))
    assert kid(scale * x, scale * y).value == pytest.approx(kid(x, y).value, rel=1e-9, abs=1e-12)


def test_kid_of_a_perfect_generator_is_zero_on_average_and_often_negative() -> None:
    rng = np.random.default_rng(0)
    values = np.array([kid(rng.standard_normal((40, 8)), rng.standard_normal((60, 8))).value for _ in range(200)])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(200)
    assert 0.3 < (values < 0).mean() < 0.8


def test_kid_of_a_set_with_itself_is_negative() -> None:
    x = np.random.default_rng(0).standard_normal((50, 4))
    assert kid(x, x).value < 0


def test_kid_standard_error_is_that_of_monte_carlo() -> None:
    rng = np.random.default_rng(0)
    runs = [kid(rng.standard_normal((1000, 8)) + 0.4, rng.standard_normal((1000, 8))) for _ in range(100)]
    values = np.array([r.value for r in runs])
    stated = np.mean([(r.interval[1] - r.interval[0]) / 2 / 1.959964 for r in runs])
    assert stated == pytest.approx(values.std(ddof=1), rel=0.2)
