"""Publishing a board: tables, scores and manifests go from `runs/` (git ignores it) to `results/` (git keeps it)."""

from __future__ import annotations

import json
import platform
import shlex
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ganbench import data, files, paths
from ganbench._version import __version__
from ganbench.boards import grid, leaderboard, partial
from ganbench.config import RECIPE
from ganbench.display.text import listed
from ganbench.errors import UserError
from ganbench.scoring import result

RECORDED = ("torch", "torchvision", "numpy", "scipy", "pandas", "snakemake", "dvc")


def publish(name: str) -> Path:
    """Replace `results/BOARD/` by the board in `runs/`; returns that folder.

    Every run leaves one record, `runs/RUN.json`: the manifest of its samples (with the training's configuration, data,
    source and versions) and its scores with their protocol. The old folder stays as it is until the new one is whole.

    Raises:
        UserError: no run of the board has scores, or a file of it is damaged, or the board is partial and would replace a whole
            one.
    """
    leaderboard.build(name)
    target = paths.results() / grid.title(name)
    _refuse_part(name, target)
    with files.replacing_folder(target) as new:
        _write(name, new)
    return target


def _refuse_part(name: str, target: Path) -> None:
    """Raise a `UserError` if a partial board would replace a whole one."""
    gone, old = _missing(name), target / "manifest.json"
    if gone and old.is_file() and "missing" not in leaderboard.read_json(old):
        raise UserError(
            f"{paths.shown(target)} is whole, and {listed(gone)} of the new board {'is' if len(gone) == 1 else 'are'} missing; "
            f"`ganbench run {shlex.quote(name)}` makes what is missing"
        )


def _missing(name: str) -> list[str]:
    return partial.missing(leaderboard.collect(name))


def _write(name: str, target: Path) -> None:
    """Write all files of a published board into an empty folder."""
    (target / "runs").mkdir()
    for file in sorted(leaderboard.folder(name).iterdir()):
        shutil.copy(file, target / file.name)
    for run in leaderboard.built(name):
        result.read(grid.scores_path(run.run, name))  # checks its digest
        record = {
            "samples": leaderboard.read_json(paths.runs() / run.run / f"samples-{run.n}.json"),
            "scores": leaderboard.read_json(grid.scores_path(run.run, name)),
        }
        _write_json(record, target / "runs" / f"{run.run}.json")
    board = grid.board(name)
    manifest = {
        "board": grid.title(name),
        "grid": board.model_dump(),
        "data": {dataset: data.version(dataset) for dataset in sorted(board.datasets)},
        "recipe": RECIPE,
        "ganbench": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": {package: number for package in RECORDED if (number := _installed(package))},
    }
    if gone := _missing(name):
        manifest["missing"] = gone
    _write_json(manifest, target / "manifest.json")


def _write_json(content: dict[str, Any], path: Path) -> None:
    files.write(path, json.dumps(content, indent=1) + "\n")


def _installed(package: str) -> str | None:
    """The version of a package, or None if it is missing: publishing needs neither Snakemake nor DVC."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
