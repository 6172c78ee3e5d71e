"""Intervals for metrics, verdicts and boards. All are 95 % intervals.

The values of a row's seeds are few, skewed, and cannot leave the range of their metric. So they are averaged and compared
on the logarithm or the logit, and an interval is taken back from there.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import betaincinv, expit, ndtri, stdtrit

Interval = tuple[float, float]

ALPHA = 0.05
Z = float(ndtri(1 - ALPHA / 2))


def share(k: float, n: float) -> Interval:
    """Clopper-Pearson interval of a share, after k successes in n trials (Biometrika 26, 1934); coverage at least 95 %.

    k may be a sum of n numbers in [0, 1]. Their variance is at most that of coins with the same mean. n may be an effective
    number of trials, which is no whole number.
    """
    low = float(betaincinv(k, n - k + 1, ALPHA / 2)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - ALPHA / 2)) if k < n else 1.0
    return low, high


def normal(value: float, influence: np.ndarray) -> Interval:
    """value +- z sd / sqrt(n), for a mean of n terms or of influences."""
    half = Z * float(influence.std(ddof=1)) / np.sqrt(len(influence))
    return value - half, value + half


def difference(a: float, a_interval: Interval, b: float, b_interval: Interval) -> Interval:
    """Interval of a - b from the intervals of independent a and b: MOVER (Zou & Donner 2008)."""
    low = a - b - float(np.hypot(a - a_interval[0], b_interval[1] - b))
    high = a - b + float(np.hypot(a_interval[1] - a, b - b_interval[0]))
    return low, high


def student(values: np.ndarray) -> Interval:
    """Student's 95 % interval of the mean of `values` `[k]`, one per seed; zero width where they are all equal."""
    mean, half = float(values.mean()), float(paired(values))
    return mean - half, mean + half


def paired(differences: np.ndarray) -> np.ndarray:
    """Half widths `[...]` of Student's intervals of the means of `differences` `[..., k]`."""
    k = differences.shape[-1]
    half: np.ndarray = float(stdtrit(k - 1, 1 - ALPHA / 2)) * differences.std(-1, ddof=1) / np.sqrt(k)
    return half


Quantity = Literal["share", "count", "bound", "positive", "signed"]  # what kind of number a column has
START = 0.005  # added to a share and to its complement before the logit, which is infinite at 0 and 1


class Scale(NamedTuple):
    """The scale on which the seeds of a column are compared: the logit for shares, the logarithm for positive numbers."""

    name: Literal["logit", "log", "linear"]
    start: float  # added before the logarithm, and on both sides of a share

    @classmethod
    def of(cls, quantity: Quantity, values: np.ndarray) -> Scale:
        """The scale of a column with these values.

        Where a positive column has a 0, half of its smallest positive value is added to all of its values: a started logarithm
        (Mosteller & Tukey 1977). The start of a share is `START`, so a difference far below it counts little.
        """
        if quantity == "signed":
            return cls("linear", 0.0)
        if quantity == "share":
            return cls("logit", START)
        positive = values[values > 0]
        return cls("log", 0.0 if len(positive) == values.size else positive.min() / 2 if len(positive) else 1.0)

    def to(self, values: np.ndarray) -> np.ndarray:
        """Values on this scale. A logarithm of what is not positive is minus infinity."""
        if self.name == "linear":
            return np.asarray(values, float)
        with np.errstate(divide="ignore"):
            low = np.log(np.maximum(values + self.start, 0))
            return low - np.log(1 + self.start - values) if self.name == "logit" else low

    def back(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `to`; a result below 0, or a share above 1, is cut to this end."""
        if self.name == "linear":
            return np.asarray(values, float)
        raw = np.exp(values) if self.name == "log" else (1 + 2 * self.start) * expit(values)
        cut = np.clip(raw - self.start, 0, np.inf if self.name == "log" else 1)
        return np.where(
            cut < 1e-12 * self.start, 0, cut
        )  # a 0 that went to the scale comes back as 0, not as its rounding


def over_seeds(values: np.ndarray, scale: Scale, own: np.ndarray | None = None) -> tuple[float, float, float]:
    """The mean of `values` `[k]` on a scale and its 95 % interval, both in the units of the values.

    The interval is Student's. Its sides are never shorter than those that follow from the runs' own intervals `own` `[k, 2]`
    alone: a run's error is a part of the spread between runs, so the variance of the mean of k runs is at least the mean of
    the runs' own variances over k (random effects, DerSimonian & Laird 1986). The sides of `own` stand for these variances
    (MOVER, Zou & Donner 2008), so a floor may be longer on one side. An interval of `own` that is not known is NaN.
    """
    y = scale.to(values)
    mean, k = float(y.mean()), len(y)
    below = above = student(y)[1] - mean
    if own is not None and not np.isnan(own).any():
        low, high = scale.to(own).T
        below, above = max(below, float(_length(y - low)) / k), max(above, float(_length(high - y)) / k)
    centre, low_end, high_end = scale.back(np.array([mean, mean - below, mean + above]))
    return float(centre), float(low_end), float(high_end)


def further(values: np.ndarray, scale: Scale, level: float) -> Interval:
    """The interval that holds one more value of the same law with probability `level`: Student's prediction interval.

    `values` `[k]` are taken to a scale, and the interval is taken back from it. Values without a spread say nothing about
    another value, and the interval is then infinite.
    """
    y, k = scale.to(values), len(values)
    half = float(stdtrit(k - 1, (1 + level) / 2)) * float(y.std(ddof=1)) * np.sqrt(1 + 1 / k)
    if not half:
        return -np.inf, np.inf
    low, high = scale.back(np.array([y.mean() - half, y.mean() + half]))
    return float(low), float(high)


def _length(sides: np.ndarray) -> float:
    return float(np.sqrt((np.maximum(sides, 0) ** 2).sum()))


def range_level(k: int) -> float:
    """The exact level of the interval from the least to the most of k values, as an interval of their law's median.

    >>> [range_level(k) for k in (3, 5, 6)]
    [0.75, 0.9375, 0.96875]
    """
    return 1 - 2.0 ** (1 - k)


UNEVEN = 3.0  # largest over smallest standard deviation of a row, above which no variance is pooled over the rows
ENOUGH = 5  # seeds from which a row's own variance can be used
POWER = 0.8


def simultaneous(y: np.ndarray, controls: int = 0) -> np.ndarray:
    """Half widths `[..., r, r]` of 95 % intervals of the differences of all pairs of rows, which hold together.

    `y` `[..., r, k]` has one value per row and seed; a seed is a block that all rows share. The residuals of rows and seeds are
    pooled, and their quantile is that of the studentized range (Tukey 1953). If the rows' standard deviations differ by more
    than a factor of `UNEVEN` and k is at least `ENOUGH`, each pair has its own variances (Games & Howell 1976). The last
    `controls` rows are compared with the same quantile, but their residuals are not pooled, because they hardly have any. If
    no row has a spread, no error is known and the widths are infinite.
    """
    r, k = y.shape[-2:]
    if r < 2:
        return np.full((*y.shape[:-1], r), np.inf)
    groups = max(r - controls, 2)
    sd, freedom = _pooled(y[..., :groups, :])
    half = np.where(sd > 0, _studentized(groups, freedom) * sd / np.sqrt(k), np.inf)[..., None, None]
    half = np.broadcast_to(half, (*y.shape[:-1], r)).copy()
    own = y[..., :groups, :].std(-1, ddof=1)
    uneven = (own.max(-1) > UNEVEN * own.min(-1)) & (k >= ENOUGH)
    half[uneven] = _games_howell(y[uneven], half[uneven], groups)
    return half


def _pooled(y: np.ndarray) -> tuple[np.ndarray, int]:
    """Standard deviation `[...]` of the two-way residuals of rows and seeds, and its degrees of freedom."""
    residuals = y - y.mean(-1, keepdims=True) - y.mean(-2, keepdims=True) + y.mean((-1, -2), keepdims=True)
    freedom = (y.shape[-2] - 1) * (y.shape[-1] - 1)
    return np.sqrt((residuals**2).sum((-1, -2)) / freedom), freedom


def _games_howell(y: np.ndarray, pooled: np.ndarray, groups: int) -> np.ndarray:
    """Half widths `[b, r, r]` from each pair's own variances; Welch's degrees of freedom are rounded down.

    A pair without any spread keeps the width of `pooled`.
    """
    k = y.shape[-1]
    error = y.var(-1, ddof=1) / k
    both = error[..., :, None] + error[..., None, :]
    squares = error[..., :, None] ** 2 + error[..., None, :] ** 2
    freedom = np.divide((k - 1) * both**2, squares, out=np.full_like(both, k - 1), where=squares > 0)
    quantile = np.array([_studentized(groups, f) for f in range(k - 1, 2 * k - 1)])
    half = quantile[np.clip(freedom.astype(int) - (k - 1), 0, k - 1)] * np.sqrt(both / 2)
    return np.where(both > 0, half, pooled)


@cache
def _studentized(groups: int, freedom: int) -> float:
    """The 95 % quantile of the studentized range."""
    from scipy.stats import studentized_range  # slow to import, and only boards need it

    return float(studentized_range.ppf(1 - ALPHA, groups, freedom))


def detectable(y: np.ndarray) -> float:
    """The difference between two rows of `y` `[r, k]` that `simultaneous` finds with a probability of 80 %.

    The true spread is taken for the measured one. With a single row, or without any spread, no difference is known: NaN.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct

    r, k = y.shape
    if r < 2:
        return float("nan")
    sd, freedom = _pooled(y)
    widths = simultaneous(y)[np.triu_indices(r, 1)]
    error = float(sd * np.sqrt(2 / k))
    if not error:
        return float("nan")
    threshold = float(np.median(widths)) / error
    return error * float(brentq(lambda shift: nct.sf(threshold, freedom, shift) - POWER, 0, threshold + 20))
