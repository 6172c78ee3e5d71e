"""The controls on every board: sets whose good and bad scores are known in advance. They show what each metric can see.

The seed cuts the held-out split in two. One half is the `reference` that every row of that seed is scored against. The other
half is the row `real`: held-out data in the place of generated samples. So `real` is a fair null: the same distribution, the
same size, and no sample in common with the reference.

A generator that gets a condition is compared with the sample that belongs to the condition. So for data with conditions the
reference is the whole held-out split, and every row of a seed has the same conditions: those that `ganbench sample` gives to a
GAN. Then `real` is the truth, and further controls show what a translation is worth that does nothing, or copies, or blurs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ganbench import data, samples
from ganbench.data import Conditions, Facts, Split
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
    """The held-out samples that rows are scored against: a half of the split; with conditions, all of it in its order."""
    if data.facts(dataset).condition:
        return data.load(dataset, "test")
    return _halved(dataset, n, seed)[0]


def real(dataset: str, n: int, seed: int) -> Split:
    """The other half of the held-out split: the scores of a perfect generator. With conditions, the truth of each."""
    if not data.facts(dataset).condition:
        return _halved(dataset, n, seed)[1]
    held_out, conditions = data.load(dataset, "test"), _conditions(dataset, "test")
    if not conditions.paired:  # no held-out sample belongs to a condition
        return _take(held_out, _rng(seed, "held-out").permutation(len(held_out.x))[:n])
    return _take(held_out, asked(dataset, n, seed) // (_count(conditions, held_out) // len(held_out.x)))


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


def unchanged(dataset: str, n: int, seed: int) -> Split:
    """The pictures that were to be translated, as they are; a grey picture in each colour."""
    shape = data.facts(dataset).shape
    given = _given(dataset, asked(dataset, n, seed))
    return Split(np.array(np.broadcast_to(given, (n, *shape))), np.full(n, -1))


def nearest(dataset: str, n: int, seed: int) -> Split:
    """For each condition, the training sample whose condition is nearest; without pairs, the one that is itself nearest.

    Raises:
        UserError: the training has no pairs, and its conditions have another form than its samples.
    """
    train, conditions = data.load(dataset, "train"), _conditions(dataset, "train")
    wanted = _given(dataset, asked(dataset, n, seed))
    if not conditions.paired and wanted.shape[1:] != train.x.shape[1:]:
        raise UserError(f"{dataset}: no training sample is nearest to a condition of another form")
    own = _values(conditions, train, np.arange(_count(conditions, train))) if conditions.paired else train.x
    rows = _nearest_rows(wanted.reshape(n, -1), own.reshape(len(own), -1))
    return _take(train, rows // (len(own) // len(train.x)))


def mean(dataset: str, n: int, seed: int) -> Split:
    """The mean training image, whatever the condition is: of all answers that ignore it, the best one by squared error."""
    train = data.load(dataset, "train").x
    picture = np.rint(train.mean(0)).astype(np.uint8)
    return Split(np.repeat(picture[None], n, 0), np.full(n, -1))


def bicubic(dataset: str, n: int, seed: int) -> Split:
    """The small pictures, enlarged by cubic interpolation (Keys 1981), as SRGAN is compared in arXiv:1609.04802."""
    from PIL import Image

    height, width, channels = data.facts(dataset).shape
    out = np.empty((n, height, width, channels), np.uint8)
    for large, small in zip(out, _given(dataset, asked(dataset, n, seed)), strict=True):
        for channel in range(channels):
            picture = Image.fromarray(np.ascontiguousarray(small[..., channel]))
            large[..., channel] = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    return Split(out, np.full(n, -1))


def asked(dataset: str, n: int, seed: int) -> np.ndarray:
    """The numbers of the held-out conditions of n samples, int64 `[n]`: those that `ganbench sample` gives to a GAN."""
    from ganbench.training.order import indices  # torch is imported only to draw
    from ganbench.training.sampling import SAMPLED

    return indices(_count(_conditions(dataset, "test"), data.load(dataset, "test")), seed, 0, n, SAMPLED)


def _conditions(dataset: str, split: str) -> Conditions:
    conditions = data.conditions(dataset, split)
    if conditions is None:
        raise UserError(f"{dataset} has no conditions")
    return conditions


def _count(conditions: Conditions, split: Split) -> int:
    return len(split.x if callable(conditions.of) else conditions.of)


def _values(conditions: Conditions, split: Split, numbers: np.ndarray) -> np.ndarray:
    """The conditions with these numbers, in the form of files."""
    return (
        conditions.of(np.asarray(split.x[numbers])) if callable(conditions.of) else np.asarray(conditions.of[numbers])
    )


def _given(dataset: str, numbers: np.ndarray) -> np.ndarray:
    """Held-out conditions."""
    return _values(_conditions(dataset, "test"), data.load(dataset, "test"), numbers)


def _nearest_rows(wanted: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The row of `own` `[m, d]` that is nearest to each row of `wanted` `[n, d]`, int64 `[n]`."""
    from ganbench.metrics._neighbours import knn  # loads faiss

    rows: np.ndarray = knn(wanted.astype(np.float32), own.astype(np.float32), 1)[1][:, 0]
    return rows


ROWS: dict[str, Control] = {"real": real, "copycat": copycat, "noise": noise}  # on every board
TRANSLATED: dict[str, Control] = {
    "input": unchanged,
    "nearest": nearest,
    "mean": mean,
    "bicubic": bicubic,
}  # where they fit
ORDER = (*ROWS, *TRANSLATED)  # in tables
KINDS: dict[str, Control] = {"reference": reference, **ROWS, **TRANSLATED}


def rows(dataset: str) -> dict[str, Control]:
    """The controls of a dataset, by row. A dataset that is not on this machine has those of every board."""
    facts = data.facts(dataset) if data.is_name(dataset) else None
    return ROWS | {name: TRANSLATED[name] for name in TRANSLATED if facts is not None and _fits(name, facts)}


def _fits(name: str, facts: Facts) -> bool:
    """Whether a control of translation is possible: all need conditions, three need images, two need pictures to translate.

    >>> edges, small = ((28, 28, 1), (28, 28, 1)), ((28, 28, 1), (7, 7, 1))
    >>> [name for name in TRANSLATED if _fits(name, Facts(edges[0], 10, 10, condition=edges[1]))]
    ['input', 'nearest', 'mean']
    >>> [name for name in TRANSLATED if _fits(name, Facts(small[0], 10, 10, condition=small[1]))]
    ['nearest', 'mean', 'bicubic']
    """
    sample, given = facts.shape, facts.condition
    pictures = facts.is_image and len(given) == len(sample)
    return (
        bool(given)
        and {
            "input": pictures and sample[:2] == given[:2] and given[2] in (1, sample[2]),
            "nearest": True,
            "mean": facts.is_image,
            "bicubic": pictures and given[0] < sample[0] and given[1] < sample[1] and given[2] == sample[2],
        }[name]
    )


def write(kind: str, dataset: str, n: int, seed: int, out: Path) -> None:
    """Write one of the control sets as a sample set, with the numbers of its conditions if there are conditions.

    Raises:
        UserError: the dataset has no such control.
    """
    work = Work()
    x, y = KINDS[choose(kind, ("reference", *rows(dataset)), "control")](dataset, n, seed)
    about = {"source": kind, "dataset": dataset, "data": data.version(dataset), "seed": seed, "reason": None}
    condition = None
    if data.facts(dataset).condition:
        if kind == "reference":
            about["name"] = data.held_out(dataset)  # the set whose rows the conditions number
        else:
            condition = asked(dataset, n, seed)
    samples.write(out, SampleSet(x, y, about | {"provenance": work.record()}, condition=condition))
