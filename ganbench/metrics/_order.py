"""Random orders that depend on the samples and the seed, and not on the order in which the samples came."""

from __future__ import annotations

import numpy as np

from ganbench.metrics._shared import remembered


def shuffled(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of `x` `[n, d]` in a random order, as int64 `[n]`: sorted along a random direction first, then shuffled."""
    return rng.permutation(np.argsort(x @ rng.standard_normal(x.shape[1]), kind="stable"))


@remembered
def like(gen: np.ndarray, train: np.ndarray | None) -> np.ndarray | None:
    """A random part of `train` as large as `gen`, the same for all, to be scored as if generated; None if there is none."""
    if train is None or len(train) < len(gen):
        return None
    return train[shuffled(train, np.random.default_rng(0))[: len(gen)]]
