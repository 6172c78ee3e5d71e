"""What is missing: the groups of held-out samples that the generated samples do not reach.

The groups are the classes of the reference, or clusters of its features. As in the bins of Richardson & Weiss 2018,
arXiv:1805.12462, each generated sample belongs to a group, and the counts are compared with those of the reference. A sample
belongs to the group of its nearest held-out sample. The paper counts bins that differ at all. This metric names the groups that
get less than half of their share, and it corrects for their number.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.special import bdtr

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._order import shuffled
from ganbench.metrics._reach import SHOWN, nearest_real
from ganbench.metrics._shared import remembered
from ganbench.statistics import ALPHA, share

CARD = Card(
    answers="What share of the held-out samples belongs to groups that the generator hardly reaches?",
    better="lower",
    range=(0.0, 1.0),
    minimum=20,
    paper="Richardson & Weiss 2018, arXiv:1805.12462",
    version=1,
    responds={"copies": "0"},
)

CLASSES = 100  # with more classes, clusters are taken
CLUSTERS = 20  # at most
LEAST = 20  # held-out samples of a cluster on average
REACHED = 0.5  # of its share: a group that gets less is missing


def missing(gen: np.ndarray, ref: np.ndarray, rng: np.random.Generator, ref_labels: np.ndarray | None = None) -> Score:
    """Share of `ref` `[m, d]` in groups that get less than half of their share of `gen` `[n, d]`, beyond chance.

    A group is missing if so few samples have a probability below 5 % for a generator that gives it half of its share, divided
    by the number of groups. A perfect generator has 0. There is no interval: a smaller group can be lost unseen.

    Extras:
        by: "class" or "cluster".
        groups: each group with its number, its m held-out and n generated samples, its shares `real` and `made`, the interval
            of `made`, and whether it is `missing`.
        visible: the smallest share of a group whose complete loss these n samples would show.
        gallery: for each missing group its number, and rows of held-out samples in its middle.
    """
    classed = ref_labels is not None and _are_classes(ref_labels)
    group = ref_labels if ref_labels is not None and classed else _clusters(ref, rng)
    made = group[nearest_real(gen, ref)[1]]
    n, m = len(gen), len(ref)
    numbers = np.unique(group)
    level = ALPHA / len(numbers)
    lines: list[dict[str, Any]] = []
    for number in numbers:
        real, count = int((group == number).sum()), int((made == number).sum())
        lost = bool(bdtr(count, n, REACHED * real / m) < level)
        interval = list(share(count, n))
        about: dict[str, Any] = {
            "m": real,
            "n": count,
            "real": real / m,
            "made": count / n,
            "interval": interval,
            "missing": lost,
        }
        lines.append({"group": int(number), **about})
    gone = [line for line in lines if line["missing"]]
    extra = {
        "by": "class" if classed else "cluster",
        "groups": lines,
        "visible": min(1.0, (1 - level ** (1 / n)) / REACHED),
        "gallery": [[line["group"], _middle(ref, np.flatnonzero(group == line["group"]))] for line in gone],
    }
    return Score(sum(line["m"] for line in gone) / m, None, 0.0, extra)


def _are_classes(labels: np.ndarray) -> bool:
    """Whether all held-out samples have classes, and not too many of them."""
    return bool(labels.min() >= 0) and 2 <= len(np.unique(labels)) <= CLASSES


@remembered
def _clusters(ref: Any, rng: np.random.Generator) -> np.ndarray:
    """The cluster of each row of `ref` `[m, d]`, int64 `[m]`, the largest cluster first: k-means, one start.

    Raises:
        NotApplicable: too few held-out samples for two clusters.
    """
    count = min(CLUSTERS, len(ref) // LEAST)
    if count < 2:
        raise NotApplicable(f"needs at least {2 * LEAST} held-out samples, or their classes")
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    order = shuffled(ref, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different samples than clusters: some stay empty
        means = KMeans(count, n_init=1, random_state=int(rng.integers(2**31)))
        of_order = means.fit_predict(np.asarray(ref)[order])
    sizes = np.bincount(of_order, minlength=count)
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    cluster = np.empty(len(ref), np.int64)
    cluster[order] = rank[of_order] + 1
    return cluster


def _middle(ref: Any, rows: np.ndarray) -> list[int]:
    """The rows that are nearest to the mean of these rows of `ref`, at most 8."""
    own = np.asarray(ref[rows], np.float64)
    from_mean = np.linalg.norm(own - own.mean(0), axis=1)
    return [int(row) for row in rows[np.argsort(from_mean, kind="stable")[:SHOWN]]]
