"""What a sample set may be given as: a path, a dataset by its name, a run, an array, or a set read before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ganbench import data, samples
from ganbench.errors import choose
from ganbench.samples import Declared, SampleSet
from ganbench.training import run_as_samples

# A path; a dataset of ours, NAME or NAME:SPLIT; images uint8 [n, H, W, C] or points float [n, d]; or a set read before.
Source = SampleSet | str | Path | np.ndarray | Any

SPLITS = ("train", "test")


def dataset_split(what: str) -> tuple[str, str | None] | None:
    """Read `NAME` or `NAME:SPLIT` of a dataset of ours; None if `what` is a path.

    >>> dataset_split("digits:train"), dataset_split("./digits")
    (('digits', 'train'), None)
    """
    name, colon, split = what.partition(":")
    if data.is_name(name):
        return name, choose(split, SPLITS, "split") if colon else None
    if Path(what).exists() or "/" in what or Path(what).suffix:
        return None
    return choose(name, data.names(), "dataset or file"), None


def open_set(what: Source, split: str, declared: Declared = samples.UNDECLARED) -> SampleSet:
    """The sample set that `what` means; `split` is what the name of a dataset of ours alone means."""
    if isinstance(what, SampleSet):
        return what
    if not isinstance(what, str | Path):
        return samples.read(what, declared)
    found = dataset_split(str(what))
    if found is None:
        path = Path(what)
        return run_as_samples.read(path) if run_as_samples.opens(path) else samples.read(path, declared)
    name, given = found
    x, y = data.load(name, given or split)
    about = {"name": f"{name}:{given or split}", "dataset": name, "data": data.version(name)}
    return SampleSet(np.asarray(x), np.asarray(y), about)


def open_sets(
    generated: Source, reference: Source, train: Source | None, declared: Declared = samples.UNDECLARED
) -> tuple[SampleSet, SampleSet, SampleSet | None]:
    """The sets of a scoring. A dataset's name alone as reference is its held-out split, and its training split `train`."""
    if train is None and isinstance(reference, str):
        found = dataset_split(reference)
        train = f"{found[0]}:train" if found is not None and found[1] is None else None
    known = None if train is None else open_set(train, "train", declared)
    return open_set(generated, "test", declared), open_set(reference, "test", declared), known
