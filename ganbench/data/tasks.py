"""Tasks made from any images: the dataset `BASE+TASK` has the samples of BASE, and a condition computed of each sample.

So `fashion-mnist+edges` is the task to draw an article of clothing from its edges. The condition is a function of the sample,
in training and in the held-out split alike. A condition is made when it is needed, so no file holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ganbench.errors import UserError

VERSION = 1  # raised when a condition changes; it is part of the version of `BASE+TASK`
FACTOR = 4  # side of an image over side of its small image, as in SRGAN, arXiv:1609.04802
STEP = 64  # the smallest step of brightness that is an edge, of 255
BLANK = 128  # the value in a hole
LUMA = (299, 587, 114)  # thousandths of red, green and blue in the brightness (ITU-R BT.601)


class Task(NamedTuple):
    """How a condition is made."""

    about: str  # in words
    make: Callable[[np.ndarray], np.ndarray]  # of images uint8 [n, H, W, C]: conditions uint8 [n, h, w, c]


def edges(x: np.ndarray) -> np.ndarray:
    """The edges, black on white, uint8 `[n, H, W, 1]`: where a channel's gradient (Sobel) exceeds that of a step of `STEP`."""
    from scipy.ndimage import correlate1d  # slow to import, and reading a dataset does not need it

    values = x.astype(np.int64)
    squares = np.zeros(x.shape, np.int64)
    for along, across in ((1, 2), (2, 1)):
        smooth = correlate1d(values, [1, 2, 1], axis=across, mode="nearest")
        squares += correlate1d(smooth, [-1, 0, 1], axis=along, mode="nearest") ** 2
    return np.where(squares.max(-1, keepdims=True) > (4 * STEP) ** 2, 0, 255).astype(np.uint8)


def lowres(x: np.ndarray) -> np.ndarray:
    """The small image, uint8 `[n, H/4, W/4, C]`: means of square blocks, half up.

    Raises:
        UserError: a side is not divisible by `FACTOR`.
    """
    n, height, width, channels = x.shape
    if height % FACTOR or width % FACTOR:
        raise UserError(f"+lowres: sides of {height} x {width} pixels are not divisible by {FACTOR}")
    blocks = x.reshape(n, height // FACTOR, FACTOR, width // FACTOR, FACTOR, channels).astype(np.int64)
    whole = FACTOR**2
    small: np.ndarray = ((2 * blocks.sum((2, 4)) + whole) // (2 * whole)).astype(np.uint8)
    return small


def hole(x: np.ndarray) -> np.ndarray:
    """The image without its middle, uint8 `[n, H, W, C]`: the central half of each side is grey (arXiv:1604.07379)."""
    out = np.array(x)
    rows, columns = (slice((side - side // 2) // 2, (side - side // 2) // 2 + side // 2) for side in x.shape[1:3])
    out[:, rows, columns] = BLANK
    return out


def grey(x: np.ndarray) -> np.ndarray:
    """The brightness, uint8 `[n, H, W, 1]`, half up.

    Raises:
        UserError: the images have no three channels.
    """
    if x.shape[-1] != len(LUMA):
        raise UserError("+grey: the images are grey already")
    brightness: np.ndarray = ((x.astype(np.int64) @ np.array(LUMA) + 500) // 1000).astype(np.uint8)
    return brightness[..., None]


TASKS = {
    "edges": Task("from its edges", edges),
    "lowres": Task(f"from an image with 1/{FACTOR} of its side", lowres),
    "hole": Task("from the image without its middle", hole),
    "grey": Task("from its brightness", grey),
}


def split(name: str) -> tuple[str, str | None]:
    """The base and the task in a name; None for a name without a task.

    >>> split("fashion-mnist+edges"), split("fashion-mnist"), split("c++")
    (('fashion-mnist', 'edges'), ('fashion-mnist', None), ('c++', None))
    """
    base, _, task = name.rpartition("+")
    return (base, task) if base and task in TASKS else (name, None)


def base(name: str) -> str:
    """The dataset that has the samples.

    >>> base("fashion-mnist+edges")
    'fashion-mnist'
    """
    return split(name)[0]


def shape(task: str, sample: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a condition, given the shape of a sample.

    Raises:
        UserError: the samples are no images, or the task does not treat such images.
    """
    if len(sample) != 3:
        raise UserError(f"+{task} needs images, but the samples have the shape {list(sample)}")
    return tuple(TASKS[task].make(np.zeros((1, *sample), np.uint8)).shape[1:])
