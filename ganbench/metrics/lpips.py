"""LPIPS of random pairs: how far apart two samples of a generator are to the eye of a network.

The distance is LPIPS (Zhang et al. 2018, arXiv:1801.03924), its mean over random pairs is the diversity of Zhu et al. 2017
(arXiv:1711.11586). The network is AlexNet with the authors' weights of version 0.1. The metric gets the distances of the pairs,
because a network computes them.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.statistics import normal

CARD = Card(
    answers="How different do two samples look to a network that was fitted to people's judgements?",
    better="target",
    range=(0.0, float("inf")),
    minimum=4,
    paper="Zhang et al. 2018, arXiv:1801.03924; Zhu et al. 2017, 1711.11586",
    version=1,
    responds={"copies": "0"},
    on_request=True,
)


def lpips(gen_lpips: np.ndarray, ref_lpips: np.ndarray | None = None) -> Score:
    """Mean of the distances `gen_lpips` `[p]` of random pairs of generated images; no image is in two pairs.

    A high value says that the images differ: noise differs most. `perfect` is the mean of `ref_lpips` `[q]`, the distances of
    pairs of held-out images; its own error is not in the interval. The interval is the normal one of a mean of independent
    pairs. `pairs` is p.
    """
    value = float(gen_lpips.mean())
    low, high = normal(value, gen_lpips)
    perfect = None if ref_lpips is None or not len(ref_lpips) else float(ref_lpips.mean())
    return Score(value, (max(low, 0.0), high), perfect, {"pairs": len(gen_lpips)})
