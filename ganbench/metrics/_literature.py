"""The literature's numbers, by the rules of other evaluators, where these rules differ from the rules of ganbench's metrics.

`ganbench/scoring/protocols.py` names these functions. Like metrics, they are functions of the inputs of metrics, and they have
the card of the metric that they stand for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import log_softmax

from ganbench.metrics import Score
from ganbench.metrics._manifolds import inside
from ganbench.metrics._neighbours import knn_self
from ganbench.metrics._order import shuffled
from ganbench.metrics._shared import remembered
from ganbench.metrics.classifier_score import divergences
from ganbench.metrics.kid import distance
from ganbench.statistics import Z

K_OPEN = 5  # neighbours of precision and recall in the package prdc


def inception_score(gen_logits: np.ndarray, *, splits: int = 1, size: int = 0, seed: int = -1) -> Score:
    """Mean over parts of exp(mean KL), from logits `[n, K]`, without a correction of its bias. It has no interval.

    Args:
        gen_logits: of the generated samples.
        splits: the number of parts, which are in order and of equal size. Not used if there is a `size`.
        size: samples of each part but the last; 0 for `splits` parts.
        seed: of numpy's `RandomState`, which shuffles the samples before; -1 keeps their order.
    """
    n = len(gen_logits)
    order = np.arange(n) if seed < 0 else np.random.RandomState(seed).permutation(n)
    log_p = log_softmax(gen_logits[order], axis=1)
    cuts = range(size, n, size) if size else [i * n // splits for i in range(1, splits)]
    scores = [float(np.exp(divergences(part).mean())) for part in np.split(log_p, cuts) if len(part)]
    return Score(float(np.mean(scores)), extra={"split_std": float(np.std(scores))})


def kernel_distance(gen: np.ndarray, ref: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = -1) -> Score:
    """KID on the features as they are: `kid` scales them first.

    With a seed the value is the mean over random subsets, drawn like torch-fidelity's. Without a seed it is the mean over all
    subsets, which is the distance of the whole sets. So it is the expected value of an evaluator that draws without a seed.

    Args:
        gen, ref: features `[n, d]` and `[m, d]`.
        subsets, size: how many subsets, and how many samples of each set are in a subset (at most n and m).
        seed: of numpy's `RandomState`; -1 for no subsets.
    """
    whole = distance(gen, ref)
    if seed < 0 or whole.value is None or whole.interval is None:
        return whole
    rng, size = np.random.RandomState(seed), min(size, len(gen), len(ref))
    values = np.empty(subsets)
    for i in range(subsets):
        x, y = (part[rng.choice(len(part), size, replace=False)] for part in (gen, ref))
        values[i] = distance(x, y).value
    value = float(values.mean())
    half = float(np.hypot(whole.interval[1] - whole.value, Z * values.std() / np.sqrt(subsets)))
    extra = {"all_pairs": whole.value, "subset_std": float(values.std())}
    return Score(value, (value - half, value + half), 0.0, extra)


def open_precision(gen: np.ndarray, ref: np.ndarray) -> Score:
    """Share of `gen` `[n, d]` in an open ball around a point of `ref` `[m, d]` to its fifth neighbour. It has no interval."""
    return Score(float(_in_open_balls(gen, ref).mean()))


def open_recall(gen: np.ndarray, ref: np.ndarray) -> Score:
    """Share of `ref` `[m, d]` in an open ball around a point of `gen` `[n, d]` to its fifth neighbour. It has no interval."""
    return Score(float(_in_open_balls(ref, gen).mean()))


def _in_open_balls(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Which points of `x` `[n, d]` lie in an open ball around one of `centres` `[m, d]`, bool `[n]`."""
    return inside(x, centres, np.nextafter(knn_self(centres, K_OPEN)[0][:, -1], -1.0))  # see `pairs_in_balls`


def capped(function: Callable[..., Score], most: int) -> Callable[..., Score]:
    """A function of `gen` and `ref` that is computed on at most `most` random samples of each."""

    def measured(gen: np.ndarray, ref: np.ndarray) -> Score:
        return function(_at_most(gen, most), _at_most(ref, most))

    return measured


@remembered
def _at_most(x: np.ndarray, most: int) -> np.ndarray:
    """At most `most` random rows of `x` `[n, d]`; which rows depends on the set of rows, and not on their order."""
    return x if len(x) <= most else x[shuffled(x, np.random.default_rng(0))[:most]]
