"""Precision: share of generated samples inside the reference's manifold (Kynkaanniemi et al. 2019, arXiv:1904.06991,
eqs. 1 and 2).

The manifold is the union of closed balls around the reference points that reach to their third neighbours. One outlier
there makes a huge ball, so this number can be 1 for a generator that is wrong everywhere: read `density` beside it.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._intervals import share
from ganbench.metrics._order import like
from ganbench.neighbours import balls_containing, knn_self

CARD = Card(
    answers="What share of generated samples looks like held-out samples?",
    better="target",
    range=(0.0, 1.0),
    minimum=5,
    paper="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    version=1,
)

K = 3


def precision(gen: np.ndarray, ref: np.ndarray, rng: np.random.Generator, train: np.ndarray | None = None) -> Score:
    """Share of `gen` `[n, d]` inside the manifold of `ref` `[m, d]`, k = 3.

    The interval is Clopper-Pearson's for this manifold: the generator's sampling noise, not the reference's. What a
    perfect generator scores depends on n, m and d: `perfect` is the score of n random training samples.
    """
    real = like(gen, train, rng)
    inside = in_manifold(gen, ref)
    perfect = None if real is None else float(in_manifold(real, ref).mean())
    return Score(float(inside.mean()), share(int(inside.sum()), len(gen)), perfect)


def in_manifold(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Whether each row of `q` is in the manifold of `x`: bool `[n]`."""
    radius = knn_self(x, K)[0][:, -1]
    return balls_containing(q, x, radius) > 0
