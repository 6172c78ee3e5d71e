"""Total variation on cells: worked out by hand, against fine histograms, and its chance level and interval by simulation."""

# mypy: no-strict-optional, disable-error-code="operator"

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from ganbench import data, metrics
from ganbench.data.mixture import Mixture
from ganbench.metrics import NotApplicable
from ganbench.metrics.coverage import coverage
from ganbench.metrics.modes import INSIDE
from ganbench.metrics.total_variation import _deviation, total_variation

RING = data.mixture("ring")
assert RING is not None
K = len(RING.means)


def planted(
    n: int, rng: np.random.Generator, modes: int = K, wide: float = 1.0, off: float = 0.0, noise: bool = False
) -> np.ndarray:
    """Points of a made-up generator: some modes of the ring, wider or narrower ones, a share of them between the modes."""
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = np.linalg.norm(RING.means[0])
    between = radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    if noise:
        return np.asarray(radius * rng.uniform(-1.03, 1.03, (n, 2)))
    centres = np.where(rng.random((n, 1)) < off, between, RING.means[rng.integers(0, modes, n)])
    return np.asarray(centres + wide * RING.sd * rng.standard_normal((n, 2)))


def tv(x: np.ndarray, mixture: Mixture = RING) -> float:
    value = total_variation(x, mixture).value
    assert value is not None
    return value


def test_a_generator_of_one_point_is_worked_out_by_hand() -> None:
    """All samples lie in the innermost shell of one mode, which should hold INSIDE / 5 K of them."""
    score = total_variation(np.repeat(RING.means[:1], 100, 0), RING)
    assert score.value == pytest.approx(1 - INSIDE / (5 * K))
    assert score.interval is not None
    assert score.interval[0] < score.value


def test_mass_that_is_nowhere_is_seen() -> None:
    rng = np.random.default_rng(0)
    x = planted(2500, rng)
    x[:1000] = 100.0
    assert tv(x) == pytest.approx(0.4 * INSIDE, abs=0.05)


def test_generators_stand_in_the_order_of_the_exact_divergence() -> None:
    """Half of the mass between the modes is worse than three missing modes. `coverage` orders these two the other way round."""
    rng = np.random.default_rng(1)
    lines = {
        "perfect": planted(2500, rng),
        "5 of 8 modes": planted(2500, rng, modes=5),
        "8 modes, twice as wide": planted(2500, rng, wide=2.0),
        "8 modes, half of the mass between": planted(2500, rng, off=0.55),
        "8 modes, 0.43 as wide, a tenth between": planted(2500, rng, wide=0.43, off=0.1),
        "1 mode, 5 % between": planted(2500, rng, modes=1, off=0.05),
        "noise": planted(2500, rng, noise=True),
    }
    values = [tv(x) for x in lines.values()]
    assert values == sorted(values)
    exact = [
        0.0,
        0.375,
        0.47,
        0.51,
        0.55,
        0.87,
        0.99,
    ]  # on the plane; the cells see at most this, and chance adds to it
    assert values == pytest.approx(exact, abs=0.07)
    ref = planted(2500, rng)
    assert coverage(lines["8 modes, half of the mass between"], ref).value > coverage(lines["5 of 8 modes"], ref).value


@pytest.mark.parametrize("name", ["ring", "grid", "gaussian1d"])
def test_perfect_is_the_mean_of_perfect_generators(name: str) -> None:
    mixture = data.mixture(name)
    assert mixture is not None
    rng = np.random.default_rng(2)
    k, d = mixture.means.shape
    scores = [
        total_variation(mixture.means[rng.integers(0, k, 400)] + mixture.sd * rng.standard_normal((400, d)), mixture)
        for _ in range(300)
    ]
    values = np.array([score.value for score in scores])
    assert values.mean() == pytest.approx(scores[0].perfect, abs=4 * values.std() / np.sqrt(300))


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (10, 0.02), (400, 0.011), (2500, 0.0079)])
def test_mean_deviation_of_a_count_is_the_sum_over_all_counts(n: int, p: float) -> None:
    x = np.arange(n + 1)
    assert _deviation(n, np.array([p]))[0] == pytest.approx((binom.pmf(x, n, p) * abs(x / n - p)).sum(), rel=1e-9)


@pytest.mark.parametrize("generator", [{}, {"modes": 5, "off": 0.2}, {"wide": 2.0}, {"modes": 1, "off": 0.05}])
def test_interval_covers_the_mean_value_at_this_n(generator: dict[str, float]) -> None:
    rng = np.random.default_rng(3)
    scores = [total_variation(planted(500, rng, **generator), RING) for _ in range(300)]  # type: ignore[arg-type]
    mean = np.mean([score.value for score in scores])
    assert np.mean([score.interval[0] <= mean <= score.interval[1] for score in scores]) >= 0.93


def test_modes_that_overlap_are_refused() -> None:
    close = Mixture(np.array([[0.0, 0.0], [1.0, 0.0]]), 0.2)
    with pytest.raises(NotApplicable, match="do not overlap"):
        total_variation(np.zeros((60, 2)), close)


def test_points_without_known_modes_have_a_reason() -> None:
    rng = np.random.default_rng(0)
    found = metrics.compute(["total_variation"], {"gen": rng.normal(size=(60, 2))})["total_variation"]
    assert found["reason"] == "total_variation is for datasets whose modes are known"
