"""Means of the four quarters of an image: an extractor from outside, in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ganbench.features import Extractor, Run

NAMES = ("quarters",)
BATCH = 256
CACHED = False


def describe(extractor: Extractor) -> dict[str, Any]:
    """What pins it: its `id` must change whenever its features do."""
    return {"id": "quarters@1", "input": None, "d": None, "sha256": None, "test_accuracy": None}


def load(extractor: Extractor) -> Run:
    """Images uint8 `[n, H, W, C]` to features `[n, 4 C]` in [0, 1], and no class logits."""

    def run(x: np.ndarray) -> tuple[np.ndarray, None]:
        rows, columns = x.shape[1] // 2, x.shape[2] // 2
        means = [
            x[:, r, c].mean((1, 2)) / 255
            for r in (slice(rows), slice(rows, None))
            for c in (slice(columns), slice(columns, None))
        ]
        return np.concatenate(means, 1).astype(np.float32), None

    return run
