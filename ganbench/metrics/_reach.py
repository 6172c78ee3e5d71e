"""How far generated samples are from held-out samples: shared by `missing` and `invented`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.metrics._neighbours import knn
from ganbench.metrics._shared import remembered

SHOWN = 8  # images of a group in a gallery


@remembered
def nearest_real(gen: Any, ref: Any) -> tuple[np.ndarray, np.ndarray]:
    """The distance float64 `[n]` from each row of `gen` `[n, d]` to its nearest row of `ref` `[m, d]`, and that row."""
    distance, row = knn(gen, ref, 1)
    return distance[:, 0], row[:, 0]
