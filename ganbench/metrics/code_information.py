"""Mutual information of codes and classes: what does the code of a sample say about the class that is seen?

InfoGAN (Chen et al. 2016, arXiv:1606.03657) finds codes without labels. The number of a code means nothing by itself, so no
accuracy is asked for. Purity misleads: it is 1 for a generator of one class.
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.statistics import Z

CARD = Card(
    answers="How much does the code of a sample say about its class?",
    better="higher",
    range=(float("-inf"), float("inf")),
    minimum=50,
    paper="Chen et al. 2016, arXiv:1606.03657",
    version=1,
    quantities={"normalised": "share", "codes": "count", "classes": "count"},
)


def code_information(
    gen_labels: np.ndarray,
    gen_logits: np.ndarray,
    ref_logits: np.ndarray | None = None,
    ref_labels: np.ndarray | None = None,
) -> Score:
    """Mutual information, in nats, of the codes int64 `[n]` that were asked for and the largest of the logits `[n, K]`.

    The plain estimate is too high by about (cells - codes - classes + 1) / 2n, where cells are the pairs that occur (Miller
    1955). This is subtracted. So codes without a meaning have a value near 0, or below 0. `normalised` is the plain estimate
    over the mean of both entropies. `codes` and `classes` count those that occur. `perfect` is the value of the true
    classes of held-out samples. The interval is the delta method's, widened by the spread of independent codes.
    """
    if gen_logits.ndim != 2:
        raise NotApplicable("is for images with one class each")
    if gen_labels.min() < 0:
        raise NotApplicable("needs a code or a class of each sample")
    value, half, extra = _information(gen_labels, gen_logits.argmax(1))
    perfect = None
    if ref_logits is not None and ref_labels is not None and ref_labels.min(initial=0) >= 0 and len(ref_labels):
        perfect = _information(ref_labels, ref_logits.argmax(1))[0]
    return Score(value, (value - half, value + half), perfect, extra)


def _information(codes: np.ndarray, classes: np.ndarray) -> tuple[float, float, dict[str, float]]:
    """The corrected information, half of the width of its interval, and the further numbers."""
    n = len(codes)
    _, i = np.unique(codes, return_inverse=True)
    _, j = np.unique(classes, return_inverse=True)
    p = np.zeros((i.max() + 1, j.max() + 1))
    np.add.at(p, (i, j), 1 / n)
    rows, columns = p.sum(1), p.sum(0)
    entropies = float(entr(rows).sum()), float(entr(columns).sum())
    terms = np.log(p[i, j] / (rows[i] * columns[j]))
    plain = float(terms.mean())
    freedom = int((p > 0).sum()) - len(rows) - len(columns) + 1
    # Of independent codes 2 n I is chi-squared, with a variance of twice its degrees of freedom.
    half = Z * float(np.sqrt(terms.var() / n + 2 * max(freedom, 0) / (2 * n) ** 2))
    mean = sum(entropies) / 2
    extra = {
        "normalised": min(1.0, max(0.0, plain / mean)) if mean > 0 else 0.0,
        "codes": len(rows),
        "classes": len(columns),
    }
    return plain - freedom / (2 * n), half, extra
