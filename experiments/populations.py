"""Populations with a known law, to draw generated and held-out samples from: for the coverage of the metrics' intervals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ganbench import metrics
from ganbench.metrics.fid import Moments, frechet, moments
from ganbench.scoring.embedding import embed
from ganbench.scoring.sources import open_set

D, CLASSES, KEPT = 16, 10, 8  # features and classes of the simulated laws; a moved generator of classes draws 8 of 10
CENTRES, SD = 0.8 * np.random.default_rng(9).standard_normal((CLASSES, D)), 0.5  # of the clusters
SCALE, SHIFT = 1.2, 0.2  # a moved generator without classes
INPUTS = {"gen": "x", "gen_logits": "logits", "gen_labels": "y", "ref": "x", "ref_logits": "logits", "ref_labels": "y"}


class Sample(NamedTuple):
    """Features `[n, d]`, classes `[n]`, and class logits `[n, 10]`."""

    x: np.ndarray
    y: np.ndarray
    logits: np.ndarray


Law = Callable[[np.random.Generator, int, bool], Sample]  # a generator of random numbers, n, and whether it is moved


def continuous(draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]) -> Law:
    """Independent features of one law. A moved generator scales and shifts them. The class is the largest logit."""
    weights = np.random.default_rng(0).standard_normal((D, CLASSES))

    def sample(rng: np.random.Generator, n: int, moved: bool) -> Sample:
        x = draw(rng, (n, D))
        x = SCALE * x + SHIFT if moved else x
        logits = x @ weights
        return Sample(x, logits.argmax(1), logits)

    return sample


def clusters(rng: np.random.Generator, n: int, moved: bool) -> Sample:
    """Ten Gaussian clusters around fixed centres. A moved generator has eight of them."""
    y = rng.integers(0, KEPT if moved else CLASSES, n)
    x = CENTRES[y] + SD * rng.standard_normal((n, D))
    logits = -2 * ((x[:, None] - CENTRES) ** 2).sum(2)
    return Sample(x, y, logits)


@cache
def images() -> Sample:
    """The population of real features: the training images of MNIST in the features of their classifier."""
    embedded = embed(open_set("mnist:train", "train"), "mnist-cnn")
    assert embedded.features is not None
    assert embedded.y is not None
    return Sample(np.asarray(embedded.features, np.float64), np.asarray(embedded.y), np.asarray(embedded.logits))


def real(rng: np.random.Generator, n: int, moved: bool) -> Sample:
    """Independent draws from `images`. A moved generator draws eight of the ten classes."""
    population = images()
    rows = np.flatnonzero(population.y < KEPT) if moved else np.arange(len(population.y))
    chosen = rng.choice(rows, n)
    return Sample(*(part[chosen] for part in population))


LAWS: dict[str, Law] = {
    "Gaussian": continuous(lambda rng, shape: rng.standard_normal(shape)),
    "t, 4 degrees": continuous(lambda rng, shape: rng.standard_t(4, shape)),
    "10 clusters": clusters,
    "MNIST features": real,
}


def draw(law: str, n: int, rng: np.random.Generator, moved: bool = False) -> Sample:
    """n samples of a law, or of its moved generator."""
    return LAWS[law](rng, n, moved)


def score(name: str, gen: Sample, ref: Sample, rng: np.random.Generator) -> dict[str, Any]:
    """The result of a metric."""
    sets = {"gen": gen, "ref": ref}
    if name == "cmmd":  # it is for embeddings of length 1
        sets = {
            of: given._replace(x=given.x / np.linalg.norm(given.x, axis=1, keepdims=True)) for of, given in sets.items()
        }
    inputs = {given: getattr(sets[given.partition("_")[0]], part) for given, part in INPUTS.items()}
    return metrics.compute([name], inputs, seed=int(rng.integers(2**31)))[name]


def dimension(law: str) -> int:
    """Number of features of a law."""
    return images().x.shape[1] if law == "MNIST features" else D


@cache
def fid_of(law: str, moved: bool) -> float:
    """FID of the population of a generator from the population of the data."""
    if not moved:
        return 0.0
    if law == "MNIST features":
        population = images()
        return frechet(moments([population.x[population.y < KEPT]]), moments([population.x]))
    if law == "10 clusters":
        return frechet(_clusters(KEPT), _clusters(CLASSES))
    variance = {"Gaussian": 1.0, "t, 4 degrees": 2.0}[law]
    return D * (SHIFT**2 + variance * (SCALE - 1) ** 2)


def _clusters(count: int) -> Moments:
    """Mean and covariance of `count` clusters. Of n = 2, the sum of squares is the covariance."""
    centres = CENTRES[:count]
    return Moments(2, centres.mean(0), np.cov(centres.T, bias=True) + SD**2 * np.eye(D))
