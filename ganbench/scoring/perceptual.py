"""Distances of random pairs that a network computes: the inputs of `lpips`."""

from __future__ import annotations

import numpy as np

from ganbench.features import _lpips
from ganbench.metrics._pairs import pairs
from ganbench.samples import Pixels, SampleSet


def distances(given: SampleSet, seed: int) -> np.ndarray | None:
    """LPIPS of random pairs of the images of a set, float64 `[p]`. None for points, statistics and a single image.

    Raises:
        Unreachable, UserError: see `ganbench.features._lpips.require`.
    """
    if given.x.ndim != 4 or len(given.x) < 2:
        return None
    return _lpips.distances(given.x, pairs(Pixels(given.x), np.random.default_rng(seed)))
