"""Density: how many reference neighbourhoods hold a generated sample (Naeem et al. 2020, arXiv:2002.09797).

Like precision, but averaged over the balls: an outlier of the reference counts once. Balls are open, as in the authors' code,
so an exact copy of the reference scores 1. `_manifolds.py` says what happens where real points coincide.
"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score
from ganbench.metrics._manifolds import K_DENSITY, interval, manifolds, measured
from ganbench.metrics._order import like
from ganbench.statistics import normal

CARD = Card(
    answers="How densely do generated samples lie where held-out samples lie?",
    better="target",
    range=(0.0, float("inf")),
    minimum=7,
    paper="Naeem et al. 2020, arXiv:2002.09797",
    version=2,
    responds={"shift": "-", "copies": "0"},
)


def density(gen: np.ndarray, ref: np.ndarray, train: np.ndarray | None = None) -> Score:
    """Mean over `gen` `[n, d]` of (balls of `ref` `[m, d]` around it) / k, k = 5; exactly 1 on average at P = Q.

    More than 1 is no better than 1: it means blur, or too many samples where the data are dense. The interval covers new
    samples of the generator and a new reference: a jackknife over both sets, at least as wide as the normal interval of the
    mean for these balls. One added sample at 1 keeps that interval's width above 0 when no sample is in any ball.
    """
    relations, errors = measured(gen, ref)
    terms = relations.balls / K_DENSITY
    real = like(len(gen), train)
    value = float(terms.mean())
    given = normal(value, np.append(terms, 1.0))
    extra = {"real_vs_real": None if real is None else float(manifolds(real, ref).balls.mean() / K_DENSITY)}
    return Score(value, interval(value, errors.density, given, np.inf), 1.0, extra)
