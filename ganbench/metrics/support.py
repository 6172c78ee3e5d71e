"""Number of different samples, by the birthday paradox (Arora & Zhang 2017, arXiv:1706.08224), with an interval.

Among n samples there are M = n (n - 1) / 2 pairs. C pairs are duplicates. beta = C / M is an unbiased estimate of the chance
that two samples are equal. 1 / beta is the effective support. A generator with 1 / beta equally likely outputs would repeat
as often. The effective support is a lower bound on the support. Rare outputs hardly change it.

No human judges the pairs. A pair is a duplicate if its two samples are nearer than nearly all pairs of real samples. They
must be near in the features. Images must be near in the pixels too, because a network may map unlike images to one point.

- The thresholds are calibrated on one half of the held-out samples.
- The other half gives the rate at which pairs of real samples pass as duplicates. Its classes are weighted like the
  generator's. This rate is subtracted.
- Duplicates need not be exact. Held-out images are disturbed lightly. Se is the share of disturbed images that pass as
  duplicates of their originals. Se corrects the count (Rogan & Gladen 1978).

Samples that lie closer together than real samples give duplicates too, although no output is repeated. Two numbers tell the
two cases apart. Neither number depends on how close together the samples lie.

- The transitivity of the graph of duplicates. Two duplicates of a repeated output are duplicates of each other, so the
  transitivity is near 1. Neighbours on a curve have a transitivity of 3/4, and in more dimensions it is lower (Dall &
  Christensen 2002, arXiv:cond-mat/0203026).
- The slope: how fast the duplicates, without those expected by chance, become more with the threshold. It is 0 for
  repeated outputs. For continuous data it is their dimension, so it is at least 1.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist
from scipy.special import gammaincinv

from ganbench.metrics import Card, Score
from ganbench.metrics._neighbours import NEAREST, distances_of, nearest, pairs_within
from ganbench.metrics._order import shuffled
from ganbench.metrics._rows import take
from ganbench.statistics import ALPHA, Interval, Z, difference, share

CARD = Card(
    answers="How many different samples can the generator make?",
    better="higher",
    range=(1.0, float("inf")),
    minimum=200,
    paper="Arora & Zhang 2017, arXiv:1706.08224",
    version=3,
    responds={"support": "-", "noise": "0", "copies": "0", "outliers": "0"},
    quantities={"lower_bound": "bound"},
)

CALIBRATION_PAIRS = 50  # real pairs below the threshold, so that their number is exact to about a seventh
CALIBRATION_SAMPLES = 4000  # most samples of the first half: all their pairs are held at once
# 95 % bound on M beta at C = 0, for every distribution: the worst is one heavy atom of mass x / n among outputs that
# never repeat, unseen twice with probability (1 + x) exp(-x) = 0.05 at x = 4.744; then M beta = x^2 / 2.
NONE_SEEN = 11.26
INNER = 0.8  # the slope compares a radius with this share of it
# Radii at which repeats are looked for, in thresholds. At half a threshold hardly any chance duplicates are left, so repeats
# that differ little are seen among many outputs. At the whole threshold repeats may differ more.
RADII = (1.0, 0.5)
SHELLS = tuple(sorted({*RADII, *(INNER * radius for radius in RADII)}))
TRANSITIVE = 0.8  # above the 3/4 of a curve
FLAT = 0.6  # below the slope of a curve, 1, with room for curves whose samples are bunched, as behind a saturated tanh
TRIANGLES = 10  # with fewer of them the error of the transitivity is not known
GRAPH = 2000  # most samples whose triangles are counted: a matrix product of this size
OVERDISPERSED = 1.2
SENSITIVE = 0.9  # if fewer disturbed copies pass, the number depends more on the correction than on counts
CLOSEST = NEAREST  # pairs that are shown

Estimate = tuple[float, Interval]  # a rate and its interval


@dataclass(frozen=True)
class Shape:
    """What the duplicates within a radius look like: repeated outputs, or continuous samples that lie close together."""

    triangles: int
    transitivity: float | None
    transitivity_interval: Interval | None
    slope: float | None
    slope_interval: Interval | None

    @property
    def repeats(self) -> bool:
        """Whether both numbers exclude continuous samples."""
        if self.triangles < TRIANGLES or self.transitivity_interval is None or self.slope_interval is None:
            return False
        return self.transitivity_interval[0] > TRANSITIVE and self.slope_interval[1] < FLAT

    @property
    def otherwise(self) -> str:
        """The verdict on samples that do not clearly repeat."""
        open_ = self.transitivity_interval is not None and self.transitivity_interval[1] < TRANSITIVE
        steep = self.slope_interval is not None and self.slope_interval[0] > FLAT
        return "density contraction" if open_ or steep else "repeats or contraction"


@dataclass(frozen=True)
class Duplicates:
    """The duplicate pairs of a set of samples."""

    i: np.ndarray  # int64 [C]
    j: np.ndarray
    shell: np.ndarray  # int8 [C]: the pair is within SHELLS[shell] thresholds, and not within the radius before it
    n: int  # number of samples

    def within(self, radius: float) -> Duplicates:
        """The pairs within one of `SHELLS`."""
        near = self.shell <= SHELLS.index(radius)
        return Duplicates(self.i[near], self.j[near], self.shell[near], self.n)

    @property
    def pairs(self) -> float:
        """The number of all pairs, M."""
        return self.n * (self.n - 1) / 2

    @property
    def degrees(self) -> np.ndarray:
        """The number of duplicates of each sample, int64 `[n]`."""
        return np.bincount(np.concatenate([self.i, self.j]), minlength=self.n)


def support(
    gen: np.ndarray,
    ref: np.ndarray,
    rng: np.random.Generator,
    gen_pixels: np.ndarray | None = None,
    ref_pixels: np.ndarray | None = None,
    gen_logits: np.ndarray | None = None,
    ref_logits: np.ndarray | None = None,
    ref_disturbed: np.ndarray | None = None,
    ref_disturbed_pixels: np.ndarray | None = None,
) -> Score:
    """Effective support of the generator that made `gen` `[n, d]`, n independent samples.

    `value` is None unless outputs repeat: the verdict is "discrete support". Then only `lower_bound` is known.

    The interval allows for outputs of unequal probability. It also allows for every sensitivity between two ends: the lower
    end of Se's own interval (copies that are disturbed like `ref_disturbed`), and 1 (exact copies).

    Extras:
        pairs: C.
        alpha: the calibrated share of real pairs.
        thresholds: of the features, and of the pixels.
        sensitivity: Se. It is None without a disturbed set, and then 1 is assumed.
        baseline: the rate of duplicates among real samples, with the classes weighted like the generator's.
        ratio: beta divided by `baseline`. `ratio_interval` is its interval.
        lower_bound: the lower end of the 95 % interval.
        support_bound: if all n samples are different, the support at which this has the probability 1/20.
        batch_50: Arora's batch size: half of all batches of this size contain a duplicate.
        transitivity, transitivity_interval: the share of pairs of duplicates of a sample that are duplicates themselves,
            within `INNER` thresholds. None without such pairs.
        slope, slope_interval: d log odds / d log threshold, for the odds (C - M baseline) / (M - C). None if the
            duplicates are not more than expected by chance.
        verdict: "no evidence of finite support", "discrete support", "density contraction", "repeats or contraction" (too
            few duplicates to tell) or "duplicate rule too strict".
        closest: pairs of rows of `gen`, with their distance in the features.
    """
    n = len(gen)
    order = shuffled(ref, rng)
    half_a, half_b = order[: len(ref) // 2][:CALIBRATION_SAMPLES], order[len(ref) // 2 :]
    generated, held_out, disturbed = [gen], [ref], [ref_disturbed]
    if gen_pixels is not None and ref_pixels is not None:
        generated.append(gen_pixels)
        held_out.append(ref_pixels)
        disturbed.append(ref_disturbed_pixels)
    alpha, thresholds = _calibrate([x[half_a] for x in held_out])
    duplicates = _duplicates(generated, thresholds)
    real = _duplicates([take(x, half_b) for x in held_out], thresholds)
    sensitivity, least = _sensitivity(held_out, disturbed, thresholds, half_b)

    gen_class, ref_class = np.zeros(n, np.int64), np.zeros(len(half_b), np.int64)
    if gen_logits is not None and ref_logits is not None and gen_logits.ndim == 2:
        gen_class, ref_class = gen_logits.argmax(1), ref_logits[half_b].argmax(1)
    baseline, baseline_interval = _baseline(real, gen_class, ref_class)

    beta, beta_interval = collision_rate(duplicates.degrees, baseline)
    low, high = difference(beta, beta_interval, baseline, baseline_interval)
    most = high - min(beta - baseline, 0.0)  # a negative difference is chance, and must not shrink the bound
    smallest = max(1.0, (least - baseline) / most)
    largest = (1 - baseline) / low if low > 0 else None
    passing = 1.0 if sensitivity is None else sensitivity
    chance = {radius: _baseline(real.within(radius), gen_class, ref_class) for radius in SHELLS}
    rows = shuffled(gen, rng)[:GRAPH]
    shapes = [_shape(duplicates, chance, radius, rows) for radius in RADII]
    verdict = "no evidence of finite support"
    if largest is not None:
        repeats = any(shape.repeats for shape in shapes)
        verdict = "discrete support" if repeats else shapes[0].otherwise
    value = max(1.0, (passing - baseline) / (beta - baseline)) if verdict == "discrete support" else None
    if passing < SENSITIVE:
        verdict = "duplicate rule too strict"
    extra: dict[str, Any] = {
        "pairs": len(duplicates.i),
        "alpha": alpha,
        "thresholds": thresholds,
        "sensitivity": sensitivity,
        "baseline": baseline,
        "ratio": beta / baseline if baseline > 0 else None,
        "ratio_interval": _ratio_interval(beta, beta_interval, baseline, baseline_interval),
        "lower_bound": smallest,
        "support_bound": duplicates.pairs / -np.log(ALPHA) if beta == 0 else None,
        "batch_50": 0.5 + float(np.sqrt(0.25 + 2 * np.log(2) * value)) if value else None,
        "transitivity": shapes[0].transitivity,
        "transitivity_interval": _listed(shapes[0].transitivity_interval),
        "slope": shapes[0].slope,
        "slope_interval": _listed(shapes[0].slope_interval),
        "verdict": verdict,
        "closest": _closest(gen),
    }
    if value is not None and largest is not None:
        return Score(value, (smallest, largest), None, extra)
    why = "finds no more duplicates than among real samples" if largest is None else "finds no clear repeats"
    return Score(None, None, None, extra, f"{why}; see lower_bound")


def collision_rate(degrees: np.ndarray, baseline: float = 0.0) -> tuple[float, Interval]:
    """beta, the chance that two samples are duplicates, and its interval. `degrees` int `[n]`: duplicates of each sample."""
    count, pairs = degrees.sum() / 2, len(degrees) * (len(degrees) - 1) / 2
    low, high = count_interval(count, count_variance(degrees, baseline))
    return float(count / pairs), (low / pairs, min(high / pairs, 1.0))


def count_variance(degrees: np.ndarray, baseline: float = 0.0) -> float:
    """Estimate of the variance of C: Hoeffding's for a U-statistic (1948).

    A wedge is a sample with two duplicates. The number of wedges shows how unequal the outputs' probabilities are. The last
    term is for false duplicates: real samples pass at the rate `baseline`. A generator of few outputs draws its false
    duplicates once, for all its samples.
    """
    n, count = len(degrees), degrees.sum() / 2
    pairs, wedges = n * (n - 1) / 2, (degrees * (degrees - 1.0)).sum() / 2
    beta = count / pairs
    return float(count * (1 - beta) + 2 * (wedges + 1) - 2 * pairs * (n - 2) * beta**2 + 2 * baseline * count**2)


def count_interval(count: float, variance: float) -> Interval:
    """Interval of the mean of a count, from the count and an estimate of its variance.

    It is Garwood's Poisson interval on the scale of phi = variance / mean. phi is widened if its own estimate is poor.
    """
    if count == 0:
        return 0.0, NONE_SEEN
    phi = max(1.0, variance / count)
    if phi > OVERDISPERSED:
        phi *= 1 + 1 / np.sqrt(count / phi + 1)
    low = phi * gammaincinv(count / phi, ALPHA / 2)
    high = phi * gammaincinv(count / phi + 1, 1 - ALPHA / 2)
    return float(low), float(high)


def _calibrate(spaces: list[np.ndarray]) -> tuple[float, list[float]]:
    """alpha, and a threshold per space: one quantile for all, at which a share alpha of real pairs passes in all."""
    distances = [pdist(x) for x in spaces]
    pairs = len(distances[0])
    size = -(-pairs // 100)  # only the nearest pairs of each space need to be sorted
    while True:
        ordered = [np.sort(np.partition(d, size - 1)[:size]) for d in distances]
        near = np.logical_and.reduce([d <= o[-1] for d, o in zip(distances, ordered, strict=True)])
        if near.sum() >= CALIBRATION_PAIRS:
            break
        size = min(10 * size, pairs)
    among = [d[near] for d in distances]

    def passing(rank: int) -> int:
        return int(np.logical_and.reduce([d <= o[rank] for d, o in zip(among, ordered, strict=True)]).sum())

    rank = bisect_left(range(size), CALIBRATION_PAIRS, key=passing)
    return CALIBRATION_PAIRS / pairs, [float(o[rank]) for o in ordered]


def _duplicates(spaces: list[np.ndarray], thresholds: list[float]) -> Duplicates:
    """Pairs within the threshold in every space."""
    kept_i, kept_j, shells = [], [], []
    for i, j, distance in pairs_within(spaces[0], thresholds[0]):
        scale = distance / thresholds[0] if thresholds[0] else distance
        for x, threshold in zip(spaces[1:], thresholds[1:], strict=True):
            d = distances_of(x, x, i, j)
            scale = np.maximum(scale, d / threshold if threshold else np.where(d > 0, np.inf, 0))
        shell = np.searchsorted(SHELLS, scale).astype(np.int8)
        near = shell < len(SHELLS)
        kept_i.append(i[near])
        kept_j.append(j[near])
        shells.append(shell[near])
    return Duplicates(np.concatenate(kept_i), np.concatenate(kept_j), np.concatenate(shells), len(spaces[0]))


def _shape(duplicates: Duplicates, chance: Mapping[float, Estimate], radius: float, rows: np.ndarray) -> Shape:
    """Transitivity within `INNER` of a radius, among `rows`, and the slope between the two radii, among all samples.

    Args:
        duplicates: of the generated samples.
        chance: the rate of real duplicates and its interval, by the radius.
        radius: one of `RADII`.
        rows: of the samples whose triangles are counted.
    """
    outer, inner = duplicates.within(radius), duplicates.within(INNER * radius)
    triangles, share_closed, closed_interval = transitivity(inner, rows)
    slope, slope_interval = slope_of(outer, inner, chance[radius], chance[INNER * radius])
    return Shape(triangles, share_closed, closed_interval, slope, slope_interval)


def transitivity(duplicates: Duplicates, rows: np.ndarray) -> tuple[int, float | None, Interval | None]:
    """The number of triangles among `rows`, and 3 triangles / wedges with its jackknife interval; None without wedges."""
    place = np.full(duplicates.n, -1)
    place[rows] = np.arange(len(rows))
    i, j = place[duplicates.i], place[duplicates.j]
    both = (i >= 0) & (j >= 0)
    linked = np.zeros((len(rows), len(rows)), np.float32)  # exact for counts below 2^24
    linked[i[both], j[both]] = linked[j[both], i[both]] = 1
    degrees = linked.sum(1, dtype=np.float64)
    triangles = np.einsum("ij,ij->i", linked @ linked, linked, dtype=np.float64) / 2  # with each sample
    wedges = degrees * (degrees - 1) / 2 + linked @ (degrees - 1)  # with each sample, in the middle or at an end
    closed, all_wedges = triangles.sum(), (degrees * (degrees - 1)).sum() / 2
    if not all_wedges:
        return 0, None, None
    left = all_wedges - wedges
    without = np.divide(closed - 3 * triangles, left, out=np.ones(len(rows)), where=left > 0)
    half = _jackknife(without)
    return (
        round(closed / 3),
        float(closed / all_wedges),
        (float(closed / all_wedges - half), float(closed / all_wedges + half)),
    )


def slope_of(
    outer: Duplicates, inner: Duplicates, chance_outer: Estimate, chance_inner: Estimate
) -> tuple[float | None, Interval | None]:
    """The slope between two radii and its interval; None if there are no more duplicates than by chance.

    The interval joins the jackknife over the generated samples with the intervals of both rates of chance (MOVER).
    """

    def between(outer_count: Any, inner_count: Any, pairs: float, outer_chance: float, inner_chance: float) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = [
                (c - pairs * p + 0.5) / (pairs - c + 0.5)
                for c, p in ((outer_count, outer_chance), (inner_count, inner_chance))
            ]
            return np.log(odds[0] / odds[1]) / -np.log(INNER)

    (far, far_interval), (near, near_interval) = chance_outer, chance_inner
    n, counts = outer.n, (len(outer.i), len(inner.i))
    slope = between(*counts, outer.pairs, far, near)
    fewer = (n - 1) * (n - 2) / 2
    without = between(counts[0] - outer.degrees, counts[1] - inner.degrees, fewer, far, near)
    ends = (
        between(*counts, outer.pairs, far_interval[1], near_interval[0]),
        between(*counts, outer.pairs, far_interval[0], near_interval[1]),
    )
    if not np.isfinite([slope, *ends, *without]).all():
        return None, None
    half = _jackknife(without)
    return float(slope), (
        float(slope - np.hypot(half, slope - ends[0])),
        float(slope + np.hypot(half, ends[1] - slope)),
    )


def _jackknife(without: np.ndarray) -> float:
    """Half of the 95 % interval of a number, from its values without each of n samples."""
    n = len(without)
    return float(Z * np.sqrt((n - 1) / n * np.square(without - without.mean()).sum()))


def _sensitivity(
    held_out: list[np.ndarray], disturbed: list[np.ndarray | None], thresholds: list[float], rows: np.ndarray
) -> tuple[float | None, float]:
    """Share of `rows` that pass as duplicates of their disturbed selves in every space, and its interval's lower end.

    Without a disturbed set: None, and 1.
    """
    passed = np.ones(len(rows), bool)
    for x, y, threshold in zip(held_out, disturbed, thresholds, strict=True):
        if y is None:
            return None, 1.0
        passed &= distances_of(x, y, rows, rows) <= threshold
    return float(passed.mean()), share(int(passed.sum()), len(rows))[0]


def _baseline(real: Duplicates, gen_class: np.ndarray, ref_class: np.ndarray) -> tuple[float, Interval]:
    """Rate of duplicates among real pairs whose classes are mixed like the generator's pairs, and its interval.

    The rate is the sum over pairs of classes a, b of P_ab B_ab. B_ab is the rate among real samples, and P_ab is the share of
    the generator's pairs. If the real half has no pair of two classes, this pair takes the overall rate.
    """
    n, m = len(gen_class), len(ref_class)
    k = int(max(gen_class.max(), ref_class.max())) + 1
    wanted = _class_pairs(np.bincount(gen_class, minlength=k)) / (n * (n - 1) / 2)
    present = _class_pairs(np.bincount(ref_class, minlength=k))
    seen = present > 0
    weight = np.divide(wanted, present, out=np.zeros((k, k)), where=seen)
    weight += wanted[~seen].sum() / (m * (m - 1) / 2)
    a, b = ref_class[real.i], ref_class[real.j]
    w = weight[np.minimum(a, b), np.maximum(a, b)]
    unit = float((weight**2 * present).sum())  # the rate of a single duplicate
    rate = float(w.sum())
    if rate > 0:
        unit = float((w**2).sum()) / rate
    degrees = np.bincount(real.i, w, m) + np.bincount(real.j, w, m)
    wedges = (degrees**2).sum() - 2 * (w**2).sum()
    variance = (w**2).sum() + wedges + 2 * unit**2 - 4 * (m - 2) / (m * (m - 1.0)) * rate**2
    low, high = count_interval(rate / unit, variance / unit**2)
    return rate, (low * unit, min(high * unit, 1.0))


def _class_pairs(counts: np.ndarray) -> np.ndarray:
    """Number of pairs with one sample of class a and one of class b, at [a, b] with a <= b."""
    pairs = np.triu(np.outer(counts, counts), 1).astype(np.float64)
    return pairs + np.diag(counts * (counts - 1) / 2)


def _ratio_interval(a: float, a_interval: Interval, b: float, b_interval: Interval) -> list[float | None] | None:
    """Interval of a / b: MOVER of the logarithms; None for an end without bound."""
    if b == 0:
        return None
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log([a, *a_interval]), np.log([b, *b_interval])
    low = np.exp(log_a[0] - log_b[0] - np.hypot(log_a[0] - log_a[1], log_b[2] - log_b[0])) if a > 0 else 0.0
    high = (
        np.exp(log_a[0] - log_b[0] + np.hypot(log_a[2] - log_a[0], log_b[0] - log_b[1]))
        if a > 0
        else (a_interval[1] / b_interval[0] if b_interval[0] > 0 else np.inf)
    )
    return [float(low), float(high) if np.isfinite(high) else None]


def _listed(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _closest(gen: np.ndarray) -> list[list[float]]:
    """The `CLOSEST` closest pairs [i, j, distance]. Each is in the list of `CLOSEST` neighbours of one of its two samples."""
    distances, ids = nearest(gen)
    i = np.repeat(np.arange(len(gen)), CLOSEST)
    j, d = ids.ravel(), distances.ravel()
    low, high = np.minimum(i, j), np.maximum(i, j)
    pairs: dict[tuple[int, int], float] = {}
    for at in np.lexsort((high, low, d)):
        pairs[int(low[at]), int(high[at])] = float(d[at])
        if len(pairs) == CLOSEST:
            break
    return [[a, b, distance] for (a, b), distance in pairs.items()]
