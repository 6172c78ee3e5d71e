"""CMMD, the maximum mean discrepancy of CLIP embeddings (Jayasumana et al. 2024, arXiv:2401.09603).

The kernel is exp(-|x - y|^2 / (2 * 10^2)) on embeddings of length 1, and the value is multiplied by 1000. The pairs of a sample
with itself count, as in the authors' code. So the value is biased upwards, by a known amount: `perfect`.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.statistics import Z

CARD = Card(
    answers="How far apart are generated and held-out CLIP embeddings, without the assumption that they are Gaussian?",
    better="lower",
    range=(0.0, float("inf")),
    minimum=3,
    paper="Jayasumana et al. 2024, arXiv:2401.09603",
    version=1,
    responds={"copies": "0"},
)

SIGMA, SCALE = 10.0, 1000.0  # the authors' constants
LENGTH = 1e-3  # how far an embedding's length may be from 1
BLOCK = 2**20  # kernel values held at once


def cmmd(gen: np.ndarray, ref: np.ndarray) -> Score:
    """1000 times the squared MMD of embeddings `gen` `[n, d]` and `ref` `[m, d]`, all of length 1.

    Extras:
        unbiased: the same without the pairs of a sample with itself. Its mean is 0 for a perfect generator at every n and m,
            and half of its values are negative.

    The interval is the delta method's, for the expected value at this n and m, over new samples of both sets. Near the value of
    a perfect generator it is too wide, not too narrow. `perfect` is (1 - k)(1/n + 1/m) times 1000. k is the mean kernel of two
    different held-out samples, so `perfect` is exact up to the noise of k.
    """
    if any(np.abs(np.linalg.norm(x, axis=1) - 1).max() > LENGTH for x in (gen, ref)):
        raise NotApplicable("is for embeddings of length 1: pass `features='clip-l14@336'`")
    n, m = len(gen), len(ref)
    # Of kernels k near 1, sums of k - 1 are taken: nothing is lost to rounding. A sample with itself adds 0.
    x_to_x, _ = _sums(gen, gen)
    y_to_y, _ = _sums(ref, ref)
    x_to_y, y_to_x = _sums(gen, ref)
    own, cross = float(x_to_x.sum() / n**2 + y_to_y.sum() / m**2), float(x_to_y.mean() / m)
    value = SCALE * (own - 2 * cross)
    unbiased = SCALE * (float(x_to_x.sum() / (n * (n - 1)) + y_to_y.sum() / (m * (m - 1))) - 2 * cross)
    of_x, of_y = 2 * (x_to_x / (n - 1) - x_to_y / m), 2 * (y_to_y / (m - 1) - y_to_x / n)
    half = SCALE * Z * float(np.sqrt(of_x.var(ddof=1) / n + of_y.var(ddof=1) / m))
    perfect = -SCALE * float(y_to_y.sum() / (m * (m - 1))) * (1 / n + 1 / m)
    value = max(value, 0.0)  # a sum of squares: only rounding is below 0
    return Score(value, (max(value - half, 0.0), value + half), perfect, {"unbiased": unbiased})


def _sums(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sum_j (k(x_i, y_j) - 1) for each i, and sum_i (k(x_i, y_j) - 1) for each j."""
    of_x, of_y = np.empty(len(x)), np.zeros(len(y))
    norms = np.square(y).sum(1)
    step = max(1, BLOCK // len(y))
    for i in range(0, len(x), step):
        block = x[i : i + step]
        squares = np.maximum(np.square(block).sum(1)[:, None] + norms - 2 * block @ y.T, 0.0)
        below = np.expm1(squares / (-2 * SIGMA**2))
        of_x[i : i + step] = below.sum(1)
        of_y += below.sum(0)
    return of_x, of_y
