"""The family of fidelity and diversity metrics that were made after precision, recall, density and coverage, and RKE.

`symmetric_precision`, `symmetric_recall` (Khayatkhoei & AbdAlmageed 2023, k = 5): the smaller of two shares, that of the points
in the other set's balls and that of the balls with a point of the other set.

`probabilistic_precision`, `probabilistic_recall` (Park & Kim 2023, k = 4): the mean of 1 - prod min(distance / R, 1) over the
other set. R is 1.2 times the mean distance to the fourth neighbour there.

`clipped_density`, `clipped_coverage` (Salvy, Talbot & Thirion 2026, k = 5): nothing counts too much, and the scale
is linear: a share of junk takes this share away.

`alpha_precision`, `beta_recall` (Alaa et al. 2022): how far the curves of nested supports are from the diagonal.

`rke` (Jalali, Li & Farnia 2023): 1 / mean squared similarity, the number of `vendi` of order 2.

The features are taken as they are. Each number is computed only where its name is given. `ganbench.sanity.pairs` has the same
pairs in the units of the field's examination.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from scipy.special import stdtrit

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._manifolds import opened
from ganbench.metrics._neighbours import distances_of, knn, knn_self, pairs_in_balls
from ganbench.metrics._order import like, shuffled
from ganbench.metrics.vendi import units
from ganbench.statistics import ALPHA, normal

K_SYMMETRIC, K_CLIPPED, K_PROBABILISTIC = 5, 5, 4
REACH = 1.2  # of the probabilistic pair, in mean distances to the fourth neighbour
LEVELS = np.linspace(0, 1, 30)  # of the nested supports
PARTS = 10  # of either set, for the jackknife
LOWEST = 1 - 2 * float(LEVELS.sum()) * float(
    LEVELS[1]
)  # of alpha-precision: by rectangles, a curve of zeros is below 0

Value = Callable[[np.ndarray, np.ndarray], float]  # generated `[n, d]` and held-out samples `[m, d]` to a value


def _card(answers: str, paper: str, low: float = 0.0) -> Card:
    return Card(answers, "target", (low, 1.0), 20, paper, 1, {"copies": "0"}, on_request=True)


SYMMETRIC = "Khayatkhoei & AbdAlmageed 2023, arXiv:2306.09618"
PROBABILISTIC = "Park & Kim 2023, arXiv:2309.01590"
CLIPPED = "Salvy, Talbot & Thirion 2026, arXiv:2507.01761"
ALPHA_BETA = "Alaa et al. 2022, arXiv:2102.08921"
CARDS: Mapping[str, Card] = {
    "symmetric_precision": _card("Do samples lie among real samples, and real samples among the balls of samples?", SYMMETRIC),
    "symmetric_recall": _card("Do real samples lie among samples, and samples among the balls of real samples?", SYMMETRIC),
    "probabilistic_precision": _card("How probably does a sample belong to the support of the data?", PROBABILISTIC),
    "probabilistic_recall": _card("How probably does a real sample belong to the support of the samples?", PROBABILISTIC),
    "clipped_density": _card("What share of the samples is as good as real samples are?", CLIPPED),
    "clipped_coverage": _card("What share of the samples would cover the data as well, if the rest were junk?", CLIPPED),
    "alpha_precision": _card("Do the samples fill centre and border of the data in the right shares?", ALPHA_BETA, LOWEST),
    "beta_recall": _card("Do the centre and the border of the samples reach the right shares of the data?", ALPHA_BETA, LOWEST),
    "rke": Card(
        answers="How many entirely different samples would repeat as often as the generated ones are alike?",
        better="target",
        range=(1.0, float("inf")),
        minimum=2,
        paper="Jalali, Li & Farnia 2023 (NeurIPS); Ospanov & Farnia 2024, arXiv:2410.21719",
        version=1,
        responds={"copies": "0"},
        on_request=True,
    ),
}  # fmt: skip


def symmetric(gen: np.ndarray, ref: np.ndarray) -> tuple[float, float]:
    """Symmetric precision and recall: open balls to the fifth neighbour, with the rule of `_manifolds` for radius 0."""
    of_gen, of_ref = (opened(_radius(x, K_SYMMETRIC)) for x in (gen, ref))
    precise, covered = _counts(gen, ref, of_ref)
    reaching, recalled = _counts(gen, ref, of_gen[:, None])
    shares = [float((counts > 0).mean()) for counts in (precise, reaching, recalled, covered)]
    return min(shares[:2]), min(shares[2:])


def probabilistic(points: np.ndarray, support: np.ndarray) -> float:
    """Mean over `points` `[n, d]` of the probability that some point of `support` `[m, d]` supports it."""
    reach = REACH * float(_radius(support, K_PROBABILISTIC).mean())
    if not reach:
        return 0.0
    outside = np.zeros(len(points))  # logarithm of the probability that nothing supports the point
    for [(i, j)] in pairs_in_balls(points, support, np.full(len(support), reach)):
        with np.errstate(divide="ignore"):  # a point that coincides with another one is supported
            outside += np.bincount(i, np.log(np.minimum(distances_of(points, support, i, j) / reach, 1)), len(points))
    return float(-np.expm1(outside).mean())


def of_clipped_density(gen: np.ndarray, ref: np.ndarray) -> float:
    """Clipped Density: closed balls, no larger than the median ball; the unit is that of real samples without their own."""
    radius = _radius(ref, K_CLIPPED)
    radius = np.minimum(radius, np.median(radius))
    made, real = _counts(gen, ref, radius)[0], _counts(ref, ref, radius)[0] - 1
    of_made, of_real = (float(np.minimum(counts / K_CLIPPED, 1).mean()) for counts in (made, real))
    return min(of_made / of_real, 1.0) if of_real else 0.0


def of_clipped_coverage(gen: np.ndarray, ref: np.ndarray) -> float:
    """Clipped Coverage: samples nearer than the fifth neighbour, at most five, on the scale of `clipped_curve`."""
    held = _counts(gen, ref, opened(_radius(ref, K_CLIPPED)))[1]
    raw = float(np.minimum(held / K_CLIPPED, 1).mean())
    curve = clipped_curve(len(ref), len(gen)).copy()
    curve[:K_CLIPPED] = 0  # as in the authors' code
    return float(np.searchsorted(curve, raw) / len(curve))


@cache
def clipped_curve(n: int, m: int) -> np.ndarray:
    """Mean of the raw Clipped Coverage if 0 ... m of m synthetic points follow the law of n real points, float64 `[m + 1]`.

    Among j such points, the number J that are nearer to a real point than its k-th neighbour has a beta-binomial law. The raw
    value is min(J, k) / k.
    """
    from scipy.stats import betabinom  # slow to import

    good = np.arange(m + 1)
    missing = [(K_CLIPPED - i) * betabinom.pmf(i, good, K_CLIPPED, n - K_CLIPPED) for i in range(K_CLIPPED)]
    return np.asarray(1 - np.sum(missing, axis=0) / K_CLIPPED)


def integrated(
    real: np.ndarray, nearest: np.ndarray, synthetic: np.ndarray, centre: np.ndarray | float
) -> tuple[float, float]:
    """Integrated alpha-precision and beta-recall.

    The real points in the ball around the centre that holds a share alpha of them are the alpha-support. If both laws are
    equal, the share of synthetic points in this ball is alpha. For the recall, the share of real points is counted that have a
    synthetic neighbour as near as their nearest real one, by the distance of this neighbour from the mean synthetic point. Both
    curves are compared with the diagonal, by rectangles as in the authors' code.

    Args:
        real: float64 `[n, d]`.
        nearest: the distance from each real point to its nearest other one, `[n]`.
        synthetic: float64 `[m, d]`.
        centre: of the real points, `[d]`.
    """
    from_centre, of_synthetic = (np.linalg.norm(x - centre, axis=1) for x in (real, synthetic))
    inside = of_synthetic <= np.quantile(from_centre, LEVELS)[:, None]
    distance, neighbour = knn(real, synthetic, 1)
    from_mean = np.linalg.norm(synthetic[neighbour[:, 0]] - synthetic.mean(0), axis=1)
    reached = (distance[:, 0] <= nearest) & (from_mean <= np.quantile(from_mean, LEVELS)[:, None])
    precision, recall = (
        float(1 - 2 * np.abs(LEVELS - curve.mean(1)).sum() * (LEVELS[1] - LEVELS[0])) for curve in (inside, reached)
    )
    return precision, recall


def alpha_beta(gen: np.ndarray, ref: np.ndarray) -> tuple[float, float]:
    """`integrated` in the features themselves: the centre is the mean of the held-out samples, and no network maps them."""
    return integrated(ref, _radius(ref, 1), gen, ref.mean(0))


def similarity(x: np.ndarray) -> np.ndarray:
    """The mean squared cosine of each row of `x` `[n, d]` and all rows, float64 `[n]`. RKE is 1 / its mean."""
    u = units(np.asarray(x))
    if len(u) > u.shape[1]:
        return np.asarray(((u @ (u.T @ u)) * u).sum(1) / len(u))
    return np.asarray(np.square(u @ u.T).mean(1))


def rke(gen: np.ndarray, ref: np.ndarray) -> Score:
    """Renyi kernel entropy of order 2 of `gen` `[n, d]` under the cosine, as a number of different samples.

    It is `vendi` with squares in the place of logarithms, and it needs fewer samples. `perfect` is the score of n random
    samples of `ref`. The interval is the delta method's on the logarithm, for the expected score at this n.
    """
    if gen.shape[1] == 1:
        raise NotApplicable("is for more than one dimension: on the line all directions are alike")
    alike = similarity(gen)
    value = max(1 / float(alike.mean()), 1.0)
    low, high = np.exp(normal(-np.log(alike.mean()), 2 * alike / alike.mean()))
    real = like(len(gen), ref)
    perfect = None if real is None else 1 / float(similarity(real).mean())
    ends = min(max(float(low), 1.0), value), max(float(high), value)  # rounding can put the value outside
    return Score(value, ends, perfect)


def _radius(x: np.ndarray, k: int) -> np.ndarray:
    """The distance from each point of `x` `[n, d]` to its k-th nearest other point, float64 `[n]`."""
    radius: np.ndarray = knn_self(x, k)[0][:, -1]
    return radius


def _counts(gen: np.ndarray, ref: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of pairs within closed balls of these radii, for each row of `gen` and for each row of `ref`."""
    of_gen, of_ref = np.zeros(len(gen), np.int64), np.zeros(len(ref), np.int64)
    for [(i, j)] in pairs_in_balls(gen, ref, radii):
        of_gen += np.bincount(i, minlength=len(gen))
        of_ref += np.bincount(j, minlength=len(ref))
    return of_gen, of_ref


def _scored(value: Value, card: Card, gen: Any, ref: Any, train: Any) -> Score:
    """A metric of this family with its interval and the score of n training samples.

    The interval is Student's. Its error is that of a jackknife that leaves out a tenth of one set at a time, so it covers new
    samples of the generator and a new reference. It costs twenty further scores.
    """
    gen, ref = np.asarray(gen), np.asarray(ref)
    real = like(len(gen), train)
    measured = value(gen, ref)
    sides = (
        [value(gen[rows], ref) for rows in _without_parts(gen)],
        [value(gen, ref[rows]) for rows in _without_parts(ref)],
    )
    error = float(np.sqrt(sum((PARTS - 1) * np.var(side) for side in sides)))
    half = float(stdtrit(PARTS - 1, 1 - ALPHA / 2)) * error
    low, high = card.range
    interval = max(measured - half, low), min(measured + half, high)
    return Score(measured, interval, None if real is None else value(np.asarray(real), ref))


def _without_parts(x: np.ndarray) -> list[np.ndarray]:
    """The rows of `x` `[n, d]` without each tenth of them. The tenths do not depend on the order of the rows."""
    order = shuffled(x, np.random.default_rng(0))
    return [np.delete(order, slice(part, None, PARTS)) for part in range(PARTS)]


def symmetric_precision(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Symmetric precision of `gen` `[n, d]` against `ref` `[m, d]`."""
    return _scored(lambda x, y: symmetric(x, y)[0], CARDS["symmetric_precision"], gen, ref, train)


def symmetric_recall(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Symmetric recall."""
    return _scored(lambda x, y: symmetric(x, y)[1], CARDS["symmetric_recall"], gen, ref, train)


def probabilistic_precision(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """P-precision: see `probabilistic`."""
    return _scored(probabilistic, CARDS["probabilistic_precision"], gen, ref, train)


def probabilistic_recall(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """P-recall: the same with the sets exchanged."""
    return _scored(lambda x, y: probabilistic(y, x), CARDS["probabilistic_recall"], gen, ref, train)


def clipped_density(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Clipped Density."""
    return _scored(of_clipped_density, CARDS["clipped_density"], gen, ref, train)


def clipped_coverage(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Clipped Coverage."""
    return _scored(of_clipped_coverage, CARDS["clipped_coverage"], gen, ref, train)


def alpha_precision(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Integrated alpha-precision: see `integrated`."""
    return _scored(lambda x, y: alpha_beta(x, y)[0], CARDS["alpha_precision"], gen, ref, train)


def beta_recall(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Integrated beta-recall."""
    return _scored(lambda x, y: alpha_beta(x, y)[1], CARDS["beta_recall"], gen, ref, train)
