"""Rejected: the share of samples that are no image of this kind, says a classifier that was shown damage.

The classifier has a second head. This head tells undamaged images from noise, uniform and permuted pixels, blur, mixtures and
shuffled patches (outlier exposure, Hendrycks et al. 2019, arXiv:1812.04606).
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.statistics import share

CARD = Card(
    answers="What share of samples is no image of this kind?",
    better="lower",
    range=(0.0, 1.0),
    minimum=1,
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

    The interval is Clopper-Pearson's. `perfect` is the share among the held-out images, `ref_kinds` `[m, K]`: false alarms.
    The head knows the damage that it was shown. It does not see every other damage, and it says nothing about classes.
    """
    count, n = int((gen_kinds.argmax(1) > 0).sum()), len(gen_kinds)
    perfect = None if ref_kinds is None else float((ref_kinds.argmax(1) > 0).mean())
    return Score(count / n, share(count, n), perfect)
