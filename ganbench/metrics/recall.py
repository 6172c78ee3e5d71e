"""Recall: share of held-out samples inside the generator's manifold (Kynkaanniemi et al. 2019, arXiv:1904.06991, eq. 2).

It is `precision` with the two sets exchanged.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._manifolds import interval, recalled, recalled_measured
from ganbench.metrics._order import like
from ganbench.statistics import share

CARD = Card(
    answers="What share of held-out samples could the generator have made?",
    better="target",
    range=(0.0, 1.0),
    minimum=5,
    paper="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    version=2,
    responds={"blur": "-", "dropped": "-", "support": "-", "copies": "0"},
)


def recall(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Share of `ref` `[m, d]` inside the manifold of `gen` `[n, d]`, k = 3.

    The interval covers new samples of the generator and a new reference: a jackknife over both sets, at least as wide as
    Clopper-Pearson's interval for this manifold. `perfect` is the score of n random training samples in the place of `gen`.
    """
    real = like(len(gen), train)
    near, error = recalled_measured(gen, ref)
    perfect = None if real is None else float(recalled(real, ref).mean())
    value, given = float(near.mean()), share(int(near.sum()), len(ref))
    return Score(value, interval(value, error, given, 1.0), perfect)
