"""Memorisation: the share of generated samples that are copies of training samples.

A copy is much nearer to one training sample than to the other training samples around it. The local ratio compares the two
distances (after Carlini et al. 2023, arXiv:2301.13188). It has another distribution on every dataset. So the threshold comes
from held-out samples. Held-out samples cannot be copies. Their rate of false alarms is subtracted. Data can also repeat
themselves: then a perfect generator repeats training samples too. So the share of samples that have a near-duplicate in the
training set is subtracted as well. It is the share of the held-out samples or of the other training samples, whichever is
less: held-out samples that leaked into the training set, or a training set in which each sample stands twice, repeat nothing.

Distances are taken in the features, in the pixels, and in the pixels after a small move or a reflection. A sample counts as a
copy if it is near enough to a training sample in one of these spaces. The rule is also tried on copies of training images that
are disturbed on purpose. So the score says which kinds of copies it would have found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
from scipy.cluster.vq import kmeans
from scipy.special import betaincinv

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._neighbours import knn
from ganbench.metrics._order import shuffled
from ganbench.metrics._rows import take
from ganbench.metrics._shared import remembered
from ganbench.statistics import ALPHA, difference, share

CARD = Card(
    answers="What share of generated samples is copied from the training set?",
    better="lower",
    range=(0.0, 1.0),
    minimum=100,
    paper="Carlini et al. 2023, arXiv:2301.13188; Alaa et al. 2022, 2102.08921; Meehan et al. 2020, 2004.05675",
    version=3,
    responds={
        "copies": "+", "noise": "0", "blur": "0", "shift": "0", "dropped": "0", "support": "0", "outliers": "0",
        "weights": "0",
    },
    quantities={"unclipped": "signed"},
)  # fmt: skip

K = 50  # neighbours that make up the surroundings
FALSE_ALARMS = 0.005  # share of held-out samples below the threshold
CHANCE = 0.05  # expected number of held-out samples wrongly taken for duplicates of training samples
SCALED = 1000  # training samples that set the unit of a space, and show how often the data repeat themselves
SCALE = 0.01  # quantile of their ratios that is the unit
LARGEST = 2**27  # values of all training images; larger sets are not searched in the pixels
READ = 2**32  # values of all candidates of moved images; above it, moved images are not compared
BLOCK = 2**23  # of these values held at once
SMALLEST = 4  # pixels of the shorter side of images that are moved
EXAMPLES = 200  # training samples whose copies the rule is tried on
NUDGE = (
    0.1  # length of the step of a copy in the features; the unit is the median distance of held-out samples to `train`
)
CELLS = 10
CELL_MINIMUM = 10  # samples of either kind that a cell needs to be compared
CLUSTERED = 10_000  # training samples that the cells are made from
GALLERY, SHOWN = 20, 3  # samples in the gallery, and training samples beside each


FEATURES, PIXELS, MOVED = "features", "pixels", "moved pixels"


class Samples(NamedTuple):
    """Features of n samples, and their pixels if there are any."""

    features: np.ndarray  # float64 [n, d]
    pixels: Any = None  # [n, H*W*C], an array or `Pixels`


class Nearest(NamedTuple):
    """The K nearest training samples of n samples in a space, the nearest first."""

    distances: np.ndarray  # float64 [n, K]
    ids: np.ndarray  # int64 [n, K]


class Detector(NamedTuple):
    """Compares samples with a training set in some spaces."""

    train: Samples
    spaces: tuple[str, ...]
    shape: tuple[int, int, int] | None  # of an image
    units: Mapping[str, float]  # the ratio that is 1, in each space

    def search(self, samples: Samples, own: np.ndarray | None = None) -> dict[str, Nearest]:
        """The nearest training samples in each space. `own` int `[n]` are rows of the training set to leave out, one each."""
        found = {FEATURES: Nearest(*knn(samples.features, self.train.features, K, own))}
        if PIXELS in self.spaces:
            found[PIXELS] = Nearest(*knn(samples.pixels, self.train.pixels, K, own))
        if MOVED in self.spaces and self.shape is not None:
            found[MOVED] = _moved(samples.pixels, self.train.pixels, found[FEATURES].ids, self.shape)
        return found

    def ratios(self, nearest: Mapping[str, Nearest]) -> np.ndarray:
        """The local ratios in units of each space, float64 `[spaces, n]`. The least of a column is the sample's score."""
        return np.stack([local_ratio(nearest[space].distances) / self.units[space] for space in self.spaces])


class Search(NamedTuple):
    """What the search for copies among n samples gave."""

    real: Real
    nearest: Mapping[str, Nearest]  # of the n samples, in each space
    ratios: np.ndarray  # float64 [spaces, n], see `Detector.ratios`

    @property
    def exact(self) -> np.ndarray:
        """Which samples equal a training sample: in the pixels if these are searched, else in the features. bool `[n]`."""
        equal: np.ndarray = self.nearest[PIXELS if PIXELS in self.nearest else FEATURES].distances[:, 0] == 0
        return equal


class Real(NamedTuple):
    """What the real data say alone, whatever is scored against them."""

    detector: Detector
    nearest: Mapping[str, Nearest]  # of the held-out samples that are no duplicates of training samples
    ref: np.ndarray  # these held-out samples, float64 [m, d]
    scores: np.ndarray  # their scores, float64 [m]
    repeats: tuple[int, int]  # real samples with a near-duplicate in the training set, and how many were tried
    duplicates: int  # number of the other held-out samples
    own: np.ndarray  # float64 [k]: the distance of a training sample to the next, NaN where no held-out sample needs it
    centres: np.ndarray  # of the cells, float64 [c, d]
    sensitivity: Mapping[str, float]


def memorisation(
    gen: np.ndarray,
    ref: np.ndarray,
    train: np.ndarray,
    rng: np.random.Generator,
    gen_pixels: np.ndarray | None = None,
    ref_pixels: np.ndarray | None = None,
    train_pixels: np.ndarray | None = None,
    image_shape: tuple[int, int, int] | None = None,
    train_copies: Mapping[str, np.ndarray] | None = None,
    train_copies_pixels: Mapping[str, np.ndarray] | None = None,
) -> Score:
    """Copied share of `gen` `[n, d]`, from distances to `train` `[k, d]`, calibrated on `ref` `[m, d]`.

    The local ratio of a sample is rho = d_1 / (mean of d_1 ... d_50 / 2). d_i is the distance to the i-th nearest training
    sample. The score is the least of the ratios in all spaces, each in the unit of its space. t is the threshold: the score
    among held-out samples that is nearest to their 0.5 % quantile.

    The copied share is (Pr_gen(score < t) - p) / (1 - p), clipped to [0, 1]. p = q + (1 - q) a is the chance that a sample
    which is no copy falls below t. q is the share of real samples with a near-duplicate in the training set. a is the false
    alarm of a sample without one, and has a beta distribution, whatever the data are. The lower end of the interval joins the
    interval of p with Clopper-Pearson's interval of Pr_gen (MOVER). The upper end is Clopper-Pearson's of Pr_gen. Nothing is
    subtracted from it, because samples off the data have fewer false alarms than held-out samples.

    Extras:
        threshold: t.
        flagged: Pr_gen(score < t).
        expected: p.
        repeated: q.
        unclipped, unclipped_interval: the copied share before it is clipped. Without copying its mean is 0.
        exact: number of samples that equal a training sample: in the pixels if these are searched, else in the features.
        near: number of the other flagged samples. Without copying its mean is n times `expected`.
        spaces: the spaces that were searched: "features", "pixels" and "moved pixels".
        sensitivity: the share of disturbed training samples that are flagged, by the kind of disturbance. Without
            `train_copies` the kinds are "exact", and "noise" in the features.
        duplicates_train_ref: number of held-out samples that are near-duplicates of training samples. All other numbers
            leave these held-out samples out.
        authenticity_difference, authenticity_interval: a difference of two shares. Without copying it is 0.
        nearest_ratio: the median distance from `gen` to `train`, divided by the median distance from `ref` to `train`.
            Without copying it is 1.
        c_t: without copying it is standard normal. It is below -3 for copies, and above 3 for samples far from the data.
        gallery: rows for a look at the pictures: the 20 samples of smallest score, each as [row of `gen`, its 3 nearest
            rows of `train`, their distances, rho], in the space with its least ratio.
        exact_gallery, near_gallery: likewise, for the exact copies alone and for the other flagged samples alone.
    """
    copies = train_copies, train_copies_pixels
    search = _search(gen, ref, train, rng, gen_pixels, ref_pixels, train_pixels, image_shape, *copies)
    real, of_gen, ratios = search
    (gen_distances, gen_ids), (ref_distances, ref_ids) = of_gen[FEATURES], real.nearest[FEATURES]
    median = float(np.median(ref_distances[:, 0]))
    authentic = [
        _authentic(train, ref_distances, ref_ids, real.own), _authentic(train, gen_distances, gen_ids, real.own)
    ]  # fmt: skip
    intervals = [share(round(part * n), n) for part, n in zip(authentic, (len(real.ref), len(gen)), strict=True)]
    copied = copied_share(ratios.min(0), real.scores, real.repeats)
    exact = int(search.exact.sum())
    extra = {
        **copied.extra,
        "exact": exact,
        "near": max(round(copied.extra["flagged"] * len(gen)) - exact, 0),
        "spaces": list(of_gen),
        "sensitivity": dict(real.sensitivity),
        "duplicates_train_ref": real.duplicates,
        "authenticity_difference": authentic[0] - authentic[1],
        "authenticity_interval": list(difference(authentic[0], intervals[0], authentic[1], intervals[1])),
        "nearest_ratio": float(np.median(gen_distances[:, 0])) / median if median > 0 else None,
        "c_t": _c_t(gen, gen_distances[:, 0], real.ref, ref_distances[:, 0], real.centres),
        **{
            name: _gallery(ratios, list(of_gen.values()), among)
            for name, among in (
                ("gallery", np.full(len(gen), True)),
                ("exact_gallery", search.exact),
                ("near_gallery", (ratios.min(0) < copied.extra["threshold"]) & ~search.exact),
            )
        },
    }
    return Score(copied.value, copied.interval, 0.0, extra)


@wraps(memorisation, assigned=())
def per_image(**inputs: Any) -> Score:
    """The search of `memorisation`, sample by sample. The parameters and the value are those of `memorisation`.

    Extras:
        rows: of each sample its 3 nearest training rows and their distances in the space of its least ratio, this space, the
            local ratio there, the score, whether the score is below the threshold, and "exact", "near" or "" for no copy.
    """
    search = _search(**inputs)
    copied = copied_share(search.ratios.min(0), search.real.scores, search.real.repeats)
    spaces, scores, exact = list(search.nearest), search.ratios.min(0), search.exact
    ids, distances, rho = _closest(search.ratios, list(search.nearest.values()))
    rows = []
    for i, space in enumerate(search.ratios.argmin(0)):
        flagged = bool(scores[i] < copied.extra["threshold"])
        rows.append(
            {
                "nearest": ids[i].tolist(),
                "distances": distances[i].tolist(),
                "space": spaces[space],
                "ratio": float(rho[i]),
                "score": float(scores[i]),
                "flagged": flagged,
                "copy": "exact" if exact[i] else "near" if flagged else "",
            }
        )
    return Score(copied.value, copied.interval, 0.0, {"threshold": copied.extra["threshold"], "rows": rows})


def _search(
    gen: np.ndarray,
    ref: np.ndarray,
    train: np.ndarray,
    rng: np.random.Generator,
    gen_pixels: np.ndarray | None = None,
    ref_pixels: np.ndarray | None = None,
    train_pixels: np.ndarray | None = None,
    image_shape: tuple[int, int, int] | None = None,
    train_copies: Mapping[str, np.ndarray] | None = None,
    train_copies_pixels: Mapping[str, np.ndarray] | None = None,
) -> Search:
    """Search `gen` for copies, after the calibration on the real data: see `memorisation`."""
    images = gen_pixels is not None and ref_pixels is not None and train_pixels is not None
    spaces = _spaces(len(gen), Samples(train, train_pixels), image_shape) if images else (FEATURES,)
    copies = (train_copies, train_copies_pixels) if images else (None, None)
    real = _real(ref, train, ref_pixels, train_pixels, image_shape, spaces, *copies, rng)
    nearest = real.detector.search(Samples(gen, gen_pixels))
    return Search(real, nearest, real.detector.ratios(nearest))


@remembered
def _real(
    ref: np.ndarray,
    train: np.ndarray,
    ref_pixels: Any,
    train_pixels: Any,
    shape: tuple[int, int, int] | None,
    spaces: tuple[str, ...],
    train_copies: Mapping[str, np.ndarray] | None,
    train_copies_pixels: Mapping[str, np.ndarray] | None,
    rng: np.random.Generator,
) -> Real:
    """The calibration of `memorisation`: see there. It is the same for all sets that are scored against these real data."""
    detector = Detector(Samples(train, train_pixels), spaces, shape, dict.fromkeys(spaces, 1.0))
    of_ref = detector.search(Samples(ref, ref_pixels))
    duplicate = _duplicates(of_ref)
    kept = ~duplicate
    if kept.sum() < CARD.minimum:
        raise NotApplicable(
            f"needs at least {CARD.minimum} held-out samples that are not in the training set, there are {kept.sum()}"
        )
    of_ref = {space: Nearest(*(part[kept] for part in nearest)) for space, nearest in of_ref.items()}
    centres, rows = _centres(train, rng), shuffled(train, rng)
    own = rows[:SCALED]
    among = detector.search(Samples(take(train, own), None if train_pixels is None else train_pixels[own]), own)
    repeats = min(_counted(duplicate), _counted(_duplicates(among)), key=lambda pair: pair[0] / pair[1])
    if len(spaces) > 1:
        detector = detector._replace(units={space: _unit(among[space].distances) for space in spaces})
    scores = detector.ratios(of_ref).min(0)
    tried = detector
    if train_copies is not None and train_copies_pixels is not None:
        copies = {kind: Samples(x, train_copies_pixels[kind]) for kind, x in train_copies.items()}
    else:
        tried = detector._replace(spaces=(FEATURES,))
        examples = train[rows[:EXAMPLES]]
        median = float(np.median(of_ref[FEATURES].distances[:, 0]))
        step = NUDGE * median / np.sqrt(train.shape[1]) * rng.standard_normal(examples.shape)
        copies = {"exact": Samples(examples), "noise": Samples(examples + step)}
    return Real(
        detector=detector,
        nearest=of_ref,
        ref=take(ref, kept),
        scores=scores,
        repeats=repeats,
        duplicates=int(duplicate.sum()),
        own=_own(train, of_ref[FEATURES].ids[:, 0], np.full(len(train), np.nan)),
        centres=centres,
        sensitivity=_sensitivity(tried, copies, _threshold(scores)[1]),
    )


def copied_share(rho_gen: np.ndarray, rho_ref: np.ndarray, repeats: tuple[int, int] = (0, 1)) -> Score:
    """The copied share, from the scores of generated samples `[n]` and of held-out samples `[m]`: see `memorisation`.

    `repeats` are the number of real samples with a near-duplicate in the training set, and of all that were tried.
    """
    n, m = len(rho_gen), len(rho_ref)
    rank, threshold = _threshold(rho_ref)
    flagged = int((rho_gen < threshold).sum())
    alarm, q = rank / (m + 1), repeats[0] / repeats[1]
    alarms = betaincinv(rank, m + 1 - rank, [ALPHA / 2, 1 - ALPHA / 2])
    of_q = share(*repeats) if repeats[0] else (0.0, 0.0)
    p = q + (1 - q) * alarm
    ends = [
        p + side * np.hypot((1 - q) * (a - alarm), (1 - alarm) * (b - q))
        for side, a, b in zip((-1, 1), alarms, of_q, strict=True)
    ]
    of_flagged = share(flagged, n)
    low = difference(flagged / n, of_flagged, p, (float(ends[0]), float(ends[1])))[0] / (1 - p)
    unclipped = (flagged / n - p) / (1 - p)
    extra = {
        "threshold": threshold,
        "flagged": flagged / n,
        "expected": p,
        "repeated": q,
        "unclipped": unclipped,
        "unclipped_interval": [low, of_flagged[1]],
    }
    return Score(max(unclipped, 0.0), (max(low, 0.0), of_flagged[1]), 0.0, extra)


def _threshold(rho_ref: np.ndarray) -> tuple[int, float]:
    """The rank of the threshold among the scores of held-out samples `[m]`, counted from 1, and the threshold."""
    rank = max(1, round(FALSE_ALARMS * (len(rho_ref) + 1)))
    return rank, float(np.sort(rho_ref)[rank - 1])


def local_ratio(distances: np.ndarray) -> np.ndarray:
    """rho of each row of `[n, 50]` distances; 0 where all of them are 0."""
    around = distances.mean(1) / 2
    rho: np.ndarray = np.divide(distances[:, 0], around, out=np.zeros(len(distances)), where=around > 0)
    return rho


def _spaces(n: int, train: Samples, shape: tuple[int, int, int] | None) -> tuple[str, ...]:
    """The spaces in which n images are searched. Very large images are searched in the features alone."""
    size = train.pixels.shape[1]
    pixels = (PIXELS,) if size * len(train.pixels) <= LARGEST else ()
    wide = shape is not None and min(shape[:2]) >= SMALLEST
    return (FEATURES, *pixels, *((MOVED,) if wide and n * K * size <= READ else ()))


def _unit(distances: np.ndarray) -> float:
    """A small quantile of the local ratios of training samples, without near-duplicates of other training samples."""
    alone = local_ratio(distances[~near_duplicates(distances)])
    return float(np.quantile(alone, SCALE, method="higher")) if len(alone) else 1.0


def _sensitivity(detector: Detector, copies: Mapping[str, Samples], threshold: float) -> dict[str, float]:
    """The share of the copies of each kind that are flagged."""
    scores = {kind: detector.ratios(detector.search(samples)).min(0) for kind, samples in copies.items()}
    return {kind: float((score < threshold).mean()) for kind, score in scores.items()}


def _moved(pixels: Any, train_pixels: Any, ids: np.ndarray, shape: tuple[int, int, int]) -> Nearest:
    """The candidates `ids` `[n, K]` of each image, ordered by the distance to the image after its best move.

    The moves are up to one pixel in each direction, and a mirror image. Distances leave out the outermost pixels, because a
    moved image has lost some of them.
    """
    distances = np.empty(ids.shape)
    step = max(1, BLOCK // (K * math.prod(shape)))
    for start in range(0, len(ids), step):
        block = slice(start, start + step)
        images = np.asarray(pixels[block]).reshape(-1, *shape)
        candidates = np.asarray(train_pixels[ids[block].ravel()]).reshape(-1, *shape)
        inner = candidates[:, 1:-1, 1:-1].reshape(len(images), K, -1)
        moves = np.stack([move.reshape(len(images), -1) for move in _moves(images)], 1)
        squared = (moves**2).sum(2)[:, :, None] + (inner**2).sum(2)[:, None] - 2 * moves @ inner.transpose(0, 2, 1)
        distances[block] = np.sqrt(np.maximum(squared, 0).min(1))
    order = np.argsort(distances, 1, kind="stable")
    return Nearest(np.take_along_axis(distances, order, 1), np.take_along_axis(ids, order, 1))


def _moves(images: np.ndarray) -> list[np.ndarray]:
    """The inner pixels of images `[n, H, W, C]`, seen from nine places, and mirrored."""
    height, width = images.shape[1:3]
    shifted = [images[:, y : height - 2 + y, x : width - 2 + x] for y in range(3) for x in range(3)]
    return [*shifted, images[:, 1:-1, -2:0:-1]]


def _gallery(ratios: np.ndarray, nearest: Sequence[Nearest], among: np.ndarray) -> list[list[Any]]:
    """The rows of smallest score among some. All exact copies have the score 0, and copies in denser surroundings are first."""
    ids, distances, rho = _closest(ratios, nearest)
    order = np.lexsort((*distances.T[::-1], ratios.min(0)))
    return [
        [int(row), ids[row].tolist(), distances[row].tolist(), float(rho[row])] for row in order[among[order]][:GALLERY]
    ]


def _closest(ratios: np.ndarray, nearest: Sequence[Nearest]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids and distances `[n, 3]` of the nearest training samples, and the local ratio `[n]`, where this ratio is least."""
    space = ratios.argmin(0)
    distances, ids = (
        np.stack([found[part][:, :SHOWN] for found in nearest])[space, np.arange(len(space))] for part in (0, 1)
    )
    rho = np.stack([local_ratio(found.distances) for found in nearest])[space, np.arange(len(space))]
    return ids, distances, rho


def _counted(mask: np.ndarray) -> tuple[int, int]:
    return int(mask.sum()), len(mask)


def _duplicates(nearest: Mapping[str, Nearest]) -> np.ndarray:
    """Which samples are near-duplicates of training samples, in the features or in the pixels."""
    parts = [near_duplicates(found.distances) for space, found in nearest.items() if space != MOVED]
    either: np.ndarray = np.logical_or.reduce(parts)
    return either


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


def _authentic(train: np.ndarray, distances: np.ndarray, ids: np.ndarray, own: np.ndarray) -> float:
    """Share of samples whose nearest training sample is nearer to another training sample than to the sample itself.

    `own` has the distances that are already there: see `_own`.
    """
    return float((distances[:, 0] > _own(train, ids[:, 0], own)[ids[:, 0]]).mean())


def _own(train: np.ndarray, rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The distance of each training sample to the nearest other, float64 `[k]`: as `own`, and filled for these rows."""
    missing = np.unique(rows[np.isnan(own[rows])])
    filled = own.copy()
    filled[missing] = knn(take(train, missing), train, 1, own=missing)[0][:, 0]
    return filled


def _centres(train: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Centres of the cells in which `_c_t` compares, float64 `[c, d]`."""
    sample = train[shuffled(train, rng)[:CLUSTERED]]
    guess = np.unique(sample[:CELLS], axis=0)
    return kmeans(sample, guess)[0] if len(guess) > 1 else guess


def _c_t(
    gen: np.ndarray, gen_nearest: np.ndarray, ref: np.ndarray, ref_nearest: np.ndarray, centres: np.ndarray
) -> float | None:
    """Mann-Whitney z of the distances to `train`, computed in each cell of the space and averaged over the cells.

    The weight w of a cell is its share of `ref`. Without cells, a generator that prefers dense regions would look like a
    generator that copies. If nothing is copied, the average of Meehan et al. has the standard deviation sqrt(sum w^2). This
    function divides the average by this number.
    """
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
