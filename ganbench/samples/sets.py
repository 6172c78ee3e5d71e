"""What a sample set is, what its user may declare about it, and the bounds on what is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ganbench.errors import choose
from ganbench.samples.stack import Stack

HELD = 2**28  # bytes; sets up to here are held in memory, larger ones are read again whenever rows are asked for
MEMBER = 2**28  # bytes of one encoded image, after its archive's compression
PIXELS = 2**26  # of one image; a header may claim any size
RATIO, ENOUGH = 200, 2**28  # an archive that swells this much, and to more than these bytes, is a bomb

RANGES = {"0,1": (0.0, 1.0), "-1,1": (-1.0, 1.0), "0,255": (0.0, 255.0)}
LAYOUTS = ("nhwc", "nchw")


Rows = Any  # a numpy array, or a `Stack`, which does as one


class Declared(NamedTuple):
    """What only the user can know about arrays: nothing of it is guessed from the values."""

    range: tuple[float, float] | None = None  # of floats, black and white
    layout: str | None = None  # "nhwc" or "nchw", needed where both are possible


def declared(range_: str | None = None, layout: str | None = None) -> Declared:
    """Read the command line's `--range` and `--layout`.

    >>> declared("-1, 1", "nchw")
    Declared(range=(-1.0, 1.0), layout='nchw')
    """
    found = None if range_ is None else RANGES[choose(range_.replace(" ", ""), RANGES, "--range")]
    return Declared(found, None if layout is None else choose(layout.lower(), LAYOUTS, "--layout"))


class SampleSet(NamedTuple):
    """Samples, their labels, where they come from, and their embedding where it was computed before."""

    x: Rows  # uint8 [n, H, W, C], or float32 [n, d] for points
    y: np.ndarray | None  # int64 [n]
    manifest: dict[str, Any]
    features: np.ndarray | None = None  # float32 [n, d]
    logits: np.ndarray | None = None  # float32 [n, K]
    discriminator: np.ndarray | None = None  # float64 [g, 2]: places on the line and D there, for one dimension
    disturbed: np.ndarray | None = None  # float32 [n, d], features of the images after `scoring.disturbed`
    moments: np.ndarray | None = None  # float64 [1 + d, d], mean and covariance of features of which no sample is there


FURTHER = SampleSet._fields[3:]  # what a set may carry beside its samples, under these names in the file


class Tally:
    """What one pass over the rows of a set tells: its hash, its copies, its smallest and largest value.

    Args:
        shape, dtype: of all rows together, `[n, ...]`.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._sha256 = hashlib.sha256(f"{dtype.str}{shape}".encode())
        self._first: dict[bytes, int] = {}
        self._colour = len(shape) == 4 and shape[3] == 3
        self.rows = 0
        self.low, self.high = np.inf, -np.inf
        self.grey = self._colour  # colour images of which all three channels are equal
        self.copies = 0
        self.pairs: list[tuple[int, int]] = []  # the first few rows that repeat an earlier one, and that one

    def add(self, block: np.ndarray) -> None:
        """The next rows `[k, ...]`."""
        block = np.ascontiguousarray(block)
        self._sha256.update(block.data)
        if block.size:
            self.low, self.high = min(self.low, block.min()), max(self.high, block.max())
        self.grey = self.grey and np.array_equal(block[..., :1].repeat(3, -1), block)
        for row in block:
            earlier = self._first.setdefault(hashlib.blake2b(row.data, digest_size=16).digest(), self.rows)
            if earlier != self.rows:
                self.copies += 1
                if len(self.pairs) < 5:
                    self.pairs.append((self.rows, earlier))
            self.rows += 1

    @property
    def sha256(self) -> str:
        """The content hash of the rows so far; that of the set once all were added."""
        return self._sha256.hexdigest()


BLOCK = 2**24  # bytes of rows looked at together


def blocks(x: Rows) -> list[slice]:
    """Slices of rows of which each holds about 16 MB."""
    size = int(np.prod(x.shape[1:], dtype=np.int64)) * x.dtype.itemsize
    step = max(1, BLOCK // max(1, size))
    return [slice(a, min(a + step, len(x))) for a in range(0, len(x), step)]


def content_hash(x: Rows) -> str:
    """SHA-256 over dtype, shape and bytes; the same for the same samples in whatever form they lie on disk."""
    if isinstance(x, Stack) and x.sha256:
        return x.sha256
    found = hashlib.sha256(f"{x.dtype.str}{x.shape}".encode())
    for rows in blocks(x):
        found.update(np.ascontiguousarray(x[rows]).data)
    return found.hexdigest()


def alike(sets: Sequence[SampleSet]) -> list[SampleSet]:
    """The same sets with as many channels each: 1 if all images of all sets are grey, however they are kept, else 3.

    Grey images with three equal channels and those with one are the same images; nothing is lost either way.
    """
    if any(one.x.ndim != 4 for one in sets):
        return list(sets)
    grey = all(one.x.shape[3] == 1 or one.manifest.get("found", {}).get("grey") for one in sets)
    return [_in_channels(one, 1 if grey else 3) for one in sets]


def _in_channels(one: SampleSet, channels: int) -> SampleSet:
    x = one.x
    if x.shape[3] == channels:
        return one
    x = x[..., np.zeros(channels, int)] if isinstance(x, np.ndarray) else x.in_channels(channels)
    found = one.manifest.get("found", {"warnings": []})
    note = f"grey images with {one.x.shape[3]} channels, read with {channels} like those that they are compared with"
    found = found | {"warnings": [*found["warnings"], note]}
    manifest = one.manifest | {"found": found, "sha256": content_hash(x)}
    return one._replace(x=x, manifest=manifest, features=None, logits=None, disturbed=None)
