"""The page of a run that trains, written again and again until the run ends."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from ganbench.errors import Interrupted, plain
from ganbench.watch import page
from ganbench.watch.page import Album
from ganbench.watch.view import View, look

LOG_SECONDS = 20.0  # a log gets a line at most this often


def follow(folder: Path, album: Album, every: float, trust: bool = False) -> View:
    """Write the page of a run every few seconds until no process trains it; returns what the folder showed at the end.

    Args:
        folder: of the run.
        album: of the run.
        every: seconds between two pages.
        trust: see `view.look`.

    Raises:
        UserError: see `view.look`.
        Interrupted: a signal came. The training goes on.
    """
    console = Console(stderr=True)
    with console.status(plain(f"{folder.name}: reading")) as line:
        said = -LOG_SECONDS
        try:
            while True:
                view = look(folder, trust)
                page.write(view, album, every if view.trains else None)
                if not view.trains:
                    return view
                text = plain(f"{folder.name}: {progress(view)}")
                line.update(text)
                if not console.is_terminal and time.monotonic() - said >= LOG_SECONDS:
                    console.print(text, highlight=False, markup=False, soft_wrap=True)
                    said = time.monotonic()
                time.sleep(every)
        except Interrupted as stop:
            where = album.folder / page.PAGE
            raise Interrupted(stop.number, plain(f"stopped to watch {folder}; its training goes on; {where}")) from None


def progress(view: View) -> str:
    """How far a run is, with its last losses, in a line."""
    last = view.history[-1] if view.history else {}
    players = [f"{name[0].upper()} {last[name]:.3f}" for name in ("d/loss", "g/loss") if name in last]
    return "  ".join([view.status, *players])
