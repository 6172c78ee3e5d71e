"""A board in short: the answers to a reader's questions, and of every row the columns that matter most."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ganbench import metrics
from ganbench.boards import answers
from ganbench.boards.answers import Answer, Gate, Row
from ganbench.boards.board import Track
from ganbench.boards.leaderboard import Comparison
from ganbench.display.text import decimals, fixed, number

Cell = Mapping[Hashable, Any]  # a line of the leaderboard
SHOWN = 2  # columns beside the ranking column
BOUNDED = ("count", "share")
ASKED = (answers.BEST, answers.CERTAIN, answers.COPIES, answers.MODES)
GOOD = {"good": "no fault seen", "unknown": "not checked"}
UNASKED = {
    answers.BEST: "No row has a score.",
    answers.CERTAIN: "This question needs a first row and another row.",
    answers.COPIES: "This board does not compare samples with the training set.",
    answers.MODES: "The true modes of these data are unknown, or this board does not count modes.",
}


@dataclass(frozen=True)
class Table:
    """The table of a board on one dataset."""

    board: str
    dataset: str
    track: Track
    rows: tuple[Row, ...]  # baselines, the best rank first, then controls
    compared: Comparison
    seeds: int

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
        return [c for c in columns(self.track) if any(not is_empty(row.cells.get(c)) for row in self.rows)]

    @property
    def shown(self) -> list[str]:
        """The columns that a page shows at first."""
        return self.columns[: 1 + SHOWN]

    @cached_property
    def digits(self) -> dict[str, int]:
        """The decimals of every column."""
        return {column: places([row.cells[column] for row in self.filled(column)]) for column in self.columns}

    def filled(self, column: str) -> list[Row]:
        """The baselines that have a number in a column; if there is none, the controls that have one."""
        filled = [row for row in self.rows if not is_empty(row.cells.get(column))]
        return [row for row in filled if not row.control] or filled

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


def columns(track: Track) -> list[str]:
    """All columns of a track: the ranking column, then `SHOWN` that a short table shows, then the others.

    Counts and shares are shown first. They have an end, so a reader can read them without a second number.
    """
    others = [column for column in track.metrics if column != track.rank]
    first = [column for column in others if metrics.quantity(column) in BOUNDED][:SHOWN]
    return [track.rank, *first, *(column for column in others if column not in first)]


def better(column: str) -> str:
    """Which direction is better: "lower", "higher" or "target". A further number of a metric has no card, and so a target."""
    return "target" if "." in column else metrics.get(column).card.better


def is_empty(cell: Cell | None) -> bool:
    """Whether a cell has no number."""
    return cell is None or bool(pd.isna(cell["mean"]))


def places(cells: Sequence[Cell]) -> int:
    """The number of decimals of a column: the largest value has three digits, and a column of counts has none."""
    if all(cell["quantity"] in ("count", "bound") and float(cell["centre"]).is_integer() for cell in cells):
        return 0
    return decimals(float(cell["centre"]) for cell in cells)


def value(cell: Cell, digits: int | None = None) -> str:
    """The mean, the median of a count, or the least of bounds; with three significant digits, or with `digits` decimals."""
    mark = "≥ " if cell["quantity"] == "bound" else ""
    return mark + _text(float(cell["centre"]), digits)


def spread(cell: Cell, digits: int) -> str:
    """How far the value is certain: half of the width of its 95 % interval; of a count its range; of a bound nothing."""
    low, high = float(cell["low"]), float(cell["high"])
    if not np.isfinite([low, high]).all():
        return ""
    if cell["quantity"] == "count":
        return "" if low == high else f"{fixed(low, 0)}–{fixed(high, 0)}"
    return f"±{fixed((high - low) / 2, digits)}"


def ends(cell: Cell) -> str:
    """The interval of a value, or the range of a count, in words; empty without one."""
    low, high = float(cell["low"]), float(cell["high"])
    return f"{_text(low)} to {_text(high)}" if np.isfinite([low, high]).all() else ""


def _text(x: float, digits: int | None = None) -> str:
    return minus(number(x) if digits is None else fixed(x, digits))


def minus(text: str) -> str:
    """A number with the mathematical minus sign."""
    return text.replace("-", "\N{MINUS SIGN}")


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
