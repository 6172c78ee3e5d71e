"""Diversity for one condition: how much samples of the same condition differ, next to how much all samples differ.

BicycleGAN (Zhu et al. 2017, arXiv:1711.11586) compares outputs of one input in pairs. The mean squared distance of all pairs is
twice the variance, so no pairs are drawn here.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.statistics import normal

CARD = Card(
    answers="What share of the samples' variance is left within one condition?",
    better="target",
    range=(0.0, float("inf")),
    minimum=20,
    paper="Zhu et al. 2017, arXiv:1711.11586",
    version=1,
    quantities={"conditions": "count"},
)

MANY = 20  # conditions from which a condition is the unit of the interval; with fewer, it is a sample


def condition_diversity(
    gen: np.ndarray,
    gen_condition: np.ndarray,
    gen_stated: np.ndarray | None = None,
    ref: np.ndarray | None = None,
    ref_attributes: np.ndarray | None = None,
) -> Score:
    """Variance of `gen` `[n, d]` within the conditions int64 `[n]`, over its total variance.

    0 is one output per condition. 1 is an ignored condition. The variances are unbiased, so the value is near 1 also for few
    samples per condition. `conditions` counts the conditions with two samples or more. `perfect` is the same ratio for held-out
    pictures whose attributes `ref_attributes` fit each caption. The interval is the delta method's. It is about new samples,
    and about new conditions too where there are many.
    """
    _, first, of, sizes = np.unique(gen_condition, return_index=True, return_inverse=True, return_counts=True)
    freedom = len(gen) - len(sizes)
    if not freedom or len(sizes) < 2:
        raise NotApplicable("needs two conditions or more, with two samples or more of a condition")
    x = np.asarray(gen, np.float64) - np.mean(gen, 0, dtype=np.float64)
    x = x / (abs(x).max() or 1.0)  # else the squares of large values overflow
    means = np.stack([np.bincount(of, weights=column) for column in x.T], 1) / sizes[:, None]
    within = np.square(x - means[of]).sum(1) * len(x) / freedom
    total = np.square(x).sum(1) * len(x) / (len(x) - 1)
    if total.mean() <= 0:
        raise NotApplicable("needs samples that are not all equal")
    ratio = float(within.mean() / total.mean())
    influence = (within - ratio * total) / total.mean()
    if len(sizes) >= MANY:
        influence = np.bincount(of, weights=influence) * len(sizes) / len(x)
    perfect = None
    if gen_stated is not None and ref is not None and ref_attributes is not None:
        perfect = _of_real(gen_stated[first], sizes - 1, ref, ref_attributes)
    low, high = normal(ratio, influence)
    return Score(ratio, (max(0.0, low), high), perfect, {"conditions": int((sizes > 1).sum())})


def _of_real(stated: np.ndarray, weights: np.ndarray, ref: np.ndarray, attributes: np.ndarray) -> float | None:
    """The ratio for real pictures: the mean variance of those that fit captions `[g, A]`, over the variance of all.

    A caption that states everything has one picture, so its variance is 0. Other captions that fewer than two of the held-out
    pictures fit do not count.
    """
    if len(ref) < 2:
        return None
    squares = variances = 0.0
    for caption, weight in zip(stated, weights, strict=True):
        given = caption >= 0
        fit = ref[(attributes[:, given] == caption[given]).all(1)]
        if given.all() or len(fit) > 1:
            squares += 0.0 if given.all() else float(weight * fit.var(0, ddof=1).sum())
            variances += float(weight)
    total = float(ref.var(0, ddof=1).sum())
    return squares / variances / total if variances and total else None
