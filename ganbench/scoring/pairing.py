"""Which image of the reference each sample belongs to, for scores of pairs: by the names of files, else by their order."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from ganbench.errors import UserError, counted
from ganbench.samples import SampleSet, amount
from ganbench.samples.preflight import several


class Pairing(NamedTuple):
    """The partner of each sample."""

    rows: np.ndarray  # of the reference, int64 [n]
    how: str


def pair(gen: SampleSet, ref: SampleSet) -> Pairing:
    """The partners of samples: the image with the same name, whatever its ending, or the image of the same number.

    Names count if both sets are files.

    Raises:
        UserError: a sample has no partner or several, a partner has no sample, or the images have different sizes.
    """
    names = gen.manifest["name"], ref.manifest["name"]
    if ref.is_statistics:
        raise UserError(f"{names[1]} has only statistics, and pairs need the samples of the reference")
    if gen.x.shape[1:] != ref.x.shape[1:]:
        raise UserError(
            f"{names[0]} has {amount(None, gen.x.shape[1:])} and {names[1]} has {amount(None, ref.x.shape[1:])}; "
            "the two of a pair need one size and equally many channels"
        )
    if gen.names is None or ref.names is None:
        if len(gen.x) != len(ref.x):
            raise UserError(
                f"{names[0]} has {counted(len(gen.x), 'sample')} and {names[1]} has {len(ref.x):,}; "
                "pairs by order need equally many, and pairs by name need files in both sets"
            )
        return Pairing(np.arange(len(gen.x)), "order")
    ours, theirs = _keys(gen), _keys(ref)
    for source, target, keys in ((*names, [key for key in ours if key not in theirs]),
                                 (*names[::-1], [key for key in theirs if key not in ours])):  # fmt: skip
        if keys:
            raise UserError(
                f"{source}: {counted(len(keys), 'image')} without a partner of the same name in {target} "
                f"({several(keys, len(keys))})"
            )
    return Pairing(np.array([theirs[key] for key in ours], np.int64), "name")


def _keys(given: SampleSet) -> dict[str, int]:
    """The names of the files of a set without their endings, and their rows."""
    keys: dict[str, int] = {}
    for row, name in enumerate(given.names or ()):
        key = PurePosixPath(name).with_suffix("").as_posix()
        if key in keys:
            raise UserError(f"{given.manifest['name']}: two images are called {key}; pairs need one image of each name")
        keys[key] = row
    return keys
