"""Rejected: the share of samples that are no image of this kind, says a classifier that was shown damage.

The classifier has a second head. It tells undamaged images from noise, uniform and permuted pixels, blur, mixtures and shuffled
patches (outlier exposure, Hendrycks et al. 2019, arXiv:1812.04606).
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.statistics import share

CARD = Card(
    answers="What share of samples is no image of this kind?",
    better="lower",
    range=(0.0, 1.0),
    minimum=2,
    paper="Hendrycks et al. 2019, arXiv:1812.04606",
    version=1,
    responds={
        "noise": "+",
        "blur": "+",
        "outliers": "+",
        "permuted": "+",
        "copies": "0",
        "dropped": "0",
        "support": "0",
    },
)


def rejected(gen_kinds: np.ndarray, ref_kinds: np.ndarray | None = None) -> Score:
    """Share of samples whose greatest logit of `gen_kinds` `[n, K]` is a kind of damage, not the first kind, "undamaged".

    The intervals are Clopper-Pearson's. `perfect` is the share among the held-out images, `ref_kinds` `[m, K]`: false alarms.
    The head knows the damage that it was shown. It does not see every other damage, and it says nothing about classes.
    """
    count, n = _damaged(gen_kinds), len(gen_kinds)
    if ref_kinds is None or not len(ref_kinds):
        return Score(count / n, share(count, n))
    alarms, m = _damaged(ref_kinds), len(ref_kinds)
    return Score(count / n, share(count, n), alarms / m, {"perfect_interval": list(share(alarms, m))})


def _damaged(kinds: np.ndarray) -> int:
    return int((kinds.argmax(1) > 0).sum())
