"""The interface of samples in memory or on disk, and what messages call them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ganbench.errors import counted


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


def amount(n: int | None, shape: Sequence[int]) -> str:
    """`n` samples of `shape`, `[H, W, C]`, `[T, C]` or `[d]`, as messages name them. None stands for any number.

    The size of an image is width x height, as in image programs.

    >>> amount(1, (20, 28, 1)), amount(None, (20, 28, 3)), amount(2000, (2,))
    ('1 grey image of 28 x 20 pixels', 'colour images of 28 x 20 pixels', '2,000 points with 2 coordinates')
    >>> amount(2, (4096, 1))
    '2 waves of 4,096 steps and 1 channel'
    """
    if len(shape) == 3:
        height, width, channels = shape
        noun = "grey image" if channels == 1 else "colour image"
        about = f"of {width:,} x {height:,} pixels"
    elif len(shape) == 2:
        noun, about = "wave", f"of {counted(shape[0], 'step')} and {counted(shape[1], 'channel')}"
    else:
        noun, about = "point", f"with {counted(shape[0], 'coordinate')}"
    return f"{noun}s {about}" if n is None else f"{counted(n, noun)} {about}"
