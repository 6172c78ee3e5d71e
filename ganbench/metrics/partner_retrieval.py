"""Partner retrieval: is a generated sample nearer to the true sample of its condition than to all other true samples?

A translation can be right without being equal in its pixels. So the true partner only has to be the nearest one: R-precision
(Xu et al. 2017, arXiv:1711.10485) with true samples in the place of captions.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._neighbours import distances_of, knn
from ganbench.statistics import share

CARD = Card(
    answers="How often is the true partner of a sample the nearest of all true samples?",
    better="higher",
    range=(0.0, 1.0),
    minimum=20,
    paper="Xu et al. 2017, arXiv:1711.10485",
    version=1,
    quantities={"candidates": "count"},
)


def partner_retrieval(gen: np.ndarray, gen_truth: np.ndarray) -> Score:
    """Share of `gen` `[n, d]` whose partner in `gen_truth` `[n, d]` is as near as any other row of `gen_truth`.

    `candidates` counts the different rows, and chance is one over it. The interval is Clopper-Pearson's, for these candidates.
    """
    candidates = np.unique(gen_truth, axis=0)
    if len(candidates) < 2:
        raise NotApplicable("needs two or more different true samples")
    rows = np.arange(len(gen))
    nearest, _ = knn(gen, candidates, 1)
    right = int((distances_of(gen, gen_truth, rows, rows) <= nearest[:, 0]).sum())
    return Score(right / len(gen), share(right, len(gen)), 1.0, {"candidates": len(candidates)})
