"""Memorisation: the share of generated samples that are copies of training samples.

A copy is much nearer to one training sample than to the other training samples around it. The local ratio compares the two
distances (after Carlini et al. 2023, arXiv:2301.13188). It has another distribution on every dataset. So the threshold comes
from held-out samples. Held-out samples cannot be copies. Their rate of false alarms is subtracted.

Distances are taken in the features alone. A flipped or shifted copy counts as a copy if its features are nearly equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans
from scipy.special import betaincinv

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._neighbours import knn
from ganbench.metrics._order import shuffled
from ganbench.statistics import ALPHA, difference, share

CARD = Card(
    answers="What share of generated samples is copied from the training set?",
    better="lower",
    range=(0.0, 1.0),
    minimum=100,
    paper="Carlini et al. 2023, arXiv:2301.13188; Alaa et al. 2022, 2102.08921; Meehan et al. 2020, 2004.05675",
    version=1,
    responds={
        "copies": "+", "noise": "0", "blur": "0", "shift": "0", "dropped": "0", "support": "0", "outliers": "0",
        "weights": "0",
    },
)  # fmt: skip

K = 50  # neighbours that make up the surroundings
FALSE_ALARMS = 0.005  # share of held-out samples below the threshold
CHANCE = 0.05  # expected number of held-out samples wrongly taken for duplicates of training samples
CELLS = 10
CELL_MINIMUM = 10  # samples of either kind that a cell needs to be compared
CLUSTERED = 10_000  # training samples that the cells are made from
GALLERY, SHOWN = 20, 3  # samples in the gallery, and training samples beside each


def memorisation(gen: np.ndarray, ref: np.ndarray, train: np.ndarray, rng: np.random.Generator) -> Score:
    """Copied share of `gen` `[n, d]`, from distances to `train` `[k, d]`, calibrated on `ref` `[m, d]`.

    The local ratio of a sample is rho = d_1 / (mean of d_1 ... d_50 / 2). d_i is the distance to the i-th nearest training
    sample. t is the threshold: the value of rho among held-out samples that is nearest to their 0.5 % quantile.

    The copied share is (Pr_gen(rho < t) - p) / (1 - p), clipped to [0, 1]. p is the chance that a sample which is no copy
    falls below t. p has a beta distribution, whatever the data are. The interval joins the interval of p with
    Clopper-Pearson's interval of Pr_gen (MOVER).

    Extras:
        threshold: t.
        flagged: Pr_gen(rho < t).
        expected: the mean of p.
        duplicates_train_ref: number of held-out samples that are near-duplicates of training samples. All other numbers
            leave these held-out samples out.
        authenticity_difference: a difference of two shares. Without copying it is 0.
        nearest_ratio: the median distance from `gen` to `train`, divided by the median distance from `ref` to `train`.
            Without copying it is 1.
        c_t: without copying it is standard normal. It is below -3 for copies, and above 3 for samples far from the data.
        gallery: rows for a look at the pictures: the 20 samples of smallest rho, each as [row of `gen`, its 3 nearest rows
            of `train`, their distances, rho].
    """
    of_ref, ids_ref = knn(ref, train, K)
    duplicate = near_duplicates(of_ref)
    kept = ~duplicate
    if kept.sum() < CARD.minimum:
        raise NotApplicable(
            f"needs at least {CARD.minimum} held-out samples that are not in the training set, there are {kept.sum()}"
        )
    ref, of_ref, ids_ref = ref[kept], of_ref[kept], ids_ref[kept]
    of_gen, ids_gen = knn(gen, train, K)

    rho = local_ratio(of_gen)
    copied = copied_share(rho, local_ratio(of_ref))
    median = float(np.median(of_ref[:, 0]))
    extra = {
        **copied.extra,
        "duplicates_train_ref": int(duplicate.sum()),
        "authenticity_difference": _authentic(train, of_ref, ids_ref) - _authentic(train, of_gen, ids_gen),
        "nearest_ratio": float(np.median(of_gen[:, 0])) / median if median > 0 else None,
        "c_t": _c_t(gen, of_gen[:, 0], ref, of_ref[:, 0], train, rng),
        "gallery": _gallery(rho, of_gen[:, :SHOWN], ids_gen[:, :SHOWN]),
    }
    return Score(copied.value, copied.interval, 0.0, extra)


def copied_share(rho_gen: np.ndarray, rho_ref: np.ndarray) -> Score:
    """The copied share, from the local ratios of generated samples `[n]` and of held-out samples `[m]`: see `memorisation`."""
    n, m = len(rho_gen), len(rho_ref)
    rank = max(1, round(FALSE_ALARMS * (m + 1)))
    threshold = float(np.sort(rho_ref)[rank - 1])
    flagged = int((rho_gen < threshold).sum())
    p = rank / (m + 1)
    p_low, p_high = betaincinv(rank, m + 1 - rank, [ALPHA / 2, 1 - ALPHA / 2])
    low, high = difference(flagged / n, share(flagged, n), p, (float(p_low), float(p_high)))
    value, low, high = (min(max(v / (1 - p), 0.0), 1.0) for v in (flagged / n - p, low, high))
    return Score(value, (low, high), 0.0, {"threshold": threshold, "flagged": flagged / n, "expected": p})


def local_ratio(distances: np.ndarray) -> np.ndarray:
    """rho of each row of `[n, 50]` distances; 0 where all of them are 0."""
    around = distances.mean(1) / 2
    rho: np.ndarray = np.divide(distances[:, 0], around, out=np.zeros(len(distances)), where=around > 0)
    return rho


def _gallery(rho: np.ndarray, distances: np.ndarray, ids: np.ndarray) -> list[list[Any]]:
    """The rows of smallest rho. All exact copies have rho = 0, and copies in denser surroundings are first."""
    order = np.lexsort((*distances.T[::-1], rho))[:GALLERY]
    return [[int(row), ids[row].tolist(), distances[row].tolist(), float(rho[row])] for row in order]


def near_duplicates(distances: np.ndarray) -> np.ndarray:
    """Which rows of `[m, 50]` distances belong to near-duplicates: d_1 is much smaller than d_50.

    The limit is so small that by chance only CHANCE of all m samples are below it. If the density is flat in D dimensions,
    (d_1 / d_50)^D has the distribution Beta(1, 49). D is the median over samples of the maximum-likelihood estimate (Levina
    & Bickel 2004). The estimate leaves out the first distance, because the first distance is tested.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        dimension = 1 / np.log(distances[:, -1:] / distances[:, 1:-1]).mean(1)
    dimension = np.median(np.nan_to_num(dimension, nan=0.0, posinf=0.0))
    ratio = min(float((CHANCE / len(distances) / (K - 1)) ** (1 / max(dimension, 1e-3))), 0.5)
    return distances[:, 0] <= ratio * distances[:, -1]


def _authentic(train: np.ndarray, distances: np.ndarray, ids: np.ndarray) -> float:
    """Share of samples whose nearest training sample is nearer to another training sample than to the sample itself."""
    nearest, back = np.unique(ids[:, 0], return_inverse=True)
    own = knn(train[nearest], train, 1, own=nearest)[0][:, 0]
    return float((distances[:, 0] > own[back]).mean())


def _c_t(
    gen: np.ndarray,
    gen_nearest: np.ndarray,
    ref: np.ndarray,
    ref_nearest: np.ndarray,
    train: np.ndarray,
    rng: np.random.Generator,
) -> float | None:
    """Mann-Whitney z of the distances to `train`, computed in each cell of the space and averaged over the cells.

    The weight w of a cell is its share of `ref`. Without cells, a generator that prefers dense regions would look like a
    generator that copies. If nothing is copied, the average of Meehan et al. has the standard deviation sqrt(sum w^2). This
    function divides the average by this number.
    """
    sample = train[shuffled(train, rng)[:CLUSTERED]]
    guess = np.unique(sample[:CELLS], axis=0)
    centres = kmeans(sample, guess)[0] if len(guess) > 1 else guess
    gen_cell, ref_cell = knn(gen, centres, 1)[1][:, 0], knn(ref, centres, 1)[1][:, 0]
    weights, z = [], []
    for cell in range(len(centres)):
        a, b = gen_nearest[gen_cell == cell], ref_nearest[ref_cell == cell]
        if min(len(a), len(b)) >= CELL_MINIMUM:
            weights.append(len(b) / len(ref))
            z.append(_mann_whitney(a, b))
    return float(np.dot(weights, z) / np.linalg.norm(weights)) if weights else None


def _mann_whitney(a: np.ndarray, b: np.ndarray) -> float:
    """z of U, the number of pairs with a > b. Ties count half. Normal approximation with continuity correction."""
    b = np.sort(b)
    n, m = len(a), len(b)
    u = (np.searchsorted(b, a, "left") + np.searchsorted(b, a, "right")).sum() / 2
    return float((u - n * m / 2 + 0.5) / np.sqrt(n * m * (n + m + 1) / 12))
