"""Which points lie in the balls around other points: shared by precision, recall, density and coverage.

One pass over the pairs of points serves precision, density and coverage with their standard errors. Recall looks at the balls
around the samples, so it has a pass of its own: a metric that is computed alone searches only the neighbours that it needs.

A ball of density and coverage is open: it holds the samples that are nearer than the fifth neighbour of its centre. If more
than five real points coincide, this ball would be empty, and exact copies would not count. So a ball of radius 0 is closed.
It holds the samples that are equal to its centre. If c real points coincide there, c such balls lie at one place, and each
of them counts 5 / c. Then a generator of the same discrete distribution has density 1 there, as elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from ganbench.metrics._neighbours import distances_of, nearest, pairs_in_balls
from ganbench.metrics._order import shuffled
from ganbench.metrics._shared import remembered
from ganbench.statistics import ALPHA, Interval

K_MANIFOLD = 3  # precision and recall: closed balls that reach to this neighbour
K_DENSITY = 5  # density and coverage: open balls that reach to this neighbour
GROUPS = 20  # parts of either set that the jackknife leaves out, one at a time
ALL = GROUPS  # the column of a table in which nothing is left out
NEIGHBOURS = K_DENSITY + 7  # some more, which take the places of those that are left out


class Manifolds(NamedTuple):
    """Which samples `[n, d]` lie in the balls around reference points `[m, d]`."""

    precise: np.ndarray  # bool [n]: samples in a closed ball around a reference point
    balls: np.ndarray  # float64 [n]: number of open balls around reference points that contain the sample
    covered: np.ndarray  # bool [m]: reference points whose open ball contains a sample


class Errors(NamedTuple):
    """Standard errors of three scores: over new samples of the generator and a new reference."""

    precision: float
    density: float
    coverage: float


@remembered
def manifolds(gen: np.ndarray, ref: np.ndarray) -> Manifolds:
    """The relations of `gen` `[n, d]` and `ref` `[m, d]`, exact. `measured` gives the same, with errors."""
    of_ref = nearest(ref)[0]
    radius = of_ref[:, K_DENSITY - 1]
    return within(gen, ref, of_ref[:, K_MANIFOLD - 1], opened(radius), weights(ref, radius))


@remembered
def recalled(gen: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """Which points of `ref` `[m, d]` lie in a closed ball around a sample of `gen` `[n, d]`, bool `[m]`, exact.

    `recalled_measured` gives the same, with an error.
    """
    return inside(ref, gen, nearest(gen)[0][:, K_MANIFOLD - 1])


def opened(radius: np.ndarray) -> np.ndarray:
    """Radii of closed balls with the same content as open balls of `radius`: the largest float below each. 0 stays 0."""
    closed: np.ndarray = np.where(radius > 0, np.nextafter(radius, -1.0), 0.0)
    return closed


def weights(ref: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """What the ball of each reference point counts, float64 `[m]`: 1, or 5 / c where c reference points coincide."""
    counts = np.ones(len(ref))
    flat = np.flatnonzero(radius == 0)
    if len(flat):
        _, place, together = np.unique(ref[flat], axis=0, return_inverse=True, return_counts=True)
        counts[flat] = K_DENSITY / together[place.ravel()]
    return counts


def inside(x: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Which points of `x` `[n, d]` lie in a closed ball around one of `centres` `[m, d]` with `radii` `[m]`, bool `[n]`."""
    result = np.zeros(len(x), bool)
    for [(i, _)] in pairs_in_balls(x, centres, radii):
        result[i] = True
    return result


def within(gen: np.ndarray, ref: np.ndarray, radii: np.ndarray, dense: np.ndarray, weight: np.ndarray) -> Manifolds:
    """The relations for closed balls of given radii.

    Args:
        gen, ref: samples `[n, d]` and reference `[m, d]`.
        radii: `[m]`, of the balls of precision.
        dense, weight: radii `[m]` of the balls of density, and what each ball counts.
    """
    n, m = len(gen), len(ref)
    relations = Manifolds(np.zeros(n, bool), np.zeros(n), np.zeros(m, bool))
    for (i, _), (i_open, j_open) in pairs_in_balls(gen, ref, radii, dense):
        relations.precise[i] = True
        relations.balls[:] += np.bincount(i_open, weight[j_open], n)
        relations.covered[j_open] = True
    return relations


def interval(value: float, error: float, given: Interval, most: float) -> Interval:
    """Student's interval of a score with a jackknifed standard error, within [0, most].

    It is at least as wide as `given`, the interval for fixed balls. The error alone would be 0 where all samples agree.
    """
    half = float(stdtrit(GROUPS - 1, 1 - ALPHA / 2)) * error
    return max(min(given[0], value - half), 0.0), min(max(given[1], value + half), most)


@remembered
def measured(gen: np.ndarray, ref: np.ndarray) -> tuple[Manifolds, Errors]:
    """The relations of `gen` `[n, d]` and `ref` `[m, d]`, as `manifolds` gives them, and the standard errors of the scores.

    The errors are those of a jackknife that leaves out a twentieth of one set at a time (Efron & Tibshirani 1993, section
    11.5). It repeats no sample, as a bootstrap does. A repeated sample would be its own nearest neighbour.
    """
    n, m = len(gen), len(ref)
    a, b = _groups(gen), _groups(ref)
    closed, dense = _radii(ref, b, K_MANIFOLD), opened(_radii(ref, b, K_DENSITY))
    weight = weights(ref, dense[:, ALL])
    precise, covered = (np.zeros((size, GROUPS + 1), bool) for size in (n, m))
    balls = np.zeros(n)
    covering = np.zeros((m, GROUPS), bool)  # the balls of all reference points, and the groups of the samples in them
    of_gen, of_ref = (
        np.zeros(GROUPS),
        np.zeros(GROUPS + 1),
    )  # sums over balls: by group of samples; without a group of balls
    for near, (i, j) in pairs_in_balls(gen, ref, closed.max(1), dense.max(1)):
        _mark(precise, *near, b, distances_of(gen, ref, *near), closed)
        distance = distances_of(gen, ref, i, j)
        _mark(covered, j, j, b, distance, dense)
        for column in range(GROUPS + 1):
            of_ref[column] += weight[j[(b[j] != column) & (distance <= dense[j, column])]].sum()
        held = distance <= dense[j, ALL]
        covering[j[held], a[i[held]]] = True
        of_gen += np.bincount(a[i[held]], weight[j[held]], GROUPS)
        balls += np.bincount(i[held], weight[j[held]], n)
    left_a, left_b = n - np.bincount(a, minlength=GROUPS), m - np.bincount(b, minlength=GROUPS)
    by_others = (covering.sum(1, keepdims=True) > covering).mean(0)
    relations = Manifolds(precise[:, ALL], balls, covered[:, ALL])
    return relations, Errors(
        precision=_error(_means(precise[:, ALL], a), precise[:, :ALL].mean(0)),
        density=_error((of_ref[ALL] - of_gen) / left_a / K_DENSITY, of_ref[:ALL] / n / K_DENSITY),
        coverage=_error(by_others, covered[:, :ALL].sum(0) / left_b),
    )


def recalled_measured(gen: np.ndarray, ref: np.ndarray) -> tuple[np.ndarray, float]:
    """The points of `ref` `[m, d]` that `recalled` finds, and the standard error of recall, by the jackknife of `measured`."""
    a, b = _groups(gen), _groups(ref)
    radii = _radii(gen, a, K_MANIFOLD)
    near = np.zeros((len(ref), GROUPS + 1), bool)
    for [(j, i)] in pairs_in_balls(ref, gen, radii.max(1)):
        _mark(near, j, i, a, distances_of(ref, gen, j, i), radii)
    return near[:, ALL], _error(near[:, :ALL].mean(0), _means(near[:, ALL], b))


def _groups(x: np.ndarray) -> np.ndarray:
    """The group of each row of `x` `[n, d]`, int64 `[n]`. It depends on the set of rows, and not on their order."""
    group = np.empty(len(x), np.int64)
    group[shuffled(x, np.random.default_rng(0))] = np.arange(len(x)) % GROUPS
    return group


def _radii(x: np.ndarray, groups: np.ndarray, k: int) -> np.ndarray:
    """Distance of each point of `x` `[n, d]` to its k-th nearest other point outside of a group, float64 `[n, GROUPS + 1]`.

    The last column leaves no group out. If too few of the nearest points are left, the farthest of them stands in.
    """
    distances, ids = (part[:, :NEIGHBOURS] for part in nearest(x))
    of_neighbours = groups[ids]
    place = np.empty((len(x), GROUPS + 1), np.int64)
    for column in range(GROUPS + 1):
        left = (of_neighbours != column).cumsum(1)
        place[:, column] = np.where(left[:, -1] < k, ids.shape[1] - 1, (left >= k).argmax(1))
    radii: np.ndarray = np.take_along_axis(distances, place, 1)
    return radii


def _mark(
    table: np.ndarray,
    rows: np.ndarray,
    centres: np.ndarray,
    groups: np.ndarray,
    distances: np.ndarray,
    radii: np.ndarray,
) -> None:
    """Mark in `table` `[rows, GROUPS + 1]` what lies in a ball, when the centres of a group are left out."""
    for column in range(GROUPS + 1):
        kept = (groups[centres] != column) & (distances <= radii[centres, column])
        table[rows[kept], column] = True


def _means(x: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean of `x` `[n]` without each group, `[GROUPS]`."""
    means: np.ndarray = (x.sum() - np.bincount(groups, x, GROUPS)) / (len(x) - np.bincount(groups, minlength=GROUPS))
    return means


def _error(*sides: np.ndarray) -> float:
    """Standard error from the scores `[GROUPS]` without each group of the samples, and without each group of the reference."""
    return float(np.sqrt(sum((GROUPS - 1) * side.var() for side in sides)))
