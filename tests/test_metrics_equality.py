"""The permutation test: its p value is uniform, its statistic is the energy distance, and its power is what it says."""

# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import kstest

from ganbench import metrics
from ganbench.metrics.equality import PERMUTATIONS, detectable, permuted


def p_values(n: int, m: int, d: int, draws: int, permutations: int = 99) -> np.ndarray:
    """p values of equal distributions. Each is moved within its step, so that it is continuous."""
    rng = np.random.default_rng([n, m, d])
    steps = [permuted(squareform(pdist(rng.standard_normal((n + m, d)))), n, rng, permutations).p for _ in range(draws)]
    return np.array(steps) - rng.random(draws) / (permutations + 1)


@pytest.mark.parametrize(("n", "m", "d"), [(20, 20, 16), (20, 60, 512), (80, 50, 16)])
def test_p_value_is_uniform_for_equal_distributions(n: int, m: int, d: int) -> None:
    assert kstest(p_values(n, m, d, 150), "uniform").pvalue > 0.001


def test_statistic_is_the_unbiased_energy_distance() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((40, 4)) + 0.3
    score = metrics.compute(["equality"], {"gen": x, "ref": y})["equality"]
    within = pdist(x).mean() + pdist(y).mean()
    assert score["statistic"] == pytest.approx(2 * cdist(x, y).mean() - within, rel=1e-10)
    assert score["compared"] == [30, 40]


def test_other_distribution_gets_the_smallest_p_and_equal_samples_get_one() -> None:
    x = np.random.default_rng(0).standard_normal((2, 60, 8))
    far = metrics.compute(["equality"], {"gen": x[0] + 2, "ref": x[1]})["equality"]
    assert far["value"] == 1 / (PERMUTATIONS + 1)
    assert metrics.compute(["equality"], {"gen": np.ones((20, 3)), "ref": np.ones((30, 3))})["equality"]["value"] == 1


def test_many_samples_are_a_reason_that_names_the_intervals() -> None:
    x = np.random.default_rng(0).standard_normal((1001, 2))
    result = metrics.compute(["equality"], {"gen": x, "ref": x})["equality"]
    assert "at most 1,000 samples" in result["reason"]


def mixture(rng: np.random.Generator, n: int, classes: int = 10, lost: int = 0) -> np.ndarray:
    """Samples of a mixture of ten classes, of which the first ones are left out."""
    return 4 * np.eye(classes, 12)[rng.integers(lost, classes, n)] + rng.standard_normal((n, 12))


def test_visible_loss_is_seen_in_about_four_of_five_cases() -> None:
    """The share that the test names is that of whole classes here: two, three or four of ten."""
    rng = np.random.default_rng(0)
    n, ref = 60, mixture(np.random.default_rng(1), 200)
    distances = squareform(pdist(ref))
    null = permuted(squareform(pdist(np.concatenate([mixture(rng, n), ref]))), n, rng, 499).exchanged
    share = detectable(distances, n, null, rng)
    assert 0.1 < share < 0.7
    lost = round(10 * share)

    def seen(classes: int) -> float:
        pools = [np.concatenate([mixture(rng, n, lost=classes), mixture(rng, 200)]) for _ in range(40)]
        return float(np.mean([permuted(squareform(pdist(pool)), n, rng, 99).p <= 0.05 for pool in pools]))

    assert seen(lost + 1) > 0.7
    assert seen(max(lost - 2, 0)) < 0.7


def test_more_samples_see_smaller_losses() -> None:
    ref = mixture(np.random.default_rng(1), 400)
    shares = []
    for n in (20, 80, 320):
        gen = mixture(np.random.default_rng(n), n)
        shares.append(metrics.compute(["equality"], {"gen": gen, "ref": ref})["equality"]["detectable"] or 1.0)
    assert shares[0] > shares[1] > shares[2]
