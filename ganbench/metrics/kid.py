"""Kernel distance: squared MMD with a cubic kernel (Binkowski et al. 2018, arXiv:1801.01401).

The kernel k(x, y) = (x.y / d + 1)^3 is not scale-free, so both sets are multiplied by the constant that makes the mean
squared norm of the reference d. The estimate is the full U-statistic over all pairs: subsets would only add variance.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._intervals import Z

CARD = Card(
    answers="How far apart are generated and held-out features in all moments up to the third?",
    better="lower",
    range=(float("-inf"), float("inf")),
    minimum=3,
    paper="Binkowski et al. 2018, arXiv:1801.01401",
    version=1,
)

BLOCK = 2**20  # kernel values held at once


def kid(gen: np.ndarray, ref: np.ndarray) -> Score:
    """Unbiased squared MMD of `gen` `[n, d]` and `ref` `[m, d]`; its mean is 0 for a perfect generator at every n.

    Half of a perfect generator's values are negative: nothing is clipped. The interval comes from the influence
    functions of both sets; near 0, where they vanish, it is too wide rather than too narrow.
    """
    d = ref.shape[1]
    norm = (ref**2).sum(1).mean()
    if norm == 0:
        raise NotApplicable("cannot scale a reference whose features are all zero")
    x, y = gen * np.sqrt(d / norm), ref * np.sqrt(d / norm)
    n, m = len(x), len(y)
    to_x = (_kernel_sums(x, x)[0] - _kernel((x**2).sum(1), d)) / (n - 1)
    to_y = (_kernel_sums(y, y)[0] - _kernel((y**2).sum(1), d)) / (m - 1)
    x_to_y, y_to_x = _kernel_sums(x, y)
    x_to_y, y_to_x = x_to_y / m, y_to_x / n
    value = float(to_x.mean() + to_y.mean() - 2 * x_to_y.mean())
    variance = np.var(2 * (to_x - x_to_y), ddof=1) / n + np.var(2 * (to_y - y_to_x), ddof=1) / m
    half = Z * float(np.sqrt(variance))
    return Score(value, (value - half, value + half), 0.0)


def _kernel(products: np.ndarray, d: int) -> np.ndarray:
    base = products / d + 1
    return base * base * base


def _kernel_sums(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sum_j k(x_i, y_j) for each i, and sum_i k(x_i, y_j) for each j."""
    of_x, of_y = np.empty(len(x)), np.zeros(len(y))
    step = max(1, BLOCK // len(y))
    for i in range(0, len(x), step):
        k = _kernel(x[i : i + step] @ y.T, x.shape[1])
        of_x[i : i + step] = k.sum(1)
        of_y += k.sum(0)
    return of_x, of_y
