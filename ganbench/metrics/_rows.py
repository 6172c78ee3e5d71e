"""Features that are an array, or `Pixels`: vectors of very many images, which are made part by part and never held at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.metrics._parallel import blocks
from ganbench.samples import Pixels

HELD = 2**26  # values that are held at once, even if they are pixels
PART = 2**22  # values of a part


def held(x: Any) -> bool:
    """Whether all rows of `x` `[n, d]` are held at once."""
    return not isinstance(x, Pixels) or len(x) * x.shape[1] <= HELD


def parts(x: Any) -> list[slice]:
    """The rows of `x` `[n, d]` in parts that are held together: an array and few pixels are one part."""
    return blocks(len(x), len(x) if held(x) else PART // x.shape[1])


def take(x: Any, rows: Any) -> Any:
    """These rows of `x`, as an array or as `Pixels`. `rows` are numbers or a mask."""
    return x.take(rows) if isinstance(x, Pixels) else x[rows]


def mean(x: Any) -> np.ndarray:
    """The mean row of `x` `[n, d]`, float64 `[d]`."""
    sums = [x[part].sum(0, dtype=np.float64) for part in parts(x)]
    average: np.ndarray = np.sum(sums, axis=0) / len(x)
    return average
