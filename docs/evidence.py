"""The published tables, and the words for comparisons of their rows: docs/findings.py writes sentences with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

import front
import numpy as np
import pandas as pd
from scipy.special import stdtr

from ganbench import metrics
from ganbench.boards import controls, leaderboard, promises, published
from ganbench.boards.leaderboard import Comparison
from ganbench.config import RECIPE
from ganbench.display.text import listed, number
from ganbench.statistics import ALPHA, Interval, student

RESULTS = front.ROOT / "results"
MOST, CASES = 8, 5  # names, and comparisons, in a list


class Finding(NamedTuple):
    """A question, its answer, the numbers behind it, and the folders in `results/` that they were computed from."""

    question: str
    answer: str  # one to four sentences; empty where no published table can answer
    details: str  # a list or a table in Markdown
    sources: Iterable[str]


class Table(NamedTuple):
    """The published scores of a board on a dataset."""

    board: str
    dataset: str
    rank: str  # the ranking column
    scores: pd.DataFrame  # `leaderboard.COLUMNS`
    recipe: int = RECIPE
    versions: Mapping[str, int] = MappingProxyType({})  # of the metrics

    def __str__(self) -> str:
        """The name in a sentence."""
        return f"{self.dataset} of `{self.board}`"

    def rows(self, column: str, kind: str = "baseline") -> pd.DataFrame:
        """The values of a column, rows by seeds, of the rows with a value in every seed; in the order of the board."""
        cells = self.scores[(self.scores.metric == column) & (self.scores.kind == kind)]
        names = list(dict.fromkeys(cells.row))
        return cells.pivot(index="row", columns="seed", values="value").astype(float).reindex(names).dropna()

    def compared(self, column: str) -> Comparison:
        """The rows in a column, compared as on the board."""
        return leaderboard.comparison(self.scores, self.dataset, column)

    def cells(self, column: str) -> pd.DataFrame:
        """The lines of the leaderboard for a column, by row."""
        return leaderboard.summarise(self.scores[self.scores.metric == column]).set_index("row")

    def cost(self) -> pd.Series:
        """The mean seconds of a training, by row: of the processor, or of the clock on older boards."""
        trained = self.scores[self.scores.kind == "baseline"].groupby("row")[["cpu_seconds", "seconds"]].mean()
        return trained.cpu_seconds.fillna(trained.seconds)

    def is_current(self, metric: str) -> bool:
        """Whether the board was scored with the program's version of a metric."""
        return self.versions.get(metric) == metrics.get(metric).card.version


def tables() -> list[Table]:
    """Every published table with two rows or more and with all controls in its ranking column."""
    out = []
    for name in published.names():
        board = published.read(name)
        scores, recipe, versions = board.scores(), board.manifest.get("recipe", 0), board.manifest.get("metrics", {})
        for dataset, track in board.board.datasets.items():
            table = Table(name, dataset, track.rank, scores[scores.dataset == dataset], recipe, versions)
            if len(table.rows(track.rank)) > 1 and len(table.rows(track.rank, "control")) == len(controls.ROWS):
                out.append(table)
    return out


class Case(NamedTuple):
    """Two rows of a table in a column, one value per seed each."""

    table: Table
    column: str
    name: str  # of the comparison in a sentence
    row: np.ndarray
    other: np.ndarray
    pair: tuple[str, str] | None = None  # the names of two rows of the board

    @property
    def is_factor(self) -> bool:
        """Whether the rows are compared by their ratio."""
        positive = metrics.quantity(self.column) in ("positive", "bound")
        return positive and bool(min(self.row.min(), self.other.min()) > 0)

    @property
    def difference(self) -> np.ndarray:
        """The difference per seed; of logarithms for a ratio."""
        difference: np.ndarray = np.log(self.row / self.other) if self.is_factor else self.row - self.other
        return difference

    def __str__(self) -> str:
        """The name, the size of the difference, and its interval."""
        ends = np.array([self.difference.mean(), *student(self.difference)])
        if self.is_factor:
            return f"{self.name} (factor {ranged(*np.exp(ends))})"
        return f"{self.name} ({ends[0]:+.3g} [{ends[1]:+.3g}, {ends[2]:+.3g}])"


def cases(table: Table, column: str, pairs: Mapping[str, tuple[str, str]]) -> list[Case]:
    """The pairs of rows of a table that have a value in every seed, by the name of the comparison."""
    values = {str(row): seeds.to_numpy(float) for row, seeds in table.rows(column).iterrows()}
    there = {name: pair for name, pair in pairs.items() if set(pair) <= values.keys()}
    return [Case(table, column, name, values[row], values[other], (row, other)) for name, (row, other) in there.items()]


def holm(differences: Sequence[np.ndarray]) -> list[int]:
    """The sign of each mean of differences `[k]`; 0 if it is not clear at 95 % after Holm's correction for all of them.

    Differences without a spread are clear, unless they are 0.
    """
    p = []
    for values in differences:
        error = values.std(ddof=1) / np.sqrt(len(values))
        p.append(2 * stdtr(len(values) - 1, -abs(values.mean()) / error) if error else float(values.mean() == 0))
    clear = promises.holm(np.array(p)) < ALPHA
    return [int(np.sign(values.mean())) if sure else 0 for values, sure in zip(differences, clear, strict=True)]


BETTER, WORSE, ALONE, UNCLEAR = "clearly better", "clearly worse", "clear only alone", "not clear"


def judge(every: Sequence[Case]) -> list[str]:
    """The word for each case: its row is clearly better or worse, or the difference is clear only alone, or not clear."""
    words = []
    for case, clear in zip(every, holm([case.difference for case in every]), strict=True):
        low, high = student(case.difference)
        alone = ALONE if low > 0 or high < 0 else UNCLEAR
        words.append({-1: BETTER, 0: alone, 1: WORSE}[int(leaderboard.sign(case.column)) * clear])
    return words


def compare(every: Sequence[Case], what: str) -> tuple[str, str]:
    """The answer of comparisons of `what` with others, and a line per table and column; both empty without comparisons."""
    if not every:
        return "", ""
    words = judge(every)
    lines = []
    for _, group in groupby(zip(every, words, strict=True), lambda pair: (str(pair[0].table), pair[0].column)):
        members = list(group)
        said = [
            f"{word}: {listed([str(case) for case, told in members if told == word], CASES)}"
            for word in (BETTER, WORSE, ALONE, UNCLEAR)
            if any(told == word for _, told in members)
        ]
        table, column = members[0][0].table, members[0][0].column
        lines.append(f"- {table}, by {by(column)}: {'; '.join([*said, *on_board(table, column, every)])}.")
    answer = (
        f"In {words.count(BETTER)} of {len(words)} comparisons {what} is clearly better, and in {words.count(WORSE)} it is "
        f"clearly worse. In {words.count(ALONE)} the difference is clear only if it is looked at alone."
    )
    return answer, "\n".join(lines)


def on_board(table: Table, column: str, every: Sequence[Case]) -> list[str]:
    """Which pairs of rows the simultaneous intervals of the board tell apart; empty outside of the ranking column."""
    pairs = {case.name: case.pair for case in every if case.table is table and case.column == column and case.pair}
    if column != table.rank or not pairs:
        return []
    clear = table.compared(column).clear()
    names = [name for name, (row, other) in pairs.items() if clear & {(row, other), (other, row)}]
    return [f"by the intervals of the board, clear: {', '.join(names) or 'none'}"]


def by(column: str) -> str:
    """A column and its better direction."""
    return f"`{column}` ({'less' if leaderboard.sign(column) > 0 else 'more'} is better)"


def ranged(value: float, low: float, high: float) -> str:
    """A number and its interval."""
    return f"{number(value)} [{number(low)}, {number(high)}]"


def percent(value: float, ends: Interval) -> str:
    """A share and its interval in per cent; the ends are cut to a share."""
    low, high = np.clip(ends, 0, 1)
    return f"{number(round(100 * value, 1))} % [{number(round(100 * low, 1))}, {number(round(100 * high, 1))}]"


def named(rows: Iterable[str]) -> str:
    """Names of rows in a list; "none" without any."""
    quoted = [f"`{row}`" for row in rows]
    return listed(quoted, MOST) if quoted else "none"


def grid(lines: Sequence[Mapping[str, object]]) -> str:
    """Lines as a table in Markdown; empty without any."""
    return pd.DataFrame(lines).astype(str).to_markdown(index=False, disable_numparse=True) if lines else ""
