# mypy: no-strict-optional, disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import binomtest

from ganbench.metrics.density import density
from ganbench.metrics.precision import precision
from ganbench.metrics.recall import recall
from ganbench.statistics import share


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def brute(q: np.ndarray, x: np.ndarray, k: int = 3) -> float:
    self_distances = cdist(x, x)
    np.fill_diagonal(self_distances, np.inf)
    radius = np.sort(self_distances, 1)[:, k - 1]
    return (cdist(q, x) <= radius).any(1).mean()


@pytest.mark.parametrize("d", [2, 16, 64])
def test_precision_and_recall_equal_brute_force(d: int) -> None:
    x, y = 1.1 * rng(1).standard_normal((300, d)), rng(2).standard_normal((400, d))
    assert precision(x, y).value == pytest.approx(brute(x, y), abs=1e-9)
    assert recall(x, y).value == pytest.approx(brute(y, x), abs=1e-9)


def test_far_clusters_score_zero_and_copies_score_one() -> None:
    x = rng().standard_normal((200, 4))
    assert (precision(x + 100, x).value, recall(x + 100, x).value) == (0, 0)
    assert (precision(x, x).value, recall(x, x).value) == (1, 1)


def test_a_collapsed_generator_is_precise_and_recalls_nothing() -> None:
    ref = rng().standard_normal((500, 8))
    gen = 0.05 * rng(1).standard_normal((500, 8))
    assert precision(gen, ref).value > 0.95
    assert recall(gen, ref).value < 0.05


def test_three_identical_points_have_radius_zero_and_count_their_copies() -> None:
    ref = np.array([[0.0, 0]] * 4 + [[10, 0], [10, 1], [10, 2], [10, 3]])
    gen = np.array([[0.0, 0], [0, 1e-9], [10, 1.5], [50, 50], [0, 0]])
    assert precision(gen, ref).value == pytest.approx(3 / 5)


def test_one_outlier_makes_precision_perfect_and_leaves_density_low() -> None:
    ref = np.concatenate([rng().standard_normal((1000, 8)), np.full((1, 8), 100.0)])
    gen = rng(1).standard_normal((1000, 8)) + 5
    assert precision(gen, ref[:-1]).value < 0.01
    assert precision(gen, ref).value == 1
    assert density(gen, ref).value == pytest.approx(0.2)


def test_a_perfect_generator_scores_as_training_samples_do() -> None:
    gen, ref, train = (rng(s).standard_normal((n, 16)) for s, n in ((1, 300), (2, 300), (3, 300)))
    for metric in (precision, recall):
        assert metric(gen, ref, train).perfect == metric(train, ref).value
        assert metric(gen, ref, train[:299]).perfect is None


@pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (3, 398), (200, 398)])
def test_share_interval_is_clopper_pearson(k: int, n: int) -> None:
    expected = binomtest(k, n).proportion_ci(method="exact")
    assert share(k, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
