"""Vendi score: the effective number of different samples (Friedman & Dieng 2022, arXiv:2210.02410).

exp(-sum_i l_i log l_i) over the eigenvalues l_i of K / n, where K is the matrix of the samples' similarities: 1 if all are
equal, n if none resembles another. The similarity is the cosine of the features, the paper's choice for images, so
K = U U^T for unit rows U, and the eigenvalues are also those of the smaller U^T U / n.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._order import like
from ganbench.metrics._rows import parts
from ganbench.statistics import normal

CARD = Card(
    answers="How many entirely different samples would be as diverse as the generated ones?",
    better="target",
    range=(1.0, float("inf")),
    minimum=2,
    paper="Friedman & Dieng 2022, arXiv:2210.02410",
    version=1,
    responds={"support": "-", "copies": "0"},
)


def vendi(gen: np.ndarray, ref: np.ndarray) -> Score:
    """Vendi score of `gen` `[n, d]` under the cosine; at most min(n, d + 1), and lower on average at smaller n.

    The score does not use the data. `perfect` is the score of n random samples of `ref` `[m, d]`, and a higher score is not
    better. The interval is the delta method's on the logarithm, for the expected score at this n; it needs n of at least 4 d,
    else it is None. Rows of zeros have no direction: they count as equal to each other and unlike all other rows.
    """
    if gen.shape[1] == 1:
        raise NotApplicable("is for more than one dimension: on the line all directions are alike")
    log_score, influence = entropy(gen)
    value = max(float(np.exp(log_score)), 1.0)  # rounding can make it slightly smaller
    interval = None
    if len(gen) >= 4 * gen.shape[1]:
        low, high = np.exp(normal(log_score, influence))
        interval = (max(float(low), 1.0), max(float(high), 1.0))
    real = like(len(gen), ref)
    perfect = None if real is None else float(np.exp(entropy(real)[0]))
    return Score(value, interval, perfect)


def entropy(x: np.ndarray) -> tuple[float, np.ndarray]:
    """-sum l log l of the rows of `x` `[n, d]`, in nats, and the terms u' (-log R) u, R = U^T U / n, that it is the mean of.

    The terms are the influences of the samples on it, up to a constant.
    """
    n = len(x)
    if n > x.shape[1] + 1:
        rows = parts(x)
        l, v = np.linalg.eigh(reduce(np.add, (u.T @ u for u in (units(x[part]) for part in rows))) / n)  # noqa: E741
        seen = l > np.finfo(np.float64).eps
        terms = np.concatenate([((units(x[part]) @ v) ** 2)[:, seen] @ -np.log(l[seen]) for part in rows])
    else:
        u = units(np.asarray(x))
        l, v = np.linalg.eigh(u @ u.T / n)  # noqa: E741
        seen = l > np.finfo(np.float64).eps
        terms = (n * np.clip(l, 0, None) * v**2)[:, seen] @ -np.log(l[seen])
    return float(terms.mean()), terms


def units(x: np.ndarray) -> np.ndarray:
    """The rows of `x` `[n, d]` with length 1, float64 `[n, d + 1]`. The last column is 1 where a row is 0."""
    norm = np.sqrt((x**2).sum(1, keepdims=True))
    return np.hstack([np.divide(x, norm, out=np.zeros(x.shape), where=norm > 0), norm == 0])
