"""The truth behind a dataset of points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Mixture(NamedTuple):
    """An equal-weight mixture of isotropic Gaussians."""

    means: np.ndarray  # float64 [k, d]
    sd: float
