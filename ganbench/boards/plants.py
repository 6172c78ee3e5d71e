"""Planted truths: inputs of metrics whose true value is known. A metric is calibrated on these values too.

A plant is a pure function (real, rng) -> inputs and the true values of some metrics on them. `real` are the inputs of an
untouched set of real samples, its reference and its training set. A plant keeps their numbers of samples and of features.
The generated rows are sorted along a random direction. So a metric that looks at a part of the samples sees other data than
a metric that looks at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import comb
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import entr

from ganbench.boards.corruptions import Unfit
from ganbench.data.mixture import Mixture
from ganbench.metrics import INPUTS
from ganbench.metrics._manifolds import K_DENSITY
from ganbench.metrics.cmmd import SCALE as CMMD_SCALE
from ganbench.metrics.cmmd import SIGMA as CMMD_SIGMA
from ganbench.metrics.equality import MOST as COMPARED
from ganbench.metrics.equality import PERMUTATIONS
from ganbench.metrics.invented import FALSE_ALARMS
from ganbench.metrics.mind import FACTOR
from ganbench.metrics.modes import INSIDE as INSIDE_MODES
from ganbench.metrics.ms_ssim import LUMINANCE, WEIGHTS
from ganbench.metrics.parzen import SIGMAS
from ganbench.metrics.robust import LOWEST
from ganbench.metrics.sliced_wasserstein import DIRECTIONS
from ganbench.metrics.total_variation import SHELLS

Inputs = dict[str, Any]
Truths = dict[str, float]  # by metric; `fid.unbiased` is the number `unbiased` of `fid`

FAR = 1000.0  # standard deviations, or radii: too far for any neighbourhood
COPIED = 0.25
DISTURBED = 1e-4  # of the distance to the next training sample: a copy that is not exact
SCALE = 2.0
GROUP = np.arange(6.0)  # points on a line; the third and the fifth neighbour of each are in the group
INSIDE, OUTSIDE = -2.5, -3.5  # within 3 of the point 0, the reach of its third neighbour, and not within 3
KEPT_WRONG = 0.25
DAMAGED = 0.25
CLASSES = 4  # of the planted classes, and rows of their images
MISSTATED = 0.25
STEP = 0.5  # of an output from the place of its condition
GREY = 0.5
GREYS = 0.2, 0.6  # of the images of one value
APART = 0.4  # LPIPS of two images of different greys


class Plant(NamedTuple):
    """One way to plant true values."""

    what: str  # for readers
    make: Callable[[Inputs, np.random.Generator], tuple[Inputs, Truths]]  # may raise `Unfit`


def planted(plant: Plant, real: Mapping[str, Any], rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """The inputs of a plant, with its generated rows sorted along a random direction, and the true values.

    Raises:
        Unfit: the plant is impossible with these data.
    """
    inputs, truths = plant.make(dict(real), rng)
    order = np.argsort(inputs["gen"] @ rng.normal(size=inputs["gen"].shape[1]), kind="stable")
    return inputs | _rows(inputs, "gen", order), truths


def _rows(inputs: Mapping[str, Any], of: str, rows: np.ndarray) -> Inputs:
    """These rows of all inputs of one set."""
    return {
        name: inputs[name][rows] for name, entry in INPUTS.items() if entry.of == of and entry.rows and name in inputs
    }


def _unit(d: int, rng: np.random.Generator) -> np.ndarray:
    direction = rng.normal(size=d)
    unit: np.ndarray = direction / np.linalg.norm(direction)
    return unit


def _halves(count: int, of: int = 1) -> np.ndarray:
    """Labels of two classes, int64 `[of * count]`: the first half of `count` groups of `of` samples, and the rest."""
    return np.repeat((np.arange(count) >= count // 2).astype(np.int64), of)


def _elsewhere(real: Mapping[str, Any]) -> np.ndarray:
    """The training set, moved far away from all other samples."""
    moved: np.ndarray = real["train"] + FAR * (1 + real["ref"].std())
    return moved


def null(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Real samples against real samples, and a training set that is far away.

    coverage: a neighbourhood of the reference is empty if the k nearest of its m - 1 + n other points are all of the
    reference. All choices of m - 1 points are equally likely.
    """
    n, m, k = len(real["gen"]), len(real["ref"]), K_DENSITY
    empty = comb(m - 1, k) / comb(m - 1 + n, k)
    truths = {"coverage": 1 - empty, "density": 1.0, "kid": 0.0, "fid.unbiased": 0.0}
    return real | {"train": _elsewhere(real)}, truths


def moved(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """The reference itself, moved by one spread of the data and stretched to twice its size.

    The cheapest transport takes each point straight to its image. So the distance is the mean (squared) length of the steps.
    """
    ref = np.asarray(real["ref"], np.float64)
    m, d = ref.shape
    centred = ref - ref.mean(0)
    delta = np.sqrt((centred**2).sum(1).mean()) * _unit(d, rng)
    step = delta + (SCALE - 1) * centred
    labels = _halves(m)
    within = [step[labels == label] for label in range(2)]
    truths = {"intra_fid": float(np.mean([np.square(s.mean(0)).sum() + s.var(0, ddof=1).sum() for s in within]))}
    truths |= {"fid": float(delta @ delta + (SCALE - 1) ** 2 * (centred**2).sum() / (m - 1))}
    if d <= DIRECTIONS:  # then whole bases are taken, and the squares along a basis add up to the squared length
        truths["sliced_wasserstein"] = float((step**2).mean())
        truths["mind"] = FACTOR * d * truths["sliced_wasserstein"]
    if d == 1:
        truths["wasserstein_1d"] = float(np.abs(step).mean())
    inputs = {"gen": ref + step, "ref": ref, "train": _elsewhere(real)}
    return inputs | {"gen_labels": labels, "ref_labels": labels}, truths


def stretched(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """The reference itself, stretched along the direction in which all features grow. Features become more correlated."""
    ref = np.asarray(real["ref"], np.float64)
    m, d = ref.shape
    along = (ref - ref.mean(0)).sum(1) / np.sqrt(d)
    step = SCALE * along[:, None] / np.sqrt(d)
    return {"gen": ref + step, "ref": ref}, {"fid": float((SCALE * along) @ (SCALE * along) / (m - 1))}


def spheres(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Two spheres with one centre, one with 1.5 times the radius. All samples of the reference have the norm that kid uses.

    The mean of the cubic kernel over independent points of the radii a d^(1/2) and b d^(1/2) is 1 + 3 a^2 b^2 / d. So kid is
    3 (a^2 - b^2)^2 / d.
    """
    (n, d), m, wide = real["gen"].shape, len(real["ref"]), 1.5
    if d == 1:
        raise Unfit("a sphere on the line is two points")
    gen, ref = (np.sqrt(d) * np.stack([_unit(d, rng) for _ in range(k)]) for k in (n, m))
    return {"gen": wide * gen, "ref": ref}, {"kid": 3 * (wide**2 - 1) ** 2 / d}


def poles(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Points at two opposite places of the unit sphere: a half of the samples and a quarter of the reference at the first one.

    With the shares a and b at the first place, cmmd is 2 (1 - k) (a - b)^2. k is the kernel between the places, 2 apart. The
    mean of (a - b)^2 is the square of the difference of the chances, and the variances of a and b.
    """
    (n, d), m, p, q = real["gen"].shape, len(real["ref"]), 0.5, 0.25
    pole = _unit(d, rng)
    gen, ref = (np.where(rng.random((k, 1)) < chance, 1.0, -1.0) * pole for k, chance in ((n, p), (m, q)))
    mean = (p - q) ** 2 + p * (1 - p) / n + q * (1 - q) / m
    return {"gen": gen, "ref": ref}, {"cmmd": 2 * CMMD_SCALE * (1 - np.exp(-2 / CMMD_SIGMA**2)) * mean}


def _groups(size: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Groups `[6 g, d]` of points far apart, every fourth one ten times as wide, and a point `[g, d]` beside each group.

    Half of the points beside the groups are within the reach of a third neighbour.
    """
    count = 4 * (size // (4 * len(GROUP)))
    if not count:
        raise Unfit(f"{size} samples are too few for groups")
    place, width = 10 * FAR * np.arange(count), np.tile([10.0, 1.0, 1.0, 1.0], count // 4)
    beside = np.tile([INSIDE, INSIDE, OUTSIDE, OUTSIDE], count // 4)
    line = _unit(d, rng)
    groups = (place[:, None] + width[:, None] * GROUP).reshape(-1, 1) * line
    return groups, (place + width * beside)[:, None] * line


def grouped(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """A reference of groups of six points on a line, and a generated point beside each group.

    The third neighbours of the points 0 to 5 are 3, 2, 2, 2, 2, 3 away, and the fifth 5, 4, 3, 3, 4, 5. So a point at -2.5
    is in a ball of precision and in two of density (of the points 0 and 1), and a point at -3.5 in none and in one.
    """
    ref, gen = _groups(len(real["ref"]), real["ref"].shape[1], rng)
    truths = {"precision": 1 / 2, "density": (2 + 1) / 2 / K_DENSITY, "coverage": (2 + 1) / 2 / len(GROUP)}
    labels = {"gen_labels": _halves(len(gen)), "ref_labels": _halves(len(gen), len(GROUP))}
    return {"gen": gen, "ref": ref} | labels, truths | {"intra_precision": 1 / 2}


def exchanged(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """The same groups, but generated, and a held-out point beside each."""
    gen, ref = _groups(len(real["gen"]), real["ref"].shape[1], rng)
    labels = {"gen_labels": _halves(len(ref), len(GROUP)), "ref_labels": _halves(len(ref))}
    return {"gen": gen, "ref": ref} | labels, {"recall": 1 / 2, "intra_recall": 1 / 2}


def uncopied(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Held-out samples."""
    return real, {"memorisation": 0.0}


def copied(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Training samples in the place of a quarter of the samples. No copy is exact: its features are disturbed a little."""
    n, train = len(real["gen"]), np.asarray(real["train"], np.float64)
    k = round(COPIED * n)
    taken, kept = rng.choice(len(train), k, replace=False), rng.permutation(n)[k:]
    reach = np.partition(cdist(train[taken], train), 1, axis=1)[:, 1:2]
    step = DISTURBED * reach * np.stack([_unit(train.shape[1], rng) for _ in taken])
    inputs = {name: value for name, value in real.items() if INPUTS[name].of != "gen"}
    inputs["gen"] = np.concatenate([train[taken] + step, real["gen"][kept]])
    for part in ("pixels", "labels"):
        if f"gen_{part}" in real and f"train_{part}" in real:
            inputs[f"gen_{part}"] = np.concatenate([real[f"train_{part}"][taken], real[f"gen_{part}"][kept]])
    return inputs, {"memorisation": k / n}


def repeated(share: float, real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """A generator of N equally likely outputs, all real samples. N is a share of the number of samples."""
    n = len(real["gen"])
    outputs = round(share * n)
    return real | _rows(real, "gen", rng.integers(0, outputs, n)), {"support": float(outputs)}


def orthogonal(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Samples of random lengths along a few orthogonal directions: as diverse as so many unlike samples."""
    n, d = real["gen"].shape
    if d == 1:
        raise Unfit("the line has one direction")
    counts = np.bincount(np.arange(n) % min(d, 8))
    rows = np.repeat(np.eye(d)[: len(counts)], counts, axis=0) * rng.uniform(1, 5, (n, 1))
    truths = {"vendi": float(np.exp(entr(counts / n).sum())), "rke": float(1 / np.square(counts / n).sum())}
    return {"gen": rows, "ref": real["ref"]}, truths


def paired(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """A classifier that cannot tell the two classes of a pair apart, on pairs of unequal probability.

    The score is exp of the entropy of the pairs. The entropy of the ten classes is log 2 larger.
    """
    n, pairs = len(real["gen"]), np.arange(1.0, 6) / 15
    pair = rng.choice(len(pairs), n, p=pairs)
    logits = np.full((n, 2 * len(pairs)), -50.0)
    logits[np.arange(n), 2 * pair] = logits[np.arange(n), 2 * pair + 1] = 0
    return {"gen": logits, "gen_logits": logits}, {"classifier_score": float(np.exp(entr(pairs).sum()))}


def window(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """One output, and a reference that is a Gaussian around it, as wide as one of the windows: its mean log-density."""
    (n, d), m, sigma = real["gen"].shape, len(real["ref"]), SIGMAS[len(SIGMAS) // 2]
    inputs = {"gen": np.zeros((n, d)), "ref": sigma * rng.normal(size=(m, d))}
    return inputs, {"parzen": float(-d / 2 * (np.log(2 * np.pi * sigma**2) + 1))}


def kept(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Samples of half of the modes of a mixture, and a tenth that is near the other modes, but six sd away from them."""
    mixture: Mixture | None = real.get("mixture")
    if mixture is None:
        raise Unfit("the data have no known modes")
    n, (k, d) = len(real["gen"]), mixture.means.shape
    order = rng.permutation(k)
    half = max(1, k // 2)
    inner, outer = mixture.means[order[:half]], mixture.means[order[half:]]
    gen = inner[np.arange(n) % half] + mixture.sd / 4 * np.clip(rng.normal(size=(n, d)), -2, 2)
    if len(outer):
        strays = n // 10
        gen[:strays] = outer[np.arange(strays) % len(outer)] + 6 * mixture.sd * _unit(d, rng)
    return {"gen": gen, "mixture": mixture}, {"modes": float(half)}


def mislabelled(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Four classes far apart, and a quarter of the held-out labels is wrong."""
    inputs = _four(real, rng)
    labels, accuracy = _wrong(inputs["ref_labels"])
    return inputs | {"ref_labels": labels}, {"classification_accuracy": accuracy, "network_accuracy": accuracy}


def disobeyed(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Four classes far apart, and a quarter of the samples is of another class than was asked for."""
    inputs = _four(real, rng)
    labels, accuracy = _wrong(inputs["gen_labels"])
    return inputs | {"gen_labels": labels}, {"label_accuracy": accuracy}


def _four(real: Inputs, rng: np.random.Generator) -> Inputs:
    """Three sets of four classes far apart, with images: the class is a bright row of four."""
    inputs: Inputs = {"image_shape": (CLASSES, CLASSES, 1)}
    for name in ("gen", "ref", "train"):
        labels = np.arange(len(real[name])) % CLASSES
        noise = rng.normal(size=(len(labels), CLASSES))
        bright = np.repeat(np.eye(CLASSES)[labels], CLASSES, axis=1)
        dim = rng.uniform(0, 0.2, bright.shape)
        inputs |= {
            name: 10 * np.eye(CLASSES)[labels] + noise,
            f"{name}_labels": labels,
            f"{name}_pixels": dim + 0.8 * bright,
        }
    return inputs


def _wrong(labels: np.ndarray) -> tuple[np.ndarray, float]:
    """The labels, with a quarter of them wrong, and the share of the right labels."""
    wrong = round(KEPT_WRONG * len(labels))
    return np.where(np.arange(len(labels)) < wrong, (labels + 1) % CLASSES, labels), 1 - wrong / len(labels)


def apart(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Real samples, moved far away. No exchange of samples gives as large a difference, and all samples are near nothing."""
    m, threshold = len(real["ref"]), 1 - FALSE_ALARMS
    above = m - 1 - int(np.ceil(threshold * (m - 1)))
    truths = {"invented": 1 - above / m, "alpha_precision": LOWEST, "beta_recall": LOWEST}
    if len(real["gen"]) <= COMPARED:
        truths["equality"] = 1 / (PERMUTATIONS + 1)
    moved = real["gen"] + FAR * (1 + real["ref"].std())
    return {"gen": moved, "ref": real["ref"]}, truths


def itself(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """The reference, made again. Every sample is in the ball of itself, and no ball is without a sample."""
    shares = ("symmetric_precision", "symmetric_recall", "probabilistic_precision", "probabilistic_recall")
    inputs = {"gen": real["ref"].copy(), "ref": real["ref"]}
    return inputs, dict.fromkeys((*shares, "clipped_density", "clipped_coverage"), 1.0)


def left_out(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Four classes far apart, and the first class is never made."""
    inputs = _four(real, rng)
    kept = inputs["gen_labels"] != 0
    again = np.resize(np.flatnonzero(kept), len(kept))
    share = float((inputs["ref_labels"] == 0).mean())
    return inputs | _rows(inputs, "gen", again), {"missing": share}


def damaged(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """A classifier that calls a quarter of the samples damaged, each by chance, in one of two ways."""
    n = len(real["gen"])
    kind = np.where(rng.random(n) < DAMAGED, 1 + np.arange(n) % 2, 0)
    return {"gen": real["gen"], "gen_kinds": np.eye(3)[kind]}, {"rejected": DAMAGED}


def pointed(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """The centres of half of the modes of a mixture, and a third of the samples that is far from all modes."""
    mixture: Mixture | None = real.get("mixture")
    if mixture is None:
        raise Unfit("the data have no known modes")
    n, (k, d) = len(real["gen"]), mixture.means.shape
    half = max(1, k // 2)
    gen = mixture.means[rng.permutation(k)[:half]][np.arange(n) % half].astype(np.float64)
    gen[: n // 3] += FAR * mixture.sd * _unit(d, rng)
    return {"gen": gen, "mixture": mixture}, {"total_variation": INSIDE_MODES * (1 - half / (k * SHELLS))}


def _marked(n: int, share: float) -> np.ndarray:
    """Which of n samples are changed: the last ones, bool `[n]`."""
    return np.arange(n) >= n - round(share * n)


def misstated(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Pictures that show what their captions state, but a quarter of the captions is wrong in two of four attributes."""
    n = len(real["gen"])
    stated = rng.integers(0, 5, (n, 4))
    wrong = _marked(n, MISSTATED)
    shown = np.where(wrong[:, None] & (np.arange(4) < 2), (stated + 1) % 5, stated)
    inputs = {"gen": real["gen"], "gen_attributes": shown, "gen_stated": stated}
    return inputs, {"attribute_accuracy": 1 - float(wrong.mean()) / 2}


def swapped(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Captions all around a circle, each with a picture at its place, but a quarter of the pictures is at the opposite place.

    The own caption is then the farthest one, so it never wins.
    """
    n = len(real["gen"])
    angle = 2 * np.pi * (np.arange(n) + rng.random()) / n
    captions = np.stack([np.cos(angle), np.sin(angle)], 1)
    wrong = _marked(n, MISSTATED)
    inputs = {"gen": np.where(wrong[:, None], -captions, captions), "gen_captions": captions}
    return inputs | {"gen_stated": np.arange(n)[:, None]}, {"r_precision": 1 - float(wrong.mean())}


def _twins(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random places in the plane `[n, 2]`, two equal ones after another, and the number of each pair `[n]`."""
    of = np.arange(n) // 2
    return rng.normal(size=(of[-1] + 1, 2))[of], of


def settled(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """One output per condition."""
    gen, of = _twins(len(real["gen"]), rng)
    return {"gen": gen, "gen_condition": of}, {"condition_diversity": 0.0}


def unmoved(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Samples that ignore their conditions."""
    n = len(real["gen"])
    return {"gen": rng.normal(size=(n, 2)), "gen_condition": np.arange(n) // 3}, {"condition_diversity": 1.0}


def varied(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Pairs of outputs about the place of their condition, and the ratio of variances from their squares."""
    n = len(real["gen"]) // 2 * 2
    places, of = _twins(n, rng)
    places -= places.mean(0)
    gen = places + np.where(np.arange(n) % 2, STEP, -STEP)[:, None]
    total = (np.square(places).sum() + 2 * STEP**2 * n) / (n - 1)
    return {"gen": gen, "gen_condition": of}, {"condition_diversity": 4 * STEP**2 / total}


def exchanged_partners(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """The true partners themselves, on a line, but a quarter of them is exchanged. Half of the pictures is black, half is grey.

    Black and grey change places in the exchanged quarter, and L1 between them is the level of the grey.
    """
    n = len(real["gen"])
    wrong = _marked(n, MISSTATED)
    order = np.arange(n)
    order[wrong] = np.roll(order[wrong], 1)
    truth = rng.permutation(n)[:, None] * np.ones((n, 2))
    grey = GREY * (np.arange(n) % 2)[:, None] * np.ones((n, 64))
    inputs = {"gen": truth[order], "gen_truth": truth, "gen_pixels": grey[order], "gen_truth_pixels": grey}
    error = float(abs(grey[order] - grey).mean())
    return inputs | {"image_shape": (8, 8, 1)}, {"partner_retrieval": 1 - float(wrong.mean()), "paired_error": error}


def changed_classes(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Samples that show their class, and a quarter that shows the next one."""
    n, classes = len(real["gen"]), 4
    truth, wrong = rng.integers(0, classes, n), _marked(n, MISSTATED)
    logits = 9 * np.eye(classes)[np.where(wrong, (truth + 1) % classes, truth)]
    return {"gen": logits, "gen_logits": logits, "gen_truth_labels": truth}, {"class_kept": 1 - float(wrong.mean())}


def coded(noise: float, real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Codes of unequal probability, each with a class of its own, but a share of the classes is drawn without the code."""
    n, chance = len(real["gen"]), np.arange(1.0, 5) / 10
    codes, drawn = (rng.choice(4, n, p=chance) for _ in range(2))
    logits = 9 * np.eye(4)[np.where(rng.random(n) < noise, drawn, codes)]
    joint = (1 - noise) * np.diag(chance) + noise * np.outer(chance, chance)
    information = 2 * entr(chance).sum() - entr(joint).sum()
    return {"gen": logits, "gen_logits": logits, "gen_labels": codes}, {"code_information": float(information)}


def two_greys(real: Inputs, rng: np.random.Generator) -> tuple[Inputs, Truths]:
    """Images of one of two even greys, each with probability 1/2. Images of one grey have the similarity 1 and the distance 0.

    Two greys a and b are alike in contrast and structure, and (2ab + c) / (a^2 + b^2 + c) in luminance. An image of 8 x 8
    pixels has one scale, so this number counts once, to the power of the sum of the weights.
    """
    n = len(real["gen"])
    light, (dark, bright) = rng.integers(0, 2, n), GREYS
    alike = (2 * dark * bright + LUMINANCE) / (dark**2 + bright**2 + LUMINANCE)
    pixels = np.where(light, bright, dark)[:, None] * np.ones((n, 64))
    distances = APART * rng.integers(0, 2, n // 2)
    inputs = {"gen": real["gen"], "gen_pixels": pixels, "image_shape": (8, 8, 1), "gen_lpips": distances}
    return inputs, {"ms_ssim": (1 + float(alike ** sum(WEIGHTS))) / 2, "lpips": APART / 2}


PLANTS = {
    "untouched": Plant("real samples against real samples", null),
    "moved": Plant("the reference, moved by its spread and twice as large", moved),
    "stretched": Plant("the reference, three times as long in one direction", stretched),
    "spheres": Plant("two spheres, one 1.5 times as wide", spheres),
    "poles": Plant("two opposite places, with other shares", poles),
    "grouped": Plant("points at a known place beside groups of real points", grouped),
    "exchanged": Plant("real points at a known place beside groups of points", exchanged),
    "uncopied": Plant("real samples, none of them from the training set", uncopied),
    "copied": Plant("a quarter of the samples is copied, nearly exactly", copied),
    "few": Plant("a twentieth as many different outputs as samples", partial(repeated, 0.05)),
    "many": Plant("as many different outputs as samples", partial(repeated, 1.0)),
    "orthogonal": Plant("a few orthogonal directions, equally frequent", orthogonal),
    "paired": Plant("classes that a classifier cannot tell apart in pairs", paired),
    "window": Plant("one output in the middle of a Gaussian", window),
    "kept": Plant("half of the modes, and strays near the other modes", kept),
    "mislabelled": Plant("a quarter of the held-out labels is wrong", mislabelled),
    "damaged": Plant("a classifier that calls a quarter of the samples damaged", damaged),
    "disobeyed": Plant("a quarter of the samples has another class than was asked for", disobeyed),
    "apart": Plant("real samples, far away", apart),
    "itself": Plant("the reference, made again", itself),
    "left out": Plant("four classes far apart, and one is never made", left_out),
    "misstated": Plant("a quarter of the captions is wrong in half of its attributes", misstated),
    "swapped": Plant("a quarter of the pictures has the most distant caption", swapped),
    "settled": Plant("one output per condition", settled),
    "unmoved": Plant("samples that ignore their conditions", unmoved),
    "varied": Plant("two outputs beside the place of each condition", varied),
    "partners": Plant("a quarter of the true partners is exchanged", exchanged_partners),
    "reclassed": Plant("a quarter of the samples has lost its class", changed_classes),
    "coded": Plant("codes that are seen in three of four samples", partial(coded, 0.25)),
    "two greys": Plant("images of two even greys, equally frequent", two_greys),
    "meaningless": Plant("codes that say nothing", partial(coded, 1.0)),
    "pointed": Plant("the centres of half of the modes, and a third of the samples far away", pointed),
}
