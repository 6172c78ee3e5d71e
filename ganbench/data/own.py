"""The user's own data: anything that `ganbench score` reads becomes a dataset. The content names and pins the dataset.

The data are read once and written to `own/NAME-HASH/` in the folder of all datasets. NAME comes from the path, HASH from
the content. The content does not depend on the path, on the form, or on the order of the files.

Splits: a folder that holds `train` and `test` (folders or files, as `train.npz`) gives the splits. Otherwise the hash of
each sample decides: about one sample in five is held out. Equal samples have equal hashes, so they are in one split.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench import files, paths
from ganbench.data import folder, registry, tasks
from ganbench.data.folder import SPLITS
from ganbench.errors import UserError, choose

if TYPE_CHECKING:  # the readers are imported only when data are added
    from ganbench.samples import Declared, SampleSet

RECIPE = 1  # raised when the same data would become another dataset
NAME = re.compile(r"[a-z0-9][a-z0-9_.+-]*-[0-9a-f]{12}")
KINDS = {2: "points", 3: "waves", 4: "images"}  # of samples, by the axes of all of them together
LONGEST = 40  # letters of a name before its hash
HELD_OUT = 5  # one sample in so many is held out
BY_FOLDER = "the data were given as train and test"
PAPERS = {  # where the data of papers are described and downloaded, by the layout that `ganbench.data.layouts` reads
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar.html (the Python version)",
    "celeba64": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (aligned and cropped images)",
    "lsun-bedroom64": "https://github.com/fyu/lsun (exported with its data.py)",
    "imagenet128": "https://www.image-net.org (ILSVRC 2012)",
    "facades": "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
    "edges2shoes": "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz",
    "horse2zebra": "the CycleGAN datasets (arXiv:1703.10593)",
    "cub64": "https://www.vision.caltech.edu/datasets/cub_200_2011/",
    "oxford102-64": "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
}
BY_HASH = f"a sample is held out if the SHA-256 of its values, as an integer, is divisible by {HELD_OUT}"
WORDS = 4  # a SHA-256 as numbers of 64 bits


def exists(name: str) -> bool:
    """Whether the user's own data were added under this name."""
    return NAME.fullmatch(name) is not None and place(name).is_dir()


def is_name(text: str) -> bool:
    """Whether a text is the name of a dataset, rather than a path."""
    of = tasks.base(text)
    return of in registry.names() or exists(of)


def place(name: str) -> Path:
    """The folder of the user's own data."""
    return paths.data() / "own" / name


def resolve(what: str | Path, base: Path | None = None) -> str:
    """The name of a dataset that is given by its name or by a path; data behind a path are added first.

    Args:
        what: the name of a dataset, or the path of anything that `ganbench score` reads. A name goes before a path. The name of
            the user's own data may lack its hash: `cifar10`. A task may follow: `fashion-mnist+edges`, `my_images/+edges`.
        base: the folder that a relative path starts from; by default the current folder.

    Raises:
        UserError: neither a dataset nor a path, data that cannot be read, a task that does not treat the data, or a name
            without its hash of several sets.
    """
    name, path = str(what), (base or Path.cwd()) / Path(what).expanduser()
    if is_name(name):
        return name
    of, task = tasks.split(name)
    if task is not None and not path.exists():
        return f"{resolve(of, base)}+{task}"
    if path.exists() or "/" in name or path.suffix:
        return add(path)
    kept = (entry.name for entry in sorted(place("").glob("*")) if NAME.fullmatch(entry.name))
    whole = [entry for entry in kept if entry.rpartition("-")[0] == name]
    if len(whole) > 1:
        raise UserError(f"{name} can be one of {len(whole)} sets: write {' or '.join(whole)}")
    if whole:
        return whole[0]
    if name in PAPERS:
        raise UserError(
            f"{name} is not on this machine: download it from {PAPERS[name]}, then `ganbench data import {name} FOLDER`"
        )
    of, _, asked = name.rpartition("+")
    if is_name(of):
        choose(asked, tasks.TASKS, "task")
    return choose(name, registry.names(), "dataset or file")


def add(path: Path, declared: Declared | None = None) -> str:
    """Read data, write them as a dataset, and return its name; data that did not change since are not read again.

    Args:
        path: anything that `ganbench score` reads, or a folder with `train` and `test`.
        declared: the range of floats and the layout of arrays, where the data do not show them.

    Raises:
        UserError: data that cannot be read, images of several sizes, a split without samples, labels that count nothing.
    """
    from ganbench import samples

    parts = _parts(path)
    declared = declared or samples.UNDECLARED
    note = place(".read") / _state(path, parts, declared)
    if note.is_file() and exists(note.read_text()):
        return note.read_text()
    try:
        read = samples.alike([samples.read(part, declared) for part in parts])
    except UserError as error:
        hint = "`range=" in str(error) or "`layout=" in str(error)
        more = f"; `ganbench data add {path}` takes these options and prints a name to use instead of the path"
        raise UserError(f"{error}{more}" if hint else str(error)) from None
    name = _write(_stem(path), read)
    files.write(note, name)
    return name


def version(name: str) -> str:
    """The SHA-256 of the content of the user's own data. The files are read, unless this process has already read them.

    Raises:
        UserError: the files have changed since they were added.
    """
    pin = _version(_pins(place(name)))
    if not name.endswith(f"-{pin[:12]}"):
        raise UserError(
            f"{paths.shown(place(name))} is damaged: delete this folder and give the path of the data again"
        )
    return pin


def _pins(where: Path) -> dict[str, str]:
    """The SHA-256 of each file with samples, labels or conditions."""
    return {file.name: folder.sha256(file) for file in sorted(where.glob("*.npy"))}


def _version(hashes: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _stem(path: Path) -> str:
    """The part of a name that comes from a path."""
    path = path.resolve()
    name = path.name if path.is_dir() else path.stem
    return re.sub(r"[^a-z0-9_.+]+", "-", name.lower()).strip("-._+")[:LONGEST] or "data"


def _parts(path: Path) -> list[Path]:
    """The paths of the training and the test split, or the one path of data that are not split."""
    if not path.is_dir():
        return [path]
    entries = sorted(entry for entry in path.iterdir() if entry.suffix != ".json")
    named = {s: [e for e in entries if (e.name if e.is_dir() else e.stem) == s] for s in SPLITS}
    if not any(named.values()):
        return [path]
    for split, matches in named.items():
        if len(matches) != 1:
            other = "train" if split == "test" else "test"
            there = "none" if not matches else " and ".join(match.name for match in matches)
            raise UserError(f"{path}: the folder holds '{other}', so it needs one '{split}' too; it has {there}")
    return [named[split][0] for split in SPLITS]


def _state(path: Path, parts: list[Path], declared: Declared) -> str:
    """A hash of names, sizes and times. It shows a change of the data without reading them."""
    if not path.exists():
        raise UserError(f"{paths.shown(path)}: there is no such file or folder, and no dataset has this name")
    files = [f for part in parts for f in (sorted(part.rglob("*")) if part.is_dir() else [part])]
    stats = [(str(f), s.st_size, s.st_mtime_ns, s.st_ino) for f in files for s in [f.lstat()]]
    return hashlib.sha256(repr((RECIPE, str(path.resolve()), declared, stats)).encode()).hexdigest()


def _write(stem: str, read: list[SampleSet]) -> str:
    """Write a dataset and return its name."""
    _check(stem, read)

    def fill(new: Path) -> dict[str, Any]:
        hashes = [_row_hashes(part.x) for part in read]
        if len(read) == 1:
            held_out = hashes[0][:, 0] % HELD_OUT == 0
            chosen = {"train": (read[0], hashes[0], ~held_out), "test": (read[0], hashes[0], held_out)}
        else:
            everything = [np.ones(len(part.x), bool) for part in read]
            chosen = dict(zip(SPLITS, zip(read, hashes, everything, strict=True), strict=True))
        for split, (part, row_hashes, mask) in chosen.items():
            if not mask.any():
                raise UserError(f"{stem}: no sample falls into the split '{split}'; give more data, or train and test")
            _write_split(new, split, part, row_hashes, mask)
        return _facts(stem, new, read)

    return keep(stem, fill)


def keep(stem: str, fill: Callable[[Path], dict[str, Any]]) -> str:
    """Keep a dataset, and return its name.

    Args:
        stem: the part of the name before the hash.
        fill: writes the arrays into an empty folder, and returns facts for the card.
    """
    with files.scratch(place(""), "new") as scratch:
        new = scratch / "new"
        new.mkdir()
        facts = fill(new)
        pins = _pins(new)
        name = f"{stem}-{_version(pins)[:12]}"
        card = {"name": name} | facts | {"sha256": pins, "version": _version(pins)}
        (new / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if not place(name).exists():
            files.settle(new)
            new.replace(place(name))
    return name


def _check(stem: str, read: list[SampleSet]) -> None:
    for part in read:
        if not len(part.x):
            raise UserError(f"{part.manifest['name']}: it has no samples to train on")
        if part.y is not None and (part.y.min() < -1 or part.y.max() >= len(part.x)):
            raise UserError(
                f"{part.manifest['name']}: labels go from {part.y.min()} to {part.y.max()} for {len(part.x):,} samples; "
                "number the classes from 0, and write -1 where there is no label"
            )
    if len(read) == 1:
        return
    shapes = [list(part.x.shape[1:]) for part in read]
    if shapes[0] != shapes[1] or read[0].x.dtype != read[1].x.dtype:
        raise UserError(f"{stem}: samples of train have the shape {shapes[0]}, samples of test {shapes[1]}")
    meanings = [_meaning(part) for part in read]
    if meanings[0] != meanings[1]:
        raise UserError(
            f"{stem}: train and test have other labels: {meanings[0] or 'none'}, and {meanings[1] or 'none'}"
        )


def _meaning(part: SampleSet) -> str:
    return str(part.manifest["found"]["labels"])


def _row_hashes(x: Any) -> np.ndarray:
    """The SHA-256 of each sample, as four numbers: uint64 [n, 4]."""
    from ganbench.samples.sets import blocks

    digests = (hashlib.sha256(row.data).digest() for rows in blocks(x) for row in np.ascontiguousarray(x[rows]))
    return np.frombuffer(b"".join(digests), ">u8").reshape(-1, WORDS).astype(np.uint64)


def _write_split(new: Path, split: str, part: SampleSet, hashes: np.ndarray, mask: np.ndarray) -> None:
    """Write the samples of a mask in the order of their hashes and labels; a block at a time, as sets may be large."""
    from ganbench.samples.sets import blocks

    labels = np.full(len(part.x), -1, np.int64) if part.y is None else part.y
    order = np.lexsort((labels, *(hashes[:, word] for word in reversed(range(WORDS)))))
    order = order[mask[order]]
    target = np.full(len(part.x), -1)
    target[order] = np.arange(len(order))
    shape = (len(order), *part.x.shape[1:])
    x = np.lib.format.open_memmap(new / f"{split}.npy", "w+", part.x.dtype, shape)
    for rows in blocks(part.x):
        to = target[rows]
        x[to[to >= 0]] = np.asarray(part.x[rows])[to >= 0]
    x.flush()
    np.save(new / f"{split}_labels.npy", labels[order])


def _facts(stem: str, new: Path, read: list[SampleSet]) -> dict[str, Any]:
    train, test = (folder.read(new, split) for split in SPLITS)
    shared = len({row.tobytes() for row in train.x} & {row.tobytes() for row in test.x}) if len(read) == 2 else 0
    if shared:
        print(f"{stem}: {shared:,} samples of test are exact copies of samples of train", file=sys.stderr)
    size = " x ".join(map(str, train.x.shape[1:]))
    return {
        "about": f"data of your own: {KINDS[train.x.ndim]}, {size}",
        "train": len(train.x),
        "test": len(test.x),
        "shape": list(train.x.shape[1:]),
        "dtype": str(train.x.dtype),
        "classes": int(max(train.y.max(), test.y.max())) + 1,
        "sources": [f"{part.manifest['name']}, {part.manifest['found']['form']}" for part in read],
        "labels": _meaning(read[0]) or "none",
        "class_names": read[0].manifest["found"].get("classes", {}),
        "split": BY_HASH if len(read) == 1 else BY_FOLDER,
        "copies of train in test": shared,
        "licence": "not stated",
    }
