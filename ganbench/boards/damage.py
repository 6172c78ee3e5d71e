"""Files of a board that a full disk or a fault of the disk has cut: they are deleted, so that the pipeline makes them again."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ganbench import files, paths
from ganbench.errors import UserError, plain
from ganbench.training.run import RECORD, Run


def mend(runs: Iterable[str], title: str) -> list[str]:
    """Delete the files of a board's runs that are not whole, and what was made from them. The pipeline then makes them again.

    Snakemake makes no missing file again while what was made from it is there. Hashes of arrays are checked only when the
    arrays are read.

    Args:
        runs: their names.
        title: of the board.

    Returns:
        A line for each file that is not whole.
    """
    out: list[str] = []
    for run in runs:
        out += _mend(paths.runs() / run, title)
    if out:
        (paths.runs() / "boards" / title / "leaderboard.csv").unlink(missing_ok=True)
    return out


def _mend(run: Path, title: str) -> list[str]:
    """Mend one run: each stage is made from the stages before it."""
    stages: tuple[dict[str, Callable[[Path], bool]], ...] = (
        {RECORD: is_record, "model.safetensors": is_safetensors},
        {"samples-*.npz": zipfile.is_zipfile, "samples-*.json": is_object},  # the end of a zip is written last
        {"embedding-*.npz": zipfile.is_zipfile, "embedding-*.json": is_object},
        {f"scores-{title}.json": is_object, f"curve-{title}.json": is_object, f"second-{title}.json": is_object},
    )
    damaged: list[Path] = []
    for kinds in stages:
        made = [(path, is_whole) for pattern, is_whole in kinds.items() for path in sorted(run.glob(pattern))]
        stale = bool(damaged)
        damaged += [path for path, is_whole in made if not is_whole(path)]
        for path, _ in made:
            if stale or path in damaged:
                path.unlink()
    return [plain(f"{paths.shown(path)} was damaged; it is deleted and made again") for path in damaged]


def is_object(path: Path) -> bool:
    """Whether a file is a JSON object with the content that it was written with."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(content, dict) and files.is_sound(content)


def is_record(path: Path) -> bool:
    """Whether a file is the record of a run."""
    try:
        Run.read(path.parent)
    except UserError:
        return False
    return True


def is_safetensors(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    try:
        with safe_open(path, "numpy"):
            return True
    except SafetensorError:
        return False
