"""Classifier score exp(E_x KL(p(y|x) || p(y))).

With the logits of Inception it is the Inception Score (Salimans et al. 2016, arXiv:1606.03498, section 4).
One clear image per class gives the maximum. So the score detects neither copying nor a small support.
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr, log_softmax, logsumexp

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._order import shuffled
from ganbench.statistics import normal

CARD = Card(
    answers="Does a classifier recognise each generated image, and all classes equally often?",
    better="higher",
    range=(1.0, float("inf")),
    minimum=20,
    paper="Salimans et al. 2016, arXiv:1606.03498",
    version=1,
    responds={"noise": "-", "dropped": "-"},  # a classifier knows its own training images better: copies move the score
)

SPLITS = 10


def classifier_score(gen_logits: np.ndarray, rng: np.random.Generator, ref_logits: np.ndarray | None = None) -> Score:
    """Score from logits `[n, K]`, on one split, with the bias of its logarithm removed by the jackknife.

    The plug-in value is low by a factor of about exp(-(K - 1) / 2n); the correction can carry a perfect value a little
    above K. `classical` is the literature's number, the mean over 10 splits without correction. `split_std` is its "+-"; it is
    not a standard error. The interval is the delta method's. `perfect` is the score of `ref_logits`.
    """
    if gen_logits.ndim != 2:
        raise NotApplicable("needs one set of class logits per sample")
    log_p = log_softmax(gen_logits, axis=1)
    value = _log_score(log_p)
    low, high = normal(value, divergences(log_p))
    splits = [np.exp(divergences(s).mean()) for s in np.array_split(log_p[shuffled(gen_logits, rng)], SPLITS)]
    extra = {"classical": float(np.mean(splits)), "split_std": float(np.std(splits))}
    perfect = None
    if ref_logits is not None and len(ref_logits) >= CARD.minimum:
        perfect = float(np.exp(_log_score(log_softmax(ref_logits, axis=1))))
    at, low, high = np.exp(np.maximum([value, low, high], 0)).tolist()  # rounding of equal rows may end below 1
    return Score(at, (low, high), perfect, extra)


def _log_score(log_p: np.ndarray) -> float:
    """Logarithm of the score of log-probabilities `[n, K]`, less its bias."""
    return float(divergences(log_p).mean()) - _jackknife_bias(np.exp(log_p))


def _jackknife_bias(p: np.ndarray) -> float:
    """Bias of the entropy of the mean of `p` `[n, K]`: the rest of the score is a mean, without bias (Quenouille 1956)."""
    n, total = len(p), p.sum(0)
    left_out = sum(entr(np.maximum(total - part, 0) / (n - 1)).sum() for part in np.array_split(p, SPLITS)) / n
    return float((n - 1) * (left_out - entr(total / n).sum()))


def divergences(log_p: np.ndarray) -> np.ndarray:
    """KL(p(y|x) || p(y)) of each row; a class of probability 0 adds 0."""
    log_marginal = logsumexp(log_p, axis=0) - np.log(len(log_p))
    terms: np.ndarray = (np.exp(log_p) * (log_p - log_marginal)).sum(1)
    return terms
