"""Metrics for data on the line: Wasserstein distance, divergence, and the distance to the optimal discriminator.

Goodfellow et al. 2014 (arXiv:1406.2661): against a generator with density q the best discriminator is D* = p / (p + q)
(proposition 1), and the game's value there is V(G, D*) = -log 4 + 2 JSD(p, q) (theorem 1). Figure 1 of the paper is this
metric's subject.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr, rel_entr

from ganbench.data.mixture import Mixture
from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics.sliced_wasserstein import coupling

CARD = Card(
    answers="How far must the samples move along the line to be distributed like the data?",
    better="lower",
    range=(0.0, float("inf")),
    minimum=50,
    paper="Goodfellow et al. 2014, arXiv:1406.2661",
    version=1,
    responds={"noise": "+", "shift": "+", "support": "+", "outliers": "+", "copies": "0"},
    quantities={"jensen_shannon": "positive", "discriminator_gap": "share"},
)

BINS = 50
HALVINGS = 64  # more than the bits of a float64
TAIL = 9  # standard deviations from a mean beyond which the mass is below the rounding of a float64
CONFIDENT = 1e-12  # D is kept this far from 0 and 1, where its logarithm is infinite


def wasserstein_1d(
    gen: np.ndarray, ref: np.ndarray, mixture: Mixture | None = None, discriminator: np.ndarray | None = None
) -> Score:
    """W1 = integral of |F_gen - F| of `gen` `[n, 1]`, in units of the data, exact.

    F is the distribution function of `mixture` if it is given, else of `ref` `[m, 1]`. `perfect` is the mean of W1 for n
    samples of the mixture, to first order in n. There is no interval: near 0 the estimate is not normal, and its bias
    is as large as its spread.

    Extras, with a mixture: `jensen_shannon`, in nats, from a histogram of 50 cells, and `jensen_shannon_perfect` = 49 / 8n, its
    value by chance alone; `value_at_optimum` = V(G, D*), with twice that bias. Extras, with a `discriminator` `[g, 2]`
    (places in ascending order, D there): `discriminator_gap`, the root mean square of D - D* under (p + q) / 2, in [0, 1];
    `discriminator_gap_perfect` = (49 / 16n)^(1/2), its value from the histogram's noise if D = 1/2 and p = q;
    `value_at_discriminator` = V(G, D).
    """
    if gen.shape[1] != 1:
        raise NotApplicable("is for data on the line")
    x = np.sort(gen[:, 0])
    n = len(x)
    if mixture is None:
        mass, i, j = coupling(n, len(ref))
        return Score(float(mass @ np.abs(x[i] - np.sort(ref[:, 0])[j])))
    edges = _equal_cells(x, mixture)
    p, q = _masses(edges, x, mixture)
    jsd = float(rel_entr(p, (p + q) / 2).sum() + rel_entr(q, (p + q) / 2).sum()) / 2
    extra: dict[str, Any] = {
        "jensen_shannon": jsd,
        "jensen_shannon_perfect": (BINS - 1) / (8 * n),
        "value_at_optimum": 2 * jsd - float(np.log(4)),
    }
    if discriminator is not None:
        places, D = discriminator[:, 0], np.clip(discriminator[:, 1], CONFIDENT, 1 - CONFIDENT)
        best = (p / np.maximum(p + q, np.finfo(np.float64).tiny))[np.searchsorted(edges, places)]
        p_at, q_at = _masses((places[1:] + places[:-1]) / 2, x, mixture)
        gap = np.sqrt(((p_at + q_at) / 2) @ (D - best) ** 2)
        extra |= {
            "discriminator_gap": float(gap),
            "discriminator_gap_perfect": float(np.sqrt((BINS - 1) / (16 * n))),
            "value_at_discriminator": float(p_at @ np.log(D) + q_at @ np.log1p(-D)),
        }
    return Score(_distance(x, mixture), None, _expected(n, mixture), extra)


def cdf(x: np.ndarray, mixture: Mixture) -> np.ndarray:
    """F of a mixture on the line at `x` `[n]`."""
    F: np.ndarray = ndtr((x[:, None] - mixture.means[:, 0]) / mixture.sd).mean(1)
    return F


def _integral_of_cdf(x: np.ndarray, mixture: Mixture) -> np.ndarray:
    """A(x), the integral of F from -infinity; that of 1 - F to infinity is A(x) - x + mean."""
    t = (x[:, None] - mixture.means[:, 0]) / mixture.sd
    A: np.ndarray = mixture.sd * (t * ndtr(t) + np.exp(-t * t / 2) / np.sqrt(2 * np.pi)).mean(1)
    return A


def _distance(x: np.ndarray, mixture: Mixture) -> float:
    """Integral of |F_n - F| for sorted `x` `[n]`; between two samples F_n is a level that F crosses once at most."""
    left, right = x[:-1], x[1:]
    level = np.arange(1, len(x)) / len(x)
    cross = _first(lambda at: cdf(at, mixture) >= level, left, right)
    A = _integral_of_cdf(x, mixture)
    between = A[:-1] + A[1:] - 2 * _integral_of_cdf(cross, mixture) + level * (2 * cross - left - right)
    return float(A[0] + between.sum() + A[-1] - x[-1] + mixture.means.mean())


def _expected(n: int, mixture: Mixture) -> float:
    """E W1 for n samples of the mixture: F_n - F is normal with variance F (1 - F) / n, to first order."""
    grid = np.unique(mixture.means + mixture.sd * np.linspace(-TAIL, TAIL, 1001))
    F = cdf(grid, mixture)
    return float(np.trapezoid(np.sqrt(2 * F * (1 - F) / (np.pi * n)), grid))


def _equal_cells(x: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Places `[49]` that cut the line into cells of equal mass under (p + q) / 2, so no cell has only p or only q.

    If many samples are equal there are fewer places.
    """
    low = min(x[0], mixture.means.min() - TAIL * mixture.sd)
    high = max(x[-1], mixture.means.max() + TAIL * mixture.sd)
    level = np.arange(1, BINS) / BINS

    def both(at: np.ndarray) -> np.ndarray:
        """(F + F_n) / 2, the distribution function of (p + q) / 2."""
        mean: np.ndarray = (cdf(at, mixture) + np.searchsorted(x, at, "right") / len(x)) / 2
        return mean

    return np.unique(_first(lambda at: both(at) >= level, np.full(BINS - 1, low), np.full(BINS - 1, high)))


def _masses(edges: np.ndarray, x: np.ndarray, mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """Masses of the mixture and of the sorted samples `x` in the cells between `edges` `[k]`, two arrays `[k + 1]`."""
    F, F_n = cdf(edges, mixture), np.searchsorted(x, edges, "right") / len(x)
    return np.diff(F, prepend=0, append=1), np.diff(F_n, prepend=0, append=1)


def _first(reached: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The first place in [low, high] where the increasing condition is met, elementwise; `high` if it is met nowhere."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        met = reached(middle)
        low, high = np.where(met, low, middle), np.where(met, middle, high)
    return high
