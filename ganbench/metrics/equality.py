"""Are a few samples drawn from the same distribution as the held-out samples? An exact test, with its power.

The statistic is the energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'|: it is 0 only for equal distributions, and it is an MMD
(Sejdinovic et al. 2013, arXiv:1207.6076). If the distributions are equal, the pooled samples can change places. So the p value,
the share of random exchanges with a statistic at least as large, is uniform for every number of samples and of features.

A large p value shows no equality. So the test also says what it would have seen: the smallest share of the data whose loss it
sees with a probability of 80 %.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist, squareform
from scipy.special import ndtr

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._order import shuffled
from ganbench.metrics._rows import take

CARD = Card(
    answers="How often would a perfect generator differ from held-out samples by as much as these few samples do (p value)?",
    better="higher",
    range=(0.0, 1.0),
    minimum=20,
    paper="Sejdinovic et al. 2013, arXiv:1207.6076",
    version=1,
    responds={"copies": "0"},
)

MOST = 1000  # generated samples; more of them are compared by intervals
REFERENCE = 1000  # held-out samples at most
PERMUTATIONS = 999
TIE = 1e-9  # of the mean distance: statistics that are nearer to each other are equal up to rounding
LEVEL, POWER = 0.05, 0.8
SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the data that a generator may leave out
ANCHORS = 20  # places around which the data are left out


class Tested(NamedTuple):
    """A permutation test of two samples."""

    p: float
    statistic: float
    exchanged: np.ndarray  # float64 [permutations]: the statistic after each random exchange


def equality(gen: np.ndarray, ref: np.ndarray, rng: np.random.Generator) -> Score:
    """The p value of the hypothesis that `gen` `[n, d]` and `ref` `[m, d]` have one distribution, n of at most 1,000.

    At most 1,000 held-out samples are used. `perfect` is 1/2, the mean of a uniform p value. There is no interval: a p value is
    a statement on chance already.

    Extras:
        statistic: the unbiased energy distance, in units of the features. Its mean is 0 for a perfect generator.
        compared: the numbers of samples that were compared.
        detectable: the smallest share of the data that a generator may leave out so that the test sees it with a probability
            of 80 %, by `detectable`. None if it would miss even the loss of 90 %.
    """
    if len(gen) > MOST:
        raise NotApplicable(
            f"is for at most {MOST:,} samples: with more of them, read the intervals of `fid` and `kid`"
        )
    x, y = np.asarray(take(gen, shuffled(gen, rng))), np.asarray(take(ref, shuffled(ref, rng)[:REFERENCE]))
    distances = squareform(pdist(np.concatenate([x, y])))
    result = permuted(distances, len(x), rng, PERMUTATIONS)
    extra = {
        "statistic": result.statistic,
        "compared": [len(x), len(y)],
        "detectable": detectable(distances[len(x) :, len(x) :], len(x), result.exchanged, rng),
    }
    return Score(result.p, None, 0.5, extra)


def permuted(distances: np.ndarray, n: int, rng: np.random.Generator, permutations: int) -> Tested:
    """The test of the first n points against the others, from the distances `[n + m, n + m]` of all points.

    The p value counts the points as they are among the exchanges, so it is never 0 (Hemerik & Goeman 2018, arXiv:1411.7565).
    """
    size = len(distances)
    first = np.zeros((size, permutations + 1))
    first[:n, 0] = 1
    for column in range(1, permutations + 1):
        first[rng.permutation(size)[:n], column] = 1
    rows, total = distances.sum(1), distances.sum()
    inside = np.einsum("ij,ij->j", first, distances @ first)
    touched = rows @ first
    m = size - n
    across, outside = touched - inside, total - 2 * touched + inside
    energy = 2 * across / (n * m) - inside / (n * (n - 1)) - outside / (m * (m - 1))
    tie = TIE * total / size**2
    return Tested(float((energy >= energy[0] - tie).mean()), float(energy[0]), energy[1:])


def detectable(distances: np.ndarray, n: int, exchanged: np.ndarray, rng: np.random.Generator) -> float | None:
    """The smallest of `SHARES` whose loss n samples show with a probability of 80 %; None if there is none.

    A generator that leaves out a share makes all real samples but a held-out sample and its nearest others. The power is that
    of a normal statistic: its mean is the energy distance of what is left from all data, and its variance is that of
    `exchanged` and of the influences of both sets. The median over 20 such places counts.

    Args:
        distances: of the held-out samples, `[m, m]`.
        exchanged: statistics under equal distributions.
    """
    m = len(distances)
    critical, noise = float(np.quantile(exchanged, 1 - LEVEL)), float(exchanged.var())
    orders = [np.argsort(distances[place], kind="stable") for place in rng.permutation(m)[:ANCHORS]]
    for share in SHARES:
        lost = round(share * m)
        if min(lost, m - lost) >= 2:
            powers = [_power(distances, order[lost:], order[:lost], n, critical, noise) for order in orders]
            if np.median(powers) >= POWER:
                return share
    return None


def _power(distances: np.ndarray, kept: np.ndarray, lost: np.ndarray, n: int, critical: float, noise: float) -> float:
    """The power against a generator that makes the `kept` rows of the data and not the `lost` rows."""
    m, left = len(distances), len(kept)
    to_all, to_kept = distances.sum(1) / (m - 1), distances[:, kept].sum(1)
    to_kept = np.where(np.isin(np.arange(m), kept), to_kept / (left - 1), to_kept / left)
    within_lost = distances[np.ix_(lost, lost)].sum() / (len(lost) * (len(lost) - 1))
    energy = (len(lost) / m) ** 2 * (2 * to_kept[lost].mean() - to_kept[kept].mean() - within_lost)
    influence = 2 * (to_all - to_kept)
    spread = np.sqrt(noise + influence[kept].var() / n + influence.var() / m)
    return float(ndtr((energy - critical) / spread)) if spread else float(energy > critical)
