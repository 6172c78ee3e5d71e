"""Calibration: every metric on real samples under known damage and on planted truths, compared with the promises of its card.

In each repeat the held-out split is cut in two anew: n samples are the reference, the rest is the pool. Damaged sets of n
samples are made from the pool (`ganbench.boards.corruptions`). All sets of a repeat start from the same draw, so the effect
of a level is the difference to the untouched set of the same repeat. Planted truths start from the untouched set
(`ganbench.boards.plants`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ganbench import data, features, files, metrics, paths
from ganbench._version import __version__
from ganbench.boards import calibration_page as page
from ganbench.boards import promises
from ganbench.boards.corruptions import CORRUPTIONS, Unfit, first
from ganbench.boards.plants import PLANTS, Inputs, planted
from ganbench.boards.promises import NULL, LeftOut
from ganbench.data import Split
from ganbench.display.progress import progress
from ganbench.errors import UserError
from ganbench.metrics import Kept, Metric
from ganbench.samples import SampleSet
from ganbench.scoring.embedding import embed, embed_disturbed
from ganbench.scoring.inputs import gather, gather_real

MANIFEST = "manifest.json"
MOST = 1000  # samples per set, unless asked for
PLANTED = ["plant", "metric", "repeat", "truth", "value", "low", "high", "reason"]
TRAIN = 20_000  # training samples at most: the source of copies, and the training set of the metrics


class Sets(NamedTuple):
    """The sets of one repeat, and their reference and training set."""

    reference: Split
    train: Split
    damaged: dict[tuple[str, float], Split]  # by corruption and level, mild to strong
    left_out: dict[tuple[str, float | None], str]  # a corruption (None) or a level, and why


class Measured(NamedTuple):
    """What one repeat, or all repeats of one seed, have measured."""

    values: pd.DataFrame  # corruption, level, metric, repeat, value, low, high, reason
    planted: (
        pd.DataFrame
    )  # plant, metric (of a further number: `fid.unbiased`), repeat, truth, value, low, high, reason
    left_out: LeftOut


def default_n(y: np.ndarray) -> int:
    """Samples per set for held-out labels `y`: the pool must have enough samples of every single class.

    With c samples of the smallest class among N, a pool of N - n has c (N - n) / N of them on average, and that is n at
    n = c N / (c + N). Rounded down to hundreds, at most `MOST`, and at least what every metric needs.
    """
    c, N = np.unique(y, return_counts=True)[1].min(), len(y)
    least = max(metrics.get(name).card.minimum for name in metrics.usual())
    return int(np.clip(c * N / (c + N) // 100 * 100, least, MOST))


def sets(train: Split, held_out: Split, n: int, seed: int, repeat: int, damage: Collection[str]) -> Sets:
    """Cut the held-out split, and damage samples of the pool in every way of `damage` and at every level.

    The training samples depend on the seed alone. The cut, the draw and the damage depend on the repeat too.
    """
    train = _rows(train, np.random.default_rng(seed).permutation(len(train.x))[:TRAIN])
    order = np.random.default_rng([seed, repeat]).permutation(len(held_out.x))
    reference, pool = _rows(held_out, order[:n]), _rows(held_out, order[n:])
    damaged = {(NULL, 0.0): first(pool, n)}
    left_out: dict[tuple[str, float | None], str] = {}
    for name in damage:
        try:
            levels = CORRUPTIONS[name].levels(pool, n)
        except Unfit as why:
            left_out[name, None] = str(why)
            continue
        for level in levels:
            rng = np.random.default_rng([seed, repeat, 1])  # the same for all corruptions and levels
            try:
                damaged[name, level] = CORRUPTIONS[name].apply(pool, train, n, level, rng)
            except Unfit as why:
                left_out[name, level] = str(why)
    return Sets(reference, train, damaged, left_out)


def _rows(split: Split, index: np.ndarray) -> Split:
    return Split(np.asarray(split.x[index]), np.asarray(split.y[index]))


def embedded(dataset: str, split: Split) -> SampleSet:
    """A split as a sample set with the features of the dataset's extractor."""
    return embed(SampleSet(split.x, split.y, {"name": dataset, "dataset": dataset}), features.default(dataset))


def measure(
    dataset: str,
    scored: Sets,
    train: SampleSet,
    judged: Sequence[Metric],
    seed: int,
    repeat: int,
    stands_for: Mapping[str, str] | None = None,
) -> Measured:
    """Score every set of a repeat, and every plant, with every metric.

    Args:
        dataset: its extractor is used.
        scored: the sets.
        train: the training set of `scored`, embedded.
        judged: the metrics.
        seed: of the calibration.
        repeat: of the sets.
        stands_for: metrics that are judged by the planted truths of another metric, and its name.

    A missing value is NaN, and its reason is given. If the metric has a `lower_bound` and higher is better, the missing
    value is infinite, and the interval is all numbers above the bound.
    """
    reference = embed_disturbed(embedded(dataset, scored.reference), features.default(dataset))
    real = gather_real(reference, train)
    kept = Kept(real.values())
    values: list[dict[str, Any]] = []
    untouched: Inputs = {}
    for (corruption, level), split in scored.damaged.items():
        inputs = gather(embedded(dataset, split), real)
        untouched = untouched or inputs
        results = metrics.compute(judged, inputs, seed + repeat, kept)
        values += [
            {"corruption": corruption, "level": level, "metric": metric.name, "repeat": repeat}
            | _value(metric, results[metric.name], "")
            for metric in judged
        ]
    lines, left_out = [], dict(scored.left_out)
    for i, (name, plant) in enumerate(PLANTS.items()):
        try:
            inputs, truths = planted(plant, untouched, np.random.default_rng([seed, repeat, 2, i]))
        except Unfit as why:
            left_out[name, None] = str(why)
            continue
        names = {metric.name: (stands_for or {}).get(metric.name, metric.name) for metric in judged}
        planted_metrics = {number.partition(".")[0] for number in truths}
        asked = [metric for metric in judged if names[metric.name] in planted_metrics]
        results = metrics.compute(asked, inputs, seed + repeat, kept)
        for metric in asked:
            for number, truth in truths.items():
                of, _, extra = number.partition(".")
                if of == names[metric.name]:
                    result = results[metric.name]
                    line = {
                        "plant": name,
                        "metric": metric.name + number.removeprefix(of),
                        "repeat": repeat,
                        "truth": truth,
                    }
                    lines.append(line | _value(metric, result, extra))
    planted_values = pd.DataFrame(lines, columns=PLANTED)
    for end in ("low", "high"):
        planted_values[end] = planted_values[end].fillna(planted_values.value)  # a value without an interval is its own
    return Measured(pd.DataFrame(values), planted_values, left_out)


def _value(metric: Metric, result: Mapping[str, Any], extra: str) -> dict[str, Any]:
    """Value, interval and reason of a result, or of the number `extra` of the result."""
    value, interval = (
        (result.get(extra), result.get(f"{extra}_interval")) if extra else (result["value"], result["interval"])
    )
    if value is None and not extra and metric.card.better == "higher" and result.get("lower_bound") is not None:
        value, interval = np.inf, (result["lower_bound"], np.inf)
    low, high = interval or (np.nan, np.nan)
    reason = result["reason"] or (f"{metric.name} has no number {extra} on these sets" if value is None else None)
    return {"value": np.nan if value is None else value, "low": low, "high": high, "reason": reason}


def joined(parts: Sequence[Measured]) -> Measured:
    """All repeats of one seed. A level that was impossible in some repeat is left out."""
    left_out: dict[tuple[str, float | None], str] = {}
    for part in parts:
        left_out |= {key: why for key, why in part.left_out.items() if key not in left_out}
    values, truths = (
        pd.concat(tables, ignore_index=True) for tables in ([p.values for p in parts], [p.planted for p in parts])
    )
    complete = ~pd.Series(list(zip(values.corruption, values.level, strict=True)), index=values.index).isin(
        list(left_out)
    )
    return Measured(values[complete], truths, left_out)


def judge(measured: Measured, judged: Sequence[Metric]) -> pd.DataFrame:
    """The verdicts on all promises and planted truths of one seed: see `ganbench.boards.promises`."""
    cards = {metric.name: metric.card for metric in judged}
    of_cards = promises.judge(measured.values, cards, measured.left_out)
    return pd.concat([of_cards, promises.judge_plants(measured.planted, cards)], ignore_index=True)


def run(
    dataset: str, n: int | None, repeats: int, seeds: Sequence[int], out: Path, replace: bool = False
) -> pd.DataFrame:
    """Calibrate all metrics but those on request, and write the tables and pictures to `out`; returns the promises.

    Each repeat is kept in `runs/calibration/` as soon as it is measured, until the calibration is written. The same command,
    started again, continues after these repeats.

    Args:
        dataset: its name; the default extractor is used.
        n: samples per set; None for `default_n`.
        repeats: cuts and draws, at least 2. With fewer than `promises.LEAST_REPEATS` no promise is judged.
        seeds: of the training samples, the cuts, the draws, the damage and the metrics. Each seed is a calibration of its
            own. The tables have the values of the first seed, and the verdicts of all seeds.
        out: a folder, made where it is missing: values.csv, planted.csv, levels.csv, promises.csv, seeds.csv, README.md,
            matrix.png, levels.png, manifest.json.
        replace: whether a calibration of more or larger sets, or on another dataset, may be replaced in `out`.

    Raises:
        UserError: too few held-out samples, or a calibration in `out` that may not be replaced.
    """
    train, held_out = data.load(dataset, "train"), data.load(dataset, "test")
    n = n or default_n(held_out.y)
    if 2 * n > len(held_out.x):
        raise UserError(
            f"--n {n}: there are {len(held_out.x):,} held-out samples, for the reference and at least one set"
        )
    if not replace:
        _refuse_to_replace(out, dataset, n, repeats, len(seeds))
    judged = [metrics.get(name) for name in metrics.usual()]
    manifest = _manifest(dataset, n, repeats, seeds, len(train.x), len(held_out.x))
    parts = _Parts(paths.runs() / "calibration" / dataset / _key(manifest))
    jobs = [(seed, repeat) for seed in seeds for repeat in range(repeats)]
    done = sum(parts.path(*job).exists() for job in jobs)
    embedded_train: dict[int, SampleSet] = {}
    with progress(f"calibrate on {dataset}", len(jobs), "repeats", start=done) as advance:
        for seed, repeat in jobs:
            if parts.path(seed, repeat).exists():
                continue
            scored = sets(train, held_out, n, seed, repeat, CORRUPTIONS)
            if seed not in embedded_train:
                embedded_train = {seed: embedded(dataset, scored.train)}
            parts.write(seed, repeat, measure(dataset, scored, embedded_train[seed], judged, seed, repeat))
            done += 1
            advance(done, f"seed {seed}")
    measured = {seed: joined([parts.read(seed, repeat) for repeat in range(repeats)]) for seed in seeds}
    result = write(manifest, measured, judged, sets(train, held_out, n, seeds[0], 0, CORRUPTIONS).damaged, out)
    shutil.rmtree(parts.folder)
    return result


class _Parts(NamedTuple):
    """The measured repeats of a calibration that is not finished, one file each."""

    folder: Path

    def path(self, seed: int, repeat: int) -> Path:
        return self.folder / f"seed-{seed}-repeat-{repeat}.json"

    def write(self, seed: int, repeat: int, measured: Measured) -> None:
        left_out = [[*key, why] for key, why in measured.left_out.items()]
        parts = {
            "values": measured.values.to_dict("list"),
            "planted": measured.planted.to_dict("list"),
            "left out": left_out,
        }
        files.write(self.path(seed, repeat), json.dumps(parts))

    def read(self, seed: int, repeat: int) -> Measured:
        parts = json.loads(self.path(seed, repeat).read_text(encoding="utf-8"))
        left_out = {(name, level): why for name, level, why in parts["left out"]}
        return Measured(pd.DataFrame(parts["values"]), pd.DataFrame(parts["planted"]), left_out)


def _key(manifest: Mapping[str, Any]) -> str:
    """A name for what decides the values of a repeat. The number of repeats and the seeds do not."""
    decides = {name: value for name, value in manifest.items() if name not in ("repeats", "seeds")}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]


def _refuse_to_replace(out: Path, dataset: str, n: int, repeats: int, seeds: int) -> None:
    """Raise a `UserError` if `out` holds a calibration that says more than the new one would say."""
    try:
        old = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        there = (old["dataset"], int(old["n"]), int(old["repeats"]), len(old.get("seeds", [0])))
    except FileNotFoundError:
        return
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{out / MANIFEST} is damaged; choose another --out, or add --replace") from None
    if dataset != there[0] or n < there[1] or repeats < there[2] or seeds < there[3]:
        raise UserError(
            f"{out} holds {_sizes(*there)}; {_sizes(dataset, n, repeats, seeds)} would replace it: "
            "choose another --out, or add --replace"
        )


def _sizes(dataset: str, n: int, repeats: int, seeds: int) -> str:
    with_seeds = f" with {seeds} seeds" if seeds > 1 else ""
    return f"a calibration on {dataset} with {repeats} repeats of {n:,} samples{with_seeds}"


def write(
    manifest: Mapping[str, Any],
    measured: Mapping[int, Measured],
    judged: Sequence[Metric],
    damaged: Mapping[tuple[str, float], Split],
    out: Path,
) -> pd.DataFrame:
    """Judge what each seed has measured, and write what `run` promises; `damaged` are the sets of the first repeat."""
    by_seed = {seed: judge(part, judged) for seed, part in measured.items()}
    shown = promises.combined(by_seed)
    first_seed = next(iter(measured.values()))
    left_out = {c if level is None else f"{c} {level:g}": why for (c, level), why in first_seed.left_out.items()}
    manifest = {**manifest, "left out": left_out}
    every = pd.concat([table.assign(seed=seed) for seed, table in by_seed.items()])
    every = every.loc[every.promised != "", ["seed", "metric", "corruption", "promised", "verdict"]]
    levels = promises.effects(first_seed.values, {metric.name: metric.card for metric in judged})
    tables = {
        "values": first_seed.values,
        "planted": first_seed.planted,
        "levels": levels,
        "promises": shown,
        "seeds": every,
    }
    for name, table in tables.items():
        files.write(out / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    files.write(out / "README.md", page.markdown(manifest, first_seed.values, levels, shown, every))
    page.draw_matrix(shown, out / "matrix.png")
    page.draw_levels(
        {key: split for key, split in damaged.items() if key not in first_seed.left_out}, out / "levels.png"
    )
    files.write(out / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return shown


def _manifest(dataset: str, n: int, repeats: int, seeds: Sequence[int], train: int, held_out: int) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "data": data.version(dataset),
        "features": features.describe(features.default(dataset)),
        "n": n,
        "train": min(train, TRAIN),
        "pool": held_out - n,
        "repeats": repeats,
        "seeds": list(seeds),
        "damage": list(CORRUPTIONS),
        "planted": list(PLANTS),
        "metrics": {name: metrics.get(name).card.version for name in metrics.usual()},
        "ganbench": __version__,
    }
