"""From the scores of single runs to a board: the seeds, their mean and interval, rank, power, cost.

Three rules keep a board honest. First, a row is averaged over all of its seeds or not at all. If one run diverged, the
cell is empty and says so, because a mean over the other runs would be too good. Second, an interval cannot end where no
number can be: shares are averaged on the logit, positive numbers on the logarithm (`ganbench.statistics.Scale`); counts and
bounds are shown as they are. Third, a rank is an interval. A row is placed below another row only if their difference is
clear, and the intervals of all differences of a board hold together at 95 % (`ganbench.statistics.simultaneous`).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ganbench import data, features, files, metrics, paths, samples
from ganbench.boards import controls, curve, grid, invalid, origin, partial
from ganbench.boards.board import Board, Track
from ganbench.display import paper, pictures
from ganbench.display.text import interval, number
from ganbench.errors import UserError
from ganbench.scoring import intervals
from ganbench.statistics import ALPHA, Interval, Scale, detectable, over_seeds, paired, range_level, simultaneous
from ganbench.training.run import PARTS

COST = ("cpu_seconds", "seconds", "parameters")
COLUMNS = [
    "dataset",
    "row",
    "kind",
    "seed",
    "metric",
    "value",
    "low",
    "high",
    "perfect",
    "reason",
    *PARTS,
    "second",
    *COST,
    "run",
]
TURNED = "⇅"  # beside a row whose order the second ruler turns
NOISE = "noise"  # the control that has nothing in common with the data
CONTROL_ORDER = {name: place for place, name in enumerate(controls.ORDER, 1)}
BRACKETS = ("rank", "rank_low", "rank_high", "rank_low_pointwise", "rank_high_pointwise", "rank_second")


def folder(name: str) -> Path:
    """Where the pipeline builds a board."""
    return paths.runs() / "boards" / grid.title(name)


class Recorded(NamedTuple):
    """A run of a board, and its record: all that the board knows about it."""

    run: str  # its name
    dataset: str
    row: str
    kind: str  # baseline or control
    seed: int
    record: dict[str, Any]  # "samples": their manifest, "scores", and, where there are any, "curve" and "second"


def recorded(name: str) -> list[Recorded]:
    """The runs of a board in `runs/` that have scores.

    Raises:
        UserError: no run has scores yet, or a file is damaged.
    """
    return [Recorded(r.run, r.dataset, r.row, r.kind, r.seed, _record(r, name)) for r in built(name)]


def _record(run: grid.PlannedRun, name: str) -> dict[str, Any]:
    parts = {"samples": paths.runs() / run.run / f"samples-{run.n}.json", "scores": grid.scores_path(run.run, name)}
    later = {"curve": curve_path(run.run, name)}
    if run.second is not None:
        later["second"] = grid.second_path(run.run, name)
    # if jobs of a board failed, it can lack what is made after the scores
    return {part: read_json(path) for part, path in (parts | {k: p for k, p in later.items() if p.is_file()}).items()}


def collect(board: Board, runs: Iterable[Recorded]) -> pd.DataFrame:
    """The scores of the runs of a board, one line per run and column.

    Columns: `COLUMNS`. `low` and `high` are the run's own interval, and `perfect` is a perfect generator's value. Empty is NaN
    or None. In the ranking column alone: `quarter` and `half` are the values after these parts of the budget, and `second` is
    the value by the second ruler.
    """
    lines: list[dict[str, Any]] = []
    for run in runs:
        track = board.datasets[run.dataset]
        for column in track.metrics:
            about = {"dataset": run.dataset, "row": run.row, "kind": run.kind, "seed": run.seed, "metric": column}
            ranking = _of_rank(run.record) if column == track.rank else {}
            cell = cell_of(run.record["scores"]["metrics"], column)
            lines.append(about | cell | ranking | _cost(run.record) | {"run": run.run})
    return pd.DataFrame(lines, columns=COLUMNS)


def curve_path(run: str, name: str) -> Path:
    """Where the pipeline puts the scores of a run after parts of its budget."""
    return paths.runs() / run / f"curve-{grid.title(name)}.json"


def _of_rank(record: dict[str, Any]) -> dict[str, float | None]:
    """What a run has in the ranking column alone."""
    out: dict[str, float | None] = {part: record["curve"][part] for part in PARTS if "curve" in record}
    if "second" in record:
        (second,) = record["second"]["metrics"].values()
        out["second"] = second["value"]
    return out


def built(name: str) -> list[grid.PlannedRun]:
    """The runs of a board that have scores.

    Raises:
        UserError: no run has scores yet.
    """
    scored = [run for run in grid.runs(name) if run.scored]
    there = [run for run in scored if grid.scores_path(run.run, name).is_file()]
    if not there:
        raise UserError(
            f"board {grid.title(name)} is not built: none of its {len(scored)} runs has scores; "
            f"run `ganbench run {shlex.quote(name)}`"
        )
    return there


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file that the pipeline wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        content = files.parse(files.read(path))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run the pipeline again") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); delete this file and run the pipeline again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged (no JSON object); delete this file and run the pipeline again")
    return content


def _cost(record: dict[str, Any]) -> dict[str, float]:
    """What the training of a run has cost; empty for a control."""
    run = record["samples"].get("run")
    if run is None:
        return {}
    return {name: run[name] for name in COST[:2]} | {"parameters": sum(run["parameters"].values())}


def cell_of(results: Mapping[str, Any], column: str) -> dict[str, Any]:
    """What the scores `results` of a run have in a column: `value`, `low`, `high`, `perfect` and `reason`."""
    metric, _, number = column.partition(".")
    result = results[metric]
    if not number:
        low, high = result["interval"] or (None, None)
        return {key: result.get(key) for key in ("value", "perfect", "reason")} | {"low": low, "high": high}
    value, perfect = (result.get(f"{number}{ending}") for ending in ("", "_perfect"))
    low, high = result.get(f"{number}_interval") or (None, None)
    missing = result["reason"] or (f"{metric} has no {number} here" if value is None else None)
    return {"value": value, "perfect": perfect, "low": low, "high": high, "reason": missing}


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """One line per dataset, row and metric, or the reason why there are no numbers.

    Columns: `quantity` is the kind of the number; `values` has the seeds as a JSON list, in their order; `mean` and `sd` are
    those of the values. `centre`, `low`, `high` and `level`: the mean on the column's scale and its interval
    (`statistics.over_seeds`). For counts they are the median and the range, with the range's exact level for the median of
    all seeds. For bounds `centre` and `low` are the least one: it bounds every run of the row. `least`, `most` and
    `range_level` are the range and its exact level for every quantity.
    """
    lines = []
    starts = {key: _scale(str(key[1]), group.value) for key, group in scores.groupby(["dataset", "metric"], sort=False)}
    for (dataset, row, metric), group in scores.groupby(["dataset", "row", "metric"], sort=False):
        line = {"dataset": dataset, "row": row, "kind": group.kind.iloc[0], "metric": metric, "seeds": len(group)}
        line |= {
            "quantity": metrics.quantity(str(metric)),
            "values": _json(group.value),
            "perfect": group.perfect.astype(float).mean(),
        }
        missing = group[group.value.isna()]
        if missing.empty:
            line |= _statistics(str(metric), group, starts[dataset, metric]) | {"reason": None}
        else:
            which = ", ".join(map(str, missing.seed))
            some = "" if len(missing) == len(group) else f" (seed {which} of {len(group)} seeds)"
            line |= dict.fromkeys(STATISTICS, np.nan) | {"reason": f"{missing.reason.iloc[0]}{some}"}
        line |= {name: group[name].astype(float).mean(skipna=False) for name in (*PARTS, "second", *COST)}
        lines.append(line | {"converged": curve.converged(line["half"], line["mean"], str(metric))})
    return pd.DataFrame(lines)


STATISTICS = ("mean", "sd", "centre", "low", "high", "level", "least", "most", "range_level")


def _scale(column: str, values: pd.Series) -> Scale:
    """The scale of a column of a dataset."""
    return Scale.of(metrics.quantity(column), values.dropna().to_numpy(float))


def _json(values: pd.Series) -> str:
    return json.dumps([None if pd.isna(value) else float(value) for value in values])


def _statistics(column: str, runs: pd.DataFrame, scale: Scale) -> dict[str, float]:
    """The numbers of a cell, `STATISTICS`, from the runs of a row."""
    values, quantity = runs.value.to_numpy(float), metrics.quantity(column)
    least, most, level = values.min(), values.max(), range_level(len(values))
    if quantity == "count":
        cell = {"centre": np.median(values), "low": least, "high": most, "level": level}
    elif quantity == "bound":
        cell = {"centre": least, "low": least, "high": np.nan, "level": 1 - ALPHA}
    else:
        cut = metrics.limits(column)
        centre, low, high = np.clip(over_seeds(values, scale, runs[["low", "high"]].to_numpy(float)), *cut)
        cell = {"centre": centre, "low": low, "high": high, "level": 1 - ALPHA}
    ends = {"least": least, "most": most, "range_level": level}
    return {"mean": values.mean(), "sd": values.std(ddof=1)} | cell | ends


def sign(column: str) -> float:
    """1 where less is better, -1 where more is better."""
    return -1.0 if metrics.get(column.partition(".")[0]).card.better == "higher" else 1.0


class Comparison(NamedTuple):
    """The rows of a dataset in a column, compared with each other and with the control `noise`.

    `worse` `[r, r]`: by how much row a is worse than row b, on the column's scale. `half`: half the width of its interval; all
    intervals hold together at 95 %. `pointwise`: half the width of Student's interval of the paired difference, for a
    reader who looks at one pair alone.
    """

    column: str
    scale: Scale
    names: tuple[str, ...]
    mean: np.ndarray  # [r], on the column's scale; less is better
    worse: np.ndarray
    half: np.ndarray
    pointwise: np.ndarray
    detectable: float  # the least difference between two rows that is found with 80 % probability
    ends: Interval  # the least and the largest value of a row, on the column's scale; NaN without a row
    label: str  # the column for readers
    second: Comparison | None = None  # the same rows by the second ruler; None if the records have no numbers of it

    def interval(self, a: str, b: str) -> Interval:
        """The interval of the difference by which row a is worse than row b."""
        i, j = self.names.index(a), self.names.index(b)
        return float(self.worse[i, j] - self.half[i, j]), float(self.worse[i, j] + self.half[i, j])

    def beats_noise(self, row: str) -> bool:
        """Whether the mean of a row is better than that of `noise`."""
        return bool(self.mean[self.names.index(row)] < self.mean[self.names.index(NOISE)])

    def clear(self) -> set[tuple[str, str]]:
        """All pairs of rows of which the first is clearly better than the second; `noise` is left out."""
        pairs = {(self.names[i], self.names[j]) for i, j in np.argwhere(self.worse + self.half < 0)}
        return {pair for pair in pairs if NOISE not in pair}

    def agreed(self) -> set[tuple[str, str]]:
        """The clear pairs that have the same clear order by the second ruler."""
        return self.clear() & self.second.clear() if self.second else set()

    def turned(self) -> list[tuple[str, str]]:
        """The clear pairs that have the opposite clear order by the second ruler, the best rows first."""
        pairs = {(a, b) for a, b in self.clear() if self.second and (b, a) in self.second.clear()}
        place = dict(zip(self.names, self.mean, strict=True))
        return sorted(pairs, key=lambda pair: (place[pair[0]], place[pair[1]]))


def compare(column: str, rows: pd.DataFrame, noise: pd.DataFrame) -> Comparison:
    """Compare rows.

    Args:
        column: a metric.
        rows: the values of baselines, rows by seeds, without gaps.
        noise: the values of the control `noise`, one row, or none.
    """
    values = np.concatenate([rows.to_numpy(float), noise.to_numpy(float)])
    scale = Scale.of(metrics.quantity(column), values)
    y = sign(column) * scale.to(values)
    pairs = y[:, None] - y[None, :]
    return Comparison(
        column,
        scale,
        (*map(str, rows.index), *map(str, noise.index)),
        y.mean(1),
        pairs.mean(-1),
        simultaneous(y, len(noise)),
        paired(pairs),
        detectable(y[: len(rows)]),
        _ends(scale.to(rows.to_numpy(float))),
        column,
    )


def _ends(values: np.ndarray) -> Interval:
    return (float(values.min()), float(values.max())) if values.size else (np.nan, np.nan)


def comparison(scores: pd.DataFrame, dataset: str, column: str) -> Comparison:
    """Compare the baselines of a dataset that have a value in every seed."""
    cells = scores[(scores.dataset == dataset) & (scores.metric == column)]
    seeds = cells.pivot(index="row", columns="seed", values="value").astype(float).dropna()
    baselines = set(cells[cells.kind == "baseline"].row)
    return compare(column, seeds[seeds.index.isin(baselines)], seeds[seeds.index == NOISE])


def by_rulers(scores: pd.DataFrame, dataset: str, track: Track) -> Comparison:
    """Compare the baselines of a dataset in its ranking column, and by the second ruler if the scores have its numbers."""
    first = comparison(scores, dataset, track.rank)
    ranking = scores[(scores.dataset == dataset) & (scores.metric == track.rank)]
    ruler = None if ranking.second.isna().all() else grid.second_ruler(dataset, track)
    if ruler is None:
        return first
    measured = ranking.assign(value=ranking.second, metric=ruler.metric)
    return first._replace(second=comparison(measured, dataset, ruler.metric)._replace(label=ruler.label))


def rank(compared: Comparison) -> pd.DataFrame:
    """Rank rows by their mean on the column's scale; the control `noise` is left out.

    Returns:
        Per row: `rank`, and `rank_low` to `rank_high`: 1 + the number of clearly better rows, and the number of all rows minus
        the number of clearly worse rows. All brackets of a board hold together at 95 %, because they follow from intervals that
        do (Al Mohamad et al. 2022). `rank_low_pointwise` and `rank_high_pointwise` are the same for one row that was named
        before anybody saw the board.
    """
    names = [name for name in compared.names if name != NOISE]
    r = len(names)
    worse = compared.worse[:r, :r]
    out = pd.DataFrame({"rank": pd.Series(compared.mean[:r], names, float).rank(method="min").astype(int)})
    for ending, half in (("", compared.half[:r, :r]), ("_pointwise", compared.pointwise[:r, :r])):
        out[f"rank_low{ending}"] = 1 + (worse - half > 0).sum(1)
        out[f"rank_high{ending}"] = r - (worse + half < 0).sum(1)
    return out


def ranks(scores: pd.DataFrame, table: Board) -> pd.DataFrame:
    """Rank the baselines of every dataset by its ranking column.

    Rows with an empty cell in this column are not ranked. `rank_second` is the rank by the second ruler, where the board has
    one. `smallest_difference` is what this board can see between two of its
    rows, on the scale of the ranking column (`statistics.detectable`).
    """
    out = []
    for dataset, track in table.datasets.items():
        compared = by_rulers(scores, dataset, track)
        lines = rank(compared).assign(dataset=dataset, smallest_difference=compared.detectable)
        second = np.nan if compared.second is None else rank(compared.second)["rank"]
        out.append(lines.assign(rank_second=second).rename_axis("row").reset_index())
    return pd.concat(out, ignore_index=True)


def seen(compared: Comparison) -> str:
    """What a board can see, as the end of a sentence; empty if it has no two rows or no spread.

    A factor for a positive column. For a share, whose scale is not even: the best row, and the share of a row that would be
    told apart from the best row.
    """
    if not np.isfinite(compared.detectable):
        return ""
    if compared.scale.name == "log":
        return f"a factor of {number(np.exp(compared.detectable))} in {compared.column} between two rows"
    if compared.scale.name == "linear":
        return f"{number(compared.detectable)} in {compared.column} between two rows"
    best = min(mean for name, mean in zip(compared.names, compared.mean, strict=True) if name != NOISE)
    ends = compared.scale.back(sign(compared.column) * np.array([best, best + compared.detectable]))
    return f"{compared.column} {number(ends[0])} of the first row against {number(ends[1])} of another row"


def build(name: str) -> pd.DataFrame:
    """Aggregate the runs of a board in `runs/` and write its files there; returns the board.

    The pictures of a partial board are painted anew from the runs that are there.
    """
    out = folder(name)
    result = tabulate(name, recorded(name), out)
    if partial.missing(pd.read_csv(out / "scores.csv")):
        paint(name, out)
    return result


def tabulate(name: str, runs: Sequence[Recorded], out: Path) -> pd.DataFrame:
    """Aggregate runs of a board; write its tables, `leaderboard.*`, and the per-run `scores.csv`; returns the board.

    What the invalidation list of the published board names is struck from the tables, not from `scores.csv`.

    Args:
        name: of the board.
        runs: of the board; the cells of all others say that the run is missing.
        out: the folder for the files.
    """
    board = grid.board(name)
    scores = partial.fill(collect(board, runs), board)
    out.mkdir(parents=True, exist_ok=True)
    files.write(out / "scores.csv", scores.to_csv(index=False))
    entries = invalid.read(paths.results() / grid.title(name))
    result = write(grid.title(name), board, invalid.strike(scores, entries), out)
    page = out / "leaderboard.md"
    facts = origin.facts({run.run: run.record for run in runs})
    files.write(page, origin.stamp(page.read_text(encoding="utf-8"), facts))
    return result


def write(title: str, board: Board, scores: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Write `leaderboard.csv`, `.parquet`, `.md` and `.tex` of the scores of a board into the folder `out`; returns the board.

    A partial board has no `.parquet`.
    """
    result = aggregate(scores, board)
    files.write(out / "leaderboard.csv", result.to_csv(index=False))
    table_of_all = out / "leaderboard.parquet"
    if partial.missing(scores):
        table_of_all.unlink(
            missing_ok=True
        )  # the pipeline makes what is missing only if an output of its last rule is missing
    else:
        with files.replacing(table_of_all) as file:
            result.to_parquet(file, index=False)
    files.write(out / "leaderboard.md", markdown(title, board, result, scores))
    files.write(out / "leaderboard.tex", latex(title, board, result))
    return result


def aggregate(scores: pd.DataFrame, board: Board) -> pd.DataFrame:
    """The table of a board, `summarise` and `ranks` side by side, from the scores of its runs."""
    result = summarise(scores).merge(ranks(scores, board), on=["dataset", "row"], how="left")
    for column in BRACKETS:
        result[column] = result[column].astype("Int64")
    result["converged"] = result["converged"].astype("boolean")
    return result


def paint(name: str, out: Path) -> None:
    """Paint the samples of the runs that are there, as the pipeline does for all runs."""
    for dataset in grid.board(name).datasets:
        shown = grid.pictured((run for run in built(name) if run.dataset == dataset), paths.runs())
        if shown:
            sets = {row: samples.read(path) for row, path in shown.items() if path.is_file()}
            pictures.overview(sets, out / f"samples-{dataset}.png")


def tables(
    board: Board, summary: pd.DataFrame, compared: Mapping[str, Comparison] = MappingProxyType({})
) -> dict[str, tuple[list[dict[str, str]], list[str]]]:
    """Per dataset: the lines of the page, best row first and the controls below, and the reasons of empty cells.

    `compared` has the comparison of the rows, by dataset. Without it there is no column of the second ruler.
    """
    out = {}
    for dataset, track in board.datasets.items():
        cells, rows = summary[summary.dataset == dataset], compared.get(dataset)
        second = rows.second if rows else None
        turned = {name for pair in rows.turned() for name in pair} if rows else set()
        order = cells.drop_duplicates("row").assign(control=lambda d: d.row.map(CONTROL_ORDER).fillna(0))
        order = order.sort_values(["control", "rank"], na_position="last")
        reasons: list[str] = []
        lines = []
        for row in order.to_dict("records"):
            own = cells[cells.row == row["row"]].to_dict("records")
            ranked_by = next(cell for cell in own if cell["metric"] == track.rank)
            line = {"row": row["row"], "rank": rank_text(row), f"seeds of {track.rank}": seeds_text(ranked_by)}
            for cell in own:
                line[f"{cell['metric']}{_arrow(cell['metric'])}"] = _text(cell, reasons)
            ran = row["kind"] == "baseline"
            if second is not None:
                value = "–" if pd.isna(ranked_by["second"]) else number(ranked_by["second"])
                line[second.label] = f"{value} {TURNED}" if row["row"] in turned else value
            line["last doubling"] = _doubling(ranked_by, track.rank) if ran else ""
            known = ran and not pd.isna(row["parameters"])  # unknown where a run of the row is missing
            line["CPU s"] = number(row["cpu_seconds"]) if known else ""
            line["parameters"] = f"{row['parameters']:,.0f}" if known else ""
            lines.append(line)
        out[dataset] = (lines, reasons)
    return out


def _arrow(column: str) -> str:
    """An arrow in the direction that is better; a further number of a metric has no card, and no arrow."""
    return "" if "." in column else {"lower": " ↓", "higher": " ↑", "target": ""}[metrics.get(column).card.better]


def _doubling(cell: dict[Hashable, Any], column: str) -> str:
    """What the second half of the budget gained of the ranking column's score."""
    if cell["converged"] is None or pd.isna(cell["converged"]):
        return ""
    share = f"{100 * curve.gain(cell['half'], cell['mean'], column):+.0f} %"
    return share if cell["converged"] else f"{share}, not converged"


def rank_text(row: Mapping[Hashable, Any]) -> str:
    """A rank, and in brackets the ranks that are still possible; empty for a row without one."""
    if pd.isna(row["rank"]):
        return ""
    low, high = row["rank_low"], row["rank_high"]
    return f"{row['rank']:.0f}" if low == high else f"{row['rank']:.0f} ({low:.0f}–{high:.0f})"


def seeds_text(cell: Mapping[Hashable, Any]) -> str:
    """The values of the seeds, in ascending order; a seed without a value is a dash.

    >>> seeds_text({"values": "[4.83, null, 4.6123]"})
    '4.61, 4.83, –'
    """
    values = json.loads(cell["values"])
    known = sorted(value for value in values if value is not None)
    return ", ".join([*map(number, known), *["–"] * (len(values) - len(known))])


def cell_text(cell: Mapping[Hashable, Any]) -> str:
    """The text of a cell that is not empty: the seeds of a count, the least of bounds, or a mean with its interval.

    >>> cell_text({"quantity": "count", "values": "[8, 4, 4]", "perfect": 8.0})
    '4, 4, 8 of 8'
    >>> cell_text({"quantity": "bound", "values": "[193, 362, 132]", "low": 132.0})
    '≥ 132'
    """
    if cell["quantity"] == "bound":
        return f"≥ {number(cell['low'])}"
    if cell["quantity"] == "count":
        return seeds_text(cell) + ("" if pd.isna(cell["perfect"]) else f" of {number(cell['perfect'])}")
    return f"{number(cell['centre'])} {interval((cell['low'], cell['high']))}"


def _text(cell: dict[Hashable, Any], reasons: list[str]) -> str:
    if pd.isna(cell["mean"]):
        if cell["reason"] not in reasons:
            reasons.append(cell["reason"])
        return f"– ({reasons.index(cell['reason']) + 1})"
    return cell_text(cell)


def markdown(name: str, board: Board, summary: pd.DataFrame, scores: pd.DataFrame) -> str:
    """The board as a page in Markdown."""
    marked = partial.note(scores)
    translated = [] if controls.TRANSLATED.keys().isdisjoint(summary.row) else [HOW_TO_READ_CONDITIONS]
    parts = [f"# Board `{name}`", *([f"**{marked}**"] if marked else []), board.about, HOW_TO_READ, *translated]
    comparisons = {dataset: by_rulers(scores, dataset, track) for dataset, track in board.datasets.items()}
    for dataset, (lines, reasons) in tables(board, summary, comparisons).items():
        track, compared = board.datasets[dataset], comparisons[dataset]
        parts += [
            f"## {dataset}",
            f"{track.samples:,} samples per set, features `{track.features or features.default(dataset)}`, "
            f"ranked by `{track.rank}`.",
            *_uncalibrated(track),
            *_short_intervals(dataset, track),
            pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True),
            *_beaten_by_noise(compared),
            *(
                [f"The smallest difference that this board can see (power 80 %): {seen(compared)}."]
                if seen(compared)
                else []
            ),
        ]
        parts += [f"({i}) {reason}" for i, reason in enumerate(reasons, 1)]
        if (scores[scores.dataset == dataset].reason != partial.MISSING).any():
            parts.append(f"![samples of {dataset}](samples-{dataset}.png)")
    return "\n\n".join(parts) + "\n"


def latex(name: str, board: Board, summary: pd.DataFrame) -> str:
    """The tables of the board for a paper, one per dataset: rank and metrics, the controls below a rule."""
    return "\n".join(
        _latex(name, dataset, board, lines, reasons) for dataset, (lines, reasons) in tables(board, summary).items()
    )


def _latex(name: str, dataset: str, board: Board, lines: list[dict[str, str]], reasons: list[str]) -> str:
    track = board.datasets[dataset]
    shown = [head for head in lines[0] if head in ("row", "rank") or head.rstrip(" ↓↑") in track.metrics]
    rows: list[list[str] | None] = [[line[head] for head in shown] for line in lines]
    untrained = sum(line["row"] in CONTROL_ORDER for line in lines)
    if 0 < untrained < len(rows):
        rows.insert(len(rows) - untrained, None)
    caption = (
        f"Board {name}, data {dataset}: n = {track.samples:,} samples per set, extractor "
        f"{track.features or features.default(dataset)}. A cell is the mean over {len(board.seeds)} training seeds and its "
        f"95 % interval; a count shows its seeds; ≥ is the least of the seeds' lower bounds. Ranked by {track.rank}; the ranks "
        "in brackets are still possible at 95 %."
    )
    caption += "".join(f" ({i}) {reason}." for i, reason in enumerate(reasons, 1))
    return paper.latex(shown, rows, caption, f"tab:{name}-{dataset}")


def _beaten_by_noise(compared: Comparison) -> list[str]:
    """The sentence of a page about rows whose mean is no better than the mean of the control `noise`."""
    if NOISE not in compared.names:
        return []
    rows = [name for name in compared.names if name != NOISE and not compared.beats_noise(name)]
    return [f"No better than the control `noise` by `{compared.column}`: {', '.join(rows)}."] if rows else []


def _short_intervals(dataset: str, track: Track) -> list[str]:
    """The sentence of a page about metrics whose interval of a single run holds the truth too rarely on such data."""
    if not data.is_name(dataset):
        return []
    note = intervals.note(intervals.of_metrics(track.metric_names, data.facts(dataset).shape))
    return [f"Intervals of single runs: {note}"] if note else []


def _uncalibrated(track: Track) -> list[str]:
    """The sentence of a page about metrics that no calibration supports."""
    names = ", ".join(f"`{name}`" for name in track.uncalibrated)
    return [f"No calibration shows that these metrics see what they promise to see: {names}."] if names else []


HOW_TO_READ = """A cell is the mean over training seeds [its 95 % interval]. Positive numbers such as FID are averaged on
the logarithm, and shares on the logit, so no interval ends where no number can be. An interval is never narrower than the
intervals of the runs allow. A count shows its seeds. `≥` is the least of the seeds' lower bounds.
Rows are ranked by the mean. The brackets beside `rank` give the ranks that are still possible. At 95 % all brackets of a table
hold together. `leaderboard.csv` has every seed of every column, and the brackets for a reader who looks at one row alone.
A second ruler measures the rows too: the ranking column in pixels or in another extractor, and another distance for points.
⇅ beside its number: this row and another row have a clear order by both rulers, and the two orders are opposite.
`real` is held-out data scored like a generator's samples, `copycat` is training data, `noise` is uniform noise: these rows
show what each column can see. `last doubling` is what the second half of the budget gained of the ranking column's score: more
than 20 % means that the row had too small a budget, so its score says how far it came. If a run diverged or a metric does not
apply, the cell is empty and gives the reason."""
HOW_TO_READ_CONDITIONS = """On data with conditions every row of a seed has the same conditions, and the reference is the whole
held-out split. `real` is the truth: the held-out sample that belongs to each condition, so `real`
is a part of the reference. `copycat` and `noise` ignore the conditions. `nearest` is the training
sample with the nearest condition, `mean` is the mean training image, `input` is the picture that
was to be translated, as it is, and `bicubic` is the small picture, enlarged."""
