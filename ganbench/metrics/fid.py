"""Frechet distance between Gaussians fitted to the features (Heusel et al. 2017, arXiv:1706.08500, eq. 6).

FID = |m - m_r|^2 + Tr S + Tr S_r - 2 Tr (S S_r)^(1/2). The last trace is the nuclear norm of F^T F_r for any factors
S = F F^T, so no matrix square root is taken. The name says Inception, the formula does not: the number belongs to the
extractor that made the features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.linalg import cholesky, eigh, qr, svd, svdvals

from ganbench.metrics import Card, Score
from ganbench.metrics._intervals import normal

CARD = Card(
    answers="How far apart are the means and covariances of generated and held-out features?",
    better="lower",
    range=(0.0, float("inf")),
    minimum=2,
    paper="Heusel et al. 2017, arXiv:1706.08500",
    version=1,
)

BLOCK = 8192  # rows centred at once
SINGULAR = 1e-10  # smallest ratio of squared pivots at which a covariance still counts as regular


@dataclass(frozen=True)
class Moments:
    """Number, mean `[d]` and centred sum of squares `[d, d]` of a set, float64. Those of two shards merge exactly."""

    n: int
    mean: np.ndarray
    m2: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance, `[d, d]`."""
        return self.m2 / (self.n - 1)

    def merge(self, other: Moments) -> Moments:
        """Moments of the two sets together (Chan, Golub & LeVeque 1979)."""
        n = self.n + other.n
        step = other.mean - self.mean
        m2 = self.m2 + other.m2 + np.outer(step, step) * (self.n * other.n / n)
        return Moments(n, self.mean + step * (other.n / n), m2)


def moments(x: np.ndarray) -> Moments:
    """Moments of `x` `[n, d]`, centred before they are squared."""
    total: Moments | None = None
    for start in range(0, len(x), BLOCK):
        part = np.asarray(x[start : start + BLOCK], np.float64)
        mean = part.mean(0)
        shard = Moments(len(part), mean, (part - mean).T @ (part - mean))
        total = shard if total is None else total.merge(shard)
    if total is None:
        raise ValueError("no samples")
    return total


def fid(gen: np.ndarray, ref: np.ndarray) -> Score:
    """Frechet distance of `gen` `[n, d]` from `ref` `[m, d]`, in squared units of the features.

    The interval is the delta method's, for the expected FID at this n against this reference: it covers neither the
    bias nor another reference. It needs n and m of at least 2 d, else it is None. `perfect` is the bias: what a perfect
    generator would score at this n and m on Gaussian features with the reference's covariance. Values at unequal n do
    not compare.
    """
    g, r = moments(gen), moments(ref)
    factor, roots, v = _roots(gen, g, ref, r)
    traces = np.trace(g.covariance) + np.trace(r.covariance)
    value = float(((g.mean - r.mean) ** 2).sum() + traces - 2 * roots.sum())
    if value < -1e-6 * traces:
        raise ArithmeticError(f"a Frechet distance of {value} means that the decomposition failed")
    value = max(value, 0.0)
    interval = None
    if min(g.n, r.n) >= 2 * gen.shape[1]:
        low, high = normal(value, _influence(gen, g, r, factor @ v, roots))
        interval = (max(low, 0.0), high)
    return Score(value, interval, _null_bias(ref, r) * (1 / g.n + 1 / r.n), {"n_ref": r.n})


def _roots(gen: np.ndarray, g: Moments, ref: np.ndarray, r: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F with F F^T = S_r, and the roots of the eigenvalues of F^T S F with its eigenvectors as columns."""
    lower = _regular_factor(r)
    if lower is not None and _regular_factor(g) is not None:
        w, v = eigh(lower.T @ g.covariance @ lower)
        return lower, np.sqrt(np.clip(w, 0, None)), v
    factor = _factor_of_data(ref, r).T
    _, roots, vt = svd(_factor_of_data(gen, g) @ factor, full_matrices=False)
    return factor, roots, vt.T


def _regular_factor(s: Moments) -> np.ndarray | None:
    """L with S = L L^T, or None where S is singular to working precision."""
    if s.n <= len(s.mean):
        return None
    try:
        lower = cholesky(s.covariance)
    except np.linalg.LinAlgError:
        return None
    pivots = np.diag(lower) ** 2
    return lower if pivots.min() > SINGULAR * pivots.max() else None


def _factor_of_data(x: np.ndarray, s: Moments) -> np.ndarray:
    """R `[min(n, d), d]` with R^T R = S, from the data: to square them first puts noise into the null directions."""
    return np.asarray(qr((x - s.mean) / np.sqrt(s.n - 1), mode="r"))


def _influence(x: np.ndarray, g: Moments, r: Moments, basis: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Influence of each sample on the FID: 2 (m - m_r)'(x - m) + (x - m)'(I - T)(x - m), T the map from S to S_r.

    T = B diag(1 / roots) B^T; directions in which no sample varies have root 0 and are left out.
    """
    seen = roots > 1e-7 * roots.max()
    centred = x - g.mean
    moved = centred @ (basis[:, seen] / np.sqrt(roots[seen]))
    return 2 * centred @ (g.mean - r.mean) + (centred**2).sum(1) - (moved**2).sum(1)


def _null_bias(ref: np.ndarray, r: Moments) -> float:
    """c in E[FID] = c (1/n + 1/m) for a perfect generator of a Gaussian with the reference's covariance."""
    eigenvalues = svdvals(_factor_of_data(ref, r)) ** 2 if r.n <= len(r.mean) else np.linalg.eigvalsh(r.covariance)
    l = np.clip(eigenvalues, 0, None)  # noqa: E741
    l = l[l > 1e-12 * l.max()] if l.max() > 0 else l[:0]  # noqa: E741
    pairs = np.outer(l, l) / np.add.outer(l, l)
    return float(l.sum() + 0.5 * (pairs.sum() + np.trace(pairs)))
