"""Captured modes, for data with known modes: mixtures of Gaussians and stacked digits.

Points: a sample near its nearest mode has high quality, and a mode is captured if it has such a sample (VEEGAN, Srivastava
et al. 2017, arXiv:1705.07761; ring and grid as in PacGAN, Lin et al. 2018, arXiv:1712.04086). The papers use a radius of 3
sigma. It contains 98.9 % of a Gaussian in two dimensions and almost nothing in many, so the radius of this metric contains
98.9 % in every dimension.

Stacked digits: three digits make one of 1,000 modes. A plain count of modes with a sample also counts the classifier's errors.
So the classifier's confusion, measured on labelled held-out samples, is removed first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammainc, gammaincinv, pdtrc, rel_entr

from ganbench.data.mixture import Mixture
from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._neighbours import knn
from ganbench.statistics import ALPHA, share

CARD = Card(
    answers="How many of the known modes does the generator reach?",
    better="higher",
    range=(0.0, float("inf")),
    minimum=50,
    paper="Srivastava et al. 2017, arXiv:1705.07761; Lin et al. 2018, arXiv:1712.04086",
    version=1,
    responds={"dropped": "-", "copies": "0"},
    quantities={
        "value": "count",
        "modes_fair": "count",
        "modes_uncorrected": "count",
        "high_quality": "share",
        "kl": "positive",
        "jsd": "positive",
        "spread": "positive",
    },
)

INSIDE = float(1 - np.exp(-4.5))  # share of a Gaussian within 3 sigma in two dimensions
FAIR = 0.1  # of an equal share; a mode with less hardly counts
EM_STEPS = 300


def modes(
    gen: np.ndarray,
    mixture: Mixture | None = None,
    gen_logits: np.ndarray | None = None,
    ref_logits: np.ndarray | None = None,
    ref_labels: np.ndarray | None = None,
) -> Score:
    """Number of captured modes: of `mixture` for points `gen` `[n, d]`, of 1,000 for digit logits `[n, 3, 10]`.

    Points, extras: `high_quality`, `high_quality_interval` (Clopper-Pearson) and `high_quality_perfect`, the share that
    a perfect generator has; `modes_fair` with at least a tenth of an equal share; `kl` and `jsd` (nats) of the
    high-quality samples' modes from uniform, and `kl_perfect` = (K - 1) / 2n; `spread`, their standard deviation within
    modes over the true one.

    Digits, extras: `modes_uncorrected`, the literature's count; `kl` of the raw counts and `kl_perfect`.
    `perfect` is the value of a perfect generator at this n. Labels are 100 a + 10 b + c.
    """
    if mixture is not None:
        return _points(gen, mixture)
    if gen_logits is None or gen_logits.ndim != 3:
        raise NotApplicable("is for datasets whose modes are known")
    if ref_logits is None or ref_labels is None:
        raise NotApplicable("needs a labelled reference: the classifier's errors are measured there")
    return _stacked(gen_logits, ref_logits, ref_labels)


def radius(mixture: Mixture) -> float:
    """The distance from a mode's mean up to which a sample captures the mode: 3 sd in two dimensions."""
    return float(mixture.sd * np.sqrt(2 * gammaincinv(mixture.means.shape[1] / 2, INSIDE)))


def _points(gen: np.ndarray, mixture: Mixture) -> Score:
    k, d = mixture.means.shape
    distance, mode = (a[:, 0] for a in knn(gen, mixture.means, 1))
    half_square = gammaincinv(d / 2, INSIDE)
    good = distance <= radius(mixture)
    counts = np.bincount(mode[good], minlength=k)
    n = int(counts.sum())
    extra: dict[str, Any] = {
        "high_quality": n / len(gen),
        "high_quality_interval": list(share(n, len(gen))),
        "high_quality_perfect": INSIDE,
        "modes_fair": int((counts >= FAIR * len(gen) / k).sum()),
        **_evenness(counts),
        "spread": None,
    }
    freedom = n - np.count_nonzero(counts)
    if freedom:
        kept, of = gen[good], mode[good]
        means = np.stack([np.bincount(of, weights=column, minlength=k) for column in kept.T], 1)
        squares = ((kept - (means / np.maximum(counts, 1)[:, None])[of]) ** 2).sum()
        truth = mixture.sd**2 * d * gammainc(d / 2 + 1, half_square) / INSIDE  # of a Gaussian cut off at the radius
        extra["spread"] = float(np.sqrt(squares / freedom / truth))
    return Score(int(np.count_nonzero(counts)), None, k, extra)


def _stacked(gen_logits: np.ndarray, ref_logits: np.ndarray, ref_labels: np.ndarray) -> Score:
    seen = gen_logits.argmax(2)
    counts = np.zeros((10, 10, 10))
    np.add.at(counts, tuple(seen.T), 1)
    confusion = _confusion(ref_logits, ref_labels)
    kept = np.diag(confusion)
    correct = kept[:, None, None] * kept[None, :, None] * kept

    share_of = np.full(counts.shape, 1 / counts.size)
    for _ in range(EM_STEPS):
        share_of = share_of * _through(confusion.T, counts / len(seen) / _through(confusion, share_of))
    spill = len(seen) * np.clip(_through(confusion, share_of) - share_of * correct, 0, None)
    present = (counts > 0) & (pdtrc(np.maximum(counts, 1) - 1, spill) <= ALPHA / counts.size)

    even = np.full(counts.shape, 1 / counts.size)
    expected = len(seen) * _through(confusion, even)
    spill_even = np.clip(expected - len(seen) * even * correct, 0, None)
    least = np.arange(1, 100 + int(3 * expected.max()))[:, None]
    needed = 1 + (pdtrc(least - 1, spill_even.ravel()) > ALPHA / counts.size).sum(0)
    extra = {
        "modes_uncorrected": int(np.count_nonzero(counts)),
        **_evenness(counts.ravel()),
    }
    return Score(int(present.sum()), None, float(pdtrc(needed - 1, expected.ravel()).sum()), extra)


def _confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """P(seen | true) of a digit, `[10, 10]`; one added observation per row, so that no error is impossible."""
    result = np.full((10, 10), 0.1)
    truth = np.stack([labels // 100, labels // 10 % 10, labels % 10], 1)
    np.add.at(result, (truth.ravel(), logits.argmax(2).ravel()), 1)
    confusion: np.ndarray = result / result.sum(1, keepdims=True)
    return confusion


def _through(confusion: np.ndarray, stacks: np.ndarray) -> np.ndarray:
    """Send `[10, 10, 10]` masses through the confusion of each digit."""
    seen: np.ndarray = np.einsum("abc,ax,by,cz->xyz", stacks, confusion, confusion, confusion, optimize=True)
    return seen


def _evenness(counts: np.ndarray) -> dict[str, float | None]:
    """KL and Jensen-Shannon divergence from uniform, and the KL that chance alone makes of n even samples."""
    n, k = counts.sum(), len(counts)
    if not n:
        return {"kl": None, "kl_perfect": None, "jsd": None}
    q, even = counts / n, np.full(k, 1 / k)
    middle = (q + even) / 2
    jsd = (rel_entr(q, middle).sum() + rel_entr(even, middle).sum()) / 2
    return {"kl": float(rel_entr(q, even).sum()), "kl_perfect": (k - 1) / (2 * float(n)), "jsd": float(jsd)}
