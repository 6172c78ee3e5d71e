"""Intra-class recall: `recall` within each class, averaged over the classes.

Kynkaanniemi et al. 2019, arXiv:1904.06991, within the classes of the reference.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._classes import within_classes
from ganbench.metrics.recall import recall

CARD = Card(
    answers="What share of the held-out samples of each class does the generator reach with that class?",
    better="target",
    range=(0.0, 1.0),
    minimum=20,
    paper="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    version=1,
    responds={"copies": "0"},
)

LEAST = 10  # samples of a class


def intra_recall(
    gen: np.ndarray,
    gen_labels: np.ndarray,
    ref: np.ndarray,
    ref_labels: np.ndarray,
    train: np.ndarray | None = None,
    train_labels: np.ndarray | None = None,
) -> Score:
    """Share of the held-out samples of a class that lie in the manifold of its generated samples, averaged over the classes.

    `gen` is `[n, d]`, `ref` is `[m, d]`. `classes` has each class with its n and m, its share, the interval and `perfect`, the
    share of as many training samples of the class.
    """
    return within_classes(recall, LEAST, 1.0, gen, gen_labels, ref, ref_labels, train, train_labels)
