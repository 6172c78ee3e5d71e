"""The 15 checks of arXiv:2505.22450 and the harder set: each draws pairs of point sets, and names its criterion.

A check yields its pairs in the order of its sweeps. All pairs of a sweep have the same group. Where a sweep has one real set,
all its pairs hold the same array, so that what depends on the real set is computed once.

Settings that the paper does not print are those of the authors' code: the scaler is that of the real data, the modes of check
6 are fixed, check 4 asks for the drop at the 48th of its 50 points, and check 14 has 18 different sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ganbench.sanity import criteria
from ganbench.sanity.criteria import Criterion, Rule
from ganbench.sanity.points import Rng, ball, mixture, pareto, rotation, sphere, torus

N = 1000  # points per set in the published suite


class Pair(NamedTuple):
    """Two point sets of a sweep."""

    group: str  # the sweep: its dimension or its case
    x: float  # the place in the sweep
    real: np.ndarray  # float64 `[n, d]`
    synthetic: np.ndarray  # float64 `[m, d]`


class Check(NamedTuple):
    """A check: its data, what a pair of metrics must do, and what a distance must do."""

    name: str
    title: str
    pairs: Callable[[Rng, int], Iterator[Pair]]  # from a generator and the number n of points per set
    criterion: Criterion  # for fidelity and diversity
    rule: Rule  # for distances
    published: str = ""  # the check of the paper that it is, or that it turns


CENTRES = np.array(
    [
        [5.46794328, -4.08481523], [4.87211875, -13.64864684], [-16.39432073, 9.09802249], [-2.15447941, 12.46200019],
        [11.55784483, -4.96049923], [-24.60558474, 14.18020818], [16.84215967, -3.18710751], [-5.47807206, -6.77247129],
        [9.46726546, 1.05922347], [-5.40346201, -17.29490131],
    ]
)  # fmt: skip
FARTHEST = {1: 6.0, 8: 3.0, 64: 1.0}  # largest mean of every axis, by dimension
LENGTH = {1: 1 / 6, 8: 1 / 3, 64: 1.0}  # standard deviation of the modes of checks 4 and 5
OVERLAP = 0.2  # volume that the two cubes share
AXES = 20  # binary columns


def sizes(n: int, steps: int = 20) -> np.ndarray:
    """Set sizes from n / 10 to 10 n, int64 `[steps]`."""
    return (n * np.logspace(-1, 1, steps)).astype(int)


def moving_mean(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 1: the synthetic mean moves along all axes."""
    for d, farthest in FARTHEST.items():
        real = rng.standard_normal((n, d))
        for mean in np.linspace(-farthest, farthest, 51):
            yield Pair(f"d = {d}", mean, real, mean + rng.standard_normal((n, d)))


def moving_mean_with_outlier(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 2: as check 1, with a point at the largest mean in the real or in the synthetic set."""
    for d, farthest in FARTHEST.items():
        real, outlier = rng.standard_normal((n, d)), np.full((1, d), farthest)
        with_outlier = np.concatenate([real, outlier])
        sweep = [(mean, mean + rng.standard_normal((n, d))) for mean in np.linspace(-farthest, farthest, 51)]
        for mean, synthetic in sweep:
            yield Pair(f"d = {d}, synthetic outlier", mean, real, np.concatenate([synthetic, outlier]))
        for mean, synthetic in sweep:
            yield Pair(f"d = {d}, real outlier", mean, with_outlier, synthetic)


def changing_sd(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 3: the synthetic standard deviation goes from far below 1 to far above 1."""
    for d, exponent in {1: 3.0, 8: 1.0, 64: 0.5}.items():
        real = rng.standard_normal((n, d))
        for sd in np.logspace(-exponent, exponent, 51):
            yield Pair(f"d = {d}", sd, real, sd * rng.standard_normal((n, d)))


def simultaneous_drop(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 4: all modes but the first lose mass together."""
    yield from _dropping(rng, n, np.linspace(0, 1, 50), _fading)


def sequential_drop(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 5: the modes vanish one after another."""
    yield from _dropping(rng, n, np.arange(10), _vanishing)


def _fading(dropped: float) -> np.ndarray:
    shares = np.append(1.0, np.full(9, 1 - dropped))
    return np.asarray(shares / shares.sum())


def _vanishing(dropped: float) -> np.ndarray:
    kept = np.arange(10) < 10 - dropped
    return np.asarray(kept / kept.sum())


def _dropping(rng: Rng, n: int, places: np.ndarray, shares: Callable[[float], np.ndarray]) -> Iterator[Pair]:
    """Ten modes on the diagonal from 0 to 10; the synthetic modes have the masses `shares` at each of `places`."""
    for d, sd in LENGTH.items():
        means = np.repeat(np.linspace(0, 10, 10)[:, None], d, 1)
        real = mixture(rng, means, sd, np.full(10, 0.1), n)
        for place in places:
            yield Pair(f"d = {d}", place, real, mixture(rng, means, sd, shares(place), n))


def drop_and_invention(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 6: the data have 5 modes, and the generator has the first 1 to 10 of ten."""
    real = mixture(rng, CENTRES[:5], 0.25, np.full(5, 0.2), n)
    for modes in range(1, 11):
        yield Pair("d = 2", modes, real, mixture(rng, CENTRES[:modes], 0.25, np.full(modes, 1 / modes), n))


def spheres(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 7: the surfaces of two spheres; the synthetic radius goes from 0.1 to 1.9."""
    for d in (2, 16, 128):
        real = sphere(rng, n, d, 1.0)
        for radius in np.linspace(0.1, 1.9, 51):
            yield Pair(f"d = {d}", radius, real, sphere(rng, n, d, radius))


def growing_cubes(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 8: two cubes with an overlap of 0.2; both sets grow."""
    yield from _cubes(rng, n, sizes(n), (1, 8, 64), grows=True)


def growing_synthetic_cube(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 9: as check 8, with n real points."""
    yield from _cubes(rng, n, sizes(n), (1, 8, 64), grows=False)


def growing_turned_cubes(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 8 under a random rotation, on half of the sizes."""
    yield from _cubes(rng, n, sizes(n, 10), (8, 64), grows=True, turned=True)


def growing_turned_synthetic_cube(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 9 under a random rotation, on half of the sizes."""
    yield from _cubes(rng, n, sizes(n, 10), (8, 64), grows=False, turned=True)


def _cubes(
    rng: Rng, n: int, counts: np.ndarray, dimensions: tuple[int, ...], grows: bool, turned: bool = False
) -> Iterator[Pair]:
    for d in dimensions:
        turn = rotation(rng, d) if turned else np.eye(d)
        real = rng.random((n, d)) @ turn
        for m in counts:
            first = rng.random((m, d)) @ turn if grows else real
            yield Pair(f"d = {d}", m, first, (rng.random((m, d)) + 1 - OVERLAP ** (1 / d)) @ turn)


def ball_and_torus(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 10: a ball of radius 0.8 in the hole of a torus of radius 1 and thickness 0.1; the synthetic set grows."""
    for name, real in (("ball", ball(rng, n, 3, 0.8)), ("torus", torus(rng, n))):
        for m in sizes(n):
            yield Pair(f"real {name}", m, real, torus(rng, m) if name == "ball" else ball(rng, m, 3, 0.8))


def two_modes_as_one(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 11: two real modes move apart, and one Gaussian with the same variance stands for both."""
    for d in (1, 8, 64):
        for distance in np.linspace(0, 5, 20):
            means = np.repeat([[-distance / 2], [distance / 2]], d, 1)
            real = mixture(rng, means, 1.0, np.full(2, 0.5), n)
            yield Pair(f"d = {d}", distance, real, np.sqrt(1 + distance**2) * rng.standard_normal((n, d)))


def scaled_axis(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 12: the sets are 6 apart on the first axis; the unit of the second axis changes."""
    yield from _scaled(rng, n, np.eye(2))


def turned_scaled_axis(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 12 under a random rotation of the plane."""
    yield from _scaled(rng, n, rotation(rng, 2))


def _scaled(rng: Rng, n: int, turn: np.ndarray) -> Iterator[Pair]:
    for unit in np.logspace(-3, 3, 20):
        real, synthetic = rng.standard_normal((n, 2)), rng.standard_normal((n, 2)) + np.array([6, 0])
        yield Pair("d = 2", unit, real * [1, unit] @ turn, synthetic * [1, unit] @ turn)


def heavy_axis(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 13: as check 1 on the first axis; the second axis has a Pareto law."""
    real = np.stack([rng.standard_normal(n), pareto(rng, n, 1.01)], 1)
    for mean in np.linspace(-6, 6, 51):
        yield Pair("d = 2", mean, real, np.stack([mean + rng.standard_normal(n), pareto(rng, n, 1.01)], 1))


def one_disjoint_axis(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 14: one axis on which the sets are 6 apart, among 1 to 1,000 axes on which they are equal."""
    yield from _disjoint(rng, n, turned=False)


def turned_disjoint_axis(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 14 under a random rotation of the space."""
    yield from _disjoint(rng, n, turned=True)


def _disjoint(rng: Rng, n: int, turned: bool) -> Iterator[Pair]:
    for equal in np.unique(np.logspace(0, 3, 20).astype(int)):
        real, synthetic = rng.standard_normal((2, n, equal + 1))
        synthetic[:, 0] += 6
        turn = rotation(rng, equal + 1) if turned else np.eye(equal + 1)
        yield Pair("all", equal, real @ turn, synthetic @ turn)


def rounded(rng: Rng, n: int) -> Iterator[Pair]:
    """Check 15: one of the sets is rounded to whole numbers; the standard deviation of both goes from 1 to 1,000."""
    for case in ("real rounded", "synthetic rounded"):
        for sd in np.logspace(0, 3, 20):
            real, synthetic = sd * rng.standard_normal((2, n, 1))
            if case == "real rounded":
                yield Pair(case, sd, np.round(real), synthetic)
            else:
                yield Pair(case, sd, real, np.round(synthetic))


def tight_and_wide(rng: Rng, n: int) -> Iterator[Pair]:
    """A tight mode (sd 0.05) and a sparse mode (sd 1), 8 apart on the diagonal; the generator drops one of them."""

    def draw(tight: float) -> np.ndarray:
        modes = rng.random((n, 1)) < tight
        return rng.standard_normal((n, 2)) * np.where(modes, 0.05, 1.0) + np.where(modes, 0.0, 8.0)

    real = draw(0.5)
    for dropped in np.linspace(0, 1, 11):
        yield Pair("the sparse mode is dropped", dropped, real, draw(1 / (2 - dropped)))
    for dropped in np.linspace(0, 1, 11):
        yield Pair("the tight mode is dropped", dropped, real, draw((1 - dropped) / (2 - dropped)))


def binary_columns(rng: Rng, n: int) -> Iterator[Pair]:
    """20 columns of zeros and ones; a growing share of the synthetic rows is uniform on [0, 1] instead."""
    real = rng.integers(0, 2, (n, AXES)).astype(float)
    for share in np.linspace(0, 1, 11):
        synthetic = rng.integers(0, 2, (n, AXES)).astype(float)
        synthetic[: round(share * n)] = rng.random((round(share * n), AXES))
        yield Pair(f"d = {AXES}", share, real, synthetic)


def contamination(rng: Rng, n: int) -> Iterator[Pair]:
    """A growing share of the synthetic points is 10 away on every axis (after arXiv:2507.01761)."""
    for d in (2, 32):
        real = rng.standard_normal((n, d))
        for share in np.linspace(0, 1, 11):
            synthetic = rng.standard_normal((n, d))
            synthetic[: round(share * n)] += 10
            yield Pair(f"d = {d}", share, real, synthetic)


PUBLISHED = (
    Check("1", "the mean moves", moving_mean, criteria.bell_at(0), criteria.least_at(0)),
    Check("2", "the mean moves, an outlier", moving_mean_with_outlier, criteria.bell_at(0), criteria.least_at(0)),
    Check("3", "the spread changes", changing_sd, criteria.spread, criteria.least_at(1)),
    Check("4", "modes fade together", simultaneous_drop, criteria.dropping(47), criteria.least_at(0)),
    Check("5", "modes vanish in turn", sequential_drop, criteria.dropping(4), criteria.least_at(0)),
    Check("6", "modes lost, modes invented", drop_and_invention, criteria.lost_or_invented, criteria.least_at(5)),
    Check("7", "surfaces of spheres", spheres, criteria.bell_at(1), criteria.least_at(1)),
    Check("8", "cubes, both sets grow", growing_cubes, criteria.overlapping, criteria.settled),
    Check("9", "cubes, one set grows", growing_synthetic_cube, criteria.overlapping, criteria.settled),
    Check("10", "a ball in a torus", ball_and_torus, criteria.apart_and_converged, criteria.settled),
    Check("11", "two modes as one", two_modes_as_one, criteria.merging, criteria.least_at(0)),
    Check("12", "an axis changes its unit", scaled_axis, criteria.apart_and_flat, criteria.unchanged),
    Check("13", "a heavy axis", heavy_axis, criteria.bell_at(0), criteria.least_at(0)),
    Check("14", "one disjoint axis of many", one_disjoint_axis, criteria.apart_and_flat, criteria.unchanged),
    Check("15", "rounded numbers", rounded, criteria.discrete, criteria.finer),
)
HARD = (
    Check("8r", "check 8, turned", growing_turned_cubes, criteria.overlapping, criteria.settled, "8"),
    Check("9r", "check 9, turned", growing_turned_synthetic_cube, criteria.overlapping, criteria.settled, "9"),
    Check("12r", "check 12, turned", turned_scaled_axis, criteria.apart_and_flat, criteria.unchanged, "12"),
    Check("14r", "check 14, turned", turned_disjoint_axis, criteria.apart_and_flat, criteria.unchanged, "14"),
    Check("tight", "a tight and a sparse mode", tight_and_wide, criteria.dropping(9), criteria.least_at(0)),
    Check("binary", "binary columns", binary_columns, criteria.contaminated_columns, criteria.least_at(0)),
    Check("junk", "a growing share of junk", contamination, criteria.linear, criteria.least_at(0)),
)
CHECKS = {check.name: check for check in (*PUBLISHED, *HARD)}
TURNED = {check.published: check.name for check in HARD if check.published}
