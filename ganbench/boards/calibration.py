"""Calibration: every metric on real samples under known damage, compared with the promises of its card.

The seed cuts the held-out split in two: n samples are the reference, the rest is the pool. Damaged sets of n samples are made
from the pool (`ganbench.boards.corruptions`). Each repeat draws new samples. All sets of a repeat start from the same draw, so
the effect of a level is the difference to the untouched set of the same repeat.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ganbench import data, features, metrics
from ganbench._version import __version__
from ganbench.boards.corruptions import CORRUPTIONS, Unfit, first, is_images
from ganbench.data import Split
from ganbench.display import pictures
from ganbench.display.progress import progress
from ganbench.display.text import number
from ganbench.errors import UserError
from ganbench.metrics import Card
from ganbench.samples import SampleSet, content_hash
from ganbench.scoring import Scorer
from ganbench.scoring.result import Measured
from ganbench.statistics import ALPHA, student

MANIFEST = "manifest.json"
NULL = "real"  # the corruption that does nothing
MOST = 1000  # samples per set, unless asked for
TRAIN = 20_000  # training samples at most: the source of copies, and the training set of the metrics
MONOTONE = 0.6  # least rank correlation with the level: of four values, one pair of neighbours may be swapped
BLIND = 0.1  # a movement below this share of the metric's largest movement counts as none
# Without any effect, all movements of r repeats go into the promised direction with probability 2^-r. With fewer repeats
# than here, this probability is above 5 %: the repeats then prove nothing, however they come out (sign test).
LEAST_REPEATS = math.ceil(math.log2(1 / ALPHA))


class Sets(NamedTuple):
    """The sets that are scored, and their reference and training set."""

    reference: Split
    train: Split
    damaged: dict[tuple[str, float], list[Split]]  # by corruption and level, mild to strong, one set per repeat
    left_out: dict[tuple[str, float | None], str]  # a corruption (None) or a level, and why


def default_n(y: np.ndarray) -> int:
    """Samples per set for held-out labels `y`: the pool must have enough samples of every single class.

    With c samples of the smallest class among N, a pool of N - n has c (N - n) / N of them on average, and that is n at
    n = c N / (c + N). Rounded down to hundreds, at most `MOST`, and at least what every metric needs.
    """
    c, N = np.unique(y, return_counts=True)[1].min(), len(y)
    least = max(metrics.get(name).card.minimum for name in metrics.names())
    return int(np.clip(c * N / (c + N) // 100 * 100, least, MOST))


def sets(train: Split, held_out: Split, n: int, repeats: int, seed: int) -> Sets:
    """Cut the held-out split, and damage samples of the pool in every way and at every level."""
    if 2 * n > len(held_out.x):
        raise UserError(
            f"--n {n}: there are {len(held_out.x):,} held-out samples, for the reference and at least one set"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(held_out.x))
    reference, pool = _rows(held_out, order[:n]), _rows(held_out, order[n:])
    train = _rows(train, rng.permutation(len(train.x))[:TRAIN])
    damaged = {(NULL, 0.0): [first(_drawn(pool, seed, repeat)[0], n) for repeat in range(repeats)]}
    left_out: dict[tuple[str, float | None], str] = {}
    for name, corruption in CORRUPTIONS.items():
        try:
            levels = corruption.levels(pool, n)
        except Unfit as why:
            left_out[name, None] = str(why)
            continue
        for level in levels:
            try:
                repeated = []
                for repeat in range(repeats):
                    drawn, rng = _drawn(pool, seed, repeat)
                    repeated.append(corruption.apply(drawn, train, n, level, rng))
                damaged[name, level] = repeated
            except Unfit as why:
                left_out[name, level] = str(why)
    return Sets(reference, train, damaged, left_out)


def _rows(split: Split, index: np.ndarray) -> Split:
    return Split(np.asarray(split.x[index]), np.asarray(split.y[index]))


def _drawn(pool: Split, seed: int, repeat: int) -> tuple[Split, np.random.Generator]:
    """The pool in the order of a repeat, and the generator for the damage. Both are the same for all corruptions and levels."""
    rng = np.random.default_rng([seed, repeat])
    return _rows(pool, rng.permutation(len(pool.x))), rng


def measure(dataset: str, scored: Sets, seed: int) -> pd.DataFrame:
    """Score every set with every metric.

    Columns: corruption, level, metric, repeat, value, low, high, reason. A missing value is NaN, and its reason is
    given. But if the metric has a `lower_bound` and higher is better, the missing value is infinite.
    """
    reference, train = (
        SampleSet(x, y, {"name": name, "dataset": dataset, "sha256": content_hash(x)})
        for name, (x, y) in (("reference", scored.reference), ("train", scored.train))
    )
    scorer = Scorer.of(reference, train, features=features.default(dataset))
    lines: list[dict[str, Any]] = []
    jobs = [(key, repeat, split) for key, repeats in scored.damaged.items() for repeat, split in enumerate(repeats)]
    with progress(f"calibrate on {dataset}", len(jobs), "sets") as advance:
        for done, ((corruption, level), repeat, split) in enumerate(jobs):
            advance(done, f"{corruption} {level:g}")
            generated = SampleSet(split.x, split.y, {"name": f"{corruption} {level:g}", "dataset": dataset})
            results = scorer.with_(seed=seed + repeat)(generated).metrics
            for metric, result in results.items():
                low, high = result.interval or (None, None)
                lines.append(
                    {"corruption": corruption, "level": level, "metric": metric, "repeat": repeat}
                    | {"value": _value(metric, result), "low": low, "high": high, "reason": result.reason}
                )
        advance(len(jobs))
    return pd.DataFrame(lines)


def _value(metric: str, result: Measured) -> float:
    if result.value is not None:
        return result.value
    unbounded = metrics.get(metric).card.better == "higher" and result.extra.get("lower_bound") is not None
    return float("inf") if unbounded else float("nan")


def judge(
    values: pd.DataFrame, cards: Mapping[str, Card], left_out: Mapping[tuple[str, float | None], str]
) -> pd.DataFrame:
    """Compare each metric with its card, by four rules.

    "+" and "-" hold if the strongest level differs from untouched samples in that direction (the 95 % interval of the mean
    difference over repeats leaves out 0) and the means follow the levels (rank correlation at least `MONOTONE`).
    "0" holds if at every level that interval contains 0, or the mean moves by less than `BLIND` of the metric's largest
    movement. The largest movement is taken at the strongest level of the corruptions with a promised "+" or "-".
    A "+" or "-" that does not hold fails only if the repeats show this. If the interval at the strongest level contains
    both 0 and a movement in the promised direction above that share, the promise is not judged. With fewer than
    `LEAST_REPEATS` repeats no promise is judged. A promise that cannot be measured is not judged either. "Not judged" is
    not a pass. If a metric has infinite values, -1 / value is judged instead, because it rises with the value.

    Columns: metric, version, corruption, promised, observed ("+", "-", "0", "~" for none of them, or empty), movement (at
    the strongest level, as a share of the metric's largest movement), verdict (pass, fail, not judged, no promise), why.
    """
    lines = []
    for metric, card in cards.items():
        own = values[values.metric == metric]
        steps = {c: _steps(own, c) for c in CORRUPTIONS if c in set(own.corruption)}
        complete = {c: s for c, s in steps.items() if not np.isnan(s).any()}
        moved = {c: abs((s[-1] - s[0]).mean()) for c, s in complete.items()}
        seen = [size for c, size in moved.items() if card.responds.get(c) in ("+", "-")]
        scale, largest = max(seen or moved.values(), default=0.0), max(moved.values(), default=0.0)
        for corruption in CORRUPTIONS:
            promised = card.responds.get(corruption, "")
            if corruption in complete:
                judged = _seen(complete[corruption], promised, scale, largest)
            else:
                why = _missing(own, corruption, left_out)
                judged = {"observed": "", "movement": np.nan, "verdict": "not judged", "why": why}
            if not promised:
                judged["verdict"] = "no promise"
            line = {"metric": metric, "version": card.version, "corruption": corruption, "promised": promised}
            lines.append(line | judged)
    return pd.DataFrame(lines)


def _steps(values: pd.DataFrame, corruption: str) -> np.ndarray:
    """One metric's values `[1 + levels, repeats]`, untouched first, then mild to strong."""
    lines = values[values.corruption.isin([NULL, corruption])]
    steps = np.stack([group.value.to_numpy(float) for _, group in lines.groupby(["corruption", "level"], sort=False)])
    return -1 / steps if np.isinf(values.value).any() else steps


def _seen(steps: np.ndarray, promised: str, scale: float, largest: float) -> dict[str, Any]:
    """How a metric moves under a corruption, and whether its card promises that."""
    held = responses(steps, scale)
    observed = next((response for response in (promised, "0", "+", "-") if response in held), "~")
    low, high = student(steps[-1] - steps[0])
    path = " → ".join(number(mean) for mean in steps.mean(1))
    reason = _too_uncertain(steps, promised, scale)
    return {
        "observed": observed,
        "movement": (steps[-1] - steps[0]).mean() / largest if largest else 0.0,
        "verdict": "not judged" if reason else "pass" if promised in held else "fail",
        "why": f"{reason}{path}; difference at the strongest level [{number(low)}, {number(high)}], "
        f"rank correlation {_order(steps):.2g}",
    }


def _too_uncertain(steps: np.ndarray, promised: str, scale: float) -> str:
    """Why the values `[1 + levels, repeats]` neither show nor refute a promise; empty if they do one of these."""
    repeats = steps.shape[1]
    if repeats < LEAST_REPEATS:
        return f"{repeats} repeats are too few, {LEAST_REPEATS} are needed; "
    low, high = student(steps[-1] - steps[0])
    farthest = {"+": high, "-": -low}.get(promised, 0.0)  # the largest movement that the repeats leave possible
    return "the repeats differ too much to say; " if low <= 0 <= high and farthest > BLIND * scale else ""


def responses(steps: np.ndarray, scale: float) -> set[str]:
    """Which of "+", "-" and "0" hold for values `[1 + levels, repeats]`. A small but sure movement can be both "0" and "+"."""
    moved = steps[1:] - steps[0]
    held = set()
    low, high = student(moved[-1])
    order = _order(steps)
    if low > 0 and order >= MONOTONE:
        held.add("+")
    if high < 0 and order <= -MONOTONE:
        held.add("-")
    ranges = [student(level) for level in moved]
    if all(
        low <= 0 <= high or abs(level.mean()) < BLIND * scale for level, (low, high) in zip(moved, ranges, strict=True)
    ):
        held.add("0")
    return held


def _order(steps: np.ndarray) -> float:
    """Goodman and Kruskal's gamma of the means and the levels. Ties do not count, so a value may stay at its bound."""
    means = steps.mean(1)
    signs = np.sign(means[None] - means[:, None])[np.triu_indices(len(means), 1)]
    return float(signs.sum() / max(np.abs(signs).sum(), 1))


def _missing(values: pd.DataFrame, corruption: str, left_out: Mapping[tuple[str, float | None], str]) -> str:
    missing = values[values.corruption.isin([NULL, corruption]) & values.value.isna()]
    if len(missing):
        return str(missing.reason.iloc[0])
    return next(why for (name, _), why in left_out.items() if name == corruption)


def run(dataset: str, n: int | None, repeats: int, seed: int, out: Path, replace: bool = False) -> pd.DataFrame:
    """Calibrate all metrics on a dataset and write the tables and pictures to `out`; returns the promises.

    Args:
        dataset: its name; the default extractor is used.
        n: samples per set; None for `default_n`.
        repeats: draws of every set, at least 2, since the noise is estimated from them. With fewer than `LEAST_REPEATS`
            no promise is judged.
        seed: of the cut, the draws, the damage and the metrics.
        out: a folder, made where it is missing: values.csv, promises.csv, README.md, matrix.png, levels.png, manifest.json.
        replace: whether a calibration of more or larger sets, or on another dataset, may be replaced in `out`.

    Raises:
        UserError: too few held-out samples, or a calibration in `out` that may not be replaced.
    """
    train, held_out = data.load(dataset, "train"), data.load(dataset, "test")
    n = n or default_n(held_out.y)
    if not replace:
        _refuse_to_replace(out, dataset, n, repeats)
    scored = sets(train, held_out, n, repeats, seed)
    return write(dataset, scored, measure(dataset, scored, seed), seed, out)


def _refuse_to_replace(out: Path, dataset: str, n: int, repeats: int) -> None:
    """Raise a `UserError` if `out` holds a calibration that says more than the new one would say."""
    try:
        old = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        there = (old["dataset"], int(old["n"]), int(old["repeats"]))
    except FileNotFoundError:
        return
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{out / MANIFEST} is damaged; choose another --out, or add --replace") from None
    if dataset != there[0] or n < there[1] or repeats < there[2]:
        held = f"a calibration on {there[0]} with {there[2]} repeats of {there[1]:,} samples"
        raise UserError(
            f"{out} holds {held}; a calibration on {dataset} with {repeats} repeats of {n:,} samples would replace it: "
            "choose another --out, or add --replace"
        )


def write(dataset: str, scored: Sets, values: pd.DataFrame, seed: int, out: Path) -> pd.DataFrame:
    """Judge the values of `measure` and write what `run` promises."""
    promises = judge(values, {name: metrics.get(name).card for name in metrics.names()}, scored.left_out)
    manifest = _manifest(dataset, scored, seed)
    out.mkdir(parents=True, exist_ok=True)
    values.to_csv(out / "values.csv", index=False, float_format="%.6g")
    promises.to_csv(out / "promises.csv", index=False, float_format="%.6g")
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    (out / "README.md").write_text(markdown(manifest, values, promises))
    draw_matrix(promises, out / "matrix.png")
    draw_levels(scored.damaged, out / "levels.png")
    return promises


def _manifest(dataset: str, scored: Sets, seed: int) -> dict[str, Any]:
    n = len(scored.reference.x)
    return {
        "dataset": dataset,
        "data": data.version(dataset),
        "features": features.describe(features.default(dataset)),
        "n": n,
        "train": len(scored.train.x),
        "pool": len(data.load(dataset, "test").x) - n,
        "repeats": len(scored.damaged[NULL, 0.0]),
        "seed": seed,
        "levels": {c: [level for name, level in scored.damaged if name == c] for c in CORRUPTIONS},
        "left out": {c if level is None else f"{c} {level:g}": why for (c, level), why in scored.left_out.items()},
        "metrics": {name: metrics.get(name).card.version for name in metrics.names()},
        "ganbench": __version__,
    }


def cell(line: Mapping[Any, Any]) -> str:
    """A line of the promises as a short text: `+ ok`, `0 FAIL`, or `(-)` without a promise."""
    words = {"pass": "ok", "fail": "FAIL", "not judged": "not judged"}
    observed = f"({line['observed']})" if line["observed"] else ""
    return f"{line['promised']} {words[line['verdict']]}" if line["promised"] else observed


def matrix(promises: pd.DataFrame) -> list[dict[str, str]]:
    """One line per metric that was measured or promises something, one column per corruption."""
    lines = []
    for metric, group in promises.groupby("metric", sort=False):
        cells = {row["corruption"]: cell(row) for row in group.to_dict("records")}
        if any(cells.values()):
            lines.append({"metric": str(metric), **cells})
    return lines


def failures(promises: pd.DataFrame) -> list[str]:
    """One line per promise that failed."""
    failed = promises[promises.verdict == "fail"]
    return [f"{p.metric} promises '{p.promised}' under {p.corruption}: {p.why}" for p in failed.itertuples()]


def undecided(promises: pd.DataFrame) -> list[str]:
    """One line per promise that was measured, but neither shown nor refuted."""
    open_ = promises[(promises.verdict == "not judged") & (promises.observed != "")]
    return [f"{p.metric} promises '{p.promised}' under {p.corruption}: {p.why}" for p in open_.itertuples()]


def too_few(repeats: int) -> str:
    """The sentence on a calibration that judges no promise; empty if there are enough repeats."""
    if repeats >= LEAST_REPEATS:
        return ""
    return f"No promise is judged: {repeats} repeats are too few, and at least {LEAST_REPEATS} are needed."


def markdown(manifest: Mapping[str, Any], values: pd.DataFrame, promises: pd.DataFrame) -> str:
    """The calibration as a page."""
    blind = promises[promises.observed == "0"].groupby("corruption", sort=False).metric.apply(list)
    parts = [
        f"# Calibration on `{manifest['dataset']}`",
        f"Sets of {manifest['n']:,} held-out samples from a pool of {manifest['pool']:,}, against a reference of "
        f"{manifest['n']:,} others and {manifest['train']:,} training samples; {manifest['repeats']} repeats, seed "
        f"{manifest['seed']}, features `{manifest['features']['id']}`.",
        HOW_TO_READ,
        *filter(None, [too_few(manifest["repeats"])]),
        _table(matrix(promises)),
        "![movement of every metric under every corruption](matrix.png)",
        "## Promises that are not kept",
        _list(failures(promises)) or "None.",
        *(["## Promises that the repeats leave open", _list(open_)] if (open_ := undecided(promises)) else []),
        "## Blind spots",
        _list(f"`{c}` leaves unmoved: {', '.join(blind[c])}." for c in CORRUPTIONS if c in blind) or "None.",
        "## Values",
        "Mean ± standard deviation over repeats; ∞ where a metric finds no bound in some repeat. A metric with ∞ is judged by "
        "-1 / value, and its reasons in `promises.csv` are in that scale.",
    ]
    means = (
        pd.DataFrame(values)
        .groupby(["corruption", "level", "metric"], sort=False)
        .value.apply(_mean_sd)
        .unstack(sort=False)
    )
    shown = means.loc[:, (means != "").any()]
    for corruption in (c for c in CORRUPTIONS if c in shown.index):
        rows = shown.loc[[NULL, corruption]].reset_index()
        rows["level"] = ["real", *(f"{level:g}" for level in rows.level[1:])]
        parts += [f"### {corruption}: {CORRUPTIONS[corruption].level}", _table(rows.drop(columns="corruption"))]
    parts += ["![samples of every set of the first repeat](levels.png)"]
    left_out = [f"{name}: {why}." for name, why in manifest["left out"].items()]
    if left_out:
        parts += ["## Left out", _list(left_out)]
    return "\n\n".join(parts) + "\n"


HOW_TO_READ = """A row is a metric, a column is a kind of damage to real samples. `+`: the metric promises to rise with the
damage, `-`: to fall, `0`: not to move; then whether the promise holds. Brackets show what was observed without a promise; `~`
is none of the three."""


def _mean_sd(values: pd.Series) -> str:
    if values.isna().any():
        return ""
    return "∞" if np.isinf(values).any() else f"{number(values.mean())} ± {number(values.std())}"


def _table(lines: list[dict[str, str]] | pd.DataFrame) -> str:
    return pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def draw_matrix(promises: pd.DataFrame, path: Path) -> None:
    """Colour: movement at the strongest level, as a share of the metric's largest. Text: the promise, and whether it holds."""
    shown = [line["metric"] for line in matrix(promises)]
    drawn = promises[promises.metric.isin(shown)]
    movement = drawn.pivot(index="metric", columns="corruption", values="movement").loc[shown, list(CORRUPTIONS)]
    figure = Figure(figsize=(2.2 + 1.05 * len(CORRUPTIONS), 1.2 + 0.42 * len(shown)), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("0.85")  # what could not be measured
    image = axes.imshow(np.ma.masked_invalid(movement.to_numpy(float)), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(CORRUPTIONS)), list(CORRUPTIONS))
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(shown)), shown)
    for line in drawn.to_dict("records"):
        failed = line["verdict"] == "fail"
        axes.text(
            list(CORRUPTIONS).index(line["corruption"]), shown.index(line["metric"]), cell(line), ha="center", va="center",
            fontsize=8, weight="bold" if failed else "normal", color="white" if abs(line["movement"]) > 0.6 else "black",
            bbox={"boxstyle": "round", "facecolor": "none", "edgecolor": "gold", "linewidth": 2} if failed else None,
        )  # fmt: skip
    figure.colorbar(image, ax=axes, label="movement, share of the metric's largest", shrink=0.9)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def draw_levels(damaged: Mapping[tuple[str, float], list[Split]], path: Path) -> None:
    """A row per corruption: untouched samples, then its levels. All are from the first repeat.

    Images are taken evenly from the whole set, since damaged images may come first. All points are drawn in one frame.
    """
    rows = {c: [(0.0, damaged[NULL, 0.0][0])] for c in CORRUPTIONS if any(name == c for name, _ in damaged)}
    for (name, level), repeats in damaged.items():
        if name != NULL:
            rows[name].append((level, repeats[0]))
    box = None
    untouched = damaged[NULL, 0.0][0]
    if not is_images(untouched):
        low, high = untouched.x.min(0), untouched.x.max(0)
        box = np.stack([low - 0.5 * (high - low), high + 0.5 * (high - low)])
    columns = max(map(len, rows.values()))
    figure = Figure(figsize=(2.1 * columns, 2.3 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for line, (name, levels) in zip(grid, rows.items(), strict=True):
        for axes, (level, split) in zip(line, levels, strict=False):
            axes.axis("on")
            axes.set_title(f"{name} {level:g}" if level else NULL, fontsize=9)
            shown = np.linspace(0, len(split.x) - 1, pictures.SIDE**2).astype(int) if box is None else slice(None)
            pictures.paint(axes, SampleSet(split.x[shown], None, {}), box)
    figure.savefig(path, dpi=100, metadata={"Software": None})
