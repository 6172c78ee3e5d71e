"""The published boards as the site shows them: one table per board and dataset, read from the published files alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ganbench import baseline
from ganbench.boards import brief, leaderboard, page
from ganbench.boards.answers import Row
from ganbench.boards.board import Track
from ganbench.boards.drawings import Axis, axis
from ganbench.boards.published import MANIFEST, altered
from ganbench.boards.published import read as read_published
from ganbench.errors import UserError

SHOWN = 5  # closest samples of a run


class Run(NamedTuple):
    """One run of a row: its record as it was published."""

    name: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Table(brief.Table):
    """A table with its runs, its pages and its axes."""

    runs: Mapping[str, tuple[Run, ...]]  # by row; a missing run is left out
    labelled: frozenset[str]  # rows whose losses look at labels

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

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The axis that all strips of a column share, for every column."""
        return {column: axis(self, column) for column in self.columns}

    def file(self, row: str) -> str:
        """The name of the baseline behind a row, which may be no baseline of this program."""
        return Path(self.track.rows[row].baseline or row).stem

    @property
    def with_parts(self) -> list[Row]:
        """The rows whose scores after parts of their budget were measured."""
        return [row for row in self.baselines if not pd.isna(row.cells[self.track.rank]["half"])]


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
    folders = sorted(path.parent for path in results.glob(f"*/{MANIFEST}"))
    if not folders:
        raise UserError(f"{results} holds no published board; `ganbench publish BOARD` makes one")
    return [read(folder) for folder in folders]


def read(folder: Path) -> Board:
    """A published board, from its files.

    The tables are computed anew from the published scores of the runs, so that boards of all ages have the same intervals.

    Raises:
        UserError: a file of the board is not what was published.
    """
    published = read_published(folder)
    if wrong := altered(folder, published.manifest):
        raise UserError(f"{wrong[0]}; restore the published files first")
    records = {path.stem: leaderboard.read_json(path) for path in sorted((folder / "runs").glob("*.json"))}
    scores = published.scores()
    tables = []
    for table in page.read(folder, published):
        scored = scores[scores.dataset == table.dataset]
        named = {row.name: list(dict.fromkeys(scored[scored.row == row.name].run)) for row in table.rows}
        runs = {
            row: tuple(Run(name, records[name]) for name in names if name in records) for row, names in named.items()
        }
        facts = (table.board, table.dataset, table.track, table.rows, table.compared, table.seeds)
        tables.append(Table(*facts, runs, labelled(table.track, runs)))
    return Board(published.title, folder, published.manifest, tuple(tables))


class Publication(NamedTuple):
    """When a board was published, and by which versions."""

    date: str
    recipe: int
    version: int  # of the ranking metric


class Past(NamedTuple):
    """The ranking column of a table at each publication, the oldest first."""

    publications: list[Publication]
    rows: dict[str, list[dict[Hashable, Any] | None]]  # None where a publication lacks the row


def past(lines: pd.DataFrame, dataset: str) -> Past | None:
    """The history of a table, from `history.read`; None if there is none."""
    own = lines[lines.dataset == dataset]
    if own.empty:
        return None
    groups = [group for _, group in own.groupby("publication", sort=False)]
    publications = [Publication(g.date.iloc[0], int(g.recipe.iloc[0]), int(g.version.iloc[0])) for g in groups]
    cells = [dict(zip(group.row, group.to_dict("records"), strict=True)) for group in groups]
    return Past(
        publications,
        {
            row: [column.get(row) for column in cells]
            for row in dict.fromkeys(row for group in groups[::-1] for row in group.row)
        },
    )


class Neighbours(NamedTuple):
    """A sample, and the training samples that lie nearest to it."""

    sample: int
    nearest: list[int]
    distances: list[float]


class Closest(NamedTuple):
    """The samples of a run that lie nearest to the training split, and its pairs of samples that lie nearest together."""

    run: str
    neighbours: list[Neighbours]
    pairs: list[tuple[int, int, float]]


def closest(table: Table, row: Row) -> list[Closest]:
    """The closest samples of each run of a row whose record has them."""
    out = []
    for run in table.runs[row.name]:
        measured = run.record["scores"]["metrics"]
        gallery = measured.get("memorisation", {}).get("gallery", [])[:SHOWN]
        twins = measured.get("support", {}).get("closest", [])[:SHOWN]
        if gallery or twins:
            neighbours = [Neighbours(*entry[:3]) for entry in gallery]
            out.append(Closest(run.name, neighbours, [tuple(pair) for pair in twins]))
    return out


def labelled(track: Track, runs: Mapping[str, Sequence[Run]]) -> frozenset[str]:
    """The rows that were trained with labels: their data have classes, and the losses of their baseline look at them."""
    with_classes = {
        row for row, own in runs.items() if row in track.rows and own and own[0].record["samples"]["run"]["classes"]
    }
    return frozenset(row for row in with_classes if _looks_at_labels(Path(track.rows[row].baseline or row).stem))


def _looks_at_labels(name: str) -> bool:
    if name not in baseline.names():
        return False
    gan = baseline.load(baseline.resolve(name))[0]
    return gan.conditional or gan.supervised
