"""A folder of Parquet or tar files that are one set: Hugging Face's `train-00000-of-00004.parquet`, webdataset's `0000.tar`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from ganbench.errors import UserError, counted
from ganbench.samples import archive, folder, parquet
from ganbench.samples.encoded import SUFFIXES, Encoded, sort_out, survey
from ganbench.samples.preflight import several
from ganbench.samples.sets import Declared, SampleSet

KINDS = {".parquet": parquet.encoded, ".tar": archive.tar}
FAULTS = (*archive.FAULTS, *parquet.FAULTS)
NUMBERED = re.compile(r"(?P<set>.*?)-?(?P<number>\d+)(-of-(?P<of>\d+))?")  # the stem of a shard's name


def opens(path: Path, head: bytes) -> bool:
    """Whether `path` is a folder with shards and no images."""
    if not path.is_dir():
        return False
    names = folder.listing(path)
    if any(name.lower().endswith(SUFFIXES) for name in names) or not _shards(names):
        return False
    images, _, others = sort_out(path, names, partial(folder.head, path))
    return not images and bool(_shards(others))


def read(path: Path, declaration: Declared) -> SampleSet:
    """The images of all shards, in the order of the shards' names.

    Raises:
        UserError: shards of several sets or kinds, a missing shard, or a shard that is refused.
    """
    _, ignored, files = sort_out(path, folder.listing(path), partial(folder.head, path))
    shards = _shards(files)
    kinds = {Path(name).suffix for name in shards}
    if len(kinds) > 1:
        raise UserError(f"{path}: it holds {' and '.join(sorted(kinds))} files; put each set into its own folder")
    _complete(path, shards)
    encode = KINDS[kinds.pop()]
    states = [folder.state(path, name) for name in shards]

    @lru_cache(maxsize=1)  # one shard is open at a time
    def part(i: int) -> Encoded:
        if folder.state(path, shards[i]) != states[i]:
            raise OSError(f"{shards[i]} has another size or time")
        return encode(path / shards[i])

    names, parts, others = [], [], [name for name in files if name not in shards]
    for i, shard in enumerate(shards):
        encoded = part(i)
        names.append([f"{shard}: {name}" for name in encoded.names])
        parts.append(encoded.labels)
        others += [f"{shard}: {name}" for name in encoded.others]
        ignored += encoded.ignored
    meanings = {labels.meaning for labels in parts}
    if len(meanings) > 1 or len({tuple(labels.names.items()) for labels in parts}) > 1:
        raise UserError(
            f"{path}: labels are {' in some shards, '.join(sorted(m or 'none' for m in meanings))} in others"
        )
    starts = [0, *accumulate(map(len, names))]

    def read(a: int, b: int) -> Iterator[bytes]:
        for i, (start, end) in enumerate(pairwise(starts)):
            if start < b and a < end:
                yield from part(i).read(max(a, start) - start, min(b, end) - start)

    given = [labels.y for labels in parts if labels.y is not None]
    labels = parts[0]._replace(y=np.concatenate(given) if given else None)
    form = f"{counted(len(shards), 'shard')} of {Path(shards[0]).suffix.removeprefix('.')}"
    every = [name for shard in names for name in shard]
    return survey(path.resolve().name, Encoded(form, every, read, labels, ignored, tuple(others), FAULTS))


def _shards(names: list[str]) -> list[str]:
    return [name for name in names if Path(name).suffix in KINDS]


def _complete(path: Path, shards: list[str]) -> None:
    """Refuse shards of several sets, such as training and test split, and fewer shards than their names promise (`-of-`)."""
    matches = [NUMBERED.fullmatch(Path(name).stem) for name in shards]
    sets = {(Path(name).parent, match["set"]) if match else name for name, match in zip(shards, matches, strict=True)}
    if len(shards) > 1 and len(sets) > 1:
        listed = several(shards, len(shards))
        raise UserError(f"{path}: shards of {counted(len(sets), 'set')}, {listed}; put each set into its own folder")
    promised = max((int(match["of"]) for match in matches if match and match["of"]), default=len(shards))
    if promised != len(shards):
        raise UserError(
            f"{path}: {len(shards):,} of {promised:,} shards are in this folder; fetch the others, or rename the shards"
        )
