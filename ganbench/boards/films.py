"""The film of a published run: `results/BOARD/films/RUN.gif`, its samples at ten moments, and `RUN.png`, the last of them.

A film is made by training the run anew with moments. It is kept only if the weights have the bits of the published run.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from ganbench.boards import published, verification
from ganbench.boards.leaderboard import Recorded
from ganbench.boards.verification import Records
from ganbench.errors import UserError
from ganbench.training import moments
from ganbench.training.run import Run

FOLDER = "films"
MOMENTS = 10


def make(board: Records, run: Recorded, trust: bool = False) -> Path:
    """Train a published run anew, write its film into the folder of the board, and return the file of the film.

    Args:
        board: the board.
        run: a run of it.
        trust: whether a GAN is executed that neither ganbench nor an installed package brings.

    Raises:
        UserError: the run is a control, or it was trained to other bits here, or its film is too large.
    """
    from ganbench.watch import page  # matplotlib and torch

    if run.kind == "control":
        raise UserError(f"{run.row} is a control, which is not trained, so it has no film")
    with TemporaryDirectory(prefix="ganbench-") as scratch:
        folder = Path(scratch) / run.run
        model = verification.train(Run.model_validate(run.record["samples"]["run"]), folder, trust, MOMENTS)
        if model != run.record["samples"].get("model"):
            raise UserError(
                f"{run.run}: the training gives other bits than the published run, so a film would show another run; "
                "another processor or another version of torch can be the cause"
            )
        album = page.Album(Path(scratch))
        shots = album.take([moments.read(path) for path in moments.of_run(folder)])
        film, poster = (f"{FOLDER}/{run.run}.{kind}" for kind in ("gif", "png"))
        size = (Path(scratch) / page.FILM).stat().st_size
        if size > page.MOST:
            raise UserError(f"{run.run}: the film has {size:,} bytes, and a published film has at most {page.MOST:,}")
        (board.folder / FOLDER).mkdir(exist_ok=True)
        shutil.copy(Path(scratch) / page.FILM, board.folder / film)
        shutil.copy(shots[-1], board.folder / poster)
    published.rehash(board.folder, (film, poster))
    return board.folder / film


def carry_over(old: Path, new: Path) -> None:
    """Copy the films in the folder of an old board whose runs the new board has too."""
    for path in sorted((old / FOLDER).glob("*")):
        if (new / "runs" / f"{path.stem}.json").is_file():
            (new / FOLDER).mkdir(exist_ok=True)
            shutil.copy(path, new / FOLDER / path.name)
