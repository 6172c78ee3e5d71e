"""The poster of a dataset, cut into one picture per row: a board publishes all its samples as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

COLUMNS = 4  # panels side by side, as `ganbench.display.pictures.overview` places them
FRAME = 0.7  # a line of the frame is darker than paper over this share of a panel
PAPER = 250  # grey value from which a pixel is paper
COLOURS = 32
SPINE = 2  # pixels of a line of the frame


class Tile(NamedTuple):
    """A picture of a row's samples."""

    address: str  # from the root of the site
    width: int
    height: int


def cut(poster: Path, names: Sequence[str], prefix: str, site: Path, points: bool) -> dict[str, Tile]:
    """Write one picture per panel of a poster to `site/prefix.NAME.png`; empty without a poster.

    Args:
        poster: the published picture. Its panels stand in rows of four.
        names: the rows of the board in the order of the panels.
        prefix: beginning of the addresses.
        site: the root of the site.
        points: whether the panels are clouds of points. Their dots are made larger, because a page shows them small.
    """
    if not poster.is_file():
        return {}
    tiles = {}
    for name, whole in panels(poster, names).items():
        panel = inside(whole)
        panel = panel.filter(ImageFilter.MinFilter(3)) if points else panel
        address = f"{prefix}.{name}.png"
        panel.quantize(COLOURS).save(site / address, optimize=True)
        tiles[name] = Tile(address, *panel.size)
    return tiles


def panels(poster: Path, names: Sequence[str]) -> dict[str, Image.Image]:
    """The panels of a poster with their titles, by name.

    Args:
        poster: the picture.
        names: of the panels, in their order.
    """
    with Image.open(poster) as picture:
        whole = picture.convert("RGB")
    return {name: whole.crop(place) for name, place in zip(names, places(whole, len(names)), strict=True)}


def join(named: Sequence[Image.Image]) -> Image.Image:
    """A poster of panels, in their order."""
    columns = min(len(named), COLUMNS)
    size = (
        max(panel.width for panel in named) * columns,
        max(panel.height for panel in named) * -(-len(named) // columns),
    )
    sheet = Image.new("RGB", size, "white")
    for panel, place in zip(named, places(sheet, len(named)), strict=True):
        sheet.paste(panel, place[:2])
    return sheet


def places(poster: Image.Image, n: int) -> list[tuple[int, int, int, int]]:
    """Where the `n` panels of a poster are, each with its title: left, top, right and bottom in pixels."""
    columns = min(n, COLUMNS)
    width, height = poster.width / columns, poster.height / -(-n // columns)
    corners = [(width * (i % columns), height * (i // columns)) for i in range(n)]
    return [(round(x), round(y), round(x + width), round(y + height)) for x, y in corners]


def inside(panel: Image.Image) -> Image.Image:
    """What the frame of a panel holds, without the title above; the whole panel if it has no frame."""
    dark = np.asarray(panel.convert("L")) < PAPER
    across, down = (np.flatnonzero(dark.mean(axis) > FRAME) for axis in (0, 1))
    if len(across) < 2 or len(down) < 2:
        return panel
    return panel.crop(
        (int(across[0]) + SPINE, int(down[0]) + SPINE, int(across[-1]) + 1 - SPINE, int(down[-1]) + 1 - SPINE)
    )
