"""Random numbers that are the same bytes on every machine and under every version of numpy.

numpy can change the streams of `Generator` (NEP 19), but a dataset is pinned by its hash. So the bits come from SHAKE-256 (FIPS
202), a fixed function of its seed.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np


def uniform(seed: str, *shape: int) -> np.ndarray:
    """Independent uniform numbers, float64 `shape`, strictly between 0 and 1, in steps of 2**-52."""
    stream = hashlib.shake_256(seed.encode()).digest(8 * math.prod(shape))
    bits = np.frombuffer(stream, "<u8").reshape(shape)
    return ((bits >> np.uint64(12)) + 0.5) / 2.0**52


def integers(seed: str, high: int, *shape: int) -> np.ndarray:
    """Independent integers, int64 `shape`, uniform on 0 .. high-1 (up to high * 2**-52)."""
    return (uniform(seed, *shape) * high).astype(np.int64)


def normal(seed: str, *shape: int) -> np.ndarray:
    """Independent standard normal numbers, float64 `shape`, by inversion of the distribution function."""
    from scipy.special import ndtri  # slow to import, and reading a dataset does not need it

    return np.asarray(ndtri(uniform(seed, *shape)))
