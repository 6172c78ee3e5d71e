"""Frechet distance between Gaussians fitted to the features (Heusel et al. 2017, arXiv:1706.08500, eq. 6).

FID = |m - m_r|^2 + Tr S + Tr S_r - 2 Tr (S S_r)^(1/2). m and m_r are the means. S and S_r are the covariances.

No matrix square root is taken. For S_r = F_r F_r^T the last trace is the sum of the square roots of the eigenvalues of
F_r^T S F_r. This matrix is symmetric. If also S = F F^T, the trace is the sum of the singular values of F^T F_r.

FID is named after Inception, but the formula takes any features. Values of two extractors cannot be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.linalg import eigh, qr, svdvals
from scipy.linalg import eigvalsh
from scipy.linalg.lapack import dpotrf, dsygst

from ganbench.errors import UserError
from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._order import shuffled
from ganbench.metrics._parallel import blocks
from ganbench.metrics._rows import PART, held, parts, take
from ganbench.statistics import Z, normal

CARD = Card(
    answers="How far apart are the means and covariances of generated and held-out features?",
    better="lower",
    range=(0.0, float("inf")),
    minimum=2,
    paper="Heusel et al. 2017, arXiv:1706.08500",
    version=2,
    responds={
        "noise": "+", "blur": "+", "shift": "+", "dropped": "+", "support": "+", "copies": "0", "outliers": "+",
        "weights": "+",
    },
)  # fmt: skip

BLOCK = 8192  # rows centred at once
SINGULAR = 1e-10  # smallest ratio of squared pivots at which a covariance still counts as regular
UNSEEN = 1e-12  # an eigenvalue below this share of the largest is rounding; its direction has no variance
QUARTERS = 4  # parts of a set, for the values without bias
PAIRS = QUARTERS / (QUARTERS - 1)  # growth of the variance of pairs of samples, if only pairs of different parts count
ROUNDING = 1e-15  # an eigenvalue of F_r^T S F_r below this share of Tr S Tr S_r may be rounding alone


@dataclass(frozen=True)
class Moments:
    """Number, mean `[d]` and centred sum of squares `[d, d]` of a set, float64. Those of two shards merge exactly."""

    n: int
    mean: np.ndarray
    m2: np.ndarray
    centred: np.ndarray | None = None  # the samples minus their mean, if n <= d: a shorter way to S

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance, `[d, d]`."""
        return self.m2 / (self.n - 1)

    @cached_property
    def factor(self) -> np.ndarray:
        """F `[d, rank]` with covariance = F F^T, computed once. Of a square F only the lower triangle is valid: `np.tril`."""
        if self.centred is not None:  # C C^T has the eigenvalues of C^T C other than 0, and its vectors turn C into F
            w, v = eigh(self.centred @ self.centred.T)
            seen = w > UNSEEN * w[-1]
            return np.asarray(qr(v[:, seen].T @ self.centred / np.sqrt(self.n - 1), mode="r")).T
        # S = S^T, and S^T is already in LAPACK's order
        L, failed = dpotrf(self.covariance.T, lower=1, clean=0, overwrite_a=1)
        pivots = np.diag(L) ** 2
        if not failed and pivots.min() > SINGULAR * pivots.max():
            return np.asarray(L)
        w, v = eigh(self.covariance)
        seen = w > UNSEEN * w[-1]
        return np.asarray(qr((v[:, seen] * np.sqrt(w[seen])).T, mode="r")).T

    def merge(self, other: Moments) -> Moments:
        """Moments of the two sets together (Chan, Golub & LeVeque 1979)."""
        n = self.n + other.n
        step = other.mean - self.mean
        m2 = self.m2 + other.m2 + np.outer(step, step) * (self.n * other.n / n)
        return Moments(n, self.mean + step * (other.n / n), m2)


def moments(blocks: Iterable[np.ndarray]) -> Moments:
    """Moments of a set that comes in blocks `[k, d]`. One block at a time is in memory.

    Raises:
        UserError: there is no sample, or a block is no matrix; a single array is one block, `moments([x])`.
    """
    shards = (_moments(block) for block in blocks if np.size(block))
    first = next(shards, None)
    if first is None:
        raise UserError("a set without samples has no moments")
    return reduce(Moments.merge, shards, first)


def _moments(block: np.ndarray) -> Moments:
    """Moments of one block `[k, d]`, centred before it is squared."""
    x = np.asarray(block, np.float64)
    if x.ndim != 2:
        raise UserError(f"a block of samples is a matrix [k, d], not of shape {x.shape}")
    mean = x.mean(0)
    centred = x - mean
    return Moments(len(x), mean, centred.T @ centred, centred if len(x) <= x.shape[1] else None)


def _blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    size = BLOCK if held(x) else PART // x.shape[1]
    return (x[part] for part in blocks(len(x), size))


def frechet(g: Moments, r: Moments) -> float:
    """Frechet distance of two sets from their moments, in squared units of the features.

    If both sets have at most d samples, Tr (S S_r)^(1/2) is the sum of the singular values of C C_r^T. C are the centred
    samples, divided by (n - 1)^(1/2). A covariance can also be singular because features are constant or depend on each
    other. Then a direction with less than 1e-12 of the largest variance counts as a direction without variance.

    Raises:
        UserError: fewer than two samples in a set, unequal dimensions, or features that are not finite.
    """
    if min(g.n, r.n) < 2:
        raise UserError(f"a Frechet distance needs at least 2 samples in each set, there are {g.n} and {r.n}")
    if g.mean.shape != r.mean.shape:
        raise UserError(f"sets of {len(g.mean)} and {len(r.mean)} features cannot be compared")
    if not all(np.isfinite(s.m2).all() for s in (g, r)):
        raise UserError("features have NaN or infinite values, or are too large to be squared")
    trace, trace_r = (float((np.diag(s.m2) / (s.n - 1)).sum()) for s in (g, r))
    if g.centred is not None and r.centred is not None:
        overlap = svdvals(g.centred @ r.centred.T).sum() / np.sqrt((g.n - 1) * (r.n - 1))
    else:
        overlap = _overlap(g, r, ROUNDING * trace * trace_r)
    value = float(((g.mean - r.mean) ** 2).sum() + trace + trace_r - 2 * overlap)
    if value < -1e-6 * (trace + trace_r):
        raise ArithmeticError(f"a Frechet distance of {value} means that the decomposition failed")
    return max(value, 0.0)


def _overlap(g: Moments, r: Moments, rounding: float) -> float:
    """Tr (S S_r)^(1/2): the sum of the roots of the eigenvalues of F_r^T S F_r, for S_r = F_r F_r^T."""
    w = (
        None
        if g.centred is not None
        else eigvalsh(_reduced(g.covariance, r.factor), overwrite_a=True, check_finite=False)
    )
    if w is not None and (w > rounding).all():
        return float(np.sqrt(w).sum())
    # S is singular, as it is if n <= d, and the roots of rounding errors would add up.
    return float(svdvals(np.tril(g.factor).T @ np.tril(r.factor)).sum())


def _reduced(S: np.ndarray, F: np.ndarray) -> np.ndarray:
    """F^T S F for a `factor` F. Only the lower triangle of F is valid. S is overwritten."""
    if F.shape[0] > F.shape[1]:
        product: np.ndarray = F.T @ S @ F
    else:
        product = dsygst(S.T, F, itype=2, lower=1, overwrite_a=1)[0]  # at a third of the cost of two products
    return product


def fid(gen: np.ndarray, ref: np.ndarray | None = None, ref_moments: np.ndarray | None = None) -> Score:
    """Frechet distance of `gen` `[n, d]` from `ref` `[m, d]`, in squared units of the features.

    Values at unequal n cannot be compared.

    The interval is the delta method's. It is for the expected FID at this n against this reference. It does not cover the
    bias, and it does not cover another reference. It is None if n or m is less than 2 d.

    `perfect` is the bias. A perfect generator would score it at this n and m, if the features were Gaussian with the
    covariance of the reference.

    `ref_moments` `[1 + d, d]` are the mean and the covariance of a reference. If they are given, `ref` is not used. Their m is
    unknown and is taken as large. Then `perfect` is None, because half of the bias is unknown.

    Extras:
        n_ref: m.
        infinity: the distance of infinitely many generated samples from this reference. It has no bias from the generated
            samples, but it has the bias from the reference. It can be negative, because nothing is clipped. It is None
            if n / 4 is less than 4 d, or m is less than 2 d.
        infinity_interval: the interval of `infinity`.
        unbiased: the distance of infinitely many generated samples from infinitely many real samples. Its mean is that of
            the two distributions, up to terms in 1/n^2 and 1/m^2. It can be negative. It is None if n or m is less than 4 d.
        unbiased_interval: the interval of `unbiased`. It covers new samples of the generator and a new reference.
    """
    if ref_moments is not None:
        r, m = Moments(2, ref_moments[0], ref_moments[1:]), None  # of n = 2, m2 is the covariance
    elif ref is not None and len(ref) >= CARD.minimum:
        r, m = moments(_blocks(ref)), len(ref)
    else:
        raise NotApplicable(f"needs a reference of at least {CARD.minimum} samples: pass `reference=`")
    g = moments(_blocks(gen))
    d = gen.shape[1]
    value = frechet(g, r)
    bias, noise = _null(r)
    interval = infinity = infinity_interval = unbiased = unbiased_interval = None
    if min(g.n, m or g.n) >= 2 * d:
        low, high = normal(value, _influence(gen, g, r))
        interval = (max(low, 0.0), high)
        quarters = _quarters(gen, g) if g.n >= 4 * d else []
        enough = min(g.n, r.n) >= 4 * d
        of_gen = _bias(quarters, r, value) if enough and ref is not None else 0.0
        if g.n // 4 >= 4 * d:
            infinity = _infinity(quarters, r, value)
            # The variance of the delta method, plus the variance of pairs of samples. The second matters only near 0.
            half = float(np.hypot((high - low) / 2, Z * np.sqrt(1.5) * noise / g.n))
            infinity_interval = [infinity - half, infinity + half]
        del quarters  # large if there are many features
        if enough and ref is not None:
            unbiased = value - of_gen - _bias(_quarters(ref, r), g, value)
            sides = _influence(gen, g, r).var() / g.n + _influence(ref, r, g).var() / r.n
            half = Z * float(np.sqrt(sides + PAIRS * (noise * (1 / g.n + 1 / r.n)) ** 2))
            unbiased_interval = [unbiased - half, unbiased + half]
    extra = {
        "n_ref": m,
        "infinity": infinity,
        "infinity_interval": infinity_interval,
        "unbiased": unbiased,
        "unbiased_interval": unbiased_interval,
    }
    return Score(value, interval, None if m is None else bias * (1 / g.n + 1 / m), extra)


def _influence(x: np.ndarray, g: Moments, r: Moments) -> np.ndarray:
    """Influence of each sample on the FID: 2 (m - m_r)'(x - m) + (x - m)'(I - T)(x - m).

    T maps S to S_r: T = F (F^T S F)^(-1/2) F^T for S_r = F F^T. Directions in which no sample varies are left out.
    """
    w, v = eigh(_reduced(g.covariance, r.factor))
    seen = w > 1e-14 * w.max(initial=0)
    to_moved = np.tril(r.factor) @ v[:, seen] / w[seen] ** 0.25
    influences = []
    for part in parts(x):
        centred = x[part] - g.mean
        moved = centred @ to_moved
        influences.append(2 * centred @ (g.mean - r.mean) + (centred**2).sum(1) - (moved**2).sum(1))
    return np.concatenate(influences)


def _infinity(parts: list[Moments], r: Moments, value: float) -> float:
    """FID at 1/N = 0 on the least-squares line through N = n, n/2, n/4 (Chong & Forsyth 2020, arXiv:1911.07023).

    The samples are put into one random order and cut into parts of size N. FID_N is the mean over the parts. The line's
    value at 1/N = 0 is FID_n + (FID_n/2 - FID_n/4) / 2. These weights add up to 1. So each sample has the same influence
    on this value as on FID_n, to first order. To second order the noise of pairs of samples has 1.5 times the variance
    that it has in FID_n.
    """
    halves = [parts[0].merge(parts[1]), parts[2].merge(parts[3])]
    half, quarter = (np.mean([frechet(part, r) for part in level]) for level in (halves, parts))
    return float(value + (half - quarter) / 2)


def _bias(parts: list[Moments], other: Moments, value: float) -> float:
    """Bias of the distance `value` that comes from the finite number of samples in the set of these `parts`.

    The jackknife that leaves out a quarter of the samples (Quenouille 1956). It needs no Gaussian features. The corrected
    value holds only pairs of samples of different quarters. So the noise of pairs has `PAIRS` times the variance of FID_n.
    """
    left = (reduce(Moments.merge, parts[:i] + parts[i + 1 :]) for i in range(QUARTERS))  # one at a time in memory
    return float((QUARTERS - 1) * (np.mean([frechet(part, other) for part in left]) - value))


def _quarters(x: np.ndarray, own: Moments) -> list[Moments]:
    """Moments of four parts of `x` `[n, d]`, in a random order. Its seed comes from the moments of `x`.

    So a value that is made of the parts depends on the set of samples alone.
    """
    seed = int(np.frexp(own.mean @ own.mean + np.trace(own.covariance))[0] * 2**30)
    order = shuffled(x, np.random.default_rng(seed))
    return [moments(_blocks(take(x, rows))) for rows in np.array_split(order, QUARTERS)]


def _null(r: Moments) -> tuple[float, float]:
    """Two numbers c and q of a perfect generator, if the data are Gaussian with the reference's covariance.

    Its mean FID is c (1/n + 1/m). The standard deviation of its FID_n from a given Gaussian is q / n. Both follow from the
    leading order |m - m_r|^2 + sum_ij (S - S_r)_ij^2 / (2 (l_i + l_j)), where l are the eigenvalues of the covariance.
    """
    # The shorter product of centred samples has the same eigenvalues, those that are 0 aside.
    S = r.covariance if r.centred is None else r.centred @ r.centred.T / (r.n - 1)
    l = eigvalsh(S.T, overwrite_a=True, check_finite=False)  # noqa: E741
    l = l[l > UNSEEN * l[-1]]  # noqa: E741
    pairs = np.outer(l, l) / np.add.outer(l, l)
    bias = l.sum() + (pairs.sum() + np.trace(pairs)) / 2
    variance = 2 * (l**2).sum() + (pairs**2).sum() + (np.diag(pairs) ** 2).sum()
    return float(bias), float(np.sqrt(variance))
