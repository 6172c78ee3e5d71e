"""The controls on every board: sets whose good and bad scores are known in advance. They show what each metric can see.

The seed cuts the held-out split in two. One half is the `reference` that every row of that seed is scored against. The other
half is the row `real`: held-out data in the place of generated samples. So `real` is a fair null: the same distribution, the
same size, and no sample in common with the reference.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ganbench import data, samples
from ganbench.data import Split
from ganbench.errors import UserError, choose
from ganbench.samples import SampleSet
from ganbench.training.provenance import Work

Control = Callable[[str, int, int], Split]


def _rng(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def _take(split: Split, index: np.ndarray) -> Split:
    return Split(np.array(split.x[index]), np.array(split.y[index]))


def _halved(dataset: str, n: int, seed: int) -> tuple[Split, Split]:
    held_out = data.load(dataset, "test")
    if 2 * n > len(held_out.x):
        raise UserError(
            f"{dataset} has {len(held_out.x):,} held-out samples, so reference and real can have "
            f"{len(held_out.x) // 2:,} each, not {n:,}"
        )
    order = _rng(seed, "held-out").permutation(len(held_out.x))
    return _take(held_out, order[:n]), _take(held_out, order[n : 2 * n])


def reference(dataset: str, n: int, seed: int) -> Split:
    """The half of the held-out split that rows are scored against."""
    return _halved(dataset, n, seed)[0]


def real(dataset: str, n: int, seed: int) -> Split:
    """The other half of the held-out split. Its scores are those of a perfect generator."""
    return _halved(dataset, n, seed)[1]


def copycat(dataset: str, n: int, seed: int) -> Split:
    """Training samples, each at most once. Its scores are those of a generator that memorised its training set."""
    train = data.load(dataset, "train")
    if n > len(train.x):
        raise UserError(f"{dataset} has {len(train.x):,} training samples, not {n:,}")
    return _take(train, _rng(seed, "copycat").choice(len(train.x), n, replace=False))


def noise(dataset: str, n: int, seed: int) -> Split:
    """Uniform noise: in every pixel of an image, or in the box around the training points."""
    train = data.load(dataset, "train")
    rng = _rng(seed, "noise")
    if train.x.dtype == np.uint8:
        x = rng.integers(0, 256, (n, *train.x.shape[1:]), dtype=np.uint8)
    else:
        x = rng.uniform(train.x.min(0), train.x.max(0), (n, *train.x.shape[1:])).astype(np.float32)
    return Split(x, np.full(n, -1))


ROWS: dict[str, Control] = {"real": real, "copycat": copycat, "noise": noise}
KINDS: dict[str, Control] = {"reference": reference, **ROWS}


def write(kind: str, dataset: str, n: int, seed: int, out: Path) -> None:
    """Write one of the control sets as a sample set."""
    work = Work()
    x, y = KINDS[choose(kind, KINDS, "control")](dataset, n, seed)
    about = {"source": kind, "dataset": dataset, "data": data.version(dataset), "seed": seed, "reason": None}
    samples.write(out, SampleSet(x, y, about | {"provenance": work.record()}))
