"""The predicates of the field's own examination say what its paper says, and a margin is 0 at the limit."""

from __future__ import annotations

import numpy as np
import pytest

from ganbench.sanity import contradictions, criteria
from ganbench.sanity.criteria import DIVERSITY, FIDELITY

X = np.linspace(-1, 1, 5)


def curve(*values: float) -> np.ndarray:
    return np.array(values)


def test_a_value_may_be_a_twentieth_off() -> None:
    np.testing.assert_allclose(criteria.value_is(curve(1, 0.95, 1.06, 0.5), 1), [0.05, 0, -0.01, -0.45], atol=1e-12)


def test_a_flat_curve_has_a_range_of_a_twentieth() -> None:
    assert criteria.flat(curve(0.5, 0.53, 0.51)) == pytest.approx(0.02)
    assert criteria.flat(curve(0.5, 0.6, 0.5)) == pytest.approx(-0.05)


def test_a_falling_curve_needs_its_ends_a_fifth_apart() -> None:
    assert criteria.falling(curve(1, 0.5, 0)) == pytest.approx(0.1)
    assert criteria.falling(curve(1, 0.9, 0.85)) == pytest.approx(-0.05)


@pytest.mark.parametrize("values", [(0.8, 1.0, 0.2), (0.8, 0.0, 0.2)])
def test_no_point_of_a_falling_curve_is_far_outside_its_ends(values: tuple[float, ...]) -> None:
    assert criteria.falling(curve(*values)) == pytest.approx(-0.1)


def test_a_bell_is_high_in_the_middle_and_low_at_one_end() -> None:
    assert criteria.bell(curve(0, 0.5, 1, 0.5, 0.3), 2) == pytest.approx(0.1)
    assert criteria.bell(curve(0, 0.5, 1, 0.5, 0.9), 2) == pytest.approx(-0.1), "both ends are a fifth below the middle"
    assert criteria.bell(curve(0.2, 0, 1, 0.5, 0.2), 2) == pytest.approx(-0.1), "no point is a tenth below both ends"
    assert criteria.bell(curve(0, 1.15, 1, 0.5, 0), 2) == pytest.approx(-0.05), "no point is a tenth above the middle"


def test_margins_of_many_curves_are_those_of_each_curve() -> None:
    curves = np.random.default_rng(0).random((3, 7, 5))
    for predicate in (criteria.flat, criteria.falling, lambda y: criteria.bell(y, 2)):
        expected = [[float(predicate(y)) for y in row] for row in curves]
        np.testing.assert_allclose(predicate(curves), expected)


def test_wide_samples_may_have_a_low_or_a_high_diversity() -> None:
    x = np.logspace(-1, 1, 5)
    low = criteria.spread(DIVERSITY, "", x, curve(0, 0.5, 1, 0.5, 0))
    high = criteria.spread(DIVERSITY, "", x, curve(0, 0.5, 1, 1, 1))
    assert [margin >= 0 for margin in (*low.bounds, *low.shape)] == [True, False, True, False]
    assert [margin >= 0 for margin in (*high.bounds, *high.shape)] == [False, True, False, True]


def test_narrow_samples_must_have_a_high_fidelity() -> None:
    x = np.logspace(-1, 1, 5)
    assert min(criteria.spread(FIDELITY, "", x, curve(1, 1, 1, 0.5, 0)).bounds) == pytest.approx(0.05)
    assert max(criteria.spread(FIDELITY, "", x, curve(0, 0.5, 1, 0.5, 0)).bounds) < 0


def test_lost_modes_lower_the_diversity_already_halfway() -> None:
    late, early = curve(1, 1, 1, 1, 0), curve(1, 0.8, 0.6, 0.3, 0)
    judged = [criteria.dropping(2)(DIVERSITY, "", X, y).shape[0] for y in (late, early)]
    assert judged == pytest.approx([-0.1, 0.1])


def test_a_value_settles_over_the_larger_half_of_the_sizes() -> None:
    judged = criteria.overlapping(FIDELITY, "", np.arange(1, 6), curve(0.9, 0.5, 0.2, 0.21, 0.2))
    assert judged.bounds[0] == pytest.approx(0.04)
    assert judged.shape[0] == pytest.approx(0.05)


def test_a_share_of_good_samples_is_a_straight_line() -> None:
    share = np.linspace(0, 1, 11)
    assert criteria.deviation(share, 1 - share) == pytest.approx(0)
    assert criteria.deviation(share, (1 - share) ** 2) == pytest.approx(0.25)
    assert criteria.linear(FIDELITY, "", share, (1 - share) ** 2).shape[0] == pytest.approx(-0.2)


def test_a_distance_is_least_at_equal_sets_on_any_scale() -> None:
    rule = criteria.least_at(0)
    for scale in (1e-6, 1, 1e6):
        least, shape = rule("", X, scale * curve(4, 1, 0, 1, 4))
        assert least == pytest.approx(0.1)
        assert shape == pytest.approx(0.1)


def test_a_distance_with_its_least_value_elsewhere_fails() -> None:
    least, shape = criteria.least_at(0)("", X, curve(4, 0, 2, 3, 4))
    assert least == pytest.approx(-0.9), "the value beside the equal sets lies below them by the whole rise"
    assert float(shape) < 0


def test_a_distance_that_turns_back_fails_by_its_shape_alone() -> None:
    least, shape = criteria.least_at(0)("", X, curve(4, 1, 0, 4, 2))
    assert least == pytest.approx(0.1)
    assert shape == pytest.approx(0.1 - 1)


def test_a_constant_is_no_distance() -> None:
    least, shape = criteria.least_at(0)("", X, np.ones(5))
    assert least == pytest.approx(-0.2)
    assert shape == pytest.approx(0.1)


def test_a_distance_of_laws_that_stay_apart_does_not_change() -> None:
    assert criteria.unchanged("", X, curve(100, 99, 100, 98, 100))[1] == pytest.approx(0.03)
    assert criteria.settled("", X, curve(10, 50, 100, 98, 100))[1] == pytest.approx(0.03)


def test_the_density_ratio_cannot_be_a_fidelity_by_simulation() -> None:
    rng, claim, d = np.random.default_rng(0), contradictions.fidelity(), contradictions.DIMENSIONS

    def log_ratio(x: np.ndarray, sd: float, mean: float) -> np.ndarray:
        return np.asarray((-(x**2) / 2 + ((x - mean) / sd) ** 2 / 2 + np.log(sd)).sum(1))

    sd = 10**-0.5
    narrow = np.sort(log_ratio(sd * rng.standard_normal((20_000, d)), sd, 0))
    moved = np.sort(log_ratio(1 + rng.standard_normal((20_000, d)), 1, 1))
    assert np.median(narrow) == pytest.approx(claim.narrow, abs=0.2)
    assert np.median(moved) == pytest.approx(claim.moved, abs=0.3)
    assert (moved > narrow).mean() > 0.99
    assert claim.excess < 0.001


def test_the_density_ratio_cannot_be_a_high_diversity_by_simulation() -> None:
    x, claim = np.random.default_rng(0).standard_normal(400_000), contradictions.diversity()
    ratio = np.exp(x**2 / 2 * (1 - 1e-6)) / 1000
    assert (ratio > claim.faded).mean() == pytest.approx(claim.above, rel=0.2)
    assert claim.drop < 0.1
    assert claim.merged < claim.invented
