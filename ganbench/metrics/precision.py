"""Precision: share of generated samples inside the reference's manifold.

Kynkaanniemi et al. 2019, arXiv:1904.06991, eqs. 1 and 2.
The manifold is the union of closed balls around the reference points that reach to their third neighbours. An outlier of the
reference has a huge ball. So precision can be 1 for a generator that is wrong everywhere: also read `density`.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._manifolds import interval, manifolds, measured
from ganbench.metrics._order import like
from ganbench.statistics import share

CARD = Card(
    answers="What share of generated samples looks like held-out samples?",
    better="target",
    range=(0.0, 1.0),
    minimum=5,
    paper="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    version=2,
    responds={"shift": "-", "dropped": "0", "copies": "0"},
)


def precision(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Share of `gen` `[n, d]` inside the manifold of `ref` `[m, d]`, k = 3.

    The interval covers new samples of the generator and a new reference: a jackknife over both sets, at least as wide as
    Clopper-Pearson's interval for this manifold. The score of a perfect generator depends on n, m and d: `perfect` is the score
    of n random training samples.
    """
    real = like(len(gen), train)
    relations, errors = measured(gen, ref)
    inside = relations.precise
    perfect = None if real is None else float(manifolds(real, ref).precise.mean())
    value, given = float(inside.mean()), share(int(inside.sum()), len(gen))
    return Score(value, interval(value, errors.precision, given, 1.0), perfect)
