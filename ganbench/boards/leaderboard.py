"""From the scores of single runs to a board: mean, spread over training seeds, interval, rank, cost.

Two rules keep a board honest. First, a row is averaged over all of its seeds or not at all. If one run diverged, the
cell is empty and says so, because a mean over the other runs would be too good. Second, a rank is an interval. A row is
placed below another row only if their difference is clear at 95 %. The difference is paired by seed, because the rows
of a seed share one reference.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganbench import features, metrics, paths
from ganbench.boards import curve, grid
from ganbench.boards.board import Board, Track
from ganbench.display.text import number
from ganbench.errors import UserError
from ganbench.statistics import student
from ganbench.training.run import PARTS, Run

COST = ("cpu_seconds", "seconds", "parameters")
COLUMNS = ["dataset", "row", "kind", "seed", "metric", "value", "low", "high", "reason", *PARTS, *COST, "run"]
CONTROL_ORDER = {"real": 1, "copycat": 2, "noise": 3}


def folder(name: str) -> Path:
    """Where the pipeline builds a board."""
    return paths.runs() / "boards" / grid.title(name)


def collect(name: str) -> pd.DataFrame:
    """The scores of every run of a board, one line per run and column.

    Columns: dataset, row, kind, seed, metric, value, low, high, reason, quarter, half, cpu_seconds, seconds, parameters, run.
    Empty is NaN or None. `quarter` and `half` are the values after these parts of the budget, in the ranking column alone.
    """
    board = grid.board(name)
    lines: list[dict[str, Any]] = []
    for run in built(name):
        measured = read_json(grid.scores_path(run.run, name))["metrics"]
        cost = _cost(paths.runs() / run.run) if run.kind == "baseline" else {}
        for column in board.datasets[run.dataset].metrics:
            about = {"dataset": run.dataset, "row": run.row, "kind": run.kind, "seed": run.seed, "metric": column}
            parts = _parts(curve_path(run.run, name)) if cost and column == board.datasets[run.dataset].rank else {}
            lines.append(about | _cell(measured, column) | parts | cost | {"run": run.run})
    return pd.DataFrame(lines, columns=COLUMNS)


def curve_path(run: str, name: str) -> Path:
    """Where the pipeline puts the scores of a run after parts of its budget."""
    return paths.runs() / run / f"curve-{grid.title(name)}.json"


def _parts(path: Path) -> dict[str, float | None]:
    curve = read_json(path)
    return {part: curve[part] for part in PARTS}


def built(name: str) -> list[grid.PlannedRun]:
    """The runs of a board that have a row in its table.

    Raises:
        UserError: some of these runs have no scores yet.
    """
    scored = [run for run in grid.runs(name) if run.scored]
    missing = [run.run for run in scored if not grid.scores_path(run.run, name).is_file()]
    if missing:
        others = f" and {len(missing) - 1} other runs have" if len(missing) > 1 else " has"
        raise UserError(
            f"board {grid.title(name)} is not built: {missing[0]}{others} no scores ({len(scored)} runs are planned); "
            f"run `ganbench run {shlex.quote(name)}`"
        )
    return scored


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file that the pipeline wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run the pipeline again") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); delete this file and run the pipeline again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged (no JSON object); delete this file and run the pipeline again")
    return content


def _cost(run: Path) -> dict[str, float]:
    trained = Run.read(run)
    parameters = sum(trained.parameters.values())
    return {"cpu_seconds": trained.cpu_seconds, "seconds": trained.seconds, "parameters": parameters}


def _cell(results: dict[str, Any], column: str) -> dict[str, Any]:
    metric, _, number = column.partition(".")
    result = results[metric]
    if not number:
        low, high = result["interval"] or (None, None)
        return {"value": result["value"], "low": low, "high": high, "reason": result["reason"]}
    value = result.get(number)
    missing = result["reason"] or (f"{metric} has no {number} here" if value is None else None)
    return {"value": value, "low": None, "high": None, "reason": missing}


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """One line per dataset, row and metric: mean, sd, low, high over seeds, or the reason why there is none."""
    lines = []
    for (dataset, row, metric), group in scores.groupby(["dataset", "row", "metric"], sort=False):
        values = group.value.to_numpy(float)
        line = {"dataset": dataset, "row": row, "kind": group.kind.iloc[0], "metric": metric, "seeds": len(group)}
        missing = group[group.value.isna()]
        if missing.empty:
            low, high = _clip(str(metric), *student(values))
            line |= {"mean": values.mean(), "sd": values.std(ddof=1), "low": low, "high": high, "reason": None}
        else:
            which = ", ".join(map(str, missing.seed))
            some = "" if len(missing) == len(group) else f" (seed {which} of {len(group)} seeds)"
            line |= {
                "mean": np.nan,
                "sd": np.nan,
                "low": np.nan,
                "high": np.nan,
                "reason": f"{missing.reason.iloc[0]}{some}",
            }
        line |= {name: group[name].astype(float).mean(skipna=False) for name in (*PARTS, *COST)}
        lines.append(line | {"converged": curve.converged(line["half"], line["mean"], str(metric))})
    return pd.DataFrame(lines)


def _clip(column: str, low: float, high: float) -> tuple[float, float]:
    """Cut an interval to the range of the metric. The further numbers of a metric have no card, so they are not cut."""
    least, most = (-np.inf, np.inf) if "." in column else metrics.get(column).card.range
    return max(low, least), min(high, most)


def rank(values: pd.DataFrame, better: str) -> pd.DataFrame:
    """Rank rows by their mean over seeds.

    Args:
        values: rows of the table by seeds, no gaps.
        better: "lower" or "higher".

    Returns:
        Per row: `rank` by the mean, and `rank_low` to `rank_high`: 1 + the number of clearly better rows, and the number of all
        rows minus the number of clearly worse rows. "Clearly" means that the 95 % interval of the difference leaves out 0.
    """
    sign = 1.0 if better == "lower" else -1.0
    cost = values * sign
    gaps = {a: {b: student((cost.loc[a] - cost.loc[b]).to_numpy()) for b in cost.index if b != a} for a in cost.index}
    return pd.DataFrame(
        {
            "rank": cost.mean(axis=1).rank(method="min").astype(int),
            "rank_low": {a: 1 + sum(low > 0 for low, _ in gaps[a].values()) for a in cost.index},
            "rank_high": {a: len(cost) - sum(high < 0 for _, high in gaps[a].values()) for a in cost.index},
        }
    )


def ranks(scores: pd.DataFrame, table: Board) -> pd.DataFrame:
    """Rank the baselines of every dataset by its ranking column.

    Rows with an empty cell in this column are not ranked.
    """
    out = []
    for dataset, track in table.datasets.items():
        better = metrics.get(track.rank.partition(".")[0]).card.better
        ranked = scores[(scores.dataset == dataset) & (scores.metric == track.rank) & (scores.kind == "baseline")]
        values = ranked.pivot(index="row", columns="seed", values="value").astype(float).dropna()
        out.append(rank(values, better).assign(dataset=dataset).rename_axis("row").reset_index())
    return pd.concat(out, ignore_index=True)


def build(name: str) -> pd.DataFrame:
    """Aggregate a board and write `leaderboard.csv`, `.parquet` and `.md` and the per-run `scores.csv`; returns the board."""
    table, scores = grid.board(name), collect(name)
    result = summarise(scores).merge(ranks(scores, table), on=["dataset", "row"], how="left")
    for column in ("rank", "rank_low", "rank_high"):
        result[column] = result[column].astype("Int64")
    result["converged"] = result["converged"].astype("boolean")
    out = folder(name)
    out.mkdir(parents=True, exist_ok=True)
    result.to_csv(out / "leaderboard.csv", index=False)
    result.to_parquet(out / "leaderboard.parquet", index=False)
    scores.to_csv(out / "scores.csv", index=False)
    (out / "leaderboard.md").write_text(markdown(grid.title(name), table, result))
    return result


def tables(board: Board, summary: pd.DataFrame) -> dict[str, tuple[list[dict[str, str]], list[str]]]:
    """Per dataset: the lines of the page, best row first and the controls below, and the reasons of empty cells."""
    out = {}
    for dataset, track in board.datasets.items():
        cells = summary[summary.dataset == dataset]
        order = cells.drop_duplicates("row").assign(control=lambda d: d.row.map(CONTROL_ORDER).fillna(0))
        order = order.sort_values(["control", "rank"], na_position="last")
        reasons: list[str] = []
        lines = []
        for row in order.to_dict("records"):
            line = {"row": row["row"], "rank": _rank(row)}
            for cell in cells[cells.row == row["row"]].to_dict("records"):
                line[f"{cell['metric']}{_arrow(cell['metric'])}"] = _text(cell, reasons)
            ran = row["kind"] == "baseline"
            line["last doubling"] = _doubling(cells[cells.row == row["row"]], track.rank) if ran else ""
            line["CPU s"] = number(row["cpu_seconds"]) if ran else ""
            line["parameters"] = f"{row['parameters']:,.0f}" if ran else ""
            lines.append(line)
        out[dataset] = (lines, reasons)
    return out


def _arrow(column: str) -> str:
    """An arrow in the direction that is better; a further number of a metric has no card, and no arrow."""
    return "" if "." in column else {"lower": " ↓", "higher": " ↑", "target": ""}[metrics.get(column).card.better]


def _doubling(cells: pd.DataFrame, column: str) -> str:
    """What the second half of the budget gained of the ranking column's score."""
    (cell,) = cells[cells.metric == column].to_dict("records")
    if cell["converged"] is None or pd.isna(cell["converged"]):
        return ""
    share = f"{100 * curve.gain(cell['half'], cell['mean'], column):+.0f} %"
    return share if cell["converged"] else f"{share}, not converged"


def _rank(row: dict[Hashable, Any]) -> str:
    if pd.isna(row["rank"]):
        return ""
    low, high = row["rank_low"], row["rank_high"]
    return f"{row['rank']}" if low == high else f"{row['rank']} ({low}–{high})"


def _text(cell: dict[Hashable, Any], reasons: list[str]) -> str:
    if pd.isna(cell["mean"]):
        if cell["reason"] not in reasons:
            reasons.append(cell["reason"])
        return f"– ({reasons.index(cell['reason']) + 1})"
    return f"{number(cell['mean'])} ± {number(cell['sd'])} [{number(cell['low'])}, {number(cell['high'])}]"


def markdown(name: str, board: Board, summary: pd.DataFrame) -> str:
    """The board as a page in Markdown."""
    parts = [f"# Board `{name}`", board.about, HOW_TO_READ]
    for dataset, (lines, reasons) in tables(board, summary).items():
        track = board.datasets[dataset]
        parts += [
            f"## {dataset}",
            f"{track.samples:,} samples per set, features `{track.features or features.default(dataset)}`, "
            f"ranked by `{track.rank}`.",
            *_uncalibrated(track),
            pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True),
            *_beaten_by_noise(dataset, track, summary),
        ]
        parts += [f"({i}) {reason}" for i, reason in enumerate(reasons, 1)]
        parts.append(f"![samples of {dataset}](samples-{dataset}.png)")
    return "\n\n".join(parts) + "\n"


def _beaten_by_noise(dataset: str, track: Track, summary: pd.DataFrame) -> list[str]:
    """The sentence of a page about rows whose mean is no better than the mean of the control `noise`."""
    means = (
        summary[(summary.dataset == dataset) & (summary.metric == track.rank)].set_index("row")["mean"].astype(float)
    )
    if "noise" not in means:
        return []
    sign = -1.0 if metrics.get(track.rank).card.better == "higher" else 1.0
    rows = [str(row) for row in means.index if row not in CONTROL_ORDER and sign * (means[row] - means["noise"]) >= 0]
    return [f"No better than the control `noise` by `{track.rank}`: {', '.join(rows)}."] if rows else []


def _uncalibrated(track: Track) -> list[str]:
    """The sentence of a page about metrics that no calibration supports."""
    names = ", ".join(f"`{name}`" for name in track.uncalibrated)
    return [f"No calibration shows that these metrics see what they promise to see: {names}."] if names else []


HOW_TO_READ = """A cell is the mean over training seeds ± their standard deviation [Student's 95 % interval of the mean].
Rows are ranked by the mean. The brackets beside `rank` give the ranks that are still possible at 95 %.
`real` is held-out data scored like a generator's samples, `copycat` is training data, `noise` is uniform noise: these rows
show what each column can see. `last doubling` is what the second half of the budget gained of the ranking column's score: more
than 20 % means that the row had too small a budget, so its score says how far it came. If a run diverged or a metric does not
apply, the cell is empty and gives the reason."""
