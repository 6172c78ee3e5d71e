"""The interface of samples in memory or on disk."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class Rows(Protocol):
    """Samples `[n, ...]`: a numpy array, or a `Stack`. A `Stack` behaves like an array and reads its rows from disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis, n first."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one number."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def nbytes(self) -> int:
        """Bytes of all samples together, in memory or on disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any:
        """One sample, or the samples of a slice, of row numbers or of a mask, as an array."""

    def __array__(self, dtype: Any = None, /) -> np.ndarray:
        """All samples in memory."""
