"""Parzen-window log-likelihood, an old metric from Goodfellow et al. 2014 (arXiv:1406.2661, section 5).

A Gaussian of standard deviation sigma around each generated sample makes a density; the score is the mean logarithm of
that density at held-out samples. In many dimensions it orders generators wrongly, since cluster centres of the data can
beat fresh samples of the data (Theis et al. 2016, arXiv:1511.01844). Use it only to compare with old tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._order import shuffled
from ganbench.metrics._parallel import blocks
from ganbench.metrics._rows import held, parts
from ganbench.statistics import normal

CARD = Card(
    answers="How likely are held-out samples under a smoothed histogram of the generated ones?",
    better="higher",
    range=(float("-inf"), float("inf")),
    minimum=4,
    paper="Goodfellow et al. 2014, arXiv:1406.2661",
    version=1,
    responds={"shift": "-", "dropped": "-", "copies": "0"},
)

SIGMAS = np.logspace(-1, 0, 10)
VALIDATION = 1000  # held-out samples that sigma is chosen on
SCORED = 2000  # further held-out samples that are scored; the limit makes the time linear in the number of samples
BLOCK = 2**19  # distances held at once
PARTLY = 2**24  # distances held at once if the samples are read part by part, so that they are read a few times only
LARGEST = 2**28  # values of all samples


def parzen(
    gen: np.ndarray,
    ref: np.ndarray,
    rng: np.random.Generator,
    gen_pixels: np.ndarray | None = None,
    ref_pixels: np.ndarray | None = None,
) -> Score:
    """Mean log-density, in nats, of held-out samples: of pixels in [0, 1] for images, of the features for points.

    sigma is chosen from ten values between 0.1 and 1: the value with the highest likelihood of 1,000 held-out samples (or
    half of `ref`, if it has fewer than 2,000). Up to 2,000 other samples are scored. The interval is that of their mean,
    given the generated samples.

    Extras: `sigma`; `scored`, the number of samples behind the mean.
    """
    samples, real = (gen, ref) if gen_pixels is None or ref_pixels is None else (gen_pixels, ref_pixels)
    if math.prod(samples.shape) > LARGEST:
        raise NotApplicable(f"is for at most {LARGEST:,} values of all samples")
    real = real[shuffled(real, rng)[: VALIDATION + SCORED]]
    validation = min(VALIDATION, len(real) // 2)
    sigma = SIGMAS[log_density(samples, real[:validation], SIGMAS).mean(1).argmax()]
    terms = log_density(samples, real[validation:], np.array([sigma]))[0]
    extra = {"sigma": float(sigma), "scored": len(terms)}
    return Score(float(terms.mean()), normal(float(terms.mean()), terms), None, extra)


def log_density(samples: Any, x: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """log 1/n sum_i N(x; s_i, sigma^2 I) for each sigma and each row of `x` `[k, d]`: float64 `[len(sigmas), k]`."""
    n, d = samples.shape
    log_norm = -np.log(n) - d * np.log(sigmas * np.sqrt(2 * np.pi))
    columns = []
    for squared in _squared_distances(x, samples):
        nearest = squared.min(1, keepdims=True)
        further, scaled = (
            nearest - squared,
            squared,
        )  # `squared` is not needed any more: its memory is used again for every sigma
        sums = np.stack([np.exp(np.divide(further, 2 * s * s, out=scaled), out=scaled).sum(1) for s in sigmas])
        columns.append(np.log(sums) - nearest[:, 0] / (2 * sigmas[:, None] ** 2) + log_norm[:, None])
    return np.concatenate(columns, 1)


def _squared_distances(x: np.ndarray, y: Any) -> Iterator[np.ndarray]:
    """Blocks of rows of the matrix |x_i - y_j|^2, float64; both sets are centred, so that little cancels."""
    rows_of_y, step = parts(y), (BLOCK if held(y) else PARTLY) // len(y)
    y = np.asarray(y) if held(y) else y
    centre = y.mean(0, dtype=np.float64) if held(y) else reduce(np.add, (y[part].sum(0) for part in rows_of_y)) / len(y)
    at_once = [y - centre] if held(y) else None
    norms = np.concatenate([(near**2).sum(1) for near in at_once or (y[part] - centre for part in rows_of_y)])
    for rows in blocks(len(x), step):
        block = x[rows] - centre
        squared = np.empty((len(block), len(y)))
        for part, near in zip(rows_of_y, at_once or (y[part] - centre for part in rows_of_y), strict=True):
            distances = (block**2).sum(1)[:, None] + norms[part] - 2 * block @ near.T
            np.maximum(distances, 0, out=squared[:, part])
        yield squared
