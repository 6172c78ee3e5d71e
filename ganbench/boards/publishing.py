"""Publishing a board: tables, scores and records go from `runs/` (git ignores it) to `results/` (git keeps it)."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

from ganbench import data, files, paths
from ganbench.boards import figures, films, grid, history, invalid, kept, leaderboard, origin, partial, referee
from ganbench.boards import page as short
from ganbench.boards.board import Board
from ganbench.boards.leaderboard import Recorded
from ganbench.boards.published import MANIFEST, Published, files_of, intact, read, text
from ganbench.display.text import listed
from ganbench.errors import UserError, counted
from ganbench.scoring import result
from ganbench.training.provenance import maker, sha256


def publish(name: str, uncommitted: bool = False) -> Path:
    """Replace `results/BOARD/` by the board in `runs/`; returns that folder.

    The runs are those of `runs/`, and the published runs that the plan still has (`kept`). Every run leaves one record,
    `runs/RUN.json`: the manifest of its samples (with the training's configuration, data, source and versions), its scores
    with their protocol, its curve, and its scores by the second ruler. The submissions, the invalidation list and the history
    of the old folder are kept, and the films of runs that the new board has too. The old folder stays as it is until the new
    one is whole.

    Args:
        name: of the board.
        uncommitted: whether code may have had a part in it that is in no commit. The page says so then.

    Raises:
        UserError: no run of the board has scores, or a file of it is damaged, or uncommitted code had a part in it, or the
            board is partial and would replace a whole one.
    """
    runs = kept.runs(name, leaderboard.recorded(name))
    target = paths.results() / grid.title(name)
    with files.replacing_folder(target) as new:
        facts = _write(name, runs, new, uncommitted)
        _refuse_part(name, facts.get("missing", []), target)
        history.carry_over(target, new)
        _finish(new, facts)
        films.carry_over(target, new)
        referee.carry_over(target, read(new))
        _finish(new, facts)  # the hashes of what was carried over
    return target


def _refuse_part(name: str, gone: list[str], target: Path) -> None:
    """Raise a `UserError` if a board without the runs `gone` would replace a whole one."""
    old = target / MANIFEST
    if gone and old.is_file() and "missing" not in read(target).manifest:
        raise UserError(
            f"{paths.shown(target)} is whole, and {listed(gone)} of the new board {'is' if len(gone) == 1 else 'are'} missing; "
            f"`ganbench run {shlex.quote(name)}` makes what is missing"
        )


def _write(name: str, recorded: list[Recorded], target: Path, uncommitted: bool) -> dict[str, Any]:
    """Write all files of a published board but its manifest into an empty folder; returns the facts for the manifest."""
    runs = {run.run: run.record for run in recorded}
    facts = maker() | origin.facts(runs)
    if not uncommitted:
        _refuse_uncommitted(grid.title(name), facts)
    (target / "runs").mkdir()
    leaderboard.tabulate(name, recorded, target)
    kept.paint(name, recorded, target)
    for run, record in runs.items():
        if (scores := grid.scores_path(run, name)).is_file():
            result.read(scores)  # checks its digest
        files.write(target / "runs" / f"{run}.json", text(record))
    board = grid.board(name)
    pins = {dataset: data.version(dataset) for dataset in sorted(board.datasets)}
    gone = partial.missing(partial.fill(leaderboard.collect(board, recorded), board))
    part = {"missing": gone} if gone else {}
    return {"board": grid.title(name), "grid": board.model_dump(), "data": pins} | part | facts


def renew(name: str) -> Path:
    """Write the origin on the page of a published board, and the hashes of its files, again; returns its folder.

    Only the published files are read. The records, the tables and the samples keep their bytes. The page gets or loses its
    badge when recipes or versions of metrics have changed, and its pictures are drawn again from the published scores.

    Raises:
        UserError: no such board is published, or a file of it is not what was published.
    """
    target = paths.results() / grid.title(name)
    manifest = intact(target).manifest
    runs = {path.stem: leaderboard.read_json(path) for path in sorted((target / "runs").glob("*.json"))}
    dated = {name: fact for name, fact in origin.facts(runs).items() if name != "date" or fact is not None}
    with files.replacing_folder(target) as new:
        shutil.copytree(target, new, dirs_exist_ok=True)
        _finish(new, manifest | dated)
    return target


def _finish(folder: Path, facts: dict[str, Any]) -> None:
    """Write the page's origin, the short page with its pictures, the history, the table in LaTeX, and then all hashes."""
    page = folder / "leaderboard.md"
    files.write(page, origin.stamp(page.read_text(encoding="utf-8"), facts))
    board = Board.model_validate(facts["grid"])
    published = Published(folder, facts, board)
    tables = short.read(folder, published)
    for table in tables:
        figures.write(table, folder)
    history.write(folder, tables, facts)
    summary = leaderboard.aggregate(invalid.strike(published.scores(), invalid.read(folder)), board)
    files.write(folder / "leaderboard.tex", leaderboard.latex(facts["board"], board, summary))
    files.write(folder / short.FILE, origin.stamp(short.text(facts["board"], board.about, tables, folder), facts))
    rest = {name: fact for name, fact in facts.items() if name not in ("hashes", files.DIGEST)}
    hashes = {path: sha256(folder / path) for path in files_of(folder)}
    files.write(folder / MANIFEST, text(files.seal(rest | {"hashes": hashes})))


def _refuse_uncommitted(title: str, facts: dict[str, Any]) -> None:
    runs = facts["uncommitted"]
    if not runs and not facts["dirty"]:
        return
    part = f"in {counted(len(runs), 'run')} of {title} ({runs[0]})" if runs else f"in the table of {title}"
    raise UserError(
        f"uncommitted code had a part {part}, and nobody else can get this code; commit it and build the board again, or "
        "publish with --uncommitted: then the page says so"
    )
