# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import pytest
from prdc import compute_prdc
from scipy.spatial.distance import cdist

from ganbench.metrics import _manifolds
from ganbench.metrics.coverage import coverage
from ganbench.metrics.density import density


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("n", "m", "d"), [(300, 300, 2), (200, 400, 16)])
def test_density_and_coverage_equal_prdc(n: int, m: int, d: int, capsys: pytest.CaptureFixture[str]) -> None:
    gen, ref = rng(1).standard_normal((n, d)) + 0.3, rng(2).standard_normal((m, d))
    theirs = compute_prdc(real_features=ref, fake_features=gen, nearest_k=5)
    capsys.readouterr()
    assert density(gen, ref).value == pytest.approx(theirs["density"], rel=1e-9)
    assert coverage(gen, ref).value == pytest.approx(theirs["coverage"], rel=1e-9)


@pytest.mark.parametrize("d", [2, 16])
@pytest.mark.parametrize(("n", "m"), [(400, 400), (100, 400), (400, 200)])
def test_a_perfect_generator_scores_the_exact_nulls(d: int, n: int, m: int) -> None:
    g = rng(d)
    pairs = [(g.standard_normal((n, d)), g.standard_normal((m, d))) for _ in range(30)]
    densities = np.array([density(*p).value for p in pairs])
    covered = [coverage(*p) for p in pairs]
    values = np.array([c.value for c in covered])
    assert abs(densities.mean() - 1) < 3.5 * densities.std(ddof=1) / np.sqrt(30)
    assert abs(values.mean() - covered[0].perfect) < 3.5 * values.std(ddof=1) / np.sqrt(30)


def test_coverage_null_at_equal_n_is_the_published_number() -> None:
    x = rng().standard_normal((1000, 2))
    assert coverage(x, x).perfect == pytest.approx(0.9690, abs=1e-4)
    assert coverage(x[:250], x).perfect == pytest.approx(0.673, abs=1e-3)


def test_exact_copies_have_density_one_and_coverage_one() -> None:
    x = rng().standard_normal((300, 8))
    assert density(x, x).value == pytest.approx(1)
    assert coverage(x, x).value == 1


def test_far_samples_have_density_zero_with_an_open_interval() -> None:
    x = rng().standard_normal((300, 8))
    s = density(x + 100, x)
    assert s.value == 0
    assert s.interval[0] == 0 < s.interval[1] < 0.02
    assert coverage(x + 100, x).value == 0


def test_density_interval_covers_its_expectation_given_the_reference() -> None:
    ref, g = rng(5).standard_normal((300, 4)), rng(6)
    runs = [density(0.9 * g.standard_normal((300, 4)), ref) for _ in range(100)]
    truth = density(0.9 * g.standard_normal((20_000, 4)), ref).value
    assert np.mean([r.interval[0] <= truth <= r.interval[1] for r in runs]) >= 0.9


def test_dropping_half_of_the_modes_halves_coverage() -> None:
    ref = rng().standard_normal((600, 2)) * 0.1 + np.arange(600)[:, None] % 2 * 10
    gen = rng(1).standard_normal((600, 2)) * 0.1
    assert coverage(gen, ref).value == pytest.approx(0.5, abs=0.03)


def brute(to: np.ndarray, of_gen: np.ndarray, of_ref: np.ndarray) -> np.ndarray:
    """Precision, recall, density and coverage from the matrices of all distances."""
    third, fifth, third_gen = (np.partition(D, k, 1)[:, k] for D, k in ((of_ref, 3), (of_ref, 5), (of_gen, 3)))
    inside = to < fifth
    shares = (to <= third).any(1).mean(), (to <= third_gen[:, None]).any(0).mean()
    return np.array([*shares, inside.sum() / (5 * len(to)), inside.any(0).mean()])


@pytest.mark.parametrize(("n", "m", "d"), [(100, 80, 2), (90, 130, 6)])
def test_standard_errors_equal_a_jackknife_by_brute_force(n: int, m: int, d: int) -> None:
    x, y = 1.1 * rng(1).standard_normal((n, d)), rng(2).standard_normal((m, d))
    variance = np.zeros(4)
    for side in (x, y):
        groups, left = _manifolds._groups(side), []
        for group in range(_manifolds.GROUPS):
            a, b = (given[groups != group] if given is side else given for given in (x, y))
            left.append(brute(cdist(a, b), cdist(a, a), cdist(b, b)))
        variance += (_manifolds.GROUPS - 1) * np.var(left, axis=0)
    errors = _manifolds.measured(x, y)[1]
    all_four = [errors.precision, _manifolds.recalled_measured(x, y)[1], errors.density, errors.coverage]
    assert np.allclose(all_four, np.sqrt(variance), rtol=1e-9)


def test_one_pass_gives_the_relations_that_brute_force_gives() -> None:
    x, y = 1.1 * rng(1).standard_normal((150, 5)), rng(2).standard_normal((120, 5))
    y[:9], x[:4], x[4:30] = y[0], y[0], y[20:46]
    both, alone = _manifolds.measured(x, y)[0], _manifolds.manifolds(x, y)
    for after, before in zip(both, alone, strict=True):
        np.testing.assert_array_equal(after, before)
    of_gen, of_ref, to = cdist(x, x), cdist(y, y), cdist(x, y)
    third, fifth, third_gen = (np.sort(D, 1)[:, k] for D, k in ((of_ref, 3), (of_ref, 5), (of_gen, 3)))
    inside = (to < fifth) | (to == 0)
    np.testing.assert_array_equal(both.precise, (to <= third).any(1))
    for near in (_manifolds.recalled_measured(x, y)[0], _manifolds.recalled(x, y)):
        np.testing.assert_array_equal(near, (to <= third_gen[:, None]).any(0))
    np.testing.assert_array_equal(both.covered, inside.any(0))
    weight = np.where(np.arange(120) < 9, 5 / 9, 1.0)
    np.testing.assert_allclose(both.balls, (inside * weight).sum(1), rtol=1e-12)


def test_the_interval_of_coverage_covers_over_new_samples_and_references() -> None:
    g = rng(4)
    runs = [coverage(0.8 * g.standard_normal((150, 4)), g.standard_normal((150, 4))) for _ in range(60)]
    truth = np.mean([r.value for r in runs])
    assert np.mean([r.interval[0] <= truth <= r.interval[1] for r in runs]) >= 0.93
    assert np.median([r.interval[1] - r.interval[0] for r in runs]) < 6 * np.std([r.value for r in runs])


def test_discrete_samples_of_the_same_law_have_density_one() -> None:
    places = rng(3).standard_normal((20, 3))
    gen, ref = (places[rng(s).integers(0, 20, 400)] for s in (1, 2))
    assert density(gen, ref).value == pytest.approx(1)
    assert coverage(gen, ref).value == 1
    assert density(gen + 1e-9, ref).value == 0


def test_copies_of_a_reference_of_coincident_points_are_covered() -> None:
    ref = np.repeat([[0.0, 0.0], [5.0, 5.0]], 8, axis=0)
    assert coverage(ref[:8], ref).value == 0.5
    assert density(ref[:8], ref).value == pytest.approx(1)
