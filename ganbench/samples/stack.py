"""A stack: rows on disk that behave like an array, with a few rows in memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np

from ganbench.errors import UserError
from ganbench.samples.rows import Rows

Fetch = Callable[[int, int], np.ndarray]


class Stack:
    """Rows `[n, ...]`, fetched when they are needed. In a pass from the front the next block is fetched ahead.

    Args:
        name: of the set, for messages.
        shape, dtype: of all rows together.
        fetch: gives the rows from a to before b. Only one thread calls it, so it may hold an open file.
        faults: what `fetch` raises when the file was changed.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: Any,
        fetch: Fetch,
        faults: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name, self.shape, self.dtype = name, shape, np.dtype(dtype)
        self.sha256: str | None = None  # the content hash, once all rows were read
        self._fetch, self._faults = fetch, faults
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ganbench-read")
        self._ahead: tuple[tuple[int, int], Future[np.ndarray]] | None = None

    def owns(self, opened: ExitStack) -> None:
        """Close `opened` when this stack is deleted."""
        weakref.finalize(self, opened.close)

    @property
    def ndim(self) -> int:
        """Number of axes, like an array's."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows, like an array's. They are on disk, not in memory."""
        return int(np.prod(self.shape, dtype=np.int64)) * int(self.dtype.itemsize)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | np.ndarray | list[int]) -> np.ndarray:
        """One row, or the rows of a slice, of row numbers or of a mask, as an array."""
        if isinstance(rows, int | np.integer):
            row: np.ndarray = self[[int(rows)]][0]
            return row
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            chosen = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
            once, back = np.unique(chosen, return_inverse=True)
            out = np.empty((len(once), *self.shape[1:]), self.dtype)
            for to, at in enumerate(once.tolist()):
                out[to] = self._result(self._start(at, at + 1))[0]
            return out[back]
        start, stop, step = rows.indices(len(self))
        if step != 1:
            return self[np.arange(start, stop, step)]
        stop = max(start, stop)
        inorder = start == 0
        if self._ahead and self._ahead[0] == (start, stop):
            block, inorder = self._result(self._ahead[1]), True
        else:
            block = self._result(self._start(start, stop))
        following = stop, min(2 * stop - start, len(self))
        self._ahead = (following, self._start(*following)) if inorder and following[0] < following[1] else None
        return block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows at once, for code that needs an array."""
        return self[: len(self)].astype(dtype or self.dtype, copy=False)

    def in_channels(self, channels: int) -> Stack:
        """The same grey images `[n, H, W, 1 or 3]` with another number of equal channels."""
        every = np.zeros(channels, int)
        shape = (*self.shape[:3], channels)
        return Stack(self.name, shape, self.dtype, lambda a, b: self._result(self._start(a, b))[..., every])

    def _start(self, a: int, b: int) -> Future[np.ndarray]:
        return self._worker.submit(self._fetch, a, b)

    def _result(self, block: Future[np.ndarray]) -> np.ndarray:
        try:
            return block.result()
        except self._faults as error:
            raise UserError(f"{self.name}: damaged, or changed while it was read ({error})") from None


class Pixels:
    """Images uint8 `[n, H, W, C]` as vectors `[n, H*W*C]` in [0, 1]. Only the rows that are needed are computed.

    Args:
        x: the images, an array or a `Stack`.
        rows: the rows that are used, by default all.
    """

    dtype = np.dtype(np.float32)  # of the same vectors as an array

    def __init__(self, x: Rows, rows: np.ndarray | None = None) -> None:
        self._x, self._rows = x, np.arange(len(x)) if rows is None else rows
        self.shape = len(self._rows), int(np.prod(x.shape[1:], dtype=np.int64))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """The vectors of these rows: float64 with the values of a float32 division."""
        x = self._x[self._rows[rows]]
        vectors: np.ndarray = (x.reshape(len(x), -1).astype(np.float32) / 255).astype(np.float64)
        return vectors

    def take(self, rows: np.ndarray) -> Pixels:
        """The same vectors for these rows only, numbers or a mask. Nothing is computed yet."""
        return Pixels(self._x, self._rows[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All vectors at once, for code that needs an array."""
        return self[:].astype(dtype or np.float64, copy=False)
