"""Broken metrics, and which promise or planted truth catches each of them.

\b
    python -m experiments mutants [--repeats 20] [--out results/calibration/mutants]

Each broken metric takes the place of a true metric of ganbench. It has the card of the true metric and is judged by its planted
truths. It also has the width of the true metric's interval, so no broken metric is caught only because it has no interval.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
import typer
from scipy.spatial.distance import cdist
from scipy.special import entr, logsumexp, softmax

from ganbench import data, metrics
from ganbench.boards import calibration
from ganbench.boards.plants import PLANTS
from ganbench.data.mixture import Mixture
from ganbench.display.progress import progress
from ganbench.metrics import Metric, Score
from ganbench.metrics._manifolds import manifolds, recalled
from ganbench.metrics.fid import frechet, moments

DATASETS = ("digits", "ring")
# Kinds of damage that some card promises something about.
DAMAGE = ("noise", "blur", "shift", "dropped", "support", "copies", "outliers", "weights")


class Mutant(NamedTuple):
    """A broken metric."""

    metric: Metric
    of: str  # the true metric
    what: str  # what is wrong


MUTANTS: dict[str, Mutant] = {}


def mutant(of: str, what: str) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Register a function of inputs as a broken metric in the place of the metric `of`.

    The interval of the true metric is moved to the wrong value.
    """

    def register(wrong: Callable[..., float]) -> Callable[..., float]:
        true, name = metrics.get(of), wrong.__name__
        of_true, of_wrong = (inspect.signature(function).parameters for function in (true.function, wrong))

        def function(**inputs: object) -> Score:
            value = float(wrong(**{name: inputs[name] for name in of_wrong}))
            score = true.function(**{name: inputs[name] for name in of_true if name in inputs})
            if score.value is None or score.interval is None:
                return Score(value)
            low, high = score.interval
            return Score(value, (value + low - score.value, value + high - score.value))

        needed_first = sorted({**of_true, **of_wrong}.values(), key=lambda p: p.default is not p.empty)
        vars(function)["__signature__"] = inspect.Signature(needed_first)
        MUTANTS[name] = Mutant(Metric(name, true.card, function), of, what)
        return wrong

    return register


def support_like(what: str) -> Callable[[Callable[[Score], Score]], Callable[[Score], Score]]:
    """Register a function of the true score as a broken `support`."""

    def register(wrong: Callable[[Score], Score]) -> Callable[[Score], Score]:
        true, name = metrics.get("support"), wrong.__name__

        def function(**inputs: object) -> Score:
            return wrong(true.function(**inputs))

        vars(function)["__signature__"] = inspect.signature(true.function)
        MUTANTS[name] = Mutant(Metric(name, true.card, function), "support", what)
        return wrong

    return register


def _step(gen: np.ndarray, ref: np.ndarray) -> float:
    """Squared distance of the means."""
    difference = gen.mean(0) - ref.mean(0)
    return float(difference @ difference)


def _radii(x: np.ndarray, k: int) -> np.ndarray:
    """Distance of each point to its k-th neighbour."""
    radii: np.ndarray = np.partition(cdist(x, x), k, axis=1)[:, k]
    return radii


@mutant("fid", "the means only")
def fid_of_means(gen: np.ndarray, ref: np.ndarray) -> float:
    return _step(gen, ref)


@mutant("fid", "the covariances only")
def fid_of_covariances(gen: np.ndarray, ref: np.ndarray) -> float:
    return frechet(moments([gen - gen.mean(0)]), moments([ref - ref.mean(0)]))


@mutant("fid", "means and the spread of each feature, without correlations")
def fid_of_features_alone(gen: np.ndarray, ref: np.ndarray) -> float:
    return _step(gen, ref) + float(((gen.std(0) - ref.std(0)) ** 2).sum())


@mutant("fid", "the first feature only")
def fid_of_one_feature(gen: np.ndarray, ref: np.ndarray) -> float:
    return fid_of_features_alone(gen[:, :1], ref[:, :1])


@mutant("fid", "the last trace is subtracted once, not twice")
def fid_with_one_trace(gen: np.ndarray, ref: np.ndarray) -> float:
    g, r = moments([gen]), moments([ref])
    rest = _step(gen, ref) + float(np.trace(g.covariance) + np.trace(r.covariance))
    return (rest + frechet(g, r)) / 2


@mutant("fid", "against the training set")
def fid_to_training_set(gen: np.ndarray, train: np.ndarray) -> float:
    return frechet(moments([gen]), moments([train]))


@mutant("fid", "half of the samples is not looked at")
def fid_of_half(gen: np.ndarray, ref: np.ndarray) -> float:
    return frechet(moments([gen[: len(gen) // 2]]), moments([ref]))


@mutant("fid", "random numbers")
def fid_of_dice(rng: np.random.Generator) -> float:
    return abs(float(rng.normal()))


@mutant("kid", "pairs of a sample with itself are counted")
def kid_with_diagonal(gen: np.ndarray, ref: np.ndarray) -> float:
    scale = ref.shape[1] / (ref**2).sum(1).mean()

    def mean(x: np.ndarray, y: np.ndarray) -> float:
        return float(((scale * (x @ y.T) / x.shape[1] + 1) ** 3).mean())

    return mean(gen, gen) + mean(ref, ref) - 2 * mean(gen, ref)


@mutant("kid", "a linear kernel")
def kid_of_linear_kernel(gen: np.ndarray, ref: np.ndarray) -> float:
    return _step(gen, ref)


@mutant("recall", "precision in its place")
def recall_exchanged(gen: np.ndarray, ref: np.ndarray) -> float:
    return float(manifolds(gen, ref).precise.mean())


@mutant("recall", "a point is its own first neighbour")
def recall_of_second_neighbour(gen: np.ndarray, ref: np.ndarray) -> float:
    return float((cdist(ref, gen) <= _radii(gen, 2)).any(1).mean())


@mutant("recall", "coverage in its place")
def recall_by_coverage(gen: np.ndarray, ref: np.ndarray) -> float:
    return float(manifolds(gen, ref).covered.mean())


@mutant("precision", "recall in its place")
def precision_exchanged(gen: np.ndarray, ref: np.ndarray) -> float:
    return float(recalled(gen, ref).mean())


@mutant("precision", "all balls are as large as the largest")
def precision_of_largest_ball(gen: np.ndarray, ref: np.ndarray) -> float:
    return float((cdist(gen, ref).min(1) <= _radii(ref, 3).max()).mean())


@mutant("precision", "a constant")
def precision_of_nothing(gen: np.ndarray) -> float:
    return 0.95


@mutant("coverage", "of the training set")
def coverage_of_training_set(gen: np.ndarray, train: np.ndarray) -> float:
    return float(manifolds(gen, train[: len(gen)]).covered.mean())


@mutant("coverage", "balls of three times the distance to the first neighbour")
def coverage_of_other_balls(gen: np.ndarray, ref: np.ndarray) -> float:
    return float((cdist(ref, gen).min(1) < 3 * _radii(ref, 1)).mean())


@mutant("density", "the share of samples and reference points within the largest radius")
def density_of_largest_ball(gen: np.ndarray, ref: np.ndarray) -> float:
    return float((cdist(gen, ref) <= _radii(ref, 5).max()).mean())


@mutant("memorisation", "exact copies only")
def memorisation_of_equal_rows(gen: np.ndarray, train: np.ndarray) -> float:
    return float((cdist(gen, train).min(1) <= 1e-9).mean())


@mutant("memorisation", "a fixed threshold, without held-out samples")
def memorisation_of_fixed_threshold(gen: np.ndarray, train: np.ndarray) -> float:
    nearest = np.sort(np.partition(cdist(gen, train), 49, axis=1)[:, :50], axis=1)
    return float((nearest[:, 0] < 0.25 * nearest.mean(1)).mean())


@mutant("memorisation", "twice the share")
def memorisation_doubled(gen: np.ndarray, ref: np.ndarray, train: np.ndarray, rng: np.random.Generator) -> float:
    return min(1.0, 2 * (metrics.get("memorisation").function(gen=gen, ref=ref, train=train, rng=rng).value or 0.0))


@mutant("support", "the number of different rows")
def support_of_rows(gen: np.ndarray) -> float:
    return float(len(np.unique(gen, axis=0)))


@support_like("an interval that is a hundred times too narrow")
def support_too_sure(score: Score) -> Score:
    if score.value is None or score.interval is None:
        return score
    low, high = (score.value + (end - score.value) / 100 for end in score.interval)
    return Score(score.value, (low, high), None, score.extra)


@support_like("ten times the number")
def support_tenfold(score: Score) -> Score:
    if score.value is None or score.interval is None:
        return score
    return Score(10 * score.value, (10 * score.interval[0], 10 * score.interval[1]), None, score.extra)


@mutant("classifier_score", "certainty alone")
def classifier_score_of_certainty(gen_logits: np.ndarray) -> float:
    return float(np.exp(-entr(softmax(gen_logits, axis=1)).sum(1).mean()))


@mutant("classifier_score", "evenness of the classes alone")
def classifier_score_of_evenness(gen_logits: np.ndarray) -> float:
    return float(np.exp(entr(softmax(gen_logits, axis=1).mean(0)).sum()))


@mutant("vendi", "the geometric mean of the features' spreads")
def vendi_of_spreads(gen: np.ndarray) -> float:
    return float(np.exp(np.log(gen.std(0) + 1e-12).mean()))


@mutant("parzen", "one wide window, without its constant")
def parzen_of_one_window(gen: np.ndarray, ref: np.ndarray) -> float:
    return float((logsumexp(-cdist(ref, gen, "sqeuclidean") / 50, axis=1) - np.log(len(gen))).mean())


@mutant("modes", "the nearest mode of each sample, however far")
def modes_however_far(gen: np.ndarray, mixture: Mixture) -> float:
    return float(len(np.unique(cdist(gen, mixture.means).argmin(1))))


@mutant("sliced_wasserstein", "one direction")
def sliced_wasserstein_of_one_direction(gen: np.ndarray, ref: np.ndarray) -> float:
    levels = (np.arange(1000) + 0.5) / 1000
    a, b = (np.quantile(x.sum(1) / np.sqrt(x.shape[1]), levels) for x in (gen, ref))
    return float(((a - b) ** 2).mean())


def catches(dataset: str, n: int | None, repeats: int, damage: Sequence[str] = DAMAGE, seed: int = 0) -> pd.DataFrame:
    """Judge the true metrics, and each broken metric in the place of its true metric.

    Returns:
        One line per verdict: broken (the broken metric, or empty for the true metrics), metric, corruption (damage or plant),
        promised, verdict.
    """
    train, held_out = data.load(dataset, "train"), data.load(dataset, "test")
    n = n or calibration.default_n(held_out.y)
    true = [metrics.get(name) for name in sorted({broken.of for broken in MUTANTS.values()})]
    everything = [*true, *(broken.metric for broken in MUTANTS.values())]
    stands_for = {name: broken.of for name, broken in MUTANTS.items()}
    parts, embedded = [], None
    with progress(f"broken metrics on {dataset}", repeats, "repeats") as advance:
        for repeat in range(repeats):
            scored = calibration.sets(train, held_out, n, seed, repeat, damage)
            embedded = embedded or calibration.embedded(dataset, scored.train)
            parts.append(calibration.measure(dataset, scored, embedded, everything, seed, repeat, stands_for))
            advance(repeat + 1)
    measured = calibration.joined(parts)
    tables = [calibration.judge(measured, true).assign(broken="")]
    for name, broken in MUTANTS.items():
        others = [metric for metric in true if metric.name != broken.of]
        table = calibration.judge(measured, [*others, broken.metric])
        tables.append(table[table.metric == name].assign(broken=name))
    return pd.concat(tables, ignore_index=True)[["broken", "metric", "corruption", "promised", "verdict"]]


def summary(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One line per broken metric: metric, in place of, what is wrong, and what catches it on each dataset.

    Args:
        verdicts: of `catches`, with a column `dataset`.

    A cell has the names of damage and plants, "passes" or "does not apply".
    """
    lines = []
    for name, broken in MUTANTS.items():
        line = {"broken metric": name, "in the place of": broken.of, "what is wrong": broken.what}
        for dataset, group in verdicts[verdicts.broken == name].groupby("dataset", sort=False):
            failed = group[group.verdict == "fail"].corruption
            judged = group.verdict.isin(["pass", "fail"]).any()
            line[str(dataset)] = ", ".join(failed) or ("passes" if judged else "does not apply")
        lines.append(line)
    return pd.DataFrame(lines)


def page(folder: Path) -> str:
    """The page of the table in `folder`."""
    verdicts = pd.read_csv(folder / "mutants.csv", keep_default_na=False)
    table = summary(verdicts)
    true = verdicts[(verdicts.broken == "") & (verdicts.verdict == "fail")]
    failed = "; ".join(f"{line.metric} under {line.corruption} on {line.dataset}" for line in true.itertuples())
    counts = []
    for dataset in table.columns[3:]:
        applies = table[dataset] != "does not apply"
        counts.append(f"{(applies & (table[dataset] != 'passes')).sum()} of {applies.sum()} on {dataset}")
    passes = table[(table.iloc[:, 3:] == "passes").all(axis=1)]["broken metric"]
    plants = "\n".join(f"- `{name}`: {plant.what}." for name, plant in PLANTS.items())
    return (
        "\n\n".join(
            [
                "# Broken metrics",
                f"Each broken metric has the card, the planted truths and the width of the interval of a true metric. "
                f"{len(table)} broken metrics; the calibration catches {' and '.join(counts)}. "
                + (
                    f"These pass on each dataset: {', '.join(passes)}."
                    if len(passes)
                    else "No broken metric passes on each dataset."
                ),
                f"The true metrics, judged by the same sets: {'what fails is ' + failed if failed else 'no promise fails'}.",
                table.to_markdown(index=False),
                "A cell names the kinds of damage and the planted truths that catch the metric. "
                "[How a metric is judged](../../../docs/calibration.md). The planted truths:",
                plants,
            ]
        )
        + "\n"
    )


def main(
    repeats: Annotated[int, typer.Option(help="cuts and draws", min=5)] = 20,
    out: Annotated[Path, typer.Option(help="folder of mutants.csv and README.md")] = Path(
        "results/calibration/mutants"
    ),
) -> None:
    """Judge all broken metrics on all datasets, and write the table and its page."""
    verdicts = pd.concat([catches(dataset, None, repeats).assign(dataset=dataset) for dataset in DATASETS])
    out.mkdir(parents=True, exist_ok=True)
    verdicts.to_csv(out / "mutants.csv", index=False)
    (out / "README.md").write_text(page(out), encoding="utf-8")
