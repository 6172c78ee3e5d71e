# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import pytest
from prdc import compute_prdc

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
