"""Label accuracy: train a classifier on real samples, test it on generated samples (Shmelkov et al. 2018, arXiv:1807.09499).

The paper calls it GAN-test and trains a network on the images. This metric fits multinomial logistic regression on features.
`classification_accuracy` is the other direction. It sees a lack of variety, and label accuracy does not: one good image per
class scores 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._classes import CLASSES, Predict, check_labels, classifier
from ganbench.metrics._order import shuffled
from ganbench.metrics._rows import take
from ganbench.metrics._shared import remembered
from ganbench.statistics import share

CARD = Card(
    answers="What share of the samples shows the class that was asked for, by a classifier of real samples?",
    better="target",
    range=(0.0, 1.0),
    minimum=20,
    paper="Shmelkov et al. 2018, arXiv:1807.09499",
    version=1,
    responds={"copies": "0"},
)

FITTED = 10_000  # training samples at most, so that the fit takes seconds


def label_accuracy(
    gen: np.ndarray,
    gen_labels: np.ndarray,
    ref: np.ndarray,
    ref_labels: np.ndarray,
    train: np.ndarray,
    train_labels: np.ndarray,
) -> Score:
    """Share of `gen` `[n, d]` that a classifier of at most 10,000 training samples puts into the class that was asked for.

    `perfect` is its accuracy on the held-out samples `ref` `[m, d]`. The interval is Clopper-Pearson's over the generated
    samples, given the classifier. `classes` has each class with its n, share, interval and `taken_for`: the other class that
    its samples are taken for most often.
    """
    check_labels(gen_labels, ref_labels)
    if train_labels.min() < 0:
        raise NotApplicable("needs a labelled training set: pass `train=`")
    if not 2 <= len(np.unique(train_labels)) <= CLASSES:
        raise NotApplicable(f"is for training sets of 2 to {CLASSES} classes")
    predict = _of_real(train, train_labels)
    predicted = predict(np.asarray(gen))
    right = predicted == gen_labels
    perfect = float((predict(np.asarray(ref)) == ref_labels).mean())
    lines = [_line(label, predicted[gen_labels == label]) for label in np.unique(gen_labels)]
    return Score(float(right.mean()), share(int(right.sum()), len(right)), perfect, {"classes": lines})


@remembered
def _of_real(train: Any, train_labels: np.ndarray) -> Predict:
    """The classifier of the training set. It is fitted once for all sample sets."""
    rng = np.random.default_rng(0)
    rows = shuffled(train, rng)[:FITTED]
    return classifier(np.asarray(take(train, rows)), train_labels[rows], rng)


def _line(label: int, predicted: np.ndarray) -> dict[str, Any]:
    """The facts about the samples of a class, which a classifier has `predicted` `[n]`."""
    right = int((predicted == label).sum())
    others, counts = np.unique(predicted[predicted != label], return_counts=True)
    return {
        "class": int(label),
        "n": len(predicted),
        "value": right / len(predicted),
        "interval": list(share(right, len(predicted))),
        "taken_for": int(others[counts.argmax()]) if len(others) else None,
    }
