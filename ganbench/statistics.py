"""Intervals for metrics, verdicts and boards. All are 95 % intervals."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

Interval = tuple[float, float]

ALPHA = 0.05
Z = float(ndtri(1 - ALPHA / 2))


def share(k: int, n: int) -> Interval:
    """Clopper-Pearson interval of a share, after k successes in n trials (Biometrika 26, 1934); coverage at least 95 %."""
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
    half = float(stdtrit(len(values) - 1, 1 - ALPHA / 2)) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)
