"""Publishing a board: tables, scores and records go from `runs/` (git ignores it) to `results/` (git keeps it)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ganbench import data, files, paths
from ganbench.boards import grid, leaderboard, origin, protocol, referee
from ganbench.boards import page as short
from ganbench.boards.board import Board
from ganbench.errors import UserError, counted
from ganbench.scoring import result
from ganbench.training.provenance import maker, sha256

MANIFEST = "manifest.json"
CHANGED = "other bytes than those that were published"
OTHERS = "submissions"  # the folder of rows that others have sent; the hashes of a board leave it out


class Altered(UserError):
    """A published file has other bytes than those that were published."""


def publish(name: str, uncommitted: bool = False) -> Path:
    """Replace `results/BOARD/` by the board in `runs/`; returns that folder.

    Every run leaves one record, `runs/RUN.json`: the manifest of its samples (with the training's configuration, data,
    source and versions), its scores with their protocol, its curve, and its scores by the second ruler. The submissions and the
    invalidation list of the old folder are kept. The old folder stays as it is until the new one is whole.

    Args:
        name: of the board.
        uncommitted: whether code may have had a part in it that is in no commit. The page says so then.

    Raises:
        UserError: the board is not complete, or a file of it is damaged, or uncommitted code had a part in it.
    """
    leaderboard.build(name)
    target = paths.results() / grid.title(name)
    with files.replacing_folder(target) as new:
        facts = _write(name, new, uncommitted)
        _finish(new, facts)
        referee.carry_over(target, protocol.read(f"{new}/"))
        _finish(new, facts)  # the hashes of what was carried over
    return target


def _write(name: str, target: Path, uncommitted: bool) -> dict[str, Any]:
    """Write all files of a published board but its manifest into an empty folder; returns the facts for the manifest."""
    runs = {run.run: run.record for run in leaderboard.recorded(name)}
    facts = maker() | origin.facts(runs)
    if not uncommitted:
        _refuse_uncommitted(grid.title(name), facts)
    (target / "runs").mkdir()
    for file in sorted(leaderboard.folder(name).iterdir()):
        shutil.copy(file, target / file.name)
    for run, record in runs.items():
        result.read(grid.scores_path(run, name))  # checks its digest
        files.write(target / "runs" / f"{run}.json", text(record))
    board = grid.board(name)
    pins = {dataset: data.version(dataset) for dataset in sorted(board.datasets)}
    return {"board": grid.title(name), "grid": board.model_dump(), "data": pins} | facts


def renew(name: str) -> Path:
    """Write the origin on the page of a published board, and the hashes of its files, again; returns its folder.

    Only the published files are read. The records, the tables and the pictures keep their bytes. The page gets or loses its
    badge when recipes or versions of metrics have changed.

    Raises:
        UserError: no such board is published, or a file of it is not what was published.
    """
    target = paths.results() / grid.title(name)
    manifest = read(target)
    if wrong := altered(target, manifest):
        raise Altered(f"{wrong[0]}; restore the published files first: git checkout {paths.shown(target)}")
    runs = {path.stem: leaderboard.read_json(path) for path in sorted((target / "runs").glob("*.json"))}
    dated = {name: fact for name, fact in origin.facts(runs).items() if name != "date" or fact is not None}
    with files.replacing_folder(target) as new:
        shutil.copytree(target, new, dirs_exist_ok=True)
        _finish(new, manifest | dated)
    return target


def rehash(folder: Path, changed: Iterable[str]) -> None:
    """Write into the manifest of a published board the hashes of files that were changed on purpose; no other hash changes."""
    manifest = read(folder)
    if "hashes" not in manifest:
        return
    present, hashes = published(folder), dict(manifest["hashes"])
    for name in changed:
        hashes.pop(name, None)
        if name in present:
            hashes[name] = sha256(folder / name)
    rest = {name: fact for name, fact in manifest.items() if name != files.DIGEST}
    files.write(folder / MANIFEST, text(files.seal(rest | {"hashes": dict(sorted(hashes.items()))})))


def _finish(folder: Path, facts: dict[str, Any]) -> None:
    """Write the origin on the page, the short page, and then the manifest with the hashes of all files."""
    page = folder / "leaderboard.md"
    files.write(page, origin.stamp(page.read_text(encoding="utf-8"), facts))
    board = Board.model_validate(facts["grid"])
    tables = short.read(folder, protocol.Published(folder, facts["board"], board, facts["data"]))
    files.write(folder / short.FILE, short.text(facts["board"], board.about, tables))
    rest = {name: fact for name, fact in facts.items() if name not in ("hashes", files.DIGEST)}
    hashes = {path: sha256(folder / path) for path in published(folder)}
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


def published(folder: Path) -> list[str]:
    """The files of a published board, without its manifest and without what others have sent."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != MANIFEST and not name.startswith(f"{OTHERS}/"))


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a published board.

    Raises:
        Altered: it has other bytes than those that were published.
        UserError: there is none.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{paths.shown(folder)} holds no published board (no {MANIFEST})")
    try:
        written = path.read_text(encoding="utf-8")
        manifest = json.loads(written)
    except ValueError:
        manifest, written = None, ""
    whole = isinstance(manifest, dict) and files.is_sound(manifest)
    if not whole or (files.DIGEST in manifest and text(manifest) != written):
        raise Altered(f"{paths.shown(path)}: {CHANGED}")
    if "grid" not in manifest:
        raise UserError(f"{paths.shown(path)} is not the manifest of a board")
    out: dict[str, Any] = manifest
    return out


def altered(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """The files of a published board that are not what was published: a line each. Without recorded hashes there are none."""
    hashes, shown = manifest.get("hashes"), paths.shown(folder)
    if hashes is None:
        return []
    present = set(published(folder))
    lines = {
        **dict.fromkeys(present - hashes.keys(), "was not published"),
        **dict.fromkeys(hashes.keys() - present, "is missing"),
        **{name: CHANGED for name in present & hashes.keys() if sha256(folder / name) != hashes[name]},
    }
    return [f"{shown / name}: {why}" for name, why in sorted(lines.items())]


def text(content: dict[str, Any]) -> str:
    """A record or a manifest as the text of its file."""
    return json.dumps(content, indent=1) + "\n"
