"""Random orders that depend on the samples and the seed, but not on the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.metrics._rows import parts, take
from ganbench.metrics._shared import remembered


def shuffled(x: Any, rng: np.random.Generator) -> np.ndarray:
    """Rows of `x` `[n, d]` in a random order, as int64 `[n]`: sorted along a random direction first, then shuffled.

    `x` is an array or `Pixels`. Many pixels are read part by part.
    """
    direction = rng.standard_normal(x.shape[1])
    return rng.permutation(np.argsort(np.concatenate([x[part] @ direction for part in parts(x)]), kind="stable"))


@remembered
def like(n: int, train: np.ndarray | None) -> np.ndarray | None:
    """n random rows of `train`, scored in place of n generated samples; equal for all metrics. None if `train` is too small."""
    if train is None or len(train) < n:
        return None
    part: np.ndarray = take(train, shuffled(train, np.random.default_rng(0))[:n])
    return part
