"""Coverage: share of reference neighbourhoods that hold a generated sample (Naeem et al. 2020, arXiv:2002.09797)."""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._manifolds import K_DENSITY, interval, manifolds, measured
from ganbench.metrics._order import like
from ganbench.statistics import share

CARD = Card(
    answers="What share of held-out samples has a generated sample nearby?",
    better="higher",
    range=(0.0, 1.0),
    minimum=7,
    paper="Naeem et al. 2020, arXiv:2002.09797",
    version=2,
    responds={"noise": "-", "blur": "-", "shift": "-", "dropped": "-", "support": "-", "copies": "0"},
)


def coverage(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Share of `ref` `[m, d]` with a sample of `gen` `[n, d]` nearer than its fifth neighbour.

    `perfect` is what a perfect generator scores on average at this n and m, for every distribution without ties:
    1 - prod_{j=1..k} (m - j) / (m + n - j). The interval covers new samples of the generator and a new reference: a jackknife
    over both sets, at least as wide as Clopper-Pearson's interval over the held-out samples. `_manifolds.py` says what happens
    where real points coincide.
    """
    n, m = len(gen), len(ref)
    relations, errors = measured(gen, ref)
    covered = relations.covered
    real = like(len(gen), train)
    j = np.arange(1, K_DENSITY + 1)
    perfect = float(1 - np.prod((m - j) / (m + n - j)))
    extra = {"real_vs_real": None if real is None else float(manifolds(real, ref).covered.mean())}
    value, given = float(covered.mean()), share(int(covered.sum()), m)
    return Score(value, interval(value, errors.coverage, given, 1.0), perfect, extra)
