"""Verbs that show a run: its page, and the film of a row of a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench import paths
from ganbench.cli._common import Trust, app, check_result, say


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="folder of a run, finished or in training")],
    out: Annotated[
        Path | None, typer.Option(help="folder of the page; by default RUN/watch", show_default=False)
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="write the page again every few seconds until the training ends")
    ] = False,
    every: Annotated[float, typer.Option(help="seconds between two pages with --follow", min=0.1)] = 5.0,
    trust: Trust = False,
) -> None:
    """Write a page of a run: its losses with words, its samples at moments of the training, and their film.

    A run that was trained with `--moments 10` has ten moments. Another finished run is shown after a quarter, half and all of
    its budget. The page needs no server, no JavaScript and no other host.

    \b
    Examples:
      ganbench watch runs/gan-ring-s0
      ganbench watch runs/dcgan-mnist-s0 --follow
    """
    check_result(out, ("index.html",), "page of a run")
    from ganbench.watch import page  # torch takes longer than the check of the folder
    from ganbench.watch.follow import follow as follow_run
    from ganbench.watch.page import Album
    from ganbench.watch.view import look

    first = look(folder, trust)
    album = Album(folder / "watch" if out is None else out)
    if follow:
        view = follow_run(folder, album, every, trust)
    else:
        view = first
        page.write(view, album)
    say(f"{view.name}: {view.status}; the page is {paths.shown(album.folder / page.PAGE)}")


@app.command()
def film(
    board: Annotated[str, typer.Argument(metavar="BOARD|FOLDER", help="name of a published board, or its folder")],
    row: Annotated[str, typer.Argument(help="a row of the board")],
    dataset: Annotated[str | None, typer.Option(help="a dataset of the board; by default all")] = None,
    seed: Annotated[int, typer.Option(help="a training seed of the board", min=0)] = 0,
    trust: Trust = False,
) -> None:
    """Train a published run anew, and put the film of its samples at ten moments into results/BOARD/films/.

    A film is kept only if the training gives the bits of the published run.

    \b
    Example:
      ganbench film quick wgan --dataset ring
    """
    from ganbench.boards import films, grid, verification

    folder = Path(board) if Path(board).is_dir() else paths.results() / grid.title(board)
    published = verification.Records.read(folder)
    for run in published.choose(row, dataset, seed):
        made = films.make(published, run, trust)
        say(f"{run.run}: the same bits as the published run; {paths.shown(made)}")
