"""The referee: judges the third-party rows of a published board, and writes them on the board's page.

A row is **re-scored** if all of its samples are at hand and give the submitted scores again. It is **self-reported** if some
samples are not at hand. No third-party row is ever called retrained. Third-party rows never enter the ranks of the board's own
rows: their budgets are not known, and each row more widens the intervals of all others. A re-scored row with every seed of the
board has a place instead: the rank that it would have if it alone joined the table.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import fdtri, stdtrit

from ganbench import data, files, metrics
from ganbench.boards import invalid, leaderboard, origin, submissions
from ganbench.boards.board import Track
from ganbench.boards.invalid import Invalid
from ganbench.boards.protocol import COPIES, Protocol
from ganbench.boards.published import Published
from ganbench.boards.submissions import About, ScoredSet, Submission
from ganbench.errors import Unreachable, UserError, choose, plain
from ganbench.samples import Rows, SampleSet, amount
from ganbench.samples.sets import blocks
from ganbench.scoring import Result
from ganbench.scoring.comparison import unlike
from ganbench.scoring.result import Measured
from ganbench.statistics import Scale

Mark = Literal["re-scored", "self-reported", "struck", "refused"]
KIND = "third-party"
PAGE, TABLE, CSV = "leaderboard.md", "leaderboard.csv", "third-party.csv"
BEGIN, END = "<!-- third-party rows: begin -->", "<!-- third-party rows: end -->"

LEAST = 3  # sample sets of a row: a board has at least three seeds
RARE = 0.001  # an honest row is refused with at most this probability, by each test of plausibility
SURELY = 0.05  # a row is refused if more than this share of one set is copied, at the lower end of the interval
CHANCE = 0.01  # share of samples that may equal real samples to the bit by chance, beyond the share of held-out samples
FLIPS = 2  # samples that rounding on another processor may move across the edge of a share
NARROW = 0.01  # part of an interval's width by which a value may differ
LONGEST = 300  # characters of a reason


class Judged(NamedTuple):
    """A submission, and what the referee says of it."""

    path: Path
    mark: Mark
    said: str  # the reason of a refusal, or what was checked
    submission: Submission | None = None  # of a row that is shown

    @property
    def line(self) -> str:
        """The verdict in one sentence."""
        colon = f"{self.path.name}: {self.mark}"
        return f"{colon}: {self.said}" if self.said else colon


def judge(published: Published, fetched: Mapping[str, Path]) -> list[Judged]:
    """Judge every submission of a board.

    Args:
        published: the board.
        fetched: samples on this machine that submissions name by address, by the SHA-256 of their file.

    Raises:
        UserError: the board itself cannot score new rows, or its invalidation list names an unknown row or run.
        Unreachable: data or weights are not on this machine.
    """
    folder = published.folder / submissions.FOLDER
    entries = invalid.read(published.folder)
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    measured = published.scores()
    own = invalid.strike(measured, entries)
    scorer = cache(lambda dataset: Protocol.of(published, dataset))
    judged = [_judge(path, published, own, entries, scorer, fetched) for path in paths]
    theirs = [verdict.submission.row for verdict in judged if verdict.submission is not None]
    for name in invalid.unknown(entries, [*measured.row, *theirs], measured.run):
        raise UserError(f"{published.folder / invalid.FILE}: the board has no row or run '{name}'")
    return judged


def _judge(
    path: Path,
    published: Published,
    own: pd.DataFrame,
    entries: Sequence[Invalid],
    scorer: Callable[[str], Protocol],
    fetched: Mapping[str, Path],
) -> Judged:
    try:
        submission = submissions.read(path)
        for entry in entries:
            if entry.names(submission.dataset, submission.row):
                return Judged(path, "struck", entry.text, submission)
        check_identity(submission, published)
        check_seeds({scored.seed: scored.trained_with for scored in submission.sets}, len(submission.sets), published)
    except UserError as error:
        return Judged(path, "refused", _short(str(error).removeprefix(f"{path}: ")))
    rules = scorer(submission.dataset)  # what fails here is no fault of the submission
    try:
        check_claims(submission, rules, own)
        seen = {scored.seed: _rescored(path, scored, rules, fetched) for scored in submission.sets}
        check_copies({s.seed: seen[s.seed] or s.scores for s in submission.sets}, rules.dataset)
    except Unreachable:
        raise
    except UserError as error:
        return Judged(path, "refused", _short(str(error)))
    again = sum(result is not None for result in seen.values())
    said = f"{again} of {len(seen)} sample sets are at hand and give the submitted scores"
    return Judged(path, "re-scored" if again == len(seen) else "self-reported", said, submission)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def check_identity(submission: About, published: Published) -> None:
    """Refuse a row of another board, of other data, or with a name that the board uses.

    Raises:
        UserError: in one sentence.
    """
    board = published.board
    if submission.board != published.title:
        raise UserError(f"the row is for board {submission.board}, not for {published.title}")
    choose(submission.dataset, board.datasets, "dataset of this board")
    if submission.data != published.data[submission.dataset]:
        was, today = submission.data, published.data[submission.dataset]
        raise UserError(f"unlike protocol: the dataset has the version {was}, but on the board {today}")
    if submission.row in {row for track in board.datasets.values() for row in track.rows}:
        raise UserError(f"the board has a row {submission.row} of its own; choose another name")


def check_seeds(trained: Mapping[int, int], n: int, published: Published) -> None:
    """Refuse a row of too few or too many seeds, and a seed that is used twice.

    Args:
        trained: the training seed of a sample set, by the board's seed that the set is scored for.
        n: the number of sample sets.
        published: the board.

    Raises:
        UserError: in one sentence.
    """
    seeds = published.board.seeds
    if n < LEAST:
        raise UserError(f"a row needs at least {LEAST} sample sets, from {LEAST} trainings with different seeds")
    if not set(trained) <= set(seeds):
        raise UserError(f"the seeds of the board are {', '.join(map(str, seeds))}")
    if len(trained) < n or len(set(trained.values())) < n:
        raise UserError("two sample sets have the same seed")


def check_claims(submission: Submission, rules: Protocol, own: pd.DataFrame) -> None:
    """Refuse what needs no samples to be refused: see `check_form` and `plausible`. `own`: the scores of the board.

    Raises:
        UserError: in one sentence.
    """
    check_form(submission, rules)
    hashes = [scored.scores.samples.sha256 for scored in submission.sets]
    if len(set(hashes)) < len(hashes):
        raise UserError("implausible: two seeds have the same samples")
    plausible(rows(submission, rules.track), own[own.dataset == rules.dataset], rules.track)


def check_form(submission: Submission, rules: Protocol) -> None:
    """Refuse old versions of metrics and unlike protocols.

    Raises:
        UserError: in one sentence.
    """
    wanted = rules.track.metric_names
    for scored in submission.sets:
        have = scored.scores.metrics
        if set(have) != set(wanted):
            raise UserError(
                f"unlike protocol: the metrics are {', '.join(have)}, but the board has {', '.join(wanted)}"
            )
        for name, measured in have.items():
            today = metrics.get(name).card.version
            if measured.version != today:
                raise UserError(
                    f"old version: {name} has version {measured.version} here and {today} today; score the samples again"
                )
        if fields := unlike(scored.scores, rules.records[scored.seed]):
            raise UserError(f"unlike protocol: the row and the board differ in {'; '.join(fields)}")


def rows(submission: Submission, track: Track) -> pd.DataFrame:
    """The scores of a submission as lines of `leaderboard.COLUMNS`, with numbers that are possible.

    Raises:
        UserError: a cell that is no number, or a number that its column cannot have.
    """
    lines = []
    for scored in submission.sets:
        measured = scored.scores.model_dump()["metrics"]
        for column in track.metrics:
            about = {"dataset": submission.dataset, "row": submission.row, "kind": KIND, "seed": scored.seed}
            cell = _cell(measured, column, scored.seed)
            lines.append(about | {"metric": column, "run": f"{submission.row}-s{scored.seed}"} | cell)
    return pd.DataFrame(lines, columns=leaderboard.COLUMNS)


NUMBERS = ("value", "low", "high", "perfect")


def _cell(measured: Mapping[str, Any], column: str, seed: int) -> dict[str, Any]:
    try:
        cell = leaderboard.cell_of(measured, column)
        cell |= {key: None if cell[key] is None else float(cell[key]) for key in NUMBERS}
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{column} of seed {seed} is not a number") from None
    least, most = metrics.limits(column)
    value, low, high = cell["value"], cell["low"], cell["high"]
    if value is not None and not least <= value <= most:
        raise UserError(f"{column} of seed {seed} is {value:g}, but it lies from {least:g} to {most:g}")
    if value is not None and low is not None and not low <= value <= high:
        raise UserError(f"{column} of seed {seed} is {value:g}, outside of its own interval [{low:g}, {high:g}]")
    return cell | {"reason": plain(str(cell["reason"])[:LONGEST]) if value is None else None}


def plausible(lines: pd.DataFrame, own: pd.DataFrame, track: Track) -> None:
    """Refuse scores that cannot be, given the spread of the board's own rows between seeds.

    1. Each seed has a reference of its own. So no two seeds have the same numbers in all columns.
    2. In the ranking column the spread over seeds is not far below that of every own row (F test at `RARE`).
    3. A board is ranked by a column in which held-out data are the best. So no row is clearly better than `real` (Student's
       prediction interval at `RARE`, from the seeds of `real`).

    Args:
        lines: of the row, see `rows`.
        own: the board's scores of this dataset.
        track: of this dataset.

    Raises:
        UserError: in one sentence.
    """
    honest = own[(own.kind == "baseline") | (own.row == "real")]
    column = track.rank
    if lines[lines.metric == column].value.isna().any():
        raise UserError(f"the row has no value of {column}, by which the board ranks, for some seed")
    if _repeats(lines) and not any(_repeats(row) for _, row in honest.groupby("row")):
        raise UserError("implausible: two seeds have the same scores to the last bit")
    ranking = honest[honest.metric == column].dropna(subset="value")
    scale = Scale.of(metrics.quantity(column), ranking.value.to_numpy(float))
    y = scale.to(lines[lines.metric == column].value.to_numpy(float))
    by_row = {
        str(row): scale.to(group.value.to_numpy(float)) for row, group in ranking.groupby("row") if len(group) > 1
    }
    _not_too_narrow(y, by_row, column)
    if "real" in by_row:
        _not_beyond(leaderboard.sign(column) * y, leaderboard.sign(column) * by_row["real"], column)


def _repeats(lines: pd.DataFrame) -> bool:
    """Whether two seeds of a row have the same values in all columns."""
    return bool(lines.pivot(index="seed", columns="metric", values="value").duplicated().any())


def _not_too_narrow(y: np.ndarray, by_row: Mapping[str, np.ndarray], column: str) -> None:
    least = min(by_row.values(), key=lambda values: float(values.var(ddof=1)), default=None)
    if least is None or not least.var(ddof=1) > 0:
        return
    if y.var(ddof=1) < least.var(ddof=1) * fdtri(len(y) - 1, len(least) - 1, RARE):
        raise UserError(
            f"implausible: the seeds of {column} differ far less than those of every row of the board, although each seed has "
            "another reference"
        )


def _not_beyond(y: np.ndarray, real: np.ndarray, column: str) -> None:
    """Both on a scale on which less is better."""
    error = real.std(ddof=1) * math.sqrt(1 / len(y) + 1 / len(real))
    if real.mean() - y.mean() > stdtrit(len(real) - 1, 1 - RARE) * error:
        raise UserError(f"implausible: by {column} the row is better than held-out real data")


def _rescored(path: Path, scored: ScoredSet, rules: Protocol, fetched: Mapping[str, Path]) -> Result | None:
    """The scores of a set again; None if its samples are not at hand."""
    given = submissions.samples_of(path, scored, fetched)
    if given is None:
        return None
    if given.manifest["sha256"] != scored.scores.samples.sha256:
        raise UserError(f"the samples of seed {scored.seed} are not those that were scored: their hash is another one")
    check_size(given, rules)
    check_origin(given.x, rules.dataset, f"the samples of seed {scored.seed}")
    again = rules.score(given, scored.seed)
    check_scores(scored, again, rules.track)
    return again


def check_size(given: SampleSet, rules: Protocol) -> None:
    """Refuse another number of samples than the board's.

    Raises:
        UserError: in one sentence.
    """
    n = rules.track.samples
    if len(given.x) != n:
        raise UserError(
            f"{given.manifest['name']} has {amount(len(given.x), given.x.shape[1:])}, but the board scores exactly {n:,}"
        )


def check_scores(scored: ScoredSet, again: Result, track: Track) -> None:
    """Refuse scores that are unlike those of the samples: see `tolerance`.

    Raises:
        UserError: in one sentence.
    """
    old, new = scored.scores.model_dump()["metrics"], again.model_dump()["metrics"]
    for column in track.metrics:
        a, b = _cell(old, column, scored.seed), _cell(new, column, scored.seed)
        for key in ("value", "low", "high"):
            if (a[key] is None) != (b[key] is None) or (
                b[key] is not None and abs(a[key] - b[key]) > tolerance(b, key, column, again.samples.n)
            ):
                name = column if key == "value" else f"the interval of {column}"
                raise UserError(
                    f"forged scores: {name} of seed {scored.seed} is {_text(a[key])} in the submission, but its samples give "
                    f"{_text(b[key])}"
                )


def _text(value: float | None) -> str:
    return "empty" if value is None else f"{value:.6g}"


def tolerance(cell: Mapping[str, Any], key: str, column: str, n: int) -> float:
    """By how much a number may differ from the re-scored number, because another processor rounds otherwise.

    The largest of: half a unit of the third digit, which is the last digit of the page; `NARROW` of the interval; for shares
    `FLIPS` samples.

    >>> round(tolerance({"value": 4.956, "low": 4.66, "high": 5.25}, "value", "fid", 398), 6)
    0.0059
    """
    size = abs(cell[key])
    digit = 0.5 * 10.0 ** (math.floor(math.log10(size)) - 2) if size > 0 else 0.0
    width = 0.0 if cell["low"] is None else cell["high"] - cell["low"]
    flips = FLIPS / n if metrics.quantity(column) == "share" else 0.0
    return max(digit, NARROW * width, flips)


def check_origin(x: Rows, dataset: str, what: str) -> None:
    """Refuse samples that are real samples to the bit: training samples, or held-out samples.

    Raises:
        UserError: in one sentence.
    """
    train, test = (np.asarray(data.load(dataset, split).x) for split in ("train", "test"))
    chance = len(_prints(test) & _prints(train)) / len(test) + CHANCE
    for name, real in {"training": train, "held-out": test}.items():
        prints = _prints(real)
        equal = sum(sample.tobytes() in prints for block in blocks(x) for sample in np.asarray(x[block]))
        if equal > chance * len(x):
            raise UserError(f"copies: {equal:,} of {len(x):,} of {what} are {name} samples to the bit")


def _prints(x: np.ndarray) -> set[bytes]:
    return {sample.tobytes() for sample in x}


def check_copies(results: Mapping[int, Result], dataset: str) -> None:
    """Refuse copies of the training set: the verdict of `memorisation`, over all seeds.

    The verdict on a single set is wrong for 2.5 % of honest sets. So a row is refused if the lower end of the copied share is
    above `SURELY` in any set, or above 0 in more than half of the sets.

    Args:
        results: by seed. A set whose samples are not at hand has the memorisation that was submitted, if any.
        dataset: for the message.

    Raises:
        UserError: in one sentence.
    """
    shares = {seed: result.metrics[COPIES] for seed, result in results.items() if COPIES in result.metrics}
    low = {seed: m.interval[0] for seed, m in shares.items() if m.value is not None and m.interval is not None}
    copied = [seed for seed, end in low.items() if end > 0]
    if any(end > SURELY for end in low.values()) or 2 * len(copied) > len(results):
        worst = max(low, key=lambda seed: low[seed])
        raise UserError(
            f"copies: {_copied(shares[worst])} of the samples of seed {worst} are copies of {dataset}:train"
        )


def _copied(m: Measured) -> str:
    assert m.value is not None
    assert m.interval is not None
    value, low, high = (f"{100 * share:.3g}" for share in (m.value, *m.interval))
    return f"about {value} % (95 %: {low} % to {high} %)"


def escaped(text: str) -> str:
    r"""A stranger's text as Markdown that says only what it says.

    >>> escaped("a|b <img>[x](y)")
    'a\\|b \\<img\\>\\[x\\](y)'
    """
    return re.sub(r"([\\`*_{}\[\]<>|#!~&])", r"\\\1", plain(text[:LONGEST]))


def summary(published: Published, own: pd.DataFrame, shown: Sequence[Judged]) -> pd.DataFrame:
    """The cells of third-party rows, one line per dataset, row and column: see `leaderboard.summarise`."""
    lines = [line for verdict in shown for line in _rows_of(published, verdict).to_dict("records")]
    both = pd.DataFrame([*own.to_dict("records"), *lines], columns=leaderboard.COLUMNS)
    cells = leaderboard.summarise(both)
    return cells[cells.kind == KIND]


def _rows_of(published: Published, verdict: Judged) -> pd.DataFrame:
    assert verdict.submission is not None
    return rows(verdict.submission, published.board.datasets[verdict.submission.dataset])


def place(published: Published, own: pd.DataFrame, verdict: Judged) -> str:
    """The rank, and in brackets the possible ranks, that a re-scored row would have if it alone joined the table.

    Empty for a row that is not re-scored, or that lacks a seed of the board.
    """
    submission = verdict.submission
    assert submission is not None
    if verdict.mark != "re-scored" or len(submission.sets) < len(published.board.seeds):
        return ""
    joined = _rows_of(published, verdict).assign(kind="baseline").to_dict("records")
    scores = pd.DataFrame([*own.to_dict("records"), *joined], columns=leaderboard.COLUMNS)
    track = published.board.datasets[submission.dataset]
    ranked = leaderboard.rank(leaderboard.comparison(scores, submission.dataset, track.rank))
    return leaderboard.rank_text(ranked.loc[submission.row].to_dict())


def section(published: Published, judged: Iterable[Judged]) -> tuple[str, str]:
    """The part of the board's page about third-party rows and struck rows, and the table of the cells as CSV.

    Both are empty if there is nothing to say.
    """
    judged, entries = list(judged), invalid.read(published.folder)
    shown = [verdict for verdict in judged if verdict.mark in ("re-scored", "self-reported")]
    parts, table = [], ""
    own = invalid.strike(published.scores(), entries)
    if shown:
        cells = summary(published, own, shown)
        marks = {(v.submission.dataset, v.submission.row): v.mark for v in shown if v.submission is not None}
        keys = list(zip(cells.dataset, cells.row, strict=True))
        kept = ["metric", "seeds", "quantity", "values", "perfect", *leaderboard.STATISTICS, "reason"]
        table = (
            cells[["dataset", "row"]].assign(mark=[marks[key] for key in keys]).join(cells[kept]).to_csv(index=False)
        )
        parts += ["## Third-party rows", HOW_TO_READ, *_tables(published, own, cells, shown)]
    if entries:
        parts += ["## Struck", "\n".join(_struck(entry) for entry in entries)]
    return "\n\n".join([BEGIN, *parts, END]) + "\n" if parts else "", table


def _tables(published: Published, own: pd.DataFrame, cells: pd.DataFrame, shown: Sequence[Judged]) -> list[str]:
    """A table per dataset, and the reasons of its empty cells."""
    out = []
    for dataset, track in published.board.datasets.items():
        of = {v.submission.row: v for v in shown if v.submission is not None and v.submission.dataset == dataset}
        if not of:
            continue
        board = published.board.model_copy(update={"datasets": {dataset: track}})
        unranked = cells.assign(**dict.fromkeys(leaderboard.BRACKETS, np.nan))
        lines, reasons = leaderboard.tables(board, unranked)[dataset]
        kept = [name for name in lines[0] if name.startswith("seeds of ") or name.rstrip(" ↓↑") in track.metrics]
        table = [_line(published, own, of[line["row"]]) | {name: line[name] for name in kept} for line in lines]
        out += [f"### {dataset}", pd.DataFrame(table).to_markdown(index=False, disable_numparse=True)]
        out += [f"({i}) {escaped(reason)}" for i, reason in enumerate(reasons, 1)]
    return out


def _line(published: Published, own: pd.DataFrame, verdict: Judged) -> dict[str, str]:
    submission = verdict.submission
    assert submission is not None
    source = "" if submission.source is None else f" ([source]({submission.source}))"
    trained = ", ".join(str(scored.trained_with) for scored in submission.sets)
    return {
        "row": submission.row,
        "mark": f"*{verdict.mark}*",
        "place": place(published, own, verdict),
        "model": f"{escaped(submission.model)}{source}",
        "training seeds": trained,
    }


def _struck(entry: Invalid) -> str:
    what = f"row `{entry.row}`" if entry.row is not None else f"run `{entry.run}`"
    where = "" if entry.dataset is None else f" of {entry.dataset}"
    return f"- {what}{where}, {entry.text}"


HOW_TO_READ = """Other people made the samples of these rows. ganbench has not trained these models, and their budgets are not
known. *re-scored*: the samples are at hand and are no copies of the training set, and the referee has scored them again with
the same result. *self-reported*: some samples are not at hand, so the scores are those that the author reports. These rows do
not enter the ranks above. `place` is the rank that a re-scored row would have if it alone joined the table. The brackets give
the ranks that are possible at 95 %."""


def pages(published: Published, judged: Iterable[Judged]) -> dict[str, bytes | None]:
    """The files of a board that its third-party rows and its invalidation list change, as they should be.

    None stands for a file that should not be there.
    """
    text, table = section(published, judged)
    out: dict[str, bytes | None] = {CSV: table.encode() or None}
    page = published.folder / PAGE
    main = page.read_text(encoding="utf-8").partition(BEGIN)[0]
    facts = origin.block(main)
    if (published.folder / invalid.FILE).exists():
        struck = invalid.strike(published.scores(), invalid.read(published.folder))
        with TemporaryDirectory(prefix="ganbench-") as scratch:
            leaderboard.write(published.title, published.board, struck, Path(scratch))
            out |= {path.name: path.read_bytes() for path in Path(scratch).iterdir() if path.name != PAGE}
            main = origin.with_block(Path(scratch, PAGE).read_text(encoding="utf-8"), facts)
    return out | {PAGE: (f"{main.rstrip()}\n\n{text}" if text else f"{main.rstrip()}\n").encode()}


def stale(published: Published, judged: Iterable[Judged]) -> list[str]:
    """The text files of a board that do not show what the referee says."""
    wanted = {name: content for name, content in pages(published, judged).items() if not name.endswith(".parquet")}
    return sorted(name for name, content in wanted.items() if _content(published.folder / name) != content)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def write(published: Published, judged: Iterable[Judged]) -> list[str]:
    """Write what the referee says on the board's page, and into `third-party.csv`.

    Returns the names of the files that the third-party rows and the invalidation list change.
    """
    wanted = pages(published, judged)
    for name, content in wanted.items():
        if content is not None:
            files.write(published.folder / name, content)
        else:
            (published.folder / name).unlink(missing_ok=True)
    return [*wanted, invalid.FILE]


def carry_over(old: Path, published: Published) -> None:
    """Bring the submissions and the invalidation list in the folder `old` into the published board that replaces it.

    A submission that the new board refuses stays in the folder, but not on the page.
    """
    listed, submitted = old / invalid.FILE, old / submissions.FOLDER
    if listed.exists():
        shutil.copy(listed, published.folder / invalid.FILE)
    if submitted.is_dir():
        shutil.copytree(submitted, published.folder / submissions.FOLDER)
    if listed.exists() or submitted.is_dir():
        write(published, judge(published, {}))
