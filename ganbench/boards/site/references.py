"""What the pages of baselines, metrics and datasets say: facts of the program's own files."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Sequence
from inspect import getdoc
from pathlib import Path
from typing import Any, NamedTuple

from ganbench import baseline, data, metrics, paths
from ganbench.boards import curve as budget
from ganbench.boards import leaderboard
from ganbench.boards.drawings import Curve, curve
from ganbench.boards.site.tables import Board, Table

ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
GRIDS = Path("docs/grids")
RECORD = re.compile(r"(?P<row>.+)-s(?P<seed>\d+)\.json")


class Entry(NamedTuple):
    """A row of a board that a page points to."""

    table: Table
    row: str


class Single(NamedTuple):
    """One run of a baseline that belongs to no published board."""

    dataset: str
    row: str
    path: Path
    record: dict[str, Any]

    @property
    def scores(self) -> list[tuple[str, dict[str, Any]]]:
        """The metrics that have a value."""
        measured = self.record["scores"]["metrics"]
        return [(name, m) for name, m in measured.items() if m["value"] is not None]

    @property
    def column(self) -> str:
        """The column that its scores after parts of its budget are of; else its first metric."""
        given = self.record.get("curve")
        return str(given["column"]) if given else self.scores[0][0]

    @property
    def curve(self) -> Curve | None:
        """Its score after a quarter, after half and after all of its budget; None if only the last one was measured."""
        given = self.record.get("curve")
        if given is None:
            return None
        last = self.record["scores"]["metrics"][given["column"]]["value"]
        return curve(given["column"], {0.25: given["quarter"], 0.5: given["half"], 1.0: last})

    @property
    def converged(self) -> bool | None:
        """Whether the second half of the budget gained little; None if that was not measured."""
        given = self.record.get("curve")
        last = self.record["scores"]["metrics"][self.column]["value"]
        return None if given is None else budget.converged(given["half"], last, given["column"])


class Baseline(NamedTuple):
    """The page of a GAN."""

    name: str
    title: str  # its paper
    docstring: str
    source: str
    papers: tuple[str, ...]  # arXiv numbers
    settings: dict[str, Any]
    grid: Path | None
    entries: list[Entry]
    singles: list[Single]
    bibtex: str


class Metric(NamedTuple):
    """The page of a metric."""

    name: str
    card: metrics.Card
    docstring: str
    papers: tuple[str, ...]
    tables: list[Table]
    bibtex: str


class DataPage(NamedTuple):
    """The page of a dataset."""

    name: str
    about: str
    facts: dict[str, str]
    tables: list[Table]
    singles: list[Single]
    bibtex: str


Cite = Callable[[list[str]], str]


def singles(results: Path) -> list[Single]:
    """The runs of folders without a manifest: `results/mnist/dcgan-s0.json` is the record of a run on MNIST."""
    out = []
    for path in sorted(results.glob("*/*-s*.json")):
        match = RECORD.fullmatch(path.name)
        record = leaderboard.read_json(path) if match and path.parent.name in data.names() else {}
        if match and {"samples", "scores"} <= record.keys():
            out.append(Single(path.parent.name, match["row"], path, record))
    return out


def baselines(boards: Sequence[Board], runs: Sequence[Single], cite: Cite) -> list[Baseline]:
    """The pages of all GANs of this program."""
    rows = [Entry(table, row) for board in boards for table in board.tables for row in table.track.rows]
    return [_baseline(name, rows, runs, cite) for name in baseline.names()]


def _baseline(name: str, rows: Sequence[Entry], runs: Sequence[Single], cite: Cite) -> Baseline:
    path = baseline.resolve(name)
    source = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    grid = paths.definitions() / GRIDS / f"{name}.png"
    fields = baseline.config(path).model_fields
    return Baseline(
        name,
        docstring.partition("\n")[0],
        docstring.partition("\n")[2],
        source,
        tuple(dict.fromkeys(ARXIV.findall(docstring))),
        {key: field.default for key, field in fields.items()},
        grid if grid.is_file() else None,
        [entry for entry in rows if entry.table.file(entry.row) == name],
        [run for run in runs if run.row == name],
        cite([name]),
    )


def measures(boards: Sequence[Board], cite: Cite) -> list[Metric]:
    """The pages of all metrics of this program."""
    out = []
    for name in metrics.names():
        metric = metrics.get(name)
        tables = [table for board in boards for table in board.tables if name in table.track.metric_names]
        docstring = getdoc(metric.function) or ""
        out.append(Metric(name, metric.card, docstring, tuple(ARXIV.findall(metric.card.paper)), tables, cite([name])))
    return out


def datasets(boards: Sequence[Board], runs: Sequence[Single], cite: Cite) -> list[DataPage]:
    """The pages of all datasets of this program, and of the datasets that only a board has."""
    tables = [table for board in boards for table in board.tables]
    names = sorted({*data.names(), *(table.dataset for table in tables)})
    return [
        DataPage(
            name,
            data.about(name) if name in data.names() else "",
            _facts(name) if name in data.names() else {},
            [table for table in tables if table.dataset == name],
            [run for run in runs if run.dataset == name],
            cite([name]) if name in data.names() else "",
        )
        for name in names
    ]


def _facts(name: str) -> dict[str, str]:
    """The facts of a dataset; its citation and its licence if its card is on this machine."""
    card_file = paths.data() / name / "card.json"
    card = json.loads(card_file.read_text(encoding="utf-8")) if card_file.is_file() else {}
    out = {"version": data.pin(name) or "not pinned yet"}
    if card:
        facts = data.facts(name)
        kind = "an image of" if facts.is_image else "a wave of" if facts.is_wave else "a point of"
        out |= {
            "a sample": f"{kind} {' x '.join(map(str, facts.shape))}",
            "to train with": f"{facts.train:,}",
            "held out": f"{facts.test:,}",
            "classes": str(facts.classes or "none"),
            "true modes": str(len(card["mixture"]["means"])) if card.get("mixture") else "unknown",
        }
    return out | {key: str(card[key]) for key in ("licence", "citation") if key in card}
