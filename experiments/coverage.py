"""How often the 95 % intervals of the metrics contain the truth, by simulation.

\b
    python -m experiments coverage [--reps 400] [--out results/coverage] [--only support] [--quick]

Every setting draws data many times. The true value of the data is known, and the setting counts how often the interval
contains it. The rows of a setting are written as soon as the setting is done. The same command, started again, continues
after these rows. No number depends on the order of the settings or on the choice of settings. `boards` is the study of
`experiments/few_seeds.py`: what the cells and the ranks of a board hold.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
import typer
from scipy.ndimage import gaussian_filter
from scipy.special import gammaincinv

from experiments import few_seeds, populations
from ganbench import data, metrics, scoring
from ganbench.data.mixture import Mixture
from ganbench.display.progress import progress
from ganbench.errors import UserError
from ganbench.features import Extractor, Run, cnn
from ganbench.metrics import Score
from ganbench.metrics import memorisation as memo
from ganbench.metrics._neighbours import knn
from ganbench.metrics.fid import fid
from ganbench.metrics.support import collision_rate, support
from ganbench.metrics.total_variation import total_variation
from ganbench.samples import Pixels
from ganbench.scoring import intervals
from ganbench.scoring.copies import CHANGES
from ganbench.scoring.intervals import PROMISED
from ganbench.scoring.result import Measured
from ganbench.scoring.verdict import signs_of_copies
from ganbench.statistics import ALPHA, Interval, share

RESULTS = Path("results/coverage")
CHEAP = 5  # times as many repetitions where only counts are drawn
SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)

Estimate = tuple[float, Interval | None]  # a value and its interval
Sampler = Callable[..., Any]
Study = Literal[
    "support", "memorisation", "fid", "kid", "precision", "recall", "density", "coverage", "vendi", "sliced_wasserstein",
    "classifier_score", "classification_accuracy", "parzen", "mind", "cmmd", "rke", "intra_fid", "intra_precision",
    "intra_recall", "invented", "code_information", "total_variation", "clipped_density", "clipped_coverage",
    "symmetric_precision", "symmetric_recall", "probabilistic_precision", "probabilistic_recall", "alpha_precision",
    "beta_recall",
]  # fmt: skip
NO_STUDY = {  # metrics with an interval that no study measures, and why
    "a share of counted samples, with Clopper-Pearson's interval": (
        "rejected", "label_accuracy", "attribute_accuracy", "class_kept", "partner_retrieval", "r_precision",
    ),
    "it needs conditions, and no simulated law has conditions": ("condition_diversity", "paired_error"),
    "each repetition trains a network": ("network_accuracy",),
    "the simulated laws have no images that this number is made for": ("lpips", "ms_ssim"),
}  # fmt: skip
QUICK = 400, 8  # samples of the largest setting of a quick run, and its repetitions
SIZES = ((400, 400), (1600, 800))  # of the generated set and of the reference, where both are drawn anew
Only = Literal[Study, "boards"]


class Setting(NamedTuple):
    """One way to draw data, and the values that its intervals should contain."""

    study: Study
    labels: dict[str, Any]
    draw: Callable[[np.random.Generator], dict[str, Estimate]]  # one repetition: estimates by the interval's name
    truth: dict[str, float]  # by the same names; a name that is missing stands for the mean of the estimates
    reps: int


def probabilities(law: str, size: int) -> np.ndarray:
    """Probabilities of `size` outputs: "uniform", "zipf" (1 / rank), or "atom" (half of the mass on one output)."""
    others = np.ones(size - 1)
    p = {"uniform": np.r_[1, others], "zipf": 1 / np.arange(1, size + 1), "atom": np.r_[size - 1, others]}[law]
    normalised: np.ndarray = p / p.sum()
    return normalised


def outputs(p: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Which output each of n samples is, int64 `[n]`."""
    return np.minimum(np.searchsorted(np.cumsum(p), rng.random(n)), len(p) - 1)


def exact_duplicates(reps: int) -> Iterator[Setting]:
    """The interval of `support` alone: counts of exact duplicates, n chosen for 10, 100 and 1000 expected ones."""
    for law in ("uniform", "zipf", "atom"):
        for size in (100, 1000, 10_000, 100_000):
            p = probabilities(law, size)
            beta = float((p**2).sum())
            for expected in (10, 100, 1000):
                n = int(np.ceil(0.5 + np.sqrt(0.25 + 2 * expected / beta)))
                labels = {"data": "counts", "law": law, "N": size, "n": n, "jitter": 0.0}
                truth = {"support": 1 / beta, "Poisson": 1 / beta}
                yield Setting("support", labels, partial(count_duplicates, p, n), truth, CHEAP * reps)


def count_duplicates(p: np.ndarray, n: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """The interval of `support`, and Garwood's interval of a Poisson mean, which takes pairs for independent."""
    times = np.bincount(outputs(p, n, rng))
    rate, interval = collision_rate(np.repeat(times - 1, times))
    pairs = n * (n - 1) / 2
    count = rate * pairs
    low = gammaincinv(count, ALPHA / 2) / pairs if count else 0.0
    high = gammaincinv(count + 1, 1 - ALPHA / 2) / pairs
    value = 1 / rate if rate else np.inf
    return {"support": (value, inverse(interval)), "Poisson": (value, inverse((low, high)))}


def inverse(interval: Interval) -> Interval:
    """From a rate of collisions to the effective support."""
    low, high = interval
    return 1 / high, 1 / low if low > 0 else np.inf


def jittered_points(reps: int, d: int = 16, n: int = 500) -> Iterator[Setting]:
    """The whole metric: n samples of N Gaussian points with jitter, 4 n held-out; N = inf is a perfect generator."""
    cases = [("uniform", np.inf, 0.0)]
    cases += [(law, size, 0.01) for law in ("uniform", "zipf") for size in (100, 1000, 10_000)]
    cases += [("uniform", 1000, jitter) for jitter in (0.2, 0.3)]
    for law, size, jitter in cases:
        p = probabilities(law, int(size)) if np.isfinite(size) else None
        truth = {"support": np.inf if p is None else float(1 / (p**2).sum())}
        labels = {"data": f"features, d = {d}", "law": law, "N": size, "n": n, "jitter": jitter}
        yield Setting("support", labels, partial(score_support, p, n, d, jitter), truth, reps)


def score_support(p: np.ndarray | None, n: int, d: int, jitter: float, rng: np.random.Generator) -> dict[str, Estimate]:
    """`support`; where copies are jittered visibly, with a disturbed set that has the jitter between two of them."""
    ref, gen = rng.standard_normal((4 * n, d)), rng.standard_normal((n, d))
    if p is not None:
        gen = rng.standard_normal((len(p), d))[outputs(p, n, rng)] + jitter * gen
    lightly = ref + jitter * np.sqrt(2) * rng.standard_normal((4 * n, d)) if jitter >= 0.1 else None
    return bounded(support(gen, ref, rng, ref_disturbed=lightly))


def continuous_and_repeating(reps: int) -> Iterator[Setting]:
    """Generators that never repeat an output but lie closer together than the data, and generators that do repeat.

    The data lie on a curved surface of 10 dimensions, in 20. The truth is the number of outputs, so an upper end is wrong
    for every generator that never repeats.
    """
    laws: dict[str, tuple[Sampler, float]] = {"shrunk by 0.8": (lambda rng, n: 0.8 * curved(rng, n), np.inf)}
    laws["shrunk by 0.5"] = (lambda rng, n: 0.5 * curved(rng, n), np.inf)
    laws |= {f"network of {k} normals": (partial(smooth, k, 20), np.inf) for k in (1, 2, 4)}
    repeated = [(200, 0.0), (200, 0.01), (200, 0.03), (200, 0.06), (1000, 0.0)]
    laws |= {
        f"{size:,} outputs, jitter {jitter:g}": (partial(repeats, size, jitter), size) for size, jitter in repeated
    }
    for n, m in ((398, 398), (1000, 1000)):
        for law, (sample, truth) in laws.items():
            labels = {"data": f"curved, m = {m}", "law": law, "N": truth, "n": n, "jitter": 0.0}
            yield Setting("support", labels, partial(score_curved, sample, n, m), {"support": truth}, reps)


def curved(rng: np.random.Generator, n: int) -> np.ndarray:
    """Points float64 `[n, 20]` on a curved surface of 10 dimensions, with heavy tails."""
    weights = np.random.default_rng(2).standard_normal((10, 20))
    return np.tanh(rng.standard_t(5, (n, 10)) @ weights / 4)


def smooth(k: int, d: int, rng: np.random.Generator, n: int) -> np.ndarray:
    """n outputs `[n, d]` of a random network of two hidden layers that gets k normals. They are different with certainty."""
    x = rng.standard_normal((n, k))
    for width in (32, 32, d):
        x = np.tanh(x @ rng.standard_normal((x.shape[1], width)) * 1.3 / np.sqrt(x.shape[1]))
    return x


def repeats(size: int, jitter: float, rng: np.random.Generator, n: int) -> np.ndarray:
    """n samples `[n, 20]` of `size` equally likely points, each sample with its own jitter."""
    return curved(rng, size)[rng.integers(0, size, n)] + jitter * rng.standard_normal((n, 20))


def score_curved(sample: Sampler, n: int, m: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """`support` of points against `curved` data."""
    return bounded(support(sample(rng, n), curved(rng, m), rng))


def bounded(score: Score) -> dict[str, Estimate]:
    """The value and the interval of `support`; without an upper end the interval ends at infinity."""
    value = np.inf if score.value is None else score.value
    return {"support": (value, score.interval or (score.extra["lower_bound"], np.inf))}


def digits_support(reps: int, n: int = 398) -> Iterator[Setting]:
    """The same question on digits, in the features of their classifier and in the pixels."""
    laws: dict[str, tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], float]] = {
        f"blurred by {sd:g} pixels": (partial(blurred, sd), np.inf) for sd in (0.5, 1.0)
    }
    laws["shrunk to the mean by 0.8"] = (lambda x, rng: levels(x.mean(0) + 0.8 * (x - x.mean(0))), np.inf)
    laws |= {f"network of {k} normals": (partial(smooth_images, k), np.inf) for k in (2, 4)}
    laws |= {f"{size} images, ±5 levels": (partial(repeated_images, size), size) for size in (50, 100, 300)}
    for law, (make, truth) in laws.items():
        labels = {"data": f"digits, m = {n}", "law": law, "N": truth, "n": n, "jitter": 0.0}
        yield Setting("support", labels, partial(score_digits_support, make, n), {"support": truth}, reps)


def levels(x: np.ndarray) -> np.ndarray:
    """Images uint8 from values in [0, 255], with values beyond these ends cut."""
    cut: np.ndarray = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return cut


def blurred(sd: float, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images after a Gaussian blur of `sd` pixels."""
    return levels(gaussian_filter(x.astype(float), (0, sd, sd, 0)))


def smooth_images(k: int, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many images as `x`, of a random network of k normals. Its outputs are weights of the principal components of `x`."""
    flat = x.reshape(len(x), -1).astype(float)
    _, scale, components = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    weights = smooth(k, len(scale), rng, len(x)) * scale / np.sqrt(len(x))
    return levels(flat.mean(0) + weights @ components).reshape(x.shape)


def repeated_images(size: int, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many images as `x`, of its first `size`, each pixel moved by up to 5 levels."""
    return levels(x[:size][rng.integers(0, size, len(x))] + rng.uniform(-5, 5, x.shape))


def score_digits_support(
    make: Callable[[np.ndarray, np.random.Generator], np.ndarray], n: int, rng: np.random.Generator
) -> dict[str, Estimate]:
    """`support` of images that are made from n training images, against n held-out images."""
    train, held_out = (np.asarray(data.load("digits", split).x) for split in ("train", "test"))
    gen = make(train[rng.permutation(len(train))[:n]], rng)
    ref = held_out[rng.permutation(len(held_out))[:n]]
    disturbed = np.asarray(scoring.disturbed(ref))
    (of_gen, gen_logits), (of_ref, ref_logits), (of_disturbed, _) = (embedded(x) for x in (gen, ref, disturbed))
    pixels: list[Any] = [Pixels(x) for x in (gen, ref, disturbed)]
    score = support(of_gen, of_ref, rng, pixels[0], pixels[1], gen_logits, ref_logits, of_disturbed, pixels[2])
    return bounded(score)


def embedded(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and logits of digits, float64. They are not kept in the cache, because no image comes back."""
    run = digits_network()
    parts = [run(np.array(x[start : start + cnn.BATCH])) for start in range(0, len(x), cnn.BATCH)]
    features, logits = (np.concatenate([part[k] for part in parts]).astype(np.float64) for k in (0, 1))
    return features, logits


@cache
def digits_network() -> Run:
    """The classifier of digits."""
    return cnn.load(Extractor("digits-cnn"))


def planted_copies(reps: int, n: int = 1000, t: int = 2000) -> Iterator[Setting]:
    """Samples that are copies of training samples with chance f.

    The interval uses the order of the local ratios alone, so the law of the data could matter only through near-duplicates
    and through dependence: the first setting draws the ratios themselves, independent and uniform.
    """
    truth = {f"f = {f:g}": f for f in SHARES}
    labels = {"law": "uniform ratios", "n": n, "m": n, "train": 0}
    yield Setting("memorisation", labels, partial(score_ratios, n), truth, CHEAP * reps)
    ring = data.mixture("ring")
    assert ring is not None
    laws: dict[str, Sampler] = {
        "ring": partial(ring_points, ring, len(ring.means)),
        "Gaussian, d = 16": lambda rng, n: rng.standard_normal((n, 16)),
        "Gaussian, d = 64": lambda rng, n: rng.standard_normal((n, 64)),
    }
    for law, sample in laws.items():
        labels = {"law": law, "n": n, "m": n, "train": t}
        yield Setting("memorisation", labels, partial(score_copies, sample, n, t), truth, reps)


def ring_points(ring: Mixture, modes: int, rng: np.random.Generator, n: int) -> np.ndarray:
    """Points `[n, 2]` of the first modes of the ring."""
    means: np.ndarray = ring.means[rng.integers(0, modes, n)]
    return means + ring.sd * rng.standard_normal((n, 2))


def misplaced(reps: int) -> Iterator[Setting]:
    """Points of the ring against its known law, perfect or without two of its modes."""
    ring = data.mixture("ring")
    assert ring is not None
    for (n, _), moved in product(SIZES, (False, True)):
        labels = {"law": "ring", "d": 2, "generator": "moved" if moved else "perfect", "n": n, "m": 0}
        draw = partial(score_misplaced, ring, len(ring.means) - 2 * moved, n)
        yield Setting("total_variation", labels, draw, {}, reps)


def score_misplaced(ring: Mixture, modes: int, n: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """The misplaced share of the mass; the interval is held to its mean at this n."""
    return {"mean at n, m": estimate(total_variation(ring_points(ring, modes, rng, n), ring))}


def score_ratios(n: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """The copied share of n samples whose local ratios are uniform."""
    return plant(rng.random(n), rng.random(n), rng)


def score_copies(sample: Sampler, n: int, t: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """The copied share of n samples of a law, against t training samples."""
    train = sample(rng, t)
    of_ref, of_gen = (knn(sample(rng, n), train, memo.K)[0] for _ in range(2))
    return plant(memo.local_ratio(of_gen), memo.local_ratio(of_ref[~memo.near_duplicates(of_ref)]), rng)


def plant(rho_gen: np.ndarray, rho_ref: np.ndarray, rng: np.random.Generator) -> dict[str, Estimate]:
    """The copied share for every f, on one draw of the data: a copy's distance is 0."""
    luck = rng.random(len(rho_gen))
    return {f"f = {f:g}": estimate(memo.copied_share(np.where(luck < f, 0.0, rho_gen), rho_ref)) for f in SHARES}


def ticks(reps: int) -> Iterator[Setting]:
    """How often the verdict "no copies were seen, at most ..." is true.

    A verdict that sees copies, or that doubts, claims nothing: its interval is [0, 1]. Few copies are planted among samples
    off the data, which have no false alarms; and half of the samples are changed copies that are hard to see.
    """
    few = {f"f = {f:g}": f for f in (0.0, 0.003, 0.005, 0.008, 0.012)}
    labels = {"law": "tick, copies among curved points + noise", "n": 1592, "m": 797, "train": 3000}
    yield Setting("memorisation", labels, partial(tick_points, tuple(few.values())), few, reps)
    for kind in ("noise", "shift", "exact"):
        labels = {"law": f"tick, digits, copies by {kind}", "n": 398, "m": 398, "train": 1000}
        truth = {"f = 0": 0.0, "f = 0.5": 0.5}
        yield Setting("memorisation", labels, partial(tick_digits, kind), truth, reps)


def tick_points(
    shares: Sequence[float], rng: np.random.Generator, n: int = 1592, m: int = 797, t: int = 3000
) -> dict[str, Estimate]:
    """The claim on n points off the data, with a few copies of t training points."""
    train, ref = curved(rng, t), curved(rng, m)
    gen = curved(rng, n) + 0.25 * rng.standard_normal((n, train.shape[1]))
    copies = train[rng.permutation(t)[:n]]
    luck = rng.random((n, 1))
    return {f"f = {f:g}": claimed({"gen": np.where(luck < f, copies, gen), "ref": ref, "train": train}) for f in shares}


def tick_digits(kind: str, rng: np.random.Generator, n: int = 398) -> dict[str, Estimate]:
    """The claim on n digits: held-out ones, and half of them replaced by changed copies of training images."""
    train, held_out = (np.asarray(data.load("digits", split).x) for split in ("train", "test"))
    order = rng.permutation(len(held_out))
    ref, fair = held_out[order[:n]], held_out[order[n : 2 * n]]
    copies = CHANGES[kind](train[rng.permutation(len(train))[: n // 2]], rng)
    estimates = {}
    for f, gen in ((0.0, fair), (0.5, np.concatenate([fair[n // 2 :], copies]))):
        sets = {"gen": gen, "ref": ref, "train": train}
        inputs: dict[str, Any] = {name: embedded(x)[0] for name, x in sets.items()}
        inputs |= {f"{name}_pixels": Pixels(x) for name, x in sets.items()}
        estimates[f"f = {f:g}"] = claimed(inputs | {"image_shape": train.shape[1:]})
    return estimates


def claimed(inputs: Mapping[str, Any]) -> Estimate:
    """The copied share, and the interval that the verdict claims: from 0 to its bound; [0, 1] where it claims none."""
    m = Measured.model_validate(metrics.compute(["memorisation"], inputs)["memorisation"])
    assert m.value is not None
    assert m.interval is not None
    ticked = m.interval[0] == 0 and not signs_of_copies(m)
    return m.value, (0.0, m.interval[1] if ticked else 1.0)


def frechet(reps: int, m: int = 5000) -> Iterator[Setting]:
    """Perfect and moved generators against a fixed reference, quick settings first.

    The interval of the value is held to the expected FID at that n, that of `infinity` to the population's FID.
    """
    laws: dict[str, tuple[Sampler, float]] = {  # and the variance of each feature
        "Gaussian": (lambda rng, size: rng.standard_normal(size), 1.0),
        "t, 10 degrees": (lambda rng, size: rng.standard_t(10, size), 10 / 8),
    }
    sizes = sorted(((n, d) for d in (2, 16, 64) for n in (2 * d, 500, 2000, 10_000)), key=prod)
    for (n, d), (law, (sample, variance)) in product(sizes, laws.items()):
        ref = sample(np.random.default_rng(d), (m, d))
        for generator, scale, shift in (("perfect", 1.0, 0.0), ("moved", 1.2, 0.2)):
            labels = {"law": law, "d": d, "generator": generator, "n": n, "m": m}
            truth = {"FID_inf": population_fid(shift, scale**2 * variance, ref)}
            yield Setting("fid", labels, partial(score_fid, sample, ref, scale, shift, n), truth, reps)


def population_fid(mean: float, variance: float, ref: np.ndarray) -> float:
    """FID of infinitely many samples, with the same mean and variance in each of d independent features."""
    l = np.linalg.eigvalsh(np.cov(ref.T))  # noqa: E741
    return float(((mean - ref.mean(0)) ** 2).sum() + ((np.sqrt(variance) - np.sqrt(l)) ** 2).sum())


def score_fid(
    sample: Sampler, ref: np.ndarray, scale: float, shift: float, n: int, rng: np.random.Generator
) -> dict[str, Estimate]:
    """FID_n, and where there are enough samples the extrapolation to infinitely many."""
    score = fid(scale * sample(rng, (n, ref.shape[1])) + shift, ref)
    estimates = {"E FID_n": estimate(score)}
    if score.extra["infinity"] is not None:
        estimates["FID_inf"] = (score.extra["infinity"], score.extra["infinity_interval"])
    return estimates


def anew(study: Study, reps: int) -> Iterator[Setting]:
    """Generators and references that are both drawn anew from a population: fewer repetitions, because each takes longer.

    The interval of the value is held to its mean at these sizes. FID's value without bias is held to the populations' FID.
    """
    for (n, m), law, moved in product(SIZES, populations.LAWS, (False, True)):
        d = populations.dimension(law)
        labels = {"law": law, "d": d, "generator": "moved" if moved else "perfect", "n": n, "m": m}
        truth = {} if study != "fid" else {"FID of the populations": populations.fid_of(law, moved)}
        draw = partial(score_anew, study, law, moved, n, m)
        yield Setting(study, labels, draw, truth, reps // (2 if n == SIZES[0][0] else 4))


def score_anew(study: Study, law: str, moved: bool, n: int, m: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """The value of a metric. For FID: the value against one reference, and the value without bias."""
    gen, ref = populations.draw(law, n, rng, moved), populations.draw(law, m, rng)
    if study != "fid":
        result = populations.score(study, gen, ref, rng)
        value = np.nan if result["value"] is None else result["value"]  # too few samples of a class
        return {"mean at n, m": (value, result["interval"])}
    same = populations.score(study, gen, populations.draw(law, m, np.random.default_rng(m)), rng)
    result = populations.score(study, gen, ref, rng)
    return {
        "E FID_n": (same["value"], same["interval"]),
        "FID of the populations": (result["unbiased"], result["unbiased_interval"]),
    }


def estimate(score: Score) -> Estimate:
    """The value of a score and its interval."""
    assert score.value is not None
    return score.value, score.interval


STUDIES: dict[Study, tuple[Callable[[int], Iterator[Setting]], ...]] = {
    "support": (exact_duplicates, jittered_points, continuous_and_repeating, digits_support),
    "memorisation": (planted_copies, ticks),
    "fid": (frechet, partial(anew, "fid")),
    "total_variation": (misplaced,),
}
STUDIES |= {study: (partial(anew, study),) for study in get_args(Study) if study not in STUDIES}


def measure(setting: Setting, tick: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """Repeat a setting, and say per interval how often it held the truth. `tick` is called after each repetition."""
    seed = zlib.crc32(repr((setting.study, setting.labels)).encode())
    runs = []
    for rep in range(setting.reps):
        runs.append(setting.draw(np.random.default_rng([seed, rep])))
        tick()
    rows = []
    for name in runs[0]:
        values = np.array([run[name][0] for run in runs])
        intervals = np.array([run[name][1] for run in runs if run[name][1] is not None]).reshape(-1, 2)
        values = values[~np.isnan(values)]
        truth = setting.truth.get(name, float(values.mean()) if len(values) else np.nan)
        covered = int(((intervals[:, 0] <= truth) & (truth <= intervals[:, 1])).sum())
        low, high = share(covered, len(intervals)) if len(intervals) else (np.nan, np.nan)
        finite = intervals[np.isfinite(intervals).all(1)]
        rows.append(
            {
                **setting.labels,
                "interval": name,
                "reps": setting.reps,
                "version": metrics.get(setting.study).card.version,
                "truth": truth,
                "truth_se": 0.0 if name in setting.truth else standard_error(values),
                "median": float(np.median(values)) if len(values) else np.nan,
                "coverage": covered / len(intervals) if len(intervals) else np.nan,
                "coverage_low": low,
                "coverage_high": high,
                "no_finite_interval": 1 - len(finite) / len(runs),
                "width": width(setting.study, finite, truth),
            }
        )
    return rows


def standard_error(values: np.ndarray) -> float:
    """The standard error of the mean; NaN for fewer than two values."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def width(study: Study, intervals: np.ndarray, truth: float) -> float:
    """Median, of finite intervals, of high / low (support), of (high - low) / truth (fid, unless that is 0), of high - low."""
    if not len(intervals):
        return float("nan")
    low, high = intervals.T
    if study == "support":
        return float(np.median(high / low))
    return float(np.median(high - low)) / (truth if study == "fid" and truth else 1)


def pending(setting: Setting, table: pd.DataFrame) -> bool:
    """Whether a setting's rows, at these repetitions and this version of the metric, are not in the table yet."""
    key = setting.labels | {"reps": setting.reps, "version": metrics.get(setting.study).card.version}
    return table.empty or not np.logical_and.reduce([table[k] == v for k, v in key.items()]).any()


def newest(file: Path) -> pd.DataFrame:
    """A study's table without the rows that later ones, of more repetitions or of a newer version, have replaced."""
    table = pd.read_csv(file)
    labels = list(table.columns[: list(table.columns).index("interval") + 1])
    return table.drop_duplicates(labels, keep="last")


def tables_in(out: Path) -> dict[Study, pd.DataFrame]:
    """The tables of the studies that a folder holds."""
    return {study: newest(out / f"{study}.csv") for study in STUDIES if (out / f"{study}.csv").is_file()}


KINDS = {  # the first words of a setting's law or data, and its kind of features; settings of other words are in no digest
    "Gaussian": "Gaussian", "features": "Gaussian", "t": "heavy tails", "curved": "heavy tails", "10 clusters": "clusters",
    "ring": "clusters", "MNIST features": intervals.REAL, "digits": intervals.REAL,
}  # fmt: skip
OF_THE_VALUE = r"support|E FID_n|mean at n, m|f = .*"  # the intervals that stand beside a value
FEWEST = 100  # samples of a setting in the digest


def digest(out: Path) -> str:
    """The file that ganbench brings: of every metric, version, kind of features and dimension the setting of least coverage."""
    lines = []
    for study, table in tables_in(out).items():
        known = table[(table.n >= FEWEST) & table.interval.str.fullmatch(OF_THE_VALUE) & table.coverage.notna()]
        words = known.get("data", known.law)
        kinds = words.str.partition(",")[0].map(KINDS)
        given = known.d if "d" in known else words.str.extract(r"d = (\d+)")[0].astype(float)
        d = given.fillna(0).where(kinds != intervals.REAL, 0).astype(int).mask(words == "ring", 2)
        known = known.assign(metric=study, kind=kinds, d=d, upper=known.coverage_high).dropna(subset="kind")
        least = known.sort_values("coverage").drop_duplicates(["version", "kind", "d"])
        lines.append(least[list(intervals.Covered._fields)].sort_values(["version", "kind", "d"]))
    return pd.concat(lines).to_csv(index=False, float_format="%.4g")


def page(out: Path) -> str:
    """The page with all tables that `out` holds."""
    tables = tables_in(out)
    parts = [
        "# Coverage of the 95 % intervals",
        "`python -m experiments coverage` wrote this page and the tables beside it. Each row draws data with a known truth\n"
        "`reps` times. `coverage` is the share of the repetitions whose interval contained the truth; the brackets hold the\n"
        "95 % Clopper-Pearson interval of this share.\n\n"
        "- `truth_se`: some truths are averages over the repetitions. For these truths this is the standard error.\n"
        "- `no_finite_interval`: the share of repetitions that gave no interval, or an interval without an upper end.\n"
        "- `width`: the median width of the finite intervals. It is high / low for `support`, (high - low) / truth for\n"
        "  `fid` where the truth is not 0, and high - low for the others.\n"
        f"- A coverage below {PROMISED} is bold.\n\n"
        "These metrics have an interval and no study: "
        + "; ".join(f"{', '.join(f'`{name}`' for name in names)} ({why})" for why, names in NO_STUDY.items())
        + ".",
    ]
    for study, table in tables.items():
        ours = table[(table.interval != "Poisson") & table.coverage.notna()]
        short = int((ours.coverage < PROMISED).sum())
        shown = table.drop(columns=["version", "coverage_low", "coverage_high"])
        shown["coverage"] = [
            f"{'**' * (c < PROMISED)}{c:.3f}{'**' * (c < PROMISED)} [{a:.3f}, {b:.3f}]"
            for c, a, b in zip(table.coverage, table.coverage_low, table.coverage_high, strict=True)
        ]
        of = f"`{study}`, version {', '.join(map(str, sorted(table.version.unique())))}"
        parts.append(f"## {of}: {len(ours) - short} of {len(ours)} intervals cover at least {PROMISED}")
        parts.append(shown.to_markdown(index=False, floatfmt=".4g"))
    return "\n\n".join([*parts, *few_seeds.sections(out)]) + "\n"


def main(
    reps: Annotated[int, typer.Option(min=2, help="Repetitions per setting.")] = 400,
    out: Annotated[Path, typer.Option(help="Folder for the tables.")] = RESULTS,
    only: Annotated[Only | None, typer.Option(help="Which study; all by default.")] = None,
    quick: Annotated[bool, typer.Option(help="A trial: small settings of drawn laws, few repetitions.")] = False,
) -> None:
    """Measure the coverage of the intervals."""
    if quick and out == RESULTS:
        raise UserError("a trial must not be mixed with the published tables: --out FOLDER")
    most, reps = QUICK if quick else (np.inf, reps)
    out.mkdir(parents=True, exist_ok=True)
    for study in STUDIES if only is None else [study for study in STUDIES if study == only]:
        file = out / f"{study}.csv"
        table = pd.read_csv(file) if file.is_file() else pd.DataFrame()
        todo = [s for make in STUDIES[study] for s in make(reps) if pending(s, table)]
        todo = [s for s in todo if s.labels["n"] <= most and not (quick and s.labels["law"] == "MNIST features")]
        done = 0
        with progress(study, sum(s.reps for s in todo), "repetitions") as advance:
            for setting in todo:

                def tick(setting: Setting = setting) -> None:
                    nonlocal done
                    done += 1
                    advance(done, ", ".join(f"{k} {v}" for k, v in setting.labels.items()))

                rows = pd.DataFrame(measure(setting, tick))
                rows.to_csv(file, mode="a", header=not file.is_file(), index=False, float_format="%.6g")
    if only in (None, "boards") and not quick:
        few_seeds.measure(out)
    (out / "README.md").write_text(page(out), encoding="utf-8")
