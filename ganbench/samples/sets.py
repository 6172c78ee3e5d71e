"""The class of sample sets, what a user can declare about a set, and limits on what is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from ganbench.errors import choose
from ganbench.samples.rows import Rows
from ganbench.samples.stack import Pixels, Stack

HELD = 2**28  # bytes; sets up to here are held in memory, larger ones are read again whenever rows are asked for
MEMBER = 2**28  # bytes of one encoded image, after its archive's compression
PIXELS = 2**25  # of one image, an 8K picture; a header of 90 bytes may claim any size, and WebP takes 26 bytes a pixel
RATIO, ENOUGH = 200, 2**28  # an archive that swells this much, and to more than these bytes, is a bomb

RANGES = {"0,1": (0.0, 1.0), "-1,1": (-1.0, 1.0), "0,255": (0.0, 255.0)}
WAVES = "ntc"
LAYOUTS = ("nhwc", "nchw", WAVES)


class Declared(NamedTuple):
    """Facts that only the user can know, about arrays and about code. Nothing is guessed from the values."""

    range: tuple[float, float] | None = None  # of floats: the values of black and white
    layout: str | None = None  # "nhwc" or "nchw", needed where both are possible; "ntc": waves
    trust: bool = False  # whether the code of a run is executed that neither ganbench nor a plug-in brings


UNDECLARED = Declared()
Range = str | Sequence[float]  # black and white: "0,1" or (0, 1)


def declared(range_: Range | None = None, layout: str | None = None, trust: bool = False) -> Declared:
    """Read what the user declares about arrays, range and layout, and about the code of runs.

    >>> declared("-1, 1", "nchw")
    Declared(range=(-1.0, 1.0), layout='nchw', trust=False)
    >>> declared((0, 1)).range
    (0.0, 1.0)
    """
    if range_ is None:
        bounds = None
    else:
        text = range_ if isinstance(range_, str) else ",".join(f"{end:g}" for end in np.atleast_1d(range_).tolist())
        bounds = RANGES[choose(text.replace(" ", ""), RANGES, "range")]
    return Declared(bounds, None if layout is None else choose(layout.lower(), LAYOUTS, "layout"), trust)


@dataclass(frozen=True, eq=False)
class SampleSet:
    """Samples, their labels, their origin, and their embedding if it was already computed."""

    x: Rows  # uint8 [n, H, W, C]; float32 [n, d] for points, [n, T, C] for waves
    y: np.ndarray | None  # int64 [n]
    manifest: dict[str, Any]
    features: Any = None  # float32 [n, d], an array, or `Pixels` of very many images
    logits: np.ndarray | None = None  # float32 [n, K]
    discriminator: np.ndarray | None = None  # float64 [g, 2]: places on the line and D there, for one dimension
    condition: np.ndarray | None = None  # int64 [n], the condition of the held-out split that each sample was made from
    disturbed: Any = None  # as `features`: those of the images after `scoring.disturbed`
    moments: np.ndarray | None = None  # float64 [1 + d, d], mean and covariance of features of a reference
    spatial: np.ndarray | None = None  # the same of spatial features, which the files of ADM have
    names: tuple[str, ...] | None = None  # of the files of images, by their paths in the folder or the archive

    @property
    def is_statistics(self) -> bool:
        """Whether the set has statistics and no samples."""
        return self.moments is not None and not len(self.x)

    def with_(self, **changes: Any) -> SampleSet:
        """The same set with other values for some fields."""
        return replace(self, **changes)

    def further(self) -> dict[str, np.ndarray]:
        """The arrays that the set carries beside samples and labels, by their names in a file."""
        return {name: getattr(self, name) for name in FURTHER if getattr(self, name) is not None}


SAMPLES = ("x", "y", "manifest")
STATISTICS = ("moments", "spatial")
FURTHER = tuple(entry.name for entry in fields(SampleSet) if entry.name not in (*SAMPLES, *STATISTICS, "names"))


class Tally:
    """The facts that one pass over the rows of a set finds: the hash, the copies, the smallest and the largest value.

    Args:
        shape, dtype: of all rows together, `[n, ...]`.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._sha256 = hashlib.sha256(f"{dtype.str}{shape}".encode())
        self._first: dict[bytes, int] = {}
        colour = len(shape) == 4 and shape[3] == 3
        self.shape = shape
        self.rows = 0
        self.low, self.high = np.inf, -np.inf
        self.grey = colour  # whether these are colour images whose three channels are all equal
        self.copies = 0
        self.pairs: list[tuple[int, int]] = []  # the first few rows that repeat an earlier row, and the earlier row

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
        """The content hash of the rows so far. Once all rows were added, it is the hash of the set."""
        return self._sha256.hexdigest()


BLOCK = 2**24  # bytes of rows looked at together


def blocks(x: Rows | Pixels) -> list[slice]:
    """Slices of rows. Each slice holds about 16 MB."""
    size = int(np.prod(x.shape[1:], dtype=np.int64)) * x.dtype.itemsize
    step = max(1, BLOCK // max(1, size))
    return [slice(a, min(a + step, len(x))) for a in range(0, len(x), step)]


def content_hash(x: Rows | Pixels) -> str:
    """SHA-256 over dtype, shape and bytes. Equal samples have an equal hash, whatever file they come from."""
    if isinstance(x, Stack) and x.sha256:
        return x.sha256
    digest = hashlib.sha256(f"{x.dtype.str}{x.shape}".encode())
    for rows in blocks(x):
        digest.update(np.ascontiguousarray(x[rows], x.dtype).data)
    return digest.hexdigest()


def common_channels(sets: Sequence[SampleSet]) -> int | None:
    """The number of channels in which sets of images are compared; None where a set has points or waves.

    It is 1 if all images of all sets are grey, else 3. Grey images with three equal channels and grey images with one
    channel are the same images; nothing is lost either way.
    """
    if any(samples.x.ndim != 4 for samples in sets):
        return None
    grey = all(s.x.shape[3] == 1 or s.manifest.get("found", {}).get("grey") for s in sets)
    return 1 if grey else 3


def in_channels(samples: SampleSet, channels: int | None) -> SampleSet:
    """The same images with this number of channels, from `common_channels`; points and waves stay as they are."""
    x = samples.x
    if channels is None or x.shape[3] == channels:
        return samples
    x = x.in_channels(channels) if isinstance(x, Stack) else x[..., np.zeros(channels, int)]
    report = samples.manifest.get("found", {"warnings": []})
    note = f"grey images with {samples.x.shape[3]} channels; they were read with {channels}, like the other sets"
    report = report | {"warnings": [*report["warnings"], note]}
    manifest = samples.manifest | {"found": report, "sha256": content_hash(x)}
    return samples.with_(x=x, manifest=manifest, features=None, logits=None, disturbed=None)


def alike(sets: Sequence[SampleSet]) -> list[SampleSet]:
    """The same sets, all with the same number of channels."""
    channels = common_channels(sets)
    return [in_channels(samples, channels) for samples in sets]
