"""What is invented: the samples that lie near no held-out sample.

Such samples are the hallucinations of Aithal et al. 2024, arXiv:2406.09358: they have no mass in the data. A sample is near
nothing if its nearest held-out sample is farther away than nearly all held-out samples are from their own nearest others. The
threshold comes from the held-out samples, so the rate of false alarms is known, and it is subtracted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from ganbench.metrics import Card, Score
from ganbench.metrics._neighbours import nearest
from ganbench.metrics._reach import SHOWN, nearest_real
from ganbench.statistics import difference, share

CARD = Card(
    answers="What share of the samples lies near no held-out sample?",
    better="lower",
    range=(0.0, 1.0),
    minimum=20,
    paper="Aithal et al. 2024, arXiv:2406.09358",
    version=1,
    responds={"copies": "0"},
)

FALSE_ALARMS = 0.01  # share of held-out samples above the threshold
CLUSTERED = 500  # samples near nothing that are put into groups, the farthest ones
GROUPS = 6  # in the gallery


def invented(gen: np.ndarray, ref: np.ndarray) -> Score:
    """Share of `gen` `[n, d]` farther from `ref` `[m, d]` than 99 % of held-out samples are from their nearest others.

    The share of held-out samples above the threshold is subtracted, and the value is clipped at 0. The interval joins
    Clopper-Pearson's of both shares (MOVER).

    Extras:
        flagged: the number of samples above the threshold.
        expected: the share of held-out samples above it.
        threshold: in units of the features.
        gallery: groups of flagged samples, the largest first: their number, and rows of the farthest of them. Samples that lie
            within the threshold of each other are in one group.
    """
    own = nearest(ref)[0][:, 0]
    threshold = float(np.quantile(own, 1 - FALSE_ALARMS, method="higher"))
    distance, _ = nearest_real(gen, ref)
    rows = np.flatnonzero(distance > threshold)
    n, m = len(gen), len(ref)
    above = int((own > threshold).sum())
    made, false = len(rows) / n, above / m
    low, high = difference(made, share(len(rows), n), false, share(above, m))
    extra = {
        "flagged": len(rows),
        "expected": false,
        "threshold": threshold,
        "gallery": _groups(gen, rows[np.argsort(-distance[rows], kind="stable")], threshold),
    }
    value = max(made - false, 0.0)
    return Score(value, (max(low, 0.0), min(max(high, value), 1.0)), 0.0, extra)


def _groups(gen: Any, rows: np.ndarray, threshold: float) -> list[list[Any]]:
    """Groups of the `rows` of `gen`, which are sorted by distance: the number of samples and the first rows of each."""
    rows = rows[:CLUSTERED]
    if not len(rows):
        return []
    far = np.asarray(gen[rows], np.float64)
    _, group = connected_components(cdist(far, far) <= threshold)
    sizes = np.bincount(group)
    largest = np.argsort(-sizes, kind="stable")[:GROUPS]
    return [[int(sizes[number]), [int(row) for row in rows[group == number][:SHOWN]]] for number in largest]
