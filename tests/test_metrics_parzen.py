# mypy: no-strict-optional, disable-error-code="no-untyped-call"

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2
from scipy.special import logsumexp
from scipy.stats import norm

from ganbench.metrics import _rows
from ganbench.metrics import parzen as module
from ganbench.metrics.parzen import SIGMAS, log_density, parzen
from ganbench.samples import Pixels


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_log_density_equals_the_definition() -> None:
    samples, x = rng().random((70, 5)), rng(1).random((40, 5))
    for sigma, terms in zip(SIGMAS, log_density(samples, x, SIGMAS), strict=True):
        each = norm.logpdf(x[:, None], samples[None], sigma).sum(2)
        np.testing.assert_allclose(terms, logsumexp(each, axis=1) - np.log(70), rtol=1e-10)


def test_images_in_parts_have_the_density_of_images_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = Pixels(rng().integers(0, 256, (70, 3, 3, 1), dtype=np.uint8))
    x = rng(1).random((40, 9))
    whole = log_density(images, x, SIGMAS)
    monkeypatch.setattr(_rows, "HELD", 0)
    monkeypatch.setattr(_rows, "PART", 100)
    monkeypatch.setattr(module, "PARTLY", 500)
    np.testing.assert_allclose(log_density(images, x, SIGMAS), whole, rtol=1e-12)


def test_gaussian_on_the_line_is_closed_form() -> None:
    s = 0.3
    found = log_density(rng().standard_normal((5000, 1)), rng(1).standard_normal((2000, 1)), np.array([s]))[0]
    truth = -0.5 * np.log(2 * np.pi * (1 + s**2)) - 1 / (2 * (1 + s**2))
    assert abs(found.mean() - truth) < 3 * found.std() / np.sqrt(2000)


def test_density_integrates_to_one() -> None:
    line = np.linspace(-10, 10, 4001)[:, None]
    for terms in log_density(rng().standard_normal((50, 1)), line, SIGMAS):
        assert np.trapezoid(np.exp(terms), line[:, 0]) == pytest.approx(1, abs=1e-9)


def test_float32_pixels_far_from_0_lose_nothing() -> None:
    samples, x = rng().random((50, 784)), rng(1).random((20, 784))
    near = log_density(samples, x, SIGMAS)
    np.testing.assert_allclose(log_density(samples + 1e4, x + 1e4, SIGMAS), near, rtol=1e-6)


def test_samples_beyond_the_reach_of_exp_are_finite() -> None:
    assert np.isfinite(log_density(np.zeros((5, 3)), np.full((4, 3), 1e3), SIGMAS)).all()


def test_sigma_is_the_best_on_samples_that_are_not_scored() -> None:
    gen, ref = 0.2 * rng().standard_normal((300, 6)), 0.2 * rng(1).standard_normal((2400, 6))
    score = parzen(gen, ref, rng(2))
    best = SIGMAS[log_density(gen, ref, SIGMAS).mean(1).argmax()]
    assert score.extra == {"sigma": pytest.approx(best), "scored": 1400}
    assert parzen(gen, ref[:100], rng(2)).extra["scored"] == 50
    assert parzen(gen, np.repeat(ref, 2, 0), rng(2)).extra["scored"] == 2000


def test_images_are_scored_by_their_pixels() -> None:
    features, pixels = np.zeros((60, 2)), rng().random((60, 9), np.float32)
    of_pixels = parzen(features, features, rng(3), pixels, pixels)
    assert of_pixels == parzen(pixels, pixels, rng(3))


def test_interval_is_that_of_the_mean() -> None:
    gen = rng().standard_normal((200, 3))
    scores = [parzen(gen, rng(s).standard_normal((400, 3)), rng(s)) for s in range(150)]
    expected = np.mean([s.value for s in scores])
    assert np.mean([s.interval[0] <= expected <= s.interval[1] for s in scores]) >= 0.89


def test_cluster_centres_beat_fresh_samples_of_the_data() -> None:
    """Why the number is a legacy one: this generator collapses every cluster to a point."""
    draw = lambda n, seed: 0.3 * rng(seed).standard_normal((n, 20))  # noqa: E731
    centres, _ = kmeans2(draw(4000, 0), 200, minit="points", rng=rng(1))
    of_centres, of_real = (parzen(gen, draw(1000, 2), rng(3)) for gen in (centres, draw(200, 4)))
    assert of_centres.interval[0] > of_real.interval[1]
