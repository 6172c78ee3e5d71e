# mypy: no-strict-optional, disable-error-code="no-any-return"

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm, wasserstein_distance

from ganbench import baseline, data, samples
from ganbench.data.mixture import Mixture
from ganbench.metrics import NotApplicable, Score
from ganbench.metrics.wasserstein_1d import wasserstein_1d
from ganbench.scoring import score
from ganbench.scoring.sources import open_set
from ganbench.training import loop, sampling

ONE = Mixture(np.array([[4.0]]), 0.5)
TWO = Mixture(np.array([[0.0], [10.0]]), 0.1)
REF = np.zeros((50, 1))
GRID = np.linspace(-2, 10, 200_001)


def draw(mixture: Mixture, n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return mixture.means[rng.integers(0, len(mixture.means), n)] + mixture.sd * rng.standard_normal((n, 1))


def measure(x: np.ndarray, mixture: Mixture = ONE, discriminator: np.ndarray | None = None) -> Score:
    return wasserstein_1d(x, REF, mixture, discriminator)


@pytest.mark.parametrize("mixture", [ONE, TWO])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_distance_is_that_to_very_many_samples(mixture: Mixture, offset: float) -> None:
    quantiles = mixture.means + mixture.sd * ndtri((np.arange(200_000) + 0.5) / 200_000)
    x = draw(mixture, 300) + offset
    assert measure(x, mixture).value == pytest.approx(wasserstein_distance(x[:, 0], quantiles.ravel()), rel=1e-4)


@pytest.mark.parametrize("place", [4.0, 5.0, -1e6])
def test_distance_of_a_single_place_is_the_mean_absolute_deviation(place: float) -> None:
    z = (place - 4) / 0.5
    truth = 0.5 * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z))
    assert measure(np.full((60, 1), place)).value == pytest.approx(truth, rel=1e-9)


def test_distance_of_a_shift_is_its_length() -> None:
    assert measure(draw(ONE, 20_000) + 3).value == pytest.approx(3, abs=0.02)


@pytest.mark.parametrize("mixture", [ONE, TWO])
@pytest.mark.parametrize("n", [100, 400])
def test_perfect_is_the_mean_distance_of_real_samples(mixture: Mixture, n: int) -> None:
    scores = [measure(draw(mixture, n, s), mixture) for s in range(80)]
    values = np.array([s.value for s in scores])
    first_order = 0.02 * values.mean()
    assert values.mean() == pytest.approx(scores[0].perfect, abs=3 * values.std() / np.sqrt(80) + first_order)


def test_unknown_truth_is_replaced_by_the_reference() -> None:
    x, y = draw(ONE, 70), draw(ONE, 45, 1) + 0.1
    found = wasserstein_1d(x, y)
    assert found.value == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]), rel=1e-12)
    assert found.perfect is None
    assert found.extra == {}


def test_chance_alone_makes_the_stated_divergence_and_gap() -> None:
    half = np.stack([GRID[::200], np.full(1001, 0.5)], 1)
    extras = [measure(draw(ONE, 2000, s), ONE, half).extra for s in range(40)]
    for name in ("jensen_shannon", "discriminator_gap"):
        assert np.mean([e[name] for e in extras]) == pytest.approx(extras[0][f"{name}_perfect"], rel=0.1)


def density(mean: float, sd: float) -> np.ndarray:
    return norm.pdf(GRID, mean, sd)


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(f > 0, f * np.log(2 * f / (p + q)), 0) for f in (p, q)]
    return float(np.trapezoid(sum(terms), GRID) / 2)


@pytest.mark.parametrize(("mean", "sd"), [(3.0, 0.5), (4.0, 1.0), (4.5, 0.3)])
def test_optimal_discriminator_has_no_gap_and_the_value_of_theorem_1(mean: float, sd: float) -> None:
    x = mean + sd * np.random.default_rng(0).standard_normal((50_000, 1))
    p, q = density(4, 0.5), density(mean, sd)
    best = np.stack([GRID, p / (p + q)], 1)[::100]
    extra = measure(x, ONE, best).extra
    jsd = divergence(p, q)
    assert extra["jensen_shannon"] == pytest.approx(jsd, abs=0.004)
    assert extra["discriminator_gap"] < 0.02
    assert extra["value_at_optimum"] == pytest.approx(2 * jsd - np.log(4), abs=0.008)
    assert extra["value_at_discriminator"] == pytest.approx(2 * jsd - np.log(4), abs=0.008)


def test_other_discriminators_have_a_gap_and_a_lower_value() -> None:
    x = 3 + 0.5 * np.random.default_rng(0).standard_normal((20_000, 1))
    p, q = density(4, 0.5), density(3, 0.5)
    best = p / (p + q)
    for D in (np.full(len(GRID), 0.5), 1 - best, np.sqrt(best)):
        extra = measure(x, ONE, np.stack([GRID, D], 1)[::100]).extra
        gap = np.sqrt(np.trapezoid((p + q) / 2 * (D - best) ** 2, GRID))
        assert extra["discriminator_gap"] == pytest.approx(gap, rel=0.05)
        assert extra["value_at_discriminator"] < extra["value_at_optimum"] - 0.01


def test_ignorant_discriminator_has_value_minus_log_4() -> None:
    half = np.array([[3.0, 0.5], [5.0, 0.5]])
    assert measure(draw(ONE, 100), ONE, half).extra["value_at_discriminator"] == pytest.approx(-np.log(4), rel=1e-12)


def test_disjoint_samples_have_the_largest_divergence() -> None:
    extra = measure(np.full((100, 1), 1e6), ONE, np.stack([GRID, np.ones(len(GRID))], 1)).extra
    assert extra["jensen_shannon"] == pytest.approx(np.log(2), rel=1e-9)
    assert extra["value_at_optimum"] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(extra["value_at_discriminator"])  # D = 1 at the samples: log(1 - D) is cut off


def test_plane_is_a_reason() -> None:
    with pytest.raises(NotApplicable, match="is for data on the line"):
        measure(np.zeros((60, 2)))


def test_trained_gans_file_carries_its_discriminator_to_the_score(tmp_path: Path) -> None:
    data.obtain("gaussian1d")
    small = {"width_g": 16, "width_d": 16}
    loop.train(
        baseline.folder() / "gan.py", "gaussian1d", tmp_path / "run", seed=0, images=1000, overrides=small, device="cpu"
    )
    sampling.write_samples(tmp_path / "run", sampling.Drawing(300, 0), tmp_path / "gan.npz")
    drawn = samples.read(tmp_path / "gan.npz")
    places, D = drawn.discriminator.T
    assert drawn.discriminator.dtype == np.float64
    assert (np.diff(places) > 0).all()
    known, made = data.load("gaussian1d", "train").x, np.asarray(drawn.x)
    assert (places[0], places[-1]) == (min(known.min(), made.min()), max(known.max(), made.max()))
    assert ((D >= 0) & (D <= 1)).all()
    assert D.std() > 0
    found = score(drawn, open_set("gaussian1d", "test"), metrics=["wasserstein_1d"]).metrics["wasserstein_1d"].extra
    assert 0 < found["discriminator_gap"] < 1
    assert found["value_at_discriminator"] < 0
