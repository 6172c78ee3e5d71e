"""How a user can give a sample set: a path, a dataset's name, the folder of a run, an array, or a set that was read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganbench import data, features, samples
from ganbench.errors import UserError, choose, counted
from ganbench.samples import UNDECLARED, Declared, SampleSet, encoded, folder
from ganbench.samples.preflight import several
from ganbench.samples.sets import Tally, blocks
from ganbench.training import run_as_samples

# A path; a dataset, NAME or NAME:SPLIT; images uint8 [n, H, W, C] or points float [n, d]; or a set read before.
Source = SampleSet | str | Path | np.ndarray | Any

SPLITS = ("train", "test")
SAMPLE_FILES = (".npz", ".npy", ".parquet", ".tar", ".zip")


def dataset_split(text: str) -> tuple[str, str | None] | None:
    """Read `NAME` or `NAME:SPLIT` of a dataset; None if `text` is a path.

    >>> dataset_split("digits:train"), dataset_split("./digits")
    (('digits', 'train'), None)
    """
    name, colon, split = text.partition(":")
    if data.is_name(name):
        return name, choose(split, SPLITS, "split") if colon else None
    if Path(text).exists() or "/" in text or Path(text).suffix:
        return None
    return choose(name, data.names(), "dataset or file"), None


def open_set(source: Source, split: str, declaration: Declared = UNDECLARED, name: str = "samples") -> SampleSet:
    """The sample set of a source. If the source is only a dataset's name, `split` is used. `name`: of a set from Python."""
    if isinstance(source, SampleSet):
        return source
    if not isinstance(source, str | Path):
        return samples.read(source, declaration, name=name)
    dataset = dataset_split(str(source))
    if dataset is None:
        path = Path(source)
        return _drawn(path, declaration.trust) if run_as_samples.opens(path) else samples.read(path, declaration)
    title, given = dataset
    x, y = data.load(title, given or split)
    about = {"name": f"{title}:{given or split}", "dataset": title, "data": data.version(title)}
    return SampleSet(np.asarray(x), np.asarray(y), about)


def _drawn(path: Path, trust: bool) -> SampleSet:
    """New samples of the run in the folder `path`. Its pre-flight report says that they were drawn.

    Raises:
        UserError: the folder also has images, so it is not certain what to score; or its GAN's code is not trusted.
    """
    images, _, others = encoded.sort_out(path, folder.listing(path), partial(folder.head, path))
    if images:
        raise UserError(
            f"{path} is the folder of a run and also has images: {several(images, len(images))}. To score the run, draw its "
            f"samples (`ganbench sample {path} --out FILE.npz`). To score the images, move them to a folder of their own"
        )
    stored = [name for name in others if name.endswith(SAMPLE_FILES)]
    unread = counted(len(stored), "file")
    warnings = [f"not read: {unread} of this folder ({several(stored, len(stored))})"] if stored else []
    with features.torch_by_default():
        drawn = run_as_samples.read(path, trust)
    tally = Tally(drawn.x.shape, drawn.x.dtype)
    for rows in blocks(drawn.x):
        tally.add(drawn.x[rows])
    report = {
        "form": "a run, drawn anew with seed 0",
        "labels": "" if drawn.y is None else "the classes that were drawn",
    }
    surveyed = encoded.finish(drawn.manifest["name"], drawn.x, drawn.y, tally, report, warnings)
    return drawn.with_(manifest=surveyed.manifest | drawn.manifest)


def default_train(reference: Source) -> str | None:
    """The training split of the dataset that `reference` names; None if `reference` is not just a dataset's name."""
    dataset = dataset_split(reference) if isinstance(reference, str) else None
    return None if dataset is None or dataset[1] is not None else f"{dataset[0]}:train"
