"""The short page of a board for a forge: `README.md` in its folder. The full tables are in `leaderboard.md`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganbench import baseline
from ganbench.boards import answers, brief, figures, invalid, leaderboard
from ganbench.boards.answers import Answer, Row
from ganbench.boards.brief import Table
from ganbench.boards.published import Published
from ganbench.display.text import NO_BREAK
from ganbench.scoring import result
from ganbench.scoring.verdict import MARKS, arrow

JOINER = "\u2060"  # no line ends beside it
FILE = "README.md"
BRIEF = {"no fault seen": "", "not checked": ""}  # the mark says it


def read(folder: Path, published: Published) -> list[Table]:
    """The tables of a published board, from the scores and the records in `folder`."""
    scores = invalid.strike(published.scores(), invalid.read(folder))
    results = {path.stem: result.read(path) for path in sorted((folder / "runs").glob("*.json"))}
    summary = leaderboard.aggregate(scores, published.board)
    tables = []
    for dataset, track in published.board.datasets.items():
        scored = scores[scores.dataset == dataset]
        rows = answers.read_rows(summary[summary.dataset == dataset], scored, results)
        compared = leaderboard.by_rulers(scores, dataset, track)
        tables.append(Table(published.title, dataset, track, tuple(rows), compared, len(published.board.seeds)))
    return tables


def text(title: str, about: str, tables: Sequence[Table], folder: Path) -> str:
    """The page: of every dataset the answers, a table of six columns, and the pictures in the folder of the board."""
    parts = [f"# Board `{title}`", about]
    for table in tables:
        parts += [
            f"## {table.dataset}",
            "\n".join(map(_answer, table.answers)),
            "\n".join(_lines(table)),
            f"{table.track.samples:,} samples per set, {table.seeds} seeds. {HOW_TO_READ}",
            f"[All columns](leaderboard.md#{table.dataset}) · [CSV](leaderboard.csv) · [the runs](runs)",
            *figures.markdown(table, folder),
        ]
    return "\n\n".join(parts) + "\n"


HOW_TO_READ = (
    "± is half of the width of the 95 % interval; beside a count stands the range of its seeds. The ranks in brackets are "
    "still possible; at 95 % all brackets of a table hold together. ✓: no fault was seen. ?: nothing was checked. "
    "A row contracts if its samples lie closer together than real samples."
)


def _answer(answer: Answer) -> str:
    return f"- {answer.question} **{answer.short}.** {answer.why}".rstrip()


def _lines(table: Table) -> list[str]:
    """The table in Markdown, the controls last."""
    heads = [f"{brief.label(column)}{arrow(column)}" for column in table.shown]
    rules = ["---:"] * len(heads)
    lines = [["rank", "row", *heads, "verdicts"], [":---", ":---", *rules, ":---"]]
    for row in table.rows:
        cells = [_cell(table, row, column) for column in table.shown]
        lines.append([_whole(row.rank), _name(table, row), *cells, _verdicts(table, row)])
    return [f"| {' | '.join(line)} |" for line in lines]


def _name(table: Table, row: Row) -> str:
    """The name of a row, with a link to the file of its baseline; a control has none."""
    if row.control:
        return f"*{row.name}*"
    file = table.track.rows[row.name].baseline or row.name
    return f"[{row.name}](../../baselines/{file}.py)" if file in baseline.names() else row.name


def _cell(table: Table, row: Row, column: str) -> str:
    """A value; in the ranking column also how far it is certain."""
    cell = row.cells.get(column)
    if cell is None or brief.is_empty(cell):
        return "–"
    digits = table.digits[column]
    parts = [brief.value(cell, digits), *([brief.spread(cell, digits)] if column == table.track.rank else [])]
    return _whole(" ".join(filter(None, parts)))


def _verdicts(table: Table, row: Row) -> str:
    gates = (f"{MARKS[gate.level]} {BRIEF.get(gate.text, gate.text)}".strip() for gate in table.verdicts[row.name])
    return "; ".join(map(_whole, gates))


def _whole(cell: str) -> str:
    r"""A text that no line breaks: forges break narrow tables at spaces and after dashes.

    >>> _whole("1 (1–3)").encode("unicode_escape").decode()
    '1\\xa0(1\\u2060\\u2013\\u20603)'
    """
    return cell.replace(" ", NO_BREAK).replace("–", f"{JOINER}–{JOINER}")
