"""The pictures of a board's short page: score against time, a strip of seeds per row, and the samples in the order of ranks.

The numbers are drawn as SVG, with a paper of their own in light and in dark. So a forge may show them on any ground. They are
340 pixels wide: a phone shows them at full size, and a wide page shows them side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from ganbench import files
from ganbench.boards import brief, controls, drawings, posters
from ganbench.boards.answers import Row
from ganbench.boards.brief import Table
from ganbench.boards.drawings import Axis, Plot
from ganbench.display.text import listed
from ganbench.scoring.verdict import arrow

WIDTH = 340
HEAD = 46  # pixels above the first strip
STRIP = 24  # pixels of a strip
LETTER = 6.7  # pixels of a letter
GREATEST = 170  # pixels of the names of rows
SIGNS = ("real", "copycat", "noise")
STYLE = """
:root { --paper: #ffffff; --ink: #1a1f25; --soft: #565f6a; --rule: #d9dee4; --link: #005c99; --band: #86b6dc;
  --real: #00805c; --copycat: #c95100; --noise: #757575; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #13171c; --ink: #e7eaee; --soft: #a6afb9; --rule: #353c45; --link: #74bdf2; --band: #42789f;
    --real: #41c797; --copycat: #ff8c4d; --noise: #959da6; }
}
text { font: 12px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; fill: var(--ink); }
.soft { fill: var(--soft); font-size: 11px; }
.strong { font-weight: 700; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.paper { fill: var(--paper); }
.rule { stroke: var(--rule); }
.interval { stroke: var(--band); stroke-width: 5; }
.thin { stroke: var(--band); stroke-width: 2; }
.path { stroke: var(--link); stroke-width: 1; }
.centre { stroke: var(--ink); stroke-width: 2.5; }
.seed { fill: var(--paper); fill-opacity: 0.6; stroke: var(--link); stroke-width: 1.3; }
.point { fill: var(--paper); stroke: var(--link); stroke-width: 2; }
.front { fill: var(--link); }
.real { stroke: var(--real); stroke-width: 1.6; }
.copycat { stroke: var(--copycat); stroke-width: 1.6; stroke-dasharray: 5 3; }
.noise { stroke: var(--noise); stroke-width: 1.6; stroke-dasharray: 1.5 3; }
"""


class Drawing:
    """An SVG that is drawn shape by shape; equal shapes give equal bytes."""

    def __init__(self, width: int, height: int, said: str) -> None:
        """Begin a picture on paper; `said` is what it shows, in words."""
        size = {"width": str(width), "height": str(height), "viewBox": f"0 0 {width} {height}", "role": "img"}
        self.root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size})
        ElementTree.SubElement(self.root, "title").text = said
        ElementTree.SubElement(self.root, "style").text = STYLE
        self._add("rect", "paper", width=width, height=height)

    def _add(self, tag: str, kind: str, text: str | None = None, **places: float) -> None:
        facts = {"class": kind, **{name: f"{round(place, 1):g}" for name, place in places.items()}}
        ElementTree.SubElement(self.root, tag, facts).text = text

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        """A straight line."""
        self._add("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def circle(self, kind: str, x: float, y: float, r: float) -> None:
        """A circle."""
        self._add("circle", kind, cx=x, cy=y, r=r)

    def text(self, kind: str, x: float, y: float, text: str) -> None:
        """A text whose baseline begins at a place; with the kinds `end` and `middle` the place is its end or its middle."""
        self._add("text", kind, text, x=x, y=y)

    def write(self, path: Path) -> None:
        """Write the picture as .svg, one shape per line."""
        ElementTree.indent(self.root, "")
        files.write(path, ElementTree.tostring(self.root, encoding="unicode") + "\n")


def write(table: Table, folder: Path) -> None:
    """Write the pictures of a table into the folder of its board."""
    strips(table).write(folder / f"seeds-{table.dataset}.svg")
    plot = drawings.plot(table, wide=False)
    if plot is not None:
        against_time(table, plot).write(folder / f"time-{table.dataset}.svg")
    poster = folder / f"samples-{table.dataset}.png"
    if poster.is_file():
        rank_samples(table, poster, folder / f"ranked-{table.dataset}.png")


def markdown(table: Table, folder: Path) -> list[str]:
    """The paragraphs of the short page that show the pictures of a table, with what they show in words."""
    name, column = table.dataset, table.track.rank
    drawn = [f"![{strips_in_words(table)}](seeds-{name}.svg)"]
    if drawings.plot(table, wide=False) is not None:
        drawn.append(f"![{brief.label(column)} of every row against {UNITS}](time-{name}.svg)")
    out = ["\n".join(drawn)]
    if (folder / f"samples-{name}.png").is_file():
        out.append(
            f"Samples of the first seed, the best rank first:\n\n![{samples_in_words(table)}](ranked-{name}.png)"
        )
    return out


UNITS = "the seconds of a training, with 95 % intervals; the table above has the numbers"


def strips_in_words(table: Table) -> str:
    """What the strips show: the ranking column of every row and of the controls."""
    column = table.track.rank
    said = [f"{row.name} {_value(table, row)}" for row in table.rows if not brief.is_empty(row.cells.get(column))]
    return f"the seeds of every row in {brief.label(column)}, with means and 95 % intervals: {', '.join(said)}"


def samples_in_words(table: Table) -> str:
    """What the samples show: the rows in the order of their panels."""
    names = [name for name in controls.ORDER if name in {*SIGNS, *(row.name for row in table.controls)}]
    return f"samples of {', '.join(row.name for row in table.baselines)}, and of the controls {listed(names)}"


def strips(table: Table) -> Drawing:
    """A strip of seeds per row, with the controls as lines through all strips."""
    column = table.track.rank
    axis = drawings.axis(table, column)
    rows = [row for row in table.baselines if not brief.is_empty(row.cells.get(column))]
    left = min(GREATEST, 14 + LETTER * max((len(row.name) for row in rows), default=0))
    bottom = HEAD + STRIP * len(rows)
    beyond = any(not axis.holds(line) for line in axis.lines.values())
    drawing = Drawing(WIDTH, bottom + 32 + 20 * beyond, strips_in_words(table))

    def x(percent: float) -> float:
        return left + (WIDTH - 8 - left) * percent / 100

    drawing.text("strong", 6, 18, f"{brief.label(column)}{arrow(column)}: seeds, mean, 95 % interval")
    for tick in axis.ticks:
        drawing.text("soft middle", x(tick.at), HEAD - 10, tick.text)
        drawing.line("rule", x(tick.at), HEAD - 6, x(tick.at), bottom)
    for name, at in axis.controls.items():
        drawing.line(name, x(at), HEAD - 4, x(at), bottom)
    for i, row in enumerate(rows):
        _strip(drawing, axis, row, HEAD + STRIP * (i + 0.5), x)
    _sign(drawing, table, axis, bottom + 20)
    if beyond:
        drawing.text("soft", 6, bottom + 39, "An arrow: the control lies beyond this end of the axis.")
    return drawing


def _strip(drawing: Drawing, axis: Axis, row: Row, y: float, x: Callable[[float], float]) -> None:
    shown = axis.strip(row.name, row.cells[axis.column])
    drawing.text("", 6, y + 4, row.name)
    if shown.low is not None and shown.high is not None and shown.high > shown.low:
        drawing.line("interval", x(shown.low), y, x(shown.high), y)
    for seed in shown.seeds:
        drawing.circle("seed", x(seed), y, 3)
    if shown.centre is not None:
        drawing.line("centre", x(shown.centre), y - 7, x(shown.centre), y + 7)


def _sign(drawing: Drawing, table: Table, axis: Axis, y: float) -> None:
    """The names and the values of the control lines; an arrow marks a value beyond an end of the axis."""
    left = 6.0
    for row in (row for row in table.controls if row.name in axis.lines):
        beyond = "" if axis.holds(axis.lines[row.name]) else "←" if axis.lines[row.name] < axis.low else "→"
        text = f"{row.name} {_value(table, row)}{beyond}"
        drawing.line(row.name, left + 2, y - 10, left + 2, y + 2)
        drawing.text("", left + 8, y, text)
        left += 20 + LETTER * len(text)


def _value(table: Table, row: Row) -> str:
    column = table.track.rank
    return brief.value(row.cells[column], table.digits[column])


def against_time(table: Table, plot: Plot) -> Drawing:
    """The ranking column against the seconds of a training, after each part of the budget that was measured."""
    left, top, right, bottom = plot.box
    low = 22.0  # pixels for the title
    label = f"{brief.label(table.track.rank)}{arrow(table.track.rank)}"
    parts = any(point.parts for point in plot.points)
    drawing = Drawing(plot.width, plot.height + 22 + 16 * parts, f"{label} against {plot.unit}")
    drawing.text("strong", 6, 18, f"{label} against time")
    for tick in plot.up:
        drawing.line("rule", left, tick.at + low, right, tick.at + low)
        drawing.text("soft end", left - 6, tick.at + low + 4, tick.text)
    for tick in plot.across:
        drawing.line("rule", tick.at, top + low, tick.at, bottom + low + 5)
        drawing.text("soft middle", tick.at, bottom + low + 19, tick.text)
    for name, y in plot.lines.items():
        drawing.line(name, left, y + low, right, y + low)
    for point in plot.points:
        path = [*((part.x, part.y) for part in point.parts), (point.x, point.y)]
        for (x1, y1), (x2, y2) in pairwise(path):
            drawing.line("path", x1, y1 + low, x2, y2 + low)
        for part in point.parts:
            drawing.line("thin", part.x, part.low + low, part.x, part.high + low)
            drawing.circle("point", part.x, part.y + low, 2)
        drawing.line("thin", point.x, point.low + low, point.x, point.high + low)
        drawing.circle("point front" if point.front else "point", point.x, point.y + low, 4)
    for x, y, name in plot.names:
        drawing.text("soft halo", x, y + low, name)
    for point in plot.points:
        if point.label:
            ends = point.label[0] < point.x
            kind = f"halo{' strong' if point.front else ''}{' end' if ends else ''}"
            drawing.text(kind, point.x - drawings.ASIDE if ends else point.label[0], point.label[1] + low, point.row)
    drawing.text("soft middle", (left + right) / 2, plot.height + low - 6, f"{plot.unit}, logarithmic")
    if parts:
        drawing.text("soft", 6, plot.height + low + 11, "Small circles: after a quarter and after half of the budget.")
    return drawing


def rank_samples(table: Table, poster: Path, out: Path) -> None:
    """Write the panels of a poster in the order of ranks, the controls last, with fewer colours than the poster has."""
    there = {row.name for row in table.rows if row.runs}
    painted = [name for name in (*table.track.rows, *controls.ORDER) if name in there]
    panels = posters.panels(poster, painted)
    sheet = posters.join([panels[row.name] for row in table.rows if row.runs])
    with files.replacing(out) as file:
        sheet.quantize(posters.COLOURS).save(file, "PNG", optimize=True)
