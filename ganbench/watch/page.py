"""The page of a run: one HTML file that holds its pictures, and the same pictures as files beside it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment

from ganbench import files
from ganbench.display import pictures
from ganbench.display.text import number
from ganbench.samples import SampleSet
from ganbench.watch import figures
from ganbench.watch.view import View

TEMPLATE = Path(__file__).parent / "page.html"
PAGE, FILM, LOSSES = "index.html", "film.gif", "losses.png"
FRAME = 700  # milliseconds that a frame of a film is shown
COLOURS = (64, 48, 32, 16, 8)  # of a film; fewer make it smaller
MOST = 200_000  # bytes of a film

READING = {
    "plane": "Black points are samples. A blue circle is a true mode. A mode is captured if a sample lies in its circle.",
    "probability": "The background is D: orange where D takes a sample for real, purple where D takes it for generated.",
    "score": "The background is D's answer, which is no probability: orange is the highest answer, purple the lowest.",
    "line": "Blue is p, the density of the data. Orange is p_g, the density of the samples. Green is D* = p / (p + p_g), "
    "the best D against these samples. Densities have the left scale. D and D* have the right scale.",
    "D": "Black is D.",
}


class Album:
    """The pictures of moments in a folder. A moment that is already there is not painted again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frames: dict[int, np.ndarray] = {}

    def take(self, moments: list[SampleSet]) -> list[Path]:
        """Write one .png per moment, and the film of all; returns the .png files in the moments' order."""
        seen = [int(taken.manifest["seen"]) for taken in moments]
        fresh = [taken for taken in moments if taken.manifest["seen"] not in self.frames]
        for taken in fresh:
            frame = pictures.render(figures.moment(taken), figures.DPI)
            self.frames[taken.manifest["seen"]] = frame
            pictures.write_png(frame, self._file(taken.manifest["seen"]))
        if fresh:
            write_film([self.frames[number] for number in seen], self.folder / FILM)
        return [self._file(number) for number in seen]

    def _file(self, seen: int) -> Path:
        return self.folder / f"moment-{seen:012d}.png"


def write_film(frames: list[np.ndarray], path: Path) -> None:
    """Write frames, uint8 `[H, W, 3]`, as a .gif with as many colours as fit into `MOST` bytes, or with the fewest."""
    for colours in COLOURS:
        pictures.write_gif(frames, path, FRAME, colours)
        if path.stat().st_size <= MOST:
            return


def write(view: View, album: Album, refresh: float | None = None) -> Path:
    """Write the page of a run and its pictures into the album's folder; returns the page.

    Args:
        view: the run.
        album: of the same run.
        refresh: seconds after which a browser reads the page again; None for a page that does not change any more.
    """
    shots = album.take(view.moments)
    pictures.write_figure(figures.losses(view), album.folder / LOSSES)
    page = album.folder / PAGE
    files.write(page, render(view, album.folder, shots, refresh))
    return page


def render(view: View, folder: Path, shots: list[Path], refresh: float | None) -> str:
    """The HTML of a run. It has no script, and each picture is in it."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number}
    last = view.history[-1] if view.history else {}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        view=view,
        refresh=refresh,
        losses=_address(folder / LOSSES, "png"),
        film=_address(folder / FILM, "gif") if len(shots) > 1 else None,
        shots=[
            {"picture": _address(path, "png"), "seen": taken.manifest["seen"]}
            for path, taken in zip(shots, view.moments, strict=True)
        ],
        last={name: value for name, value in last.items() if name not in ("images", "seconds")},
        reading=reading(view.moments),
    )


def reading(moments: list[SampleSet]) -> list[str]:
    """How the pictures of moments are read, in sentences."""
    if not moments or moments[-1].x.ndim != 2:
        return []
    answers: Any = moments[-1].manifest["answers"]
    if moments[-1].x.shape[1] == 1:
        return [READING["line"], *([READING["D"]] if answers else [])]
    return [READING["plane"], *([READING[answers]] if answers else [])]


def _address(path: Path, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
