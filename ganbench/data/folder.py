"""A dataset on disk: `train.npy`, `test.npy`, their labels, `card.json`; and the hash that DVC gives to the folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SPLITS = ("train", "test")


class Split(NamedTuple):
    """Samples and their labels."""

    x: np.ndarray  # uint8 images [n, H, W, C] or video [n, T, H, W, C]; float32 points [n, d] or waves [n, T, C]
    y: np.ndarray  # int64 [n]; -1 = no label; points: the mode's index


class Conditions(NamedTuple):
    """What a generator makes samples from: pictures to translate, vectors of captions."""

    of: (
        np.ndarray | Callable[[np.ndarray], np.ndarray]
    )  # [m, ...] in the form of samples, or what makes them of samples
    paired: bool = True  # whether condition i belongs to sample i // k, with k = m / n; else the two are drawn apart


class Language(NamedTuple):
    """How captions, conditions and the attributes of pictures belong together. A meaning is an attribute or -1: not stated."""

    names: tuple[str, ...]  # of the A attributes
    encode: Callable[[Sequence[str]], np.ndarray]  # captions to conditions float32 [n, E]; may raise a `UserError`
    meaning: Callable[[str], np.ndarray]  # of a caption: int64 [A]; may raise a `UserError`
    attributes: Callable[[np.ndarray], np.ndarray]  # of pictures uint8 [n, H, W, C]: int64 [n, A]
    held_out: Callable[[np.ndarray], np.ndarray]  # whether meanings [n, A] have a combination that training never shows
    extractor: str  # of pictures, into the space of `vectors`
    vectors: Callable[[Sequence[str]], np.ndarray]  # of captions, float32 [n, d]


class Built(NamedTuple):
    """A dataset in memory, and what its card says beyond sizes and hashes."""

    train: Split
    test: Split
    card: dict[str, Any]
    conditions: tuple[Conditions, Conditions] | None = None  # of the training and of the held-out samples, as arrays
    further: Mapping[
        str, tuple[np.ndarray, np.ndarray]
    ] = {}  # other arrays of both splits, by name: `captions`, `attributes`


class Facts(NamedTuple):
    """The facts that a board must know about a dataset before the dataset is built."""

    shape: tuple[int, ...]  # of a sample: (H, W, C) for images, (T, C) for waves, (d,) for points
    train: int  # samples
    test: int  # held-out samples
    classes: int = 0  # 0: no labels
    mixture: bool = False  # whether the true modes are known
    condition: tuple[int, ...] = ()  # shape of one condition; (): there are none
    rate: int = 0  # of waves: steps a second; 0: it is not known

    @property
    def is_image(self) -> bool:
        """Whether the samples are images."""
        return len(self.shape) == 3

    @property
    def is_wave(self) -> bool:
        """Whether the samples are waves."""
        return len(self.shape) == 2

    @classmethod
    def of_card(cls, card: dict[str, Any]) -> Facts:
        """The facts as the card of a dataset says them."""
        sizes = card["train"], card["test"], card.get("classes", 0)
        return cls(
            tuple(card["shape"]), *sizes, "mixture" in card, tuple(card.get("condition", ())), card.get("rate", 0)
        )


class Dataset(NamedTuple):
    """How a dataset is declared in its family's file."""

    about: str  # what it shows, in one line
    build: Callable[[Path], Built]  # given the folder of all datasets
    made_of: tuple[str, ...] = ()  # the datasets that it is built from; `dvc.yaml` names them too
    facts: Facts | None = None  # None: the dataset is built before a board is checked
    condition: Callable[[np.ndarray], np.ndarray] | None = None  # makes a condition of each sample, see `Conditions`
    language: Language | None = None  # of a dataset with captions
    pin: str | None = (
        None  # the hash of a plug-in's dataset, as `ganbench data build` prints it; `dvc.lock` has the others
    )


def write(folder: Path, name: str, about: str, built: Built) -> None:
    """Write a dataset into an empty folder; equal arrays and cards give equal bytes."""
    for split, (x, y) in (("train", built.train), ("test", built.test)):
        np.save(folder / f"{split}.npy", np.ascontiguousarray(x))
        np.save(folder / f"{split}_labels.npy", np.ascontiguousarray(y, dtype=np.int64))
    for split, conditions in zip(("train", "test"), built.conditions or (), strict=False):
        np.save(folder / file_of_conditions(split, conditions.paired), np.ascontiguousarray(conditions.of))
    for kind, arrays in built.further.items():
        for split, array in zip(("train", "test"), arrays, strict=True):
            np.save(folder / f"{split}_{kind}.npy", np.ascontiguousarray(array))
    facts = {
        "name": name,
        "about": about,
        "train": len(built.train.x),
        "test": len(built.test.x),
        "shape": list(built.train.x.shape[1:]),
        "dtype": str(built.train.x.dtype),
        "sha256": {p.name: _hash(p, "sha256") for p in sorted(folder.iterdir())},
    }
    text = json.dumps(facts | built.card, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def read(folder: Path, split: str) -> Split:
    """Open one split of a dataset; the samples are memory-mapped, read-only."""
    return Split(np.load(folder / f"{split}.npy", mmap_mode="r"), np.load(folder / f"{split}_labels.npy"))


def read_conditions(folder: Path, split: str) -> Conditions | None:
    """Open the conditions of one split of a dataset, memory-mapped and read-only; None if there are none."""
    for paired in (True, False):
        path = folder / file_of_conditions(split, paired)
        if path.is_file():
            return Conditions(np.load(path, mmap_mode="r"), paired)
    return None


def read_captions(folder: Path, split: str) -> list[str]:
    """The captions of one split of a dataset, in the order of its conditions; empty if there are none."""
    path = folder / f"{split}_captions.npy"
    return [caption.decode() for caption in np.load(path).tolist()] if path.is_file() else []


def file_of_conditions(split: str, paired: bool) -> str:
    """The name of the file that holds the conditions of a split."""
    return f"{split}_{'paired' if paired else 'unpaired'}.npy"


def digest(folder: Path) -> str | None:
    """DVC's hash of a folder: the MD5 of the list of its files' MD5s, and `.dir`; `None` when there is no folder.

    A file that has not changed since this process last read it is not read again.
    """
    if not folder.is_dir():
        return None
    files = sorted((p.relative_to(folder).as_posix(), p) for p in folder.rglob("*") if p.is_file())
    try:
        listing = json.dumps([{"md5": _md5(p, *_state(p)), "relpath": name} for name, p in files])
    except FileNotFoundError:  # another process is replacing the folder
        return None
    return hashlib.md5(listing.encode()).hexdigest() + ".dir"


def _state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def sha256(path: Path) -> str:
    """The SHA-256 of a file. A file that has not changed since this process last read it is not read again."""
    return _sha256(path, *_state(path))


@lru_cache(maxsize=256)
def _sha256(path: Path, *state: int) -> str:
    return _hash(path, "sha256")


@lru_cache(maxsize=256)
def _md5(path: Path, *state: int) -> str:
    return _hash(path, "md5")


def _hash(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
