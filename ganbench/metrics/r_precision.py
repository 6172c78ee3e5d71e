"""R-precision over captions: is a picture nearer to its own caption than to 99 others?

An image encoder and a caption encoder that were trained together give vectors of one space. Cosines rank the captions of a
picture: its own caption and `OTHERS` captions that do not fit (Xu et al. 2017, arXiv:1711.10485). The paper draws the others.
Here the probability over all draws is computed, so the value has no noise of the draw.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._parallel import blocks
from ganbench.statistics import share

CARD = Card(
    answers="How often is a picture nearer to its own caption than to 99 captions that do not fit?",
    better="higher",
    range=(0.0, 1.0),
    minimum=100,
    paper="Xu et al. 2017, arXiv:1711.10485",
    version=1,
)

OTHERS = 99
BLOCK = 500  # samples that are compared with all captions together


def r_precision(
    gen: np.ndarray,
    gen_captions: np.ndarray,
    gen_stated: np.ndarray,
    ref: np.ndarray | None = None,
    ref_captions: np.ndarray | None = None,
    ref_stated: np.ndarray | None = None,
) -> Score:
    """Mean chance that the own caption wins, of pictures `gen` `[n, d]` and their captions `[n, d]` in one space.

    `gen_stated` int64 `[n, A]` are the stated attributes, -1 where a caption is silent. Another caption does not fit if it
    states an attribute in another way than the own caption. A tie counts against the own caption. Chance is 0.01. `perfect` is
    the value of the held-out pictures. The interval is Clopper-Pearson's, for the given captions: see `statistics.share`.
    """
    wins = _wins(gen, gen_captions, gen_stated)
    total = float(wins.sum())
    perfect = None
    if ref is not None and ref_captions is not None and ref_stated is not None and len(ref):
        perfect = float(_wins(ref, ref_captions, ref_stated).mean())
    return Score(total / len(wins), share(total, len(wins)), perfect)


def _wins(pictures: np.ndarray, captions: np.ndarray, stated: np.ndarray) -> np.ndarray:
    """The chance `[n]` that a picture's own caption beats `OTHERS` random captions that do not fit.

    With h of M such captions at least as near, all of the draw lies in the other M - h with C(M - h, 99) / C(M, 99).
    """
    v, t = _unit(pictures), _unit(captions)
    wins = np.empty(len(v))
    for rows in blocks(len(v), BLOCK):
        s = v[rows] @ t.T
        own = s[np.arange(len(s)), np.arange(rows.start, rows.start + len(s))]
        wrong = np.zeros(s.shape, bool)
        for column in stated.T:
            given = column[rows][:, None]
            wrong |= (given >= 0) & (column >= 0) & (given != column)
        M = wrong.sum(1)
        if M.min() < OTHERS:
            raise NotApplicable(f"needs {OTHERS} captions that do not fit, for each sample")
        rest = M - (wrong & (s >= own[:, None])).sum(1)
        wins[rows] = np.where(rest >= OTHERS, np.exp(_log_choices(np.maximum(rest, OTHERS)) - _log_choices(M)), 0.0)
    return wins


def _log_choices(k: np.ndarray) -> np.ndarray:
    """log C(k, 99), without the factor that all have."""
    logs: np.ndarray = gammaln(k + 1) - gammaln(k - OTHERS + 1)
    return logs


def _unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays."""
    x = np.asarray(x, np.float64)
    x = x / np.maximum(abs(x).max(1, keepdims=True), np.finfo(float).tiny)  # else the squares of large values overflow
    units: np.ndarray = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(float).tiny)
    return units
