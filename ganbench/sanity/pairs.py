"""The six pairs of metrics that arXiv:2505.22450 examined, and the Clipped pair. One matrix of distances serves all of them.

| pair | paper | settings |
|---|---|---|
| I-Prec, I-Rec | Kynkaanniemi et al. 2019, arXiv:1904.06991 | k = 3, closed balls |
| Density, Coverage | Naeem et al. 2020, arXiv:2002.09797 | closed balls, k such that two sets of this size cover 95 % |
| IAP, IBR | Alaa et al. 2022, arXiv:2102.08921 | see `one_class` |
| C-Prec, C-Rec | Cheema & Urner 2023, AISTATS | at least k of the other set in a ball of 3 k, k = (log n + 6) / 3 |
| symPrec, symRec | Khayatkhoei & AbdAlmageed 2023, arXiv:2306.09618 | k = 5, open balls |
| P-Prec, P-Rec | Park & Kim 2023, arXiv:2309.01590 | k = 4, radius 1.2 times the mean distance |
| ClippedDensity, ClippedCoverage | Salvy, Talbot & Thirion 2026, arXiv:2507.01761 | k = 5 |

All points are scaled by the mean and the standard deviation of the real set on each axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from ganbench.metrics._neighbours import knn_self
from ganbench.metrics.robust import K_CLIPPED, K_PROBABILISTIC, K_SYMMETRIC, REACH, clipped_curve
from ganbench.sanity import one_class
from ganbench.sanity.criteria import DIVERSITY, FIDELITY

PAIRS = (
    ("I-Prec", "I-Rec"),
    ("Density", "Coverage"),
    ("IAP", "IBR"),
    ("C-Prec", "C-Rec"),
    ("symPrec", "symRec"),
    ("P-Prec", "P-Rec"),
    ("ClippedDensity", "ClippedCoverage"),
)
HALF = {name: half for pair in PAIRS for name, half in zip(pair, (FIDELITY, DIVERSITY), strict=True)}

K_IMPROVED = 3
EXPECTED = 0.95  # coverage of two samples of one law that Density's k must reach
ROWS = 255  # rows at once at most, so that counts over rows fit a byte
BLOCK = 2**18  # distances at once, few enough for the cache
DIRECT = 8  # up to this number of dimensions distances are taken from the differences
# Radii are exact, and distances have the rounding of float32. A closed ball is larger by this share, and an open ball is
# smaller, so that points on the rim of a ball are where they belong.
ROUNDING = 2e-6


def least_k(n: int) -> int:
    """The k of Density and Coverage: the least with an expected coverage above 0.95 for two samples of n points of one law."""
    j = np.arange(1, n)
    expected = 1 - np.cumprod((n - j) / (2 * n - j))
    return int(np.argmax(expected > EXPECTED)) + 1


def cover_k(n: int) -> int:
    """The k of the cover pair: a ball reaches to the neighbour number 3 k, and must hold k points of the other set."""
    return int(int(np.log(n) + 7) / 3 + 1)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances of the rows of `a` `[n, d]` and `b` `[m, d]`, float32 `[n, m]`."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    if a.shape[1] == 1:
        return np.asarray(np.abs(a - b[:, 0]))
    if a.shape[1] <= DIRECT:
        square = np.zeros((len(a), len(b)), np.float32)
        for of_a, of_b in zip(a.T, b.T, strict=True):
            square += np.square(of_a[:, None] - of_b)
    else:
        square = a @ b.T
        square *= -2
        square += np.square(a).sum(1)[:, None]
        square += np.square(b).sum(1)
        np.maximum(square, 0, out=square)
    return np.sqrt(square, out=square)


class Spheres:
    """The distances from each point of a set to its nearest others, and the radii of balls that come from them."""

    def __init__(self, x: np.ndarray, deepest: int) -> None:
        self.nearest = knn_self(x, deepest)[0]

    def closed(self, k: int) -> np.ndarray:
        """Radii float32 `[n]` of closed balls that reach to the k-th neighbour."""
        return _outwards(self.nearest[:, k - 1])

    def opened(self, k: int) -> np.ndarray:
        """The same for open balls."""
        return np.asarray(self.nearest[:, k - 1] * (1 - ROUNDING), np.float32)

    def mean(self, k: int) -> float:
        """Mean distance to the k-th neighbour."""
        return float(self.nearest[:, k - 1].mean())


def _outwards(radii: np.ndarray) -> np.ndarray:
    return np.asarray(radii * (1 + ROUNDING), np.float32)


class Scale:
    """Units of a real set `[n, d]`: its mean is 0, and its standard deviation on each axis is 1 or 0."""

    def __init__(self, real: np.ndarray) -> None:
        self.mean, sd = real.mean(0), real.std(0)
        self.sd = np.where(sd > 0, sd, 1.0)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Points in these units, float64 `[n, d]`."""
        return np.asarray((x - self.mean) / self.sd)


class Reference:
    """A real set, and all that depends on it alone.

    Args:
        real: float64 `[n, d]`, n at least 50.
        seed: of the network of IAP and IBR.
    """

    def __init__(self, real: np.ndarray, seed: int) -> None:
        self.scaled = Scale(real)
        self.x = self.scaled(real)
        self.seed = seed
        self.k_density, self.k_cover = least_k(len(real)), cover_k(len(real))
        self.deepest = max(K_SYMMETRIC, K_CLIPPED, self.k_density, 3 * self.k_cover)
        self.spheres = Spheres(self.x, self.deepest)

    @cached_property
    def clipped(self) -> np.ndarray:
        """Radii of the balls of Clipped Density: the radius of no ball is above the median, float32 `[n]`."""
        radii = self.spheres.nearest[:, K_CLIPPED - 1]
        return _outwards(np.minimum(radii, np.median(radii)))

    @cached_property
    def clipped_density(self) -> float:
        """Raw Clipped Density of the real points among each other, without their own balls."""
        balls = np.zeros(len(self.x), np.int64)
        for rows, D in _blocks(self.x, self.x):
            balls += _columns(self.clipped[rows, None] >= D)
        return float(np.minimum((balls - 1) / K_CLIPPED, 1).mean())

    @cached_property
    def embedding(self) -> one_class.Embedding:
        """The network of IAP and IBR."""
        return one_class.Embedding(self.x, self.seed)

    def scores(self, synthetic: np.ndarray) -> dict[str, float]:
        """The values of all pairs for synthetic points `[m, d]`, by the metrics' names."""
        y = self.scaled(synthetic)
        iap, ibr = self.embedding.scores(y)
        return self._of_balls(y) | {"IAP": iap, "IBR": ibr}

    def _of_balls(self, y: np.ndarray) -> dict[str, float]:
        n, m = len(self.x), len(y)
        around, of_y, cover = self.spheres, Spheres(y, self.deepest), 3 * self.k_cover
        real = {k: around.closed(k)[:, None] for k in (K_IMPROVED, self.k_density, cover)}
        real_opened, clipped = around.opened(K_SYMMETRIC)[:, None], self.clipped[:, None]
        reach, reach_y = (REACH * spheres.mean(K_PROBABILISTIC) for spheres in (around, of_y))
        y_improved, y_cover, y_opened = of_y.closed(K_IMPROVED), of_y.closed(cover), of_y.opened(K_SYMMETRIC)

        improved, symmetric, other = np.zeros((3, m), bool)  # synthetic points inside, and those with a real point near
        dense, in_clipped, mixed = np.zeros((3, m), np.int64)  # numbers of balls
        outside = np.ones(m, np.float32)  # chance that no real point supports a synthetic one
        recalled, covered, near, near_opened = np.zeros((4, n), bool)
        in_real, in_cover = np.zeros((2, n), np.int64)  # numbers of synthetic points
        outside_y = np.zeros(n)
        for rows, D in _blocks(self.x, y):
            improved |= (real[K_IMPROVED][rows] >= D).any(0)
            opened = real_opened[rows] > D
            symmetric |= opened.any(0)
            in_real[rows] = np.count_nonzero(opened, axis=1)
            balls = real[self.k_density][rows] >= D
            dense += _columns(balls)
            covered[rows] = balls.any(1)
            in_cover[rows] = np.count_nonzero(real[cover][rows] >= D, axis=1)
            in_clipped += _columns(clipped[rows] >= D)
            recalled[rows] = (y_improved >= D).any(1)
            opened = y_opened > D
            other |= opened.any(0)
            near_opened[rows] = opened.any(1)
            mixed += _columns(y_cover >= D)
            outside *= _unsupported(D, reach).prod(0)
            outside_y[rows] = _unsupported(D, reach_y).prod(1)
        near = in_real > 0
        raw = float(np.minimum(in_real / K_CLIPPED, 1).mean())
        curve = clipped_curve(n, m)
        clipped_raw = float(np.minimum(in_clipped / K_CLIPPED, 1).mean())
        return {
            "I-Prec": float(improved.mean()),
            "I-Rec": float(recalled.mean()),
            "Density": float(dense.mean() / self.k_density),
            "Coverage": float(covered.mean()),
            "C-Prec": float((in_cover >= self.k_cover).mean()),
            "C-Rec": float((mixed >= self.k_cover).mean()),
            "symPrec": float(min(symmetric.mean(), other.mean())),
            "symRec": float(min(near_opened.mean(), near.mean())),
            "P-Prec": float(1 - outside.mean(dtype=float)),
            "P-Rec": float(1 - outside_y.mean()),
            "ClippedDensity": min(clipped_raw / self.clipped_density, 1.0) if self.clipped_density else 0.0,
            "ClippedCoverage": float(np.interp(raw, curve, np.linspace(0, 1, m + 1))),
        }


def _blocks(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows of `a`, and their distances to all of `b`."""
    step = min(max(BLOCK // len(b), 16), ROWS)
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        yield rows, distances(a[rows], b)


def _columns(inside: np.ndarray) -> np.ndarray:
    """Number of true values in each column of at most 255 rows, without a conversion to wider numbers."""
    return np.asarray(np.add.reduce(inside.view(np.uint8), axis=0, dtype=np.uint8))


def _unsupported(D: np.ndarray, reach: float) -> np.ndarray:
    """Chance that a point at the distance D does not support another one: D / reach, at most 1."""
    return np.minimum(D / np.float32(reach), 1) if reach > 0 else np.ones_like(D)
