"""Classification accuracy score: train on generated samples, test on real ones (Ravuri & Vinyals 2019, arXiv:1905.10887).

A classifier learns from generated samples and the classes that they were generated for. It does well on held-out data only if
the samples show their classes, and vary within each class. The paper trains a residual network on the images. This metric fits
multinomial logistic regression on the features, so its numbers cannot be compared with the paper's.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._classes import CLASSES, check_labels, classifier
from ganbench.metrics._order import shuffled
from ganbench.statistics import share

CARD = Card(
    answers="How well does a classifier that was trained on generated samples classify held-out ones?",
    better="higher",
    range=(0.0, 1.0),
    minimum=20,
    paper="Ravuri & Vinyals 2019, arXiv:1905.10887",
    version=1,
    responds={"dropped": "-", "copies": "0"},
)


def classification_accuracy(
    gen: np.ndarray,
    gen_labels: np.ndarray,
    ref: np.ndarray,
    ref_labels: np.ndarray,
    rng: np.random.Generator,
    train: np.ndarray | None = None,
    train_labels: np.ndarray | None = None,
) -> Score:
    """Accuracy on `ref` `[m, d]` of a classifier trained on `gen` `[n, d]` and its labels, up to 100 classes.

    A class that was never generated is never predicted. `perfect` is the accuracy of the same classifier trained on n
    random training samples. The interval is Clopper-Pearson's over the held-out samples, given the classifier.
    """
    check_labels(gen_labels, ref_labels)
    if not 2 <= len(np.unique(ref_labels)) <= CLASSES:
        raise NotApplicable(f"is for references of 2 to {CLASSES} classes")
    gen, ref = np.asarray(gen), np.asarray(ref)  # the fit needs all features at once
    right = _right(gen, gen_labels, ref, ref_labels, rng)
    perfect = None
    if train is not None and train_labels is not None and len(train) >= len(gen) and train_labels.min() >= 0:
        part = shuffled(train, rng)[: len(gen)]
        perfect = _right(train[part], train_labels[part], ref, ref_labels, rng) / len(ref)
    return Score(right / len(ref), share(right, len(ref)), perfect)


def _right(x: np.ndarray, y: np.ndarray, held: np.ndarray, held_labels: np.ndarray, rng: np.random.Generator) -> int:
    """The number of `held` samples that a classifier trained on `x`, `y` gets right."""
    return int((classifier(x, y, rng)(held) == held_labels).sum())
