"""Sliced Wasserstein distance of features: SW2^2 = mean over directions of the squared distance along each of them.

On the line the distance is exact: optimal transport maps quantile to quantile (Bonneel et al. 2015, J. Math. Imaging
Vis. 51). SW2^2 is used and not SW1, because SW2^2 has an influence function and is a sum of two parts, like FID: a part of the
means, |m - m_r|^2 / d, and a part of the shapes. The directions come in orthonormal bases (Rowland et al., AISTATS 2019): a
basis gives the part of the means exactly. This is not the SWD of Karras et al. 2018 (arXiv:1710.10196). Their SWD compares
patches and standardises each set by itself, so it ignores brightness and contrast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._order import like
from ganbench.metrics._rows import parts
from ganbench.statistics import Z

CARD = Card(
    answers="How far apart are generated and held-out features, seen from every direction?",
    better="lower",
    range=(0.0, float("inf")),
    minimum=2,
    paper="Deshpande et al. 2018, arXiv:1803.11188",
    version=1,
    responds={"noise": "+", "blur": "+", "shift": "+", "dropped": "+", "weights": "+", "copies": "0"},
)

DIRECTIONS = 128  # the number in 128 dimensions and more; in fewer dimensions at least this number


def sliced_wasserstein(
    gen: np.ndarray, ref: np.ndarray, rng: np.random.Generator, train: np.ndarray | None = None
) -> Score:
    """SW2^2 of `gen` `[n, d]` from `ref` `[m, d]`, in squared units of the features; n and m may differ.

    Two finite samples of one distribution differ, so the value is biased upwards: `perfect` is the score of n random
    training samples. The interval is the delta method's, for the expected value at this n and m; the influence of a
    sample is its Kantorovich potential, averaged over the directions.
    """
    theta = directions(gen.shape[1], rng)
    value, of_gen, of_ref = sliced(gen, ref, theta)
    half = Z * float(np.sqrt(of_gen.var(ddof=1) / len(gen) + of_ref.var(ddof=1) / len(ref)))
    real = like(len(gen), train)
    perfect = None if real is None else sliced(real, ref, theta)[0]
    return Score(value, (max(value - half, 0.0), value + half), perfect)


def directions(d: int, rng: np.random.Generator) -> np.ndarray:
    """Random unit vectors, float64 `[L, d]`: whole orthonormal bases, or a part of a basis if d > 128."""
    bases = -(-DIRECTIONS // d)
    q = np.linalg.qr(rng.standard_normal((bases, d, min(d, DIRECTIONS))))[0]
    return q.swapaxes(1, 2).reshape(-1, d)


def coupling(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Optimal transport between n and m sorted points on the line, all of equal mass.

    Returns:
        Masses, float64 `[p]` with sum 1, and the ranks `[p]` of the points in either set between which each mass moves.
    """
    cuts = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)  # of both quantile functions, in units of 1 / nm
    return np.diff(cuts) / (n * m), cuts[:-1] // m, cuts[:-1] // n


def sliced(x: np.ndarray, y: np.ndarray, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """SW2^2 and the influence on it of each row of `x` and of `y`, up to constants."""
    return along(project(x, theta), project(y, theta))


def project(x: Any, theta: np.ndarray) -> np.ndarray:
    """The rows of `x` `[n, d]` along the directions `theta` `[L, d]`: `[L, n]`."""
    return np.concatenate([theta @ x[part].T for part in parts(x)], 1)


def along(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """SW2^2 from projections `[L, n]` and `[L, m]`, and the influence on it of each sample, up to constants."""
    mass, i, j = coupling(x.shape[1], y.shape[1])
    value, of_x, of_y = 0.0, np.zeros(x.shape[1]), np.zeros(y.shape[1])
    for a, b in zip(x, y, strict=True):
        order_a, order_b = a.argsort(), b.argsort()
        a, b = a[order_a], b[order_b]
        value += float(mass @ (a[i] - b[j]) ** 2)
        of_x[order_a] += _potential(a, np.bincount(i, mass * b[j]) * len(a))
        of_y[order_b] += _potential(b, np.bincount(j, mass * a[i]) * len(b))
    return value / len(x), of_x / len(x), of_y / len(x)


def _potential(x: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Kantorovich potential at sorted `x` `[n]` of the map x -> to: its derivative is 2 (x - to). 0 at the first point."""
    slope = x - to
    return np.append(0.0, np.cumsum((slope[1:] + slope[:-1]) * np.diff(x)))
