"""No network: `identity` leaves points as they are, `pixels` flattens images to values in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ganbench.features import Extractor, Run

NAMES = ("identity", "pixels")
BATCH = 256
CACHED = False  # faster than a disk


def describe(extractor: Extractor) -> dict[str, Any]:
    """See `ganbench.features.describe`: any input, and no weights."""
    return {"id": extractor.name, "input": None, "d": None, "sha256": None, "test_accuracy": None}


def load(extractor: Extractor) -> Run:
    """Samples [n, ...] to features [n, d]."""
    divisor = np.float32(255 if extractor.name == "pixels" else 1)
    return lambda x: (x.reshape(len(x), -1).astype(np.float32) / divisor, None)
