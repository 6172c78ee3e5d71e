"""Intra-class precision: `precision` within each class, averaged over the classes.

Kynkaanniemi et al. 2019, arXiv:1904.06991, within the classes of the reference.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._classes import within_classes
from ganbench.metrics.precision import precision

CARD = Card(
    answers="What share of the samples of each class looks like held-out samples of that class?",
    better="target",
    range=(0.0, 1.0),
    minimum=20,
    paper="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    version=1,
    responds={"copies": "0"},
)

LEAST = 10  # samples of a class


def intra_precision(
    gen: np.ndarray,
    gen_labels: np.ndarray,
    ref: np.ndarray,
    ref_labels: np.ndarray,
    train: np.ndarray | None = None,
    train_labels: np.ndarray | None = None,
) -> Score:
    """Share of the samples of a class inside the manifold of the held-out samples of that class, averaged over the classes.

    `gen` is `[n, d]`, `ref` is `[m, d]`. `classes` has each class with its n and m, its share, the interval and `perfect`, the
    share of as many training samples of the class.
    """
    return within_classes(precision, LEAST, 1.0, gen, gen_labels, ref, ref_labels, train, train_labels)
