"""MS-SSIM of random pairs: how alike two samples of a generator are on average (Odena et al. 2017, arXiv:1610.09585).

The structural similarity of two images at several scales is that of Wang, Simoncelli & Bovik 2003
(doi:10.1109/ACSSC.2003.1292216). The images are compared in windows of 11 pixels with a Gaussian weight (sd 1.5), at each scale
in contrast and structure, and at the coarsest scale in luminance too. The mean of a scale over all places and channels is taken
to the power of the scale's weight; a mean below 0 counts as 0. From scale to scale blocks of 2 x 2 pixels are averaged.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import correlate1d

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._classes import within_classes
from ganbench.metrics._pairs import MOST, pairs
from ganbench.metrics._parallel import in_order
from ganbench.metrics._rows import take
from ganbench.statistics import Interval, normal

CARD = Card(
    answers="How alike are two samples, in structure, at up to five scales of the image?",
    better="target",
    range=(0.0, 1.0),
    minimum=4,
    paper="Odena et al. 2017, arXiv:1610.09585",
    version=1,
    responds={"copies": "0"},
    on_request=True,
)

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, the finest first
WINDOW, SD = 11, 1.5  # pixels
LUMINANCE, CONTRAST = 0.01**2, 0.03**2  # constants of the two comparisons, for values in [0, 1]
OF_CLASS = 100  # pairs of a class, as in the paper
LEAST = 4  # images of a class
PART = 2**21  # values of the images that are compared together


class Comparison(NamedTuple):
    """How images of one size are compared."""

    weights: tuple[float, ...]  # of the scales; their sum is that of `WEIGHTS`
    window: np.ndarray  # float64 [w], which adds up to 1

    @classmethod
    def of(cls, height: int, width: int) -> Comparison:
        """As many of the five scales as leave the shorter side at least 11 pixels long; their weights grow in proportion.

        An image with a side below 11 has one scale, and its window is the largest odd one that fits, with an sd in proportion.
        """
        side = min(height, width)
        scales = max(sum(side >> scale >= WINDOW for scale in range(len(WEIGHTS))), 1)
        size = min(WINDOW, side - 1 + side % 2)
        places = np.arange(size) - size // 2
        window = np.exp(-((places / (SD * size / WINDOW)) ** 2) / 2)
        more = sum(WEIGHTS) / sum(WEIGHTS[:scales])
        return cls(tuple(weight * more for weight in WEIGHTS[:scales]), window / window.sum())

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """MS-SSIM of the pairs of images `a` and `b`, float64 `[p, H, W, C]` in [0, 1], as float64 `[p]` in [0, 1]."""
        similarity = np.ones(len(a))
        for scale, weight in enumerate(self.weights, 1):
            luminance, structure = self._compared(a, b)
            means = (luminance * structure if scale == len(self.weights) else structure).mean((1, 2, 3))
            similarity *= np.clip(means, 0, 1) ** weight
            a, b = _halved(a), _halved(b)
        return similarity

    def _compared(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Luminance, and contrast with structure, in each window that lies inside of the images."""
        mean_a, mean_b = self._smoothed(a), self._smoothed(b)
        spread = self._smoothed(a * a + b * b) - mean_a**2 - mean_b**2
        common = self._smoothed(a * b) - mean_a * mean_b
        luminance = (2 * mean_a * mean_b + LUMINANCE) / (mean_a**2 + mean_b**2 + LUMINANCE)
        return luminance, (2 * common + CONTRAST) / (spread + CONTRAST)

    def _smoothed(self, x: np.ndarray) -> np.ndarray:
        edge = len(self.window) // 2
        smooth: np.ndarray = correlate1d(correlate1d(x, self.window, 1, mode="nearest"), self.window, 2, mode="nearest")
        return smooth[:, edge : x.shape[1] - edge, edge : x.shape[2] - edge]


def _halved(x: np.ndarray) -> np.ndarray:
    """Images `[p, H, W, C]` at half the size. An odd last row or column is left out. A side of one pixel stays."""
    height, width = (max(size // 2, 1) for size in x.shape[1:3])
    rows, columns = x.shape[1] // height, x.shape[2] // width
    blocks = x[:, : height * rows, : width * columns].reshape(len(x), height, rows, width, columns, -1)
    halved: np.ndarray = blocks.mean((2, 4))
    return halved


def ms_ssim(
    gen_pixels: Any,
    image_shape: tuple[int, int, int],
    rng: np.random.Generator,
    ref_pixels: Any = None,
    gen_labels: np.ndarray | None = None,
    ref_labels: np.ndarray | None = None,
) -> Score:
    """Mean MS-SSIM of random pairs of `gen_pixels` `[n, H*W*C]` in [0, 1]: at most 1,000 pairs, no image in two of them.

    A low value says that the images differ. `perfect` is the mean of random pairs of held-out images `ref_pixels`; its own
    error is not in the interval. The interval is the normal one of a mean of independent pairs.

    Extras:
        pairs: how many pairs were compared.
        scales: how many scales the size of the images allows.
        classes: with labels, the same for up to 100 pairs within each class, with n, m, value, interval and `perfect`.
        within, within_interval, within_perfect: the mean over the classes, the paper's number. None if a class has fewer than 4
            images in a set.
    """
    if math.prod(image_shape) != gen_pixels.shape[1]:
        raise NotApplicable("needs all values of every image")
    compare = Comparison.of(*image_shape[:2])
    values = _similarities(gen_pixels, image_shape, compare, rng, MOST)
    real = None if ref_pixels is None or len(ref_pixels) < 2 else ref_pixels
    perfect = None if real is None else float(_similarities(real, image_shape, compare, rng, MOST).mean())
    extra: dict[str, Any] = {"pairs": len(values), "scales": len(compare.weights)}
    if real is not None and gen_labels is not None and ref_labels is not None:

        def within(own: np.ndarray, held_out: np.ndarray, _: Any) -> Score:
            of_class = partial(_similarities, shape=image_shape, compare=compare, rng=rng, most=OF_CLASS)
            alike = of_class(take(gen_pixels, own))
            return Score(float(alike.mean()), _interval(alike), float(of_class(take(real, held_out)).mean()))

        extra |= _classes(within, np.arange(len(gen_labels)), gen_labels, np.arange(len(ref_labels)), ref_labels)
    return Score(float(values.mean()), _interval(values), perfect, extra)


def _classes(within: Any, *rows_and_labels: np.ndarray) -> dict[str, Any]:
    """The entries of the classes; none if the sets have no classes in common."""
    try:
        score = within_classes(within, LEAST, 1.0, *rows_and_labels)
    except NotApplicable:
        return {}
    interval = None if score.interval is None else list(score.interval)
    entries = {"within": score.value, "within_interval": interval, "within_perfect": score.perfect}
    return entries | dict(score.extra)


def _similarities(
    pixels: Any, shape: tuple[int, int, int], compare: Comparison, rng: np.random.Generator, most: int
) -> np.ndarray:
    """MS-SSIM of random pairs of `pixels` `[n, H*W*C]`, float64 `[p]`."""
    rows = pairs(pixels, rng, most)

    def part(block: slice) -> np.ndarray:
        a, b = (np.asarray(pixels[rows[block, side]], np.float64).reshape(-1, *shape) for side in (0, 1))
        return compare(a, b)

    size = math.prod(shape)
    work = len(rows) * size * 10 * len(compare.window)
    return np.concatenate([made for _, made in in_order("pairs", part, len(rows), max(PART // size, 1), work)])


def _interval(values: np.ndarray) -> Interval:
    """The interval of the mean of independent pairs `[p]`, within [0, 1]."""
    low, high = normal(float(values.mean()), values)
    return max(low, 0.0), min(high, 1.0)
