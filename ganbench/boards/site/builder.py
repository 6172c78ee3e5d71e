"""From published results to a folder of pages that a browser shows without a server."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from ganbench import baseline, files
from ganbench._version import __version__
from ganbench.boards import answers, brief, controls, history, leaderboard, origin, posters
from ganbench.boards.answers import Row
from ganbench.boards.brief import label, question
from ganbench.boards.drawings import ASIDE, Curve, curve, plot
from ganbench.boards.posters import Tile
from ganbench.boards.published import MANIFEST, files_of
from ganbench.boards.site import pairs, prose, references, tables
from ganbench.boards.site.references import Baseline, Cite, Entry, Single
from ganbench.boards.site.tables import Board, Table
from ganbench.display.text import number
from ganbench.scoring.verdict import ARROWS, MARKS

HERE = Path(__file__).parent
ASSETS = ("style.css", "site.js")
NAVIGATION = (
    ("index.html", "Boards"),
    ("baselines.html", "Baselines"),
    ("metrics.html", "Metrics"),
    ("datasets.html", "Data"),
    ("downloads.html", "Downloads"),
)
DOCS = "docs/index.html"
COSTS = {"cpu_seconds": "CPU s", "seconds": "seconds", "parameters": "parameters"}
BROKEN = "_/."  # a long name may break after these characters


@dataclass(frozen=True)
class Pages:
    """The folder that pages are written into."""

    folder: Path
    environment: Environment

    def write(self, address: str, template: str, **facts: Any) -> None:
        """Write the page with this address, from the root of the site."""
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * address.count("/")
        text = self.environment.get_template(template).render(root=root, page=address, **facts)
        path.write_text(text, encoding="utf-8")


def build(results: Path, out: Path, cite: Cite, docs: Path | None = None) -> Path:
    """Write the site of the published boards in `results`; the folder `out` is replaced when the site is whole.

    Args:
        results: the folder of published results.
        out: the folder of the site.
        cite: gives the BibTeX entries of baselines, metrics and datasets.
        docs: the documents as HTML, which `make docs` builds; they become a part of the site.

    Raises:
        UserError: there is no published board, or a file of a board is not what was published.
    """
    boards = tables.boards(results)
    single = references.singles(results)
    with files.replacing_folder(out) as new:
        pages = Pages(new, environment(docs is not None))
        for asset in ASSETS:
            shutil.copy(HERE / "assets" / asset, new / asset)
        if docs is not None:
            shutil.copytree(docs, new / Path(DOCS).parent)
        (new / "img").mkdir()
        tiles = {table.name: _tiles(board, table, new) for board in boards for table in board.tables}
        _copy_files(boards, single, new)
        _write_boards(pages, boards, tiles)
        gans = references.baselines(boards, single, cite)
        _write_references(pages, boards, gans, single, tiles, cite)
        _write_index(pages, boards, single, tiles)
    return out


def environment(with_docs: bool) -> Environment:
    """The templates, and what they call."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters |= {"soft": soft, "code": prose.inline, "prose": prose.blocks, "three": three}
    made.tests |= {"in_folder": lambda name: "/" in name}
    made.globals |= {
        "arrows": ARROWS,
        "aside": ASIDE,
        "brief": brief,
        "costs": COSTS,
        "label": label,
        "marks": MARKS,
        "navigation": [*NAVIGATION, *([(DOCS, "Docs")] if with_docs else [])],
        "ordered": _ordered,
        "pairs": pairwise,
        "plain": three,
        "question": question,
        "row_of": row_of,
        "version": __version__,
    }
    return made


def soft(name: str) -> Markup:
    """A name that may break after a sign, and not within a word."""
    text = str(escape(name))
    for sign in BROKEN:
        text = text.replace(sign, f"{sign}<wbr>")
    return Markup(text)


def three(x: float) -> str:
    """Three significant digits, zeros at the end included, so that the numbers of a column look alike.

    >>> three(2.4), three(113.2), three(4567.0)
    ('2.40', '113', '4,567')
    """
    return brief.minus(number(x) if abs(x) >= 1000 else f"{float(x):#.3g}".rstrip("."))


def row_of(table: Table, name: str) -> Row:
    """A row of a table by its name."""
    return next(row for row in table.rows if row.name == name)


def _tiles(board: Board, table: Table, site: Path) -> dict[str, Tile]:
    """A picture per row of a table, from the published poster."""
    order = [row for row in (*table.track.rows, *controls.ORDER) if table.runs.get(row)]
    return posters.cut(
        board.folder / f"samples-{table.dataset}.png", order, f"img/{table.name}", site, _is_points(table)
    )


def _copy_files(boards: Sequence[Board], single: Sequence[Single], site: Path) -> None:
    """Copy the published files, so that a page can offer them."""
    for board in boards:
        for name in (*files_of(board.folder), MANIFEST):
            _copy(board.folder / name, site / "data" / board.name / name)
    for run in single:
        _copy(run.path, site / "data" / run.dataset / run.path.name)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write_boards(pages: Pages, boards: Sequence[Board], tiles: Mapping[str, Mapping[str, Tile]]) -> None:
    """The page of every table, and of every row of it."""
    for board in boards:
        for table in board.tables:
            shown, points = tiles[table.name], _is_points(table)
            ranked = [row.cells[table.track.rank] for row in table.baselines]
            timed = all(cell["cpu_seconds"] == cell["cpu_seconds"] for cell in ranked)
            pages.write(
                table.address,
                "board.html",
                board=board,
                t=table,
                tiles=shown,
                points=points,
                cost="cpu_seconds" if timed else "seconds",
                wide=plot(table, True),
                small=plot(table, False),
                warnings=warnings(board),
                differences=Markup(pairs.as_json(table)),
                files=[*files_of(board.folder), MANIFEST],
                past=tables.past(history.read(board.folder), table.dataset),
                origin=[s for s in origin.sentences(board.manifest) if not s.startswith(">")],
            )
            for row in table.rows:
                _write_row(pages, table, row, shown.get(row.name), points)


def _write_row(pages: Pages, table: Table, row: Row, tile: Tile | None, points: bool) -> None:
    trained = [run.record["samples"]["run"] for run in table.runs[row.name] if not row.control]
    name = "" if row.control else table.file(row.name)
    pages.write(
        table.page(row.name),
        "row.html",
        t=table,
        r=row,
        tile=tile,
        points=points,
        file=name if name in baseline.names() else "",
        real=next((control for control in table.controls if control.name == "real"), None),
        budget=_budget(table, row),
        closest=tables.closest(table, row),
        trained=trained[0] if trained else None,
    )


def _budget(table: Table, row: Row) -> Curve | None:
    """The curve of a row's scores after parts of its budget; None if they were not measured."""
    column = table.track.rank
    if row not in table.with_parts or brief.is_empty(row.cells[column]):
        return None
    cell = row.cells[column]
    return curve(column, {0.25: float(cell["quarter"]), 0.5: float(cell["half"]), 1.0: float(cell["mean"])})


def _is_points(table: Table) -> bool:
    """Whether the samples of a table are points, which are drawn on white paper."""
    shape = next(runs[0].record["samples"]["shape"] for runs in table.runs.values() if runs)
    return len(shape) == 1


def warnings(board: Board) -> list[Markup]:
    """What a reader must know first about the age and the code of a board."""
    marked = [
        text.removeprefix("> ").replace("**", "") for text in origin.sentences(board.manifest) if text.startswith(">")
    ]
    return [prose.inline(text) for text in marked]


def _write_references(
    pages: Pages,
    boards: Sequence[Board],
    gans: Sequence[Baseline],
    single: Sequence[Single],
    tiles: Mapping[str, Mapping[str, Tile]],
    cite: Cite,
) -> None:
    """The pages of GANs, metrics and datasets, their lists, the downloads, and the list of all pages."""
    listed: list[tuple[str, str, str]] = []
    grids = {gan.name: _grid(gan, pages.folder) for gan in gans}
    for gan in gans:
        (pages.folder / "data/baselines").mkdir(parents=True, exist_ok=True)
        (pages.folder / f"data/baselines/{gan.name}.py").write_text(gan.source, encoding="utf-8")
        pages.write(f"baseline/{gan.name}.html", "baseline.html", b=gan, grid=grids[gan.name])
    items = [(f"baseline/{gan.name}.html", gan.name, gan.title, grids[gan.name]) for gan in gans]
    pages.write("baselines.html", "list.html", heading="Baselines", lead="One file per paper.", items=items)
    listed += [(address, name, f"baseline · {text}") for address, name, text, _ in items]

    measures = references.measures(boards, cite)
    for metric in measures:
        pages.write(f"metric/{metric.name}.html", "metric.html", m=metric, end=_end)
    texts = [(f"metric/{m.name}.html", m.name, m.card.answers, None) for m in measures]
    pages.write("metrics.html", "list.html", heading="Metrics", lead="One question per metric.", items=texts)
    listed += [(address, name, f"metric · {text}") for address, name, text, _ in texts]

    sets = references.datasets(boards, single, cite)
    names = {gan.name for gan in gans}
    for entry in sets:
        table = entry.tables[0] if entry.tables else None
        pages.write(
            f"dataset/{entry.name}.html",
            "dataset.html",
            d=entry,
            tile=tiles[table.name].get("real") if table else None,
            points=table is not None and _is_points(table),
            baselines=names,
        )
    about = [
        (f"dataset/{d.name}.html", d.name, d.about, tiles[d.tables[0].name].get("real") if d.tables else None)
        for d in sets
    ]
    pages.write("datasets.html", "list.html", heading="Data", lead="What GANs are trained on.", items=about)
    listed += [(address, name, f"data · {text}") for address, name, text, _ in about]

    sizes = {
        f"{board.name}/{name}": (board.folder / name).stat().st_size
        for board in boards
        for name in files_of(board.folder)
    }
    pages.write("downloads.html", "downloads.html", boards=boards, sizes=sizes, single=single)
    found = [table for board in boards for table in board.tables]
    places = [(t.address, f"{t.board} on {t.dataset}", "board") for t in found]
    places += [(t.page(r.name), r.name, f"row · {t.board} on {t.dataset}") for t in found for r in t.rows]
    pages.write("search.html", "search.html", items=[*places, *listed])


def _end(x: float) -> str:
    """An end of a metric's range."""
    return brief.minus(f"{x:g}") if math.isfinite(x) else ("∞" if x > 0 else "\N{MINUS SIGN}∞")


def _ordered(runs: Sequence[Single]) -> list[Single]:
    """Single runs in the order of their first metric."""
    column = runs[0].column
    sign = leaderboard.sign(column)
    return sorted(runs, key=lambda run: sign * run.record["scores"]["metrics"][column]["value"])


def _grid(gan: Baseline, site: Path) -> Tile | None:
    """The grid of samples of a GAN."""
    if gan.grid is None:
        return None
    address = f"img/{gan.name}.png"
    with Image.open(gan.grid) as picture:
        picture.convert("RGB").quantize(posters.COLOURS).save(site / address, optimize=True)
        return Tile(address, *picture.size)


def _write_index(
    pages: Pages, boards: Sequence[Board], single: Sequence[Single], tiles: Mapping[str, Mapping[str, Tile]]
) -> None:
    """The first page: what all boards answer."""
    found = [table for board in boards for table in board.tables]
    fresh = {board.name for board in boards if not warnings(board)}
    images = [table for table in found if not _is_points(table)] or found
    front = max(
        images, key=lambda table: (table.board in fresh, _is_measured(table, answers.COPIES), len(table.baselines))
    )
    counted = [table for table in found if _is_measured(table, answers.MODES) and tiles[table.name]]
    ring = max(counted, key=lambda table: len(table.baselines), default=None)
    checked = [Entry(table, row.name) for table in found for row in table.baselines if row.measured("memorisation")]
    copying = [e for e in checked if any(g.text.startswith("copies") for g in e.table.verdicts[e.row])]
    by_data = {run.dataset: [r for r in single if r.dataset == run.dataset] for run in single}
    pages.write(
        "index.html",
        "index.html",
        boards=boards,
        front=front,
        ring=ring,
        ring_rows=_quartet(ring) if ring else [],
        ring_tiles=tiles[ring.name] if ring else {},
        modes_text=modes_text,
        checked=checked,
        copying=copying,
        single=list(by_data.items()),
        answer=lambda table, i: table.answers[i],
        warned=warnings,
    )


def _is_measured(table: Table, asked: str) -> bool:
    """Whether a table answers a question."""
    answer = next(answer for answer in table.answers if answer.question == asked)
    return answer.short not in ("Unknown", "Not measured here")


def _quartet(table: Table) -> list[Row]:
    """Four rows from the fewest modes to the most, evenly spaced."""
    rows = [row for row in table.baselines if not brief.is_empty(row.cells.get("modes"))]
    rows = sorted(rows, key=lambda row: float(row.cells["modes"]["centre"]))
    last = len(rows) - 1
    return [rows[i] for i in dict.fromkeys(round(last * k / 3) for k in range(4))]


def modes_text(row: Row) -> str:
    """The modes that a row reaches, as the median of its seeds."""
    counts = row.measured("modes")
    return f"{float(row.cells['modes']['centre']):g} of {counts[0].perfect:g}"
