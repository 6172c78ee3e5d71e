"""Which columns a short table of a board shows, and the short text of a cell."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ganbench import metrics
from ganbench.boards.board import Track
from ganbench.display.text import decimals, fixed, number

Cell = Mapping[Hashable, Any]  # a line of the leaderboard
SHOWN = 2  # columns beside the ranking column
BOUNDED = ("count", "share")


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
