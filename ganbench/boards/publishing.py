"""Publishing a board: tables, scores and manifests go from `runs/`, which git ignores, to `results/`, which it keeps."""

from __future__ import annotations

import json
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

from ganbench import data, paths
from ganbench._version import __version__
from ganbench.boards import grid, leaderboard
from ganbench.config import RECIPE

RECORDED = ("torch", "torchvision", "numpy", "scipy", "pandas", "snakemake", "dvc")


def publish(name: str) -> Path:
    """Replace `results/NAME/` by the board as it stands in `runs/`; a board that is not complete is refused.

    Every run leaves one record, `runs/RUN.json`: the manifest of its samples (with the training's configuration, data,
    source and versions) and its scores with their protocol.
    """
    result = leaderboard.build(name)
    source, target = leaderboard.folder(name), paths.results() / name
    shutil.rmtree(target, ignore_errors=True)
    (target / "runs").mkdir(parents=True)
    for file in sorted(source.iterdir()):
        shutil.copy(file, target / file.name)
    runs = grid.runs(name)
    for run in runs[runs.kind.isin(["baseline", "control"])].run:
        record = {
            "samples": json.loads((paths.runs() / run / f"samples-{runs.n[run]}.json").read_text()),
            "scores": json.loads(grid.scores_path(run, name).read_text()),
        }
        (target / "runs" / f"{run}.json").write_text(json.dumps(record, indent=1) + "\n")
    manifest = {
        "board": name,
        "grid": grid.board(name).model_dump(),
        "data": {d: data.version(d) for d in sorted(result.dataset.unique())},
        "recipe": RECIPE,
        "ganbench": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": {p: version(p) for p in RECORDED},
    }
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return target
