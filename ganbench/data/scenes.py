"""Coloured shapes on a ground: all scenes are known, so the attributes of any picture are those of its nearest scene.

A scene is a row of whole numbers, int64 `[11]`: arrangement, ground, and shape, colour and size of up to three objects. An
object that is not there has -1. Lengths are 32nds of the picture. All pictures follow from whole numbers, and all distances
are sums of whole numbers below 2^53. So pictures and nearest scenes are equal on every machine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

UNIT = 32  # the picture's side
OVER = 8  # sampled points per pixel and axis in a picture of 32 pixels

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
COLOURS = {
    "red": (215, 45, 40),
    "green": (45, 155, 65),
    "blue": (55, 85, 215),
    "yellow": (245, 215, 60),
    "orange": (240, 140, 35),
    "purple": (135, 65, 175),
    "cyan": (65, 195, 210),
    "pink": (240, 135, 185),
}
SIZES = {"small": 4.5, "medium": 6.0, "large": 7.5}  # radius
GROUNDS = {"white": (248, 248, 248), "grey": (148, 148, 148), "black": (16, 16, 16), "brown": (112, 72, 40)}

GROUND, FIRST = 1, 2  # columns of a scene; shape, colour and size of the first object begin at `FIRST`
PER_OBJECT, MOST_OBJECTS = 3, 3
COLUMNS = FIRST + PER_OBJECT * MOST_OBJECTS
HELD_OUT = 3  # a combination with (colour - shape) mod 8 = 3 is in no training picture: six of 48


class Arrangement(NamedTuple):
    """Where the objects of a scene are, from the top or from the left."""

    name: str
    centres: tuple[tuple[float, float], ...]  # x and y of each object
    sizes: int = len(SIZES)  # the objects have one of so many sizes, the smallest first


ROWS, PLACES = {"top": 8.0, "middle": 16.0, "bottom": 24.0}, {"left": 8.0, "centre": 16.0, "right": 24.0}
THIRDS = (5.5, 16.0, 26.5)
ARRANGEMENTS = (
    *(Arrangement(f"{row} {place}", ((PLACES[place], ROWS[row]),)) for row, place in itertools.product(ROWS, PLACES)),
    Arrangement("two, one above the other", ((16.0, 8.0), (16.0, 24.0))),
    Arrangement("two, side by side", ((8.0, 16.0), (24.0, 16.0))),
    Arrangement("three, one above the other", tuple((16.0, y) for y in THIRDS), 1),
    Arrangement("three, side by side", tuple((x, 16.0) for x in THIRDS), 1),
)
SINGLE, SEVERAL = tuple(range(9)), tuple(range(9, 13))  # arrangements of one object, and of two or three


def _disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(x * x + y * y < 1)


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    square = x * x + y * y
    return np.asarray((square < 1) & (square > 0.3))


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(abs(x), abs(y)) < 0.84)


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray((np.maximum(abs(x), abs(y)) < 1) & (np.minimum(abs(x), abs(y)) < 0.32))


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray((y < 0.75) & (y > 2 * abs(x) - 1))


# Five tips and five notches of a star, with y downwards. Literals, because the last digits of sines differ between machines.
STAR = (
    (0.0, -1.0), (0.2351, -0.3236), (0.9511, -0.309), (0.3804, 0.1236), (0.5878, 0.809),
    (0.0, 0.4), (-0.5878, 0.809), (-0.3804, 0.1236), (-0.9511, -0.309), (-0.2351, -0.3236),
)  # fmt: skip


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether a ray to the right crosses the outline an odd number of times."""
    odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in itertools.pairwise((*STAR, STAR[0])):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return odd


# Whether points lie in a shape of radius 1 about the origin, by the name of the shape; y grows downwards.
INSIDE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "circle": _disc, "square": _square, "triangle": _triangle, "star": _star, "cross": _cross, "ring": _ring,
}  # fmt: skip


class Slot(NamedTuple):
    """A part of a picture that holds one object, and the object's pictures there on each ground."""

    rows: slice
    columns: slice
    pictures: np.ndarray  # uint8 [grounds, shapes, colours, sizes, h, w, 3]


@cache
def slot(centre: tuple[float, float], sizes: int, side: int) -> Slot:
    """The place of an object about `centre` in a picture of `side` pixels, with the pictures of all objects there."""
    scale, radii = side / UNIT, np.array(list(SIZES.values())[:sizes])
    columns, rows = (
        slice(int(np.floor((c - radii.max()) * scale)), int(np.ceil((c + radii.max()) * scale))) for c in centre
    )
    x, y = (
        (np.arange(OVER * part.start, OVER * part.stop) + 0.5) / (OVER * scale) - c
        for part, c in zip((columns, rows), centre, strict=True)
    )
    points = np.meshgrid(x, y)
    counts = np.stack(
        [
            np.stack([INSIDE[shape](*(p / radius for p in points)) for radius in radii])
            .reshape(sizes, len(y) // OVER, OVER, len(x) // OVER, OVER)
            .sum((2, 4))
            for shape in SHAPES
        ]
    )[None, :, None, ..., None]
    colour = np.array(list(COLOURS.values()))[None, None, :, None, None, None]
    ground = np.array(list(GROUNDS.values()))[:, None, None, None, None, None]
    whole = OVER**2
    mixed = (2 * (counts * colour + (whole - counts) * ground) + whole) // (2 * whole)
    return Slot(rows, columns, mixed.astype(np.uint8))


def _slots(arrangement: int, side: int) -> list[Slot]:
    kind = ARRANGEMENTS[arrangement]
    return [slot(centre, kind.sizes, side) for centre in kind.centres]


def objects(scenes: np.ndarray) -> np.ndarray:
    """Shape, colour and size of each object of scenes `[n, 11]`: `[n, 3, 3]`, with -1 for what is not there."""
    return scenes[:, FIRST:].reshape(len(scenes), MOST_OBJECTS, PER_OBJECT)


def held_out(scenes: np.ndarray) -> np.ndarray:
    """Which scenes have a combination of shape and colour that training never shows: bool `[n]` of `[n, 11]`."""
    shape, colour, _ = np.moveaxis(objects(scenes), 2, 0)
    pairs = (shape >= 0) & (colour >= 0) & ((colour - shape) % len(COLOURS) == HELD_OUT)
    return np.asarray(pairs.any(1))


def count(arrangements: Sequence[int]) -> int:
    """The number of different scenes with these arrangements."""
    kinds = [ARRANGEMENTS[a] for a in arrangements]
    objects_at = [len(SHAPES) * len(COLOURS) * kind.sizes for kind in kinds]
    return len(GROUNDS) * sum(math.prod([n] * len(kind.centres)) for n, kind in zip(objects_at, kinds, strict=True))


def singles() -> np.ndarray:
    """All scenes of one object, int64 `[5184, 11]`."""
    sizes = (len(SINGLE), len(GROUNDS), len(SHAPES), len(COLOURS), len(SIZES))
    scenes = np.full((count(SINGLE), COLUMNS), -1)
    scenes[:, : len(sizes)] = list(itertools.product(*map(range, sizes)))
    return scenes


def render(scenes: np.ndarray, side: int) -> np.ndarray:
    """The pictures of scenes `[n, 11]`, uint8 `[n, side, side, 3]`."""
    ground = np.array(list(GROUNDS.values()), np.uint8)[scenes[:, GROUND]]
    x = np.repeat(ground, side * side, axis=0).reshape(len(scenes), side, side, 3)
    parts = objects(scenes)
    for arrangement in np.unique(scenes[:, 0]):
        rows = np.flatnonzero(scenes[:, 0] == arrangement)
        for k, place in enumerate(_slots(int(arrangement), side)):
            shape, colour, size = parts[rows, k].T
            x[rows, place.rows, place.columns] = place.pictures[scenes[rows, GROUND], shape, colour, size]
    return x


BLOCK = 500  # pictures that are compared together


def nearest(x: np.ndarray, arrangements: Sequence[int]) -> np.ndarray:
    """The nearest scene of each picture by the sum of squared differences: the first one where several are equally near.

    The objects of a scene do not overlap. So the nearest object of each place is found by itself, for each ground, and no
    list of all scenes is needed.

    Args:
        x: uint8 `[n, side, side, 3]`; side is a multiple of 32.
        arrangements: of the scenes that are compared.

    Returns:
        int64 `[n, 11]`.
    """
    blocks = [_nearest(x[start : start + BLOCK], tuple(arrangements)) for start in range(0, len(x), BLOCK)]
    return np.concatenate([*blocks, np.empty((0, COLUMNS), np.int64)])


def _nearest(x: np.ndarray, arrangements: tuple[int, ...]) -> np.ndarray:
    side, pixels = x.shape[1], np.asarray(x, np.float64)
    grounds = np.array(list(GROUNDS.values()), np.float64)
    empty = np.stack([np.square(pixels - ground).sum((1, 2, 3)) for ground in grounds], 1)
    searched: dict[tuple[tuple[float, float], int], tuple[np.ndarray, np.ndarray]] = {}  # arrangements share places
    costs, parts = [], []
    for kind in (ARRANGEMENTS[a] for a in arrangements):
        for key in ((centre, kind.sizes) for centre in kind.centres):
            if key not in searched:
                searched[key] = _best(pixels, slot(*key, side))
        places = [searched[centre, kind.sizes] for centre in kind.centres]
        costs.append(empty + sum(gain for gain, _ in places))
        parts.append([choice for _, choice in places])
    order = np.stack(costs, 1).reshape(len(x), -1).argmin(1)
    which, ground = np.divmod(order, len(GROUNDS))
    scenes = np.full((len(x), COLUMNS), -1)
    scenes[:, 0], scenes[:, GROUND] = np.array(arrangements)[which], ground
    for i, choices in enumerate(parts):
        rows = np.flatnonzero(which == i)
        sizes = ARRANGEMENTS[arrangements[i]].sizes
        for k, choice in enumerate(choices):
            at = FIRST + PER_OBJECT * k
            shapes = (len(SHAPES), len(COLOURS), sizes)
            scenes[rows, at : at + PER_OBJECT] = np.stack(np.unravel_index(choice[rows, ground[rows]], shapes), 1)
    return scenes


def _best(pixels: np.ndarray, place: Slot) -> tuple[np.ndarray, np.ndarray]:
    """What the best object at a place changes in the squared distance from each empty ground, and which object it is.

    Both are `[n, grounds]`. |x - t|^2 - |x - g|^2 = |t|^2 - |g|^2 - 2 x.(t - g), with an object's picture t on the ground g.
    """
    patch = pixels[:, place.rows, place.columns].reshape(len(pixels), -1)
    gains, choices = [], []
    for ground, pictures in zip(GROUNDS.values(), place.pictures, strict=True):
        t = pictures.reshape(-1, patch.shape[1]).astype(np.float64)
        g = np.tile(np.array(ground, np.float64), patch.shape[1] // 3)
        gain = np.square(t).sum(1) - np.square(g).sum() - 2 * patch @ (t - g).T
        choices.append(gain.argmin(1))
        gains.append(gain.min(1))
    return np.stack(gains, 1), np.stack(choices, 1)
