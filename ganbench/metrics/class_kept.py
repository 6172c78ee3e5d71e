"""Class kept: does a translated sample show the class of the sample that it was made from?

Taigman et al. 2016, arXiv:1611.02200, measure this for house numbers that become handwritten digits: a classifier of the target
domain reads the outputs.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.statistics import share

CARD = Card(
    answers="What share of the samples has the class of the sample whose condition they were made from?",
    better="higher",
    range=(0.0, 1.0),
    minimum=20,
    paper="Taigman et al. 2016, arXiv:1611.02200",
    version=1,
)


def class_kept(
    gen_logits: np.ndarray,
    gen_truth_labels: np.ndarray,
    ref_logits: np.ndarray | None = None,
    ref_labels: np.ndarray | None = None,
) -> Score:
    """Share of logits `[n, K]` whose largest is the class of the condition's sample, int64 `[n]`.

    `perfect` is the accuracy of the classifier on the held-out samples. The interval is Clopper-Pearson's.
    """
    if gen_logits.ndim != 2:
        raise NotApplicable("is for images with one class each")
    if gen_truth_labels.min() < 0:
        raise NotApplicable("needs a labelled reference")
    right = int((gen_logits.argmax(1) == gen_truth_labels).sum())
    perfect = None
    if ref_logits is not None and ref_labels is not None and ref_labels.min(initial=0) >= 0 and len(ref_labels):
        perfect = float((ref_logits.argmax(1) == ref_labels).mean())
    return Score(right / len(gen_logits), share(right, len(gen_logits)), perfect)
