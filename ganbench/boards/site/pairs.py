"""Two rows side by side: in every column their difference over seeds, its 95 % interval, and whether the difference is clear.

A difference is paired by seed, and its interval is Student's. It holds by itself. In the ranking column the intervals of all
pairs hold together, as for the ranks (`leaderboard.Comparison`): they alone say what is clear there.
"""

from __future__ import annotations

import json
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ganbench import metrics
from ganbench.boards import brief, leaderboard
from ganbench.boards.answers import Row
from ganbench.boards.brief import Table
from ganbench.display.text import fixed
from ganbench.statistics import student

UNCLEAR = "not clear"


class Difference(NamedTuple):
    """By how much the first of two rows exceeds the second one in a column."""

    value: str
    interval: str
    verdict: str


def difference(table: Table, first: Row, second: Row, column: str) -> Difference | None:
    """The difference of two rows in a column; None for bounds, and where a seed has no value."""
    pair = [row.values.get(column, np.array([])) for row in (first, second)]
    if metrics.quantity(column) == "bound" or len(pair[0]) < 2 or len(pair[0]) != len(pair[1]):
        return None
    by_seed = pair[0] - pair[1]
    if not np.isfinite(by_seed).all():
        return None
    low, high = student(by_seed)
    digits = max(table.digits[column], 1)
    value, *ends = (brief.minus(fixed(x, digits)) for x in (float(by_seed.mean()), low, high))
    return Difference(value, " to ".join(ends), _verdict(table, first, second, column, (low, high)))


def _verdict(table: Table, first: Row, second: Row, column: str, ends: tuple[float, float]) -> str:
    compared = table.compared
    if column == table.track.rank and {first.name, second.name} <= set(compared.names):
        low, high = compared.interval(first.name, second.name)  # by how much the first row is worse
    else:
        low, high = sorted(leaderboard.sign(column) * end for end in ends)
    if low <= 0 <= high:
        return UNCLEAR
    if brief.better(column) == "target":
        return "clear"
    return f"{first.name if high < 0 else second.name} is better"


def as_json(table: Table) -> str:
    """The differences of all pairs of rows as JSON: `pairs` has, by "FIRST|SECOND", one entry per column of `columns`.

    The first row of a pair stands above the second one in the table.
    """
    pairs = {
        f"{first.name}|{second.name}": [difference(table, first, second, column) for column in table.columns]
        for first, second in combinations(table.rows, 2)
    }
    content = {"columns": table.columns, "pairs": pairs}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
