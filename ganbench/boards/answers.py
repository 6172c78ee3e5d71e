"""A board as text for a terminal: one table per dataset, and below each table the answers to a reader's questions.

Every answer follows from intervals. If the interval of a row's copied share over all seeds leaves out 0, the row
copies. The first row is compared with every other row and with the control `noise`, paired by seed as for the ranks. If
the mean of the first row is not better than the mean of `noise`, no row is called best. If the interval of each
difference leaves out 0, the best row is certain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ganbench import metrics
from ganbench.boards.board import Board, Track
from ganbench.display.text import chosen, decimals, fixed, layout, listed, wrap
from ganbench.scoring.result import Measured, Result
from ganbench.scoring.verdict import MARKS, SELF_REPEATING, Level, arrow, network, reached, signs_of_copies
from ganbench.statistics import student

COPYCAT = "copycat"  # the control that copies the training set
NOISE = "noise"  # the control that has nothing in common with the data
DIVERSITY = ("coverage", "recall")  # metrics that see missing parts of the data, the surer metric first


class Gate(NamedTuple):
    """What is wrong with a row, in few words."""

    level: Level
    text: str


class Row(NamedTuple):
    """A row of a dataset's table, a baseline or a control."""

    name: str
    control: bool
    rank: str
    place: float  # the rank as a number, NaN for a row without one
    values: Mapping[str, np.ndarray]  # of every column, one per seed, NaN where there is none
    reasons: Mapping[str, str]  # of the columns without a mean
    runs: tuple[Result, ...]  # one per seed

    def measured(self, metric: str) -> list[Measured]:
        """The values of a metric, from the seeds that have a value."""
        all_seeds = [run.metrics[metric] for run in self.runs if metric in run.metrics]
        return [m for m in all_seeds if m.value is not None]


def text(
    name: str,
    board: Board,
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    results: Mapping[str, Result],
    columns: int,
    wide: bool = False,
) -> str:
    """The whole board.

    Args:
        name: of the board.
        board: its grid.
        summary: what `leaderboard.build` returns.
        scores: one line per run and column, as in `scores.csv`.
        results: the scores of every run, by the run's name.
        columns: width of the terminal. A table has as many columns of the grid as fit, in their order.
        wide: show all columns, however wide the table gets.
    """
    parts = []
    for dataset, track in board.datasets.items():
        scored = scores[scores.dataset == dataset]
        rows = read_rows(summary[summary.dataset == dataset], scored, results)
        features = network(rows[0].runs[0].protocol.features.id)
        seeds = f"{len(board.seeds)} seeds, {track.samples:,} samples"
        title = f"{name}, {dataset}: ranked by {track.rank}, {seeds}, features {features}"
        lines = [wrap(title, "  ", columns), "", *table(track, rows, columns, wide), ""]
        lines += [wrap(answer, "  ", columns) for answer in answers(track, rows)]
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, wrap(HOW_TO_READ, "", columns)])


HOW_TO_READ = (
    "The number after ± is half of the 95 % interval of the mean over the seeds. The ranks in brackets are "
    "still possible at 95 %. Verdict ✓: the checks that this board allows (copies, repeats, lost modes, diversity) found "
    "no fault. Verdict ?: this board allows none of these checks."
)


def read_rows(summary: pd.DataFrame, scores: pd.DataFrame, results: Mapping[str, Result]) -> list[Row]:
    """The rows of one dataset: the ranked ones first, then those without a rank, then the controls."""
    rows = []
    for name, cells in summary.groupby("row", sort=False):
        scored, first = scores[scores.row == name], cells.iloc[0]
        values = {str(column): group.value.to_numpy(float) for column, group in scored.groupby("metric", sort=False)}
        empty = cells[cells["mean"].isna()]
        reasons = dict(zip(map(str, empty.metric), map(str, empty.reason), strict=True))
        place = float("nan") if pd.isna(first["rank"]) else float(first["rank"])
        runs = tuple(results[run] for run in dict.fromkeys(scored.run))
        rows.append(Row(str(name), first.kind == "control", rank_text(first), place, values, reasons, runs))
    return sorted(rows, key=lambda row: (row.control, not row.rank, row.place if row.rank else 0))


def rank_text(row: pd.Series) -> str:
    """A rank, and in brackets the ranks that are still possible; empty for a row without one."""
    if pd.isna(row["rank"]):
        return ""
    low, high = row.rank_low, row.rank_high
    return f"{row['rank']:.0f}" if low == high else f"{row['rank']:.0f} ({low:.0f}–{high:.0f})"


def table(track: Track, rows: Sequence[Row], columns: int, wide: bool = False) -> list[str]:
    """The lines of a dataset's table, the controls below a rule, and the reasons of empty cells."""
    further = [column for column in track.metrics if column != track.rank]
    heads = {column: f"{column}{arrow(column)}" for column in (track.rank, *further)}
    places = {column: decimals(_means(rows, column)) for column in heads}
    lines = []
    for row in rows:
        line = {"rank": row.rank, "row": row.name}
        for column, head in heads.items():
            line[head] = cell(row, column, places[column], half=wide or column == track.rank)
        shown_gates = (f"{MARKS[gate.level]} {gate.text}".strip() for gate in gates(track, row, rows))
        lines.append(line | {"verdict": "; ".join(shown_gates)})
    needed = ["rank", "row", heads[track.rank], "verdict"]
    others = [heads[column] for column in further]
    names = [*needed[:-1], *others, "verdict"] if wide else chosen(lines, needed, others, columns)
    size = 10**6 if wide else columns
    controls = next((i for i, row in enumerate(rows) if row.control), len(rows))
    shown = layout(lines, names, size, cut="row", right=list(heads.values()), rules=(controls,))
    reasons = _reasons(rows, [column for column, head in heads.items() if head in names])
    return [*shown, *(["", *(wrap(reason, "  ", columns) for reason in reasons)] if reasons else [])]


def _reasons(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Why cells of these columns are empty: each reason once, with the rows that it applies to."""
    having: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for column in shown:
            if column in row.reasons:
                having.setdefault((column, row.reasons[column]), []).append(row.name)
    return [f"– {column} of {listed(names)}: {reason}." for (column, reason), names in having.items()]


def _means(rows: Sequence[Row], column: str) -> list[float]:
    """The means that set the number of digits: those of the baselines; without baselines, those of the controls."""
    baselines = [row for row in rows if not row.control] or rows
    means = [float(row.values[column].mean()) for row in baselines if column in row.values]
    return [mean for mean in means if not np.isnan(mean)]


def cell(row: Row, column: str, places: int, half: bool) -> str:
    """A mean over the seeds; with `half` also half of Student's interval. If a seed has no value, a dash."""
    values = row.values.get(column)
    if values is None or np.isnan(values).any():
        return "–"
    mean, high = values.mean(), student(values)[1]
    return f"{fixed(mean, places)} ± {fixed(high - mean, places)}" if half else fixed(mean, places)


def gates(track: Track, row: Row, rows: Sequence[Row]) -> list[Gate]:
    """The verdict on a row: its faults, or if there is none, whether anything was checked."""
    faults = [*beside_noise(track, row, rows), *faults_of(row)]
    if faults:
        return faults
    diverse = any(_judged(row, name) for name in DIVERSITY)
    repeats = any("support" in run.metrics for run in row.runs)
    checked = row.measured("memorisation") or _counts(row) or repeats or diverse
    return [Gate("good", "") if checked else Gate("unknown", "not checked")]


def beside_noise(track: Track, row: Row, rows: Sequence[Row]) -> list[Gate]:
    """Whether a row is no better than the control `noise` in the ranking column; empty if its mean is better."""
    noise = _control(rows, NOISE)
    if row.control or noise is None:
        return []
    worse = _excess(track, row, noise)
    if np.isnan(worse).any() or worse.mean() < 0:
        return []
    return [Gate("bad", "worse than noise") if student(worse)[0] > 0 else Gate("caution", "no better than noise")]


def _control(rows: Sequence[Row], name: str) -> Row | None:
    return next((row for row in rows if row.control and row.name == name), None)


def _excess(track: Track, row: Row, other: Row) -> np.ndarray:
    """By how much a row is worse than another row in the ranking column, one number per seed; NaN without a value."""
    sign = -1.0 if metrics.get(track.rank).card.better == "higher" else 1.0
    absent = np.array([np.nan])
    own, others = (each.values.get(track.rank, absent) for each in (row, other))
    return np.asarray(sign * (own - others))


def faults_of(row: Row) -> list[Gate]:
    """What is wrong with a row by itself: copies, repeats, lost modes, missing parts of the data, divergence."""
    seeds = len(row.runs)
    wrong = []
    shares = row.measured("memorisation")
    if shares:
        average = float(np.mean([m.value for m in shares]))
        single = sum(m.interval is not None and m.interval[0] > 0 for m in shares)
        if len(shares) > 1 and student(np.array([m.value for m in shares], float))[0] > 0:
            wrong.append(Gate("bad", f"copies {100 * average:.{0 if average >= 0.1 else 1}f} %"))
        elif single:
            wrong.append(Gate("caution", f"copies in {single} of {seeds}"))
        elif doubtful := sum(bool(signs_of_copies(m)) for m in shares):
            wrong.append(Gate("caution", f"near training in {doubtful} of {seeds}"))
    repeating = sum(
        run.metrics["support"].extra.get("verdict") == SELF_REPEATING for run in row.runs if "support" in run.metrics
    )
    if repeating:
        wrong.append(Gate("bad" if repeating == seeds else "caution", f"repeats in {repeating} of {seeds}"))
    counts = _counts(row)
    lost = [m for m in counts if reached(m)[0] == "bad"]
    if lost:
        average, perfect = (float(np.mean([getattr(m, name) for m in counts])) for name in ("value", "perfect"))
        wrong.append(Gate("bad" if len(lost) == seeds else "caution", f"{average:.1f} of {perfect:.0f} modes"))
    wrong += _missing_parts(row)[:1]
    diverged = sum(not run.samples.n for run in row.runs)
    if diverged:
        wrong.append(Gate("bad", f"diverged in {diverged} of {seeds}"))
    return wrong


def _missing_parts(row: Row) -> list[Gate]:
    """The metrics of diversity that are clearly below a perfect generator's value and below half of it, as in `score`."""
    out = []
    for name in DIVERSITY:
        judged = _judged(row, name)
        low = sum(value < perfect / 2 and high < perfect for value, high, perfect in judged)
        if low:
            average = float(np.mean([value for value, _, _ in judged]))
            out.append(Gate("bad" if low == len(row.runs) else "caution", f"{name} {100 * average:.0f} %"))
    return out


def _judged(row: Row, metric: str) -> list[tuple[float, float, float]]:
    """Value, upper end of the interval and a perfect generator's value, from the seeds that have all three."""
    return [
        (m.value, m.interval[1], m.perfect)
        for m in row.measured(metric)
        if m.value is not None and m.interval is not None and m.perfect is not None
    ]


def _counts(row: Row) -> list[Measured]:
    """The numbers of modes of a row's seeds, on data with more than one."""
    return [m for m in row.measured("modes") if m.perfect is not None and m.perfect > 1]


def answers(track: Track, rows: Sequence[Row]) -> list[str]:
    """The questions of a reader, each with its answer."""
    baselines = [row for row in rows if not row.control]
    ranked = [row for row in baselines if row.rank]
    if not ranked:
        best = [f"Which is best? Unknown. No row has {track.rank} in every seed."]
    elif beside_noise(track, ranked[0], rows):
        best = [_none_is_best(track, ranked[0], rows)]
    else:
        best = [_best(track, ranked, rows), *_certain(track, ranked, rows)]
    return [*best, _copies(baselines, rows), *_modes(baselines), *_diversity(baselines)]


def _none_is_best(track: Track, lead: Row, rows: Sequence[Row]) -> str:
    noise = _control(rows, NOISE)
    assert noise is not None
    places = decimals(_means(rows, track.rank))
    values = [cell(row, track.rank, places, half=True) for row in (lead, noise)]
    return (
        f"Which is best? None. The first row, {lead.name}, has {track.rank} {values[0]}, and the control {NOISE} has "
        f"{values[1]}. No row is better than {NOISE}."
    )


def _best(track: Track, ranked: Sequence[Row], rows: Sequence[Row]) -> str:
    column = track.rank
    places = decimals(_means(rows, column))
    first = [row.name for row in ranked if row.place == 1]
    real = _control(rows, "real")
    against = "" if real is None else f"; held-out real data has {cell(real, column, places, half=False)}"
    return f"Which is best? {listed(first)}. {column} {cell(ranked[0], column, places, half=True)}{against}."


def _certain(track: Track, ranked: Sequence[Row], rows: Sequence[Row]) -> list[str]:
    """Whether the first row is clearly better than every other row and than `noise`; empty if there is no other row."""
    lead, *others = ranked
    noise = _control(rows, NOISE)
    compared = {row.name: _excess(track, lead, row) for row in others}
    if noise is not None:
        compared[f"the control {NOISE}"] = _excess(track, lead, noise)
    intervals = {name: student(worse) for name, worse in compared.items() if not np.isnan(worse).any()}
    rivals = [name for name, (low, high) in intervals.items() if low <= 0 <= high]
    seeds = len(lead.runs)
    if rivals:
        return [
            f"Is that certain? No. At 95 % {listed(rivals)} could be as good: {seeds} seeds do not tell them apart."
        ]
    if not others:
        return []
    return [f"Is that certain? Yes. At 95 % {lead.name} is better than every other row, over {seeds} seeds."]


def _copies(baselines: Sequence[Row], rows: Sequence[Row]) -> str:
    checked = [row for row in baselines if row.measured("memorisation")]
    if not checked:
        return "Which copies? Unknown. Memorisation is not measured on this board."
    copying = [row for row in checked if any(gate.text.startswith("copies") for gate in faults_of(row))]
    control = _control(rows, COPYCAT)
    if control is not None and not control.measured("memorisation"):
        control = None
    caught = control is not None and any(gate.text.startswith("copies") for gate in faults_of(control))
    proof = "" if control is None else f"; the control {COPYCAT} {'is' if caught else 'is not'} caught"
    names = listed([row.name for row in copying]) if copying else "None was seen"
    return f"Which copies? {names}. {len(checked)} rows were checked against the training set{proof}."


def _modes(baselines: Sequence[Row]) -> list[str]:
    """Which rows lose modes; empty if modes are not counted."""
    counted = [row for row in baselines if _counts(row)]
    if not counted:
        return []
    losing = [row.name for row in counted if any(gate.text.endswith("modes") for gate in faults_of(row))]
    whole = [row.name for row in counted if row.name not in losing]
    short = f"{listed(losing)} ({len(losing)} of {len(counted)} rows)" if losing else "None"
    rest = f"Every seed of {listed(whole)} reaches all modes." if whole else "No row reaches all modes in every seed."
    return [f"Which lose modes? {short}. {rest}"]


def _diversity(baselines: Sequence[Row]) -> list[str]:
    """Which rows leave out parts of the data; empty if no metric sees that."""
    checked = [row for row in baselines if any(_judged(row, name) for name in DIVERSITY)]
    if not checked:
        return []
    lacking = [row.name for row in checked if _missing_parts(row)]
    if not lacking:
        return [f"Which lack diversity? None was seen. {len(checked)} rows were checked."]
    rule = f"In at least one seed their {' or '.join(DIVERSITY)} is below half of a perfect generator's value."
    return [f"Which lack diversity? {listed(lacking)} ({len(lacking)} of {len(checked)} rows). {rule}"]
