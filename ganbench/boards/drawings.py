"""Pictures of numbers as coordinates, which the templates draw as SVG: strips of seeds, a plot, curves.

A coordinate along a strip is a share of its width in per cent, so a strip fits every screen without a script.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator

from ganbench import metrics
from ganbench.boards import brief, controls
from ganbench.boards.answers import Row
from ganbench.boards.brief import Cell
from ganbench.display.text import number
from ganbench.statistics import Scale, over_seeds
from ganbench.training.run import PARTS

FAR = 12.0  # if the largest positive value is so many times the smallest, the axis is logarithmic
MARGIN = 3.0  # per cent of a strip left free at each end
TICKS = 5
LETTER = 7.2  # pixels of a letter of a plot
LINE = 14.0  # pixels of a line of text
ASIDE = 8.0  # pixels between a point and its name
FAR_APART = 4.0  # as `FAR`, for a plot that shows parts of the budget

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    text: str


class Strip(NamedTuple):
    """What the strip of a cell shows; every place is in per cent."""

    low: float | None
    high: float | None
    centre: float | None
    beyond: str  # an arrow if the centre lies beyond an end of the axis
    seeds: list[float]
    said: str  # the same in words


class Axis(NamedTuple):
    """The axis that all strips of a column share."""

    column: str
    low: float
    high: float
    logarithmic: bool
    lines: Mapping[str, float]  # the values of the controls

    @classmethod
    def of(cls, column: str, cells: Iterable[Cell], lines: Mapping[str, float], others: Sequence[float] = ()) -> Axis:
        """The axis of all seeds and intervals of `cells`, of `others`, and of the controls that lie near."""
        far = FAR_APART if others else FAR
        shown = [x for cell in cells if not brief.is_empty(cell) for x in (*_known(cell), *_seeds(cell))]
        values = np.array([*shown, *others])
        values = values if len(values) else np.array(list(lines.values()) or [0.0])
        values = np.clip(values, *metrics.limits(column))
        log = bool(values.min() > 0 and values.max() / values.min() >= far and metrics.quantity(column) == "positive")
        low, high = float(values.min()), float(values.max())
        for line in lines.values():
            near = low / FAR <= line <= high * FAR if log and line > 0 else 2 * low - high <= line <= 2 * high - low
            if near and (line > 0 or not log):
                low, high = min(low, line), max(high, line)
        if not log and 0 <= low < 0.35 * high:
            low = 0.0
        return cls(column, low, high if high > low else low + 1, log, lines)

    def share(self, x: float) -> float:
        """Where a value lies between the ends, from 0 to 1; a value beyond an end lies at it."""
        low, high, value = (np.log(v) if self.logarithmic else v for v in (self.low, self.high, max(x, self.low)))
        return float(np.clip((value - low) / (high - low), 0, 1))

    def at(self, x: float) -> float:
        """Where a value lies, in per cent."""
        return round(MARGIN + (100 - 2 * MARGIN) * self.share(x), 1)

    def holds(self, x: float) -> bool:
        """Whether a value lies between the ends."""
        return self.low <= x <= self.high

    @property
    def values(self) -> list[float]:
        """The values that get a mark."""
        locator = LogLocator(subs=(1, 2, 5)) if self.logarithmic else MaxNLocator(TICKS, steps=[1, 2, 5, 10])
        marks = [float(v) for v in locator.tick_values(self.low, self.high) if self.low <= v <= self.high * (1 + 1e-9)]
        return marks if len(marks) <= TICKS + 1 else marks[:: -(-len(marks) // TICKS)]

    @property
    def ticks(self) -> list[Tick]:
        """The marks, in per cent."""
        return [Tick(self.at(v), brief.minus(f"{v:g}")) for v in self.values]

    @property
    def controls(self) -> dict[str, float]:
        """Where the controls lie that are on the axis, in per cent."""
        return {name: self.at(v) for name, v in self.lines.items() if self.holds(v)}

    def strip(self, row: str, cell: Cell) -> Strip:
        """The strip of a cell."""
        centre, ends = float(cell["centre"]), _known(cell)
        seeds = [self.at(v) for v in _seeds(cell) if self.holds(v)]
        beyond = "" if self.holds(centre) else "◀" if centre < self.low else "▶"
        interval = f", 95 % interval {number(ends[0])} to {number(ends[1])}" if len(ends) == 2 else ""
        said = f"{row}: {self.column} {number(centre)}{interval}"
        low, high = (self.at(end) for end in ends) if len(ends) == 2 else (None, None)
        return Strip(low, high, self.at(centre), beyond, seeds, said)


def axis(table: brief.Table, column: str) -> Axis:
    """The axis that all strips of a column of a table share."""
    return Axis.of(column, [row.cells[column] for row in table.filled(column)], control_lines(table, column))


def control_lines(table: brief.Table, column: str) -> dict[str, float]:
    """The values of the controls that every board has, of a table in a column. Each has a line of its own kind."""
    cells = {row.name: row.cells.get(column) for row in table.controls if row.name in controls.ROWS}
    return {name: float(cell["centre"]) for name, cell in cells.items() if cell and not brief.is_empty(cell)}


def _seeds(cell: Cell) -> list[float]:
    return [value for value in json.loads(cell["values"]) if value is not None]


def _known(cell: Cell) -> list[float]:
    """The ends of a cell's interval that are numbers."""
    return [float(cell[end]) for end in ("low", "high") if np.isfinite(float(cell[end]))]


class Part(NamedTuple):
    """The score of a row after a part of its budget; places are in pixels."""

    x: float
    y: float
    low: float
    high: float


class Point(NamedTuple):
    """A row in the plot; places are in pixels."""

    row: str
    x: float
    y: float
    low: float
    high: float
    front: bool  # no other row is both cheaper and better
    label: tuple[float, float] | None  # where its name stands; None where there is no room
    said: str
    parts: list[Part]  # of its budget, the least part first; empty where they were not measured


class Plot(NamedTuple):
    """A score against the seconds of its training."""

    width: int
    height: int
    box: Box  # of the frame
    points: list[Point]
    across: list[Tick]
    up: list[Tick]
    lines: dict[str, float]
    names: list[tuple[float, float, str]]  # of the controls
    unit: str


def plot(table: brief.Table, wide: bool) -> Plot | None:
    """The ranking column of a table against the CPU seconds of a training; None if fewer than two rows have both.

    The scores after parts of the budget stand at these parts of the seconds.
    """
    column = table.track.rank
    rows = [row for row in table.baselines if not brief.is_empty(row.cells[column])]
    unit = "cpu_seconds" if all(np.isfinite(float(row.cells[column]["cpu_seconds"])) for row in rows) else "seconds"
    cells = {row.name: row.cells[column] for row in rows}
    cells = {row: cell for row, cell in cells.items() if len(_known(cell)) == 2 and np.isfinite(float(cell[unit]))}
    if len(cells) < 2:
        return None
    earlier = {row.name: after_parts(row, column) for row in rows if row.name in cells}
    ends = [x for parts in earlier.values() for triple in parts.values() for x in triple]
    axis = Axis.of(column, cells.values(), control_lines(table, column), ends)
    width, height = (1160, 400) if wide else (340, 340)
    left, top, right, bottom = 56.0, 14.0, width - (96.0 if wide else 12.0), height - 42.0
    spans = [np.log(float(cells[row][unit]) * share) for row in cells for share in (*earlier[row], 1.0)]
    first, last = min(spans) - 0.15, max(spans) + 0.25

    def x(seconds: float) -> float:
        return round(left + (right - left) * float((np.log(seconds) - first) / (last - first)), 1)

    def y(score: float) -> float:
        return round(bottom - (bottom - top) * axis.share(score), 1)

    places = {row: (x(float(cell[unit])), y(float(cell["centre"]))) for row, cell in cells.items()}
    before = {
        row: [
            Part(x(float(cells[row][unit]) * share), y(centre), y(low), y(high))
            for share, (centre, low, high) in parts.items()
        ]
        for row, parts in earlier.items()
    }
    lines = {name: y(v) for name, v in axis.lines.items() if axis.holds(v)}
    names = _line_names(lines, left, right, wide)
    taken = [(px - 5, py - 5, px + 5, py + 5) for px, py in places.values()]
    taken += [(part.x - 4, part.y - 4, part.x + 4, part.y + 4) for parts in before.values() for part in parts]
    taken += [(px, py - LINE / 2 - 3, px + LETTER * len(text), py + 3) for px, py, text in names]
    front = _front(cells, unit, column)
    points = []
    for row in sorted(cells, key=lambda name: name not in front):
        label = _room(row, places[row], (left, top, float(width), bottom), taken)
        low, high = (y(float(cells[row][end])) for end in ("low", "high"))
        said = f"{axis.strip(row, cells[row]).said}, {number(float(cells[row][unit]))} s"
        points.append(Point(row, *places[row], low, high, row in front, label, said, before[row]))
    span = MaxNLocator(TICKS, steps=[1, 2, 5, 10]) if last - first < np.log(6) else LogLocator(subs=(1, 2, 5))
    marks = [float(v) for v in span.tick_values(*np.exp([first, last])) if first <= np.log(max(v, 1e-9)) <= last]
    up = [Tick(y(v), brief.minus(f"{v:g}")) for v in axis.values]
    across = [Tick(x(v), f"{v:g}") for v in marks]
    title = "CPU seconds of a training" if unit == "cpu_seconds" else "seconds of a training"
    return Plot(width, height, (left, top, right, bottom), points, across, up, lines, names, title)


def after_parts(row: Row, column: str) -> dict[float, tuple[float, float, float]]:
    """The mean score over seeds after each part of the budget, and its 95 % interval, by the share of the budget.

    Empty if they were not measured, or if the column counts: a count has no interval.
    """
    if metrics.quantity(column) in ("count", "bound"):
        return {}
    scale = Scale.of(metrics.quantity(column), np.concatenate([row.values[column], *row.parts.values()]))
    return {PARTS[part]: over_seeds(values, scale) for part, values in row.parts.items()}


def _front(cells: Mapping[str, Cell], unit: str, column: str) -> set[str]:
    """The rows that no other row beats both in seconds and in score."""
    sign = -1 if brief.better(column) == "higher" else 1
    front, best = set[str](), np.inf
    for row in sorted(cells, key=lambda name: float(cells[name][unit])):
        score = sign * float(cells[row]["centre"])
        if score < best:
            front, best = front | {row}, score
    return front


def _line_names(lines: Mapping[str, float], left: float, right: float, wide: bool) -> list[tuple[float, float, str]]:
    """The names of the control lines; lines that lie together share a name."""
    groups: list[tuple[float, list[str]]] = []
    for name, y in sorted(lines.items(), key=lambda item: item[1]):
        if groups and y - groups[-1][0] < LINE:
            groups[-1][1].append(name)
        else:
            groups.append((y, [name]))
    texts = [(y, ", ".join(names)) for y, names in groups]
    return [
        (right + 6, y + 4, t) if wide else (right - LETTER * len(t), y - 5 if y > 30 else y + LINE, t) for y, t in texts
    ]


def _room(text: str, place: tuple[float, float], frame: Box, taken: list[Box]) -> tuple[float, float] | None:
    """A free place for the name of a point; the place is then taken. None if there is no room."""
    size, (x, y) = LETTER * len(text), place
    for dx, dy in ((ASIDE, 4), (-ASIDE - size, 4), (ASIDE, -9), (ASIDE, 17), (-ASIDE - size, -9), (-ASIDE - size, 17)):
        a, b, c, d = box = (x + dx, y + dy - 10, x + dx + size, y + dy + 3)
        inside = a > frame[0] and b > frame[1] - 10 and c < frame[2] and d < frame[3]
        if inside and all(c < t[0] or a > t[2] or d < t[1] or b > t[3] for t in taken):
            taken.append(box)
            return round(a, 1), round(y + dy, 1)
    return None


class Curve(NamedTuple):
    """A score after parts of a budget; places are in per cent of the picture."""

    points: list[tuple[float, float, str]]  # across, down, what is said
    column: str


def curve(column: str, parts: Mapping[float, float]) -> Curve:
    """The curve of the scores of a column by the shares of the budget."""
    scores = np.array(list(parts.values()))
    low, high = min(0.0, scores.min()), scores.max() or 1.0
    points = [
        (round(10 + 80 * share, 1), round(82 - 62 * float((score - low) / (high - low)), 1), number(score))
        for share, score in parts.items()
    ]
    return Curve(points, column)
