"""Random orders that depend on the samples and the seed, but not on the order of the rows."""

from __future__ import annotations

import numpy as np

from ganbench.metrics._shared import remembered


def shuffled(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of `x` `[n, d]` in a random order, as int64 `[n]`: sorted along a random direction first, then shuffled."""
    return rng.permutation(np.argsort(x @ rng.standard_normal(x.shape[1]), kind="stable"))


@remembered
def like(n: int, train: np.ndarray | None) -> np.ndarray | None:
    """n random rows of `train`, scored in place of n generated samples; equal for all metrics. None if they are too few."""
    if train is None or len(train) < n:
        return None
    part: np.ndarray = train[shuffled(train, np.random.default_rng(0))[:n]]
    return part
