"""The classes of images: from the names of folders, or from the list of a dataset tool. Folders of several sets are refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from ganbench import files
from ganbench.errors import UserError
from ganbench.samples import preflight

LISTING = "dataset.json"
NUMBER = re.compile("(?:(?:class|cls|label|category|digit|y)[-_ ]?)?([0-9]{1,9})", re.IGNORECASE)  # a class by number
PART = re.compile(  # a part of a set
    "(?:batch|chunk|epoch|fold|gpu|iter|node|part|process|rank|run|seed|shard|split|step|sub|subset|worker)s?[-_ ]?[0-9]+",
    re.IGNORECASE,
)
ROLES = {  # names of folders that stand for whole sets
    "train": "train", "training": "train", "test": "test", "testing": "test", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "eval": "val", "heldout": "test", "holdout": "test",
    "real": "real", "reals": "real", "reference": "real", "references": "real", "ref": "real", "original": "real",
    "originals": "real", "gt": "real", "target": "real", "targets": "real",
    "fake": "fake", "fakes": "fake", "generated": "fake", "gen": "fake", "samples": "fake", "synthetic": "fake",
    "reconstruction": "fake", "reconstructions": "fake", "recon": "fake", "output": "fake", "outputs": "fake",
}  # fmt: skip
PLAIN_WORDS = {
    "a", "b", "data", "dataset", "image", "images", "img", "imgs", "jpg", "png", "samples", "set", "split", "x", "y",
}  # fmt: skip


class Labels(NamedTuple):
    """The classes of images."""

    y: np.ndarray | None = None  # int64 [n]; None without classes
    meaning: str = ""  # in words
    names: Mapping[str, str] = {}  # of the classes, by their numbers as text, where a name is not its number
    notes: tuple[str, ...] = ()  # why folders or files were not taken for classes


def require_one_set(where: object, names: Iterable[str]) -> None:
    """Refuse folders that stand for several sets, such as train beside test, or real beside fake.

    Raises:
        UserError: two folders in one folder have such names.
    """
    inside: dict[str, set[str]] = {}
    for name in names:
        *folders, _ = PurePosixPath(name).parts
        for depth, folder in enumerate(folders):
            inside.setdefault("/".join(folders[:depth]), set()).add(folder)
    for folders_here in inside.values():
        roles = {role: folder for folder in sorted(folders_here) if (role := _role(folder))}
        if len(roles) > 1:
            listed = " and ".join(sorted(roles.values()))
            raise UserError(f"{where}: it holds several sets, in the folders {listed}; give one of these folders")


def _role(folder: str) -> str | None:
    """The set that the name of a folder stands for; None for a class or another name.

    >>> _role("train"), _role("trainB"), _role("val2017"), _role("real_images"), _role("bullet train"), _role("testimony")
    ('train', 'train', 'val', 'real', None, None)
    """
    words = [word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", folder)]
    if not words or words[0] not in ROLES or not set(words[1:]) <= PLAIN_WORDS:
        return None
    return ROLES[words[0]]


def classes(names: list[str]) -> Labels:
    """The classes that folders stand for. Each image must be in one of two or more first-level folders.

    If the names of the folders are whole numbers, also after a word such as "class", these are the classes. Other folders
    are numbered in the order of their names, and the names are kept, because classes are compared by name. Folders that only
    cut a set into parts are no classes.
    """
    paths = [PurePosixPath(name).parts for name in names]
    folders = sorted({parts[0] for parts in paths}, key=os.fsencode)
    if len(folders) < 2 or any(len(parts) < 2 for parts in paths):
        return Labels()
    listed = preflight.several(folders, len(folders))
    if _are_parts(folders, paths):
        return Labels(notes=(f"no labels: the folders ({listed}) are parts of the set, and not classes",))
    matches = [NUMBER.fullmatch(folder) for folder in folders]
    numbers = [int(match[1]) for match in matches if match]
    whole = len(set(numbers)) == len(folders)
    number = dict(zip(folders, numbers if whole else range(len(folders)), strict=True))
    folders.sort(key=number.__getitem__)
    y = np.array([number[parts[0]] for parts in paths], np.int64)
    named = [f"{folder} = {number[folder]}" if folder != str(number[folder]) else folder for folder in folders]
    meaning = f"{len(folders):,} class folders, {preflight.several(named, len(named))}"
    return Labels(y, meaning, {} if whole else {str(number[folder]): folder for folder in folders})


def _are_parts(folders: list[str], paths: list[tuple[str, ...]]) -> bool:
    """Whether folders only cut a set into parts: by their names, or because the numbers of the files run on through them.

    The dataset tool of StyleGAN writes 00000/img00000000.png to 00000/img00000999.png, then 00001/img00001000.png.
    """
    if all(PART.fullmatch(folder) for folder in folders):
        return True
    if not all(folder.isdecimal() and len(folder) > 1 for folder in folders) or folders[0][0] != "0":
        return False
    numbers = [re.findall("[0-9]+", PurePosixPath(parts[-1]).stem)[-1:] for parts in paths]
    if not all(numbers):
        return False
    order = sorted((int(number), int(parts[0])) for (number,), parts in zip(numbers, paths, strict=True))
    return all(a < b and first <= second for (a, first), (b, second) in pairwise(order))


def listed_labels(where: object, names: list[str], others: list[str], read: Callable[[str], bytes]) -> Labels | None:
    """The classes that a `dataset.json` lists, as the dataset tool of StyleGAN and EDM writes it; None without this file.

    Args:
        where: the folder or the archive, for messages.
        names: the images.
        others: the other files.
        read: gives the content of a file.

    Raises:
        UserError: the file lists classes, but not of every image.
    """
    listing = min((o for o in others if PurePosixPath(o).name == LISTING), key=len, default=None)
    if listing is None:
        return None
    try:
        content = files.parse(read(listing))
        given = content["labels"]
        labels = dict(given) if given else {}
    except (ValueError, TypeError, KeyError):
        return None  # another file of this name
    if not labels:
        return Labels(notes=(f"no labels: {listing} has none",))
    prefix = listing.removesuffix(LISTING)
    ordered = [labels.get(name.removeprefix(prefix)) for name in names]
    if any(isinstance(label, list) for label in ordered):
        return Labels(notes=(f"no labels: those in {listing} are vectors, and no classes",))
    for name, label in zip(names, ordered, strict=True):
        if not isinstance(label, int) or isinstance(label, bool) or not -1 <= label < 2**63:
            raise UserError(f"{where}: {listing} has no class for {name}, but it has classes for other images")
    return Labels(np.array(ordered, np.int64), listing)
