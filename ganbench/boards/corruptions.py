"""Known damage to real samples, in levels from mild to strong. Metrics are calibrated on this damage.

A corruption is a pure function (pool, train, n, level, rng) -> n samples. `pool` has real held-out samples in random order,
`train` the training samples of the metrics. The untouched set is the first n samples of the pool. A corruption damages these
samples, or takes other samples of the pool instead, each at most once. So a set repeats a sample only if repetition is
the damage. Two levels from one pool differ only by the damage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ganbench.data import Split

NEAR, NEAR_POINTS = 0.05, 0.001  # noise on a copy that is not exact: a share of the range, of the sd of points


class Unfit(Exception):
    """The corruption, or one of its levels, is impossible with these data; the message says why."""


class Corruption(NamedTuple):
    """One kind of damage."""

    level: str  # what the level counts
    levels: Callable[[Split, int], Sequence[float]]  # from a pool and n, mild to strong; may raise `Unfit`
    apply: Callable[[Split, Split, int, float, np.random.Generator], Split]


def is_images(split: Split) -> bool:
    """Whether the samples are images, and not points."""
    return split.x.dtype == np.uint8


def requantised(x: np.ndarray) -> np.ndarray:
    """Grey values clipped to [0, 255] and rounded, uint8."""
    levels: np.ndarray = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return levels


def first(split: Split, n: int) -> Split:
    """The first n samples."""
    return Split(split.x[:n], split.y[:n])


def noise(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """Gaussian noise. Its sd is `level` times the range of images, or `level` times the standard deviation of points."""
    x, y = first(pool, n)
    z = rng.normal(size=x.shape)
    if is_images(pool):
        return Split(requantised(x + 255 * level * z), y)
    return Split((x + level * pool.x.std(0) * z).astype(np.float32), y)


def blur(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """A Gaussian filter with a sigma of `level` pixels."""
    x, y = first(pool, n)
    return Split(requantised(ndimage.gaussian_filter(x.astype(np.float64), (0, level, level, 0))), y)


def shift(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """Images move `level` pixels to the right and their left border fills the gap; points move `level` sd along each axis."""
    x, y = first(pool, n)
    if is_images(pool):
        width, gap = x.shape[2], int(level)
        return Split(np.pad(x, ((0, 0), (0, 0), (gap, 0), (0, 0)), mode="edge")[:, :, :width], y)
    return Split((x + level * pool.x.std(0)).astype(np.float32), y)


def dropped(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """Samples of `level` classes only, chosen at random."""
    kept = rng.permutation(np.unique(pool.y))[: int(level)]
    return _taken(pool, np.flatnonzero(np.isin(pool.y, kept)), n)


def support(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """`level` distinct samples, all repeated equally often (up to one)."""
    return _taken(pool, np.resize(np.arange(int(level)), n), n)


def copies(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """The share `level` of the samples is replaced by training samples, each at most once."""
    k = round(level * n)
    copied = rng.choice(len(train.x), k, replace=False)
    x, y = first(pool, n)
    return Split(np.concatenate([train.x[copied], x[k:]]), np.concatenate([train.y[copied], y[k:]]))


def near_copies(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """As `copies`, and each copy is disturbed by a little noise, so that no copy is exact."""
    copied = copies(pool, train, n, level, rng)
    k = round(level * n)
    disturbed = noise(copied, train, k, NEAR if is_images(pool) else NEAR_POINTS, rng)
    return Split(np.concatenate([disturbed.x, copied.x[k:]]), copied.y)


def outliers(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """The share `level` of the samples is replaced by uniform noise, with the class of the replaced sample.

    An image gets uniform pixels. A point is uniform in a box twice as wide as the pool: like noise images, most such points
    are far from the data.
    """
    k = round(level * n)
    x, y = first(pool, n)
    shape = (k, *x.shape[1:])
    if is_images(pool):
        uniform = rng.integers(0, 256, shape, dtype=np.uint8)
    else:
        low, high = pool.x.min(0), pool.x.max(0)
        margin = (high - low) / 2
        uniform = rng.uniform(low - margin, high + margin, shape).astype(np.float32)
    return Split(np.concatenate([uniform, x[k:]]), y)


def weights(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """One random class is `level` times as likely, relative to the other classes, as in the data."""
    favoured = pool.y == rng.choice(np.unique(pool.y))
    p = favoured.mean()
    k = round(n * level * p / (level * p + 1 - p))
    more, fewer = np.flatnonzero(favoured)[:k], np.flatnonzero(~favoured)[: n - k]
    return _taken(pool, np.sort(np.concatenate([more, fewer])), n)


def permuted(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """The share `level` of the images has its pixels in a random order, another order for each image."""
    k = round(level * n)
    x, y = first(pool, n)
    mixed = rng.permuted(x.reshape(len(x), -1)[:k], axis=1).reshape(x[:k].shape)
    return Split(np.concatenate([mixed, x[k:]]), y)


def salt(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """The share `level` of the pixels is black or white."""
    x, y = first(pool, n)
    extreme = 255 * rng.integers(0, 2, x.shape, dtype=np.uint8)
    return Split(np.where(rng.random(x.shape) < level, extreme, x), y)


def elastic(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """Smooth random displacements with a root mean square of `level` pixels along each axis (Simard et al. 2003, ICDAR)."""
    x, y = first(pool, n)
    size, smooth = x.shape[1:3], x.shape[1] / 7
    grid = np.mgrid[: size[0], : size[1]].astype(np.float64)
    field = ndimage.gaussian_filter(rng.normal(size=(n, 2, *size)), (0, 0, smooth, smooth), mode="wrap")
    field *= level / np.sqrt((field**2).mean((2, 3), keepdims=True))
    bent = np.empty(x.shape)
    for i in range(n):
        for channel in range(x.shape[3]):
            bent[i, ..., channel] = ndimage.map_coordinates(
                x[i, ..., channel].astype(np.float64), grid + field[i], order=1
            )
    return Split(requantised(bent), y)


def mixtures(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """Each sample is mixed with the share `level` of another sample."""
    x, y = first(pool, n)
    values = x.astype(np.float64)
    mixed = (1 - level) * values + level * values[rng.permutation(n)]
    return Split(requantised(mixed) if is_images(pool) else mixed.astype(np.float32), y)


def invented(pool: Split, train: Split, n: int, level: float, rng: np.random.Generator) -> Split:
    """The share `level` of the samples is of a mode that the data do not have: negatives of images, or a distant cluster."""
    k = round(level * n)
    x, y = first(pool, n)
    if is_images(pool):
        return Split(np.concatenate([255 - x[:k], x[k:]]), y)
    sd = pool.x.std(0)
    cluster = pool.x.max(0) + sd + 0.1 * sd * rng.normal(size=x[:k].shape)
    return Split(np.concatenate([cluster.astype(np.float32), x[k:]]), y)


def _taken(pool: Split, rows: np.ndarray, n: int) -> Split:
    """The first n of these rows of the pool."""
    if len(rows) < n:
        raise Unfit(f"the pool has only {len(rows):,} suitable samples, but {n:,} are needed")
    return Split(pool.x[rows[:n]], pool.y[rows[:n]])


def _kind(images: Sequence[float], points: Sequence[float]) -> Callable[[Split, int], Sequence[float]]:
    return lambda pool, n: images if is_images(pool) else points


def _images_only(levels: Sequence[float]) -> Callable[[Split, int], Sequence[float]]:
    def of(pool: Split, n: int) -> Sequence[float]:
        if not is_images(pool):
            raise Unfit("points have no pixels")
        return levels

    return of


def _blurs(pool: Split, n: int) -> Sequence[float]:
    """Sigmas up to a fourteenth of the width, but at least two levels."""
    if not is_images(pool):
        raise Unfit("points cannot be blurred")
    return [sigma for sigma in (0.5, 1, 2) if sigma <= max(1, pool.x.shape[2] / 14)]


def _elastic(pool: Split, n: int) -> Sequence[float]:
    """Up to a fourteenth of the width."""
    if not is_images(pool):
        raise Unfit("points have no pixels")
    return [sd for sd in (0.25, 0.5, 1, 2) if sd <= pool.x.shape[2] / 14]


def _shifts(pool: Split, n: int) -> Sequence[float]:
    """Up to a seventh of the width: a larger shift also cuts off much of the image, and that is another damage."""
    if not is_images(pool):
        return 0.25, 0.5, 1
    return [pixels for pixels in (1, 2, 4) if pixels <= pool.x.shape[2] / 7]


def _classes(pool: Split) -> int:
    count = len(np.unique(pool.y))
    if count < 2:
        raise Unfit("the data have one class")
    return count


def _kept_classes(pool: Split, n: int) -> Sequence[float]:
    """9, 5, 2 and 1 of ten classes; the same shares of other numbers of classes."""
    k = _classes(pool)
    kept = [max(1, round(share * k)) for share in (0.9, 0.5, 0.2, 0.1)]
    return [count for count in dict.fromkeys(kept) if count < k]


def _weights(pool: Split, n: int) -> Sequence[float]:
    _classes(pool)
    return 2, 5, 20


CORRUPTIONS = {
    "noise": Corruption("sd", _kind((0.05, 0.1, 0.2, 0.4), (0.05, 0.25, 0.5, 1)), noise),
    "blur": Corruption("sigma in pixels", _blurs, blur),
    "shift": Corruption("pixels, or sd of points", _shifts, shift),
    "dropped": Corruption("classes kept", _kept_classes, dropped),
    "support": Corruption("distinct samples", lambda pool, n: (n // 2, n // 10, n // 50), support),
    "copies": Corruption("share of training samples", lambda pool, n: (0.1, 0.25, 0.5, 1), copies),
    "outliers": Corruption("share of uniform noise", lambda pool, n: (0.01, 0.05, 0.2), outliers),
    "weights": Corruption("times as likely", _weights, weights),
    "near_copies": Corruption("share of disturbed training samples", lambda pool, n: (0.1, 0.5, 1), near_copies),
    "permuted": Corruption("share of images with permuted pixels", _images_only((0.05, 0.2, 1)), permuted),
    "salt": Corruption("share of black and white pixels", _images_only((0.02, 0.05, 0.1)), salt),
    "elastic": Corruption("displacement in pixels", _elastic, elastic),
    "mixtures": Corruption("share of another sample", lambda pool, n: (0.1, 0.25, 0.5), mixtures),
    "invented": Corruption("share of an invented mode", lambda pool, n: (0.05, 0.2, 0.5), invented),
}
