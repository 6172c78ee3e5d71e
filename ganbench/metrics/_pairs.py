"""Random pairs of the samples of one set. No sample stands in two pairs, so the pairs are independent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.metrics._order import shuffled

MOST = 1000  # pairs of a set


def pairs(x: Any, rng: np.random.Generator, most: int = MOST) -> np.ndarray:
    """Rows of `x` `[n, d]` in random pairs, int64 `[p, 2]`, with p the smaller one of `most` and n / 2."""
    count = min(len(x) // 2, most)
    return shuffled(x, rng)[: 2 * count].reshape(count, 2)
