"""Publishing a board: tables, scores and manifests go from `runs/` (git ignores it) to `results/` (git keeps it)."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ganbench import data, paths
from ganbench._version import __version__
from ganbench.boards import grid, leaderboard
from ganbench.config import RECIPE

RECORDED = ("torch", "torchvision", "numpy", "scipy", "pandas", "snakemake", "dvc")


def publish(name: str) -> Path:
    """Replace `results/BOARD/` by the board in `runs/`; returns that folder.

    Every run leaves one record, `runs/RUN.json`: the manifest of its samples (with the training's configuration, data,
    source and versions) and its scores with their protocol. The old folder stays as it is until the new one is whole.

    Raises:
        UserError: the board is not complete.
    """
    leaderboard.build(name)
    title = grid.title(name)
    target = paths.results() / title
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{title}.", dir=target.parent) as scratch:
        new, old = Path(scratch, "new"), Path(scratch, "old")
        _write(name, new)
        if target.exists():
            target.rename(old)  # a folder cannot be renamed onto one that is not empty
        new.rename(target)
    return target


def _write(name: str, target: Path) -> None:
    """Write all files of a published board into a new folder."""
    (target / "runs").mkdir(parents=True)
    for file in sorted(leaderboard.folder(name).iterdir()):
        shutil.copy(file, target / file.name)
    for run in leaderboard.built(name):
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
    _write_json(manifest, target / "manifest.json")


def _write_json(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _installed(package: str) -> str | None:
    """The version of a package, or None if it is missing: publishing needs neither Snakemake nor DVC."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
