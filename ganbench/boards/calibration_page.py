"""The page of a calibration: its tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ganbench.boards.corruptions import CORRUPTIONS, is_images
from ganbench.boards.plants import PLANTS
from ganbench.boards.promises import LEAST_REPEATS, NULL, SEEN, damage_of
from ganbench.data import Split
from ganbench.display import pictures
from ganbench.display.text import number
from ganbench.samples import SampleSet

HOW_TO_READ = """A row is a metric, a column is a kind of damage to real samples. `+`: the metric promises to rise with the
damage, `-`: to fall, `0`: not to move; then whether the promise holds. Brackets show what was observed without a promise; `~`
is none of the three. [How a metric is judged](../../../docs/calibration.md)."""


def cell(line: Mapping[Any, Any]) -> str:
    """A line of the promises as a short text: `+ ok`, `0 FAIL`, or `(-)` without a promise."""
    words = {"pass": "ok", "fail": "FAIL", "not judged": "not judged"}
    observed = f"({line['observed']})" if line["observed"] else ""
    return f"{line['promised']} {words[line['verdict']]}" if line["promised"] else observed


def matrix(promises: pd.DataFrame) -> list[dict[str, str]]:
    """One line per metric that was measured or promises something, one column per corruption."""
    lines = []
    for metric, group in damage_of(promises).groupby("metric", sort=False):
        cells = {row["corruption"]: cell(row) for row in group.to_dict("records")}
        if any(cells.values()):
            lines.append({"metric": str(metric), **cells})
    return lines


def failures(promises: pd.DataFrame) -> list[str]:
    """One line per promise that failed."""
    return _sentences(promises[promises.verdict == "fail"])


def undecided(promises: pd.DataFrame) -> list[str]:
    """One line per promise that was measured, but neither shown nor refuted."""
    open_ = promises[(promises.verdict == "not judged") & (promises.observed != "")]
    return _sentences(open_)


def _sentences(promises: pd.DataFrame) -> list[str]:
    said = {"=": "the true value", **{sign: f"'{sign}'" for sign in "+-0"}}
    return [f"{p.metric} promises {said[str(p.promised)]} under {p.corruption}: {p.why}" for p in promises.itertuples()]


def too_few(repeats: int) -> str:
    """The sentence on a calibration that judges no promise; empty if there are enough repeats."""
    if repeats >= LEAST_REPEATS:
        return ""
    return f"No promise is judged: {repeats} repeats are too few, and at least {LEAST_REPEATS} are needed."


def markdown(
    manifest: Mapping[str, Any], values: pd.DataFrame, levels: pd.DataFrame, promises: pd.DataFrame, every: pd.DataFrame
) -> str:
    """The calibration as a page.

    Args:
        manifest: of the calibration.
        values: of the first seed.
        levels: `promises.effects` of the first seed.
        promises: `promises.combined`.
        every: the verdicts of every seed: seed, metric, corruption, promised, verdict.
    """
    damage = damage_of(promises)
    blind = damage[damage.observed == "0"].groupby("corruption", sort=False).metric.apply(list)
    parts = [
        f"# Calibration on `{manifest['dataset']}`",
        f"Sets of {manifest['n']:,} held-out samples from a pool of {manifest['pool']:,}, against a reference of "
        f"{manifest['n']:,} others and {manifest['train']:,} training samples; {manifest['repeats']} repeats, each with a cut "
        f"of its own, features `{manifest['features']['id']}`. The tables have the values of seed {manifest['seeds'][0]}.",
        too_few(manifest["repeats"]) or seeds(every),
        HOW_TO_READ,
        _table(matrix(promises)),
        "![movement of every metric under every corruption](matrix.png)",
        "## From which level a metric sees damage",
        f"The least level that moves the metric by at least {SEEN:g} standard deviations of untouched sets, in the "
        "direction of the promise or of worse values. A dash: no level does. `levels.csv` has every movement in these units.",
        _table(_seen_from(damage, levels)),
        "## Planted truths",
        "The true value of a metric is known. The last column says in how many repeats the metric's own interval holds it; "
        "four of five are needed.",
        _table(_planted(promises)),
        "## Promises that are not kept",
        _list(failures(promises)) or "None.",
        *(["## Promises that the repeats leave open", _list(open_)] if (open_ := undecided(promises)) else []),
        "## Blind spots",
        _list(f"`{c}` leaves unmoved: {', '.join(blind[c])}." for c in CORRUPTIONS if c in blind) or "None.",
        "## Values",
        "Mean ± standard deviation over repeats; ∞ where a metric finds no bound in some repeat. A metric with ∞ is judged by "
        "-1 / value, and its reasons in `promises.csv` are in that scale.",
    ]
    means = values.groupby(["corruption", "level", "metric"], sort=False).value.apply(_mean_sd).unstack(sort=False)
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


def seeds(every: pd.DataFrame) -> str:
    """How often all metrics pass, and the promises that fail with some seed."""
    failed = every[every.verdict == "fail"]
    count, bad = every.seed.nunique(), failed.seed.nunique()
    names = [
        f"{metric} under {corruption}" for metric, corruption in zip(failed.metric, failed.corruption, strict=True)
    ]
    by_name = pd.Series(failed.seed.to_numpy(), index=names).groupby(level=0, sort=False).apply(list)
    which = "; ".join(f"{name} with seed {', '.join(map(str, bad))}" for name, bad in by_name.items())
    return f"**No promise fails with {count - bad} of {count} seeds.**" + (f" What fails: {which}." if which else "")


def _seen_from(damage: pd.DataFrame, levels: pd.DataFrame) -> list[dict[str, str]]:
    """One line per metric that was measured: the least level that it sees of each kind of damage."""
    measured = set(zip(levels.metric, levels.corruption, strict=True))
    lines = []
    for metric, group in damage[damage.metric.isin(levels.metric)].groupby("metric", sort=False):
        cells = {}
        for corruption, level in zip(group.corruption, group.seen_from, strict=True):
            cells[corruption] = ("–" if np.isnan(level) else f"{level:g}") if (metric, corruption) in measured else ""
        lines.append({"metric": str(metric), **cells})
    return lines


def _planted(promises: pd.DataFrame) -> list[dict[str, str]]:
    """One line per planted truth of each metric."""
    lines = promises[promises.corruption.isin(PLANTS)].to_dict("records")
    return [
        {"plant": line["corruption"], "what": PLANTS[line["corruption"]].what, "metric": line["metric"]}
        | {"truth and values": line["why"]}
        | {"held": line["observed"] if line["verdict"] != "not judged" else "not judged"}
        for line in lines
    ]


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
    drawn = damage_of(promises)
    drawn = drawn[drawn.metric.isin(shown)]
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
    pictures.write_figure(figure, path)


def draw_levels(damaged: Mapping[tuple[str, float], Split], path: Path) -> None:
    """A row per corruption: untouched samples, then its levels. All are from the first repeat.

    Images are taken evenly from the whole set, since damaged images may come first. All points are drawn in one frame.
    """
    rows = {c: [(0.0, damaged[NULL, 0.0])] for c in CORRUPTIONS if any(name == c for name, _ in damaged)}
    for (name, level), split in damaged.items():
        if name != NULL:
            rows[name].append((level, split))
    box = None
    untouched = damaged[NULL, 0.0]
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
    pictures.write_figure(figure, path, dpi=100)
