"""Energy distance between generated and held-out features (Szekely & Rizzo 2013): a metric from outside, in one file."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist, pdist

from ganbench.metrics import Card, Score

CARD = Card(
    answers="How much farther are generated features from held-out ones than each from its own kind?",
    better="lower",
    range=(-np.inf, np.inf),
    minimum=10,
    paper="Szekely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018",
    version=1,
    responds={"shift": "+", "noise": "+"},
)


def energy(gen: np.ndarray, ref: np.ndarray) -> Score:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| of `gen` `[n, d]` and `ref` `[m, d]`, unbiased: 0 for a perfect generator."""
    return Score(float(2 * cdist(gen, ref).mean() - pdist(gen).mean() - pdist(ref).mean()), perfect=0.0)
