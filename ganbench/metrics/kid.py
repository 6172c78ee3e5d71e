"""Kernel distance: squared MMD with a cubic kernel (Binkowski et al. 2018, arXiv:1801.01401).

The kernel k(x, y) = (x.y / d + 1)^3 depends on the scale. So one constant multiplies both sets and makes the mean squared norm
of the reference d. The estimate is the full U-statistic over all pairs: subsets would only add variance.

The cube is a polynomial of the products x.y. So the sum of k(x, y) over a set of y follows from the set's sums of y, y y and
y y y, exactly. Two large sets of few features are compared in this way, in a time linear in n.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np

from ganbench.errors import UserError
from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._parallel import blocks, in_order
from ganbench.metrics._rows import PART, held, parts
from ganbench.metrics._shared import steps
from ganbench.statistics import Z

CARD = Card(
    answers="How far apart are generated and held-out features in all moments up to the third?",
    better="lower",
    range=(float("-inf"), float("inf")),
    minimum=3,
    paper="Binkowski et al. 2018, arXiv:1801.01401",
    version=1,
    responds={
        "noise": "+", "blur": "+", "shift": "+", "dropped": "+", "support": "+", "copies": "0", "outliers": "+",
        "weights": "+",
    },
)  # fmt: skip

BLOCK = 2**20  # kernel values held at once
MANY = 2**30  # pairs above which the sums of powers are used if they are faster; no published value has so many
PRODUCTS = 2**20  # values of all products of two features held at once


def kid(gen: np.ndarray, ref: np.ndarray) -> Score:
    """Unbiased squared MMD of `gen` `[n, d]` and `ref` `[m, d]`; its mean is 0 for a perfect generator at every n.

    Half of a perfect generator's values are negative: nothing is clipped. The interval comes from the influence functions of
    both sets. Near 0 these functions vanish, and the interval is too wide, not too narrow.
    """
    d = ref.shape[1]
    norm = _square_norms(ref).mean()
    if norm == 0:
        raise NotApplicable("cannot scale a reference whose features are all zero")
    return distance(gen, ref, np.sqrt(d / norm))


def distance(x: Any, y: Any, scale: float = 1.0) -> Score:
    """Unbiased squared MMD of `x` `[n, d]` and `y` `[m, d]`, all times `scale`, with the kernel (x . y / d + 1)^3."""
    n, m, d = len(x), len(y), x.shape[1]
    pairs = n * n + m * m + n * m
    linear = held(x) and held(y) and pairs > MANY and pairs > 6 * d**2 * (n + m)
    (to_x, x_to_y), (y_to_x, to_y) = (_sums_by_powers if linear else _sums)(x, y, scale)
    own_x, own_y = (_kernel(_square_norms(given, scale), d) for given in (x, y))
    to_x, to_y = (to_x - own_x) / (n - 1), (to_y - own_y) / (m - 1)
    x_to_y, y_to_x = x_to_y / m, y_to_x / n
    value = float(to_x.mean() + to_y.mean() - 2 * x_to_y.mean())
    variance = np.var(2 * (to_x - x_to_y), ddof=1) / n + np.var(2 * (to_y - y_to_x), ddof=1) / m
    half = Z * float(np.sqrt(variance))
    return Score(value, (value - half, value + half), 0.0)


def _kernel(products: np.ndarray, d: int) -> np.ndarray:
    base = products / d + 1
    return base * base * base


Sums = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _square_norms(x: Any, scale: float = 1.0) -> np.ndarray:
    """|scale x_i|^2 for each i."""
    return np.concatenate([((scale * np.asarray(x[part], np.float64)) ** 2).sum(1) for part in parts(x)])


def _sums(x: Any, y: Any, scale: float) -> Sums:
    """For each x_i the sums of k(x_i, x_j) and of k(x_i, y_j) over all j, and the same two for each y_i; all times `scale`."""
    to_x, to_y = _kernel_sums(x, x, scale)[0], _kernel_sums(y, y, scale)[0]
    x_to_y, y_to_x = _kernel_sums(x, y, scale)
    return (to_x, x_to_y), (y_to_x, to_y)


def _kernel_sums(x: Any, y: Any, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """sum_j k(x_i, y_j) for each i, and sum_i k(x_i, y_j) for each j."""
    of_x, of_y = np.zeros(len(x)), np.zeros(len(y))
    columns = parts(y)
    at_once = [scale * np.asarray(y, np.float64)] if held(y) else None
    with steps("pairs of samples", len(x)) as advance:
        for rows in blocks(len(x), BLOCK // (columns[0].stop if held(y) else PART // x.shape[1])):
            block = scale * np.asarray(x[rows], np.float64)
            for part, others in zip(columns, at_once or (scale * y[part] for part in columns), strict=True):
                k = _kernel(block @ others.T, x.shape[1])
                of_x[rows] += k.sum(1)
                of_y[part] += k.sum(0)
            advance(rows.stop)
    return of_x, of_y


def _sums_by_powers(x: Any, y: Any, scale: float) -> Sums:
    """The same numbers as `_sums`, up to rounding, in O((n + m) d^3) time: see `_total`."""
    x, y = (scale * np.asarray(given, np.float64) for given in (x, y))
    d = x.shape[1]
    size = PRODUCTS // d**2

    def powers(given: np.ndarray) -> KernelMoments:
        parts = in_order(
            "sums of powers", lambda rows: kernel_moments(given[rows], 1.0), len(given), size, len(given) * d**2
        )
        return reduce(KernelMoments.merge, (part for _, part in parts))

    both = powers(x), powers(y)

    def sums(given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        def of_rows(rows: slice) -> list[np.ndarray]:
            part = given[rows]
            squares = (part[:, :, None] * part[:, None, :]).reshape(len(part), -1)
            return [
                p.n
                + 3 / d * (part @ p.x)
                + 3 / d**2 * (squares @ p.xx.ravel())
                + np.einsum("ij,ij->i", part @ p.xxx.reshape(d, -1), squares) / d**3
                for p in both
            ]

        parts = in_order("pairs of samples", of_rows, len(given), size, len(given) * d**2)
        to_x, to_y = zip(*(part for _, part in parts), strict=True)
        return np.concatenate(to_x), np.concatenate(to_y)

    return sums(x), sums(y)


class KernelMoments(NamedTuple):
    """Sums over a set that give its KID from one pass, float64. The sums of two shards add up."""

    n: int
    x: np.ndarray  # sum of x, [d]
    xx: np.ndarray  # sum of x x, [d, d]
    xxx: np.ndarray  # sum of x x x, [d, d, d]
    own: float  # sum of k(x, x)

    def merge(self, other: KernelMoments) -> KernelMoments:
        """Sums over the two sets together."""
        return KernelMoments(*map(add, self, other))


def kernel_moments(x: np.ndarray, scale: float) -> KernelMoments:
    """Sums over a block `x` `[k, d]` times `scale`, for small d: k d^2 + d^3 numbers are held, O(k d^3) time.

    `scale` is the reference's constant, sqrt(d / mean squared norm), for both sets.
    """
    x = scale * np.asarray(x, np.float64)
    k, d = x.shape
    xx = (x[:, :, None] * x[:, None, :]).reshape(k, d * d)
    return KernelMoments(k, x.sum(0), x.T @ x, (xx.T @ x).reshape(d, d, d), _kernel((x**2).sum(1), d).sum())


def kid_of_moments(g: KernelMoments, r: KernelMoments) -> float:
    """The value of `kid`, exactly; a `UserError` below two samples."""
    if min(g.n, r.n) < 2:
        raise UserError(f"a kernel distance needs at least 2 samples in each set, there are {g.n} and {r.n}")
    within = ((_total(s, s) - s.own) / (s.n * (s.n - 1)) for s in (g, r))
    return float(sum(within) - 2 * _total(g, r) / (g.n * r.n))


def _total(a: KernelMoments, b: KernelMoments) -> float:
    """sum_ij k(x_i, y_j), the cube multiplied out: the sum over j of (x_i . y_j)^p is linear in the p-th sums."""
    d = len(a.x)
    first, second, third = np.vdot(a.x, b.x) / d, np.vdot(a.xx, b.xx) / d**2, np.vdot(a.xxx, b.xxx) / d**3
    return float(a.n * b.n + 3 * first + 3 * second + third)
