"""Intra-class FID: the mean over the classes of the Frechet distance within the class.

Miyato & Koyama 2018, arXiv:1802.05637. A generator that exchanges two classes, or whose class holds few images, can have the
right mean and covariance over all classes. Then FID sees nothing, and this metric does.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._classes import within_classes
from ganbench.metrics.fid import fid

CARD = Card(
    answers="How far apart are the means and covariances of generated and held-out features within each class?",
    better="lower",
    range=(0.0, float("inf")),
    minimum=20,
    paper="Miyato & Koyama 2018, arXiv:1802.05637",
    version=1,
    responds={"copies": "0"},
)

LEAST = 10  # samples of a class


def intra_fid(gen: np.ndarray, gen_labels: np.ndarray, ref: np.ndarray, ref_labels: np.ndarray) -> Score:
    """Mean over the classes of the Frechet distance of `gen` `[n, d]` from `ref` `[m, d]` within a class.

    `classes` has each class with its number of samples n and m, its FID, the interval and the value of a perfect generator. A
    class has few samples, so the bias is large: read each value beside `perfect`. As for `fid`, a class has an interval if it
    has 2 d samples. Else the interval of the mean is Student's over the classes.
    """
    return within_classes(lambda own, real, _: fid(own, real), LEAST, float("inf"), gen, gen_labels, ref, ref_labels)
