"""A board as text for a terminal: one table per dataset, and below each table the answers to a reader's questions.

Every answer follows from intervals. If the interval of a row's copied share over all seeds leaves out 0, the row
copies. The first row is compared with every other row and with the control `noise`, by the same intervals as the ranks
(`leaderboard.Comparison`): they hold together at 95 %. If the mean of the first row is not better than the mean of `noise`, no
row is called best. If the interval of each difference leaves out 0, the best row is certain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ganbench.boards.board import Board, Track
from ganbench.boards.leaderboard import NOISE, TURNED, Comparison, by_rulers, cell_text, rank_text, seen
from ganbench.display.text import chosen, decimals, fixed, layout, listed, wrap
from ganbench.errors import counted
from ganbench.features import default
from ganbench.scoring.result import Measured, Result
from ganbench.scoring.verdict import MARKS, SELF_REPEATING, WORDS, Level, arrow, network, reached, signs_of_copies
from ganbench.statistics import student
from ganbench.training.run import PARTS

COPYCAT = "copycat"  # the control that copies the training set
STRIP = 12  # characters of the axis of a strip of seeds
ROOM = 80  # columns of a terminal from which a table has strips
DIVERSITY = ("coverage", "recall")  # metrics that see missing parts of the data, the surer metric first

BEST, CERTAIN, COPIES = "Which is best?", "Is that certain?", "Which copies?"
MODES, DIVERSE, POWER = "Which lose modes?", "Which lack diversity?", "What could this board see?"
SECOND = "Does a second ruler agree?"


class Gate(NamedTuple):
    """What is wrong with a row, in few words."""

    level: Level
    text: str


class Answer(NamedTuple):
    """The answer to a reader's question: in a few words, and the numbers behind it."""

    question: str
    short: str
    why: str = ""

    def __str__(self) -> str:
        """All three as sentences."""
        return f"{self.question} {self.short}. {self.why}".strip()


class Row(NamedTuple):
    """A row of a dataset's table, a baseline or a control."""

    name: str
    control: bool
    rank: str
    place: float  # the rank as a number, NaN for a row without one
    values: Mapping[str, np.ndarray]  # of every column, one per seed, NaN where there is none
    cells: Mapping[str, Mapping[Hashable, Any]]  # of every column, its line of the leaderboard
    reasons: Mapping[str, str]  # of the columns without a mean
    runs: tuple[Result, ...]  # one per seed, without missing runs
    parts: Mapping[
        str, np.ndarray
    ]  # of the ranking column after parts of the budget, one per seed; empty if one is missing

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
        compared = by_rulers(scores, dataset, track)
        features = next(
            (network(run.protocol.features.id) for row in rows for run in row.runs), track.features or default(dataset)
        )
        seeds = f"{len(board.seeds)} seeds, {track.samples:,} samples"
        title = f"{name}, {dataset}: ranked by {track.rank}, {seeds}, features {features}"
        lines = [wrap(title, "  ", columns), "", *table(track, rows, compared, columns, wide), ""]
        lines += [wrap(str(answer), "  ", columns) for answer in answers(track, rows, compared)]
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, wrap(HOW_TO_READ, "", columns)])


HOW_TO_READ = (
    "A number is the mean over the seeds, and behind it stands its 95 % interval. In a strip each dot is a seed, and a "
    "digit is so many seeds. All strips of a table have one axis; < and > are seeds beyond its ends. The ranks in brackets "
    "are still possible. At 95 % all brackets of a table hold together. ⇅: the order of this row and another row "
    "is clear, and a second ruler clearly turns it. Verdict ✓: the checks that this board allows "
    "(copies, repeats, lost modes, diversity) found no fault. Verdict ?: this board allows none of these checks. "
    "A row contracts if its samples lie closer together than real samples."
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
        runs = tuple(results[run] for run in dict.fromkeys(scored.run) if run in results)
        shown = {str(cell["metric"]): cell for cell in cells.to_dict("records")}
        ranked = rank_text(next(iter(shown.values())))
        measured = scored[scored[[*PARTS]].notna().all(axis=1)]
        whole = len(measured) and len(measured) == cells.seeds.iloc[0]
        parts = {part: measured[part].to_numpy(float) for part in PARTS} if whole else {}
        rows.append(Row(str(name), first.kind == "control", ranked, place, values, shown, reasons, runs, parts))
    return sorted(rows, key=lambda row: (row.control, not row.rank, row.place if row.rank else 0))


def table(track: Track, rows: Sequence[Row], compared: Comparison, columns: int, wide: bool = False) -> list[str]:
    """The lines of a dataset's table, the controls below a rule, and the reasons of empty cells."""
    further = [column for column in track.metrics if column != track.rank]
    heads = {column: f"{column}{arrow(column)}" for column in (track.rank, *further)}
    places = {column: decimals(_means(rows, column)) for column in heads}
    lines = []
    for row in rows:
        line = {"rank": row.rank, "row": row.name, SEEDS: strip(row.values.get(track.rank), compared)}
        for column, head in heads.items():
            line[head] = cell(row, column, places[column], wide or column == track.rank)
        shown_gates = (f"{MARKS[gate.level]} {gate.text}".strip() for gate in gates(row, compared))
        lines.append(line | {"verdict": "; ".join(shown_gates)})
    needed = ["rank", "row", heads[track.rank], *([SEEDS] if columns >= ROOM or wide else []), "verdict"]
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


def cell(row: Row, column: str, places: int, ends: bool) -> str:
    """The mean over the seeds, with `ends` also its interval; counts and bounds as they are. If a seed has no value, a dash."""
    values = row.values.get(column)
    if values is None or np.isnan(values).any():
        return "–"
    line = row.cells[column]
    if line["quantity"] in ("count", "bound"):
        return cell_text(line)
    centre, low, high = (fixed(line[key], places) for key in ("centre", "low", "high"))
    return f"{centre} [{low}, {high}]" if ends else centre


SEEDS = "seeds"


def strip(values: np.ndarray | None, compared: Comparison) -> str:
    """The seeds of a row in the ranking column as dots on the axis of the table; empty if none has a value.

    The axis is the column's scale, from the least to the largest seed of the rows with a rank.
    """
    known = np.array([]) if values is None else values[~np.isnan(values)]
    if not len(known) or not np.isfinite(compared.ends).all():
        return ""
    low, high = compared.ends
    part = (compared.scale.to(known) - low) / (high - low or 1.0)
    counts = np.bincount(np.clip(np.rint((STRIP - 1) * part), -1, STRIP).astype(int) + 1, minlength=STRIP + 2)
    marks = ["" if not n else "•" if n == 1 else str(n) for n in counts]
    return ("<" if counts[0] else " ") + "".join(mark or "·" for mark in marks[1:-1]) + (">" if counts[-1] else "")


def gates(row: Row, compared: Comparison) -> list[Gate]:
    """The verdict on a row: its faults, or if there is none, whether anything was checked."""
    faults = [*beside_noise(row, compared), *faults_of(row), *other_order(row, compared)]
    if faults:
        return faults
    diverse = any(_judged(row, name) for name in DIVERSITY)
    repeats = any("support" in run.metrics for run in row.runs)
    checked = row.measured("memorisation") or _counts(row) or repeats or diverse
    return [Gate("good", "") if checked else Gate("unknown", "not checked")]


def beside_noise(row: Row, compared: Comparison) -> list[Gate]:
    """Whether a row is no better than the control `noise` in the ranking column; empty if its mean is better."""
    if row.control or not {row.name, NOISE} <= set(compared.names) or compared.beats_noise(row.name):
        return []
    clear = compared.interval(row.name, NOISE)[0] > 0
    return [Gate("bad", "worse than noise") if clear else Gate("caution", "no better than noise")]


def other_order(row: Row, compared: Comparison) -> list[Gate]:
    """Whether the second ruler clearly turns the clear order of a row and another row."""
    turned = any(row.name in pair for pair in compared.turned())
    return [Gate("caution", f"{TURNED} {compared.second.label}")] if turned and compared.second else []


def _control(rows: Sequence[Row], name: str) -> Row | None:
    return next((row for row in rows if row.control and row.name == name), None)


def faults_of(row: Row) -> list[Gate]:
    """What is wrong with a row by itself: copies, repeats, lost modes, missing parts of the data, divergence."""
    seeds = len(row.runs)
    wrong = []
    shares = row.measured("memorisation")
    if shares:
        # The mean of clipped shares is above 0 without copying. Records of version 1 have clipped shares alone.
        unclipped = np.array([m.extra.get("unclipped", m.value) for m in shares], float)
        average = float(unclipped.mean())
        single = sum(m.interval is not None and m.interval[0] > 0 for m in shares)
        if len(shares) > 1 and student(unclipped)[0] > 0:
            wrong.append(Gate("bad", f"copies {100 * average:.{0 if average >= 0.1 else 1}f} %"))
        elif single:
            wrong.append(Gate("caution", f"copies in {single} of {seeds}"))
        elif doubtful := sum(bool(signs_of_copies(m)) for m in shares):
            wrong.append(Gate("caution", f"near training in {doubtful} of {seeds}"))
    verdicts = Counter(run.metrics["support"].extra.get("verdict") for run in row.runs if "support" in run.metrics)
    for verdict, word in WORDS.items():
        if times := verdicts[verdict]:
            sure = verdict == SELF_REPEATING and times == seeds
            wrong.append(Gate("bad" if sure else "caution", f"{word} in {times} of {seeds}"))
    counts = _counts(row)
    lost = [m for m in counts if reached(m)[0] == "bad"]
    if lost:
        least, most = (f"{end(m.value for m in counts if m.value is not None):.0f}" for end in (min, max))
        count = least if least == most else f"{least}–{most}"
        wrong.append(Gate("bad" if len(lost) == seeds else "caution", f"{count} of {counts[0].perfect:.0f} modes"))
    wrong += _missing_parts(row)[:1]
    diverged = sum(not run.samples.n for run in row.runs)
    if diverged:
        wrong.append(Gate("bad", f"diverged in {diverged} of {seeds}"))
    planned = max(map(len, row.values.values()))
    if seeds < planned:
        wrong.append(Gate("caution", f"{planned - seeds} of {planned} runs missing"))
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


def answers(track: Track, rows: Sequence[Row], compared: Comparison) -> list[Answer]:
    """The questions of a reader, each with its answer."""
    baselines = [row for row in rows if not row.control]
    ranked = [row for row in baselines if row.rank]
    if not ranked:
        best = [Answer(BEST, "Unknown", f"No row has {track.rank} in every seed.")]
    elif beside_noise(ranked[0], compared):
        best = [_none_is_best(track, ranked[0], rows)]
    else:
        best = [_best(track, ranked, rows), *_certain(ranked, compared)]
    second = _by_second_ruler(compared) if ranked else []
    power = [Answer(POWER, f"With a probability of 80 %, {seen(compared)}")] if seen(compared) else []
    return [*best, *second, *power, _copies(baselines, rows), *_modes(baselines), *_diversity(baselines)]


def _none_is_best(track: Track, lead: Row, rows: Sequence[Row]) -> Answer:
    noise = _control(rows, NOISE)
    assert noise is not None
    places = decimals(_means(rows, track.rank))
    values = [cell(row, track.rank, places, ends=True) for row in (lead, noise)]
    return Answer(
        BEST,
        "None",
        f"The first row, {lead.name}, has {track.rank} {values[0]}, and the control {NOISE} has {values[1]}. No row is better "
        f"than {NOISE}.",
    )


def _best(track: Track, ranked: Sequence[Row], rows: Sequence[Row]) -> Answer:
    column = track.rank
    places = decimals(_means(rows, column))
    first = [row.name for row in ranked if row.place == 1]
    real = _control(rows, "real")
    against = "" if real is None else f"; held-out real data has {cell(real, column, places, ends=False)}"
    return Answer(BEST, listed(first), f"{column} {cell(ranked[0], column, places, ends=True)}{against}.")


def _certain(ranked: Sequence[Row], compared: Comparison) -> list[Answer]:
    """Whether the first row is clearly better than every other row and than `noise`; empty if there is no other row."""
    lead = ranked[0]
    rivals = [
        f"the control {NOISE}" if name == NOISE else name
        for name in compared.names
        if name != lead.name and compared.interval(lead.name, name)[1] >= 0
    ]
    seeds = len(lead.runs)
    if rivals:
        why = f"At 95 % {listed(rivals)} could be as good: {seeds} seeds do not tell them apart."
        return [Answer(CERTAIN, "No", why)]
    if len(ranked) == 1:
        return []
    return [Answer(CERTAIN, "Yes", f"At 95 % {lead.name} is better than every other row, over {seeds} seeds.")]


def _by_second_ruler(compared: Comparison) -> list[Answer]:
    """Whether the second ruler orders the rows in another way; empty without its numbers."""
    if compared.second is None:
        return []
    label, turned, agreed = compared.second.label, compared.turned(), len(compared.agreed())
    if turned:
        (a, b), more = turned[0], len(turned) - 1
        others = f" {counted(more, 'other pair')} of rows changed places too." if more else ""
        return [
            Answer(SECOND, "No", f"By {label}, {b} is better than {a}; by {compared.label}, {a} is better.{others}")
        ]
    if not agreed:
        return [Answer(SECOND, "Unknown", f"No two rows have a clear order by {compared.label} and by {label}.")]
    pairs = f"{counted(agreed, 'pair')} of rows {'has' if agreed == 1 else 'have'} a clear order"
    return [Answer(SECOND, "Yes", f"{pairs} by {compared.label} and by {label}, and the order is the same.")]


def _copies(baselines: Sequence[Row], rows: Sequence[Row]) -> Answer:
    checked = [row for row in baselines if row.measured("memorisation")]
    if not checked:
        return Answer(COPIES, "Unknown", "Memorisation is not measured on this board.")
    copying = [row for row in checked if any(gate.text.startswith("copies") for gate in faults_of(row))]
    control = _control(rows, COPYCAT)
    if control is not None and not control.measured("memorisation"):
        control = None
    caught = control is not None and any(gate.text.startswith("copies") for gate in faults_of(control))
    proof = "" if control is None else f"; the control {COPYCAT} {'is' if caught else 'is not'} caught"
    names = listed([row.name for row in copying]) if copying else "None was seen"
    return Answer(COPIES, names, f"{_checked(checked)} against the training set{proof}.")


def _checked(rows: Sequence[Row]) -> str:
    return f"{counted(len(rows), 'row')} {'was' if len(rows) == 1 else 'were'} checked"


def _modes(baselines: Sequence[Row]) -> list[Answer]:
    """Which rows lose modes; empty if modes are not counted."""
    counted = [row for row in baselines if _counts(row)]
    if not counted:
        return []
    losing = [row.name for row in counted if any(gate.text.endswith("modes") for gate in faults_of(row))]
    whole = [row.name for row in counted if row.name not in losing]
    short = f"{listed(losing)} ({len(losing)} of {len(counted)} rows)" if losing else "None"
    rest = f"Every seed of {listed(whole)} reaches all modes." if whole else "No row reaches all modes in every seed."
    return [Answer(MODES, short, rest)]


def _diversity(baselines: Sequence[Row]) -> list[Answer]:
    """Which rows leave out parts of the data; empty if no metric sees that."""
    checked = [row for row in baselines if any(_judged(row, name) for name in DIVERSITY)]
    if not checked:
        return []
    lacking = [row.name for row in checked if _missing_parts(row)]
    if not lacking:
        return [Answer(DIVERSE, "None was seen", f"{_checked(checked)}.")]
    rule = f"In at least one seed their {' or '.join(DIVERSITY)} is below half of a perfect generator's value."
    return [Answer(DIVERSE, f"{listed(lacking)} ({len(lacking)} of {len(checked)} rows)", rule)]
