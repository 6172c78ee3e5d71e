"""Pack the sample sets of a published board for its release: the files with which anyone can check a cell.

\b
    python -m experiments assets quick --runs runs --out assets/quick

The runs of the board must be in `runs/`. Each trained run gives one compressed file, RUN.npz. The hash of its samples must be
the `sha256` of `samples` in the record of the run, `results/BOARD/runs/RUN.json`. SHA256SUMS has the hash of each file, in the
form that `sha256sum --check` reads. The same samples give the same bytes. Controls are not packed, because `ganbench control`
makes them.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ganbench import files, samples
from ganbench.boards import leaderboard, submissions
from ganbench.boards.published import Published, read
from ganbench.errors import UserError, counted

SUMS = "SHA256SUMS"


def records(published: Published) -> dict[str, dict[str, Any]]:
    """The manifests of the samples of a board's trained runs that have samples, by the run's name."""
    paths = sorted((published.folder / "runs").glob("*.json"))
    manifests = {path.stem: leaderboard.read_json(path)["samples"] for path in paths}
    return {run: manifest for run, manifest in manifests.items() if "run" in manifest and manifest["n"]}


def packed(path: Path, manifest: dict[str, Any]) -> bytes:
    """A sample set as a compressed .npz: the samples as `arr_0`, and all else that the file of the run has.

    Raises:
        UserError: the file has other samples than the published ones.
    """
    given = samples.read(path)
    arrays = {"arr_0": np.asarray(given.x)} | ({} if given.y is None else {"arr_1": given.y}) | given.further()
    for name, recorded in {"arr_0": manifest["sha256"], **manifest.get("hashes", {})}.items():
        digest = samples.content_hash(arrays[name]) if name in arrays else "none"
        if digest != recorded:
            raise UserError(f"{path}: {name} has the hash {digest}, but the record has {recorded}")
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def main(
    board: Annotated[str, typer.Argument(help="a published board: its name, or its folder")],
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="folder of the assets; by default assets/BOARD")] = None,
) -> None:
    """Pack the sample sets, and check each of them against its record."""
    published = read(board)
    folder = out or Path("assets") / published.title
    manifests = records(published)
    sources = {run: runs / run / f"samples-{manifest['n']}.npz" for run, manifest in manifests.items()}
    absent = [path for path in sources.values() if not path.is_file()]
    if absent:
        raise UserError(f"{len(absent)} of {counted(len(sources), 'sample set')} are missing: {absent[0]}")
    for run, path in sources.items():
        files.write(folder / f"{run}.npz", packed(path, manifests[run]))
    lines = [f"{submissions.file_hash(folder / f'{run}.npz')}  {run}.npz\n" for run in sources]
    files.write(folder / SUMS, "".join(lines))
    print(f"packed {counted(len(sources), 'sample set')} of {published.title} into {folder}/; each is as in its record")
