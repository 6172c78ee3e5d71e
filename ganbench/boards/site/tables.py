"""The published boards as the site shows them: one table per board and dataset, read from the published files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ganbench import baseline, metrics
from ganbench.boards import answers, brief, invalid, leaderboard, protocol, publishing
from ganbench.boards.answers import Answer, Gate, Row
from ganbench.boards.board import Track
from ganbench.boards.leaderboard import Comparison
from ganbench.boards.site.drawings import Axis, Plot, plot
from ganbench.errors import UserError
from ganbench.scoring import result

ASKED = (answers.BEST, answers.CERTAIN, answers.COPIES, answers.MODES)
GOOD = {"good": "no fault seen", "unknown": "not checked"}


class Run(NamedTuple):
    """One run of a row: its record as it was published."""

    name: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """The table of a board on one dataset."""

    board: str
    dataset: str
    track: Track
    rows: tuple[Row, ...]  # baselines, the best rank first, then controls
    runs: Mapping[str, tuple[Run, ...]]  # by row
    compared: Comparison
    labelled: frozenset[str]  # rows whose losses look at labels
    seeds: int

    @property
    def name(self) -> str:
        """A name that no other table has."""
        return f"{self.board}.{self.dataset}"

    @property
    def address(self) -> str:
        """The page of this table, from the root of the site."""
        return f"board/{self.name}.html"

    def page(self, row: str) -> str:
        """The page of a row, from the root of the site."""
        return f"row/{self.name}.{row}.html"

    @property
    def baselines(self) -> list[Row]:
        """The rows that are no controls."""
        return [row for row in self.rows if not row.control]

    @property
    def controls(self) -> list[Row]:
        """The rows that are controls."""
        return [row for row in self.rows if row.control]

    @cached_property
    def columns(self) -> list[str]:
        """The columns, the most important ones first; a column without any number is left out."""
        return [c for c in brief.columns(self.track) if any(not brief.is_empty(row.cells.get(c)) for row in self.rows)]

    @property
    def shown(self) -> list[str]:
        """The columns that a page shows at first."""
        return self.columns[: 1 + brief.SHOWN]

    @cached_property
    def digits(self) -> dict[str, int]:
        """The decimals of every column."""
        return {column: brief.places([row.cells[column] for row in self._filled(column)]) for column in self.columns}

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The axis that all strips of a column share, for every column."""
        return {
            column: Axis.of(column, [row.cells[column] for row in self._filled(column)], self.lines(column))
            for column in self.columns
        }

    def _filled(self, column: str) -> list[Row]:
        """The baselines that have a number in a column; if there is none, the controls that have one."""
        filled = [row for row in self.rows if not brief.is_empty(row.cells.get(column))]
        return [row for row in filled if not row.control] or filled

    def lines(self, column: str) -> dict[str, float]:
        """The values of the controls in a column."""
        cells = {row.name: row.cells.get(column) for row in self.controls}
        return {name: float(cell["centre"]) for name, cell in cells.items() if cell and not brief.is_empty(cell)}

    def plot(self, wide: bool) -> Plot | None:
        """The ranking column against the seconds of a training; None if fewer than two rows have both."""
        return plot(self.baselines, self.axes[self.track.rank], wide) if self.track.rank in self.axes else None

    @cached_property
    def answers(self) -> list[Answer]:
        """The four questions of a reader, in their order, and then the further ones."""
        given = {answer.question: answer for answer in answers.answers(self.track, self.rows, self.compared)}
        unasked = {question: Answer(question, "Not measured here", UNASKED[question]) for question in ASKED}
        return list((unasked | given).values())

    @cached_property
    def verdicts(self) -> dict[str, list[Gate]]:
        """The verdicts on each row; a verdict without words says in words that nothing was wrong or checked."""
        return {
            row.name: [Gate(level, text or GOOD[level]) for level, text in answers.gates(row, self.compared)]
            for row in self.rows
        }

    def may_be_best(self, row: Row) -> bool:
        """Whether the intervals leave open that a row is the best one."""
        return bool(row.rank) and int(row.cells[self.track.rank]["rank_low"]) == 1

    def file(self, row: str) -> str:
        """The name of the baseline behind a row, which may be no baseline of this program."""
        return Path(self.track.rows[row].baseline or row).stem

    @property
    def with_parts(self) -> list[Row]:
        """The rows whose scores after parts of their budget were measured."""
        return [row for row in self.baselines if not pd.isna(row.cells[self.track.rank]["half"])]


UNASKED = {
    answers.BEST: "No row has a score.",
    answers.CERTAIN: "This question needs a first row and another row.",
    answers.COPIES: "This board does not compare samples with the training set.",
    answers.MODES: "The true modes of these data are unknown, or this board does not count modes.",
}


class Board(NamedTuple):
    """A published board."""

    name: str
    folder: Path
    manifest: dict[str, Any]
    tables: tuple[Table, ...]

    @property
    def about(self) -> str:
        """What the board is about."""
        return str(self.manifest["grid"]["about"])


def boards(results: Path) -> list[Board]:
    """The boards in a folder of published results, sorted by name.

    Raises:
        UserError: the folder has no published board, or a file of a board is not what was published.
    """
    folders = sorted(path.parent for path in results.glob(f"*/{publishing.MANIFEST}"))
    if not folders:
        raise UserError(f"{results} holds no published board; `ganbench publish BOARD` makes one")
    return [read(folder) for folder in folders]


def read(folder: Path) -> Board:
    """A published board, from its files.

    The tables are computed anew from the published scores of the runs, so that boards of all ages have the same intervals.

    Raises:
        UserError: a file of the board is not what was published.
    """
    manifest = publishing.read(folder)
    if wrong := publishing.altered(folder, manifest):
        raise UserError(f"{wrong[0]}; restore the published files first")
    published = protocol.read(f"{folder}/")
    entries = invalid.read(folder)
    scores = invalid.strike(published.scores(), entries)
    records = {path.stem: leaderboard.read_json(path) for path in sorted((folder / "runs").glob("*.json"))}
    results = {path.stem: result.read(path) for path in sorted((folder / "runs").glob("*.json"))}
    summary = leaderboard.aggregate(scores, published.board)
    tables = []
    for dataset, track in published.board.datasets.items():
        scored = scores[scores.dataset == dataset]
        rows = answers.read_rows(summary[summary.dataset == dataset], scored, results)
        named = {row.name: list(dict.fromkeys(scored[scored.row == row.name].run)) for row in rows}
        runs = {row: tuple(Run(name, records[name]) for name in names) for row, names in named.items()}
        compared = leaderboard.comparison(scores, dataset, track.rank)
        tables.append(
            Table(
                published.title,
                dataset,
                track,
                tuple(rows),
                runs,
                compared,
                labelled(track, runs),
                len(published.board.seeds),
            )
        )
    return Board(published.title, folder, manifest, tuple(tables))


def labelled(track: Track, runs: Mapping[str, Sequence[Run]]) -> frozenset[str]:
    """The rows that were trained with labels: their data have classes, and the losses of their baseline look at them."""
    with_classes = {
        row for row, own in runs.items() if row in track.rows and own[0].record["samples"]["run"]["classes"]
    }
    return frozenset(row for row in with_classes if _looks_at_labels(Path(track.rows[row].baseline or row).stem))


def _looks_at_labels(name: str) -> bool:
    if name not in baseline.names():
        return False
    gan = baseline.load(baseline.resolve(name))[0]
    return gan.conditional or gan.supervised


def label(column: str) -> str:
    """A column's name for people.

    >>> label("modes.high_quality"), label("modes.modes_fair"), label("fid")
    ('modes: high quality', 'modes: fair', 'fid')
    """
    name, _, further = column.partition(".")
    return ": ".join(part.replace("_", " ") for part in (name, further.removeprefix(f"{name}_")) if part)


def question(column: str) -> str:
    """The question that a column answers, from its metric's card."""
    return metrics.get(column.partition(".")[0]).card.answers
