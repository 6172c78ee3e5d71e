"""`crawl-32`: the pictures of the game Dungeon Crawl Stone Soup, drawn by many hands at 32 x 32 pixels.

Many pictures are near copies: the parts of a wall, the frames of a cloud, one flask in twelve colours. Near copies are on one
side of the split. Otherwise memorisation would be found where there is none.
"""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ganbench.data import sources, splits
from ganbench.data.folder import Built, Dataset, Facts, Split

RECIPE = 1
ARCHIVE = "crawl_0.28.0.orig.tar.xz"
PINS = {ARCHIVE: "5a6be168f8888b84bdb199184ca20bd8636f77ba7e9e0124ebee8850092f2f47"}
TILES = "stone_soup-0.28.0/source/rltiles"
CLASSES = {"mon": "monsters", "item": "items", "dngn": "dungeon", "effect": "effects"}  # folders; the classes in order
SIDE = 32  # pixels
DRAWN = 0.05  # share of the pixels that a picture has on the black ground; a picture with fewer is a part, as of a horn
DARK = 8  # the largest value of a pixel that looks black
NEAR = 0.05  # root mean square difference of near copies, pixels in [0, 1]
TEST = 0.25  # share of the pictures of a class that is held out


def crawl(root: Path) -> Built:
    """The pictures of monsters, items, the dungeon and effects, on black."""
    files = sources.first(PINS, [sources.debian_source("crawl", ARCHIVE)], root / "sources" / "crawl")
    drawn = {name: x for name, x in pictures(files[ARCHIVE]).items() if (x.max(-1) > DARK).mean() >= DRAWN}
    names, x = list(drawn), np.stack(list(drawn.values()))
    category = [name.partition("/")[0] for name in names]
    y = np.array([list(CLASSES).index(folder) for folder in category])
    held_out = splits.held_out_by_size("crawl", splits.groups(keys(names, x)), category, TEST)
    return Built(
        Split(x[~held_out], y[~held_out]),
        Split(x[held_out], y[held_out]),
        {
            "notes": "all pictures of 32 x 32 pixels in the folders mon, item, dngn and effect, in the order of their names, "
            f"on black; a picture with fewer than {DRAWN:.0%} of its pixels drawn is left out; the split is by group: names "
            f"that differ only in a number at the end, equal outlines, and pixels that differ by {NEAR} or less (root mean "
            f"square) join a group; the classes are {', '.join(CLASSES.values())}",
            "licence": "CC0 for the majority of the pictures, says the game's LICENSE, which adds that older pictures may be "
            "complex; part of the pictures is from the public domain set RLTiles, in part modified; the game: GPL-2 or later",
            "citation": "Dungeon Crawl Stone Soup 0.28.0; its CREDITS.txt names the artists; RLTiles, rltiles.sf.net",
            "url": "https://github.com/crawl/tiles",
            "classes": len(CLASSES),
        },
    )


def pictures(archive: bytes) -> dict[str, np.ndarray]:
    """The pictures of the classes' folders by their names below `rltiles`, sorted: uint8 `[32, 32, 3]` each."""
    out: dict[str, np.ndarray] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:xz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            name = path.relative_to(TILES) if path.is_relative_to(TILES) else PurePosixPath()
            hidden = name.name.startswith(".")  # what an archiver of macOS left beside a picture
            if name.suffix == ".png" and name.parts[0] in CLASSES and not hidden:
                picture = on_black(tar.extractfile(member))
                if picture.shape == (SIDE, SIDE, 3):
                    out[str(name)] = picture
    return dict(sorted(out.items()))


def on_black(file: Any) -> np.ndarray:
    """A picture in a file on black, uint8 `[H, W, 3]`; half up."""
    from PIL import Image

    with Image.open(file) as image:
        rgba = np.asarray(image.convert("RGBA")).astype(np.int64)
    on: np.ndarray = ((2 * rgba[..., :3] * rgba[..., 3:] + 255) // 510).astype(np.uint8)
    return on


def keys(names: list[str], x: np.ndarray) -> list[list[Any]]:
    """What makes pictures near copies: the name without a number at its end, the outline, and the other picture.

    Args:
        names: as "dngn/wall/brick_3.png".
        x: uint8 `[n, H, W, 3]` on black.
    """
    outlines = (x.max(-1) > 0).reshape(len(x), -1)
    keys: list[list[Any]] = [[re.sub(r"[\d_]*\.png$", "", name)] for name in names]
    for own, outline in zip(keys, outlines, strict=True):
        if not outline.all():  # what covers everything, as a wall, has no outline
            own.append(outline.tobytes())
    for i, j in zip(*np.nonzero(near(x)), strict=True):
        keys[i].append((i, j))
        keys[j].append((i, j))
    return keys


def near(x: np.ndarray) -> np.ndarray:
    """Which pictures i < j differ by `NEAR` or less: bool `[n, n]`. The sums are whole numbers, so they are exact."""
    pixels = x.reshape(len(x), -1).astype(np.float64)
    sums = (pixels**2).sum(1)
    squares = sums[:, None] + sums - 2 * pixels @ pixels.T
    return np.triu(squares <= (255 * NEAR) ** 2 * pixels.shape[1], 1)


DATASETS = {
    "crawl-32": Dataset(
        "pictures of a dungeon game, 32 x 32, colour, 4 classes",
        crawl,
        facts=Facts((SIDE, SIDE, 3), 2864, 952, len(CLASSES)),
    )
}
