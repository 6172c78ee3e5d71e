"""MIND, the Monge Inception distance: 3 d times the squared sliced Wasserstein distance.

Berthet et al. 2026, arXiv:2605.06797. d is the number of features. With the factor 3 d, the part of the means is
3 |m - m_r|^2, whatever d is. The paper draws random directions, and its value scatters with them. Here the part of the means is
exact, and directions are drawn only for the part of the shapes. Along a direction t, SW2^2 is (t . (m - m_r))^2 + SW2^2 of the
centred sets, and the mean of the first term over all directions is |m - m_r|^2 / d. The expected value over the directions is
the paper's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._order import like
from ganbench.metrics._rows import mean
from ganbench.metrics.sliced_wasserstein import along, directions, project
from ganbench.statistics import Z

CARD = Card(
    answers="How far apart are generated and held-out features, seen from every direction, on the scale of the literature?",
    better="lower",
    range=(0.0, float("inf")),
    minimum=2,
    paper="Berthet et al. 2026, arXiv:2605.06797",
    version=1,
    responds={"copies": "0"},
)

FACTOR = 3  # times d: the paper's scale


def mind(gen: np.ndarray, ref: np.ndarray, rng: np.random.Generator, train: np.ndarray | None = None) -> Score:
    """MIND of `gen` `[n, d]` from `ref` `[m, d]`, in squared units of the features; n and m may differ.

    The value is biased upwards, as two finite samples of one distribution differ: `perfect` is the score of n random training
    samples. The interval is the delta method's, for the expected value at this n and m. It does not cover other directions.
    """
    theta = directions(gen.shape[1], rng)
    value, of_gen, of_ref = _distance(gen, ref, theta)
    half = Z * float(np.sqrt(of_gen.var(ddof=1) / len(gen) + of_ref.var(ddof=1) / len(ref)))
    real = like(len(gen), train)
    perfect = None if real is None else _distance(real, ref, theta)[0]
    return Score(value, (max(value - half, 0.0), value + half), perfect)


def _distance(x: Any, y: Any, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """MIND and the influence on it of each row of `x` and of `y`, up to constants."""
    step = mean(x) - mean(y)
    shapes, of_x, of_y = along(*(_centred(project(given, theta)) for given in (x, y)))
    step_x, step_y = (_centred(project(given, step[None]))[0] for given in (x, y))
    d = x.shape[1]
    value = FACTOR * (float(step @ step) + d * shapes)
    return value, FACTOR * (2 * step_x + d * of_x), FACTOR * (d * of_y - 2 * step_y)


def _centred(projections: np.ndarray) -> np.ndarray:
    centred: np.ndarray = projections - projections.mean(1, keepdims=True)
    return centred
